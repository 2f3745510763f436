//! The tree of groups and steps, following the run.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{chosen_row, fit, lines, panel, span, width};
use crate::event::{NodeId, NodeKind, Outcome, SkipReason};
use crate::run_state::Status;
use crate::tui::model::{Look, Model, Pane, RunView};
use crate::tui::theme::Role;
use crate::units;

fn sign(look: &Look, status: &Status, disabled: bool) -> (&'static str, Role) {
    let glyphs = &look.glyphs;
    match status {
        Status::Waiting if disabled => (glyphs.skipped, Role::Dim),
        Status::Waiting => (glyphs.waiting, Role::Dim),
        Status::Running => (glyphs.running, Role::Active),
        Status::Undecided => (glyphs.question, Role::Bad),
        Status::Skipped(_) => (glyphs.skipped, Role::Dim),
        Status::Ended(outcome) => match outcome {
            Outcome::Succeeded => (glyphs.done, Role::Good),
            Outcome::Warned(_) => (glyphs.warned, Role::Warning),
            Outcome::Failed { ignored: true, .. } => (glyphs.ignored, Role::Warning),
            Outcome::Failed { .. } => (glyphs.failed, Role::Bad),
            Outcome::Aborted | Outcome::Interrupted => (glyphs.aborted, Role::Warning),
            Outcome::WillNotRun(_) => (glyphs.skipped, Role::Dim),
        },
    }
}

/// What there is to say about the chosen row.
fn story(model: &Model, at: usize) -> String {
    let state = &model.state;
    let (Some(planned), Some(node)) = (state.plan.nodes.get(at), state.nodes.get(at)) else {
        return String::new();
    };
    let kind = match &planned.kind {
        NodeKind::Group => "Group",
        NodeKind::Step(kind) => kind,
    };
    let fate = match &node.status {
        Status::Skipped(SkipReason::Disabled) => "disabled".to_owned(),
        Status::Waiting if planned.disabled => "disabled".to_owned(),
        Status::Waiting => "not reached".to_owned(),
        Status::Running => "running".to_owned(),
        Status::Undecided => "failed, waits for a decision".to_owned(),
        Status::Skipped(SkipReason::Condition(text)) => format!("skipped: {text}"),
        Status::Skipped(SkipReason::GroupSkipped) => "skipped with its group".to_owned(),
        Status::Skipped(SkipReason::Technician(who)) => format!("skipped by {}", who.name),
        Status::Ended(Outcome::Succeeded) => "succeeded".to_owned(),
        Status::Ended(Outcome::Warned(text)) => format!("warning: {text}"),
        Status::Ended(Outcome::Failed { failure, ignored }) => {
            let word = if *ignored {
                "failed, ignored"
            } else {
                "failed"
            };
            format!("{word}: {}", failure.message)
        }
        Status::Ended(Outcome::Aborted) => "aborted".to_owned(),
        Status::Ended(Outcome::Interrupted) => "interrupted".to_owned(),
        Status::Ended(Outcome::WillNotRun(_)) => "will not run".to_owned(),
    };
    let mut marks = String::new();
    let id = planned.id;
    for (is, what) in [
        (state.run_to == Some(id), "run to here; "),
        (state.breakpoints.contains(&id), "breakpoint; "),
        (state.overrides.iter().any(|o| o.node == id), "changed; "),
    ] {
        if is {
            marks.push_str(what);
        }
    }
    format!("{marks}{kind}: {fate}")
}

pub(super) fn draw(model: &Model, view: &RunView, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let story = view.step.map(|at| story(model, at)).unwrap_or_default();
    let title = if story.is_empty() {
        "1 Steps".to_owned()
    } else {
        format!("1 {story}")
    };
    let inside = panel(frame, look, area, &title, view.pane == Pane::Steps);
    let rows = usize::from(inside.height);
    let columns = usize::from(inside.width);
    let state = &model.state;
    let followed = state.current.map_or_else(
        || {
            if state.end.is_some() {
                state.plan.nodes.len()
            } else {
                0
            }
        },
        NodeId::index,
    );
    let middle = view.step.unwrap_or(followed);
    let top = middle
        .saturating_sub(rows / 2)
        .min(state.plan.nodes.len().saturating_sub(rows));
    let shown = state
        .plan
        .nodes
        .iter()
        .zip(&state.nodes)
        .skip(top)
        .take(rows);
    let mut all = Vec::new();
    for (planned, node) in shown {
        let (sign, role) = sign(look, &node.status, planned.disabled);
        let indent = "  ".repeat(usize::from(planned.depth).min(8));
        let is_step = matches!(planned.kind, NodeKind::Step(_));
        let stop = if state.breakpoints.contains(&planned.id) || state.run_to == Some(planned.id) {
            (look.glyphs.breakpoint, Role::Warning)
        } else if state.overrides.iter().any(|o| o.node == planned.id) {
            (look.glyphs.changed, Role::Warning)
        } else {
            (" ", Role::Text)
        };
        let time = match (&node.status, is_step) {
            (Status::Running, true) => node.started.map(|started| {
                let millis = u64::try_from(model.now.saturating_sub(started)).unwrap_or(0);
                units::duration(Duration::from_millis(millis))
            }),
            (Status::Ended(Outcome::WillNotRun(_)) | Status::Skipped(_), _) => None,
            (Status::Ended(_) | Status::Undecided, true) => {
                Some(units::duration(Duration::from_millis(node.spent_millis)))
            }
            _ => None,
        };
        let time = time.unwrap_or_default();
        let room = columns.saturating_sub(4 + width(&indent) + width(&time) + 1);
        let chosen = view.step == Some(planned.id.index());
        let cursor = if chosen { look.glyphs.cursor } else { " " };
        let title = fit(look, state.title(planned.id), room);
        let pad = " ".repeat(room.saturating_sub(width(&title)) + 1);
        let text_role = match (is_step, role) {
            (false, Role::Dim) => Role::Dim,
            (false, _) => Role::Title,
            (true, Role::Good) => Role::Text,
            (true, role) => role,
        };
        let line = Line::from(vec![
            span(look, Role::Focus, cursor),
            span(look, stop.1, stop.0),
            span(look, Role::Text, indent),
            span(look, role, format!("{sign} ")),
            span(look, text_role, title),
            span(look, Role::Dim, format!("{pad}{time}")),
        ]);
        all.push(chosen_row(look, line, chosen));
    }
    lines(frame, inside, all);
}
