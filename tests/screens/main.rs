//! The console: what every screen looks like, what every key does, and that nothing from outside can break it.

mod fixtures;
mod shot;
mod snapshots;
