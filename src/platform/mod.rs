//! The operating system behind one trait: disks, partition tables, volumes, shares, firmware, power.
//!
//! [`types`] is data. [`Machine`] is what steps and engine use; `linux/` is the real thing. `windows/` will
//! stand beside it.

#[cfg(unix)]
pub mod clean;
pub mod contents;
pub mod error;
pub mod fake;
#[cfg(target_os = "linux")]
pub mod linux;
pub mod machine;
pub mod process;
pub mod server;
pub mod show;
#[cfg(unix)]
pub mod terminal;
pub mod types;

pub use contents::*;
pub use error::PlatformError;
pub use machine::Machine;
pub use types::*;
