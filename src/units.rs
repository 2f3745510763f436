//! Byte counts, rates, shares and times as people read them. The only place that divides sizes.

use std::time::Duration;

/// 1 MiB in bytes.
pub const MIB: u64 = 1024 * 1024;
/// 1 GiB in bytes.
pub const GIB: u64 = 1024 * MIB;

/// A byte count for people: binary units, three significant digits at most ("512 B", "1.5 MiB", "238 GiB").
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 9.95 {
        format!("{value:.1} {}", UNITS[unit])
    } else {
        format!("{value:.0} {}", UNITS[unit])
    }
}

/// A rate for people ("12 MiB/s"); `None` while nothing can be said yet.
pub fn rate(bytes_done: u64, elapsed: Duration) -> Option<String> {
    let seconds = elapsed.as_secs_f64();
    if seconds < 0.5 || bytes_done == 0 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and far below 2^64"
    )]
    let per_second = (bytes_done as f64 / seconds) as u64;
    Some(format!("{}/s", bytes(per_second)))
}

/// A duration for people: "0.4 s", "12 s", "3:07", "1:02:33".
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 10 {
        return format!("{:.1} s", time.as_secs_f64());
    }
    if seconds < 60 {
        return format!("{seconds} s");
    }
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{rest:02}")
    } else {
        format!("{minutes}:{rest:02}")
    }
}

/// The time of day of a moment, in milliseconds since 1970 in UTC, so many seconds east of it: "07:51:05".
pub fn time_of_day(at: i64, utc_offset: i32) -> String {
    let seconds = (at.div_euclid(1000) + i64::from(utc_offset)).rem_euclid(86_400);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}")
}

/// So many of something, in the singular where it is one: "1 warning", "2 warnings".
pub fn count(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}

/// `done` of `total` in thousandths, 0 to 1000; `None` when the total is unknown or zero.
pub fn permille(done: u64, total: u64) -> Option<u16> {
    if total == 0 {
        return None;
    }
    let share = u128::from(done.min(total)) * 1000 / u128::from(total);
    u16::try_from(share).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_to_three_digits() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(238 * GIB), "238 GiB");
        assert_eq!(bytes(1023 * MIB), "1.0 GiB");
        assert_eq!(bytes(u64::MAX), "16 EiB");
    }

    #[test]
    fn one_thing_is_not_several() {
        let all = [0, 1, 2].map(|number| count(number, "answer file"));
        assert_eq!(all, ["0 answer files", "1 answer file", "2 answer files"]);
    }

    #[test]
    fn permille_never_exceeds_a_thousand_nor_divides_by_zero() {
        assert_eq!(permille(5, 0), None);
        assert_eq!(permille(7, 5), Some(1000));
        assert_eq!(permille(u64::MAX - 1, u64::MAX), Some(999));
    }

    #[test]
    fn durations_read_like_a_clock() {
        assert_eq!(duration(Duration::from_millis(420)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(187)), "3:07");
        assert_eq!(duration(Duration::from_secs(3753)), "1:02:33");
    }
}
