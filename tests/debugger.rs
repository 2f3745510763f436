//! The debugger on real runs: an engine in this process, a real journal, real commands. What an engine that died leaves
//! behind is taken up by another one, as after a power cut.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

mod common;

#[path = "debugger/attempts.rs"]
mod attempts;
#[path = "debugger/cancel.rs"]
mod cancel;
#[path = "debugger/jumps.rs"]
mod jumps;
#[path = "debugger/live.rs"]
mod live;
#[path = "debugger/log.rs"]
mod log;
#[path = "debugger/machine.rs"]
mod machine;
#[path = "debugger/many.rs"]
mod many;
#[path = "debugger/on_error.rs"]
mod on_error;
#[path = "debugger/overrides.rs"]
mod overrides;
#[path = "debugger/people.rs"]
mod people;
#[path = "debugger/preflight.rs"]
mod preflight;
#[path = "debugger/rehearsal.rs"]
mod rehearsal;
#[path = "debugger/replay.rs"]
mod replay;
#[path = "debugger/stepping.rs"]
mod stepping;
#[path = "debugger/variables.rs"]
mod variables;
