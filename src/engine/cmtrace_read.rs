//! Reads back what [`super::cmtrace`] writes: a text of CMTrace records to records.
//!
//! Other writers' records are read as far as they have the same attributes. What is no record is passed over, as CMTrace
//! itself does with the lines around a torn one.

use jiff::civil;

use crate::event::{Millis, Severity};

const START: &str = "<![LOG[";
const END: &str = "]LOG]!><";

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When; the epoch for a time that cannot be read.
    pub at: Millis,
    /// CMTrace type 1 to 3; anything else reads as [`Severity::Info`].
    pub severity: Severity,
    /// The component.
    pub component: String,
    /// The number of the thread; 0 when it cannot be read.
    pub thread: u64,
    /// The text; may hold line breaks.
    pub text: String,
}

/// The records of a text, one after the other.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a str,
}

/// Reads a log.
pub fn read(text: &str) -> Records<'_> {
    Records { rest: text }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            let start = self.rest.find(START)? + START.len();
            let body = &self.rest[start..];
            let end = body.find(END)?;
            let after = &body[end + END.len()..];
            // The attributes end with the line; values hold no angle bracket.
            let Some(close) = after.find(['>', '\n']) else {
                self.rest = "";
                return None;
            };
            self.rest = &after[close..];
            // A marker inside belongs to the next record: what stands before it is torn.
            let text = body[..end].rsplit(START).next().unwrap_or_default();
            if after[close..].starts_with('>') {
                return Some(record(text, &after[..close]));
            }
        }
    }
}

fn record(text: &str, attributes: &str) -> Record {
    let of = |name| attribute(attributes, name).unwrap_or_default();
    Record {
        at: time(of("time"), of("date")).unwrap_or(0),
        severity: match of("type") {
            "2" => Severity::Warning,
            "3" => Severity::Error,
            _ => Severity::Info,
        },
        component: of("component").to_owned(),
        thread: of("thread").parse().unwrap_or(0),
        text: text.to_owned(),
    }
}

/// The value of `name="value"`; the name stands at the beginning or behind a blank.
fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = attributes;
    loop {
        let (found, after) = rest.split_once("=\"")?;
        let (value, next) = after.split_once('"')?;
        if found.trim() == name {
            return Some(value);
        }
        rest = next;
    }
}

/// `HH:MM:SS.mmm+BBB` and `MM-DD-YYYY`; the offset is the Windows bias, UTC minus local, in minutes.
fn time(time: &str, date: &str) -> Option<Millis> {
    let (clock, bias) = time.split_at_checked(time.rfind(['+', '-'])?)?;
    let time = civil::Time::strptime("%H:%M:%S%.f", clock).ok()?;
    let date = civil::Date::strptime("%m-%d-%Y", date).ok()?;
    let local = date
        .to_datetime(time)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()?
        .timestamp()
        .as_millisecond();
    let minutes: i64 = bias.parse().ok()?;
    local.checked_add(minutes.checked_mul(60_000)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cmtrace::{broken_up, record as write};

    #[test]
    fn what_was_written_is_read_back() {
        let records = [
            (1_700_000_000_123, Severity::Warning, "TSManager", 7, "one"),
            (0, Severity::Error, "OSDDiskPart", u64::MAX, "two\r\nlines"),
            (-1, Severity::Info, "", 0, ""),
            (5, Severity::Info, "a b", 1, "]LOG]!"),
            (6, Severity::Info, "T", 1, "<![LOG[x]LOG]!> time=\"1\" >"),
        ];
        let log: String = records
            .iter()
            .map(|&(at, severity, component, thread, text)| {
                write(at, severity, component, thread, text)
            })
            .collect();
        let found: Vec<Record> = read(&log).collect();
        assert_eq!(found.len(), records.len());
        for (found, (at, severity, component, thread, text)) in found.iter().zip(records) {
            assert_eq!(found.at, at);
            assert_eq!(found.severity, severity);
            assert_eq!(found.component, component);
            assert_eq!(found.thread, thread);
            assert_eq!(found.text, broken_up(text));
        }
        let odd = write(1, Severity::Info, "a\"b<c>\n", 1, "x");
        assert_eq!(read(&odd).next().unwrap().component, "a?b?c??");
    }

    #[test]
    fn torn_and_foreign_lines_are_passed_over() {
        let whole = write(1, Severity::Info, "T", 1, "whole");
        let torn = &whole[..whole.len() - 4];
        let short = &whole[..9];
        let text = format!("plain\n{torn}\r\n{short}{whole}{torn}{short}");
        let found: Vec<Record> = read(&text).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].text, "whole");
        assert_eq!(read("").count() + read("<![LOG[").count(), 0);
        let foreign = "<![LOG[x]LOG]!><time=\"?\" type=\"9\" thread=\"-\">";
        let record = read(foreign).next().unwrap();
        assert_eq!((record.at, record.thread), (0, 0));
        assert_eq!(record.severity, Severity::Info);
    }
}
