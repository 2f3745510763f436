//! From a message to a changed model and effects. Pure: no socket, no clock, no file.

mod entry;
mod form;
mod picker;
mod run;

pub use entry::{initial, update};
