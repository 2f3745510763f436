//! Where the image goes, and everything about it that can be found out before the first byte.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::codes;
use crate::event::{Answered, QuestionKind};
use crate::platform::machine::{Mounted, ShareRequest, Space};
use crate::secret::Secret;
use crate::sequence::settings::Existing;
use crate::units;
use crate::wim::{Silent, Wim};

use super::cx::StepCx;
use super::error::StepError;
use super::lost_share::{self, Lost};
use super::rights;

const FAT_LIMIT: u64 = 4 * units::GIB - 1;
const LONGEST: usize = 255;

/// A checked destination.
pub(super) struct Target {
    pub(super) file: PathBuf,
    pub(super) partial: PathBuf,
    /// What people call it: the UNC path, or the path.
    pub(super) shown: String,
    /// The file whose images are kept.
    pub(super) append_to: Option<PathBuf>,
    share: Option<Box<dyn Mounted>>,
    /// A network lies between here and there.
    pub(super) remote: bool,
}

/// How to get onto a share.
pub(super) struct Logon {
    pub(super) account: String,
    pub(super) password: Secret,
}

impl Logon {
    /// The connection to write to.
    pub(super) fn request(&self, unc: String) -> ShareRequest {
        ShareRequest {
            unc,
            account: self.account.clone(),
            password: self.password.clone(),
            writable: true,
        }
    }
}

/// What a destination names.
pub(super) enum Place {
    /// A file on a share.
    Share {
        /// `\\server\share`.
        unc: String,
        /// Below it.
        inner: PathBuf,
    },
    /// A file by its whole path.
    File(PathBuf),
}

/// Takes a destination apart.
///
/// # Errors
/// Empty, too long, no `.wim`, no file.
pub(super) fn place(text: &str) -> Result<Place, StepError> {
    let bad = |why: &str| {
        StepError::new(
            codes::INVALID_PARAMETER,
            format!("OSDCaptureDestination {why}"),
        )
    };
    if text.is_empty() {
        return Err(
            bad("is empty").hint("Set it to \\\\server\\share\\name.wim or to an absolute path.")
        );
    }
    if text.chars().count() > LONGEST {
        return Err(bad("has more than 255 characters"));
    }
    if !text.to_ascii_lowercase().ends_with(".wim") {
        return Err(bad(&format!("({text}) does not end in .wim")));
    }
    if let Some(rest) = text.strip_prefix("\\\\") {
        let mut parts = rest.split(['\\', '/']);
        let (Some(server), Some(name)) = (parts.next(), parts.next()) else {
            return Err(bad("names no share"));
        };
        let inner: PathBuf = parts.filter(|part| !part.is_empty()).collect();
        if inner.as_os_str().is_empty() || inner.components().any(|c| c.as_os_str() == "..") {
            return Err(bad("names no file on the share"));
        }
        return Ok(Place::Share {
            unc: format!("\\\\{server}\\{name}"),
            inner,
        });
    }
    // Relative paths start at the folder the run was started in, as those of images do.
    let given = text.strip_prefix("file:").unwrap_or(text);
    std::path::absolute(given)
        .map(Place::File)
        .map_err(|error| bad(&format!("({text}) is not a path: {error}")))
}

/// Room at the destination against what a capture is estimated to need.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Enough; the numbers.
    Enough(String),
    /// Enough, but no file may be over 4 GiB there; the numbers.
    OnFat(String),
    /// Too little; the numbers.
    TooSmall(String),
    /// More than FAT32 holds in one file; bytes needed.
    OverFat(u64),
}

/// Half of what is in use, and what is kept of an older file; FAT32's limit.
pub(super) fn room(space: &Space, folder: &Path, used_bytes: u64, kept: u64) -> Room {
    let needed = (used_bytes / 2).saturating_add(kept);
    let numbers = format!(
        "{} free on {}, about {} needed (half of {} in use)",
        units::bytes(space.free_bytes),
        folder.display(),
        units::bytes(needed),
        units::bytes(used_bytes)
    );
    let fat = matches!(space.kind.as_str(), "vfat" | "msdos");
    if needed > space.free_bytes {
        Room::TooSmall(numbers)
    } else if fat && needed > FAT_LIMIT {
        Room::OverFat(needed)
    } else if fat {
        Room::OnFat(numbers)
    } else {
        Room::Enough(numbers)
    }
}

