//! A FAT volume as bytes: reads in big pieces (fatfs asks for one to four bytes at a time), writes straight through,
//! and ends when somebody cancels.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::cancel::CancelToken;

const WINDOW: usize = 64 * 1024;

/// The volume, with one window of it in memory.
pub(super) struct Device {
    file: File,
    position: u64,
    start: u64,
    window: Vec<u8>,
    cancel: CancelToken,
    patches: Vec<Patch>,
}

/// Bytes shown in place of those of the volume.
struct Patch {
    at: u64,
    bytes: Vec<u8>,
}

/// What fatfs must not see. It gives up a volume whose sum of the free space is damaged, and believes one that is wrong; both
/// is of no matter to who only reads.
fn patches(file: &mut File) -> io::Result<Vec<Patch>> {
    let mut boot = [0; 512];
    file.rewind()?;
    file.read_exact(&mut boot)?;
    let word = |at: usize| u16::from_le_bytes([boot[at], boot[at + 1]]);
    let (sector, reserved) = (word(11), word(14));
    // Of two reserved sectors or more the second has no other use.
    if word(22) != 0 || reserved < 2 || sector < 512 {
        return Ok(Vec::new());
    }
    let named = if (1..reserved).contains(&word(48)) {
        word(48)
    } else {
        1
    };
    let backup = if word(50) < reserved { word(50) } else { 0 };
    let mut summary = vec![0; 512];
    summary[..4].copy_from_slice(b"RRaA");
    summary[484..488].copy_from_slice(b"rrAa");
    // Free clusters and the next one: not known.
    summary[488..496].fill(0xFF);
    summary[510..].copy_from_slice(&[0x55, 0xAA]);
    Ok(vec![
        Patch {
            at: 48,
            bytes: [named.to_le_bytes(), backup.to_le_bytes()].concat(),
        },
        Patch {
            at: u64::from(named) * u64::from(sector),
            bytes: summary,
        },
    ])
}

impl Device {
    /// Opens `node`; without `writable` every write fails.
    pub(super) fn open(node: &Path, writable: bool, cancel: &CancelToken) -> io::Result<Self> {
        let mut file = File::options().read(true).write(writable).open(node)?;
        let patches = if writable {
            Vec::new()
        } else {
            patches(&mut file)?
        };
        Ok(Self {
            file,
            position: 0,
            start: 0,
            window: Vec::new(),
            cancel: cancel.clone(),
            patches,
        })
    }

    /// Everything to the medium.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        self.start = self.position - self.position % 4096;
        self.window.resize(WINDOW, 0);
        self.file.seek(SeekFrom::Start(self.start))?;
        let mut filled = 0;
        while filled < WINDOW {
            let count = self.file.read(&mut self.window[filled..])?;
            if count == 0 {
                break;
            }
            filled += count;
        }
        self.window.truncate(filled);
        for patch in &self.patches {
            for (at, &byte) in (patch.at..).zip(&patch.bytes) {
                let offset = at.checked_sub(self.start).map(usize::try_from);
                if let Some(Ok(offset)) = offset
                    && let Some(shown) = self.window.get_mut(offset)
                {
                    *shown = byte;
                }
            }
        }
        Ok(())
    }

    fn inside(&self) -> Option<usize> {
        let offset = usize::try_from(self.position.checked_sub(self.start)?).ok()?;
        (offset < self.window.len()).then_some(offset)
    }
}

impl Read for Device {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.inside().is_none() {
            self.fill()?;
        }
        let Some(offset) = self.inside() else {
            return Ok(0);
        };
        let count = buffer.len().min(self.window.len() - offset);
        buffer[..count].copy_from_slice(&self.window[offset..offset + count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Write for Device {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        self.file.seek(SeekFrom::Start(self.position))?;
        let count = self.file.write(buffer)?;
        let end = self.position + count as u64;
        let window_end = self.start + self.window.len() as u64;
        let (from, to) = (self.position.max(self.start), end.min(window_end));
        if from < to {
            let into = usize::try_from(from - self.start).map_err(io::Error::other)?;
            let of = usize::try_from(from - self.position).map_err(io::Error::other)?;
            let length = usize::try_from(to - from).map_err(io::Error::other)?;
            self.window[into..into + length].copy_from_slice(&buffer[of..of + length]);
        }
        self.position = end;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Device {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => self
                .position
                .checked_add_signed(by)
                .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?,
            SeekFrom::End(by) => self
                .file
                .seek(SeekFrom::End(0))?
                .checked_add_signed(by)
                .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?,
        };
        Ok(self.position)
    }
}
