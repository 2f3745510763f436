//! Colours by role. Themes are RON files; three are built in, any file can be named. No colour is written anywhere else, and no
//! colour is ever the only sign of anything.

use std::path::PathBuf;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use thiserror::Error;

/// What a piece of the screen is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Plain text.
    Text,
    /// Less important text.
    Dim,
    /// Headings and the title line.
    Title,
    /// Frames.
    Border,
    /// Frame of the panel that has the keys.
    Focus,
    /// The chosen row.
    Selected,
    /// Success.
    Good,
    /// Warning.
    Warning,
    /// Failure.
    Bad,
    /// Something goes on.
    Active,
    /// The filled part of a bar.
    Bar,
    /// Keys in the footer.
    Key,
}

/// A style as written in a theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Look {
    fg: Option<Color>,
    bg: Option<Color>,
    bold: bool,
    underlined: bool,
    reversed: bool,
}

/// Styles by role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    text: Look,
    dim: Look,
    title: Look,
    border: Look,
    focus: Look,
    selected: Look,
    good: Look,
    warning: Look,
    bad: Look,
    active: Look,
    bar: Look,
    key: Look,
}

/// Why a theme cannot be used.
#[derive(Debug, Error)]
pub enum ThemeError {
    /// Not built in and no file.
    #[error("there is no theme `{0}`: use default, high-contrast, monochrome, or a .ron file")]
    Unknown(String),
    /// The file cannot be read.
    #[error("reading the theme {path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The file has a mistake.
    #[error("{name}:{error}")]
    Mistake {
        /// The file or theme.
        name: String,
        /// Place and mistake.
        error: Box<ron::error::SpannedError>,
    },
}

const BUILT_IN: [(&str, &str); 3] = [
    ("default", include_str!("../../themes/default.ron")),
    (
        "high-contrast",
        include_str!("../../themes/high-contrast.ron"),
    ),
    ("monochrome", include_str!("../../themes/monochrome.ron")),
];

