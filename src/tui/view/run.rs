//! The run screen: gauges above, panels below; on a small screen one panel at a time.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::{
    closer, form, gauges, header, log, preflight, question, steps, summary, text, variables,
};
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
    let shown_question = model
        .state
        .question
        .as_ref()
        .filter(|_| view.shows_question());
    if let Some(open) = shown_question {
        question::draw(model, view, open, frame, area);
    } else {
        panels(model, view, frame, area);
    }
    match &view.over {
        Over::Cancel => draw_cancel(model, frame, area),
        Over::Findings(_) => {
            text::clear(frame, &model.look, area);
            preflight::draw(model, view, None, frame, area);
        }
        Over::Form(open) => {
            let over = text::centred(area, 70, form::rows(open, model, area.width.min(70)));
            text::clear(frame, &model.look, over);
            form::draw(model, open, frame, over);
        }
        _ => closer::draw(model, view, frame, area),
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
    // The log needs the room when it is read.
    let log_share = if view.pane == Pane::Log { 65 } else { 42 };
    let [upper, lower] = Layout::vertical([
        Constraint::Percentage(100 - log_share),
        Constraint::Percentage(log_share),
    ])
    .areas::<2>(rest);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(55), Constraint::Percentage(45)])
            .areas::<2>(upper);
    steps::draw(model, view, frame, left);
    variables::draw(model, view, frame, right);
    log::draw(model, view, frame, lower);
}

fn draw_cancel(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let over = text::centred(area, 60, 6);
    text::clear(frame, look, over);
    let inside = text::panel(frame, look, over, "Cancel the run?", true);
    let (what, keys) = match &model.state.cancelling {
        Some(cancelling) => (
            format!(
                "The run is being cancelled and waits for {}. It is {}. Killing may leave a volume or image half written.",
                cancelling.waiting_for,
                header::deadline(model, cancelling)
            ),
            "y kill what runs   d detach   any other key: wait",
        ),
        None => (
            "The current step is ended in order, then the run.".to_owned(),
            "y cancel   d detach, the run goes on   any other: back",
        ),
    };
    let columns = usize::from(inside.width);
    let mut all: Vec<_> = text::pieces(
        look,
        &what,
        columns,
        usize::from(inside.height.saturating_sub(1)).max(1),
    )
    .into_iter()
    .map(|part| Line::from(text::span(look, Role::Text, part)))
    .collect();
    all.resize(
        usize::from(inside.height.saturating_sub(1)).min(3),
        Line::default(),
    );
    all.push(Line::from(text::span(
        look,
        Role::Title,
        text::fit(look, keys, columns),
    )));
    text::lines(frame, inside, all);
}
