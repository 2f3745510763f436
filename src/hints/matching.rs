//! Which entries fit what was said, and how well.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::codes::{self, LAST_EXIT_CODE};
use crate::event::Failure;
use crate::text::{harmless, shorten};

use super::catalogue::{Hint, Loaded, loaded};

/// An entry that fits, and why.
#[derive(Clone, Debug)]
pub struct Match {
    /// The entry.
    pub hint: &'static Hint,
    /// Which symptom was found: no full sentence, for "found by ...".
    pub why: String,
    /// How much that says.
    pub strength: Strength,
}

/// How much a symptom says, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// A code that says next to nothing by itself: access denied, unspecified failure, a tool's small exit code.
    Weak,
    /// An error number of Linux.
    Errno,
    /// Words of a tool, while the failure's own code belongs to another entry: the program knew better.
    Doubtful,
    /// A code.
    Code,
    /// An error number of Linux in a step of the right kind.
    ErrnoAndKind,
    /// A code in a step of the right kind.
    CodeAndKind,
    /// Words in the message, the causes or the tool's output.
    Words,
}

/// Codes that half of all failures have.
const GENERIC: [u32; 6] = [
    0x8007_0001,
    codes::FILE_NOT_FOUND,
    codes::ACCESS_DENIED,
    codes::INVALID_PARAMETER,
    codes::E_FAIL,
    codes::UNEXPECTED,
];

/// Of a longer line the head is searched, and the end, where the reason mostly stands. Bytes.
const HEAD: usize = 4096;
const END: usize = 1024;
/// How much is searched in all, the last lines of the output first. Bytes.
const BUDGET: usize = 128 * 1024;
/// How many codes and error numbers of a text count.
const MOST_NUMBERS: usize = 64;
/// Longest part of a line that is repeated in [`Match::why`], in bytes.
const LONGEST_QUOTE: usize = 160;

/// The entries for a failed step, best first. `step_kind` is Configuration Manager's name of its kind.
///
/// Words rank before a code in a step of the right kind, that before an error number in such a step, that before a
/// code alone. Words that only a tool has said rank below what fits the failure's own code, when there is such an entry:
/// the program that made the code knew what it was about. An entry for certain kinds fits a step of another kind only by words. Codes that say nothing by
/// themselves count only in a step of a kind that the entry names, and rank last.
pub fn best(failure: &Failure, step_kind: &str) -> Vec<Match> {
    let kind = step_kind.trim();
    rank(&Facts::of(failure), (!kind.is_empty()).then_some(kind))
}

/// What there is to go by.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The code of the failure, or the one that was asked about.
    pub(super) code: Option<u32>,
    /// Codes in the text, in their 32-bit form.
    pub(super) codes: BTreeSet<u32>,
    /// Error numbers in the text, or the one that was asked about.
    pub(super) errnos: BTreeSet<i32>,
    /// The first code of the text.
    pub(super) first: Option<u32>,
    /// The first STOP code of the text, or the one that was asked about.
    pub(super) stop: Option<u32>,
    /// Lines and whether they are the program's own words (not a tool's).
    lines: Vec<(String, bool)>,
    /// Bytes of the lines.
    bytes: usize,
}

impl Facts {
    fn of(failure: &Failure) -> Self {
        let mut facts = Self {
            code: Some(failure.code),
            ..Self::default()
        };
        let own = std::iter::once(&failure.message).chain(&failure.causes);
        for line in own {
            facts.add(without_command(line), true);
        }
        for line in failure.tail.iter().rev() {
            facts.add(line, false);
        }
        facts
    }

    /// A text that somebody has in hand.
    pub(super) fn of_text(text: &str) -> Self {
        let mut facts = Self::default();
        for line in text.lines() {
            facts.add(line, true);
        }
        facts
    }

    fn add(&mut self, line: &str, own: bool) {
        let head = cut(line, HEAD);
        self.add_part(head, own);
        if line.len() > HEAD {
            let mut start = line.len().saturating_sub(END).max(head.len());
            while !line.is_char_boundary(start) {
                start += 1;
            }
            self.add_part(&line[start..], own);
        }
    }

    fn add_part(&mut self, part: &str, own: bool) {
        if self.bytes + part.len() > BUDGET || part.trim().is_empty() {
            return;
        }
        self.bytes += part.len();
        let part = harmless(part).trim().to_owned();
        self.find_numbers(&part);
        self.lines.push((part, own));
    }

    /// Takes a STOP code: the words of its name count as said.
    pub(super) fn add_stop(&mut self, number: u32) {
        if let Some(known) = codes::stop(number) {
            self.stop.get_or_insert(number);
            self.lines.push((known.name.to_owned(), false));
        }
    }

