//! A share that is gone while it is being worked on. The system says it in many ways, some of which look like a damaged
//! disk or a missing folder; here they all become what they are, with a code of the network.

use std::fs;
use std::io;
use std::path::Path;

use crate::codes;
use crate::platform::Machine;

use super::error::StepError;

/// The way out.
const HINT: &str =
    "See whether server, cable and network are there again, connect the share again, then retry.";

/// File systems behind which a network lies, as `/proc/mounts` calls them.
const REMOTE: [&str; 8] = [
    "cifs",
    "smb3",
    "smbfs",
    "nfs",
    "nfs4",
    "fuse.sshfs",
    "9p",
    "ceph",
];

/// Error numbers that mean a lost connection, the system's words for them, and the code of the network. Those in the
/// second list mean it only where a network lies behind the file: a disk has them too.
const LOST: [(i32, &str, u32); 12] = [
    (100, "Network is down", codes::BAD_NETPATH),
    (101, "Network is unreachable", codes::BAD_NETPATH),
    (
        102,
        "Network dropped connection on reset",
        codes::NETNAME_DELETED,
    ),
    (
        103,
        "Software caused connection abort",
        codes::NETNAME_DELETED,
    ),
    (104, "Connection reset by peer", codes::NETNAME_DELETED),
    (
        107,
        "Transport endpoint is not connected",
        codes::NETNAME_DELETED,
    ),
    (
        108,
        "Cannot send after transport endpoint shutdown",
        codes::NETNAME_DELETED,
    ),
    (110, "Connection timed out", codes::BAD_NETPATH),
    (111, "Connection refused", codes::BAD_NETPATH),
    (112, "Host is down", codes::BAD_NETPATH),
    (113, "No route to host", codes::BAD_NETPATH),
    (116, "Stale file handle", codes::NETNAME_DELETED),
];
const LOST_IF_REMOTE: [(i32, &str, u32); 3] = [
    (5, "Input/output error", codes::NETNAME_DELETED),
    (32, "Broken pipe", codes::NETNAME_DELETED),
    (121, "Remote I/O error", codes::NETNAME_DELETED),
];

/// A connection that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// The code of the network.
    code: u32,
    /// What the system says.
    words: &'static str,
}

impl Lost {
    /// As the failure of a step: `doing` it, the share (or folder on one) `shown` was lost.
    pub(super) fn failure(
        self,
        doing: &str,
        shown: &str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> StepError {
        StepError::because(
            self.code,
            format!(
                "{doing}: the connection to {shown} was lost: {}",
                self.words
            ),
            source,
        )
        .hint(HINT)
    }
}

/// Whether a network lies behind a path, as far as the machine says; a path that does not exist is judged by what is
/// above it.
pub(super) fn is_remote(machine: &dyn Machine, path: &Path) -> bool {
    let there = path.ancestors().find(|path| path.exists());
    there
        .and_then(|path| machine.space(path).ok())
        .is_some_and(|space| REMOTE.contains(&space.kind.as_str()))
}

fn of(remote: bool, fits: impl Fn(i32, &str) -> bool) -> Option<Lost> {
    LOST.iter()
        .chain(LOST_IF_REMOTE.iter().filter(|_| remote))
        .find(|(number, words, _)| fits(*number, words))
        .map(|&(_, words, code)| Lost { code, words })
}

/// What an error of the system says of the connection. `remote`: a network lies behind the file.
pub(super) fn of_io(remote: bool, error: &io::Error) -> Option<Lost> {
    let number = codes::os_number(error)?;
    of(remote, |lost, _| lost == number)
}

/// What the system's words say, as a tool or library passes them on.
pub(super) fn of_words(remote: bool, words: &str) -> Option<Lost> {
    of(remote, |_, lost| words.trim() == lost)
}

/// What the folder itself says when it is asked now: the error that ended the work may be any.
pub(super) fn of_folder(remote: bool, folder: &Path) -> Option<Lost> {
    let error = fs::metadata(folder).err()?;
    of_io(remote, &error)
}

#[cfg(test)]
mod tests {
    use super::super::apply_os::wim_error;
    use super::*;
    use crate::wim::WimError;

    #[test]
    fn the_words_are_those_of_the_system() {
        for (number, words, _) in LOST.iter().chain(&LOST_IF_REMOTE) {
            let said = io::Error::from_raw_os_error(*number).to_string();
            assert_eq!(said, format!("{words} (os error {number})"));
            let known = codes::errno(*number);
            assert!(known.is_some(), "{number}");
        }
    }

    #[test]
    fn every_way_of_losing_a_share_has_a_code_of_the_network() {
        let error = io::Error::from_raw_os_error;
        for number in [5, 100, 101, 104, 107, 110, 112, 113, 116] {
            let lost = of_io(true, &error(number)).unwrap();
            assert!(
                [codes::BAD_NETPATH, codes::NETNAME_DELETED].contains(&lost.code),
                "{number}"
            );
            // Also when somebody said around it what was being done.
            let around = codes::said("writing a test file", error(number));
            assert_eq!(of_io(true, &around), Some(lost));
            assert_eq!(of_words(true, lost.words), Some(lost));
            let failure = lost
                .failure("writing x.wim", r"\\srv\img", around)
                .to_failure();
            assert!(
                failure
                    .message
                    .contains(r"connection to \\srv\img was lost")
            );
            assert!(failure.hint.is_some());
        }
        // A local disk is not a share.
        assert_eq!(of_io(false, &error(5)), None);
        assert_eq!(of_words(false, "Input/output error"), None);
        for number in [2, 13, 28, 30] {
            assert_eq!(of_io(true, &error(number)), None, "{number}");
        }
        assert_eq!(of_folder(true, Path::new("/nowhere")), None);
    }

    #[test]
    fn an_image_on_a_share_that_is_gone_has_a_code_of_the_network() {
        for (number, code) in [(112, codes::BAD_NETPATH), (116, codes::NETNAME_DELETED)] {
            let error = WimError::Open {
                path: "/run/wimforge/share-1/ref.wim".into(),
                source: std::io::Error::from_raw_os_error(number),
            };
            let failure = wim_error(error).to_failure();
            assert_eq!(failure.code, code);
            assert!(failure.message.contains("ref.wim"), "{failure:?}");
            assert!(failure.message.contains("was lost"), "{failure:?}");
        }
        let error = WimError::Open {
            path: "/srv/ref.wim".into(),
            source: std::io::Error::from_raw_os_error(2),
        };
        assert_eq!(wim_error(error).to_failure().code, codes::FILE_NOT_FOUND);
    }
}
