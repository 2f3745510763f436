//! Whether a FAT32 volume is whole: what `fsck.fat` would look at, found out before anything is read from it.
//!
//! [`check::check`] puts the parts together. Rules: Microsoft's "FAT: General Overview of On-Disk Format" 1.03, with `fsck.fat` 4.2
//! as the measure of what counts as damage.

pub mod check;
mod entry;
mod folders;
mod geometry;
mod long_name;
pub mod state;
mod table;
