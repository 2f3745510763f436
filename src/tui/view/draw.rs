//! The whole screen.

use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::{Frame, Terminal};

use super::{footer, form, header, help, picker, run, text};
use crate::run_state::RunState;
use crate::tui::model::{Model, RunView, Screen};
use crate::tui::theme::Role;

/// The run screen as plain text, drawn on `columns` by `rows` in Unicode signs: for documentation and for tests.
pub fn render_text(state: &RunState, columns: u16, rows: u16) -> String {
    let model = Model {
        state: state.clone(),
        screen: Screen::Run(RunView::default()),
        connected: true,
        size: (columns, rows),
        now: state.now,
        ..Model::default()
    };
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
    let Ok(drawn) = terminal.draw(|frame| draw(&model, frame));
    let mut text = String::new();
    for row in 0..rows {
        let mut line = String::new();
        let mut column = 0;
        while column < columns {
            let symbol = drawn.buffer.cell((column, row)).map_or(" ", Cell::symbol);
            line.push_str(symbol);
            // A wide sign covers the cell behind it.
            column = column.saturating_add(u16::try_from(text::width(symbol).max(1)).unwrap_or(1));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Draws a model.
pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width == 0 || area.height == 0 {
        return;
    }
    let look = &model.look;
    text::clear(frame, look, area);
    if area.width < 20 || area.height < 6 {
        text::line(frame, look, area, Role::Text, "wimforge: enlarge");
        return;
    }
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Length(header::rows(model)),
        Constraint::Min(1),
        Constraint::Length(2),
    ])
    .areas::<3>(area);
    header::draw(model, frame, top);
    match &model.screen {
        Screen::Connecting => {
            let waiting = "Connecting to the engine ...";
            text::line(frame, look, middle, Role::Text, waiting);
        }
        Screen::Picker(view) => picker::draw(model, view, frame, middle),
        Screen::Mistakes(view) => picker::draw_mistakes(model, view, frame, middle),
        Screen::Form(view) => form::draw(model, view, frame, middle),
        Screen::Run(view) => run::draw(model, view, frame, middle),
    }
    footer::draw(model, frame, bottom);
    if model.help {
        let most = Rect {
            height: area.height.saturating_sub(1),
            ..area
        };
        help::draw(model, frame, most);
    }
}
