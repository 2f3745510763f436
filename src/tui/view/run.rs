//! The run screen: gauges above, panels below; on a small screen one panel at a time.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::{form, gauges, log, question, steps, summary, text, variables};
use crate::tui::model::{Model, Over, Pane, RunView};
use crate::tui::theme::Role;

pub(super) fn draw(model: &Model, view: &RunView, frame: &mut Frame<'_>, area: Rect) {
    if model.state.end.is_some()
        && matches!(view.over, Over::Nothing)
        && view.pane == Pane::Steps
        && view.step.is_none()
    {
        summary::draw(model, frame, area);
        return;
    }
    let shown_question = model.state.question.as_ref().filter(|_| {
        !matches!(
            view.over,
            Over::Aside(_) | Over::Typing | Over::Cancel | Over::Form(_)
        )
    });
    if let Some(open) = shown_question {
        question::draw(model, view, open, frame, area);
    } else {
        panels(model, view, frame, area);
    }
    match &view.over {
        Over::Cancel => draw_cancel(model, frame, area),
        Over::Form(open) => {
            let rows = u16::try_from(open.fields.len() * 2 + 4).unwrap_or(u16::MAX);
            let over = text::centred(area, 70, rows.max(6));
            text::clear(frame, &model.look, over);
            form::draw(model, open, frame, over);
        }
        _ => {}
    }
}

fn panels(model: &Model, view: &RunView, frame: &mut Frame<'_>, area: Rect) {
    let small = area.width < 60 || area.height < 14;
    let gauge_rows = if area.height < 8 { 1 } else { gauges::ROWS };
    let [top, rest] =
        Layout::vertical([Constraint::Length(gauge_rows), Constraint::Min(1)]).areas::<2>(area);
    gauges::draw(model, frame, top);
    if small {
        match view.pane {
            Pane::Steps => steps::draw(model, view, frame, rest),
            Pane::Variables => variables::draw(model, view, frame, rest),
            Pane::Log => log::draw(model, view, frame, rest),
        }
        return;
    }
    let [upper, lower] =
        Layout::vertical([Constraint::Percentage(58), Constraint::Percentage(42)]).areas::<2>(rest);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(55), Constraint::Percentage(45)])
            .areas::<2>(upper);
    steps::draw(model, view, frame, left);
    variables::draw(model, view, frame, right);
    log::draw(model, view, frame, lower);
}

fn draw_cancel(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let over = text::centred(area, 56, 5);
    text::clear(frame, look, over);
    let inside = text::panel(frame, look, over, "Cancel the run?", true);
    let lines = match &model.state.cancelling {
        Some(what) => [
            format!("Cancelling; waiting for {what}."),
            "y kill what runs   d detach   any other key: wait".to_owned(),
        ],
        None => [
            "The current step is ended in order, then the run.".to_owned(),
            "y cancel   d detach (the run goes on)   other: back".to_owned(),
        ],
    };
    for (at, line) in lines.iter().enumerate() {
        let row = Rect {
            y: inside.y + u16::try_from(at).unwrap_or(0),
            height: inside
                .height
                .saturating_sub(u16::try_from(at).unwrap_or(0))
                .min(1),
            ..inside
        };
        text::line(frame, look, row, Role::Text, line);
    }
}
