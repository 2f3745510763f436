//! Where answer files and scripts with passwords lie on a volume.
//!
//! Windows Setup looks for answer files in `%WINDIR%\Panther\Unattend`, `%WINDIR%\Panther`, the roots of volumes,
//! `%WINDIR%\System32\Sysprep` and `%SYSTEMDRIVE%` ("Windows Setup Automation Overview", implicit answer file search order); it
//! leaves copies below Panther; recovery, deployment tools and people have places of their own. Folders are told
//! without regard to case; what a file is, is told by what it holds.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::regular;

use super::commands::{self, Hit, Kind};
use super::pieces::{decode, is_answer_file};
use super::scrub::Keys;
use super::{LARGEST, UnattendError, files};

/// Folders looked through to the bottom, below the root, in small letters.
const TREES: &[&str] = &[
    "windows/panther",
    "windows/setup",
    "windows/provisioning",
    "windows/oem",
    "windows/temp",
    "windows/systemtemp",
    "windows/configsetroot",
    "windows/ccmsetup",
    "windows/debug",
    "windows/system32/sysprep",
    "windows/system32/oobe",
    "windows/system32/recovery",
    "windows/system32/grouppolicy",
    "windows/system32/config/systemprofile",
    "windows.old/windows/panther",
    "windows.old/windows/setup",
    "windows.old/windows/system32/sysprep",
    "$windows.~bt/sources/panther",
    "$windows.~ws/sources/panther",
    "$oem$",
    "sources/$oem$",
    "windows/$oem$",
    "recovery",
    "minint",
    "deploy",
    "deploymentshare",
    "sysprep",
    "oem",
];
/// Folders of a root that are not looked into but for [`TREES`]: too large, or never captured.
const CLOSED: &[&str] = &[
    "windows",
    "windows.old",
    "$windows.~bt",
    "$windows.~ws",
    "program files",
    "program files (x86)",
    "system volume information",
    "$recycle.bin",
    "recycler",
    "_smstasksequence",
    "_wimforgestate",
];
/// Where programs of a user leave files, below the user's folder.
const USER_TEMP: [&str; 3] = ["appdata", "local", "temp"];
/// How many folders deep everything else is looked through: `Users\somebody\Desktop`.
const SHALLOW: usize = 3;
/// Deeper folders are those of a damaged volume that leads in a circle.
const DEEPEST_FOLDER: usize = 64;
/// How much of a file tells what it is.
const HEAD: u64 = 4096;
/// How many findings are kept; the rest is only counted.
pub(super) const MOST: usize = 200;

/// Files that are read for commands and settings with passwords.
const SCRIPTS: [&str; 10] = [
    "cmd", "bat", "ps1", "psm1", "vbs", "js", "wsf", "reg", "xml", "log",
];
/// The same, with lines like `AdminPassword=x`.
const SETTINGS: [&str; 5] = ["ini", "inf", "sif", "txt", "dat"];

/// A password or product key in a script, a registry file or a file of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The file, below the root of the volume: `/Windows/Setup/Scripts/SetupComplete.cmd`.
    pub path: String,
    /// Its line, from 1.
    pub line: usize,
    /// What it stands in: "`net user` with a password".
    pub what: &'static str,
}

/// What was found on a volume.
#[derive(Default)]
pub(super) struct Places {
    /// The answer files.
    pub(super) answers: Vec<PathBuf>,
    /// Passwords in other files.
    pub(super) leaks: Vec<Leak>,
    /// How many more there are.
    pub(super) more_leaks: usize,
    /// What a killed engine has left.
    pub(super) leftovers: Vec<PathBuf>,
}

/// How a folder is looked through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Every file.
    All,
    /// XML files: the folder is only on the way, or large.
    Xml,
}

