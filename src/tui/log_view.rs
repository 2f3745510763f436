//! The log as it is looked at: following the run, or somewhere in the millions of lines that only the engine has.

use std::collections::VecDeque;

use regex::{Regex, RegexBuilder};
use tui_input::Input;

use crate::event::{NodeId, Severity};
use crate::protocol::{LogPage, LogQuery, Pattern};
use crate::run_state::{LogLine, RunState};

/// Lines asked for at once.
const PAGE: u32 = 400;
/// Lines kept while looking around; those far away are let go.
const KEPT: usize = 2_000;
/// Lines above the one being read that must not be lost.
const NEAR: usize = 200;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct LogView {
    /// Lines between the last one there is and the last one shown; 0 follows.
    pub back: usize,
    /// The line so far back is the first one shown, not the last: what follows it is what was asked for.
    pub from_top: bool,
    /// What is searched for.
    pub search: Input,
    /// It is a regular expression.
    pub regex: bool,
    /// Least severe lines shown.
    pub severity: Option<Severity>,
    /// Only lines of this step.
    pub node: Option<NodeId>,
    /// Only lines of this attempt at it.
    pub attempt: Option<u32>,
    /// Lines that came from the engine; none while following.
    pub browse: Option<Browse>,
    /// The request that is on its way, and what its lines are for.
    pub wanted: Option<(u64, Wanted)>,
}

/// A stretch of the log.
#[derive(Clone, Debug, Default)]
pub struct Browse {
    /// The lines that pass the filter, oldest first.
    pub lines: VecDeque<LogLine>,
    /// Nothing is older.
    pub begin: bool,
    /// Nothing is newer (or what is newer is with the run's state).
    pub end: bool,
}

/// What lines are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Older than the first.
    Older,
    /// Newer than the last.
    Newer,
    /// The next that holds the pattern.
    Find {
        /// Towards newer lines.
        forward: bool,
    },
    /// This event's, or the last before it, and those around.
    Around(u64),
    /// The first one after this event.
    FirstAfter(u64),
}

/// What became of lines that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// They are there.
    Shown,
    /// Ask again, for this.
    Ask(Wanted, u64),
    /// There are none.
    Nothing,
}

impl LogView {
    /// What a line must hold; `None` for no search or a bad expression.
    pub fn pattern(&self) -> Option<Regex> {
        self.compile().and_then(Result::ok)
    }

    /// Why the expression is none.
    pub fn mistake(&self) -> Option<String> {
        let error = self.compile()?.err()?.to_string();
        let last = error.lines().last().unwrap_or_default().trim().to_owned();
        Some(last)
    }

    fn compile(&self) -> Option<Result<Regex, regex::Error>> {
        let text = self.search.value();
        if text.is_empty() {
            return None;
        }
        let text = if self.regex {
            text.to_owned()
        } else {
            regex::escape(text)
        };
        Some(
            RegexBuilder::new(&text)
                .case_insensitive(true)
                .size_limit(1 << 20)
                .build(),
        )
    }

    /// Whether a line passes the filter.
    pub fn passes(&self, line: &LogLine) -> bool {
        self.severity.is_none_or(|least| line.severity >= least)
            && self.node.is_none_or(|node| line.node == Some(node))
            && self.attempt.is_none_or(|attempt| line.attempt == attempt)
    }

