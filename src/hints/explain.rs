//! `wimforge explain`: a code, a name or a log line, in words.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use crate::codes;

use super::matching::{Facts, Match, rank};

/// How many entries are shown in full; of the rest only the titles.
const IN_FULL: usize = 3;

/// The narrowest text that is made, in columns.
const NARROWEST: usize = 20;

/// What is known about a code or a text.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The code that was meant, or the first one in the text.
    pub code: Option<u32>,
    /// Name and meaning of the code or error number; `None` when no table has it.
    pub name: Option<String>,
    /// The entries of the catalogue, best first.
    pub matches: Vec<Match>,
}

impl Explanation {
    /// Whether there is anything to say beyond the bits of a code.
    pub fn is_known(&self) -> bool {
        self.name.is_some() || !self.matches.is_empty()
    }
}

/// What a text can be taken for.
enum Given {
    /// And whether it was written as people write STOP codes, with 0x.
    Code(u32, bool),
    Stop(u32),
    Errno(i32),
    Text,
}

/// Explains a code in any way of writing it (`0x80070005`, `80070005`, `2147942405`, `-2147024891`, `5`), the name of
/// a code or a Linux error number (`ERROR_ACCESS_DENIED`, `ENOSPC`), or a text such as lines of a log.
pub fn explain(text: &str) -> Explanation {
    let mut facts = Facts::default();
    match given(text) {
        Given::Code(code, hex) => {
            facts.code = Some(code);
            facts.errnos.extend(errno_of(code));
            if hex {
                facts.add_stop(code);
            }
        }
        Given::Stop(number) => facts.add_stop(number),
        Given::Errno(number) => {
            facts.errnos.insert(number);
        }
        Given::Text => facts = Facts::of_text(text),
    }
    let code = facts.code.or(facts.first.filter(|_| facts.stop.is_none()));
    let stop = facts.stop.and_then(stop_name);
    let name = match (code.map(code_name), stop) {
        (Some(Some(code)), Some(stop)) => Some(format!("{code}; as a {stop}")),
        (Some(name), stop) => name.or(stop),
        (None, Some(stop)) => Some(stop),
        (None, None) => facts.errnos.first().and_then(|n| errno_name(*n)),
    };
    Explanation {
        code: code.or(facts.stop),
        name,
        matches: rank(&facts, None),
    }
}

/// A small number may be one of Linux as well.
fn errno_of(code: u32) -> Option<i32> {
    let number = i32::try_from(code).ok()?;
    codes::errno(number).map(|_| number)
}

fn code_name(code: u32) -> Option<String> {
    let windows = codes::known(code).map(|known| format!("{}: {}", known.name, known.meaning));
    let linux = errno_of(code).and_then(errno_name);
    match (windows, linux) {
        (Some(windows), Some(linux)) => Some(format!("{windows}; on Linux {linux}")),
        (windows, linux) => windows.or(linux),
    }
}

fn stop_name(number: u32) -> Option<String> {
    let known = codes::stop(number)?;
    Some(format!("STOP code {}: {}", known.name, known.meaning))
}

fn errno_name(number: i32) -> Option<String> {
    let known = codes::errno(number)?;
    Some(format!("{} ({number}): {}", known.name, known.meaning))
}

fn given(text: &str) -> Given {
    let text = text.trim();
    let (text, is_errno) = without_word(text);
    if is_errno && let Ok(number) = text.parse() {
        return Given::Errno(number);
    }
    if let Some(code) = number(text) {
        let hex = text.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("0x"));
        return Given::Code(code, hex);
    }
    if let Some(number) = codes::errno_by_name(text) {
        return Given::Errno(number);
    }
    if let Some(number) = codes::stop_by_name(text) {
        return Given::Stop(number);
    }
    codes::by_name(text).map_or(Given::Text, |code| Given::Code(code, false))
}

