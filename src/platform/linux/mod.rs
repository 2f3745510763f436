//! Linux: disks from `/sys`, tables by the gpt and mbrman crates, image files on loop devices, NTFS by ntfs-3g.

mod attached;
mod attributes;
mod format;
mod hardware;
mod hold;
mod identity;
mod leftovers;
mod loops;
mod machine;
mod ntfs;
mod ntfs_record;
mod probe;
mod same;
pub mod share;
mod signature;
mod sys;
mod sysfs;
mod table;
mod tool;
mod write;

pub use machine::{LinuxMachine, MachineOptions};
