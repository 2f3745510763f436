//! Bars for the run and the current phase, and three signals apart: work done, tool alive, time.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{bar, fit, fit_end, lines, span, width};
use crate::event::Unit;
use crate::run_state::PhaseState;
use crate::tui::model::{Look, Model};
use crate::tui::theme::Role;
use crate::units;

/// Silence, in milliseconds, from which it is worth a word.
const QUIET: u64 = 5_000;

/// A bar's place and length depend on the screen only: what is written beside it must not make it shrink.
fn gauge(look: &Look, label: &str, permille: Option<u16>, columns: usize) -> Line<'static> {
    let label_columns = (columns * 3 / 8).min(36);
    let label = fit(look, label, label_columns);
    let pad = " ".repeat(label_columns.saturating_sub(width(&label)));
    let share = match permille {
        Some(permille) => format!(" {:3}%", permille / 10),
        None => "   - ".to_owned(),
    };
    let room = columns.saturating_sub(label_columns + 1 + share.len());
    let (full, empty) = bar(look, permille.unwrap_or(0), room);
    Line::from(vec![
        span(look, Role::Text, format!("{label}{pad} ")),
        span(look, Role::Bar, full),
        span(look, Role::Dim, empty),
        span(look, Role::Title, share),
    ])
}

/// Work done, rate and time left. A tool that does not move has neither of the latter.
fn amounts(phase: &PhaseState) -> String {
    let moves = phase.stalled_seconds == 0;
    let mut parts = Vec::new();
    match phase.unit {
        Unit::Bytes if phase.total > 0 => {
            let done = phase.done.min(phase.total);
            parts.push(format!(
                "{} of {}",
                units::bytes(done),
                units::bytes(phase.total)
            ));
        }
        Unit::Bytes if phase.done > 0 => parts.push(units::bytes(phase.done)),
        Unit::Items if phase.total > 0 => {
            parts.push(format!(
                "{} of {}",
                phase.done.min(phase.total),
                phase.total
            ));
        }
        Unit::Items => parts.push(format!("{}", phase.done)),
        Unit::Bytes | Unit::Permille | Unit::Nothing => {}
    }
    if phase.unit == Unit::Bytes && moves {
        parts.extend(units::rate(phase.done, phase.elapsed()));
    }
    if let Some(left) = phase.time_left().filter(|_| moves) {
        parts.push(format!("{} left", units::duration(left)));
    }
    parts.join("  ")
}

/// Whether the tool gives signs of life; nothing is said while it does.
fn alive(phase: &PhaseState) -> Option<(Role, String)> {
    if phase.stalled_seconds > 0 {
        let seconds = (phase.silent_millis / 1000).max(phase.stalled_seconds);
        return Some((
            Role::Bad,
            format!("STALLED: no sign of life for {seconds} s"),
        ));
    }
    (phase.silent_millis >= QUIET).then(|| {
        (
            Role::Warning,
            format!("quiet for {} s", phase.silent_millis / 1000),
        )
    })
}

/// Rows: two bars and the signals.
pub(super) const ROWS: u16 = 3;

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let columns = usize::from(area.width);
    let state = &model.state;
    let mut all = vec![gauge(look, "Whole run", Some(state.overall), columns)];
    if let Some(phase) = &state.phase {
        all.push(gauge(look, &phase.name, phase.permille, columns));
        let parts = [alive(phase), Some((Role::Text, amounts(phase)))];
        let mut room = columns;
        let mut spans = Vec::new();
        for (role, text) in parts
            .into_iter()
            .flatten()
            .filter(|(_, text)| !text.is_empty())
        {
            let text = fit(look, &text, room);
            room = room.saturating_sub(width(&text) + 2);
            spans.push(span(look, role, text));
            spans.push(span(look, Role::Text, "  "));
        }
        spans.push(span(look, Role::Dim, fit_end(look, &phase.detail, room)));
        all.push(Line::from(spans));
    }
    // One row only: the phase says more than the whole.
    if area.height == 1 && all.len() > 1 {
        all.remove(0);
    }
    lines(frame, area, all);
}
