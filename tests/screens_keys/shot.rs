//! Screens as text: what stands there, and a layer of styles below it.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use wimforge::tui::glyphs;
use wimforge::tui::model::{Look, Model};
use wimforge::tui::theme::Theme;
use wimforge::tui::view::{draw_text, render};

/// The looks under which every screen is kept: a colour terminal, and a serial line.
pub fn looks() -> [(&'static str, Look); 2] {
    let theme = |name| Theme::load(name).unwrap_or_else(|error| panic!("{error}"));
    [
        (
            "unicode",
            Look {
                theme: theme("default"),
                glyphs: glyphs::UNICODE,
            },
        ),
        (
            "ascii",
            Look {
                theme: theme("monochrome"),
                glyphs: glyphs::ASCII,
            },
        ),
    ]
}

/// Where and how screens are kept.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// Compares the screen in both sizes and looks with what was kept.
pub fn keep(name: &str, model: &Model) {
    settings().bind(|| {
        for (look_name, look) in looks() {
            for size in [(80, 24), (120, 40)] {
                keep_one(name, look_name, &look, size, model);
            }
        }
    });
}

/// Compares the screen in three sizes with what was kept; the two usual ones on a colour terminal, the smallest on a serial
/// line, too.
pub fn keep_small(name: &str, model: &Model) {
    let [(unicode, colours), (ascii, serial)] = looks();
    settings().bind(|| {
        for size in [(80, 24), (120, 40), (40, 12)] {
            keep_one(name, unicode, &colours, size, model);
        }
        keep_one(name, ascii, &serial, (40, 12), model);
    });
}

fn keep_one(name: &str, look_name: &str, look: &Look, (width, height): (u16, u16), model: &Model) {
    let mut model = model.clone();
    model.look = *look;
    model.size = (width, height);
    let shot = both_layers(&model, width, height);
    insta::assert_snapshot!(format!("{name}_{width}x{height}_{look_name}"), shot);
}

fn both_layers(model: &Model, width: u16, height: u16) -> String {
    let edge = "=".repeat(usize::from(width));
    let text = draw_text(model, width, height);
    let styles = styles(&render(model, width, height));
    format!("{edge}\n{text}{edge}\n{styles}")
}

fn style(cell: &Cell) -> String {
    let mut out = String::new();
    for (sign, colour) in [("", cell.fg), ("on ", cell.bg)] {
        if colour != Color::Reset {
            let _ = write!(out, "{sign}{colour} ");
        }
    }
    for (sign, modifier) in [
        ("bold ", Modifier::BOLD),
        ("underlined ", Modifier::UNDERLINED),
        ("reversed ", Modifier::REVERSED),
    ] {
        if cell.modifier.contains(modifier) {
            out.push_str(sign);
        }
    }
    out.trim_end().to_owned()
}

/// One line for each run of equal rows: `row: column+length style, ...`; plain cells are left out.
fn styles(buffer: &Buffer) -> String {
    let rows: Vec<String> = (0..buffer.area.height)
        .map(|y| row_styles(buffer, y))
        .collect();
    let mut out = String::new();
    let mut from = 0;
    for chunk in rows.chunk_by(|a, b| a == b) {
        let to = from + chunk.len() - 1;
        if let Some(text) = chunk.first().filter(|text| !text.is_empty()) {
            let _ = if from == to {
                writeln!(out, "{from}: {text}")
            } else {
                writeln!(out, "{from}-{to}: {text}")
            };
        }
        from = to + 1;
    }
    out
}

fn row_styles(buffer: &Buffer, y: u16) -> String {
    let cells: Vec<String> = (0..buffer.area.width)
        .map(|x| style(&buffer[(x, y)]))
        .collect();
    let mut at = 0;
    let mut parts = Vec::new();
    for run in cells.chunk_by(|a, b| a == b) {
        if let Some(style) = run.first().filter(|style| !style.is_empty()) {
            parts.push(format!("{at}+{} {style}", run.len()));
        }
        at += run.len();
    }
    parts.join(", ")
}
