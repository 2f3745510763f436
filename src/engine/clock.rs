//! Wall-clock time for events and file names.

use crate::event::Millis;

/// Now, in milliseconds since 1970 UTC.
pub fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// A time for file and folder names, local: `20261123-094538`.
pub fn stamp(at: Millis) -> String {
    zoned(at).strftime("%Y%m%d-%H%M%S").to_string()
}

/// `at` in the machine's time zone; the epoch when out of range.
pub fn zoned(at: Millis) -> jiff::Zoned {
    jiff::Timestamp::from_millisecond(at)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(jiff::tz::TimeZone::system())
}
