//! The whole screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::{footer, form, header, help, picker, run, text};
use crate::tui::model::{Model, Screen};
use crate::tui::theme::Role;

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
