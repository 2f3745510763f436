//! Where the image goes, and everything about it that can be found out before the first byte.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::codes;
use crate::event::{Answered, QuestionKind};
use crate::platform::machine::{Mounted, ShareRequest};
use crate::secret::Secret;
use crate::sequence::settings::Existing;
use crate::units;

use super::cx::StepCx;
use super::error::StepError;

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
}

/// How to get onto a share.
pub(super) struct Logon {
    pub(super) account: String,
    pub(super) password: Secret,
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
        let bad = |why: &str| {
            StepError::new(
                codes::INVALID_PARAMETER,
                format!("OSDCaptureDestination {why}"),
            )
        };
        if text.is_empty() {
            return Err(bad("is empty")
                .hint("Set it to \\\\server\\share\\name.wim or to an absolute path."));
        }
        if text.chars().count() > LONGEST {
            return Err(bad("has more than 255 characters"));
        }
        if !text.to_ascii_lowercase().ends_with(".wim") {
            return Err(bad(&format!("({text}) does not end in .wim")));
        }
        let (share, file) = if let Some(rest) = text.strip_prefix("\\\\") {
            let mut parts = rest.split(['\\', '/']);
            let (Some(server), Some(name)) = (parts.next(), parts.next()) else {
                return Err(bad("names no share"));
            };
            let inner: PathBuf = parts.filter(|part| !part.is_empty()).collect();
            if inner.as_os_str().is_empty() || inner.components().any(|c| c.as_os_str() == "..") {
                return Err(bad("names no file on the share"));
            }
            let request = ShareRequest {
                unc: format!("\\\\{server}\\{name}"),
                account: logon.account.clone(),
                password: logon.password.clone(),
                writable: true,
            };
            let share = cx
                .machine
                .mount_share(&request, &cx.cancel)
                .map_err(|error| {
                    StepError::platform(format!("connecting {}", request.unc), error)
                })?;
            let file = share.path().join(inner);
            (Some(share), file)
        } else {
            // Relative paths start at the folder the run was started in, as those of images do.
            let given = text.strip_prefix("file:").unwrap_or(text);
            let file = std::path::absolute(given)
                .map_err(|error| bad(&format!("({text}) is not a path: {error}")))?;
            (None, file)
        };
        let mut target = Self {
            partial: PathBuf::new(),
            file,
            shown: text.to_owned(),
            append_to: None,
            share,
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
                return Err(StepError::io(
                    format!("removing {}", target.partial.display()),
                    error,
                ));
            }
        }
        target.try_out()?;
        Ok(target)
    }

    fn parent(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    fn folder(&self, cx: &StepCx) -> Result<(), StepError> {
        let folder = self.parent();
        if !folder.is_dir() {
            fs::create_dir_all(folder).map_err(|error| {
                StepError::io(
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
        let Ok(facts) = fs::metadata(&self.file) else {
            return Ok(());
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

    /// A test file is written, renamed and deleted.
    fn try_out(&self) -> Result<(), StepError> {
        let first = with_suffix(&self.file, ".wimforge-test");
        let second = with_suffix(&self.file, ".wimforge-test2");
        let trial = || {
            let mut file = File::create(&first)?;
            file.write_all(&[0; 4096])?;
            file.sync_all()?;
            drop(file);
            fs::rename(&first, &second)?;
            fs::remove_file(&second)
        };
        trial().map_err(|error| {
            // The trial has failed already; what it left behind is removed as far as that works.
            let _ = fs::remove_file(&first);
            let _ = fs::remove_file(&second);
            StepError::io(
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
        let needed = used_bytes / 2 + kept;
        let numbers = format!(
            "{} free on {}, about {} needed (half of {} in use)",
            units::bytes(space.free_bytes),
            self.parent().display(),
            units::bytes(needed),
            units::bytes(used_bytes)
        );
        if needed > space.free_bytes {
            return Err(StepError::new(
                codes::DISK_FULL,
                format!("the destination is too small: {numbers}"),
            )
            .hint("Make room there or choose another destination."));
        }
        cx.info(numbers);
        if matches!(space.kind.as_str(), "vfat" | "msdos") {
            if needed > FAT_LIMIT {
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
            cx.warn("the destination is FAT32: the image must stay under 4 GiB");
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
            .map_err(|error| StepError::io(format!("giving {} its name", self.shown), error))?;
        if let Some(share) = self.share {
            share
                .close()
                .map_err(|error| StepError::platform("disconnecting the share", error))?;
        }
        Ok(bytes)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
