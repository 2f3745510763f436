//! The task sequence document: RON text to a checked plan, with every mistake at once.
//!
//! Read in this order: [`schema`] and [`settings`] (what can be written), [`load`] (text to document),
//! [`check`] (document to diagnostics), [`diagnostic`] (file:line:col, caret, hint), [`plan`] (document to the flat
//! plan), [`variables`] (names, values, `%substitution%`), [`condition`] (evaluation),
//! [`control`] (what Configuration Manager has and this program has not), [`lint`] (contradictions in a
//! plan), [`words`] (a command line without a shell).

pub mod check;
pub mod condition;
pub mod control;
pub mod decode;
pub mod diagnostic;
pub mod lint;
pub mod load;
pub mod plan;
pub mod rewrite;
pub mod schema;
pub mod settings;
pub mod syntax;
pub mod values;
pub mod variables;
pub mod words;
mod written;
