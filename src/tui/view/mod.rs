//! Drawing: one file a panel, each a function of the model that changes nothing.

mod closer;
mod draw;
mod footer;
mod form;
mod gauges;
mod header;
mod help;
mod log;
mod offer;
mod picker;
mod preflight;
mod question;
mod render;
mod run;
mod steps;
mod summary;
mod text;
mod variables;

pub use draw::{draw, last_top, last_top_of_help, last_top_of_offer, page_of_question};
pub use render::{draw_text, render, render_text};
