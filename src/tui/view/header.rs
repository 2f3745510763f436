//! The first lines: what runs, where it stands, how long it has taken.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{fit, lines, span, width};
use crate::tui::model::{Model, Screen};
use crate::tui::theme::Role;
use crate::units;

/// Rows it needs.
pub(super) fn rows(model: &Model) -> u16 {
    match model.screen {
        Screen::Run(_) => 2,
        _ => 1,
    }
}

/// Milliseconds of the run so far.
pub(super) fn elapsed(model: &Model) -> Duration {
    let Some(started) = model.state.started else {
        return Duration::ZERO;
    };
    let until = model.state.end.as_ref().map_or(model.now, |end| end.at);
    Duration::from_millis(u64::try_from(until - started).unwrap_or(0))
}

fn situation(model: &Model) -> &'static str {
    use crate::event::RunOutcome;
    let state = &model.state;
    if !model.connected {
        "NOT CONNECTED"
    } else if let Some(end) = &state.end {
        match end.outcome {
            RunOutcome::Succeeded => "SUCCEEDED",
            RunOutcome::Failed => "FAILED",
            RunOutcome::Cancelled => "CANCELLED",
        }
    } else if state.cancelling.is_some() {
        "CANCELLING"
    } else if state.question.is_some() {
        "WAITING FOR YOU"
    } else if state.paused {
        "PAUSED"
    } else {
        "running"
    }
}

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let columns = usize::from(area.width);
    if !matches!(model.screen, Screen::Run(_)) {
        let version = concat!("wimforge ", env!("CARGO_PKG_VERSION"));
        let title = format!("{version}   build and capture Windows reference images");
        let text = fit(look, &title, columns);
        lines(frame, area, vec![Line::from(span(look, Role::Title, text))]);
        return;
    }
    let state = &model.state;
    let (n, m) = state.position();
    let right = format!(
        " {}  step {n} of {m}  {}",
        situation(model),
        units::duration(elapsed(model))
    );
    let room = columns.saturating_sub(width(&right));
    let name = fit(look, &state.plan.name, room);
    let pad = " ".repeat(room.saturating_sub(width(&name)));
    let first = Line::from(vec![
        span(look, Role::Title, name),
        span(look, Role::Text, pad),
        span(look, Role::Title, right),
    ]);
    let second = state.current.map_or_else(String::new, |id| {
        let group = state
            .plan
            .nodes
            .get(id.index())
            .and_then(|node| node.parent)
            .map(|parent| format!("{}: ", state.title(parent)))
            .unwrap_or_default();
        let attempt = state.node(id).map_or(0, |node| node.attempt);
        let again = if attempt > 1 {
            format!(" (attempt {attempt})")
        } else {
            String::new()
        };
        let step = format!("{}{again}", state.title(id));
        // The step matters more than its group where there is no room for both.
        if width(&group) + width(&step) > columns {
            step
        } else {
            format!("{group}{step}")
        }
    });
    let second = Line::from(span(look, Role::Active, fit(look, &second, columns)));
    lines(frame, area, vec![first, second]);
}
