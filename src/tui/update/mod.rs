//! From a message to a changed model and effects. Pure: no socket, no clock, no file.

mod form;
mod picker;
mod run;
mod update;

pub use update::{initial, update};
