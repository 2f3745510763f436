//! wimforge builds and captures Windows reference images from a full-screen terminal console.
//!
//! One engine process owns a run; consoles are clients. Everything that happens is an [`event`]; one fold,
//! [`run_state`], serves screen, plain output, journal and late clients. A step runs on a thread of its own and sees
//! only its context.
//!
//! In reading order:
//! [`secret`], [`units`], [`text`], [`codes`], [`cancel`], [`environment`], [`input`], [`regular`] and [`volume_rules`] are leaves;
//! [`hints`] is a leaf too: what to do about a failure;
//! [`sequence`] is the document; [`event`] and [`run_state`] what can be said and what is known;
//! [`platform`] and [`wim`] the machine; [`unattend`] the answer file; [`step`] the step kinds;
//! [`engine`] runs them;
//! [`protocol`], [`transport`] and [`client`] carry events to people; [`report`] and [`tui`] show them;
//! [`lab`] makes a machine to try things out on; [`cli`] names the arguments.

// Those macros panic when nobody reads standard error any more.
#![cfg_attr(not(test), deny(clippy::print_stderr))]

pub mod cancel;
pub mod cli;
pub mod client;
pub mod codes;
pub mod engine;
pub mod environment;
pub mod event;
pub mod hints;
pub mod input;
pub mod lab;
pub mod platform;
pub mod protocol;
pub mod regular;
pub mod report;
pub mod run_state;
pub mod secret;
pub mod sequence;
pub mod step;
pub mod text;
pub mod transport;
pub mod tui;
pub mod unattend;
pub mod units;
pub mod volume_rules;
pub mod wim;
