//! The debugger on real runs: an engine in this process, a real journal, real commands. What an engine that died leaves
//! behind is taken up by another one, as after a power cut.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

mod attempts;
mod cancel;
#[path = "../common/mod.rs"]
mod common;
mod jumps;
mod live;
mod log;
mod machine;
mod many;
mod meaning;
mod on_error;
mod overrides;
mod people;
mod preflight;
mod rehearsal;
mod replay;
mod stepping;
mod variables;
