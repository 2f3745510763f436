//! The log a page at a time, read from the journal: nothing of it is kept in memory but one offset in 512 events.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use regex::{Regex, RegexBuilder};

use super::journal_line;
use crate::event::EventBody;
use crate::protocol::{LOG_PAGE, LogPage, LogQuery};
use crate::regular;
use crate::run_state::LogLine;

/// Events between two offsets of the index.
const STRIDE: u64 = 512;
/// A query gives back what it has after this time; the next one goes on from there.
const BUDGET: Duration = Duration::from_millis(150);
/// Longest line read, in bytes; as in the journal.
const LONGEST: u64 = 8 * 1024 * 1024;
/// Largest compiled regular expression, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

/// Where events stand in a journal: the offset, in bytes, of every 512th.
#[derive(Clone, Debug, Default)]
pub struct Index {
    offsets: Vec<u64>,
    last: u64,
}

impl Index {
    /// Notes that event `seq` begins at `offset`.
    pub fn note(&mut self, seq: u64, offset: u64) {
        self.last = seq;
        if seq % STRIDE == 1 {
            self.offsets.push(offset);
        }
    }

    /// Number of the last event.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The same, as if event `seq` were the last.
    #[must_use]
    pub fn until(&self, seq: u64) -> Self {
        Self {
            last: self.last.min(seq),
            ..self.clone()
        }
    }

    /// Number of the first event of the block that holds `seq`, and its offset.
    fn block(&self, seq: u64) -> Option<(u64, u64)> {
        let at = usize::try_from(seq.clamp(1, self.last.max(1)).saturating_sub(1) / STRIDE).ok()?;
        let offset = self.offsets.get(at)?;
        Some((at as u64 * STRIDE + 1, *offset))
    }
}

/// A journal that can be looked into while it grows.
#[derive(Clone, Debug)]
pub struct Pages {
    path: PathBuf,
    index: Index,
}

/// What a query looks for, ready to use.
struct Filter<'a> {
    query: &'a LogQuery,
    pattern: Option<Regex>,
    /// Lines of a page.
    most: usize,
    /// When the page is given back as it is.
    until: Instant,
}

impl Filter<'_> {
    fn new(query: &LogQuery) -> Result<Filter<'_>, String> {
        let pattern = match &query.find {
            None => None,
            Some(find) => {
                let text = if find.regex {
                    find.text.clone()
                } else {
                    regex::escape(&find.text)
                };
                let built = RegexBuilder::new(&text)
                    .case_insensitive(true)
                    .size_limit(PATTERN_SIZE)
                    .build();
                Some(built.map_err(|error| format!("not a regular expression: {error}"))?)
            }
        };
        Ok(Filter {
            query,
            pattern,
            most: query.most.clamp(1, LOG_PAGE) as usize,
            until: Instant::now() + BUDGET,
        })
    }

    /// The line, when the event is one and passes.
    fn line(&self, raw: &[u8]) -> Option<LogLine> {
        let event = journal_line::event_of(raw).ok()?;
        let EventBody::Log {
            severity,
            component,
            text,
            node,
            attempt,
        } = event.body
        else {
            return None;
        };
        let passes = self.query.severity.is_none_or(|least| severity >= least)
            && self.query.node.is_none_or(|wanted| node == Some(wanted))
            && self.query.attempt.is_none_or(|wanted| attempt == wanted)
            && self.pattern.as_ref().is_none_or(|p| p.is_match(&text));
        passes.then_some(LogLine {
            seq: event.seq,
            at: event.at,
            severity,
            component,
            text,
            node,
            attempt,
        })
    }
}

impl Pages {
    /// Of the journal at `path`, as far as `index` knows it.
    pub fn new(path: &Path, index: Index) -> Self {
        Self {
            path: path.to_owned(),
            index,
        }
    }

