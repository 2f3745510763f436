//! Pieces of text that fit: harmless, cut to a width in columns, framed.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};
use unicode_width::UnicodeWidthChar;

use crate::event::Millis;
use crate::text::harmless;
use crate::tui::model::{Look, Model};
use crate::tui::theme::Role;
use crate::units;

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Characters of one text that are looked at.
const LONGEST: usize = 2_000;

/// Marks kept on one character: more are no writing but a heap that costs a slow line dear.
const MOST_MARKS: usize = 3;

/// Signs that take no column and are no mark: joiners, invisible operators, variation selectors, tags. Without them a
/// terminal and this program agree about widths.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// As much of a text as any screen shows of one: cleaning costs time.
fn beginning(text: &str) -> &str {
    text.char_indices()
        .nth(LONGEST)
        .map_or(text, |(at, _)| &text[..at])
}

/// `text` made harmless, in one row, in the signs this terminal has.
pub(super) fn clean(look: &Look, text: &str) -> String {
    let ascii = look.glyphs.ellipsis.is_ascii();
    let mut marks = 0;
    let mut out = String::new();
    // A line break means no harm and is no question mark.
    let text = beginning(text).replace('\n', " ");
    for c in harmless(&text).chars().filter(|c| !is_invisible(*c)) {
        let columns = c.width().unwrap_or(0);
        marks = if columns == 0 { marks + 1 } else { 0 };
        match (ascii && !c.is_ascii(), columns) {
            (false, _) if marks <= MOST_MARKS => out.push(c),
            (true, 1..) => out.push_str(&"?".repeat(columns)),
            _ => {}
        }
    }
    out
}

