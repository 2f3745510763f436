//! Whatever is logged is one record, and reads back as it was; whatever is read ends.
//!
//! The input: nine bytes of settings, then text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wimforge::engine::{cmtrace, cmtrace_read};
use wimforge::event::Severity;

/// The years that the form has four digits for, in milliseconds.
const YEARS: std::ops::Range<i64> = 0..253_000_000_000_000;

fuzz_target!(|bytes: &[u8]| {
    let everything = String::from_utf8_lossy(bytes);
    for record in cmtrace_read::read(&everything) {
        assert!(!record.component.contains('"'));
    }
    let Some((head, text)) = bytes.split_first_chunk::<9>() else {
        return;
    };
    let at = i64::from_le_bytes([
        head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7],
    ]);
    let severity = match head[8] % 3 {
        0 => Severity::Info,
        1 => Severity::Warning,
        _ => Severity::Error,
    };
    let text = String::from_utf8_lossy(text);
    let (component, text) = text.split_once('\n').unwrap_or(("T", &text));
    let first = cmtrace::record(at, severity, component, u64::from(head[8]), text);
    let log = first + &cmtrace::record(0, Severity::Info, "next", 1, "next");
    let found: Vec<_> = cmtrace_read::read(&log).collect();
    assert_eq!(found.len(), 2, "{log}");
    assert_eq!(found[0].text, cmtrace::broken_up(text));
    assert_eq!(found[0].severity, severity);
    assert_eq!(found[0].thread, u64::from(head[8]));
    if component
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == ' ')
    {
        assert_eq!(found[0].component, component);
    }
    if YEARS.contains(&at) {
        assert_eq!(found[0].at, at);
    }
    assert_eq!((found[1].at, found[1].text.as_str()), (0, "next"));
});
