//! The log: follows, scrolls, searched, filtered by severity.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{clock, fit_end, lines, panel, pieces, span};
use crate::event::Severity;
use crate::tui::model::{Model, Over, Pane, RunView};
use crate::tui::theme::Role;

pub(super) fn draw(model: &Model, view: &RunView, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let focus = view.pane == Pane::Log;
    let typing = focus && matches!(view.over, Over::Typing);
    let search = view.log.search.value();
    let mut title = "3 Log".to_owned();
    let kind = if view.log.regex { "regex /" } else { "/" };
    if typing {
        // What is typed matters now, its end most.
        let room = usize::from(area.width).saturating_sub(8 + title.len() + kind.len());
        title = format!("{title} {kind}{}_", fit_end(look, search, room));
    } else {
        match view.log.severity {
            Some(Severity::Warning) => title.push_str(" (warnings and errors)"),
            Some(Severity::Error) => title.push_str(" (errors)"),
            _ => {}
        }
        if let Some(node) = view.log.node {
            let _ = write!(title, " of \"{}\"", model.state.title(node));
            if let Some(attempt) = view.log.attempt {
                let _ = write!(title, ", attempt {attempt}");
            }
        }
        if !search.is_empty() {
            let _ = write!(title, " {kind}{search}");
        }
    }
    if view.log.wanted.is_some() {
        title.push_str(" ...");
    }
    if view.log.browse.is_some() {
        title.push_str(" not at the end, Esc follows");
    } else if view.log.back > 0 {
        let back = format!(" {} lines back, Esc follows", view.log.back);
        title.push_str(&back);
    }
    let inside = panel(frame, look, area, &title, focus);
    let rows = usize::from(inside.height);
    let columns = usize::from(inside.width);
    let pattern = view.log.pattern();
    // With the keys here a line is seen whole, else its beginning.
    let most = if focus { rows } else { 2 };
    let mut all: Vec<Line<'static>> = Vec::new();
    for line in view.log.lines(&model.state).skip(view.log.back) {
        if all.len() >= rows {
            break;
        }
        let (word, role) = match line.severity {
            Severity::Info => ("", Role::Text),
            Severity::Warning => ("WARNING ", Role::Warning),
            Severity::Error => ("ERROR ", Role::Bad),
        };
        let hit = pattern.as_ref().is_some_and(|p| p.is_match(&line.text));
        let role = if hit { Role::Active } else { role };
        let mark = if hit { look.glyphs.cursor } else { " " };
        let time = clock(model, line.at);
        let room = columns.saturating_sub(time.len() + 1);
        let parts = pieces(look, &format!("{word}{}", line.text), room.max(1), most);
        let blank = " ".repeat(time.len());
        for (at, part) in parts.into_iter().enumerate().rev() {
            let first = at == 0;
            all.push(Line::from(vec![
                span(
                    look,
                    Role::Dim,
                    if first { time.clone() } else { blank.clone() },
                ),
                span(look, Role::Active, if first { mark } else { " " }),
                span(look, role, part),
            ]));
        }
    }
    all.truncate(rows);
    all.reverse();
    lines(frame, inside, all);
}
