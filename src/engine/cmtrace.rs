//! The log file in CMTrace form (spec 4.3), through `tracing` and `tracing-appender`.
//!
//! A record: `<![LOG[text]LOG]!><time="HH:MM:SS.mmm+BBB" date="MM-DD-YYYY" component="C" context="" type="T" thread="N" file="F">`.
//! The offset is the Windows bias: UTC minus local, in minutes.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::clock;
use crate::event::{Millis, Severity};

/// Size in bytes at which the log rolls over. Older parts keep their number (`wimforge.1.log`, ...) and are never deleted:
/// a run's log is evidence.
pub const ROLL_AT: u64 = 8 * 1024 * 1024;

/// One record as text, line end included. The text may hold line breaks; the markers of a record are broken up in it, and
/// what would end the component's attribute becomes `?`: nothing that a tool prints can look like a record of its own.
pub fn record(at: Millis, severity: Severity, component: &str, thread: u64, text: &str) -> String {
    let time = clock::zoned(at);
    let bias = -time.offset().seconds() / 60;
    let kind = match severity {
        Severity::Info => 1,
        Severity::Warning => 2,
        Severity::Error => 3,
    };
    let mut out = String::with_capacity(text.len() + 160);
    out.push_str("<![LOG[");
    out.push_str(&broken_up(text));
    let component = component.replace(|c: char| c.is_control() || "\"<>".contains(c), "?");
    let _ = write!(
        out,
        "]LOG]!><time=\"{}{bias:+04}\" date=\"{}\" component=\"{component}\" context=\"\" type=\"{kind}\" thread=\"{thread}\" file=\"\">\r\n",
        time.strftime("%H:%M:%S%.3f"),
        time.strftime("%m-%d-%Y"),
    );
    out
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
        let file = OpenOptions::new().create(true).append(true).open(path)?;
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

struct CmTraceLayer {
    writer: Mutex<NonBlocking>,
}

#[derive(Default)]
struct Fields {
    text: String,
    component: String,
    at: i64,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "text" => value.clone_into(&mut self.text),
            "component" => value.clone_into(&mut self.component),
            _ => {}
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "at" {
            self.at = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for CmTraceLayer {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let severity = match *event.metadata().level() {
            tracing::Level::ERROR => Severity::Error,
            tracing::Level::WARN => Severity::Warning,
            _ => Severity::Info,
        };
        let line = record(
            fields.at,
            severity,
            &fields.component,
            u64::from(std::process::id()),
            &fields.text,
        );
        if let Ok(writer) = self.writer.lock() {
            // A full disk must not end a deployment; the journal reports trouble of its own.
            let _ = writer.make_writer().write_all(line.as_bytes());
        }
    }
}

/// The log of one run. Lines are handed to a writer thread; dropping this waits until all are written.
pub struct Log {
    dispatch: tracing::Dispatch,
    _guard: WorkerGuard,
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
            .finish(RollingFile::open(path)?);
        let layer = CmTraceLayer {
            writer: Mutex::new(writer),
        };
        Ok(Self {
            dispatch: tracing::Dispatch::new(tracing_subscriber::registry().with(layer)),
            _guard: guard,
        })
    }

    /// Writes one record; the text is redacted already.
    pub fn write(&self, at: Millis, severity: Severity, component: &str, text: &str) {
        tracing::dispatcher::with_default(&self.dispatch, || match severity {
            Severity::Info => tracing::info!(at, component, text),
            Severity::Warning => tracing::warn!(at, component, text),
            Severity::Error => tracing::error!(at, component, text),
        });
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
