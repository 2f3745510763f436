//! Time for events and file names.

use std::time::{Duration, Instant};

use crate::event::Millis;
use crate::units;

/// The time of a run: the wall clock when it was made, and from then on what has really gone by. A clock that is set while the run
/// is going (a boot medium's often is) neither turns its durations negative nor makes them absurd.
#[derive(Clone, Copy, Debug)]
pub struct Steady {
    base: Millis,
    since: Instant,
    /// How far the wall clock was ahead when that was last told.
    told: Millis,
}

/// Milliseconds by which the wall clock must be set before that is told.
const TOLD: u64 = 60_000;

impl Steady {
    /// Starts at the wall clock's time, but not before `earliest`: a run that is taken up does not go back.
    pub fn starting(earliest: Millis) -> Self {
        let mut clock = Self {
            base: now().max(earliest),
            since: Instant::now(),
            told: 0,
        };
        clock.told = clock.drift();
        clock
    }

    /// Now, in milliseconds since 1970 UTC; never less than before.
    pub fn now(&self) -> Millis {
        let gone = Millis::try_from(self.since.elapsed().as_millis()).unwrap_or(Millis::MAX);
        self.base.saturating_add(gone)
    }

    /// How far the wall clock is ahead, in milliseconds; negative when it is behind.
    fn drift(&self) -> Millis {
        now().saturating_sub(self.now())
    }

    /// A line for the log when the wall clock has been set since this was last asked.
    pub fn was_set(&mut self) -> Option<String> {
        let drift = self.drift();
        let by = drift.abs_diff(self.told);
        if by < TOLD {
            return None;
        }
        let way = if drift > self.told { "forward" } else { "back" };
        self.told = drift;
        Some(format!(
            "the machine's clock was set {way} by {}; the times of this run go on as before",
            units::duration(Duration::from_millis(by))
        ))
    }
}

/// Now, in milliseconds since 1970 UTC.
pub fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// A time for file and folder names, local: `20261123-094538`.
pub fn stamp(at: Millis) -> String {
    zoned(at).strftime("%Y%m%d-%H%M%S").to_string()
}

/// `at` in the machine's time zone; the epoch when out of range.
pub fn zoned(at: Millis) -> jiff::Zoned {
    jiff::Timestamp::from_millisecond(at)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(jiff::tz::TimeZone::system())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_is_taken_up_does_not_go_back() {
        let ahead = now() + 3_600_000;
        let clock = Steady::starting(ahead);
        let first = clock.now();
        assert!(first >= ahead && clock.now() >= first);
        assert!((-3_601_000..=-3_599_000).contains(&clock.drift()));
        assert!(Steady::starting(0).drift().abs() < 1_000);
    }

    #[test]
    fn a_clock_that_is_set_is_told_once() {
        let mut clock = Steady::starting(0);
        assert_eq!(clock.was_set(), None);
        clock.base -= 2 * 3_600_000;
        // Between the two clocks that are compared the test may have to wait for a processor.
        let by = |told: &str, way: &str, times: [&str; 2]| {
            let mut all = times.iter();
            all.any(|time| told.contains(&format!("set {way} by {time}")))
        };
        let told = clock.was_set().unwrap();
        assert!(by(&told, "forward", ["2:00:00", "1:59:59"]), "{told}");
        assert_eq!(clock.was_set(), None);
        clock.base += 3_600_000;
        let told = clock.was_set().unwrap();
        assert!(by(&told, "back", ["1:00:00", "0:59:59"]), "{told}");
    }
}
