//! Work outside of a step that may hang: a disk or a share that does not answer must not keep a cancel from being noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::dispatcher::Dispatcher;
use super::waiting::Patience;

/// How often work that goes on is looked after.
const SAMPLE: Duration = Duration::from_millis(100);
/// How long work is waited for in a run that has given something up already.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// How such work ended.
pub(super) enum Watched<T> {
    /// By itself.
    Done(T),
    /// A cancel waits no longer; its thread stays behind.
    GivenUp,
    /// Its thread could not be started, or panicked; why.
    Broken(&'static str),
}

/// Whether somebody waits for the work still: else it must say nothing any more.
#[derive(Clone, Default)]
pub(super) struct Listened(Arc<AtomicBool>);

impl Listened {
    pub(super) fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Does work on a thread of its own and waits for it as a cancel allows. `name` is what a cancel says it waits for.
pub(super) fn watched<T: Send + 'static>(
    dispatcher: &Dispatcher,
    name: &'static str,
    work: impl FnOnce(Listened) -> T + Send + 'static,
) -> Watched<T> {
    let listened = Listened::default();
    let given = listened.clone();
    let (done, result) = channel();
    let thread = std::thread::Builder::new()
        .name("watched".to_owned())
        // Nobody may be waiting any more.
        .spawn(move || drop(done.send(work(given))));
    let Ok(thread) = thread else {
        return Watched::Broken("its thread cannot be started");
    };
    let begun = Instant::now();
    dispatcher.set_doing(Some(name));
    let result = loop {
        match result.recv_timeout(SAMPLE) {
            Ok(result) => break Some(result),
            Err(RecvTimeoutError::Disconnected) => break None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        dispatcher.write_through();
        let too_long = dispatcher.given_up().is_some() && begun.elapsed() > AFTERWARDS;
        if too_long || dispatcher.escalate() == Patience::GivenUp {
            listened.0.store(true, Ordering::Release);
            dispatcher.set_doing(None);
            return Watched::GivenUp;
        }
    };
    dispatcher.set_doing(None);
    match (result, thread.join()) {
        (Some(result), Ok(())) => Watched::Done(result),
        _ => Watched::Broken("it ended by an internal error"),
    }
}
