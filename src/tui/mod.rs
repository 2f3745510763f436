//! The console: a client that draws.
//!
//! [`app`] is the loop: terminal and engine in, frames and requests out. Everything between is pure: [`update`] turns a
//! [`msg::Msg`] into a changed [`model::Model`] and [`msg::Effect`]s, [`view`] draws a model without changing it. [`theme`] and
//! [`glyphs`] are its looks, [`terminal`] the guard that always restores, [`shell`] the way out to a shell and back.

pub mod app;
pub mod form;
pub mod glyphs;
pub mod guard;
pub mod input;
pub mod jump;
pub mod log_view;
pub mod model;
pub mod msg;
pub mod offer;
pub mod over;
pub mod shell;
pub mod terminal;
pub mod theme;
pub mod update;
pub mod view;

pub use app::{ConsoleEnd, ConsoleOptions, TuiError, run};
pub use offer::{Choice, Offer};
pub use view::render_text;
