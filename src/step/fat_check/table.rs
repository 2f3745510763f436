//! The file allocation table: read in windows, compared with its copies, each cluster claimed once.

use std::io::{self, Read, Seek, SeekFrom};

use crate::cancel::CancelToken;

use super::geometry::Geometry;
use super::state::FatState;

/// The high four bits of an entry are nobody's.
const VALUE: u32 = 0x0FFF_FFFF;
const BAD: u32 = 0x0FFF_FFF7;
const CLOSED: u32 = 0x0800_0000;
const NO_ERRORS: u32 = 0x0400_0000;
const WINDOW: usize = 64 * 1024;
/// How far a chain is followed again to tell a loop from a shared cluster.
const RETRACED: u32 = 1 << 20;

/// Reads `buffer` whole at `at`.
pub(super) fn read_at<R: Read + Seek>(
    volume: &mut R,
    at: u64,
    buffer: &mut [u8],
) -> io::Result<()> {
    volume.seek(SeekFrom::Start(at))?;
    volume.read_exact(buffer)
}

/// How a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    OutOfRange(u32),
    Free(u32),
    Bad(u32),
    Loop(u32),
    Shared(u32),
    TooLong,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OutOfRange(cluster) => {
                write!(f, "its clusters lead to {cluster}, which is none")
            }
            Self::Free(cluster) => write!(f, "its cluster {cluster} is marked free"),
            Self::Bad(cluster) => write!(f, "its cluster {cluster} is marked bad"),
            Self::Loop(cluster) => write!(f, "its clusters go round in a circle at {cluster}"),
            Self::Shared(cluster) => {
                write!(f, "its cluster {cluster} belongs to something else too")
            }
            Self::TooLong => f.write_str("its clusters do not end where it must"),
        }
    }
}

/// The table, and which of its clusters are in use and not yet claimed.
pub(super) struct Table<'a, R> {
    pub(super) volume: &'a mut R,
    pub(super) geometry: &'a Geometry,
    window: Vec<u8>,
    start: u64,
    /// A bit for each cluster.
    unclaimed: Vec<u64>,
    left: u64,
    /// Clusters marked bad.
    pub(super) bad: u64,
}

impl<'a, R: Read + Seek> Table<'a, R> {
    /// Reads the whole table once, in order, and its copy beside it.
    pub(super) fn read(
        volume: &'a mut R,
        geometry: &'a Geometry,
        cancel: &CancelToken,
        state: &mut FatState,
    ) -> io::Result<Self> {
        // Clusters are numbered from 2: the last one is `clusters + 1`.
        let words = usize::try_from((geometry.clusters + 2).div_ceil(64)).unwrap_or(0);
        let mut table = Self {
            volume,
            geometry,
            window: Vec::new(),
            start: 0,
            unclaimed: vec![0; words],
            left: 0,
            bad: 0,
        };
        table.scan(cancel, state)?;
        state.used_bytes = table.left * geometry.cluster;
        Ok(table)
    }

    fn active(&self) -> u64 {
        self.geometry.fat_start + self.geometry.single.unwrap_or(0) * self.geometry.fat_bytes
    }

