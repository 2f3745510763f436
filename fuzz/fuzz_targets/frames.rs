//! Arbitrary bytes on the control socket, read as the engine reads them and as a client does. What was understood is written
//! and read again, and is the same.

#![no_main]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wimforge::protocol::{LONGEST_PUSH, LONGEST_REQUEST, Push, Reply, ToClient, ToEngine};
use wimforge::transport::codec::{FrameError, read_frame, write_frame};

/// Memory is never waited for: the first poll is the last.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("waits for more than there is"),
    }
}

/// Reads frame after frame to the end, as a peer does.
fn every<T>(bytes: &[u8], limit: usize) -> Vec<T>
where
    T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug,
{
    let mut rest = bytes;
    let mut all = Vec::new();
    loop {
        let before = rest.len();
        match now(read_frame::<T, _>(&mut rest, limit)) {
            Ok(frame) => {
                assert!(rest.len() < before);
                let mut wire = Vec::new();
                // What stood in fewer bytes may be too long when it is written out: that is said, not sent.
                match now(write_frame(&mut wire, &frame, limit)) {
                    Ok(()) => {
                        let again: T = now(read_frame(&mut wire.as_slice(), limit))
                            .expect("what was written can be read");
                        assert_eq!(frame, again);
                    }
                    Err(FrameError::TooLong { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                all.push(frame);
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return all;
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    every::<ToEngine>(bytes, LONGEST_REQUEST);
    let mut state = wimforge::run_state::RunState::default();
    for frame in every::<ToClient>(bytes, LONGEST_PUSH) {
        // A client folds whatever comes.
        match frame {
            ToClient::Push(Push::Snapshot(snapshot))
            | ToClient::Reply(_, Reply::Snapshot(snapshot)) => state = *snapshot,
            ToClient::Push(Push::Event(event)) => state.apply(&event),
            ToClient::Push(Push::Progress(progress)) => state.sample(&progress),
            _ => {}
        }
        let _ = state.position();
    }
});