/// What is to be done in the folder of these names; `None`: it is not entered.
fn look(names: &[String]) -> Option<Look> {
    let path = names.join("/");
    let below = |tree: &str| {
        path.strip_prefix(tree)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if TREES.iter().any(|tree| below(tree)) {
        return Some(Look::All);
    }
    match names.first() {
        None => Some(Look::All),
        Some(first) if CLOSED.contains(&first.as_str()) => {
            let on_the_way = TREES.iter().any(|tree| {
                tree.strip_prefix(path.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
            });
            match path.as_str() {
                "windows" => Some(Look::All),
                _ => on_the_way.then_some(Look::Xml),
            }
        }
        Some(first) => {
            let user = names.get(2..).unwrap_or_default();
            let temp = first == "users"
                && user
                    .iter()
                    .zip(USER_TEMP)
                    .all(|(name, wanted)| name == wanted);
            (names.len() <= SHALLOW || temp).then_some(Look::All)
        }
    }
}

struct Walk<'a> {
    root: &'a Path,
    keys: Keys,
    stop: &'a dyn Fn() -> bool,
    found: Places,
}

/// Looks through a mounted volume until `stop` says so.
///
/// # Errors
/// What the system said, or that the search was stopped ([`ErrorKind::TimedOut`]).
pub(super) fn search(
    root: &Path,
    keys: Keys,
    stop: &dyn Fn() -> bool,
) -> Result<Places, UnattendError> {
    let mut walk = Walk {
        root,
        keys,
        stop,
        found: Places::default(),
    };
    walk.folder(root, &mut Vec::new())?;
    Ok(walk.found)
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> UnattendError {
    let doing = format!("reading {}", path.display());
    move |source| UnattendError::Io { doing, source }
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

impl Walk<'_> {
    fn folder(&mut self, at: &Path, names: &mut Vec<String>) -> Result<(), UnattendError> {
        let Some(look) = look(names) else {
            return Ok(());
        };
        if names.len() > DEEPEST_FOLDER {
            return Err(io(at)(std::io::Error::other("the folders do not end")));
        }
        let entries = match fs::read_dir(at) {
            Ok(entries) => entries,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(());
            }
            Err(error) => return Err(io(at)(error)),
        };
        for entry in entries {
            if (self.stop)() {
                return Err(io(at)(ErrorKind::TimedOut.into()));
            }
            let entry = entry.map_err(io(at))?;
            // Links are not followed: an absolute one would lead out of the volume.
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let name = entry.file_name().to_string_lossy().to_lowercase();
            let path = entry.path();
            if kind.is_dir() {
                names.push(name);
                self.folder(&path, names)?;
                names.pop();
            } else if kind.is_file() {
                if files::is_leftover(&entry.file_name().to_string_lossy()) {
                    self.found.leftovers.push(path);
                } else if look == Look::All || extension(&name) == "xml" {
                    self.file(path, &name);
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf, name: &str) {
        // What cannot be read here (encrypted, on bad sectors) cannot be captured either: the capture tells of it.
        let mut head = Vec::new();
        let Ok(mut file) = regular::open(&path) else {
            return;
        };
        if (&mut file).take(HEAD).read_to_end(&mut head).is_err() {
            return;
        }
        let mut answer = is_answer_file(&decode(&head).text);
        let ending = extension(name);
        let kind = if SETTINGS.contains(&ending) {
            Some(Kind::Settings)
        } else {
            SCRIPTS.contains(&ending).then_some(Kind::Commands)
        };
        if answer == Some(true) {
            self.found.answers.push(path);
            return;
        }
        if head.is_empty() || (answer == Some(false) && kind.is_none()) {
            return;
        }
        // All of it: the root is not in the head, or its commands are looked at.
        if file.take(LARGEST).read_to_end(&mut head).is_err() {
            return;
        }
        let read = decode(&head);
        answer = is_answer_file(&read.text);
        if answer == Some(true) {
            self.found.answers.push(path);
        } else if let Some(kind) = kind {
            self.commands(&path, &read.text, kind);
        }
    }

    fn commands(&mut self, path: &Path, text: &str, kind: Kind) {
        let (mut line, mut counted) = (1, 0);
        let mut hits = commands::find(text, kind);
        if self.keys == Keys::Remove {
            hits.extend(commands::product_keys(text).into_iter().map(|at| Hit {
                at,
                what: "a product key",
            }));
            hits.sort_by_key(|hit| hit.at.start);
        }
        for hit in hits {
            line += text[counted..hit.at.start].matches('\n').count();
            counted = hit.at.start;
            if self.found.leaks.len() >= MOST {
                self.found.more_leaks += 1;
                continue;
            }
            let below = path.strip_prefix(self.root).unwrap_or(path);
            self.found.leaks.push(Leak {
                path: format!("/{}", below.display()),
                line,
                what: hit.what,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_places_are_entered_and_large_ones_are_not() {
        let at = |path: &str| {
            let names: Vec<String> = path
                .split('/')
                .filter(|n| !n.is_empty())
                .map(str::to_owned)
                .collect();
            look(&names)
        };
        let is = |path: &str, wanted: Option<Look>| assert!(at(path) == wanted, "{path}");
        for path in [
            "",
            "windows",
            "windows/panther/unattend/a/b/c/d",
            "windows/system32/sysprep/panther",
            "recovery/oem/autoapply",
            "users/somebody/desktop",
            "temp/a/b",
            "minint/smsosd/osdlogs",
            "users/a/appdata/local",
            "users/a/appdata/local/temp/b/c",
            "windows/configsetroot/$oem$/$1",
        ] {
            is(path, Some(Look::All));
        }
        for path in [
            "windows/system32",
            "windows/system32/config",
            "windows.old/windows",
        ] {
            is(path, Some(Look::Xml));
        }
        for path in [
            "windows/winsxs",
            "windows/system32/drivers",
            "windows/pantherx",
            "program files",
            "users/a/b/c",
            "users/a/appdata/local/microsoft",
            "_smstasksequence",
            "system volume information",
        ] {
            is(path, None);
        }
    }
}
