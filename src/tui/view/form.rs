//! A form: labels, values, the reason why a value is not right.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{fit, lines, panel, pieces, span, typed, width};
use crate::tui::model::{Form, FormField, Model, Purpose};
use crate::tui::theme::Role;

fn label(form: &Form, field: &FormField) -> String {
    let of_step = matches!(form.purpose, Purpose::Step(_));
    if of_step && field.input.value() != field.before {
        format!("{} (changed)", field.label)
    } else if field.optional && !field.variable.is_empty() && !of_step {
        format!("{} (optional)", field.label)
    } else {
        field.label.clone()
    }
}

/// The sentence above the fields.
fn intro(form: &Form, model: &Model, columns: usize) -> Vec<Line<'static>> {
    if form.intro.is_empty() {
        return Vec::new();
    }
    pieces(&model.look, &form.intro, columns, 3)
        .into_iter()
        .map(|part| Line::from(span(&model.look, Role::Text, part)))
        .collect()
}

/// Rows that a form of `columns` takes with its frame.
pub(super) fn rows(form: &Form, model: &Model, columns: u16) -> u16 {
    let room = usize::from(columns.saturating_sub(2)).max(1);
    let intro = intro(form, model, room).len();
    u16::try_from(form.fields.len() * 2 + 2 + intro).unwrap_or(u16::MAX)
}

pub(super) fn draw(model: &Model, form: &Form, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let inside = panel(frame, look, area, &form.title, true);
    let columns = usize::from(inside.width);
    let label_columns = form
        .fields
        .iter()
        .map(|field| width(&label(form, field)))
        .max()
        .unwrap_or(0)
        .min(columns / 2);
    let mut all = intro(form, model, columns);
    // On a low screen the fields need the room more.
    let room = usize::from(inside.height);
    if room < 8 && all.len() + 2 * form.fields.len() > room {
        all.clear();
    }
    let rows = usize::from(inside.height).saturating_sub(all.len());
    // Two rows a field; the one with the keys is always in sight.
    let skip = (form.at + 1).saturating_sub((rows / 2).max(1));
    for (at, field) in form.fields.iter().enumerate().skip(skip) {
        let here = at == form.at;
        let mark = if here { look.glyphs.cursor } else { " " };
        let label = fit(look, &label(form, field), label_columns);
        let pad = " ".repeat(label_columns.saturating_sub(width(&label)));
        let value = field.input.value();
        let room = columns.saturating_sub(label_columns + 5);
        let masked = field.secret && !form.reveal;
        let shown = match (here, masked) {
            (true, true) => {
                let hidden = look.glyphs.mask.repeat(value.chars().count());
                typed(look, &hidden, field.input.cursor(), room)
            }
            (true, false) => typed(look, value, field.input.cursor(), room),
            (false, true) => {
                let hidden = look.glyphs.mask.repeat(value.chars().count().min(room));
                vec![span(look, Role::Text, hidden)]
            }
            (false, false) => vec![span(look, Role::Text, fit(look, value, room))],
        };
        let mut row = vec![
            span(look, Role::Focus, format!("{mark} ")),
            span(
                look,
                if here { Role::Title } else { Role::Text },
                format!("{label}{pad}: "),
            ),
        ];
        row.extend(shown);
        all.push(Line::from(row));
        let layout = if model.keyboard.is_empty() {
            "keyboard layout unknown"
        } else {
            &model.keyboard
        };
        let reveal = if form.reveal {
            "F2 hides it"
        } else {
            "F2 shows it"
        };
        let below = match form.mistake(at) {
            Some(why) if !value.is_empty() => (Role::Warning, why),
            why if here && field.secret => {
                let caution = crate::secret::caution(value);
                let why = why
                    .or(caution)
                    .map(|why| format!("{why}; "))
                    .unwrap_or_default();
                (Role::Dim, format!("{why}{reveal}; {layout}"))
            }
            Some(why) if here => (Role::Warning, why),
            None if field.doubt().is_some() => (Role::Warning, field.doubt().unwrap_or_default()),
            None if field.document.is_some() => {
                let document = field.document.as_deref().unwrap_or_default();
                let document = if document.is_empty() {
                    "not set"
                } else {
                    document
                };
                (Role::Warning, format!("document: {document}"))
            }
            None if here && value.is_empty() && !field.before.is_empty() => {
                (Role::Dim, "empty: it is taken away".to_owned())
            }
            None if here && field.optional && value.is_empty() => {
                let empty = match form.purpose {
                    Purpose::Bundle => "empty: into the run's own folder",
                    _ => "may stay empty",
                };
                (Role::Dim, empty.to_owned())
            }
            _ => (Role::Dim, String::new()),
        };
        // A narrow screen needs the room for the reason itself.
        let indent = if columns < 60 {
            4
        } else {
            let beside = label_columns.min(columns / 3) + 4;
            beside.min(columns.saturating_sub(width(&below.1)).max(4))
        };
        let indent = " ".repeat(indent);
        let room = columns.saturating_sub(indent.len());
        all.push(Line::from(vec![
            span(look, Role::Dim, indent),
            span(look, below.0, fit(look, &below.1, room)),
        ]));
    }
    lines(frame, inside, all);
}
