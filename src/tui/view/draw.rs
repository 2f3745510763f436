//! The whole screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::{closer, footer, form, header, help, offer, picker, preflight, question, run, text};
use crate::event::QuestionKind;
use crate::tui::model::{Model, Offer, Over, RunView, Screen};
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
    let [top, middle, bottom] = split(area, header::rows(model), footer::rows(model, area));
    header::draw(model, frame, top);
    match &model.screen {
        Screen::Connecting => {
            let waiting = "Connecting to the engine ...";
            text::line(frame, look, middle, Role::Text, waiting);
        }
        Screen::Picker(view) => picker::draw(model, view, frame, middle),
        Screen::Mistakes(view) => picker::draw_mistakes(model, view, frame, middle),
        Screen::Form(view) => form::draw(model, view, frame, middle),
        Screen::Offer(view) => offer::draw(model, view, frame, middle),
        Screen::Run(view) => run::draw(model, view, frame, middle),
    }
    footer::draw(model, frame, bottom);
    if model.help {
        help::draw(model, frame, area);
    }
}

fn split(area: Rect, header: u16, footer: u16) -> [Rect; 3] {
    Layout::vertical([
        Constraint::Length(header),
        Constraint::Min(1),
        Constraint::Length(footer),
    ])
    .areas::<3>(area)
}

/// The farthest that what is open on the run screen can be scrolled to, in lines: so that a key at the end changes nothing
/// and the next one back is felt at once.
pub fn last_top(model: &Model, view: &RunView) -> usize {
    let whole = screen(model);
    let [_, area, _] = split(whole, header::RUN_ROWS, footer::rows(model, whole));
    match (&view.over, &model.state.question) {
        (Over::Preflight { .. } | Over::Findings(_), _) => preflight::last_top(model, area),
        (Over::Nothing | Over::Word(..), Some(question)) => match question.kind {
            QuestionKind::Preflight { .. } => preflight::last_top(model, area),
            _ => question::last_top(model, question, area),
        },
        _ => closer::last_top(model, view, area),
    }
}

/// Rows of the open question that are in sight at once, beside that of its word.
pub fn page_of_question(model: &Model) -> usize {
    let whole = screen(model);
    let [_, area, _] = split(whole, header::RUN_ROWS, footer::rows(model, whole));
    usize::from(area.height.saturating_sub(3)).max(1)
}

/// The farthest that the help can be scrolled to.
pub fn last_top_of_help(model: &Model) -> usize {
    help::last_top(&model.look, screen(model))
}

/// The farthest that the log of an offered run can be scrolled to.
pub fn last_top_of_offer(model: &Model, offer: &Offer) -> usize {
    let whole = screen(model);
    let [_, area, _] = split(whole, header::rows(model), footer::rows(model, whole));
    offer::last_top(model, offer, area)
}

fn screen(model: &Model) -> Rect {
    let (width, height) = match model.size {
        (0, _) | (_, 0) => (80, 24),
        size => size,
    };
    Rect::new(0, 0, width, height)
}
