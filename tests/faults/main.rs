//! What fails around a run, on purpose: disks, processes, files, clocks, and too many of everything.
//!
//! Needs root, loop devices, FUSE and the Debian packages `ntfs-3g wimtools gdisk fuse3 faketime`. Without them these tests fail;
//! `WIMFORGE_SKIP_LAB=1` leaves out those that need root.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

mod clocks;
#[path = "../common/mod.rs"]
mod common;
mod crowds;
mod destination;
mod disk;
mod engines;
mod kills;
mod lab;
mod machine;
mod plain;
mod room;
mod secrets;
mod source;
