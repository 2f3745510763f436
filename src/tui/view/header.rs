//! The first lines: what runs, where it stands, how long it has taken.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{fit, lines, span, width};
use crate::run_state::Status;
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
    Duration::from_millis(u64::try_from(until.saturating_sub(started)).unwrap_or(0))
}

/// Whether a step is at work.
fn runs(model: &Model) -> bool {
    let current = model.state.current.and_then(|id| model.state.node(id));
    current.is_some_and(|node| node.status == Status::Running)
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
    } else if state.paused && runs(model) {
        "PAUSING AFTER THIS STEP"
    } else if state.paused {
        "PAUSED"
    } else {
        "running"
    }
}

/// What must be known of others: a recording, a rehearsal, who else is here, who holds the pen.
fn company(model: &Model) -> String {
    if let Some(replay) = &model.replay {
        let state = if replay.playing {
            "REPLAY"
        } else {
            "REPLAY, stopped"
        };
        let (at, length) = (replay.at.max(0) / 1000, replay.length.max(0) / 1000);
        return format!(
            "{state} x{}.{:02} {at} of {length} s  ",
            replay.speed / 100,
            replay.speed % 100
        );
    }
    let mut text = String::new();
    if model.state.rehearsal {
        text.push_str("REHEARSAL  ");
    }
    let people = &model.state.people;
    let others = people.attached.len().saturating_sub(1);
    if others > 0 {
        text.push_str(&format!("{} here, ", others + 1));
        text.push_str(match people.holder() {
            Some(holder) if holder.who.client == model.client => "you hold the pen  ",
            Some(_) => "you look on  ",
            None => "the pen is free  ",
        });
    }
    text
}

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let columns = usize::from(area.width);
    if !matches!(model.screen, Screen::Run(_)) {
        let version = concat!("wimforge ", env!("CARGO_PKG_VERSION"));
        let title = format!("{version}   build and capture Windows reference images");
        let lost = if model.connected || matches!(model.screen, Screen::Connecting) {
            ""
        } else {
            "NOT CONNECTED  "
        };
        let text = fit(look, &format!("{lost}{title}"), columns);
        lines(frame, area, vec![Line::from(span(look, Role::Title, text))]);
        return;
    }
    let state = &model.state;
    let (n, m) = state.position();
    // At the end it would count steps that never ran.
    let place = if state.end.is_some() {
        String::new()
    } else {
        format!("  step {n} of {m}")
    };
    let right = format!(
        " {}{}{place}  {}",
        company(model),
        situation(model),
        units::duration(elapsed(model))
    );
    let right = fit(look, &right, columns);
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
