//! Windows error codes and what they mean, for failure screens and logs (spec 1.6).
//!
//! The tables hold what comes up in this work, not all there is.

mod errno;
mod hresult;
mod win32;

/// 0x80004004: aborted.
pub const E_ABORT: u32 = 0x8000_4004;
/// 0x80004005: unspecified failure.
pub const E_FAIL: u32 = 0x8000_4005;
/// 0x80070002: file not found.
pub const FILE_NOT_FOUND: u32 = 0x8007_0002;
/// 0x80070003: path not found.
pub const PATH_NOT_FOUND: u32 = 0x8007_0003;
/// 0x80070005: access denied.
pub const ACCESS_DENIED: u32 = 0x8007_0005;
/// 0x8007000D: the data is invalid.
pub const INVALID_DATA: u32 = 0x8007_000D;
/// 0x8007000F: the drive cannot be found.
pub const INVALID_DRIVE: u32 = 0x8007_000F;
/// 0x80070013: the medium is write protected.
pub const WRITE_PROTECT: u32 = 0x8007_0013;
/// 0x8007001D: a write to the device failed.
pub const WRITE_FAULT: u32 = 0x8007_001D;
/// 0x8007001E: a read from the device failed.
pub const READ_FAULT: u32 = 0x8007_001E;
/// 0x80070020: in use by something else.
pub const SHARING_VIOLATION: u32 = 0x8007_0020;
/// 0x80070032: not supported.
pub const NOT_SUPPORTED: u32 = 0x8007_0032;
/// 0x80070035: the network path was not found.
pub const BAD_NETPATH: u32 = 0x8007_0035;
/// 0x80070043: no such share.
pub const BAD_NET_NAME: u32 = 0x8007_0043;
/// 0x80070050: the file exists.
pub const FILE_EXISTS: u32 = 0x8007_0050;
/// 0x80070057: a parameter is wrong.
pub const INVALID_PARAMETER: u32 = 0x8007_0057;
/// 0x80070070: the disk is full.
pub const DISK_FULL: u32 = 0x8007_0070;
/// 0x800704C7: cancelled by the technician.
pub const CANCELLED: u32 = 0x8007_04C7;
/// 0x800704CF: the network location cannot be reached.
pub const NETWORK_UNREACHABLE: u32 = 0x8007_04CF;
/// 0x8007052E: the user name or password is wrong.
pub const LOGON_FAILURE: u32 = 0x8007_052E;
/// 0x800705B4: the time limit expired.
pub const TIMEOUT: u32 = 0x8007_05B4;
/// ERROR_DISK_CORRUPT
pub const DISK_CORRUPT: u32 = 0x8007_0571;
/// 0x80070490: element not found.
pub const NOT_FOUND: u32 = 0x8007_0490;
/// 0x800710DC: the readiness check failed.
pub const READINESS: u32 = 0x8007_10DC;
/// 0x8000FFFF: unexpected; a partition larger than the rest of the disk.
pub const UNEXPECTED: u32 = 0x8000_FFFF;

/// A line of a table: number, name, meaning.
type Row<N> = (N, &'static str, &'static str);

/// What a table says about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The name its makers gave it, `ERROR_ACCESS_DENIED`; in parentheses where none is published.
    pub name: &'static str,
    /// What it means, in a few plain words.
    pub meaning: &'static str,
}

/// Facility of the HRESULTs that carry a Win32 number.
const WIN32_FACILITY: u32 = 0x8007_0000;

/// Plain numbers up to here are mostly exit codes of tools, which have meanings of their own.
pub const LAST_EXIT_CODE: u32 = 255;

/// Those of them that tools use in Windows' sense often enough to say it.
const CUSTOMARY: [u32; 18] = [
    0, 1, 2, 3, 5, 13, 14, 15, 19, 29, 32, 50, 53, 67, 80, 86, 87, 112,
];

/// A code in its 32-bit form: a plain Win32 number becomes its HRESULT (0x8007nnnn), the rest stays.
pub fn full(code: u32) -> u32 {
    if code < 0x1_0000 {
        code | WIN32_FACILITY
    } else {
        code
    }
}

