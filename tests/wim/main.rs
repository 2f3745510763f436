//! WIM files against NTFS image files, judged by other tools.
#![expect(
    clippy::expect_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

mod bad_files;
mod bench;
mod round_trip;
mod watching;
