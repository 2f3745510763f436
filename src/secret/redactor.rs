//! The search for known secrets in running text, in every form that [`super::forms`] and [`super::decode`] know.
//!
//! One automaton finds all fixed forms of all secrets in one pass. Only a text with a sign that may begin an escape is read
//! a second time, as what the escapes stand for, and once more for an escape within an escape.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use zeroize::Zeroizing;

use super::{MASK, SHORTEST_REDACTED, Secret, decode, forms};

/// Escapes within escapes that are looked through.
const DEPTH: usize = 2;
/// Bytes of all forms up to which the faster, larger kind of automaton is built: some megabytes of memory at most.
const FAST_BELOW: usize = 16 * 1024;

/// Replaces known secrets in running text. Kept by the engine and applied at the log writer, to
/// tool output, to failures and to every event text: at the sinks, not at the callers. A copy is cheap.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<Known>,
}

/// The secrets, and the automaton for them once it is needed. It is no more cleared from memory than the texts in which
/// it finds them.
#[derive(Default)]
struct Known {
    /// Longest first.
    secrets: Vec<Secret>,
    matcher: OnceLock<Matcher>,
}

impl Clone for Known {
    fn clone(&self) -> Self {
        Self {
            secrets: self.secrets.clone(),
            matcher: OnceLock::new(),
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets().len())
    }
}

impl Redactor {
    /// Remembers `secret`; what running text cannot hide is ignored, see [`Secret::caution`].
    pub fn add(&mut self, secret: &Secret) {
        if secret.reveal().len() < SHORTEST_REDACTED || self.secrets().contains(secret) {
            return;
        }
        let known = Arc::make_mut(&mut self.known);
        known.matcher = OnceLock::new();
        known.secrets.push(secret.clone());
        known
            .secrets
            .sort_by_key(|s| std::cmp::Reverse(s.reveal().len()));
    }

    /// What is known, longest first.
    pub fn secrets(&self) -> &[Secret] {
        &self.known.secrets
    }

    /// `text` with every known secret replaced by [`MASK`], in whatever form it stands there.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.secrets().is_empty() {
            return Cow::Borrowed(text);
        }
        let found = self.places(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(mask(text, 0, &found))
    }

    /// Whether a secret stands in the text, in any form; line breaks inside of it do not hide it.
    pub fn is_in(&self, text: &str) -> bool {
        if self.secrets().is_empty() {
            return false;
        }
        !self.places(text).is_empty()
            || text.contains(['\n', '\r'])
                && !self.places(&text.replace(['\n', '\r'], "")).is_empty()
    }

    /// Where secrets stand in a text: in order, apart from each other, at the borders of characters.
    pub(super) fn places(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = self.ranges(text.as_bytes());
        for range in &mut found {
            while !text.is_char_boundary(range.start) {
                range.start -= 1;
            }
            while !text.is_char_boundary(range.end) {
                range.end += 1;
            }
        }
        found
    }

    /// Where secrets stand in these bytes: in order and apart from each other.
    pub fn ranges(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        if self.secrets().is_empty() {
            return Vec::new();
        }
        self.matcher().ranges(bytes)
    }

    /// Bytes that a secret may take in any form.
    pub fn reach(&self) -> usize {
        if self.secrets().is_empty() {
            return 0;
        }
        // The longest fixed form is six times the text: as much again for escapes within escapes.
        2 * self.matcher().longest + 64
    }

    /// Where a secret may begin that the end of these bytes cuts off; the earliest such place.
    pub(super) fn begun_at_end(&self, bytes: &[u8]) -> Option<usize> {
        if self.secrets().is_empty() {
            return None;
        }
        self.matcher().begun_at_end(bytes)
    }

    fn matcher(&self) -> &Matcher {
        let known = &self.known;
        known.matcher.get_or_init(|| Matcher::new(&known.secrets))
    }
}

/// A part of a text, which begins at `at`, with the mask in place of these ranges of the whole.
pub(super) fn mask(part: &str, at: usize, found: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(part.len());
    let mut done = 0;
    for range in found {
        let start = range.start.saturating_sub(at).min(part.len());
        let end = range.end.saturating_sub(at).min(part.len());
        if start < end {
            out.push_str(&part[done..start]);
            out.push_str(MASK);
            done = end;
        }
    }
    out.push_str(&part[done..]);
    out
}

