//! Pieces of text that fit: harmless, cut to a width in columns, framed.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};
use unicode_width::UnicodeWidthChar;

use crate::event::Millis;
use crate::text::harmless;
use crate::tui::model::{Look, Model};
use crate::tui::theme::Role;

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// `text` made harmless, in the signs this terminal has, cut to `columns`.
pub(super) fn fit(look: &Look, text: &str, columns: usize) -> String {
    let clean = harmless(text);
    let ascii = look.glyphs.ellipsis.is_ascii();
    let clean: String = if ascii {
        clean
            .chars()
            .map(|c| if c.is_ascii() { c } else { '?' })
            .collect()
    } else {
        clean.into_owned()
    };
    if width(&clean) <= columns {
        return clean;
    }
    if columns == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in clean.chars() {
        let next = c.width().unwrap_or(0);
        if used + next > columns - 1 {
            break;
        }
        used += next;
        out.push(c);
    }
    out.push_str(look.glyphs.ellipsis);
    out
}

/// `text` made harmless and broken at blanks into rows of at most `columns`; at most eight rows.
pub(super) fn folded(look: &Look, text: &str, columns: usize) -> Vec<String> {
    const MOST: usize = 8;
    let clean = fit(look, text, columns.saturating_mul(MOST));
    let mut rows = vec![String::new()];
    for word in clean.split(' ') {
        let mut word = word.to_owned();
        while let Some(row) = rows.last_mut() {
            let gap = usize::from(!row.is_empty());
            if width(row) + gap + width(&word) <= columns {
                if gap == 1 {
                    row.push(' ');
                }
                row.push_str(&word);
                break;
            }
            if !row.is_empty() {
                rows.push(String::new());
                continue;
            }
            // Longer than a row: as much as fits, the rest on the next.
            let mut used = 0;
            let cut = word
                .char_indices()
                .find(|(_, c)| {
                    used += c.width().unwrap_or(0);
                    used > columns
                })
                .map_or(word.len(), |(at, _)| at);
            if cut == 0 {
                break;
            }
            row.push_str(&word[..cut]);
            word = word[cut..].to_owned();
            if word.is_empty() {
                break;
            }
            rows.push(String::new());
        }
    }
    rows.truncate(MOST);
    rows
}

/// A span in a role's style.
pub(super) fn span(look: &Look, role: Role, text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), look.theme.style(role))
}

/// One line of text that fits `area`.
pub(super) fn line(frame: &mut Frame<'_>, look: &Look, area: Rect, role: Role, text: &str) {
    if area.height == 0 {
        return;
    }
    let row = Rect { height: 1, ..area };
    let text = fit(look, text, usize::from(area.width));
    frame.render_widget(Paragraph::new(Line::from(span(look, role, text))), row);
}

/// Lines that are drawn as they are, cut at the right edge.
pub(super) fn lines(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    frame.render_widget(Paragraph::new(lines), area);
}

/// Lines that are wrapped.
pub(super) fn wrapped(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), area);
}

/// A frame with a title; what is inside.
pub(super) fn panel(
    frame: &mut Frame<'_>,
    look: &Look,
    area: Rect,
    title: &str,
    focus: bool,
) -> Rect {
    let role = if focus { Role::Focus } else { Role::Border };
    // The title of the panel with the keys is marked by a sign, too: colour is never the only one.
    let mark = if focus { look.glyphs.cursor } else { " " };
    let title = fit(look, title, usize::from(area.width.saturating_sub(4)));
    let block = Block::bordered()
        .border_set(look.glyphs.border)
        .border_style(look.theme.style(role))
        .title(Span::styled(
            format!("{mark}{title} "),
            look.theme.style(Role::Title),
        ));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

/// Clears an area to plain text style.
pub(super) fn clear(frame: &mut Frame<'_>, look: &Look, area: Rect) {
    frame.render_widget(ratatui::widgets::Clear, area);
    frame.render_widget(Block::new().style(look.theme.style(Role::Text)), area);
}

/// A bar of `columns` for `permille`.
pub(super) fn bar(look: &Look, permille: u16, columns: usize) -> (String, String) {
    let full = columns * usize::from(permille.min(1000)) / 1000;
    (
        look.glyphs.full.repeat(full),
        look.glyphs.empty.repeat(columns - full),
    )
}

/// Local day and time.
pub(super) fn day(model: &Model, at: Millis) -> String {
    let local = at.saturating_add(i64::from(model.utc_offset) * 1000);
    jiff::Timestamp::from_millisecond(local).map_or_else(
        |_| "at an unknown time".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// Local time of day.
pub(super) fn clock(model: &Model, at: Millis) -> String {
    let seconds = (at.div_euclid(1000) + i64::from(model.utc_offset)).rem_euclid(86_400);
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// The style for selected rows laid over another.
pub(super) fn selected(look: &Look, style: Style) -> Style {
    style.patch(look.theme.style(Role::Selected))
}

/// A rectangle in the middle of another, at most as large.
pub(super) fn centred(area: Rect, columns: u16, rows: u16) -> Rect {
    let columns = columns.min(area.width);
    let rows = rows.min(area.height);
    Rect {
        x: area.x + (area.width - columns) / 2,
        y: area.y + (area.height - rows) / 2,
        width: columns,
        height: rows,
    }
}