/// `error 5` and the like without the word; and whether the word says that Linux is meant.
fn without_word(text: &str) -> (&str, bool) {
    const WORDS: [(&str, bool); 6] = [
        ("exit code", false),
        ("hresult", false),
        ("os error", true),
        ("errno", true),
        ("error", false),
        ("code", false),
    ];
    for (word, is_errno) in WORDS {
        if let Some(head) = text.get(..word.len())
            && head.eq_ignore_ascii_case(word)
        {
            let rest = text[word.len()..].trim_start_matches([' ', ':', '=']);
            if rest.len() < text.len() - word.len() {
                return (rest, is_errno);
            }
        }
    }
    (text, false)
}

fn number(text: &str) -> Option<u32> {
    let hex = |digits: &str| {
        let all = (1..=8).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_hexdigit());
        all.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return hex(digits);
    }
    if text.starts_with('-') {
        return text.parse().ok().map(i32::cast_unsigned);
    }
    // Eight digits that begin like an error code are one: people leave the 0x out.
    let like_a_code = text.len() == 8 && text.starts_with(['8', 'c', 'C', 'd', 'D']);
    if like_a_code
        && text.contains(|c: char| c.is_ascii_digit())
        && let Some(code) = hex(text)
    {
        return Some(code);
    }
    let decimal = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    decimal.then(|| text.parse().ok()).flatten()
}

/// The explanation as plain text, wrapped at `width` columns (at least 20).
pub fn render(explanation: &Explanation, width: usize) -> String {
    let mut page = Page {
        width: width.max(NARROWEST),
        text: String::new(),
    };
    if let Some(code) = explanation.code {
        page.paragraph("", "", &codes::show(code));
    }
    match (&explanation.name, explanation.code) {
        (Some(name), _) => page.paragraph("", "", name),
        (None, Some(code)) => page.paragraph("", "", &codes::describe(code)),
        (None, None) => {}
    }
    if !explanation.is_known() {
        page.paragraph("", "", "Nothing is known about this.");
        return page.text;
    }
    let (full, rest) = explanation
        .matches
        .split_at(IN_FULL.min(explanation.matches.len()));
    for found in full {
        let hint = found.hint;
        page.blank();
        page.paragraph("", "", &format!("{}. {}", hint.number, hint.title));
        page.paragraph("   ", "   ", &hint.cause);
        for todo in &hint.todo {
            page.paragraph("   - ", "     ", todo);
        }
        page.paragraph("   ", "   ", &format!("(Found by {}.)", found.why));
    }
    if !rest.is_empty() {
        page.blank();
        page.paragraph("", "", "Less likely:");
        for found in rest {
            let line = format!("{}. {}", found.hint.number, found.hint.title);
            page.paragraph("   ", "      ", &line);
        }
    }
    page.text
}

/// A text that grows, wrapped.
struct Page {
    width: usize,
    text: String,
}

impl Page {
    fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn paragraph(&mut self, first: &str, others: &str, text: &str) {
        let mut line = first.to_owned();
        let mut is_empty = true;
        for word in text.split_whitespace() {
            let mut word = word;
            loop {
                let gap = usize::from(!is_empty);
                if line.width() + gap + word.width() <= self.width {
                    if gap == 1 {
                        line.push(' ');
                    }
                    line.push_str(word);
                    is_empty = false;
                    break;
                }
                if is_empty {
                    // Longer than a line: it is cut.
                    let (head, tail) = fitting(word, self.width.saturating_sub(line.width()));
                    line.push_str(head);
                    word = tail;
                }
                let _ = writeln!(self.text, "{line}");
                others.clone_into(&mut line);
                is_empty = true;
            }
        }
        if !is_empty {
            let _ = writeln!(self.text, "{line}");
        }
    }
}

/// As many characters of a word as fit, at least one, and the rest.
fn fitting(word: &str, width: usize) -> (&str, &str) {
    let mut end = 0;
    for (at, c) in word.char_indices() {
        let next = at + c.len_utf8();
        if end > 0 && word[..next].width() > width {
            break;
        }
        end = next;
    }
    word.split_at(end)
}
