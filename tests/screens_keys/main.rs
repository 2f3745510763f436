//! What every key of the console does, and that nothing from outside can break it.

mod bars;
mod fixtures;
mod keys;
mod press;
mod shot;
mod snapshots;
mod sweep;
