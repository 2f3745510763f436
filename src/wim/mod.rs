//! WIM files through wimlib: a small safe wrapper. `ffi` is the only file with `unsafe`.

pub mod error;
pub mod ffi;
pub mod file;
pub mod progress;