    /// The lines a query asks for. A page that is neither full nor the end ran out of time: ask again from `through`.
    ///
    /// # Errors
    /// A bad regular expression, or the system's; one sentence.
    pub fn read(&self, query: &LogQuery) -> Result<LogPage, String> {
        let filter = Filter::new(query)?;
        let file = regular::open(&self.path)
            .map_err(|error| format!("opening {}: {error}", self.path.display()))?;
        let mut reader = BufReader::with_capacity(256 * 1024, file);
        let page = if query.forward {
            self.forward(&mut reader, &filter)
        } else {
            self.backward(&mut reader, &filter)
        };
        page.map_err(|error| format!("reading {}: {error}", self.path.display()))
    }

    fn forward(
        &self,
        reader: &mut BufReader<File>,
        filter: &Filter<'_>,
    ) -> std::io::Result<LogPage> {
        let mut page = LogPage {
            through: filter.query.from,
            ..LogPage::default()
        };
        let first = filter.query.from.saturating_add(1);
        let start = self.index.block(first).filter(|_| first <= self.index.last);
        let Some((mut seq, offset)) = start else {
            page.end = true;
            return Ok(page);
        };
        reader.seek(SeekFrom::Start(offset))?;
        let mut raw = Vec::new();
        while seq <= self.index.last {
            if !next(reader, &mut raw)? {
                break;
            }
            if seq >= first {
                page.through = seq;
                page.lines.extend(filter.line(&raw));
                if page.lines.len() >= filter.most
                    || (seq % 64 == 0 && Instant::now() > filter.until)
                {
                    page.end = seq == self.index.last;
                    return Ok(page);
                }
            }
            seq += 1;
        }
        page.end = true;
        Ok(page)
    }

    fn backward(
        &self,
        reader: &mut BufReader<File>,
        filter: &Filter<'_>,
    ) -> std::io::Result<LogPage> {
        let from = filter.query.from.min(self.index.last.saturating_add(1));
        let mut before = from;
        let mut newest_first: Vec<LogLine> = Vec::new();
        let mut raw = Vec::new();
        // Whoever asks again from the same place asks for ever: at least one block is looked through.
        while before > 1
            && newest_first.len() < filter.most
            && (before == from || Instant::now() < filter.until)
        {
            let Some((first, offset)) = self.index.block(before - 1) else {
                break;
            };
            reader.seek(SeekFrom::Start(offset))?;
            let mut block = Vec::new();
            for _ in first..before {
                if !next(reader, &mut raw)? {
                    break;
                }
                block.extend(filter.line(&raw));
            }
            before = first;
            let room = filter.most - newest_first.len();
            if block.len() > room {
                // The rest of the block is for the next page.
                let left = block.len() - room;
                before = block[left].seq;
                block.drain(..left);
            }
            newest_first.extend(block.into_iter().rev());
        }
        newest_first.reverse();
        Ok(LogPage {
            lines: newest_first,
            through: before,
            end: before <= 1,
        })
    }
}

