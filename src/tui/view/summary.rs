//! The end: what was captured, what it took, where the log is.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::closer::names;
use super::header;
use super::question::code_text;
use super::text::{fit, lines, panel, pieces, span};
use crate::event::{Artifact, NodeKind, Outcome, RunOutcome, SkipReason};
use crate::run_state::Status;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::units;

fn is_ignored(status: &Status) -> bool {
    matches!(status, Status::Ended(Outcome::Failed { ignored: true, .. }))
}

fn is_skipped_by_hand(status: &Status) -> bool {
    matches!(status, Status::Skipped(SkipReason::Technician(_)))
}

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let state = &model.state;
    let Some(end) = &state.end else {
        return;
    };
    let word = end.outcome.word();
    let role = match end.outcome {
        RunOutcome::Succeeded => Role::Good,
        RunOutcome::Failed => Role::Bad,
        RunOutcome::Cancelled => Role::Warning,
    };
    let inside = panel(frame, look, area, "Summary", true);
    let columns = usize::from(inside.width);
    let rows = usize::from(inside.height);
    let mut all = Vec::new();
    let mut say = |role: Role, text: &str| {
        let parts = pieces(look, text, columns, 4).into_iter();
        all.extend(parts.map(|part| Line::from(span(look, role, part))));
    };
    say(
        role,
        &format!("{word} after {}", units::duration(header::elapsed(model))),
    );
    if state.rehearsal {
        let text = "This was a rehearsal: the steps only played their parts.";
        say(Role::Warning, text);
    }
    say(Role::Text, &end.summary);
    if end.code != 0 {
        say(Role::Text, &code_text(end.code, &end.summary));
    }
    if end.outcome == RunOutcome::Failed
        && let Some((_, failure)) = &state.last_failure
    {
        for cause in &failure.causes {
            say(Role::Text, &format!("because: {cause}"));
        }
        if let Some(hint) = &failure.hint {
            say(Role::Warning, &format!("way out: {hint}"));
        }
    }
    for (_, artifact) in &state.artifacts {
        match artifact {
            Artifact::CapturedVolume {
                index,
                volume,
                bytes,
                files,
            } => say(
                Role::Good,
                &format!(
                    "{} image {index}: {volume}, {} in {}",
                    look.glyphs.done,
                    units::bytes(*bytes),
                    units::count(*files, "file")
                ),
            ),
            Artifact::SkippedVolume { volume, reason } => say(
                Role::Warning,
                &format!("{} not captured: {volume}: {reason}", look.glyphs.skipped),
            ),
            Artifact::File { path, bytes, what } => {
                say(
                    Role::Title,
                    &format!("{what}: {path}, {}", units::bytes(*bytes)),
                );
            }
        }
    }
    for item in &state.left_behind {
        say(Role::Bad, &format!("left on the machine: {item}"));
    }
    if let Some(who) = &state.preflight_overridden {
        let text = format!(
            "blocking pre-flight findings were overridden by {}",
            who.name
        );
        say(Role::Warning, &text);
    }
    for (what, status) in [
        ("failed, ignored", is_ignored as fn(&Status) -> bool),
        ("skipped by hand", is_skipped_by_hand),
    ] {
        let steps = state.plan.nodes.iter().zip(&state.nodes);
        let steps =
            steps.filter(|(planned, node)| planned.kind != NodeKind::Group && status(&node.status));
        let names = names(model, steps.map(|(planned, _)| planned.id));
        if !names.is_empty() {
            say(Role::Warning, &format!("{what}: {names}"));
        }
    }
    // Where the log is comes last of what must be seen, however little room there is.
    let place = format!("log, journal, report: {}", state.folder);
    let place = pieces(look, &place, columns, 3);
    all.truncate(rows.saturating_sub(place.len()));
    all.extend(
        place
            .into_iter()
            .map(|part| Line::from(span(look, Role::Text, part))),
    );
    let mut steps: Vec<_> = state
        .plan
        .nodes
        .iter()
        .zip(&state.nodes)
        .filter(|(planned, node)| {
            matches!(planned.kind, NodeKind::Step(_)) && node.spent_millis > 0
        })
        .collect();
    steps.sort_by_key(|(_, node)| std::cmp::Reverse(node.spent_millis));
    all.push(Line::default());
    let room = rows.saturating_sub(all.len());
    let fitting = if steps.len() > room {
        room.saturating_sub(1)
    } else {
        room
    };
    let more = steps.len().saturating_sub(fitting);
    for (planned, node) in steps.into_iter().take(fitting) {
        let time = units::duration(Duration::from_millis(node.spent_millis));
        let text = fit(
            look,
            &format!("{time:>8}  {}", state.title(planned.id)),
            columns,
        );
        all.push(Line::from(span(look, Role::Text, text)));
    }
    if more > 0 {
        let text = fit(
            look,
            &format!(
                "          and {}",
                units::count(more as u64, "shorter step")
            ),
            columns,
        );
        all.push(Line::from(span(look, Role::Dim, text)));
    }
    lines(frame, inside, all);
}
