//! What every key of the console does, and that nothing from outside can break it.

mod bars;
mod company_keys;
mod fixtures;
mod hostile;
mod keys;
mod log_keys;
#[cfg(test)]
mod look;
#[cfg(test)]
mod noise;
#[cfg(test)]
mod offer_keys;
#[cfg(test)]
mod overlays;
mod preflight_keys;
mod press;
#[cfg(test)]
mod same_keys;
mod shot;
mod snapshots;
mod step_keys;
mod sweep;
