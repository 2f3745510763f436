//! What fails around a run, on purpose: disks, processes, files, clocks, and too many of everything.
//!
//! Needs root, loop devices, FUSE and the Debian packages that `scripts/setup test` installs. Without them these tests fail;
//! `WIMFORGE_SKIP_LAB=1` leaves out those that need root.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

mod appends;
mod clocks;
#[path = "../common/mod.rs"]
mod common;
mod crowds;
mod destination;
mod disk;
mod disk_layouts;
mod disk_tables;
mod engines;
mod fat_bytes;
mod fat_volumes;
mod kills;
mod lab;
mod layout_steps;
mod layouts;
mod machine;
mod plain;
mod random_images;
mod room;
mod source;
mod volumes;
