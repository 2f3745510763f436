//! The journal: the event stream on disk, one JSON object a line, append-only.
//!
//! The first line is a header with the format's version. Lines are written whole; at step edges everything is made
//! durable. A last line that is torn (the engine was killed while writing it) is dropped when the journal is taken up again;
//! damage anywhere else is an error that names the line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::EngineError;
use super::journal_line;
use super::log_pages::Index;
use crate::event::Event;
use crate::regular;

/// Version of the format written here.
pub const VERSION: u32 = 1;

/// Longest line that is read back, in bytes.
const LONGEST_LINE: usize = 8 * 1024 * 1024;
/// Bytes that gather before they are given to the system.
const GATHERED: usize = 64 * 1024;
/// Bytes that could not be written, after which the journal is stuck: the disk is full, and memory is not its substitute.
const STUCK: usize = 4 * 1024 * 1024;
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
    /// Bytes written and gathered.
    length: u64,
    index: Index,
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
        journal.length = journal.buffer.len() as u64;
        journal
            .flush()
            .map_err(EngineError::file("writing", path))?;
        Ok(journal)
    }

    /// Takes up a journal after an interruption: what stands in it goes to `each`, the file is open for more. A torn
    /// last line is cut off.
    ///
    /// # Errors
    /// Unreadable, another version, damaged in the middle, or in use by another engine.
    pub fn reopen(path: &Path, each: &mut dyn FnMut(Event)) -> Result<Self, EngineError> {
        let file = regular::open(path)
            .and_then(|_| OpenOptions::new().read(true).write(true).open(path))
            .map_err(EngineError::file("opening", path))?;
        // Locked before it is read: another engine may be in the middle of a line, which is not torn then.
        let mut journal = Self::locked(path, file)?;
        let (index, good_bytes) = scan(
            Events::read_from(path, BufReader::new(&journal.file))?,
            each,
        )?;
        let file = &mut journal.file;
        file.set_len(good_bytes)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(EngineError::file("cutting", path))?;
        journal.length = good_bytes;
        journal.index = index;
        Ok(journal)
    }

    /// Reads the events of a journal one by one, also while an engine writes it.
    ///
    /// # Errors
    /// Unreadable, not a journal, another version. Damage further on is an item of its own.
    pub fn events(path: &Path) -> Result<Events, EngineError> {
        Events::open(path)
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
            length: 0,
            index: Index::default(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its events stand.
    pub fn index(&self) -> &Index {
        &self.index
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
        let before = self.buffer.len();
        self.index.note(event.seq, self.length);
        if journal_line::write(&mut self.buffer, event) {
            self.buffer.push(b'\n');
        } else {
            self.line(event);
        }
        self.length += (self.buffer.len() - before) as u64;
        if self.buffer.len() > GATHERED {
            self.write_through()?;
        }
        Ok(())
    }

    /// Whether so much could not be written that nothing more should be kept in memory for it.
    pub fn is_stuck(&self) -> bool {
        self.buffer.len() > STUCK
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

/// Gives every event of a journal to `each`, one at a time; where they stand.
///
/// # Errors
/// As [`Journal::reopen`].
pub fn read(path: &Path, each: &mut dyn FnMut(Event)) -> Result<Index, EngineError> {
    scan(Journal::events(path)?, each).map(|(index, _)| index)
}

fn scan<R: BufRead>(
    mut events: Events<R>,
    each: &mut dyn FnMut(Event),
) -> Result<(Index, u64), EngineError> {
    let mut index = Index::default();
    loop {
        let offset = events.good;
        let Some(event) = events.next() else {
            return Ok((index, events.good));
        };
        let event = event?;
        index.note(event.seq, offset);
        each(event);
    }
}

/// The whole events of a journal from any source, and how many bytes they and the header take: what stands behind them is
/// torn off. `path` is what errors call it.
///
/// # Errors
/// As [`Journal::reopen`].
pub fn read_from(path: &Path, reader: impl BufRead) -> Result<(Vec<Event>, u64), EngineError> {
    let mut events = Events::read_from(path, reader)?;
    let all = events.by_ref().collect::<Result<Vec<Event>, _>>()?;
    Ok((all, events.good))
}

/// The events of a journal, one after the other: a journal of any length needs the memory of one line.
///
/// A torn last line ends it, as the end of the file does; damage is one error, the last item.
#[derive(Debug)]
pub struct Events<R = BufReader<File>> {
    path: PathBuf,
    reader: R,
    raw: Vec<u8>,
    /// Lines read.
    lines: usize,
    /// Bytes of the lines that were whole and well formed.
    good: u64,
    /// Number of the last event.
    last: u64,
    ended: bool,
}

impl Events {
    fn open(path: &Path) -> Result<Self, EngineError> {
        let file = regular::open(path).map_err(EngineError::file("opening", path))?;
        Self::read_from(path, BufReader::with_capacity(GATHERED, file))
    }

    /// Goes on behind event `last`, which ended at `offset`.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn go_to(&mut self, offset: u64, last: u64) -> Result<(), EngineError> {
        self.reader
            .seek(SeekFrom::Start(offset))
            .map_err(EngineError::file("reading", &self.path))?;
        self.good = offset;
        self.last = last;
        // The header has a line of its own.
        self.lines = usize::try_from(last)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        self.ended = false;
        Ok(())
    }
}

impl<R: BufRead> Events<R> {
    /// The events of a journal from any source; `path` is what errors call it.
    ///
    /// # Errors
    /// Not a journal, another version. Damage further on is an item of its own.
    pub fn read_from(path: &Path, reader: R) -> Result<Self, EngineError> {
        let mut events = Self {
            path: path.to_owned(),
            reader,
            raw: Vec::new(),
            lines: 0,
            good: 0,
            last: 0,
            ended: false,
        };
        if events.line()? {
            events.header()?;
            events.good = events.raw.len() as u64;
        } else if events.lines == 0 {
            return Err(events.damaged(1, "the journal is empty"));
        } else {
            return Err(events.damaged(1, "the journal ends in its first line"));
        }
        Ok(events)
    }

    /// Where the next event begins, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.good
    }

    fn damaged(&self, line: usize, what: impl Into<String>) -> EngineError {
        EngineError::Journal {
            path: self.path.clone(),
            line,
            what: what.into(),
        }
    }

    /// Reads the next whole line; false at the end, and when the last line is torn (the engine died while writing it).
    fn line(&mut self) -> Result<bool, EngineError> {
        self.raw.clear();
        let mut limited = (&mut self.reader).take(LONGEST_LINE as u64);
        let length = limited
            .read_until(b'\n', &mut self.raw)
            .map_err(EngineError::file("reading", &self.path))?;
        if length == 0 {
            return Ok(false);
        }
        self.lines += 1;
        let whole = self.raw.last() == Some(&b'\n');
        if !whole && length >= LONGEST_LINE {
            return Err(self.damaged(self.lines, "the line is too long"));
        }
        Ok(whole)
    }

    fn header(&self) -> Result<(), EngineError> {
        let header: Header = serde_json::from_slice(&self.raw)
            .map_err(|_| self.damaged(1, "this is not a wimforge journal"))?;
        if header.wimforge_journal != VERSION {
            return Err(self.damaged(
                1,
                format!(
                    "the journal has version {}, this program reads version {VERSION}",
                    header.wimforge_journal
                ),
            ));
        }
        Ok(())
    }

    fn event(&mut self) -> Result<Option<Event>, EngineError> {
        if !self.line()? {
            return Ok(None);
        }
        let event = journal_line::event_of(&self.raw)
            .map_err(|error| self.damaged(self.lines, format!("not an event: {error}")))?;
        let expected = self.last + 1;
        if event.seq != expected {
            return Err(self.damaged(
                self.lines,
                format!("event {} where {expected} should stand", event.seq),
            ));
        }
        self.last = event.seq;
        self.good += self.raw.len() as u64;
        Ok(Some(event))
    }
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = Result<Event, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.event().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
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
            let error = Journal::reopen(&path, &mut |_| {}).unwrap_err().to_string();
            assert!(error.contains("journal.jsonl, line 1: "), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), &whole[..cut], "untouched");
        }
        for cut in ends[0]..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let expected = ends.iter().filter(|end| **end <= cut).count() - 1;
            let mut events = 0;
            let mut journal = Journal::reopen(&path, &mut |_| events += 1).unwrap();
            assert_eq!(events, expected, "cut at {cut}");
            let next = expected as u64 + 1;
            journal.append(&event(next)).unwrap();
            journal.flush().unwrap();
            drop(journal);
            assert_eq!(read(&path, &mut |_| {}).unwrap().last(), next);
        }
    }

    #[test]
    fn damage_in_the_middle_names_its_line() {
        let (_folder, path) = written(3);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"seq\":2", "\"seq\":9")).unwrap();
        let error = read(&path, &mut |_| {}).unwrap_err().to_string();
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
        assert!(
            read(&path, &mut |_| {})
                .unwrap_err()
                .to_string()
                .contains("version 2")
        );
        std::fs::write(&path, "hello\n").unwrap();
        assert!(
            read(&path, &mut |_| {})
                .unwrap_err()
                .to_string()
                .contains("not a wimforge journal")
        );
    }

    #[test]
    fn events_come_one_by_one_and_damage_is_the_last_item() {
        let (_folder, path) = written(3);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{{\"seq\":4,\"at\"")).unwrap();
        let seqs: Vec<u64> = Journal::events(&path)
            .unwrap()
            .map(|event| event.unwrap().seq)
            .collect();
        assert_eq!(seqs, [1, 2, 3], "a torn last line is no event");
        std::fs::write(&path, text.replace("\"seq\":2", "\"seq\":x")).unwrap();
        let mut events = Journal::events(&path).unwrap();
        assert_eq!(events.next().unwrap().unwrap().seq, 1);
        let error = events.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("line 3"), "{error}");
        assert!(events.next().is_none());
    }

    #[test]
    fn two_engines_cannot_have_the_same_journal() {
        let (_folder, path) = written(1);
        let first = Journal::reopen(&path, &mut |_| {}).unwrap();
        // The first one is in the middle of a line: the second must not take it for torn and cut it off.
        let half = b"{\"seq\":2,";
        (&first.file).write_all(half).unwrap();
        assert!(matches!(
            Journal::reopen(&path, &mut |_| {}),
            Err(EngineError::Busy(_))
        ));
        assert!(std::fs::read(&path).unwrap().ends_with(half));
        drop(first);
        assert!(Journal::reopen(&path, &mut |_| {}).is_ok());
    }
}
