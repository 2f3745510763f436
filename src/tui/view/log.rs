//! The log: follows, scrolls, searched, filtered by severity.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use regex::Regex;

use super::text::{clock, fit, fit_end, lines, panel, pieces, span};
use crate::event::Severity;
use crate::run_state::LogLine;
use crate::tui::model::{Model, Over, Pane, RunView};
use crate::tui::theme::Role;
use crate::units;

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
        let back = units::count(view.log.back as u64, "line");
        let _ = write!(title, " {back} back, Esc follows");
    }
    let inside = panel(frame, look, area, &title, focus);
    let rows = usize::from(inside.height);
    let columns = usize::from(inside.width);
    // With the keys here a line is seen whole, else its beginning.
    let most = if focus { rows } else { 2 };
    let hits = view.log.pattern();
    let hits = hits.as_ref();
    let text = |line: &LogLine| shown(model, line, hits, columns, most);
    let mut all = if view.log.from_top {
        downwards(
            view.log.lines(&model.state).take(view.log.back + 1),
            rows,
            text,
        )
    } else {
        upwards(view.log.lines(&model.state).skip(view.log.back), rows, text)
    };
    if all.len() < rows && view.log.from_top {
        // What follows the line does not fill the panel: the end does.
        all = upwards(view.log.lines(&model.state), rows, text);
    } else if all.len() < rows && view.log.back > 0 {
        // What comes before it does not: the beginning does.
        all = downwards(view.log.lines(&model.state), rows, text);
    }
    let log = &view.log;
    if all.is_empty() && (log.severity.is_some() || log.node.is_some()) {
        let text = "no line here passes the filter";
        let text = if focus {
            format!("{text}: f, i and j change it")
        } else {
            text.to_owned()
        };
        all.push(Line::from(span(look, Role::Dim, fit(look, &text, columns))));
    }
    lines(frame, inside, all);
}

/// Rows of the newest of these lines (newest first) and of as many older ones as there is room for.
fn upwards<'a>(
    newest_first: impl Iterator<Item = &'a LogLine>,
    rows: usize,
    text: impl Fn(&LogLine) -> Vec<Line<'static>>,
) -> Vec<Line<'static>> {
    let mut all = Vec::new();
    for line in newest_first {
        if all.len() >= rows {
            break;
        }
        all.extend(text(line).into_iter().rev());
    }
    all.truncate(rows);
    all.reverse();
    all
}

/// Rows of the oldest of these lines and of as many newer ones as there is room for.
fn downwards<'a>(
    newest_first: impl Iterator<Item = &'a LogLine>,
    rows: usize,
    text: impl Fn(&LogLine) -> Vec<Line<'static>>,
) -> Vec<Line<'static>> {
    let mut left: Vec<&LogLine> = newest_first.collect();
    let mut all = Vec::new();
    while let Some(line) = left.pop().filter(|_| all.len() < rows) {
        all.extend(text(line));
    }
    all.truncate(rows);
    all
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
    let mark = if hit {
        span(look, Role::Active, look.glyphs.cursor)
    } else {
        span(look, Role::Text, " ")
    };
    let time = clock(model, line.at);
    let room = columns.saturating_sub(time.len() + 1);
    let blank = span(look, Role::Text, " ".repeat(time.len() + 1));
    let mut lead = vec![span(look, Role::Dim, time), mark];
    pieces(look, &format!("{word}{}", line.text), room.max(1), most)
        .into_iter()
        .map(|part| {
            let mut row = std::mem::replace(&mut lead, vec![blank.clone()]);
            row.push(span(look, role, part));
            Line::from(row)
        })
        .collect()
}
