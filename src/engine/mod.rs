//! The engine: the one process that owns a run.
//!
//! Read in this order: [`dispatcher`] (the truth, and the only hand that changes it), [`requests`] (what clients may ask of
//! it), [`journal`] and [`run_folder`] (what is kept), [`executor`] (the walk over the plan), [`attempt`] (one attempt at one
//! step), [`host`] (what a step sees), [`boots`] (from start to end, over restarts), [`start`] and [`catalog`] (before a run), [`evidence`],
//! [`digest`], [`report`] and [`bundle`] (after it), [`server`] (clients).

pub mod attempt;
pub mod boots;
pub mod bundle;
pub mod catalog;
pub mod clock;
pub mod cmtrace;
pub mod debugger;
pub mod digest;
pub mod dispatcher;
pub mod error;
pub mod evidence;
pub mod executor;
pub mod history;
pub mod host;
pub mod journal;
mod journal_line;
pub mod log_pages;
pub mod people;
pub mod preflight;
mod redact;
pub mod replay;
pub mod report;
mod report_html;
pub mod requests;
pub mod run_folder;
pub mod server;
pub mod start;
pub mod waiting;
