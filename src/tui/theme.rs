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
        let text = std::fs::read_to_string(&path).map_err(|source| ThemeError::Io {
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
