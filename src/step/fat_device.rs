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
}

impl Device {
    /// Opens `node`; without `writable` every write fails.
    pub(super) fn open(node: &Path, writable: bool, cancel: &CancelToken) -> io::Result<Self> {
        let file = File::options().read(true).write(writable).open(node)?;
        Ok(Self {
            file,
            position: 0,
            start: 0,
            window: Vec::new(),
            cancel: cancel.clone(),
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
