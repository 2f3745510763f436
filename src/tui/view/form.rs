//! A form: labels, values, the reason why a value is not right.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{fit, lines, panel, span, width};
use crate::tui::model::{Form, Model};
use crate::tui::theme::Role;

pub(super) fn draw(model: &Model, form: &Form, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let inside = panel(frame, look, area, &form.title, true);
    let columns = usize::from(inside.width);
    let label_columns = form
        .fields
        .iter()
        .map(|field| width(&field.label))
        .max()
        .unwrap_or(0)
        .min(columns / 2);
    let mut all = Vec::new();
    let rows = usize::from(inside.height);
    // Two rows a field; the one with the keys is always in sight.
    let skip = (form.at + 1).saturating_sub((rows / 2).max(1));
    for (at, field) in form.fields.iter().enumerate().skip(skip) {
        let here = at == form.at;
        let mark = if here { look.glyphs.cursor } else { " " };
        let label = fit(look, &field.label, label_columns);
        let pad = " ".repeat(label_columns.saturating_sub(width(&label)));
        let value = field.input.value();
        let room = columns.saturating_sub(label_columns + 5);
        let cursor = field.input.visual_cursor();
        let shown = if field.secret && !form.reveal {
            look.glyphs.mask.repeat(value.chars().count().min(room))
        } else {
            // The end that is being typed at is the one that is seen.
            let from = cursor.saturating_sub(room.saturating_sub(1));
            fit(look, &value.chars().skip(from).collect::<String>(), room)
        };
        let caret = if here { "_" } else { "" };
        all.push(Line::from(vec![
            span(look, Role::Focus, format!("{mark} ")),
            span(
                look,
                if here { Role::Title } else { Role::Text },
                format!("{label}{pad}: "),
            ),
            span(look, Role::Text, format!("{shown}{caret}")),
        ]));
        let below = match field.mistake() {
            Some(why) if here || !value.is_empty() => (Role::Warning, why),
            _ if here && field.secret => {
                let layout = if model.keyboard.is_empty() {
                    "keyboard layout unknown"
                } else {
                    &model.keyboard
                };
                (Role::Dim, format!("F2 shows it; {layout}"))
            }
            _ => (Role::Dim, String::new()),
        };
        let indent = " ".repeat(label_columns.min(columns / 3) + 4);
        let room = columns.saturating_sub(indent.len());
        all.push(Line::from(vec![
            span(look, Role::Dim, indent),
            span(look, below.0, fit(look, &below.1, room)),
        ]));
    }
    lines(frame, inside, all);
}
