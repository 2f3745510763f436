//! The first lines: what runs, where it stands, how long it has taken.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{fit, lines, span, width};
use crate::event::{NodeId, NodeKind, Outcome};
use crate::run_state::{Cancelling, RunState, Status};
use crate::tui::model::{Model, Screen};
use crate::tui::theme::Role;
use crate::units;

/// Rows above a run.
pub(super) const RUN_ROWS: u16 = 2;

/// Rows it needs.
pub(super) fn rows(model: &Model) -> u16 {
    match model.screen {
        Screen::Run(_) => RUN_ROWS,
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
    let state = &model.state;
    if !model.connected {
        "NOT CONNECTED"
    } else if let Some(end) = &state.end {
        end.outcome.word()
    } else if state.cancelling.is_some() {
        "CANCELLING"
    } else if state.question.is_some() && model.replay.is_some() {
        "WAITING"
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

/// What must not be taken for a run that happens now: a recording, a rehearsal.
fn unreal(model: &Model, short: bool) -> String {
    if let Some(replay) = &model.replay {
        if short && replay.playing {
            return format!("REPLAY x{}.{:02}  ", replay.speed / 100, replay.speed % 100);
        }
        if short {
            return "REPLAY, stopped  ".to_owned();
        }
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
    if model.state.rehearsal {
        "REHEARSAL  ".to_owned()
    } else {
        String::new()
    }
}

/// Who else is here, who holds the pen.
fn company(model: &Model) -> String {
    if model.replay.is_some() {
        return String::new();
    }
    let people = &model.state.people;
    if model.only_watches() {
        return "only watching  ".to_owned();
    }
    match (people.attached.len(), people.holder()) {
        (0 | 1, _) => String::new(),
        (all, Some(holder)) if holder.who.client == model.client => {
            format!("{all} here, you hold the pen  ")
        }
        (all, Some(_)) => format!("{all} here, you look on  "),
        (all, None) => format!("{all} here, the pen is free  "),
    }
}

/// What stands on the right: as much as leaves the name some room, what matters most to the last.
fn right(model: &Model, columns: usize) -> String {
    let state = &model.state;
    let (n, m) = state.position();
    // At the end it would count steps that never ran.
    let place = if state.end.is_some() {
        String::new()
    } else {
        format!("  step {n} of {m}")
    };
    let (company, now) = (company(model), situation(model));
    let short = unreal(model, true);
    let unreal = unreal(model, false);
    let time = units::duration(elapsed(model));
    let name = width(&state.plan.name).min(if columns < 60 { 5 } else { 14 });
    [
        format!(" {unreal}{company}{now}{place}  {time}"),
        format!(" {unreal}{company}{now}{place}"),
        format!(" {unreal}{now}{place}"),
        format!(" {unreal}{now}"),
        format!(" {short}{now}"),
    ]
    .into_iter()
    .find(|text| width(text) + name <= columns)
    .unwrap_or_else(|| format!(" {short}{now}"))
}

/// What becomes of what a cancel waits for, and in how many seconds.
pub(super) fn deadline(model: &Model, cancelling: &Cancelling) -> String {
    let fate = if cancelling.kill {
        "given up"
    } else {
        "killed"
    };
    let seconds = cancelling.until.saturating_sub(model.now).max(0) / 1000;
    format!("{fate} in {seconds} s")
}

/// The step that a run which is held goes on with.
fn next(state: &RunState) -> Option<NodeId> {
    let ahead = |status: &Status| {
        matches!(
            status,
            Status::Waiting | Status::Ended(Outcome::Interrupted)
        )
    };
    let mut nodes = state.plan.nodes.iter().zip(&state.nodes);
    nodes
        .find(|(planned, node)| {
            planned.kind != NodeKind::Group && !planned.disabled && ahead(&node.status)
        })
        .map(|(planned, _)| planned.id)
}

/// What the run does now, or will do next.
fn doing(model: &Model, columns: usize) -> String {
    let state = &model.state;
    if let (Some(cancelling), None) = (&state.cancelling, &state.end) {
        let deadline = deadline(model, cancelling);
        return format!("{deadline}: waits for {}", cancelling.waiting_for);
    }
    let held = state.paused && state.question.is_none() && state.end.is_none() && !runs(model);
    let (lead, id) = match next(state).filter(|_| held) {
        Some(next) => ("next: ", Some(next)),
        None => ("", state.current),
    };
    let Some(id) = id else {
        return String::new();
    };
    let group = state
        .plan
        .nodes
        .get(id.index())
        .and_then(|node| node.parent)
        .map(|parent| format!("{}: ", state.title(parent)))
        .unwrap_or_default();
    let attempt = state.node(id).map_or(0, |node| node.attempt);
    let again = if attempt > 1 && lead.is_empty() {
        format!(" (attempt {attempt})")
    } else {
        String::new()
    };
    let step = format!("{}{again}", state.title(id));
    // The step matters more than its group where there is no room for both.
    if width(lead) + width(&group) + width(&step) > columns {
        format!("{lead}{step}")
    } else {
        format!("{lead}{group}{step}")
    }
}

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let columns = usize::from(area.width);
    if !matches!(model.screen, Screen::Run(_)) {
        let version = concat!("wimforge ", env!("CARGO_PKG_VERSION"));
        let title = format!("{version}   build and capture Windows reference images");
        let alone = matches!(model.screen, Screen::Connecting | Screen::Offer(_));
        let lost = if model.connected || alone {
            ""
        } else {
            "NOT CONNECTED  "
        };
        let text = fit(look, &format!("{lost}{title}"), columns);
        lines(frame, area, vec![Line::from(span(look, Role::Title, text))]);
        return;
    }
    let state = &model.state;
    let right = fit(look, &right(model, columns), columns);
    let room = columns.saturating_sub(width(&right));
    let name = fit(look, &state.plan.name, room);
    let pad = " ".repeat(room.saturating_sub(width(&name)));
    let first = Line::from(vec![
        span(look, Role::Title, name),
        span(look, Role::Text, pad),
        span(look, Role::Title, right),
    ]);
    let second = doing(model, columns);
    let second = Line::from(span(look, Role::Active, fit(look, &second, columns)));
    lines(frame, area, vec![first, second]);
}
