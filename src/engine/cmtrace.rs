//! The log file in CMTrace form (spec 4.3), written by `tracing-appender`'s thread.
//!
//! A record: `<![LOG[text]LOG]!><time="HH:MM:SS.mmm+BBB" date="MM-DD-YYYY" component="C" context="" type="T" thread="N" file="F">`.
//! The offset is the Windows bias: UTC minus local, in minutes.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::clock;
use crate::event::{Millis, Severity};

/// Size in bytes at which the log rolls over. Older parts keep their number (`wimforge.1.log`, ...) and are never deleted:
/// a run's log is evidence.
pub const ROLL_AT: u64 = 8 * 1024 * 1024;

/// Bytes that gather before they are handed to the writer's thread.
const GATHERED: usize = 64 * 1024;
/// Such pieces that wait for the writer's thread; with more, whoever logs waits.
const WAITING: usize = 16;
/// A record that comes after a pause is handed over at once.
const PAUSE: Duration = Duration::from_millis(50);

/// One record as text, line end included. The text may hold line breaks; the markers of a record are broken up in it, and
/// what would end the component's attribute becomes `?`.
pub fn record(at: Millis, severity: Severity, component: &str, thread: u64, text: &str) -> String {
    let mut out = Vec::new();
    Stamp::default().record(&mut out, at, severity, component, thread, text);
    String::from_utf8_lossy(&out).into_owned()
}

/// The second that was written last, as text: reckoning it anew for each of millions of records takes longer than
/// writing them.
#[derive(Debug, Default)]
struct Stamp {
    second: Option<i64>,
    time: String,
    bias_and_date: String,
}

