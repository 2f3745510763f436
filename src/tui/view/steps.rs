//! The tree of groups and steps, following the run.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{fit, lines, panel, selected, span, width};
use crate::event::{NodeId, NodeKind, Outcome};
use crate::run_state::Status;
use crate::tui::model::{Look, Model, Pane, RunView};
use crate::tui::theme::Role;
use crate::units;

fn sign(look: &Look, status: &Status) -> (&'static str, Role) {
    let glyphs = &look.glyphs;
    match status {
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

pub(super) fn draw(model: &Model, view: &RunView, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let inside = panel(frame, look, area, "1 Steps", view.pane == Pane::Steps);
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
        let (sign, role) = sign(look, &node.status);
        let indent = "  ".repeat(usize::from(planned.depth).min(8));
        let is_step = matches!(planned.kind, NodeKind::Step(_));
        let stop = if state.breakpoints.contains(&planned.id) {
            look.glyphs.breakpoint
        } else {
            " "
        };
        let time = match (&node.status, is_step) {
            (Status::Running, true) => node.started.map(|started| {
                let millis = u64::try_from(model.now - started).unwrap_or(0);
                units::duration(Duration::from_millis(millis))
            }),
            (Status::Ended(Outcome::WillNotRun(_)) | Status::Skipped(_), _) => None,
            (Status::Ended(_), true) => {
                Some(units::duration(Duration::from_millis(node.spent_millis)))
            }
            _ => None,
        };
        let time = time.unwrap_or_default();
        let room = columns.saturating_sub(3 + width(&indent) + width(&time) + 1);
        let title = fit(look, state.title(planned.id), room);
        let pad = " ".repeat(room.saturating_sub(width(&title)) + 1);
        let text_role = match (is_step, role) {
            (false, Role::Dim) => Role::Dim,
            (false, _) => Role::Title,
            (true, Role::Good) => Role::Text,
            (true, role) => role,
        };
        let line = Line::from(vec![
            span(look, Role::Warning, stop),
            span(look, Role::Text, indent),
            span(look, role, format!("{sign} ")),
            span(look, text_role, title),
            span(look, Role::Dim, format!("{pad}{time}")),
        ]);
        let chosen = view.step == Some(planned.id.index());
        all.push(if chosen {
            let style = selected(look, line.style);
            line.patch_style(style)
        } else {
            line
        });
    }
    lines(frame, inside, all);
}
