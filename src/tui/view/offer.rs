//! An interrupted run: what is known of it, what may become of it, the end of its log.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::closer::titled;
use super::text::{chosen_row, clock, fit, lines, panel, pieces, span};
use crate::event::Severity;
use crate::tui::model::{Model, Offer};
use crate::tui::offer::CHOICES;
use crate::tui::theme::Role;

/// Rows that one text takes at most.
const LONGEST: usize = 6;

fn room(area: Rect) -> (usize, usize) {
    (
        usize::from(area.width.saturating_sub(2)).max(1),
        usize::from(area.height.saturating_sub(2)),
    )
}

fn log(model: &Model, offer: &Offer, columns: usize) -> Vec<Line<'static>> {
    let look = &model.look;
    let mut all = Vec::new();
    for line in &offer.log {
        let (word, role) = match line.severity {
            Severity::Info => ("", Role::Text),
            Severity::Warning => ("WARNING ", Role::Warning),
            Severity::Error => ("ERROR ", Role::Bad),
        };
        let text = format!("{} {word}{}", clock(model, line.at), line.text);
        let parts = pieces(look, &text, columns, LONGEST);
        all.extend(
            parts
                .into_iter()
                .map(|part| Line::from(span(look, role, part))),
        );
    }
    if all.is_empty() {
        all.push(Line::from(span(look, Role::Dim, "its log is empty")));
    }
    all
}

/// The farthest that its log can be scrolled to in an area of that size.
pub(super) fn last_top(model: &Model, offer: &Offer, area: Rect) -> usize {
    let (columns, rows) = room(area);
    log(model, offer, columns).len().saturating_sub(rows)
}

pub(super) fn draw(model: &Model, offer: &Offer, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let (columns, rows) = room(area);
    if let Some(top) = offer.looking {
        let all = log(model, offer, columns);
        let top = top.min(all.len().saturating_sub(rows));
        let title = titled(look, "Its log", (top, rows, all.len()), area);
        let inside = panel(frame, look, area, &title, true);
        lines(
            frame,
            inside,
            all.into_iter().skip(top).take(rows).collect(),
        );
        return;
    }
    let inside = panel(frame, look, area, "A run was interrupted", true);
    let below: Vec<Line<'static>> = if offer.asking {
        let text = "Its folder is moved to the archive; it can be resumed from there by name. y archive    any other key: back";
        pieces(look, text, columns, LONGEST)
            .into_iter()
            .map(|part| Line::from(span(look, Role::Title, part)))
            .collect()
    } else {
        CHOICES
            .iter()
            .enumerate()
            .map(|(at, (key, _, what))| {
                let here = at == offer.row;
                let mark = if here { look.glyphs.cursor } else { " " };
                let room = columns.saturating_sub(4);
                let row = Line::from(vec![
                    span(look, Role::Focus, mark),
                    span(look, Role::Key, format!("{key}  ")),
                    span(look, Role::Text, fit(look, what, room)),
                ]);
                chosen_row(look, row, here)
            })
            .collect()
    };
    let facts = std::iter::once((Role::Title, &offer.name))
        .chain(offer.facts.iter().map(|fact| (Role::Text, fact)));
    let mut all: Vec<Line<'static>> = facts
        .flat_map(|(role, text)| {
            pieces(look, text, columns, LONGEST)
                .into_iter()
                .map(move |part| Line::from(span(look, role, part)))
                .collect::<Vec<_>>()
        })
        .collect();
    // The choices stay in sight.
    let above = rows.saturating_sub(below.len());
    all.truncate(above);
    if all.len() < above {
        all.push(Line::default());
    }
    all.extend(below);
    lines(frame, inside, all);
}