/// Name and meaning of a code; `None` when no table has it. Plain Win32 numbers and their HRESULT form (0x8007nnnn)
/// are the same thing here.
pub fn known(code: u32) -> Option<Known> {
    let code = full(code);
    if code & 0xFFFF_0000 == WIN32_FACILITY {
        let number = u16::try_from(code & 0xFFFF).ok()?;
        return find(win32::WIN32, number);
    }
    find(hresult::HRESULT, code)
}

/// What a code means in a few words; `None` for codes that no table knows, and for exit codes (up to 255) that only
/// seldom are Windows numbers.
pub fn meaning(code: u32) -> Option<&'static str> {
    if code <= LAST_EXIT_CODE && !CUSTOMARY.contains(&code) {
        return None;
    }
    known(code).map(|known| known.meaning)
}

/// A code in words, whether a table has it or not: name and meaning, else facility and number.
pub fn describe(code: u32) -> String {
    match known(code) {
        Some(Known { name, meaning }) => format!("{name}: {meaning}"),
        None => origin(code),
    }
}

/// Where a code comes from, from its bits: "a code of facility 7 (Win32), number 1234".
pub fn origin(code: u32) -> String {
    let code = full(code);
    let number = code & 0xFFFF;
    // The NTSTATUS codes of the kernel have no facility of the HRESULT kind.
    if code >> 16 == 0xC000 {
        return format!("a code of the Windows kernel (NTSTATUS), number {number}");
    }
    let facility = (code >> 16) & 0x7FF;
    match hresult::FACILITIES.binary_search_by_key(&facility, |row| row.0) {
        Ok(at) => format!(
            "a code of facility {facility} ({}), number {number}",
            hresult::FACILITIES[at].1
        ),
        Err(_) => format!("a code of facility {facility}, number {number}"),
    }
}

/// Name and meaning of a Linux error number.
pub fn errno(number: i32) -> Option<Known> {
    find(errno::ERRNO, u16::try_from(number).ok()?)
}

/// The Linux error number of a name like `ENOSPC`, in any case.
pub fn errno_by_name(name: &str) -> Option<i32> {
    // Second names of the same numbers.
    let name = match name.to_ascii_uppercase().as_str() {
        "EWOULDBLOCK" => "EAGAIN".to_owned(),
        "EDEADLOCK" => "EDEADLK".to_owned(),
        "ENOTSUP" => "EOPNOTSUPP".to_owned(),
        name => name.to_owned(),
    };
    errno::ERRNO
        .iter()
        .find(|row| row.1 == name)
        .map(|row| i32::from(row.0))
}

/// The code of a name like `ERROR_ACCESS_DENIED` or `CBS_E_SOURCE_MISSING`, in any case.
pub fn by_name(name: &str) -> Option<u32> {
    if name.starts_with('(') {
        return None;
    }
    let hit = |row: &str| row.eq_ignore_ascii_case(name);
    let win32 = win32::WIN32.iter().find(|row| hit(row.1));
    win32.map(|row| full(u32::from(row.0))).or_else(|| {
        let row = hresult::HRESULT.iter().find(|row| hit(row.1))?;
        Some(row.0)
    })
}

fn find<N: Ord + Copy>(table: &'static [Row<N>], number: N) -> Option<Known> {
    let at = table.binary_search_by_key(&number, |row| row.0).ok()?;
    let (_, name, meaning) = table[at];
    Some(Known { name, meaning })
}

/// A code as technicians write it: `0x80070005 (2147942405)`.
pub fn show(code: u32) -> String {
    format!("0x{code:08X} ({code})")
}

