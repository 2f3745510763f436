//! The end: what was captured, what it took, where the log is.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::header;
use super::text::{fit, panel, span, wrapped};
use crate::codes;
use crate::event::{Artifact, NodeKind, RunOutcome};
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::units;

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let state = &model.state;
    let Some(end) = &state.end else {
        return;
    };
    let (word, role) = match end.outcome {
        RunOutcome::Succeeded => ("SUCCEEDED", Role::Good),
        RunOutcome::Failed => ("FAILED", Role::Bad),
        RunOutcome::Cancelled => ("CANCELLED", Role::Warning),
    };
    let inside = panel(frame, look, area, "Summary", true);
    let line = |role: Role, text: String| Line::from(span(look, role, fit(look, &text, 400)));
    let mut all = vec![line(
        role,
        format!("{word} after {}", units::duration(header::elapsed(model))),
    )];
    all.push(line(Role::Text, end.summary.clone()));
    if end.code != 0 {
        let meaning = codes::meaning(end.code)
            .map(|m| format!(": {m}"))
            .unwrap_or_default();
        all.push(line(
            Role::Text,
            format!("code {}{meaning}", codes::show(end.code)),
        ));
    }
    for (_, artifact) in &state.artifacts {
        all.push(match artifact {
            Artifact::CapturedVolume {
                index,
                volume,
                bytes,
                files,
            } => line(
                Role::Good,
                format!(
                    "{} image {index}: {volume}, {} in {files} files",
                    look.glyphs.done,
                    units::bytes(*bytes)
                ),
            ),
            Artifact::SkippedVolume { volume, reason } => line(
                Role::Warning,
                format!("{} not captured: {volume}: {reason}", look.glyphs.skipped),
            ),
            Artifact::File { path, bytes, what } => line(
                Role::Title,
                format!("{what}: {path}, {}", units::bytes(*bytes)),
            ),
        });
    }
    all.push(line(
        Role::Text,
        format!("log, journal, report: {}", state.folder),
    ));
    all.push(Line::default());
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
    for (planned, node) in steps {
        let time = units::duration(Duration::from_millis(node.spent_millis));
        all.push(line(
            Role::Dim,
            format!("{time:>8}  {}", state.title(planned.id)),
        ));
    }
    wrapped(frame, inside, all);
}
