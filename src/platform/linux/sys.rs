//! The ioctls that neither std nor nix has: loop devices, partition nodes, table re-read.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::libc::{self, c_int, c_ulong, c_void};

const LOOP_CTL_GET_FREE: c_ulong = 0x4C82;
const LOOP_CONFIGURE: c_ulong = 0x4C0A;
const LOOP_CLR_FD: c_ulong = 0x4C01;
const LOOP_GET_STATUS64: c_ulong = 0x4C05;
const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_PARTSCAN: u32 = 8;
const BLKRRPART: c_ulong = 0x125F;
const BLKFLSBUF: c_ulong = 0x1261;
const BLKPG: c_ulong = 0x1269;
/// `_IOR(0x12, 128, __u64)` of `linux/fs.h`.
const BLKGETDISKSEQ: c_ulong = 0x8008_1280;
const BLKPG_ADD_PARTITION: c_int = 1;
const BLKPG_DEL_PARTITION: c_int = 2;

/// `struct loop_info64` of `linux/loop.h`.
#[repr(C)]
struct LoopInfo64 {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config` of `linux/loop.h`.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo64,
    reserved: [u64; 8],
}

/// `struct blkpg_partition` of `linux/blkpg.h`.
#[repr(C)]
struct BlkpgPartition {
    start: i64,
    length: i64,
    pno: c_int,
    devname: [u8; 64],
    volname: [u8; 64],
}

/// `struct blkpg_ioctl_arg` of `linux/blkpg.h`.
#[repr(C)]
struct BlkpgArg {
    op: c_int,
    flags: c_int,
    datalen: c_int,
    data: *mut c_void,
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The number of a free loop device, made when there is none.
#[expect(unsafe_code, reason = "an ioctl without a safe wrapper")]
pub(super) fn loop_free(control: &File) -> io::Result<u32> {
    // SAFETY: the descriptor is open for the call and this ioctl takes no argument.
    let number = check(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) })?;
    u32::try_from(number).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// What a loop device has behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoopState {
    /// Device and inode of the file, as the kernel counts them.
    pub(super) file: (u64, u64),
    /// The words given when it was attached, at most 63 bytes of them.
    pub(super) mark: String,
}

impl LoopInfo64 {
    const EMPTY: Self = Self {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: 0,
        sizelimit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags: 0,
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    };
}

/// Puts `image` behind the loop device until nobody has the device open any more. `mark` stands in the place that is
/// meant for the file's name, which the kernel shows elsewhere in full.
#[expect(unsafe_code, reason = "an ioctl without a safe wrapper")]
pub(super) fn loop_configure(
    device: &File,
    image: &File,
    read_only: bool,
    mark: &str,
) -> io::Result<()> {
    let mut file_name = [0_u8; 64];
    let length = mark.len().min(63);
    file_name[..length].copy_from_slice(&mark.as_bytes()[..length]);
    let read_only = if read_only { LO_FLAGS_READ_ONLY } else { 0 };
    let config = LoopConfig {
        fd: u32::try_from(image.as_raw_fd())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?,
        block_size: 0,
        info: LoopInfo64 {
            flags: LO_FLAGS_PARTSCAN | LO_FLAGS_AUTOCLEAR | read_only,
            file_name,
            ..LoopInfo64::EMPTY
        },
        reserved: [0; 8],
    };
    // SAFETY: `config` has the layout of `struct loop_config` and outlives the call; the kernel only reads it.
    check(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) }).map(drop)
}

/// What is behind a loop device; an error when nothing is.
#[expect(unsafe_code, reason = "an ioctl without a safe wrapper")]
pub(super) fn loop_state(device: &File) -> io::Result<LoopState> {
    let mut info = LoopInfo64::EMPTY;
    // SAFETY: `info` has the layout of `struct loop_info64`, which the kernel fills, and outlives the call.
    check(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_GET_STATUS64, &raw mut info) })?;
    let mark = info.file_name.split(|&byte| byte == 0).next();
    Ok(LoopState {
        file: (info.device, info.inode),
        mark: String::from_utf8_lossy(mark.unwrap_or_default()).into_owned(),
    })
}

/// Writes out what is cached of a device and forgets it: what was written through a partition's own node since is then read.
/// As long as the whole device is open its cache stays, and it knows nothing of the caches of its partitions.
#[expect(unsafe_code, reason = "an ioctl without a safe wrapper")]
pub(super) fn forget_cache(device: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open for the call and this ioctl takes no argument.
    check(unsafe { libc::ioctl(device.as_raw_fd(), BLKFLSBUF, 0) }).map(drop)
}

/// The kernel's number of the medium in this disk; `None` before Linux 5.15.
#[expect(unsafe_code, reason = "an ioctl without a safe wrapper")]
pub(super) fn disk_sequence(device: &File) -> Option<u64> {
    let mut sequence = 0_u64;
    // SAFETY: the kernel writes eight bytes to `sequence`, which outlives the call.
    check(unsafe { libc::ioctl(device.as_raw_fd(), BLKGETDISKSEQ, &raw mut sequence) })
        .ok()
        .map(|_| sequence)
}

/// Takes the image out of the loop device.
#[expect(unsafe_code, reason = "an ioctl without a safe wrapper")]
pub(super) fn loop_clear(device: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open for the call and this ioctl takes no argument.
    check(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CLR_FD, 0) }).map(drop)
}

/// Makes the kernel forget its partitions and read the table; fails with EBUSY when one is in use.
#[expect(unsafe_code, reason = "an ioctl without a safe wrapper")]
pub(super) fn reread_table(device: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open for the call and this ioctl takes no argument.
    check(unsafe { libc::ioctl(device.as_raw_fd(), BLKRRPART) }).map(drop)
}

#[expect(unsafe_code, reason = "an ioctl without a safe wrapper")]
fn blkpg(device: &File, op: c_int, number: u32, start: u64, length: u64) -> io::Result<()> {
    let invalid = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let mut partition = BlkpgPartition {
        start: i64::try_from(start).map_err(invalid)?,
        length: i64::try_from(length).map_err(invalid)?,
        pno: c_int::try_from(number).map_err(invalid)?,
        devname: [0; 64],
        volname: [0; 64],
    };
    let arg = BlkpgArg {
        op,
        flags: 0,
        datalen: c_int::try_from(size_of::<BlkpgPartition>()).map_err(invalid)?,
        data: (&raw mut partition).cast(),
    };
    // SAFETY: `arg` points at `partition`; both have the kernel's layout and outlive the call.
    check(unsafe { libc::ioctl(device.as_raw_fd(), BLKPG, &raw const arg) }).map(drop)
}

/// Tells the kernel of one partition (bytes).
pub(super) fn add_partition(device: &File, number: u32, start: u64, length: u64) -> io::Result<()> {
    blkpg(device, BLKPG_ADD_PARTITION, number, start, length)
}

/// Makes the kernel forget one partition; EBUSY when it is in use.
pub(super) fn delete_partition(device: &File, number: u32) -> io::Result<()> {
    blkpg(device, BLKPG_DEL_PARTITION, number, 0, 0)
}
