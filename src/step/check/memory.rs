//! Memory against the compression of a capture.

use crate::platform::Machine;
use crate::sequence::settings::Compression;
use crate::step::capture_write::SOLID_BYTES_A_THREAD;
use crate::units::{self, MIB};

use super::Checker;

/// What the names, hashes and security of a Windows volume take while it is captured: an estimate.
const TREE_BYTES: u64 = 256 * MIB;
/// What LZX and XPRESS need for each thread, with the chunks under way: an estimate.
const CHUNK_BYTES_A_THREAD: u64 = 16 * MIB;
/// Below this nothing can be captured.
const LEAST_BYTES: u64 = 96 * MIB;

pub(super) fn check(compression: Compression, c: &mut Checker<'_>) {
    let Some(free) = c.machine.memory() else {
        return;
    };
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    judge(compression, free, processors, c);
}

/// `free` bytes of memory, and as many threads as there are processors.
pub(super) fn judge(compression: Compression, free: u64, processors: u64, c: &mut Checker<'_>) {
    const SUBJECT: &str = "memory";
    let has = units::bytes(free);
    if compression == Compression::Smallest {
        let threads = (free / SOLID_BYTES_A_THREAD).min(processors);
        let each = units::bytes(SOLID_BYTES_A_THREAD);
        if threads == 0 {
            c.block(
                SUBJECT,
                format!("{has} are free, and solid LZMS needs about {each}"),
                "Choose the compression Balanced or Max.",
            );
        } else if threads < processors {
            c.warn(
                SUBJECT,
                format!("{has} are free: solid LZMS can use {threads} of {processors} processors"),
                "Choose the compression Balanced or Max, or give the machine more memory.",
            );
        } else {
            c.fine(SUBJECT, format!("{has} free, enough for {threads} threads"));
        }
        return;
    }
    let needed = TREE_BYTES + CHUNK_BYTES_A_THREAD.saturating_mul(processors);
    if free < LEAST_BYTES {
        c.block(
            SUBJECT,
            format!("{has} are free: too little to capture a volume"),
            "Give the machine more memory, or end other programs.",
        );
    } else if free < needed {
        c.warn(
            SUBJECT,
            format!(
                "{has} are free; about {} may be needed",
                units::bytes(needed)
            ),
            "Give the machine more memory, or end other programs.",
        );
    } else {
        c.fine(SUBJECT, format!("{has} free"));
    }
}
