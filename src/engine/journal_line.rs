//! The line of the journal that holds a line of the log, written and read by hand. A step may log ten million lines; the
//! way through `serde` costs several times as much, in a debug build more than everything else together. Only what stands
//! here exactly as it is written here is read here; whatever differs is left to `serde`, which reads the same.

use std::io::Write;

use crate::event::{Event, EventBody, NodeId, Severity};

/// Writes an event as `serde_json` would, line break excluded; false when it is no line of the log.
pub(super) fn write(buffer: &mut Vec<u8>, event: &Event) -> bool {
    let EventBody::Log {
        severity,
        component,
        text,
        node,
        attempt,
    } = &event.body
    else {
        return false;
    };
    buffer.extend_from_slice(b"{\"seq\":");
    number(buffer, event.seq);
    buffer.extend_from_slice(b",\"at\":");
    if event.at < 0 {
        buffer.push(b'-');
    }
    number(buffer, event.at.unsigned_abs());
    buffer.extend_from_slice(b",\"body\":{\"Log\":{\"severity\":\"");
    buffer.extend_from_slice(word(*severity).as_bytes());
    buffer.extend_from_slice(b"\",\"component\":\"");
    escaped(buffer, component);
    buffer.extend_from_slice(b"\",\"text\":\"");
    escaped(buffer, text);
    buffer.extend_from_slice(b"\",\"node\":");
    match node {
        Some(node) => number(buffer, u64::from(node.0)),
        None => buffer.extend_from_slice(b"null"),
    }
    buffer.extend_from_slice(b",\"attempt\":");
    number(buffer, u64::from(*attempt));
    buffer.extend_from_slice(b"}}}");
    true
}

/// The event of a line, whatever it is.
///
/// # Errors
/// The line is not that of an event.
pub(super) fn event_of(raw: &[u8]) -> serde_json::Result<Event> {
    read(raw).map_or_else(|| serde_json::from_slice(raw), Ok)
}

/// Reads such a line, line break included or not; none for everything else.
fn read(raw: &[u8]) -> Option<Event> {
    let mut rest = Rest { raw, at: 0 };
    rest.literal(b"{\"seq\":")?;
    let seq = rest.number()?;
    rest.literal(b",\"at\":")?;
    let at = i64::try_from(rest.number()?).ok()?;
    rest.literal(b",\"body\":{\"Log\":{\"severity\":\"")?;
    let severity = match rest.text()? {
        "Info" => Severity::Info,
        "Warning" => Severity::Warning,
        "Error" => Severity::Error,
        _ => return None,
    };
    rest.literal(b"\",\"component\":\"")?;
    let component = rest.text()?.to_owned();
    rest.literal(b"\",\"text\":\"")?;
    let text = rest.text()?.to_owned();
    rest.literal(b"\",\"node\":")?;
    let node = if rest.literal(b"null").is_some() {
        None
    } else {
        Some(NodeId(u32::try_from(rest.number()?).ok()?))
    };
    rest.literal(b",\"attempt\":")?;
    let attempt = u32::try_from(rest.number()?).ok()?;
    rest.literal(b"}}}")?;
    matches!(rest.raw.get(rest.at..), Some(b"" | b"\n")).then_some(Event {
        seq,
        at,
        body: EventBody::Log {
            severity,
            component,
            text,
            node,
            attempt,
        },
    })
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Info",
        Severity::Warning => "Warning",
        Severity::Error => "Error",
    }
}

fn number(buffer: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    buffer.extend_from_slice(&digits[at..]);
}

/// As `serde_json` escapes: quotes, backslashes and control characters below the blank.
fn escaped(buffer: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // Loops by hand: in a debug build an iterator costs ten times as much for each byte.
    let (mut done, mut at) = (0, 0);
    while at < bytes.len() {
        let byte = bytes[at];
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            at += 1;
            continue;
        }
        buffer.extend_from_slice(&bytes[done..at]);
        match byte {
            b'"' => buffer.extend_from_slice(b"\\\""),
            b'\\' => buffer.extend_from_slice(b"\\\\"),
            8 => buffer.extend_from_slice(b"\\b"),
            12 => buffer.extend_from_slice(b"\\f"),
            b'\n' => buffer.extend_from_slice(b"\\n"),
            b'\r' => buffer.extend_from_slice(b"\\r"),
            b'\t' => buffer.extend_from_slice(b"\\t"),
            // Writing to memory cannot fail.
            other => drop(write!(buffer, "\\u{other:04x}")),
        }
        at += 1;
        done = at;
    }
    buffer.extend_from_slice(&bytes[done..]);
}

