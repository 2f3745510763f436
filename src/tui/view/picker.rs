//! The list of sequences, and the mistakes of a broken one.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::text::{fit, line, lines, panel, selected, span};
use crate::tui::model::{Mistakes, Model, Picker};
use crate::tui::theme::Role;

pub(super) fn draw(model: &Model, picker: &Picker, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let [top, list, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(2),
    ])
    .areas::<3>(area);
    line(
        frame,
        look,
        top,
        Role::Text,
        &format!("Filter: {}_", picker.filter.value()),
    );
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
                format!("{}  ({} steps)", info.name, info.steps)
            } else {
                format!("{}  broken: {}", info.name, info.first_mistake)
            };
            let row = Line::from(vec![
                span(look, Role::Focus, mark),
                span(look, role, format!("{sign} ")),
                span(look, role, fit(look, &text, columns.saturating_sub(4))),
            ]);
            if at == picker.row {
                let style = selected(look, row.style);
                row.patch_style(style)
            } else {
                row
            }
        })
        .collect();
    lines(frame, inside, all);
    if let Some(info) = shown.get(picker.row) {
        let disks = if info.disks.is_empty() {
            String::new()
        } else {
            let numbers: Vec<String> = info.disks.iter().map(ToString::to_string).collect();
            format!("   WIPES DISK {}", numbers.join(", "))
        };
        line(frame, look, bottom, Role::Text, &info.description);
        let second = Rect {
            y: bottom.y + 1,
            height: bottom.height.saturating_sub(1),
            ..bottom
        };
        line(
            frame,
            look,
            second,
            Role::Dim,
            &format!("{}{disks}", info.path),
        );
    }
}

pub(super) fn draw_mistakes(model: &Model, view: &Mistakes, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let inside = panel(frame, look, area, "This sequence has mistakes", true);
    let columns = usize::from(inside.width);
    let all = view
        .text
        .lines()
        .skip(view.top)
        .take(usize::from(inside.height))
        .map(|text| {
            let role = if text.contains(": error: ") {
                Role::Bad
            } else {
                Role::Text
            };
            Line::from(span(look, role, fit(look, text, columns)))
        })
        .collect();
    lines(frame, inside, all);
}
