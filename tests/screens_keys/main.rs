//! What every key of the console does, and that nothing from outside can break it.

mod bars;
mod closer_keys;
mod fixtures;
mod keys;
mod log_keys;
mod overlays;
mod press;
mod shot;
mod snapshots;
mod sweep;
