//! The log: follows, scrolls, searched, filtered by severity.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use regex::Regex;

use super::text::{clock, fit_end, lines, panel, pieces, span};
use crate::event::Severity;
use crate::run_state::LogLine;
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
            title.push_str(&format!(" of \"{}\"", model.state.title(node)));
            if let Some(attempt) = view.log.attempt {
                title.push_str(&format!(", attempt {attempt}"));
            }
        }
        if !search.is_empty() {
            title.push_str(&format!(" {kind}{search}"));
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
    // With the keys here a line is seen whole, else its beginning.
    let most = if focus { rows } else { 2 };
    let hits = view.log.pattern();
    let hits = hits.as_ref();
    let mut all: Vec<Line<'static>> = Vec::new();
    if view.log.from_top {
        // From the line that was asked for downwards, when what follows fills the panel.
        let mut newer: Vec<_> = view.log.lines(&model.state).take(view.log.back + 1).collect();
        while let Some(line) = newer.pop().filter(|_| all.len() < rows) {
            all.extend(shown(model, line, hits, columns, most));
        }
        all.truncate(rows);
    }
    if all.len() < rows {
        let back = if view.log.from_top { 0 } else { view.log.back };
        all.clear();
        for line in view.log.lines(&model.state).skip(back) {
            if all.len() >= rows {
                break;
            }
            all.extend(shown(model, line, hits, columns, most).into_iter().rev());
        }
        all.truncate(rows);
        all.reverse();
    }
    lines(frame, inside, all);
}

/// One line of the log in as many rows as it takes.
fn shown(
    model: &Model,
    line: &LogLine,
    hits: Option<&Regex>,
    columns: usize,
    most: usize,
) -> Vec<Line<'static>> {
    let look = &model.look;
    let (word, role) = match line.severity {
        Severity::Info => ("", Role::Text),
        Severity::Warning => ("WARNING ", Role::Warning),
        Severity::Error => ("ERROR ", Role::Bad),
    };
    let hit = hits.is_some_and(|pattern| pattern.is_match(&line.text));
    let role = if hit { Role::Active } else { role };
    let mark = if hit { look.glyphs.cursor } else { " " };
    let time = clock(model, line.at);
    let room = columns.saturating_sub(time.len() + 1);
    let blank = " ".repeat(time.len());
    pieces(look, &format!("{word}{}", line.text), room.max(1), most)
        .into_iter()
        .enumerate()
        .map(|(at, part)| {
            let (time, mark) = if at == 0 { (&time, mark) } else { (&blank, " ") };
            Line::from(vec![
                span(look, Role::Dim, time.clone()),
                span(look, Role::Active, mark),
                span(look, role, part),
            ])
        })
        .collect()
}