struct Rest<'a> {
    raw: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn literal(&mut self, wanted: &[u8]) -> Option<()> {
        let found = self.raw.get(self.at..self.at + wanted.len())?;
        if found != wanted {
            return None;
        }
        self.at += wanted.len();
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        let first = self.at;
        let mut number = 0_u64;
        while self.at < self.raw.len() {
            let byte = self.raw[self.at];
            if !byte.is_ascii_digit() {
                break;
            }
            number = number
                .checked_mul(10)?
                .checked_add(u64::from(byte - b'0'))?;
            self.at += 1;
        }
        let digits = self.at - first;
        // JSON knows no leading zeros.
        (digits == 1 || digits > 1 && self.raw[first] != b'0').then_some(number)
    }

    /// Up to the closing quote, which stays; none when anything was escaped, or should have been.
    fn text(&mut self) -> Option<&'a str> {
        let first = self.at;
        while self.at < self.raw.len() {
            match self.raw[self.at] {
                b'"' => return std::str::from_utf8(&self.raw[first..self.at]).ok(),
                b'\\' | 0..b' ' => return None,
                _ => self.at += 1,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(seq: u64, at: i64, severity: Severity, text: &str, node: Option<u32>) -> Event {
        Event {
            seq,
            at,
            body: EventBody::Log {
                severity,
                component: "TSManager".to_owned(),
                text: text.to_owned(),
                node: node.map(NodeId),
                attempt: 3,
            },
        }
    }

    proptest! {
        #[test]
        fn it_is_written_as_serde_writes_it_and_read_as_serde_reads_it(
            seq in any::<u64>(),
            at in any::<i64>(),
            which in 0..3usize,
            text in any::<String>(),
            node in any::<Option<u32>>(),
        ) {
            let severity = [Severity::Info, Severity::Warning, Severity::Error][which];
            let event = line(seq, at, severity, &text, node);
            let mut written = Vec::new();
            prop_assert!(write(&mut written, &event));
            prop_assert_eq!(&written, &serde_json::to_vec(&event).unwrap());
            if let Some(read) = read(&written) {
                prop_assert_eq!(read, event);
            }
        }

        #[test]
        fn nothing_is_read_that_serde_would_refuse(at in 0_usize..130, byte in any::<u8>()) {
            let mut raw = serde_json::to_vec(&line(12, 1_700_000, Severity::Info, "plain", Some(0))).unwrap();
            let at = at % raw.len();
            raw[at] = byte;
            if let Some(read) = read(&raw) {
                prop_assert_eq!(read, serde_json::from_slice::<Event>(&raw).unwrap());
            }
        }
    }

    #[test]
    fn plain_lines_take_the_short_way_and_others_do_not() {
        let event = line(1, 5, Severity::Warning, "größer ]", None);
        let mut raw = serde_json::to_vec(&event).unwrap();
        assert_eq!(read(&raw), Some(event));
        raw.push(b'\n');
        assert!(read(&raw).is_some());
        raw.push(b' ');
        assert!(read(&raw).is_none());
        let torn = &raw[..raw.len() - 9];
        assert!(read(torn).is_none());
        let quoted = serde_json::to_vec(&line(1, 5, Severity::Info, "a \"b\"", None)).unwrap();
        assert!(read(&quoted).is_none());
        assert!(read(b"{\"seq\":01").is_none());
        let mut none = Vec::new();
        let paused = EventBody::RunTo {
            node: None,
            by: crate::event::Who::engine("x"),
        };
        assert!(
            !write(
                &mut none,
                &Event {
                    seq: 1,
                    at: 1,
                    body: paused
                }
            ) && none.is_empty()
        );
    }
}
