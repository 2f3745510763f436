//! The same events as plain lines or JSON lines, for logs, pipes and machines without a terminal.
//!
//! [`plain`] is the text, [`follow`] the loop that prints until the run has ended, [`status`] the one that prints how it
//! stands for ever, [`ctl`] one request and its answer; [`complain`] is for standard error.

pub mod complain;
pub mod ctl;
pub mod follow;
pub mod plain;
pub mod status;
