//! The engine: the one process that owns a run.
//!
//! Read in this order: [`dispatcher`] (the truth, and the only hand that changes it), [`requests`], [`people`] and
//! [`waiting`] (what clients may ask of it, who may, where the run waits for them), [`journal`], [`samples`] and [`run_folder`]
//! (what is kept), [`executor`] with [`debugger`] and [`preflight`] (the walk over the plan), [`attempt`] (one attempt at one
//! step), [`host`] (what a step sees), [`boots`] (from start to end, over restarts), [`start`] and [`catalog`] (before a run),
//! [`history`] and [`log_pages`] (looking closer), [`evidence`], [`digest`], [`report`], [`bundle`] and [`replay`] (after it),
//! [`server`] (clients), [`panics`] (the last words).

pub mod attempt;
pub mod boots;
pub mod bundle;
pub mod catalog;
pub mod clock;
pub mod cmtrace;
pub mod cmtrace_read;
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
pub mod panics;
pub mod people;
pub mod preflight;
mod redact;
pub mod replay;
pub mod report;
mod report_html;
pub mod requests;
pub mod run_folder;
pub mod samples;
pub mod server;
pub mod start;
mod variable;
pub mod waiting;
mod watched;