    fn find_stops(&mut self, line: &str) {
        static STOPS: LazyLock<Option<Regex>> = LazyLock::new(|| {
            let word = r"stop ?code|stop|bug ?check(?: code)?|fatal system error";
            Regex::new(&format!(
                r"(?i-u:\b(?:{word}) ?[:=(]? ?0x(?P<hex>[0-9a-f]{{1,16}})\b)"
            ))
            .ok()
        });
        let Some(stops) = STOPS.as_ref() else {
            return;
        };
        for found in stops.captures_iter(line).take(MOST_NUMBERS) {
            if let Ok(number) = u32::from_str_radix(&found["hex"], 16) {
                self.add_stop(number);
            }
        }
    }

    fn find_numbers(&mut self, line: &str) {
        static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
            let bare = r"(?P<bare>80[0-9a-f]{6}|87d[0-9a-f]{5}|c[01][0-9a-f]{6})";
            let word = r"(?P<whose>mount |os |wimlib )?(?:error|errno|dwret|gle|hr|status)";
            // What a program ended with: small numbers are its own.
            let end = r"(?:exit(?:ed with|ed)?(?: code)?|return(?:ed|s)?(?: code)?|code|result|rc)";
            Regex::new(&format!(
                r"(?i-u:\b0x(?P<hex>[0-9a-f]{{3,8}})\b|\b{bare}\b|(?P<minus>-21[0-9]{{8}})\b|\b(?P<long>[23][0-9]{{9}})\b|\b{word} ?[=:(]? ?(?P<number>[0-9]{{1,5}})\b|\b{end} ?[=:(]? ?(?P<end>[0-9]{{3,5}})\b)"
            ))
            .ok()
        });
        self.find_stops(line);
        let Some(numbers) = NUMBERS.as_ref() else {
            return;
        };
        for found in numbers.captures_iter(line).take(MOST_NUMBERS) {
            let hex = found.name("hex").or_else(|| found.name("bare"));
            let code = if let Some(hex) = hex {
                u32::from_str_radix(hex.as_str(), 16).ok()
            } else if let Some(minus) = found.name("minus") {
                minus.as_str().parse().ok().map(i32::cast_unsigned)
            } else if let Some(long) = found.name("long") {
                // Sizes in bytes are as long: only a code that a table has is one.
                let code = long.as_str().parse().ok();
                code.filter(|code| *code > 0x8000_0000 && codes::known(*code).is_some())
            } else if let Some(end) = found.name("end") {
                let code = end.as_str().parse().ok();
                code.filter(|code| *code > LAST_EXIT_CODE && codes::known(*code).is_some())
            } else {
                let number = found.name("number").map_or("", |n| n.as_str());
                let whose = found.name("whose").map_or("", |w| w.as_str().trim());
                let is_errno = ["mount", "os"]
                    .iter()
                    .any(|w| whose.eq_ignore_ascii_case(w))
                    || found[0].to_ascii_lowercase().starts_with("errno");
                match number.parse::<u32>() {
                    Ok(number) if is_errno => {
                        if self.errnos.len() < MOST_NUMBERS {
                            self.errnos.extend(i32::try_from(number));
                        }
                        None
                    }
                    // wimlib has numbers of its own.
                    Ok(number) if whose.is_empty() => Some(number),
                    _ => None,
                }
            };
            // 0x0nn in a log is anything; a real code has more digits, or stands behind a word.
            let Some(code) = code.filter(|code| hex.is_none() || *code > LAST_EXIT_CODE) else {
                continue;
            };
            if self.codes.len() < MOST_NUMBERS {
                if code > LAST_EXIT_CODE {
                    self.first.get_or_insert(code);
                }
                self.codes.insert(codes::full(code));
            }
        }
    }
}

/// What a failed command's message says behind the command line: its arguments are no symptoms.
fn without_command(message: &str) -> &str {
    if !message.starts_with("command \"") {
        return message;
    }
    message.rsplit_once('"').map_or(message, |(_, said)| said)
}

/// The head of a text, at most so many bytes.
fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// How an entry was found.
struct Found {
    strength: Strength,
    /// Decides between entries of the same strength.
    points: usize,
    /// Found by nothing but the words of a tool.
    of_tool: bool,
    why: String,
}