    /// The lines, newest first.
    pub fn lines<'a>(&'a self, state: &'a RunState) -> Box<dyn Iterator<Item = &'a LogLine> + 'a> {
        match &self.browse {
            Some(browse) => Box::new(browse.lines.iter().rev()),
            None => Box::new(state.log.iter().rev().filter(|line| self.passes(line))),
        }
    }

    /// Back to following.
    pub fn follow(&mut self) {
        self.back = 0;
        self.from_top = false;
        self.browse = None;
        self.wanted = None;
    }

    /// A line came to the run's log. It must not push away those being read.
    pub fn line_came(&mut self, state: &RunState) {
        let passes = state.log.back().is_some_and(|line| self.passes(line));
        if self.back == 0 || self.browse.is_some() || !passes {
            return;
        }
        self.back += 1;
        if state.log_dropped > 0 && self.back + NEAR >= self.lines(state).count() {
            // The state is about to let them go.
            self.browse = Some(self.here(state));
        }
    }

    /// The lines that are here, to be kept beside the run's own.
    fn here(&self, state: &RunState) -> Browse {
        let lines = state.log.iter().filter(|l| self.passes(l)).cloned();
        Browse {
            lines: lines.collect(),
            begin: state.log_dropped == 0,
            end: false,
        }
    }

    /// Whether lines older than those here exist.
    pub fn has_older(&self, state: &RunState) -> bool {
        match &self.browse {
            Some(browse) => !browse.begin,
            None => state.log_dropped > 0,
        }
    }

    /// The question to the engine.
    pub fn query(&self, wanted: Wanted, from: u64) -> LogQuery {
        let (forward, most, find) = match wanted {
            Wanted::Older | Wanted::Around(_) => (false, PAGE, None),
            Wanted::Newer => (true, PAGE, None),
            Wanted::FirstAfter(_) => (true, 1, None),
            Wanted::Find { forward } => {
                let find = Pattern {
                    text: self.search.value().to_owned(),
                    regex: self.regex,
                };
                (forward, 1, Some(find))
            }
        };
        LogQuery {
            from,
            forward,
            most,
            severity: self.severity,
            node: self.node,
            attempt: self.attempt,
            find,
        }
    }

    /// Where the engine is to begin for lines beyond those that are here.
    pub fn edge(&self, state: &RunState, forward: bool) -> u64 {
        let mut lines = self.lines(state);
        if forward {
            lines.next().map_or(0, |line| line.seq)
        } else {
            lines.last().map_or(u64::MAX, |line| line.seq)
        }
    }

    /// Takes what came in reply to `wanted`.
    pub fn take(&mut self, wanted: Wanted, page: LogPage, state: &RunState) -> Arrived {
        let nothing_yet = page.lines.is_empty() && !page.end;
        match wanted {
            Wanted::Find { .. } | Wanted::FirstAfter(_) => match page.lines.first() {
                Some(hit) => Arrived::Ask(Wanted::Around(hit.seq), hit.seq.saturating_add(1)),
                None if nothing_yet => Arrived::Ask(wanted, page.through),
                None => Arrived::Nothing,
            },
            Wanted::Around(_) => {
                if nothing_yet {
                    return Arrived::Ask(wanted, page.through);
                }
                self.back = 0;
                self.browse = Some(Browse {
                    lines: page.lines.into(),
                    begin: page.end,
                    end: false,
                });
                Arrived::Ask(Wanted::Newer, self.edge(state, true))
            }
            Wanted::Older => {
                let mut browse = match self.browse.take() {
                    Some(browse) => browse,
                    None => self.here(state),
                };
                let came = page.lines.len();
                for line in page.lines.into_iter().rev() {
                    browse.lines.push_front(line);
                }
                browse.begin = page.end;
                let surplus = browse.lines.len().saturating_sub(KEPT);
                let surplus = surplus.min(self.back);
                if surplus > 0 {
                    browse.lines.truncate(browse.lines.len() - surplus);
                    browse.end = false;
                    self.back -= surplus;
                }
                self.browse = Some(browse);
                if came == 0 && !page.end {
                    Arrived::Ask(Wanted::Older, page.through)
                } else {
                    Arrived::Shown
                }
            }
            Wanted::Newer => {
                let Some(browse) = &mut self.browse else {
                    return Arrived::Shown;
                };
                let came = page.lines.len();
                self.back += came;
                browse.lines.extend(page.lines);
                browse.end = page.end;
                while browse.lines.len() > KEPT && self.back + 1 < browse.lines.len() {
                    browse.lines.pop_front();
                    browse.begin = false;
                }
                if came == 0 && !page.end {
                    Arrived::Ask(Wanted::Newer, page.through)
                } else {
                    Arrived::Shown
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: u64) -> LogLine {
        LogLine {
            seq,
            at: 0,
            severity: Severity::Info,
            component: String::new(),
            text: format!("line {seq}"),
            node: None,
            attempt: 0,
        }
    }

    fn page(from: u64, to: u64, end: bool) -> LogPage {
        LogPage {
            lines: (from..=to).map(line).collect(),
            through: from,
            end,
        }
    }

    #[test]
    fn looking_back_through_a_long_log_keeps_few_lines_and_the_place() {
        let mut state = RunState::default();
        state.log.extend((9_001..=10_000).map(line));
        state.log_dropped = 9_000;
        let mut view = LogView {
            back: 999,
            ..LogView::default()
        };
        let mut oldest = 9_001;
        while view.has_older(&state) {
            assert_eq!(view.edge(&state, false), oldest);
            oldest -= 400.min(oldest - 1);
            let arrived = view.take(
                Wanted::Older,
                page(oldest, oldest + 399, oldest == 1),
                &state,
            );
            assert_eq!(arrived, Arrived::Shown);
            let there = view.lines(&state).count();
            assert!(there <= KEPT + 400, "{there}");
            view.back = there - 1;
        }
        assert_eq!(view.lines(&state).last().map(|l| l.seq), Some(1));
        assert!(view.browse.as_ref().is_some_and(|b| !b.end));
    }

    #[test]
    fn a_hit_is_shown_with_what_is_around_it() {
        let state = RunState::default();
        let mut view = LogView::default();
        let found = Wanted::Find { forward: false };
        let empty = LogPage {
            through: 70,
            ..LogPage::default()
        };
        assert_eq!(view.take(found, empty, &state), Arrived::Ask(found, 70));
        let Arrived::Ask(around, from) = view.take(found, page(42, 42, false), &state) else {
            panic!("no hit");
        };
        assert_eq!((around, from), (Wanted::Around(42), 43));
        let next = view.take(around, page(10, 42, false), &state);
        assert_eq!(next, Arrived::Ask(Wanted::Newer, 42));
        view.take(Wanted::Newer, page(43, 60, true), &state);
        assert_eq!(view.lines(&state).nth(view.back).map(|l| l.seq), Some(42));
    }

    #[test]
    fn bad_expressions_are_told() {
        let mut view = LogView {
            search: Input::new("(".to_owned()),
            ..LogView::default()
        };
        assert!(view.mistake().is_none() && view.pattern().is_some());
        view.regex = true;
        assert!(view.mistake().is_some() && view.pattern().is_none());
    }
}