/// `text` made harmless, in the signs this terminal has, cut to `columns`.
pub(super) fn fit(look: &Look, text: &str, columns: usize) -> String {
    let clean = clean(look, text);
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

/// Like [`fit`], but the end is kept: of a path it says more than the beginning.
pub(super) fn fit_end(look: &Look, text: &str, columns: usize) -> String {
    let clean = clean(look, text);
    let mut room = match width(&clean) <= columns {
        true => return clean,
        false if columns == 0 => return String::new(),
        false => columns - 1,
    };
    let mut from = clean.len();
    for (at, c) in clean.char_indices().rev() {
        let needed = c.width().unwrap_or(0);
        if needed > room {
            break;
        }
        room -= needed;
        from = at;
    }
    format!("{}{}", look.glyphs.ellipsis, &clean[from..])
}

/// `text` in at most `rows` pieces of at most `columns`, broken at its line breaks and at blanks where there are any near; the
/// last is cut.
pub(super) fn pieces(look: &Look, text: &str, columns: usize, rows: usize) -> Vec<String> {
    let clean: Vec<String> = beginning(text)
        .lines()
        .map(|line| clean(look, line))
        .collect();
    let clean = clean.join("\n");
    let mut rest = clean.as_str();
    let mut out = Vec::new();
    while out.len() + 1 < rows {
        let mut used = 0;
        // The first one that stands in this row no more.
        let beyond = rest.char_indices().find(|(_, c)| {
            used += c.width().unwrap_or(0);
            *c == '\n' || used > columns
        });
        let cut = match beyond {
            Some((at, '\n')) => {
                out.push(rest[..at].to_owned());
                rest = &rest[at + 1..];
                continue;
            }
            None | Some((0, _)) => break,
            Some((end, _)) => match rest[..end].rfind(' ') {
                // A break that wastes most of the row is worse than one inside a word.
                Some(blank) if (blank + 1) * 2 > end => blank + 1,
                _ => end,
            },
        };
        out.push(rest[..cut].trim_end().to_owned());
        // A word that just fitted leaves its blank behind.
        rest = rest[cut..].strip_prefix(' ').unwrap_or(&rest[cut..]);
    }
    out.push(fit(look, rest, columns));
    out
}

/// Text in the middle of being typed, in `columns`: the place of the next character is underscored at the end, reversed inside.
pub(super) fn typed(look: &Look, value: &str, cursor: usize, columns: usize) -> Vec<Span<'static>> {
    let room = columns.saturating_sub(1);
    let chars: Vec<char> = value.chars().collect();
    let cursor = cursor.min(chars.len());
    let mut from = cursor;
    let mut used = 0;
    while from > 0 {
        used += chars[from - 1].width().unwrap_or(0);
        if used > room {
            break;
        }
        from -= 1;
    }
    let text = |part: &[char]| part.iter().collect::<String>();
    let before = fit(look, &text(&chars[from..cursor]), room);
    let Some(under) = chars.get(cursor) else {
        return vec![span(look, Role::Text, before), span(look, Role::Text, "_")];
    };
    let left = columns.saturating_sub(width(&before));
    let under = fit(look, &under.to_string(), left);
    let left = left.saturating_sub(width(&under));
    let behind = fit(look, &text(&chars[cursor + 1..]), left);
    vec![
        span(look, Role::Text, before),
        span(look, Role::Selected, under),
        span(look, Role::Text, behind),
    ]
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

/// Local time of day.
pub(super) fn clock(model: &Model, at: Millis) -> String {
    units::time_of_day(at, model.utc_offset)
}

/// Local date and time of day.
pub(super) fn date(model: &Model, at: Millis) -> String {
    let offset = jiff::tz::Offset::from_seconds(model.utc_offset).unwrap_or(jiff::tz::Offset::UTC);
    match jiff::Timestamp::from_millisecond(at) {
        Ok(time) => offset
            .to_datetime(time)
            .strftime("%Y-%m-%d %H:%M")
            .to_string(),
        Err(_) => "an unknown time".to_owned(),
    }
}

/// A row as chosen: every piece of it, for a theme may give each a background of its own.
pub(super) fn chosen_row(look: &Look, row: Line<'static>, chosen: bool) -> Line<'static> {
    if !chosen {
        return row;
    }
    let style = look.theme.style(Role::Selected);
    let mut row = row.patch_style(style);
    for span in &mut row.spans {
        span.style = span.style.patch(style);
    }
    row
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_the_end_that_says_less() {
        let look = Look::default();
        assert_eq!(fit(&look, "Windows/System32", 8), "Windows…");
        assert_eq!(fit_end(&look, "Windows/System32", 9), "…System32");
        assert_eq!(fit_end(&look, "short", 9), "short");
        assert_eq!(fit(&look, "統合", 3), "統…");
        assert_eq!(
            (fit(&look, "ab", 0), fit_end(&look, "ab", 0)),
            (String::new(), String::new())
        );
    }

    #[test]
    fn pieces_break_at_blanks_and_never_exceed_rows_or_columns() {
        let look = Look::default();
        assert_eq!(pieces(&look, "one two three", 8, 3), ["one two", "three"]);
        assert_eq!(
            pieces(&look, "one two three four", 8, 2),
            ["one two", "three f…"]
        );
        assert_eq!(pieces(&look, "abcdefghij", 4, 3), ["abcd", "efgh", "ij"]);
        assert_eq!(
            pieces(&look, "do:\r\n  1. this\n\nthen", 9, 9),
            ["do:", "  1. this", "", "then"]
        );
        assert_eq!(
            pieces(&look, "do:\n1. this\n2. that", 9, 2),
            ["do:", "1. this …"]
        );
        assert_eq!(
            (fit(&look, "a\nb", 9), pieces(&look, "", 9, 2)),
            ("a b".into(), vec![String::new()])
        );
        for columns in 0..6 {
            let parts = pieces(&look, "統合イメージ and more", columns, 3);
            assert!(
                parts.len() <= 3 && parts.iter().all(|part| width(part) <= columns),
                "{parts:?}"
            );
        }
    }

    #[test]
    fn what_is_typed_keeps_its_cursor_in_sight() {
        let look = Look::default();
        let shown = |value: &str, cursor, columns| {
            let spans = typed(&look, value, cursor, columns);
            spans
                .iter()
                .map(|span| span.content.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(shown("abc", 3, 10), ["abc", "_"]);
        assert_eq!(shown("abcdef", 6, 4), ["def", "_"]);
        assert_eq!(shown("abc", 1, 10), ["a", "b", "c"]);
    }

    #[test]
    fn invisible_signs_vanish_and_marks_stay_few() {
        let look = Look::default();
        assert_eq!(clean(&look, "a\u{200b}b\u{fe0f}"), "ab");
        let heap = format!("e{}", "\u{301}".repeat(50));
        assert_eq!(clean(&look, &heap).chars().count(), 1 + MOST_MARKS);
    }
}
