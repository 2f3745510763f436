//! The roles of the program: what each command does, beside those of `main`.

pub mod common;
pub mod control;
pub mod inspect;
