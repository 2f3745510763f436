//! Disks on loop devices, end to end, judged by other tools.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

macro_rules! lab {
    () => {
        if crate::system::skip_lab() {
            return;
        }
    };
}

mod attaching;
mod bench;
mod failures;
mod identity;
mod layouts;
mod ntfs;
mod refusals;
#[path = "../common/system.rs"]
mod system;
