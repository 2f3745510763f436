//! Whether there is anything on a disk that nothing known claims. Looking at all of it would take hours: it is looked at in
//! places, and in an image file wherever the file has anything.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::unistd::{Whence, lseek64};

use crate::platform::contents::Unclaimed;
use crate::units::MIB;

/// Places all over the disk.
const PLACES: u64 = 64;
/// Bytes looked at in each.
const PLACE: u64 = 64 * 1024;
/// Parts of an image file that are looked at; the rest of the file is holes.
const PARTS: usize = 256;
/// What an empty place is compared with.
const ZEROS: [u8; 4096] = [0; 4096];
/// Bytes kept of what is found.
const SHOWN: usize = 16;

/// The first byte that is not zero in this part, with what follows it.
fn data(file: &File, at: u64, length: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
    let mut buffer = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut buffer, at)?;
    // Whole pieces are compared at once: most of what is looked at is zeros.
    if buffer
        .chunks(ZEROS.len())
        .all(|piece| piece == &ZEROS[..piece.len()])
    {
        return Ok(None);
    }
    Ok(buffer.iter().position(|&byte| byte != 0).map(|first| {
        let end = buffer.len().min(first + SHOWN);
        (at + first as u64, buffer[first..end].to_vec())
    }))
}

/// Where an image file has data at all.
fn parts(image: &Path) -> Vec<u64> {
    let mut found = Vec::new();
    let Ok(file) = File::open(image) else {
        return found;
    };
    let mut at = 0;
    while found.len() < PARTS
        && let Ok(data) = lseek64(&file, at, Whence::SeekData)
    {
        found.push(u64::try_from(data).unwrap_or_default());
        match lseek64(&file, data, Whence::SeekHole) {
            Ok(hole) if hole > data => at = hole,
            _ => break,
        }
    }
    found
}

/// Looks between `from` and `to`, where no table lies. An error says that the disk cannot be read there.
pub(super) fn look(file: &File, image: Option<&Path>, from: u64, to: u64) -> io::Result<Unclaimed> {
    if to <= from {
        return Ok(Unclaimed::Zeros { places: 0 });
    }
    let length = to - from;
    let mut places: Vec<(u64, u64)> = (1..PLACES)
        .map(|place| (from + length / PLACES * place, PLACE))
        .collect();
    places.extend([(from, MIB), (to.saturating_sub(MIB).max(from), MIB)]);
    if let Some(image) = image {
        let inside = parts(image)
            .into_iter()
            .filter(|at| (from..to).contains(at));
        places.extend(inside.map(|at| (at, PLACE)));
    }
    places.sort_unstable();
    places.dedup();
    for &(at, wanted) in &places {
        if let Some((at, first)) = data(file, at, wanted.min(to - at))? {
            return Ok(Unclaimed::Data { at, first });
        }
    }
    Ok(Unclaimed::Zeros {
        places: places.len(),
    })
}
