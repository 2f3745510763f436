//! Live variables: changed ones marked, secrets masked, filtered.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{fit, lines, panel, span, width};
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
    let title = if typing || !filter.is_empty() {
        format!("2 Variables /{filter}{}", if typing { "_" } else { "" })
    } else {
        "2 Variables".to_owned()
    };
    let inside = panel(frame, look, area, &title, focus);
    let wanted = filter.to_lowercase();
    let columns = usize::from(inside.width);
    // Those of the sequence first; the engine's own (`_...`) behind them.
    let mut chosen: Vec<_> = model
        .state
        .variables
        .iter()
        .filter(|(key, _)| key.contains(&wanted))
        .collect();
    chosen.sort_by_key(|(key, _)| (key.starts_with('_'), key.as_str()));
    let rows = usize::from(inside.height);
    let all = chosen
        .into_iter()
        .skip(view.variable_top)
        .take(rows)
        .map(|(_, variable)| {
            let fresh = model.now - variable.at < FRESH;
            let mark = if fresh { look.glyphs.changed } else { " " };
            let name = fit(
                look,
                &variable.name,
                columns.saturating_sub(2).min(columns / 2),
            );
            let value = match &variable.value {
                Shown::Plain(value) => value.as_str(),
                Shown::Masked => MASK,
            };
            let room = columns.saturating_sub(width(&name) + 2);
            Line::from(vec![
                span(look, Role::Warning, mark),
                span(look, if fresh { Role::Title } else { Role::Text }, name),
                span(look, Role::Dim, "="),
                span(look, Role::Text, fit(look, value, room)),
            ])
        })
        .collect();
    lines(frame, inside, all);
}