/// The next whole line; false at the end, also when it is torn or longer than any event.
fn next(reader: &mut impl BufRead, raw: &mut Vec<u8>) -> std::io::Result<bool> {
    raw.clear();
    reader.by_ref().take(LONGEST).read_until(b'\n', raw)?;
    Ok(raw.last() == Some(&b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::journal::Journal;
    use crate::event::{Event, NodeId, Severity, Who};
    use crate::protocol::Pattern;

    /// Line n stands in event 2n; every 100th is a warning, every 1000th of step 7.
    fn journal(lines: u64) -> (tempfile::TempDir, Pages) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::create(&path).unwrap();
        for n in 1..=lines {
            let by = Who::engine("x");
            let other = EventBody::PauseChanged { paused: true, by };
            let line = EventBody::Log {
                severity: if n % 100 == 0 {
                    Severity::Warning
                } else {
                    Severity::Info
                },
                component: "X".to_owned(),
                text: format!("line {n} of many"),
                node: (n % 1000 == 0).then_some(NodeId(7)),
                attempt: 0,
            };
            for (seq, body) in [(2 * n - 1, other), (2 * n, line)] {
                journal.append(&Event { seq, at: 0, body }).unwrap();
            }
        }
        journal.flush().unwrap();
        let pages = Pages::new(&path, journal.index().clone());
        (folder, pages)
    }

    fn texts(page: &LogPage) -> Vec<u64> {
        page.lines.iter().map(|line| line.seq / 2).collect()
    }

    #[test]
    fn pages_go_back_and_forth_without_gap_or_overlap() {
        let (_folder, pages) = journal(3_000);
        let mut from = u64::MAX;
        let mut seen = Vec::new();
        loop {
            let query = LogQuery {
                from,
                most: 700,
                ..LogQuery::default()
            };
            let page = pages.read(&query).unwrap();
            seen.splice(0..0, texts(&page));
            from = page.through;
            if page.end {
                break;
            }
        }
        assert_eq!(seen, (1..=3_000).collect::<Vec<_>>());
        let (mut from, mut seen) = (0, Vec::new());
        loop {
            let query = LogQuery {
                from,
                forward: true,
                most: 700,
                ..LogQuery::default()
            };
            let page = pages.read(&query).unwrap();
            seen.extend(texts(&page));
            from = page.through;
            if page.end {
                break;
            }
        }
        assert_eq!(seen, (1..=3_000).collect::<Vec<_>>());
    }

    #[test]
    fn filters_and_searches() {
        let (_folder, pages) = journal(3_000);
        let base = LogQuery {
            from: u64::MAX,
            most: 1000,
            ..LogQuery::default()
        };
        let warnings = LogQuery {
            severity: Some(Severity::Warning),
            ..base.clone()
        };
        assert_eq!(pages.read(&warnings).unwrap().lines.len(), 30);
        let of_step = LogQuery {
            node: Some(NodeId(7)),
            ..base.clone()
        };
        assert_eq!(texts(&pages.read(&of_step).unwrap()), [1000, 2000, 3000]);
        let find = |text: &str, regex, from, forward| {
            let find = Some(Pattern {
                text: text.to_owned(),
                regex,
            });
            let query = LogQuery {
                find,
                most: 1,
                from,
                forward,
                ..LogQuery::default()
            };
            pages.read(&query).map(|page| texts(&page))
        };
        assert_eq!(find("LINE 77 of", false, 0, true), Ok(vec![77]));
        assert_eq!(find(r"line \d{2} of", true, u64::MAX, false), Ok(vec![99]));
        assert_eq!(find(r"line \d{2} of", true, 2 * 99, false), Ok(vec![98]));
        assert_eq!(find(r"\d{2}", false, 0, true), Ok(Vec::new()));
        assert!(find("(", true, 0, true).is_err());
    }

    #[test]
    fn a_page_that_runs_out_of_time_is_a_step_on_its_way_all_the_same() {
        let (_folder, pages) = journal(3_000);
        let file = File::open(&pages.path).unwrap();
        let mut reader = BufReader::new(file);
        let (mut from, mut seen) = (u64::MAX, 0);
        loop {
            let query = LogQuery {
                from,
                most: LOG_PAGE,
                ..LogQuery::default()
            };
            let mut filter = Filter::new(&query).unwrap();
            filter.until = Instant::now();
            let page = pages.backward(&mut reader, &filter).unwrap();
            assert!(page.through < from && !page.lines.is_empty());
            seen += page.lines.len();
            from = page.through;
            if page.end {
                break;
            }
        }
        assert_eq!(seen, 3_000);
    }

    #[test]
    fn nothing_beyond_the_ends() {
        let (_folder, pages) = journal(10);
        let query = LogQuery {
            from: 20,
            forward: true,
            most: 5,
            ..LogQuery::default()
        };
        assert!(
            pages
                .read(&query)
                .is_ok_and(|page| page.end && page.lines.is_empty())
        );
        let query = LogQuery {
            from: 1,
            most: 5,
            ..LogQuery::default()
        };
        assert!(
            pages
                .read(&query)
                .is_ok_and(|page| page.end && page.lines.is_empty())
        );
    }
}
