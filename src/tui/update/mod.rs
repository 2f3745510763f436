//! From a message to a changed model and effects. Pure: no socket, no clock, no file.

mod closer;
mod entry;
mod form;
mod log;
mod picker;
mod replay;
mod run;

pub use entry::{initial, update};
