//! The console: what every screen looks like, what every key does, and that nothing from outside can break it.

mod bars;
mod fixtures;
mod keys;
mod press;
mod shot;
mod snapshots;
mod sweep;
