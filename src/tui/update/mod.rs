//! From a message to a changed model and effects. Pure: no socket, no clock, no file.

mod closer;
mod confirm;
mod entry;
mod failure;
mod form;
mod log;
mod offer;
mod orders;
mod picker;
mod replay;
mod run;
mod words;

pub use entry::{initial, update};
