//! Bars for the run and the current phase, and three signals apart: work done, tool alive, time.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{bar, fit, lines, span, width};
use crate::event::Unit;
use crate::run_state::PhaseState;
use crate::tui::model::{Look, Model};
use crate::tui::theme::Role;
use crate::units;

/// Silence, in milliseconds, from which it is worth a word.
const QUIET: u64 = 5_000;

fn gauge(
    look: &Look,
    label: &str,
    permille: Option<u16>,
    tail: &str,
    columns: usize,
) -> Line<'static> {
    let label_columns = (columns / 4).min(30);
    let label = fit(look, label, label_columns);
    let pad = " ".repeat(label_columns.saturating_sub(width(&label)));
    let share = match permille {
        Some(permille) => format!(" {:3}% ", permille / 10),
        None => "   -  ".to_owned(),
    };
    // The bar's length depends on the screen alone: beside figures that come and go it would seem to move backwards.
    let rest = columns.saturating_sub(label_columns + 1 + share.len());
    let tail_columns = (rest * 3 / 4).min(45);
    let tail = fit(look, tail, tail_columns);
    let room = (rest - tail_columns).min(60);
    let (full, empty) = bar(look, permille.unwrap_or(0), room);
    Line::from(vec![
        span(look, Role::Text, format!("{label}{pad} ")),
        span(look, Role::Bar, full),
        span(look, Role::Dim, empty),
        span(look, Role::Title, share),
        span(look, Role::Text, tail),
    ])
}

fn amounts(phase: &PhaseState) -> String {
    let elapsed = u64::try_from(phase.sampled - phase.started).unwrap_or(0);
    let elapsed = Duration::from_millis(elapsed);
    let mut parts = Vec::new();
    match phase.unit {
        Unit::Bytes if phase.total > 0 => {
            let done = phase.done.min(phase.total);
            parts.push(format!(
                "{} of {}",
                units::bytes(done),
                units::bytes(phase.total)
            ));
            parts.extend(units::rate(phase.done, elapsed));
        }
        Unit::Bytes => parts.push(units::bytes(phase.done)),
        Unit::Items if phase.total > 0 => parts.push(format!("{} of {}", phase.done, phase.total)),
        Unit::Items => parts.push(format!("{}", phase.done)),
        Unit::Permille | Unit::Nothing => {}
    }
    if let Some(left) = time_left(phase, elapsed) {
        parts.push(format!("{} left", units::duration(left)));
    }
    parts.join(" ")
}

/// By the rate so far; nothing is said in the first seconds.
fn time_left(phase: &PhaseState, elapsed: Duration) -> Option<Duration> {
    let share = phase.permille.filter(|share| *share >= 10)?;
    if elapsed < Duration::from_secs(3) {
        return None;
    }
    Some(elapsed.mul_f64(f64::from(1000 - share) / f64::from(share)))
}

/// What the tool gives away about itself.
fn signals(phase: &PhaseState) -> (Role, String) {
    if phase.stalled_seconds > 0 {
        let seconds = phase.silent_millis / 1000;
        return (
            Role::Bad,
            format!(
                "STALLED: no sign of life for {} s",
                seconds.max(phase.stalled_seconds)
            ),
        );
    }
    if phase.silent_millis >= QUIET {
        return (
            Role::Warning,
            format!("quiet for {} s", phase.silent_millis / 1000),
        );
    }
    (Role::Dim, phase.detail.clone())
}

/// Rows: two bars and the signals.
pub(super) const ROWS: u16 = 3;

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let columns = usize::from(area.width);
    let state = &model.state;
    let mut all = vec![gauge(look, "Whole run", Some(state.overall), "", columns)];
    if let Some(phase) = &state.phase {
        all.push(gauge(
            look,
            &phase.name,
            phase.permille,
            &amounts(phase),
            columns,
        ));
        let (role, text) = signals(phase);
        all.push(Line::from(span(look, role, fit(look, &text, columns))));
    }
    lines(frame, area, all);
}
