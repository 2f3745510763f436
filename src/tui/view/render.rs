//! A model drawn without a terminal: for documents and tests.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::draw;
use super::text::width as columns_of;
use crate::run_state::RunState;
use crate::tui::model::{Model, Screen};

/// The cells of a screen of `width` columns and `height` rows.
pub fn render(model: &Model, width: u16, height: u16) -> Buffer {
    // This backend cannot fail: its error has no value.
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(_) = terminal.draw(|frame| draw(model, frame));
    terminal.backend().buffer().clone()
}

/// The run screen as plain text, in Unicode signs: for documentation and for tests.
pub fn render_text(state: &RunState, columns: u16, rows: u16) -> String {
    let model = Model {
        state: state.clone(),
        screen: Screen::Run(Box::default()),
        connected: true,
        size: (columns, rows),
        now: state.now,
        ..Model::default()
    };
    draw_text(&model, columns, rows)
}

/// The text of a screen of `width` columns and `height` rows: one line a row, blanks at its end cut off.
pub fn draw_text(model: &Model, width: u16, height: u16) -> String {
    let buffer = render(model, width, height);
    let Rect { width, height, .. } = buffer.area;
    let mut out = String::new();
    for y in 0..height {
        let mut row = String::new();
        let mut covered = 0;
        for x in 0..width {
            // A wide character covers the cells to its right.
            if covered > 0 {
                covered -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            covered = columns_of(symbol).saturating_sub(1);
            row.push_str(symbol);
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}