/// Entries for what is known, best first. Without a kind (somebody asks about a code), every kind is right.
pub(super) fn rank(facts: &Facts, kind: Option<&str>) -> Vec<Match> {
    let loaded = loaded();
    let words = words(facts, loaded);
    let typed = typed_code(facts);
    let mut found: Vec<(Found, &'static Hint)> = loaded
        .hints
        .iter()
        .zip(words)
        .filter_map(|(hint, words)| Some((fit(hint, &words, facts, kind)?, hint)))
        .collect();
    // Where the failure's own code names one entry, what a tool said besides is no better.
    let belongs = |hint: &Hint| typed.is_some_and(|code| hint.symptom.has(code));
    let named = found
        .iter()
        .filter(|(found, hint)| found.strength >= Strength::CodeAndKind && belongs(hint))
        .count();
    if named == 1 {
        for (found, _) in found
            .iter_mut()
            .filter(|(found, hint)| found.of_tool && !belongs(hint))
        {
            found.strength = Strength::Doubtful;
        }
    }
    // The sort is stable: equals stay in the order of their numbers.
    found.sort_by_key(|(found, _)| std::cmp::Reverse((found.strength, found.points)));
    found
        .into_iter()
        .map(|(found, hint)| Match {
            hint,
            why: found.why,
            strength: found.strength,
        })
        .collect()
}

/// What the patterns of one entry found.
#[derive(Clone, Default)]
struct Words {
    /// Which of all patterns.
    patterns: BTreeSet<usize>,
    /// The first line.
    line: Option<usize>,
}

fn words(facts: &Facts, loaded: &Loaded) -> Vec<Words> {
    let mut words = vec![Words::default(); loaded.hints.len()];
    for (line, (text, _)) in facts.lines.iter().enumerate() {
        for pattern in loaded.patterns.matches(text.as_bytes()) {
            let Some(of) = loaded.owners.get(pattern).and_then(|at| words.get_mut(*at)) else {
                continue;
            };
            of.patterns.insert(pattern);
            of.line.get_or_insert(line);
        }
    }
    words
}

fn fit(hint: &Hint, words: &Words, facts: &Facts, kind: Option<&str>) -> Option<Found> {
    let symptom = &hint.symptom;
    let named = kind.is_some_and(|kind| {
        let same = |k: &String| k.eq_ignore_ascii_case(kind);
        symptom.kinds.iter().any(same)
    });
    let other = kind.is_some() && !symptom.kinds.is_empty() && !named;
    let code = code_of(hint, facts, kind.is_none());
    if let Some((text, own)) = words.line.and_then(|line| facts.lines.get(line)) {
        let points = 4 * words.patterns.len().min(4)
            + if *own { 3 } else { 0 }
            + if named { 2 } else { 0 }
            + match &code {
                Some((_, false)) => 5,
                Some((_, true)) | None => 0,
            };
        return Some(Found {
            strength: Strength::Words,
            points,
            of_tool: !*own,
            why: format!("the line \"{}\"", shorten(text, LONGEST_QUOTE)),
        });
    }
    if other {
        return None;
    }
    let of_kind = if named { " in a step of this kind" } else { "" };
    let by_number = symptom.errnos.iter().find(|n| facts.errnos.contains(n));
    // A code that says nothing by itself stands behind a number of the system.
    let code = code.filter(|(_, weak)| !weak || by_number.is_none() || kind.is_none());
    // "Unspecified failure" asked about alone is no symptom of anything.
    let code = code.filter(|(code, _)| kind.is_some() || *code != codes::E_FAIL);
    if let Some((code, weak)) = code {
        let strength = match (weak, named) {
            // Half of all failures have it: without words or kind it would be a guess.
            (true, false) if kind.is_some() => return None,
            (true, _) => Strength::Weak,
            (false, true) => Strength::CodeAndKind,
            (false, false) => Strength::Code,
        };
        return Some(Found {
            strength,
            points: generality(hint, kind) + usize::from(facts.code.map(codes::full) == Some(code)),
            of_tool: false,
            why: format!("code {}{of_kind}", codes::show(code)),
        });
    }
    let errno = by_number?;
    let name = codes::errno(*errno).map_or("", |known| known.name);
    Some(Found {
        strength: if named {
            Strength::ErrnoAndKind
        } else {
            Strength::Errno
        },
        points: 0,
        of_tool: false,
        why: format!("error number {errno} ({name}){of_kind}"),
    })
}

/// The failure's own code, when a program made it that knew what it was about: not one that half of all failures have,
/// and not what a tool ended with.
fn typed_code(facts: &Facts) -> Option<u32> {
    let code = facts.code.filter(|code| *code > u32::from(u16::MAX))?;
    (!GENERIC.contains(&code)).then_some(code)
}

/// When somebody asks about a code alone, entries for many kinds of steps come before those for few.
fn generality(hint: &Hint, kind: Option<&str>) -> usize {
    match (kind, hint.symptom.kinds.len()) {
        (Some(_), _) => 0,
        (None, 0) => usize::from(u8::MAX),
        (None, kinds) => kinds,
    }
}

/// The code that an entry and the facts share, and whether it says next to nothing. The failure's own comes first.
fn code_of(hint: &Hint, facts: &Facts, asked: bool) -> Option<(u32, bool)> {
    let has = |code: u32| hint.symptom.has(code);
    let own = facts.code.filter(|code| has(codes::full(*code)));
    if let Some(code) = own {
        let small = !asked && code <= LAST_EXIT_CODE;
        let code = codes::full(code);
        return Some((code, small || GENERIC.contains(&code)));
    }
    let in_text = |weak: bool| {
        let mut list = facts.codes.iter().copied();
        list.find(|code| has(*code) && GENERIC.contains(code) == weak)
            .map(|code| (code, weak))
    };
    in_text(false).or_else(|| in_text(true))
}
