//! The roles of the program: what each command does.

pub mod common;
pub mod console;
pub mod control;
pub mod inspect;
pub mod launch;
pub mod machine;
pub mod offer;
pub mod run;
pub mod secrets;
