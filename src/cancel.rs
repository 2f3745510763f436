//! The cancel token that every blocking piece of work obeys: wimlib's callback, a child process, a
//! waiting mount, a question to the technician.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How urgently the work is to end. Levels only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CancelLevel {
    /// Nobody asked.
    #[default]
    None,
    /// End in order: finish the current write, clean up.
    Asked,
    /// Kill children now.
    Kill,
}

#[derive(Debug, Default)]
struct Inner {
    level: Mutex<CancelLevel>,
    changed: Condvar,
    /// Lock-free copy for callbacks that run per chunk.
    fast: std::sync::atomic::AtomicU8,
}

/// Shared by whoever may cancel and whoever must notice; clones are the same token.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<Inner>);

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the level; a lower one than before is ignored.
    pub fn raise(&self, level: CancelLevel) {
        let mut current = self.0.level.lock().unwrap_or_else(PoisonError::into_inner);
        if level > *current {
            *current = level;
            self.0
                .fast
                .store(level as u8, std::sync::atomic::Ordering::Release);
            self.0.changed.notify_all();
        }
    }

    /// The present level.
    pub fn level(&self) -> CancelLevel {
        match self.0.fast.load(std::sync::atomic::Ordering::Acquire) {
            0 => CancelLevel::None,
            1 => CancelLevel::Asked,
            _ => CancelLevel::Kill,
        }
    }

    /// Whether anybody asked for the end. Lock-free: fit for wimlib's callback.
    pub fn is_cancelled(&self) -> bool {
        self.level() != CancelLevel::None
    }

    /// Sleeps for `time` or until cancelled; true when cancelled.
    pub fn wait(&self, time: Duration) -> bool {
        let guard = self.0.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, _) = self
            .0
            .changed
            .wait_timeout_while(guard, time, |level| *level == CancelLevel::None)
            .unwrap_or_else(PoisonError::into_inner);
        *guard != CancelLevel::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_only_rise_and_wake_a_sleeper() {
        let token = CancelToken::new();
        assert!(!token.wait(Duration::from_millis(1)));
        let other = token.clone();
        let sleeper = std::thread::spawn(move || other.wait(Duration::from_secs(30)));
        token.raise(CancelLevel::Kill);
        token.raise(CancelLevel::Asked);
        assert!(sleeper.join().unwrap_or(false));
        assert_eq!(token.level(), CancelLevel::Kill);
    }
}
