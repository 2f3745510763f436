//! The log: follows, scrolls, searched, filtered by severity.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{clock, fit, lines, panel, span};
use crate::event::Severity;
use crate::tui::model::{Model, Over, Pane, RunView};
use crate::tui::theme::Role;

pub(super) fn draw(model: &Model, view: &RunView, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let focus = view.pane == Pane::Log;
    let typing = focus && matches!(view.over, Over::Typing);
    let search = view.log_search.value();
    let mut title = "3 Log".to_owned();
    match view.log_severity {
        Some(Severity::Warning) => title.push_str(" (warnings and errors)"),
        Some(Severity::Error) => title.push_str(" (errors)"),
        _ => {}
    }
    if typing || !search.is_empty() {
        title.push_str(" /");
        title.push_str(search);
        title.push_str(if typing { "_" } else { "" });
    }
    if view.log_back > 0 {
        let back = format!(" {} lines back, Esc follows", view.log_back);
        title.push_str(&back);
    }
    let inside = panel(frame, look, area, &title, focus);
    let rows = usize::from(inside.height);
    let columns = usize::from(inside.width);
    let wanted = search.to_lowercase();
    let mut all: Vec<Line<'static>> = model
        .state
        .log
        .iter()
        .rev()
        .filter(|line| view.log_severity.is_none_or(|least| line.severity >= least))
        .skip(view.log_back)
        .take(rows)
        .map(|line| {
            let (word, role) = match line.severity {
                Severity::Info => ("", Role::Text),
                Severity::Warning => ("WARNING ", Role::Warning),
                Severity::Error => ("ERROR ", Role::Bad),
            };
            let hit = !wanted.is_empty() && line.text.to_lowercase().contains(&wanted);
            let role = if hit { Role::Active } else { role };
            let mark = if hit { look.glyphs.cursor } else { " " };
            let time = clock(model, line.at);
            let room = columns.saturating_sub(time.len() + 2);
            Line::from(vec![
                span(look, Role::Dim, time),
                span(look, Role::Active, mark),
                span(
                    look,
                    role,
                    fit(look, &format!("{word}{}", line.text), room + 1),
                ),
            ])
        })
        .collect();
    all.reverse();
    lines(frame, inside, all);
}
