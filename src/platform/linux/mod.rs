//! Linux: disks from `/sys`, tables by the gpt and mbrman crates, signatures by libblkid, image files on loop devices, NTFS by ntfs-3g.

mod attached;
mod attributes;
mod blkid;
mod format;
mod gpt_read;
mod hardware;
mod hold;
mod identity;
mod leftovers;
mod loops;
mod machine;
mod mbr_read;
mod ntfs;
mod ntfs_record;
mod probe;
mod same;
pub mod share;
mod signature;
mod sys;
mod sysfs;
mod table;
mod table_entry;
mod table_read;
mod tool;
mod unclaimed;
mod write;

pub use machine::{LinuxMachine, MachineOptions};
pub use probe::examine;
