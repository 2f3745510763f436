//! What a technician can do about a failure: the catalogue of known failures of building and capturing.
//!
//! `hints/catalogue.ron` is the document, [`catalogue()`] what was read from it; [`best`] finds the entries for a
//! failed step, [`explain()`] those for a code or a log line that somebody has in hand.

mod catalogue;
mod explain;
mod matching;

pub use catalogue::{CatalogueError, Hint, HintAction, Symptom, catalogue, read};
pub use explain::{Explanation, explain, render};
pub use matching::{Match, Strength, best};
