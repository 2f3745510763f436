//! Windows error codes and what they mean, for failure screens and logs (spec 1.6).

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
/// 0x80070490: element not found.
pub const NOT_FOUND: u32 = 0x8007_0490;
/// 0x8000FFFF: unexpected; a partition larger than the rest of the disk.
pub const UNEXPECTED: u32 = 0x8000_FFFF;

/// What a code means in a few words; `None` for codes this table does not know. Plain Win32 numbers and
/// their HRESULT form (0x8007nnnn) are the same thing here.
pub fn meaning(code: u32) -> Option<&'static str> {
    let code = if code < 0x1_0000 {
        code | 0x8007_0000
    } else {
        code
    };
    Some(match code {
        0x8007_0000 => "success",
        0x8007_0001 => "incorrect function",
        E_ABORT => "aborted",
        E_FAIL => "unspecified failure",
        FILE_NOT_FOUND => "the file cannot be found",
        PATH_NOT_FOUND => "the path cannot be found",
        ACCESS_DENIED => "access denied",
        INVALID_DATA => "the data is invalid",
        0x8007_000E => "out of memory",
        INVALID_DRIVE => "the drive cannot be found",
        WRITE_PROTECT => "the medium is write protected",
        WRITE_FAULT => "writing to the device failed",
        READ_FAULT => "reading from the device failed",
        SHARING_VIOLATION => "in use by another program",
        NOT_SUPPORTED => "not supported",
        BAD_NETPATH => "the network path was not found",
        BAD_NET_NAME => "the share name was not found",
        FILE_EXISTS => "the file exists",
        0x8007_0056 => "the network password is not correct",
        INVALID_PARAMETER => "a parameter is incorrect",
        DISK_FULL => "the disk is full",
        NOT_FOUND => "element not found",
        0x8007_04C3 => "other credentials are already in use for this server",
        CANCELLED => "cancelled by the technician",
        NETWORK_UNREACHABLE => "the network location cannot be reached",
        LOGON_FAILURE => "the user name or password is incorrect",
        TIMEOUT => "the time limit expired",
        0x8007_0666 => "another installation is running",
        0x8007_0669 => "the installer has started a restart",
        0x8007_0BC2 => "a restart is needed",
        0x8007_10DC => "the readiness check failed",
        0x8007_3CF2 => "a store package is not provisioned for all users",
        0x800F_0975 => "reserved storage is in use by servicing",
        UNEXPECTED => "unexpected; a partition may be larger than the rest of the disk",
        _ => return None,
    })
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
    }
}
