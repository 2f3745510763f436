//! The list of sequences, and the mistakes of a broken one.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::text::{chosen_row, fit, line, lines, panel, pieces, span, typed, width};
use crate::tui::model::{Mistakes, Model, Picker};
use crate::tui::theme::Role;
use crate::units;

pub(super) fn draw(model: &Model, picker: &Picker, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let [top, list, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(3),
    ])
    .areas::<3>(area);
    let mut filter = vec![span(look, Role::Text, "Filter: ")];
    let room = usize::from(top.width.saturating_sub(8));
    filter.extend(typed(
        look,
        picker.filter.value(),
        picker.filter.cursor(),
        room,
    ));
    lines(frame, top, vec![Line::from(filter)]);
    let shown = picker.shown();
    let title = format!(
        "Task sequences ({} of {})",
        shown.len(),
        picker.sequences.len()
    );
    let inside = panel(frame, look, list, &title, true);
    if shown.is_empty() {
        let text = if !picker.loaded {
            "Looking for sequences ..."
        } else if picker.sequences.is_empty() {
            "None found in sequences/, /usr/share/wimforge/sequences or on removable media."
        } else {
            "None fits the filter; Esc clears it."
        };
        line(frame, look, inside, Role::Text, text);
        return;
    }
    let rows = usize::from(inside.height);
    let columns = usize::from(inside.width);
    let skip = (picker.row + 1).saturating_sub(rows);
    let all = shown
        .iter()
        .enumerate()
        .skip(skip)
        .take(rows)
        .map(|(at, info)| {
            let good = info.mistakes.is_empty();
            let mark = if at == picker.row {
                look.glyphs.cursor
            } else {
                " "
            };
            let (sign, role) = if good {
                (" ", Role::Text)
            } else {
                (look.glyphs.failed, Role::Bad)
            };
            let text = if good {
                format!(
                    "{}  ({})",
                    info.name,
                    units::count(info.steps.into(), "step")
                )
            } else {
                format!("{}  broken: {}", info.name, info.first_mistake)
            };
            let row = Line::from(vec![
                span(look, Role::Focus, mark),
                span(look, role, format!("{sign} ")),
                span(look, role, fit(look, &text, columns.saturating_sub(4))),
            ]);
            chosen_row(look, row, at == picker.row)
        })
        .collect();
    lines(frame, inside, all);
    if let Some(info) = shown.get(picker.row) {
        let columns = usize::from(bottom.width);
        let description = if info.mistakes.is_empty() {
            info.description.as_str()
        } else {
            "It cannot be run before its mistakes are put right."
        };
        let mut all: Vec<_> = pieces(look, description, columns, 2)
            .into_iter()
            .map(|part| Line::from(span(look, Role::Text, part)))
            .collect();
        // The warning first: a long path may be cut, it must not.
        let numbers: Vec<String> = info.disks.iter().map(ToString::to_string).collect();
        let disks = match numbers.len() {
            0 => String::new(),
            1 => format!("WIPES DISK {}  ", numbers[0]),
            _ => format!("WIPES DISKS {}  ", numbers.join(", ")),
        };
        let disks = fit(look, &disks, columns);
        let path = fit(look, &info.path, columns.saturating_sub(width(&disks)));
        all.push(Line::from(vec![
            span(look, Role::Warning, disks),
            span(look, Role::Dim, path),
        ]));
        lines(frame, bottom, all);
    }
}

pub(super) fn draw_mistakes(model: &Model, view: &Mistakes, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let count = view.text.lines().count();
    let title = format!(
        "This sequence has mistakes (line {} of {count})",
        (view.top + 1).min(count)
    );
    let inside = panel(frame, look, area, &title, true);
    let columns = usize::from(inside.width);
    let rows = usize::from(inside.height);
    let mut all = Vec::new();
    for text in view.text.lines().skip(view.top).take(rows) {
        let bad = text.contains(": error: ");
        let role = if bad { Role::Bad } else { Role::Text };
        // A source line and the carets below it must stay one above the other: they are cut, words are not.
        let source = text.contains(" | ") || text.trim_end().ends_with(['^', '|']);
        let parts = pieces(look, text, columns, if source { 1 } else { 6 });
        all.extend(
            parts
                .into_iter()
                .map(|part| Line::from(span(look, role, part))),
        );
    }
    all.truncate(rows);
    lines(frame, inside, all);
}