struct Matcher {
    /// None when there is more than it can hold: then nothing can be shown.
    automaton: Option<AhoCorasick>,
    /// Of each pattern: whether it is base64.
    base64: Vec<bool>,
    /// The patterns in order, to look up beginnings.
    sorted: Vec<Zeroizing<Vec<u8>>>,
    /// Which values [`hash`] has for the beginnings of the patterns.
    beginnings: Vec<bool>,
    longest: usize,
}

/// Of the first four bytes.
fn hash(bytes: &[u8]) -> usize {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[..SHORTEST_REDACTED]);
    (u32::from_le_bytes(four).wrapping_mul(0x9e37_79b1) >> 18) as usize
}

/// Values of [`hash`].
const HASHES: usize = 1 << 14;

impl Matcher {
    fn new(secrets: &[Secret]) -> Self {
        let mut patterns: Vec<(Zeroizing<Vec<u8>>, bool)> = secrets
            .iter()
            .flat_map(|secret| forms::of(secret.reveal()))
            .filter(|form| form.bytes.len() >= SHORTEST_REDACTED)
            .map(|form| (form.bytes, form.base64))
            .collect();
        patterns.sort_by(|a, b| a.0.cmp(&b.0));
        patterns.dedup_by(|a, b| a.0 == b.0);
        let bytes: usize = patterns.iter().map(|(pattern, _)| pattern.len()).sum();
        let kind = (bytes < FAST_BELOW).then_some(AhoCorasickKind::DFA);
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(kind)
            .build(patterns.iter().map(|(pattern, _)| pattern.as_slice()))
            .ok();
        let mut beginnings = vec![false; HASHES];
        for (pattern, _) in &patterns {
            beginnings[hash(pattern)] = true;
        }
        Self {
            automaton,
            longest: patterns.iter().map(|(p, _)| p.len()).max().unwrap_or(0),
            base64: patterns.iter().map(|(_, base64)| *base64).collect(),
            sorted: patterns.into_iter().map(|(pattern, _)| pattern).collect(),
            beginnings,
        }
    }

    fn ranges(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let Some(automaton) = &self.automaton else {
            return std::iter::once(0..bytes.len()).collect();
        };
        let mut found = Vec::new();
        self.search(automaton, bytes, DEPTH, &mut |range| found.push(range));
        merged(found)
    }

    fn search(
        &self,
        automaton: &AhoCorasick,
        bytes: &[u8],
        depth: usize,
        found: &mut dyn FnMut(Range<usize>),
    ) {
        if automaton.is_match(bytes) {
            for hit in automaton.find_overlapping_iter(bytes) {
                let range = hit.range();
                found(if self.base64[hit.pattern().as_usize()] {
                    with_neighbours(bytes, &range)
                } else {
                    range
                });
            }
        }
        if depth == 0 {
            return;
        }
        for reading in decode::readings(bytes) {
            self.search(automaton, &reading.bytes, depth - 1, &mut |range| {
                found(reading.place(&range));
            });
        }
    }

    fn begun_at_end(&self, bytes: &[u8]) -> Option<usize> {
        let first = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        let last = (bytes.len() + 1).checked_sub(SHORTEST_REDACTED)?;
        (first..last).find(|&start| {
            let end = &bytes[start..];
            self.beginnings[hash(end)] && {
                let after = self.sorted.partition_point(|p| p.as_slice() <= end);
                self.sorted.get(after).is_some_and(|p| p.starts_with(end))
            }
        })
    }
}

/// The letters beside base64 hold bits of what was found.
fn with_neighbours(bytes: &[u8], range: &Range<usize>) -> Range<usize> {
    let letter = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at)).is_some_and(|&byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
        })
    };
    let before = usize::from(letter(range.start.checked_sub(1)));
    let after = usize::from(letter(Some(range.end)));
    range.start - before..range.end + after
}

/// In order, what overlaps joined.
pub(super) fn merged(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    if found.len() < 2 {
        return found;
    }
    found.sort_by_key(|range| range.start);
    let mut out: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match out.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

#[cfg(test)]
#[path = "redactor_tests.rs"]
mod tests;
