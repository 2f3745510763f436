//! Samples of the run's progress, beside the journal: so that a recording shows its bars move. At most one a second, never
//! needed to go on with a run: what cannot be written is left out.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::event::Progress;

/// Between two samples that are kept.
const EVERY: Duration = Duration::from_secs(1);
/// Longest line read back, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Keeps samples.
#[derive(Debug)]
pub struct Samples {
    file: File,
    next: Instant,
}

impl Samples {
    /// Appends to the file at `path`.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            file: crate::regular::append(path)?,
            next: Instant::now(),
        })
    }

    /// Keeps a sample, unless the last one is too fresh.
    pub fn keep(&mut self, progress: &Progress) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + EVERY;
        if let Ok(mut line) = serde_json::to_vec(progress) {
            line.push(b'\n');
            // A recording with a gap is still one.
            let _ = self.file.write_all(&line);
        }
    }
}

/// Reads them back.
pub struct Recorded {
    reader: BufReader<File>,
    raw: Vec<u8>,
}

impl Recorded {
    /// The samples at `path`; none when there is no such file.
    pub fn open(path: &Path) -> Option<Self> {
        Some(Self {
            reader: BufReader::new(crate::regular::open(path).ok()?),
            raw: Vec::new(),
        })
    }
}

impl Iterator for Recorded {
    type Item = Progress;

    /// A line that is none ends the recording.
    fn next(&mut self) -> Option<Progress> {
        self.raw.clear();
        let mut limited = self.reader.by_ref().take(LONGEST);
        limited.read_until(b'\n', &mut self.raw).ok()?;
        serde_json::from_slice(&self.raw).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NodeId;

    #[test]
    fn few_are_kept_and_read_back_until_the_first_torn_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.jsonl");
        let sample = Progress {
            node: NodeId(3),
            attempt: 1,
            at: 5,
            done: 7,
            total: 9,
            silent_millis: 0,
            detail: "x".to_owned(),
        };
        let mut samples = Samples::open(&path).unwrap();
        for _ in 0..100 {
            samples.keep(&sample);
        }
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap();
        file.write_all(b"{\"node\":3,").unwrap();
        let all: Vec<Progress> = Recorded::open(&path).unwrap().collect();
        assert_eq!(all, [sample]);
        assert!(Recorded::open(&folder.path().join("none")).is_none());
    }
}
