//! Empties a target volume, sparing the control files (spec 2.3).

use std::io;
use std::path::Path;

use crate::codes;
use crate::platform::machine::FormatRequest;
use crate::sequence::settings::FileSystem;

use super::apply_os_target::Target;
use super::cx::StepCx;
use super::error::StepError;

/// Paths that survive, as lists of names from the volume's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep(Vec<Vec<String>>);

impl Keep {
    /// The state folders, and the folder of saved user state when a variable names one.
    pub fn from_variables(cx: &StepCx) -> Self {
        Self::with_user_state(&cx.text("_SMSTSUserStatePath"))
    }

    fn with_user_state(path: &str) -> Self {
        let mut keep = vec![
            vec!["_SMSTaskSequence".to_owned()],
            vec!["_WimforgeState".to_owned()],
        ];
        // `D:\StateStore\x`: the letter may have changed since, so the path is spared on every target.
        let bare = match path.as_bytes() {
            [letter, b':', ..] if letter.is_ascii_alphabetic() => &path[2..],
            _ => path,
        };
        let names: Vec<String> = bare
            .split(['\\', '/'])
            .filter(|name| !name.is_empty() && *name != ".")
            .map(str::to_owned)
            .collect();
        if !names.is_empty() && !names.iter().any(|name| name == "..") {
            keep.push(names);
        }
        Self(keep)
    }

    /// What of this holds below `name`: `None` when nothing there is spared, an empty list when all of it is.
    pub fn below(&self, name: &str) -> Option<Self> {
        let same: Vec<&Vec<String>> = self
            .0
            .iter()
            .filter(|path| {
                path.first()
                    .is_some_and(|first| first.to_lowercase() == name.to_lowercase())
            })
            .collect();
        if same.is_empty() {
            return None;
        }
        if same.iter().any(|path| path.len() == 1) {
            return Some(Self(Vec::new()));
        }
        Some(Self(same.iter().map(|path| path[1..].to_vec()).collect()))
    }

    /// Whether all of what is below is spared.
    pub fn everything(&self) -> bool {
        self.0.is_empty()
    }
}

/// How an emptying went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Emptied {
    /// Files and folders deleted.
    pub deleted: u64,
    /// Entries spared.
    pub kept: u64,
}

/// Deletes what is on an NTFS volume, except `keep`, and says how much.
///
/// # Errors
/// The volume cannot be mounted or a file cannot be deleted; cancelled.
pub fn empty(target: &Target, keep: &Keep, cx: &StepCx) -> Result<(), StepError> {
    let mounted = cx
        .machine
        .mount_ntfs(&target.node, true)
        .map_err(|error| StepError::platform(format!("mounting {}", target.name()), error))?;
    let mut done = Emptied::default();
    let result = clear(mounted.path(), Some(keep), &mut done, cx);
    let closed = mounted
        .close()
        .map_err(|error| StepError::platform(format!("unmounting {}", target.name()), error));
    if let Err(error) = result {
        if error.kind() == io::ErrorKind::Interrupted {
            return Err(StepError::Cancelled);
        }
        let code = codes::from_io(&error);
        return Err(StepError::because(
            code,
            format!(
                "emptying {} failed after {} files and folders were deleted; the step may be retried",
                target.name(),
                done.deleted
            ),
            error,
        ));
    }
    closed?;
    if done == Emptied::default() {
        cx.info(format!("{} is empty already", target.name()));
    } else {
        cx.info(format!(
            "{} files and folders deleted from {}, {} control folders left",
            done.deleted,
            target.name(),
            done.kept
        ));
    }
    Ok(())
}

/// Formats a volume that an interrupted attempt left half written: a file system that was being written to when the engine died
/// cannot be trusted, so deleting its files is not enough.
///
/// # Errors
/// Tool missing or failed, cancelled.
pub fn format_anew(target: &Target, cx: &StepCx) -> Result<(), StepError> {
    cx.warn(format!(
        "{} was left half written by an interrupted attempt: it is formatted anew",
        target.name()
    ));
    let doing = format!("formatting {}", target.name());
    let disk = cx
        .machine
        .disk(target.at.disk)
        .map_err(|error| StepError::platform(&doing, error))?;
    let label = disk
        .partitions
        .iter()
        .find(|partition| partition.at == target.at)
        .map(|partition| partition.label.clone())
        .unwrap_or_default();
    let request = FormatRequest {
        at: target.at,
        fs: FileSystem::Ntfs,
        label,
        quick: true,
    };
    cx.machine
        .format(&request, &|_, _| {}, &|line| cx.info(line), &cx.cancel)
        .map_err(|error| StepError::platform(&doing, error))
}

/// Never follows a link: entries are looked at by their own type.
fn clear(dir: &Path, keep: Option<&Keep>, done: &mut Emptied, cx: &StepCx) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        if cx.cancel.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let entry = entry?;
        let name = entry.file_name();
        let path = entry.path();
        let folder = entry.file_type()?.is_dir();
        match keep.and_then(|keep| keep.below(&name.to_string_lossy())) {
            Some(below) if folder && !below.everything() => {
                clear(&path, Some(&below), done, cx)?;
                continue;
            }
            Some(_) => {
                done.kept += 1;
                continue;
            }
            None => {}
        }
        if folder {
            clear(&path, None, done, cx)?;
            std::fs::remove_dir(&path)?;
        } else {
            std::fs::remove_file(&path)?;
        }
        done.deleted += 1;
        cx.progress.set(done.deleted, 0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_folders_are_spared_whatever_their_case() {
        let keep = Keep::with_user_state("D:\\State\\Store");
        assert!(
            keep.below("_smstasksequence")
                .is_some_and(|k| k.everything())
        );
        assert!(keep.below("_WIMFORGESTATE").is_some_and(|k| k.everything()));
        let state = keep.below("state").expect("a part is spared");
        assert!(!state.everything());
        assert!(state.below("Store").is_some_and(|k| k.everything()));
        assert!(state.below("Other").is_none());
        assert!(keep.below("Windows").is_none());
    }

    #[test]
    fn a_user_state_path_cannot_spare_the_whole_volume_or_climb() {
        for path in ["", "C:", "C:\\", "/", "..\\x"] {
            assert_eq!(Keep::with_user_state(path).0.len(), 2, "{path}");
        }
    }
}
