//! The journal: the event stream on disk, one JSON object a line, append-only.
//!
//! The first line is a header with the format's version. Lines are written whole; at step edges everything is made
//! durable. A last line that is torn (the engine was killed while writing it) is dropped when the journal is taken up again;
//! damage anywhere else is an error that names the line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::EngineError;
use crate::event::Event;

/// Version of the format written here.
pub const VERSION: u32 = 1;

/// Longest line that is read back, in bytes.
const LONGEST_LINE: usize = 8 * 1024 * 1024;
/// How often the lock of a journal is tried, and how long between.
const LOCK_TRIES: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

#[derive(Serialize, Deserialize)]
struct Header {
    wimforge_journal: u32,
    program: String,
}

/// A journal open for writing.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
}

impl Journal {
    /// Starts a journal; the file must not exist.
    ///
    /// # Errors
    /// File exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self, EngineError> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(EngineError::file("creating", path))?;
        let mut journal = Self::locked(path, file)?;
        let header = Header {
            wimforge_journal: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        journal.line(&header);
        journal
            .flush()
            .map_err(EngineError::file("writing", path))?;
        Ok(journal)
    }

    /// Takes up a journal after an interruption: what stands in it, and the file open for more. A torn last line is cut off.
    ///
    /// # Errors
    /// Unreadable, another version, damaged in the middle, or in use by another engine.
    pub fn reopen(path: &Path) -> Result<(Self, Vec<Event>), EngineError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(EngineError::file("opening", path))?;
        // Locked before it is read: another engine may be in the middle of a line, which is not torn then.
        let mut journal = Self::locked(path, file)?;
        let (events, good_bytes) = read_from(path, &mut BufReader::new(&journal.file))?;
        let file = &mut journal.file;
        file.set_len(good_bytes)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(EngineError::file("cutting", path))?;
        Ok((journal, events))
    }

    fn locked(path: &Path, file: File) -> Result<Self, EngineError> {
        // A killed engine lets go a moment later, and so does a child between fork and exec.
        let mut tries = 0;
        while file.try_lock().is_err() {
            tries += 1;
            if tries > LOCK_TRIES {
                return Err(EngineError::Busy(format!(
                    "{} is in use by another engine: attach to that one",
                    path.display()
                )));
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            buffer: Vec::new(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn line(&mut self, value: &impl Serialize) {
        // Writing JSON to memory cannot fail for our own types: keys are text.
        if serde_json::to_writer(&mut self.buffer, value).is_ok() {
            self.buffer.push(b'\n');
        }
    }

    /// Appends one event; written through when a good deal has gathered.
    ///
    /// # Errors
    /// The system's.
    pub fn append(&mut self, event: &Event) -> std::io::Result<()> {
        self.line(event);
        if self.buffer.len() > 64 * 1024 {
            self.write_through()?;
        }
        Ok(())
    }

    /// Gives everything to the system, so that it survives a killed engine.
    ///
    /// # Errors
    /// The system's. What could not be written stays and is tried again.
    pub fn write_through(&mut self) -> std::io::Result<()> {
        while !self.buffer.is_empty() {
            let written = self.file.write(&self.buffer)?;
            if written == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            self.buffer.drain(..written);
        }
        Ok(())
    }

    /// Makes everything durable, so that it survives a power cut.
    ///
    /// # Errors
    /// The system's.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.write_through()?;
        self.file.sync_data()
    }
}

/// The events of a journal, for replay and reports.
///
/// # Errors
/// As [`Journal::reopen`].
pub fn read(path: &Path) -> Result<Vec<Event>, EngineError> {
    scan(path).map(|(events, _)| events)
}

fn scan(path: &Path) -> Result<(Vec<Event>, u64), EngineError> {
    let file = File::open(path).map_err(EngineError::file("opening", path))?;
    read_from(path, &mut BufReader::new(file))
}

/// The whole events of a journal from any source, and how many bytes they and the header take: what stands behind them is torn
/// off. `path` is what errors call it.
///
/// # Errors
/// As [`Journal::reopen`].
pub fn read_from(path: &Path, reader: &mut impl BufRead) -> Result<(Vec<Event>, u64), EngineError> {
    let mut events: Vec<Event> = Vec::new();
    let mut good = 0u64;
    let mut number = 0usize;
    let damaged = |line: usize, what: String| EngineError::Journal {
        path: path.to_owned(),
        line,
        what,
    };
    let mut raw = Vec::new();
    loop {
        raw.clear();
        let mut limited = std::io::Read::take(&mut *reader, LONGEST_LINE as u64);
        let length = limited
            .read_until(b'\n', &mut raw)
            .map_err(EngineError::file("reading", path))?;
        if length == 0 {
            break;
        }
        number += 1;
        if raw.last() != Some(&b'\n') {
            if length >= LONGEST_LINE {
                return Err(damaged(number, "the line is too long".to_owned()));
            }
            // Torn: the engine died while writing it.
            break;
        }
        if number == 1 {
            let header: Header = serde_json::from_slice(&raw)
                .map_err(|_| damaged(1, "this is not a wimforge journal".to_owned()))?;
            if header.wimforge_journal != VERSION {
                return Err(damaged(
                    1,
                    format!(
                        "the journal has version {}, this program reads version {VERSION}",
                        header.wimforge_journal
                    ),
                ));
            }
        } else {
            let event: Event = serde_json::from_slice(&raw)
                .map_err(|error| damaged(number, format!("not an event: {error}")))?;
            let expected = events.last().map_or(1, |last| last.seq + 1);
            if event.seq != expected {
                return Err(damaged(
                    number,
                    format!("event {} where {expected} should stand", event.seq),
                ));
            }
            events.push(event);
        }
        good += length as u64;
    }
    if number == 0 {
        return Err(damaged(1, "the journal is empty".to_owned()));
    }
    if good == 0 {
        return Err(damaged(1, "the journal ends in its first line".to_owned()));
    }
    Ok((events, good))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventBody, Who};

    fn event(seq: u64) -> Event {
        Event {
            seq,
            at: 1_000,
            body: EventBody::PauseChanged {
                paused: true,
                by: Who {
                    client: 1,
                    name: "tést".to_owned(),
                },
            },
        }
    }

    fn written(count: u64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::create(&path).unwrap();
        for seq in 1..=count {
            journal.append(&event(seq)).unwrap();
        }
        journal.flush().unwrap();
        (folder, path)
    }

    #[test]
    fn every_cut_of_the_file_gives_the_events_that_were_whole() {
        let (_folder, path) = written(3);
        let whole = std::fs::read(&path).unwrap();
        let ends: Vec<usize> = whole
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| at + 1)
            .collect();
        for cut in 0..ends[0] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let error = Journal::reopen(&path).unwrap_err().to_string();
            assert!(error.contains("journal.jsonl, line 1: "), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), &whole[..cut], "untouched");
        }
        for cut in ends[0]..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let expected = ends.iter().filter(|end| **end <= cut).count() - 1;
            let (mut journal, events) = Journal::reopen(&path).unwrap();
            assert_eq!(events.len(), expected, "cut at {cut}");
            let next = expected as u64 + 1;
            journal.append(&event(next)).unwrap();
            journal.flush().unwrap();
            drop(journal);
            assert_eq!(read(&path).unwrap().len() as u64, next);
        }
    }

    #[test]
    fn damage_in_the_middle_names_its_line() {
        let (_folder, path) = written(3);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"seq\":2", "\"seq\":9")).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(
            error.contains("line 3") && error.contains("event 9 where 2"),
            "{error}"
        );
    }

    #[test]
    fn a_newer_version_and_foreign_files_are_refused() {
        let (_folder, path) = written(1);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(
            &path,
            text.replace("\"wimforge_journal\":1", "\"wimforge_journal\":2"),
        )
        .unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("version 2"));
        std::fs::write(&path, "hello\n").unwrap();
        assert!(
            read(&path)
                .unwrap_err()
                .to_string()
                .contains("not a wimforge journal")
        );
    }

    #[test]
    fn two_engines_cannot_have_the_same_journal() {
        let (_folder, path) = written(1);
        let first = Journal::reopen(&path).unwrap();
        // The first one is in the middle of a line: the second must not take it for torn and cut it off.
        let half = b"{\"seq\":2,";
        (&first.0.file).write_all(half).unwrap();
        assert!(matches!(Journal::reopen(&path), Err(EngineError::Busy(_))));
        assert!(std::fs::read(&path).unwrap().ends_with(half));
        drop(first);
        assert!(Journal::reopen(&path).is_ok());
    }
}