impl Stamp {
    fn record(
        &mut self,
        out: &mut Vec<u8>,
        at: Millis,
        severity: Severity,
        component: &str,
        thread: u64,
        text: &str,
    ) {
        let second = at.div_euclid(1000);
        if self.second != Some(second) {
            let time = clock::zoned(at);
            let bias = -time.offset().seconds() / 60;
            self.second = Some(second);
            self.time = time.strftime("%H:%M:%S.").to_string();
            self.bias_and_date = format!("{bias:+04}\" date=\"{}", time.strftime("%m-%d-%Y"));
        }
        out.extend_from_slice(b"<![LOG[");
        let held =
            |marker: &str| memchr::memmem::find(text.as_bytes(), marker.as_bytes()).is_some();
        if held("]LOG]!>") || held("<![LOG[") {
            out.extend_from_slice(broken_up(text).as_bytes());
        } else {
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(b"]LOG]!><time=\"");
        out.extend_from_slice(self.time.as_bytes());
        let millis = at.rem_euclid(1000);
        for digit in [millis / 100, millis / 10 % 10, millis % 10] {
            out.push(b'0' + u8::try_from(digit).unwrap_or(0));
        }
        out.extend_from_slice(self.bias_and_date.as_bytes());
        out.extend_from_slice(b"\" component=\"");
        // What would end the attribute: nothing that a tool prints can look like a record of its own.
        let component = component.replace(|c: char| c.is_control() || "\"<>".contains(c), "?");
        out.extend_from_slice(component.as_bytes());
        out.extend_from_slice(b"\" context=\"\" type=\"");
        out.push(match severity {
            Severity::Info => b'1',
            Severity::Warning => b'2',
            Severity::Error => b'3',
        });
        // Writing to memory cannot fail.
        let _ = write!(out, "\" thread=\"{thread}\" file=\"\">\r\n");
    }
}

/// A text as a record holds it: without the markers of a record.
pub fn broken_up(text: &str) -> String {
    text.replace("]LOG]!>", "]LOG]! >")
        .replace("<![LOG[", "<! [LOG[")
}

/// A file that rolls over by size.
#[derive(Debug)]
struct RollingFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl RollingFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = crate::regular::append(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
        })
    }

    fn roll(&mut self) -> io::Result<()> {
        let mut number = 1u32;
        let older = loop {
            let candidate = self.path.with_extension(format!("{number}.log"));
            if !candidate.exists() {
                break candidate;
            }
            number += 1;
        };
        std::fs::rename(&self.path, older)?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

impl Write for RollingFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.bytes > 0 && self.bytes + buffer.len() as u64 > ROLL_AT {
            self.roll()?;
        }
        self.file.write_all(buffer)?;
        self.bytes += buffer.len() as u64;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The log of one run. Records gather and are handed to a writer's thread; dropping this waits until all are written.
pub struct Log {
    gathered: Mutex<Gathered>,
    _guard: WorkerGuard,
}

struct Gathered {
    stamp: Stamp,
    records: Vec<u8>,
    writer: NonBlocking,
    thread: u64,
    handed_over: Instant,
}

impl Gathered {
    fn hand_over(&mut self) {
        if !self.records.is_empty() {
            // A full disk must not end a deployment; the journal reports trouble of its own.
            let _ = self.writer.write_all(&self.records);
            self.records.clear();
        }
        self.handed_over = Instant::now();
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Log")
    }
}

impl Log {
    /// Opens (or goes on with) the log file.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (writer, guard) = NonBlockingBuilder::default()
            .lossy(false)
            .buffered_lines_limit(WAITING)
            .finish(RollingFile::open(path)?);
        Ok(Self {
            gathered: Mutex::new(Gathered {
                stamp: Stamp::default(),
                records: Vec::new(),
                writer,
                thread: u64::from(std::process::id()),
                handed_over: Instant::now(),
            }),
            _guard: guard,
        })
    }

    /// Writes one record; the text is redacted already.
    pub fn write(&self, at: Millis, severity: Severity, component: &str, text: &str) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let gathered = &mut *gathered;
        let thread = gathered.thread;
        let records = &mut gathered.records;
        gathered
            .stamp
            .record(records, at, severity, component, thread, text);
        if gathered.records.len() > GATHERED || gathered.handed_over.elapsed() > PAUSE {
            gathered.hand_over();
        }
    }

    /// Hands over what has gathered.
    pub fn flush(&self) {
        self.gathered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .hand_over();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_as_cmtrace_wants_it() {
        let line = record(
            1_700_000_000_123,
            Severity::Warning,
            "TSManager",
            7,
            "a ]LOG]!> b\n<![LOG[c",
        );
        assert!(
            line.starts_with("<![LOG[a ]LOG]! > b\n<! [LOG[c]LOG]!><time=\""),
            "{line}"
        );
        assert!(line.contains("type=\"2\" thread=\"7\""));
        let time = line
            .split("time=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let bias = &time[12..];
        assert!(bias.starts_with(['+', '-']) && bias.len() == 4, "{time}");
    }

    #[test]
    fn every_record_has_the_time_of_its_own() {
        let mut stamp = Stamp::default();
        let mut all = Vec::new();
        for at in [999, 1_000, 1_007, 61_000, 61_000 + 86_400_000, 5] {
            all.clear();
            stamp.record(&mut all, at, Severity::Info, "T", 1, "x");
            let expected = clock::zoned(at).strftime("time=\"%H:%M:%S%.3f").to_string();
            let date = clock::zoned(at).strftime("date=\"%m-%d-%Y\"").to_string();
            let text = String::from_utf8(all.clone()).unwrap();
            assert!(text.contains(&expected) && text.contains(&date), "{text}");
        }
    }

    #[test]
    fn the_log_rolls_over_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wimforge.log");
        let log = Log::open(&path).unwrap();
        let big = "x".repeat(1024 * 1024);
        for number in 0..20 {
            log.write(0, Severity::Info, "T", &format!("{number} {big}"));
        }
        drop(log);
        let mut found = 0;
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(text.len() as u64 <= ROLL_AT);
            found += text.matches("<![LOG[").count();
        }
        assert_eq!(found, 20);
        assert!(folder.path().join("wimforge.1.log").exists());
    }
}
