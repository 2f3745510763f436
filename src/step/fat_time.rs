//! Times and code page of FAT: local time without a zone, taken as UTC here, so that copying back and forth changes
//! nothing.

use fatfs::{Date, DateTime, OemCpConverter};

/// 100 ns units in a second: the unit of an NTFS time.
const PER_SECOND: u64 = 10_000_000;
/// Days from 1601-01-01 (NTFS) to 1980-01-01 (FAT).
const DAYS_TO_1980: u64 = 138_426;
const SECONDS_A_DAY: u64 = 86_400;

/// The three times of a FAT entry, as they lie on the medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawTimes {
    /// Hundredths of a second of the creation, 0 to 199.
    pub created_tenth: u8,
    /// Creation time of day.
    pub created_time: u16,
    /// Creation date.
    pub created_date: u16,
    /// Date of the last access.
    pub accessed_date: u16,
    /// Time of day of the last write.
    pub modified_time: u16,
    /// Date of the last write.
    pub modified_date: u16,
}

/// Days since 1601-01-01 of a date of the Gregorian calendar.
fn days(year: u16, month: u16, day: u16) -> u64 {
    // Years are counted from March, so that the leap day is the last day of the year.
    let (y, m) = if month > 2 {
        (u64::from(year), u64::from(month) - 3)
    } else {
        (u64::from(year) - 1, u64::from(month) + 9)
    };
    let of_year = (153 * m + 2) / 5 + u64::from(day) - 1;
    // 584,694 days from 0000-03-01 to 1601-01-01.
    365 * y + y / 4 - y / 100 + y / 400 + of_year - 584_694
}

fn civil(days_since_1601: u64) -> (u64, u64, u64) {
    let z = days_since_1601 + 584_694;
    let era = z / 146_097;
    let of_era = z % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * of_year + 2) / 153;
    let day = of_year - (153 * m + 2) / 5 + 1;
    let month = if m < 10 { m + 3 } else { m - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// A FAT date and time as NTFS time; `None` where the medium says "not set" or holds nonsense.
pub fn to_ntfs(at: DateTime) -> Option<u64> {
    let date = date_to_ntfs(at.date)?;
    if at.time.hour > 23 || at.time.min > 59 || at.time.sec > 59 {
        return None;
    }
    let seconds =
        u64::from(at.time.hour) * 3600 + u64::from(at.time.min) * 60 + u64::from(at.time.sec);
    Some(date + seconds * PER_SECOND + u64::from(at.time.millis) * (PER_SECOND / 1000))
}

/// A FAT date as NTFS time, midnight.
pub fn date_to_ntfs(date: Date) -> Option<u64> {
    if !(1..=12).contains(&date.month) || !(1..=31).contains(&date.day) {
        return None;
    }
    Some(days(date.year, date.month, date.day) * SECONDS_A_DAY * PER_SECOND)
}

/// NTFS times (creation, write, access) as FAT keeps them; what FAT cannot express is moved to the nearest it can
/// (1980 to 2107; 2 seconds for the write, a day for the access).
pub fn from_ntfs(created: u64, modified: u64, accessed: u64) -> RawTimes {
    let (created_date, created_time, created_tenth) = split(created);
    let (modified_date, modified_time, _) = split(modified);
    let (accessed_date, _, _) = split(accessed);
    RawTimes {
        created_tenth,
        created_time,
        created_date,
        accessed_date,
        modified_time,
        modified_date,
    }
}

/// Date, time and hundredths of a FAT entry.
fn split(time: u64) -> (u16, u16, u8) {
    let seconds = time / PER_SECOND;
    if seconds / SECONDS_A_DAY < DAYS_TO_1980 {
        return (0x21, 0, 0);
    }
    let (year, month, day) = civil(seconds / SECONDS_A_DAY);
    if year > 2107 {
        return (0xFF9F, 0xBF7D, 0);
    }
    let of_day = seconds % SECONDS_A_DAY;
    let date = (year - 1980) << 9 | month << 5 | day;
    let clock = (of_day / 3600) << 11 | (of_day / 60 % 60) << 5 | (of_day % 60 / 2);
    let hundredths = of_day % 2 * 100 + time % PER_SECOND / (PER_SECOND / 100);
    (
        u16::try_from(date).unwrap_or(0x21),
        u16::try_from(clock).unwrap_or(0),
        u8::try_from(hundredths).unwrap_or(0),
    )
}

/// Code page 437, in which short names beyond ASCII are written.
#[derive(Debug)]
pub struct CodePage437;

const UPPER_HALF: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

impl OemCpConverter for CodePage437 {
    fn decode(&self, oem_char: u8) -> char {
        if oem_char < 0x80 {
            return char::from(oem_char);
        }
        UPPER_HALF
            .chars()
            .nth(usize::from(oem_char - 0x80))
            .unwrap_or('\u{fffd}')
    }

    fn encode(&self, uni_char: char) -> Option<u8> {
        if uni_char.is_ascii() {
            return u8::try_from(u32::from(uni_char)).ok();
        }
        let at = UPPER_HALF.chars().position(|c| c == uni_char)?;
        u8::try_from(at + 0x80).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fatfs::Time;

    #[test]
    fn fat_and_ntfs_times_agree_with_known_dates() {
        // 2024-02-29 12:34:57.42, computed with Python's datetime.
        let at = DateTime {
            date: Date {
                year: 2024,
                month: 2,
                day: 29,
            },
            time: Time {
                hour: 12,
                min: 34,
                sec: 57,
                millis: 420,
            },
        };
        assert_eq!(to_ntfs(at), Some(133_536_836_974_200_000));
        let raw = from_ntfs(133_536_836_974_200_000, 133_536_836_974_200_000, 0);
        assert_eq!(raw.created_date, (44 << 9) + (2 << 5) + 29);
        assert_eq!(raw.created_time, (12 << 11) + (34 << 5) + 28);
        assert_eq!(raw.created_tenth, 142);
        assert_eq!(raw.accessed_date, 0x21);
        assert_eq!(
            date_to_ntfs(Date {
                year: 1980,
                month: 1,
                day: 1
            }),
            Some(DAYS_TO_1980 * 864_000_000_000)
        );
        assert_eq!(
            date_to_ntfs(Date {
                year: 1980,
                month: 0,
                day: 0
            }),
            None
        );
    }

    #[test]
    fn every_day_of_fat_survives_the_round() {
        for day in 0..(365 * 127) {
            let time = (DAYS_TO_1980 + day) * SECONDS_A_DAY * PER_SECOND;
            let raw = from_ntfs(time, time, time);
            let date = Date {
                year: 1980 + (raw.created_date >> 9),
                month: raw.created_date >> 5 & 15,
                day: raw.created_date & 31,
            };
            assert_eq!(date_to_ntfs(date), Some(time));
        }
    }

    #[test]
    fn code_page_has_all_characters() {
        assert_eq!(UPPER_HALF.chars().count(), 128);
        for byte in 0..=255u8 {
            assert_eq!(CodePage437.encode(CodePage437.decode(byte)), Some(byte));
        }
    }
}
