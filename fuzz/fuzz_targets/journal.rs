//! Arbitrary bytes as a journal: an error that names a line, or events that fold into a state, which survives the way to a
//! late client and is shown in plain lines.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use wimforge::engine::error::EngineError;
use wimforge::engine::journal;
use wimforge::report::plain::Plain;
use wimforge::run_state::RunState;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("journal.jsonl");
    let mut reader = bytes;
    let (events, good) = match journal::read_from(path, &mut reader) {
        Ok(found) => found,
        Err(EngineError::Journal { line, what, .. }) => {
            let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
            assert!((1..=lines + 1).contains(&line) && !what.is_empty());
            return;
        }
        Err(error) => panic!("memory cannot fail to be read: {error}"),
    };
    let good = usize::try_from(good).expect("no more than there is");
    assert!(good <= bytes.len());
    // What is kept when the torn end is cut off is the same journal.
    let mut kept = &bytes[..good];
    if good > 0 {
        let (again, whole) = journal::read_from(path, &mut kept).expect("it was read before");
        assert!(again == events && whole == good as u64);
    }
    let mut state = RunState::default();
    let mut plain = Plain::new(Vec::new(), RunState::default());
    for event in &events {
        state.apply(event);
        plain.event(event).expect("memory takes it");
    }
    assert_eq!(plain.state(), &state);
    let wire = serde_json::to_vec(&state).expect("a state can be sent");
    let late: RunState = serde_json::from_slice(&wire).expect("a state can be received");
    assert_eq!(late, state);
});