    fn scan(&mut self, cancel: &CancelToken, state: &mut FatState) -> io::Result<()> {
        let bytes = (u64::from(self.geometry.clusters) + 2) * 4;
        let copy = (self.geometry.fats > 1 && self.geometry.single.is_none())
            .then(|| self.geometry.fat_start + self.geometry.fat_bytes);
        let (mut one, mut two) = (vec![0; WINDOW], vec![0; WINDOW]);
        let (mut done, mut differing, mut first) = (0, 0_u64, None);
        while done < bytes {
            if cancel.is_cancelled() {
                return Err(io::Error::other("cancelled"));
            }
            let count = usize::try_from(bytes - done).map_or(WINDOW, |left| left.min(WINDOW));
            let at = self.active() + done;
            read_at(self.volume, at, &mut one[..count])?;
            if let Some(copy) = copy {
                read_at(self.volume, copy + done, &mut two[..count])?;
                if one[..count] != two[..count] {
                    for (number, (a, b)) in one[..count]
                        .chunks_exact(4)
                        .zip(two[..count].chunks_exact(4))
                        .enumerate()
                    {
                        if a != b {
                            differing += 1;
                            first.get_or_insert(done / 4 + number as u64);
                        }
                    }
                }
            }
            for (number, raw) in one[..count].chunks_exact(4).enumerate() {
                let value = u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]) & VALUE;
                let index = u32::try_from(done / 4).unwrap_or(u32::MAX)
                    + u32::try_from(number).unwrap_or(u32::MAX);
                self.entry(index, value, state);
            }
            done += count as u64;
        }
        if let Some(first) = first {
            state.damage.add(format!(
                "its two file allocation tables differ in {differing} places, first for cluster {first}"
            ));
        }
        Ok(())
    }

    fn entry(&mut self, index: u32, value: u32, state: &mut FatState) {
        match (index, value) {
            (0, value) => {
                if value & 0x0FFF_FFF8 != 0x0FFF_FFF8 {
                    state.damage.add(format!(
                        "its file allocation table starts with {value:#010x}"
                    ));
                } else if value & 0xFF != u32::from(self.geometry.media) {
                    state.notes.add(
                        "boot sector and file allocation table name different kinds of medium"
                            .to_owned(),
                    );
                }
            }
            (1, value) => {
                state.dirty |= value & CLOSED == 0;
                if value & NO_ERRORS == 0 {
                    // Whether anything cannot be read shows when it is read; `fsck.fat` does not mend this mark.
                    state.notes.add(
                        "it is marked as having had read or write errors: let chkdsk /r check its surface"
                            .to_owned(),
                    );
                }
            }
            (_, 0) => {}
            (_, BAD) => self.bad += 1,
            (index, value) => {
                self.unclaimed[(index / 64) as usize] |= 1 << (index % 64);
                self.left += 1;
                if value < BAD && !self.geometry.has(value) {
                    state.damage.add(format!(
                        "its file allocation table leads from cluster {index} to {value}, which is none"
                    ));
                }
            }
        }
    }

    /// What the table says of a cluster that exists.
    fn value(&mut self, cluster: u32) -> io::Result<u32> {
        let at = u64::from(cluster) * 4;
        if at < self.start || at + 4 > self.start + self.window.len() as u64 {
            self.start = at - at % WINDOW as u64;
            let count = usize::try_from(self.geometry.fat_bytes - self.start)
                .map_or(WINDOW, |left| left.min(WINDOW));
            self.window.resize(count, 0);
            let from = self.active() + self.start;
            if let Err(error) = read_at(self.volume, from, &mut self.window) {
                self.window.clear();
                return Err(error);
            }
        }
        let offset = usize::try_from(at - self.start).unwrap_or(0);
        let raw = &self.window[offset..offset + 4];
        Ok(u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]) & VALUE)
    }

    /// Claims every cluster of a chain, showing each; how many there are, and what is wrong with it.
    pub(super) fn claim(
        &mut self,
        first: u32,
        most: u32,
        each: &mut dyn FnMut(&mut R, u32) -> io::Result<()>,
    ) -> io::Result<(u32, Option<Broken>)> {
        let (mut cluster, mut count) = (first, 0);
        loop {
            if !self.geometry.has(cluster) {
                return Ok((count, Some(Broken::OutOfRange(cluster))));
            }
            let value = self.value(cluster)?;
            let bit = 1_u64 << (cluster % 64);
            let word = &mut self.unclaimed[(cluster / 64) as usize];
            if *word & bit == 0 {
                let broken = match value {
                    0 => Broken::Free(cluster),
                    BAD => Broken::Bad(cluster),
                    _ if self.passes(first, cluster, count)? => Broken::Loop(cluster),
                    _ => Broken::Shared(cluster),
                };
                return Ok((count, Some(broken)));
            }
            if count == most {
                return Ok((count, Some(Broken::TooLong)));
            }
            *word &= !bit;
            self.left -= 1;
            count += 1;
            each(self.volume, cluster)?;
            if value > BAD {
                return Ok((count, None));
            }
            cluster = value;
        }
    }

    /// Whether a chain comes through a cluster on its first `steps`.
    fn passes(&mut self, first: u32, wanted: u32, steps: u32) -> io::Result<bool> {
        let mut cluster = first;
        for _ in 0..steps.min(RETRACED) {
            if cluster == wanted {
                return Ok(true);
            }
            cluster = self.value(cluster)?;
        }
        Ok(false)
    }

    /// Clusters in use that nothing claimed.
    pub(super) fn unclaimed(&self) -> u64 {
        self.left
    }
}
