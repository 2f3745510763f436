//! Live variables: changed ones marked, secrets masked, filtered.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{chosen_row, fit, fit_end, lines, panel, span, width};
use crate::event::Shown;
use crate::secret::MASK;
use crate::tui::model::{Model, Over, Pane, RunView};
use crate::tui::theme::Role;

/// Milliseconds for which a change stays marked.
const FRESH: i64 = 10_000;

pub(super) fn draw(model: &Model, view: &RunView, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let focus = view.pane == Pane::Variables;
    let filter = view.variable_filter.value();
    let typing = focus && matches!(view.over, Over::Typing);
    let room = usize::from(area.width).saturating_sub(19);
    let title = if typing || !filter.is_empty() {
        let filter = fit_end(look, filter, room);
        format!("2 Variables /{filter}{}", if typing { "_" } else { "" })
    } else {
        "2 Variables".to_owned()
    };
    let inside = panel(frame, look, area, &title, focus);
    let columns = usize::from(inside.width);
    let rows = usize::from(inside.height);
    let shown = view.variables(&model.state);
    let row = view.variable_row.min(shown.len().saturating_sub(1));
    // The chosen row stays in sight, the first ones as long as possible.
    let top = (row + 1).saturating_sub(rows);
    let all = shown
        .into_iter()
        .enumerate()
        .skip(top)
        .take(rows)
        .map(|(at, variable)| {
            let fresh = model.now.saturating_sub(variable.at) < FRESH;
            let (mark, role) = if focus && at == row {
                (look.glyphs.cursor, Role::Focus)
            } else if fresh {
                (look.glyphs.changed, Role::Warning)
            } else {
                (" ", Role::Text)
            };
            let value = match &variable.value {
                Shown::Plain(value) => value.as_str(),
                Shown::Masked => MASK,
            };
            // A long name yields to its value only so far: names that differ at their end must stay apart.
            let for_value = width(value).min(columns / 3);
            let name = fit(look, &variable.name, columns.saturating_sub(2 + for_value));
            let room = columns.saturating_sub(width(&name) + 2);
            let line = Line::from(vec![
                span(look, role, mark),
                span(look, if fresh { Role::Title } else { Role::Text }, name),
                span(look, Role::Dim, "="),
                span(look, Role::Text, fit(look, value, room)),
            ]);
            chosen_row(look, line, focus && at == row)
        })
        .collect();
    lines(frame, inside, all);
}