impl Target {
    /// Connects, checks the name, makes the folder, proves that it can be written, and settles what happens to a file
    /// that is there.
    pub(super) fn open(
        cx: &StepCx,
        text: &str,
        logon: &Logon,
        existing: Existing,
    ) -> Result<Self, StepError> {
        let (share, file) = match place(text)? {
            Place::Share { unc, inner } => {
                let request = logon.request(unc);
                let share = cx
                    .machine
                    .mount_share(&request, &cx.cancel)
                    .map_err(|error| {
                        StepError::platform(format!("connecting {}", request.unc), error)
                    })?;
                let file = share.path().join(inner);
                (Some(share), file)
            }
            Place::File(file) => (None, file),
        };
        let remote = share.is_some()
            || lost_share::is_remote(cx.machine.as_ref(), file.parent().unwrap_or(&file));
        let mut target = Self {
            partial: PathBuf::new(),
            file,
            shown: text.to_owned(),
            append_to: None,
            share,
            remote,
        };
        target.folder(cx)?;
        target.settle(cx, existing)?;
        target.partial = with_suffix(&target.file, ".partial");
        match fs::remove_file(&target.partial) {
            Ok(()) => cx.warn(format!(
                "{} of an interrupted attempt was removed",
                target.partial.display()
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(target.failed(format!("removing {}", target.partial.display()), error));
            }
        }
        target.try_out(&cx.scratch)?;
        Ok(target)
    }

    /// The connection to the destination, when this error means that it is gone, or the folder says so when asked.
    pub(super) fn lost(&self, error: Option<Lost>) -> Option<Lost> {
        error.or_else(|| lost_share::of_folder(self.remote, self.parent()))
    }

    /// An error of the system at the destination.
    fn failed(&self, doing: String, error: std::io::Error) -> StepError {
        match self.lost(lost_share::of_io(self.remote, &error)) {
            Some(lost) => lost.failure(&doing, &self.shown, error),
            None => StepError::io(doing, error),
        }
    }

    fn parent(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    fn folder(&self, cx: &StepCx) -> Result<(), StepError> {
        let folder = self.parent();
        if !folder.is_dir() {
            fs::create_dir_all(folder).map_err(|error| {
                self.failed(
                    format!("the destination folder {} cannot be made", folder.display()),
                    error,
                )
            })?;
            cx.info(format!(
                "the destination folder {} was made",
                folder.display()
            ));
        }
        Ok(())
    }

    fn settle(&mut self, cx: &StepCx, existing: Existing) -> Result<(), StepError> {
        let facts = match fs::metadata(&self.file) {
            Ok(facts) => facts,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            // A share that fails for a moment must not make an image of it that is not there.
            Err(error) => {
                return Err(self.failed(format!("{} cannot be looked at", self.shown), error));
            }
        };
        if !facts.is_file() {
            return Err(StepError::new(
                codes::FILE_EXISTS,
                format!("{} is not a file", self.shown),
            ));
        }
        match existing {
            Existing::Refuse => Err(StepError::new(codes::FILE_EXISTS, format!("{} exists already", self.shown))
                .hint("Choose another name, remove the file, or set `existing` to Replace, NewName or Append.")),
            Existing::Append => {
                // Found out here: nothing has been touched yet.
                Wim::open_to_append(&self.file, false, &Silent)
                    .map(drop)
                    .map_err(|error| {
                        StepError::because(error.code(), format!("adding to {}: {error}", self.shown), error)
                            .hint("Choose another name, or set `existing` to NewName.")
                    })?;
                cx.info(format!("the new images are added to a copy of {}", self.shown));
                self.append_to = Some(self.file.clone());
                Ok(())
            }
            Existing::NewName => {
                let stem = self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let stamp = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
                let name = format!("{stem}-{stamp}.wim");
                self.shown.truncate(self.shown.rfind(['/', '\\']).map_or(0, |at| at + 1));
                self.shown.push_str(&name);
                self.file.set_file_name(name);
                if self.file.exists() {
                    return Err(StepError::new(codes::FILE_EXISTS, format!("{} exists already", self.shown)));
                }
                cx.info(format!("the destination exists; writing {} instead", self.shown));
                Ok(())
            }
            Existing::Replace => {
                let modified = facts
                    .modified()
                    .ok()
                    .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                    .and_then(|since| i64::try_from(since.as_millis()).ok())
                    .unwrap_or(0);
                cx.warn(format!("{} ({}) will be replaced", self.shown, units::bytes(facts.len())));
                match cx.host.ask(QuestionKind::ConfirmReplace {
                    path: self.shown.clone(),
                    bytes: facts.len(),
                    modified,
                })? {
                    Answered::Yes => Ok(()),
                    _ => Err(StepError::new(
                        codes::CANCELLED,
                        format!("replacing {} was not confirmed", self.shown),
                    )),
                }
            }
        }
    }

    fn try_out(&self, scratch: &Path) -> Result<(), StepError> {
        rights::try_out(self.parent(), scratch)
            .map(drop)
            .map_err(|error| {
                self.failed(
                    format!(
                        "the destination folder {} cannot be written",
                        self.parent().display()
                    ),
                    error,
                )
            })
    }

    /// Free space against an estimate of half of what is in use, and FAT32's limit.
    pub(super) fn check_space(&self, cx: &StepCx, used_bytes: u64) -> Result<(), StepError> {
        let space = cx
            .machine
            .space(self.parent())
            .map_err(|error| StepError::platform("measuring the destination", error))?;
        let kept = self
            .append_to
            .as_ref()
            .and_then(|old| fs::metadata(old).ok())
            .map_or(0, |m| m.len());
        match room(&space, self.parent(), used_bytes, kept) {
            Room::Enough(numbers) => cx.info(numbers),
            Room::OnFat(numbers) => {
                cx.info(numbers);
                cx.warn("the destination is FAT32: the image must stay under 4 GiB");
            }
            Room::TooSmall(numbers) => {
                return Err(StepError::new(
                    codes::DISK_FULL,
                    format!("the destination is too small: {numbers}"),
                )
                .hint("Make room there or choose another destination."));
            }
            Room::OverFat(needed) => {
                return Err(StepError::new(
                    codes::NOT_SUPPORTED,
                    format!(
                        "{} is FAT32 and holds no file over 4 GiB; about {} are needed",
                        self.parent().display(),
                        units::bytes(needed)
                    ),
                )
                .hint("Choose a destination on NTFS, ext4 or a share."));
            }
        }
        Ok(())
    }

    /// Gives the finished file its name.
    pub(super) fn finish(self) -> Result<u64, StepError> {
        let named = || {
            let file = File::open(&self.partial)?;
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            fs::rename(&self.partial, &self.file)?;
            File::open(self.parent())?.sync_all()?;
            Ok(bytes)
        };
        let bytes = named()
            .map_err(|error| self.failed(format!("giving {} its name", self.shown), error))?;
        if let Some(share) = self.share {
            share
                .close()
                .map_err(|error| StepError::platform("disconnecting the share", error))?;
        }
        Ok(bytes)
    }
}

/// The path with something after its last name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
