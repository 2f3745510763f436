//! Noise on a line is no order. Whatever would change the run or leave the console passes here: it is held for a moment,
//! and let go when what was typed looks typed. Pure: time is told.
//!
//! Three signs tell noise, or a text that was pasted key by key, from a person: bytes that no key sends, more different
//! keys in a second than anybody types, and a next key that comes faster than a finger.

use std::collections::VecDeque;

use ratatui::crossterm::event::KeyEvent;

use super::msg::Effect;
use crate::event::Millis;

/// How long an order waits for what comes behind it.
pub const SETTLE: Millis = 150;

/// Nobody presses another key sooner: what comes sooner belongs to the same burst.
const FINGER: Millis = 40;

/// Between the key that asks and the key that confirms.
pub const BETWEEN: Millis = 100;

/// Different keys within [`WINDOW`] that are a flood.
const FLOOD: usize = 30;
const WINDOW: Millis = 1_000;

/// How long nothing counts after a flood, and after bytes that no key sends.
const AFTER_FLOOD: Millis = 1_000;
const AFTER_NOISE: Millis = 3_000;

/// What is said to an order that came in a flood.
pub const FLOODED: &str =
    "input comes faster than anybody types: orders wait until it has been quiet for a second";
/// What is said after bytes that no key sends.
pub const NOISY: &str = "noise on the line: orders wait until it has been quiet for three seconds";
/// What is said to an order that was part of a burst.
pub const TOO_FAST: &str = "keys came in one burst: press the last one again";

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// The time, in milliseconds of any clock that only goes forward.
    now: Millis,
    /// When the latest keys came that differ from those before them.
    recent: VecDeque<Millis>,
    last: Option<(KeyEvent, Millis)>,
    /// Nothing counts until then, and why.
    disarmed: Option<(Millis, &'static str)>,
    /// Orders that wait, and since when.
    held: Vec<Effect>,
    since: Millis,
}

/// What becomes of orders.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// To be carried out.
    pub go: Vec<Effect>,
    /// Not to be carried out, and why.
    pub dropped: Option<(Vec<Effect>, &'static str)>,
}

impl Guard {
    /// The time.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// It is so late; orders that nothing came behind are let go.
    pub fn clock(&mut self, now: Millis) -> Verdict {
        self.now = self.now.max(now);
        if self.disarmed.is_some_and(|(until, _)| self.now >= until) {
            self.disarmed = None;
        }
        if !self.held.is_empty() && self.now >= self.since + SETTLE {
            return self.judge(None);
        }
        Verdict::default()
    }

    /// When the time is to be told again, while orders wait.
    pub fn due(&self) -> Option<Millis> {
        (!self.held.is_empty()).then_some(self.since + SETTLE)
    }

    /// Why nothing counts now.
    pub fn disarmed(&self) -> Option<&'static str> {
        self.disarmed.map(|(_, why)| why)
    }

    /// A key came. What waits is judged by it.
    pub fn key(&mut self, key: KeyEvent) -> Verdict {
        let now = self.now;
        let before = self.last.replace((key, now));
        // A key that is held down repeats itself: that is no flood.
        if before.is_none_or(|(other, _)| other != key) {
            self.recent.push_back(now);
        }
        while self.recent.front().is_some_and(|at| at + WINDOW <= now) {
            self.recent.pop_front();
        }
        if self.recent.len() > FLOOD {
            self.recent.pop_front();
            self.disarm(now + AFTER_FLOOD, FLOODED);
        }
        let gap = before.map_or(Millis::MAX, |(_, at)| now - at);
        self.judge((gap < FINGER).then_some(TOO_FAST))
    }

    /// Bytes came that no key sends.
    pub fn noise(&mut self) -> Verdict {
        self.disarm(self.now + AFTER_NOISE, NOISY);
        self.judge(None)
    }

    fn disarm(&mut self, until: Millis, why: &'static str) {
        if self.disarmed.is_none_or(|(before, _)| before <= until) {
            self.disarmed = Some((until, why));
        }
    }

    /// Holds what a key wants done.
    pub fn hold(&mut self, effects: Vec<Effect>) {
        if self.held.is_empty() {
            self.since = self.now;
        }
        self.held.extend(effects);
    }

    fn judge(&mut self, against: Option<&'static str>) -> Verdict {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return Verdict::default();
        }
        match self.disarmed().or(against) {
            Some(why) => Verdict {
                go: Vec::new(),
                dropped: Some((held, why)),
            },
            None => Verdict {
                go: held,
                dropped: None,
            },
        }
    }
}
