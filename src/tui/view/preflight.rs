//! The pre-flight page: what was looked at and what was found, what blocks, how to go on.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::closer::titled;
use super::text::{fit, lines, panel, pieces, span, typed, width};
use crate::event::{Finding, Gravity};
use crate::tui::model::{Model, Over, RunView};
use crate::tui::theme::Role;
use crate::units;

/// Rows that one text takes at most.
const LONGEST: usize = 12;

/// Narrower than this every word counts.
const WIDE: usize = 66;

/// Draws the findings; `open` is the question's number of blocking ones and its word, while it is asked.
pub(super) fn draw(
    model: &Model,
    view: &RunView,
    open: Option<(u32, &str)>,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let look = &model.look;
    let (columns, room) = room(area);
    let (top, word) = match &view.over {
        Over::Preflight { top, typed, .. } => (*top, Some(typed)),
        Over::Findings(top) => (*top, None),
        _ => (view.question_top, None),
    };
    let all = all(model, columns);
    let top = top.min(all.len().saturating_sub(room));
    let place = (top, room, all.len());
    let title = titled(look, &title(model, columns), place, area);
    let inside = panel(frame, look, area, &title, true);
    let mut shown: Vec<Line<'static>> = all.into_iter().skip(top).take(room).collect();
    shown.resize(room, Line::default());
    let wide = columns >= WIDE;
    let foot = match open {
        Some((0, _)) if wide => "Enter go on   F5 check again   Esc look at the run".to_owned(),
        Some((0, _)) => "Enter go on   F5 check again".to_owned(),
        Some((_, word)) if wide => {
            format!("Mend what stops it and press F5, or type {word} and Enter: ")
        }
        Some((_, word)) => format!("F5, or type {word}: "),
        None if !matches!(view.over, Over::Findings(_)) => String::new(),
        None => "arrows scroll   any other key: back".to_owned(),
    };
    let foot = fit(look, &foot, columns);
    let left = columns.saturating_sub(width(&foot));
    let mut spans = vec![span(look, Role::Title, foot)];
    if let (Some((1.., _)), Some(word)) = (open, word) {
        spans.extend(typed(look, word.value(), word.cursor(), left));
    }
    shown.push(Line::from(spans));
    lines(frame, inside, shown);
}

/// Columns for the findings, and rows beside the last one.
fn room(area: Rect) -> (usize, usize) {
    let columns = usize::from(area.width.saturating_sub(2)).max(1);
    (columns, usize::from(area.height.saturating_sub(3)))
}

/// The farthest that the page can be scrolled to in an area of that size.
pub(super) fn last_top(model: &Model, area: Rect) -> usize {
    let (columns, room) = room(area);
    all(model, columns).len().saturating_sub(room)
}

/// What weighs most comes first.
fn title(model: &Model, columns: usize) -> String {
    let findings = model.state.preflight.as_deref().unwrap_or_default();
    let count = |gravity| findings.iter().filter(|f| f.gravity == gravity).count() as u64;
    let (blocking, warnings, fine) = (
        count(Gravity::Blocking),
        count(Gravity::Warning),
        count(Gravity::Fine),
    );
    if columns >= WIDE {
        let warnings = units::count(warnings, "warning");
        format!("Pre-flight: {blocking} blocking, {warnings}, {fine} fine")
    } else {
        format!("{blocking} STOP, {warnings} WARN, {fine} ok")
    }
}

/// The findings that stop the run, then those to know of, then the rest; each kind in the order of the steps.
fn all(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let look = &model.look;
    let mut findings: Vec<&Finding> = model.state.preflight.iter().flatten().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.gravity));
    if findings.is_empty() {
        let text = "nothing had to be looked at";
        return vec![Line::from(span(look, Role::Text, text))];
    }
    findings
        .into_iter()
        .flat_map(|finding| finding_lines(model, finding, columns))
        .collect()
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
    // Several steps may have a disk or an image each.
    let of_step = finding
        .node
        .filter(|_| columns >= WIDE)
        .map(|node| format!(" of \"{}\"", model.state.title(node)))
        .unwrap_or_default();
    let text = format!("{}{of_step}: {}", finding.subject, finding.text);
    let mut rows: Vec<Line<'static>> = pieces(look, &text, room, LONGEST)
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
        let parts = pieces(look, &format!("way out: {way}"), room, LONGEST);
        rows.extend(parts.into_iter().map(|part| {
            Line::from(vec![
                span(look, Role::Text, lead.clone()),
                span(look, Role::Warning, part),
            ])
        }));
    }
    rows
}