impl Theme {
    /// A built-in theme or a file.
    ///
    /// # Errors
    /// See [`ThemeError`].
    pub fn load(name: &str) -> Result<Self, ThemeError> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text);
        }
        let path = PathBuf::from(name);
        if path.extension().is_none_or(|ending| ending != "ron") {
            return Err(ThemeError::Unknown(name.to_owned()));
        }
        let text = crate::regular::read_to_string(&path).map_err(|source| ThemeError::Io {
            path: path.clone(),
            source,
        })?;
        Self::parse(name, &text)
    }

    fn parse(name: &str, text: &str) -> Result<Self, ThemeError> {
        ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
            .from_str(text)
            .map_err(|error| ThemeError::Mistake {
                name: name.to_owned(),
                error: Box::new(error),
            })
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        let look = match role {
            Role::Text => self.text,
            Role::Dim => self.dim,
            Role::Title => self.title,
            Role::Border => self.border,
            Role::Focus => self.focus,
            Role::Selected => self.selected,
            Role::Good => self.good,
            Role::Warning => self.warning,
            Role::Bad => self.bad,
            Role::Active => self.active,
            Role::Bar => self.bar,
            Role::Key => self.key,
        };
        let mut style = Style {
            fg: look.fg,
            bg: look.bg,
            ..Style::default()
        };
        for (on, modifier) in [
            (look.bold, Modifier::BOLD),
            (look.underlined, Modifier::UNDERLINED),
            (look.reversed, Modifier::REVERSED),
        ] {
            if on {
                style = style.add_modifier(modifier);
            }
        }
        style
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_theme_loads_and_monochrome_has_no_colour() {
        for (name, _) in BUILT_IN {
            assert!(Theme::load(name).is_ok(), "{name}");
        }
        let mono = Theme::load("monochrome").unwrap();
        for role in [
            Role::Text,
            Role::Bad,
            Role::Good,
            Role::Selected,
            Role::Bar,
            Role::Key,
        ] {
            let style = mono.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
    }

    /// The sixteen colours as the Linux console, xterm, GNOME, Windows and macOS show them.
    const PALETTES: [[u32; 16]; 5] = [
        [
            0x00_0000, 0xAA_0000, 0x00_AA00, 0xAA_5500, 0x00_00AA, 0xAA_00AA, 0x00_AAAA, 0xAA_AAAA,
            0x55_5555, 0xFF_5555, 0x55_FF55, 0xFF_FF55, 0x55_55FF, 0xFF_55FF, 0x55_FFFF, 0xFF_FFFF,
        ],
        [
            0x00_0000, 0xCD_0000, 0x00_CD00, 0xCD_CD00, 0x00_00EE, 0xCD_00CD, 0x00_CDCD, 0xE5_E5E5,
            0x7F_7F7F, 0xFF_0000, 0x00_FF00, 0xFF_FF00, 0x5C_5CFF, 0xFF_00FF, 0x00_FFFF, 0xFF_FFFF,
        ],
        [
            0x00_0000, 0xCC_0000, 0x4E_9A06, 0xC4_A000, 0x34_65A4, 0x75_507B, 0x06_989A, 0xD3_D7CF,
            0x55_5753, 0xEF_2929, 0x8A_E234, 0xFC_E94F, 0x72_9FCF, 0xAD_7FA8, 0x34_E2E2, 0xEE_EEEC,
        ],
        [
            0x0C_0C0C, 0xC5_0F1F, 0x13_A10E, 0xC1_9C00, 0x00_37DA, 0x88_1798, 0x3A_96DD, 0xCC_CCCC,
            0x76_7676, 0xE7_4856, 0x16_C60C, 0xF9_F1A5, 0x3B_78FF, 0xB4_009E, 0x61_D6D6, 0xF2_F2F2,
        ],
        [
            0x00_0000, 0x99_0000, 0x00_A600, 0x99_9900, 0x00_00B2, 0xB2_00B2, 0x00_A6B2, 0xBF_BFBF,
            0x66_6666, 0xE5_0000, 0x00_D900, 0xE5_E500, 0x00_00FF, 0xE5_00E5, 0x00_E5E5, 0xE5_E5E5,
        ],
    ];

    fn number(colour: Color) -> usize {
        use Color as C;
        let all = [
            C::Black,
            C::Red,
            C::Green,
            C::Yellow,
            C::Blue,
            C::Magenta,
            C::Cyan,
            C::Gray,
            C::DarkGray,
            C::LightRed,
            C::LightGreen,
            C::LightYellow,
            C::LightBlue,
            C::LightMagenta,
            C::LightCyan,
            C::White,
        ];
        all.iter().position(|c| *c == colour).unwrap()
    }

    /// As WCAG 2 reckons it: 1 is nothing, 21 is black on white.
    fn contrast(one: u32, other: u32) -> f64 {
        let light = |colour: u32| {
            let part = |shift: u32| {
                let value = f64::from((colour >> shift) & 0xFF) / 255.0;
                if value <= 0.040_45 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0) + 0.05
        };
        let (one, other) = (light(one), light(other));
        one.max(other) / one.min(other)
    }

    #[test]
    fn what_is_read_is_legible_on_dark_and_on_light_backgrounds() {
        for (name, _) in BUILT_IN {
            let theme = Theme::load(name).unwrap();
            for (role, least) in [
                (Role::Text, 4.5),
                (Role::Title, 4.5),
                (Role::Selected, 4.5),
                (Role::Good, 4.5),
                (Role::Warning, 4.5),
                (Role::Bad, 4.5),
                (Role::Active, 4.5),
                (Role::Key, 4.5),
                // Less important by its name; no dark grey does better on all of these.
                (Role::Dim, 2.7),
            ] {
                let style = theme.style(role);
                for (palette, (text, paper)) in PALETTES
                    .iter()
                    .flat_map(|palette| [(palette, (0xFF_FFFF, 0)), (palette, (0, 0xFF_FFFF))])
                {
                    let of =
                        |colour: Option<Color>, own| colour.map_or(own, |c| palette[number(c)]);
                    let found = contrast(of(style.fg, text), of(style.bg, paper));
                    assert!(
                        found >= least,
                        "{name}: {role:?} on {paper:06x}: {found:.1} in {palette:06x?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_mistake_names_its_place_and_an_unknown_theme_the_known_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.ron");
        std::fs::write(&path, "(text: (fgg: \"Red\"))").unwrap();
        let error = Theme::load(path.to_str().unwrap()).unwrap_err().to_string();
        assert!(
            error.contains("x.ron:1:") && error.contains("fgg"),
            "{error}"
        );
        assert!(
            Theme::load("pink")
                .unwrap_err()
                .to_string()
                .contains("monochrome")
        );
    }
}