/// The HRESULT for an operating system error, by its meaning.
pub fn from_io(error: &std::io::Error) -> u32 {
    use std::io::ErrorKind as K;
    match error.kind() {
        K::NotFound => FILE_NOT_FOUND,
        K::PermissionDenied => ACCESS_DENIED,
        K::AlreadyExists => FILE_EXISTS,
        K::StorageFull | K::QuotaExceeded => DISK_FULL,
        K::ReadOnlyFilesystem => WRITE_PROTECT,
        K::ResourceBusy => SHARING_VIOLATION,
        K::TimedOut => TIMEOUT,
        K::InvalidData => INVALID_DATA,
        K::InvalidInput => INVALID_PARAMETER,
        K::Unsupported => NOT_SUPPORTED,
        K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown => NETWORK_UNREACHABLE,
        _ => E_FAIL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn win32_and_hresult_forms_mean_the_same() {
        assert_eq!(meaning(5), meaning(ACCESS_DENIED));
        assert_eq!(show(5 | 0x8007_0000), "0x80070005 (2147942405)");
        assert_eq!(meaning(0x1234_5678), None);
        assert_eq!(known(1603), known(0x8007_0643));
        assert_eq!(
            describe(ACCESS_DENIED),
            "ERROR_ACCESS_DENIED: access denied"
        );
    }

    #[test]
    fn every_code_that_has_a_constant_here_has_a_meaning() {
        for code in [
            E_ABORT,
            E_FAIL,
            FILE_NOT_FOUND,
            PATH_NOT_FOUND,
            ACCESS_DENIED,
            INVALID_DATA,
            INVALID_DRIVE,
            WRITE_PROTECT,
            WRITE_FAULT,
            SHARING_VIOLATION,
            NOT_SUPPORTED,
            BAD_NETPATH,
            BAD_NET_NAME,
            FILE_EXISTS,
            INVALID_PARAMETER,
            DISK_FULL,
            CANCELLED,
            NETWORK_UNREACHABLE,
            LOGON_FAILURE,
            TIMEOUT,
            NOT_FOUND,
            UNEXPECTED,
        ] {
            assert!(meaning(code).is_some(), "{code:#x}");
        }
    }

    #[test]
    fn exit_codes_of_tools_are_not_taken_for_windows_numbers() {
        assert_eq!(meaning(127), None);
        assert_eq!(
            known(127).map(|known| known.name),
            Some("ERROR_PROC_NOT_FOUND")
        );
        assert!(meaning(1618).is_some_and(|text| text.contains("another installation")));
    }

    #[test]
    fn the_tables_are_in_order_and_complete() {
        assert!(win32::WIN32.is_sorted_by(|a, b| a.0 < b.0));
        assert!(hresult::HRESULT.is_sorted_by(|a, b| a.0 < b.0));
        assert!(errno::ERRNO.is_sorted_by(|a, b| a.0 < b.0));
        assert!(hresult::FACILITIES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(win32::WIN32.iter().filter(|row| row.0 < 2000).count() >= 120);
        let texts = (win32::WIN32.iter().map(|row| (row.1, row.2)))
            .chain(hresult::HRESULT.iter().map(|row| (row.1, row.2)))
            .chain(errno::ERRNO.iter().map(|row| (row.1, row.2)));
        for (name, meaning) in texts {
            assert!(!name.is_empty() && !meaning.is_empty(), "{name}");
            assert!(!meaning.ends_with('.'), "{name}: {meaning}");
        }
    }

    #[test]
    fn codes_in_no_table_say_where_they_come_from() {
        assert_eq!(
            describe(0x8007_7777),
            "a code of facility 7 (Win32), number 30583"
        );
        assert_eq!(
            describe(0x8024_7777),
            "a code of facility 36 (Windows Update), number 30583"
        );
        assert_eq!(
            describe(0xC000_7777),
            "a code of the Windows kernel (NTSTATUS), number 30583"
        );
        assert_eq!(
            origin(0x87D0_0001),
            "a code of facility 2000 (Configuration Manager), number 1"
        );
    }

    #[test]
    fn names_lead_to_numbers() {
        assert_eq!(errno_by_name("enospc"), Some(28));
        assert_eq!(errno_by_name("ENOTSUP"), Some(95));
        assert_eq!(errno_by_name("ENOSUCH"), None);
        assert_eq!(errno(28).map(|known| known.name), Some("ENOSPC"));
        assert_eq!(errno(-1), None);
        assert_eq!(by_name("error_access_denied"), Some(ACCESS_DENIED));
        assert_eq!(by_name("FVE_E_NOT_DECRYPTED"), Some(0x8031_0039));
        assert_eq!(by_name("(Windows Setup)"), None);
    }
}
