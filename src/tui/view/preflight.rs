//! The pre-flight page: what was looked at and what was found, what blocks, how to go on.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{lines, panel, pieces, span};
use crate::event::{Finding, Gravity};
use crate::tui::model::{Model, Over, RunView};
use crate::tui::theme::Role;

/// Draws the findings; `open` is the question's number of blocking ones and its word, while it is asked.
pub(super) fn draw(
    model: &Model,
    view: &RunView,
    open: Option<(u32, &str)>,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let look = &model.look;
    let findings = model.state.preflight.as_deref().unwrap_or_default();
    let count = |gravity| findings.iter().filter(|f| f.gravity == gravity).count();
    let title = format!(
        "Pre-flight: {} fine, {} warnings, {} blocking",
        count(Gravity::Fine),
        count(Gravity::Warning),
        count(Gravity::Blocking)
    );
    let inside = panel(frame, look, area, &title, true);
    let columns = usize::from(inside.width);
    let rows = usize::from(inside.height);
    let (top, typed) = match &view.over {
        Over::Preflight { top, typed, .. } => (*top, typed.value()),
        Over::Findings(top) => (*top, ""),
        _ => (0, ""),
    };
    let foot = match open {
        Some((0, _)) => "Enter go on   F5 check again   Esc look at the run".to_owned(),
        Some((_, word)) => {
            format!("Mend what blocks and press F5, or type {word} and Enter: {typed}_")
        }
        None => "arrows scroll   any other key: back".to_owned(),
    };
    let room = rows.saturating_sub(1);
    let mut all: Vec<Line<'static>> = Vec::new();
    for finding in findings.iter().skip(top) {
        if all.len() >= room {
            break;
        }
        all.extend(finding_lines(model, finding, columns));
    }
    if findings.is_empty() {
        let text = "nothing had to be looked at";
        all.push(Line::from(span(look, Role::Text, text)));
    }
    all.truncate(room);
    all.resize(room, Line::default());
    for part in pieces(look, &foot, columns, 1) {
        all.push(Line::from(span(look, Role::Title, part)));
    }
    lines(frame, inside, all);
}

fn finding_lines(model: &Model, finding: &Finding, columns: usize) -> Vec<Line<'static>> {
    let look = &model.look;
    let (word, role) = match finding.gravity {
        Gravity::Fine => ("ok", Role::Good),
        Gravity::Warning => ("WARN", Role::Warning),
        Gravity::Blocking => ("STOP", Role::Bad),
    };
    let word = format!("{word:<5}");
    let room = columns.saturating_sub(word.len()).max(1);
    let text = format!("{}: {}", finding.subject, finding.text);
    let mut rows: Vec<Line<'static>> = pieces(look, &text, room, 3)
        .into_iter()
        .enumerate()
        .map(|(at, part)| {
            let lead = if at == 0 {
                word.clone()
            } else {
                " ".repeat(word.len())
            };
            Line::from(vec![span(look, role, lead), span(look, Role::Text, part)])
        })
        .collect();
    if let Some(way) = &finding.way_out {
        let lead = " ".repeat(word.len());
        let parts = pieces(look, &format!("way out: {way}"), room, 3);
        rows.extend(parts.into_iter().map(|part| {
            Line::from(vec![
                span(look, Role::Text, lead.clone()),
                span(look, Role::Warning, part),
            ])
        }));
    }
    rows
}
