//! NTFS volumes as they are: their state, and mounted through ntfs-3g.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};

use crate::cancel::CancelToken;
use crate::platform::error::PlatformError;
use crate::platform::machine::Mounted;
use crate::platform::types::NtfsState;

use super::{leftovers, ntfs_record, sysfs, tool};

/// How long a mount may take to appear; a big journal is replayed first.
const MOUNT_TIME: Duration = Duration::from_secs(60);
/// How long somebody else (an indexer) may keep the folder busy.
const BUSY_TIME: Duration = Duration::from_secs(10);

/// The state that decides whether a volume may be captured.
pub(super) fn state(node: &Path) -> Result<NtfsState, PlatformError> {
    let args = ["--readwrite".into(), node.as_os_str().to_owned()];
    let ended = tool::run("ntfs-3g.probe", &args, &CancelToken::new(), &mut |_| {})?;
    Ok(match ended.code {
        // The probe does not look at the dirty flag (facts B).
        0 => {
            let file = File::open(node)
                .map_err(|error| PlatformError::io(format!("opening {}", node.display()), error))?;
            match ntfs_record::dirty(&file) {
                Some(false) => NtfsState::Clean,
                Some(true) => NtfsState::Dirty,
                None => NtfsState::Broken("the $Volume record cannot be read".to_owned()),
            }
        }
        12 => NtfsState::Broken("not an NTFS volume".to_owned()),
        13 => NtfsState::Broken("the file system is damaged: run chkdsk".to_owned()),
        14 => NtfsState::Hibernated,
        15 => NtfsState::Unclean,
        16 => NtfsState::InUse,
        // Killed from outside: that says nothing about the volume.
        code if code > 128 => {
            return Err(PlatformError::Tool {
                tool: "ntfs-3g.probe".to_owned(),
                code,
                tail: ended.tail,
            });
        }
        code => {
            let said = ended.tail.join("; ");
            NtfsState::Broken(format!("ntfs-3g.probe says {code}: {said}"))
        }
    })
}

/// A volume mounted by a child process.
struct NtfsMount {
    at: PathBuf,
    child: Option<Child>,
    node: PathBuf,
    read_only: bool,
}

/// Mounts a volume or image file at a private folder.
pub(super) fn mount(node: &Path, writable: bool) -> Result<Box<dyn Mounted>, PlatformError> {
    let unfit = |what: &str| PlatformError::Unfit {
        path: node.to_owned(),
        what: what.to_owned(),
    };
    if writable {
        // ntfs-3g would quietly fall back to read-only.
        match state(node)? {
            NtfsState::Clean | NtfsState::Dirty => {}
            NtfsState::Hibernated => {
                return Err(unfit(
                    "Windows is hibernated on it: shut it down fully (shutdown /s /f /t 0)",
                ));
            }
            NtfsState::Unclean => {
                return Err(unfit(
                    "Windows was not shut down cleanly: start and shut it down",
                ));
            }
            NtfsState::InUse => return Err(unfit("it is in use")),
            NtfsState::Broken(what) => return Err(unfit(&what)),
        }
    }
    let at = std::env::temp_dir().join(format!(
        "{}{}-{:016x}",
        leftovers::PREFIX,
        std::process::id(),
        rand::random::<u64>()
    ));
    let doing = || format!("mounting {}", node.display());
    let path = tool::find("ntfs-3g")?;
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&at)
        .map_err(|error| PlatformError::io(doing(), error))?;
    let options = format!(
        "{},no_detach,streams_interface=xattr,compression",
        if writable { "rw" } else { "ro" }
    );
    let args: [OsString; 4] = [node.into(), at.clone().into(), "-o".into(), options.into()];
    let child = tool::command(path.as_os_str(), &args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| PlatformError::io(doing(), error));
    let child = match child {
        Ok(child) => child,
        Err(error) => {
            fs::remove_dir(&at).ok();
            return Err(error);
        }
    };
    let mut mount = NtfsMount {
        at,
        child: Some(child),
        node: node.to_owned(),
        read_only: !writable,
    };
    mount.await_mount()?;
    let flags = match statvfs(&mount.at) {
        Ok(found) => found.flags(),
        Err(error) => {
            return Err(mount
                .ended()
                .unwrap_or_else(|| PlatformError::io(doing(), error.into())));
        }
    };
    if writable && flags.contains(FsFlags::ST_RDONLY) {
        return Err(unfit("it could be mounted read-only only"));
    }
    Ok(Box::new(mount))
}

impl NtfsMount {
    fn await_mount(&mut self) -> Result<(), PlatformError> {
        let until = Instant::now() + MOUNT_TIME;
        loop {
            if sysfs::mounts()?.iter().any(|mount| mount.at == self.at) {
                return Ok(());
            }
            let Some(child) = self.child.as_mut() else {
                return Err(PlatformError::Cancelled);
            };
            let doing = format!("waiting for ntfs-3g on {}", self.node.display());
            if let Some(status) = child
                .try_wait()
                .map_err(|error| PlatformError::io(doing, error))?
            {
                let mut said = String::new();
                if let Some(mut from) = child.stderr.take() {
                    std::io::Read::read_to_string(&mut from, &mut said).ok();
                }
                self.child = None;
                return Err(PlatformError::Tool {
                    tool: "ntfs-3g".to_owned(),
                    code: tool::code(status),
                    tail: said.lines().map(ToOwned::to_owned).collect(),
                });
            }
            if Instant::now() > until {
                return Err(PlatformError::io(
                    format!("mounting {}", self.node.display()),
                    std::io::ErrorKind::TimedOut.into(),
                ));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How ntfs-3g ended, when a call on the mount failed because it did.
    fn ended(&mut self) -> Option<PlatformError> {
        let child = self.child.as_mut()?;
        // The kernel gives its callers up a moment before the process is gone.
        for _ in 0..50 {
            match child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Ok(Some(status)) => {
                    return Some(PlatformError::Tool {
                        tool: "ntfs-3g".to_owned(),
                        code: tool::code(status),
                        tail: Vec::new(),
                    });
                }
                Err(_) => break,
            }
        }
        None
    }

    /// Unmounts and waits for the process: only then is everything on the medium.
    fn unmount(&mut self) -> Result<(), PlatformError> {
        let Some(mut child) = self.child.take() else {
            fs::remove_dir(&self.at).ok();
            return Ok(());
        };
        let doing = || format!("unmounting {}", self.node.display());
        let until = Instant::now() + BUSY_TIME;
        loop {
            match umount2(&self.at, MntFlags::UMOUNT_NOFOLLOW) {
                Ok(()) | Err(nix::errno::Errno::EINVAL) => break,
                Err(nix::errno::Errno::EBUSY) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(error) => {
                    self.child = Some(child);
                    return Err(PlatformError::io(doing(), error.into()));
                }
            }
        }
        let until = Instant::now() + MOUNT_TIME;
        let status = loop {
            match child
                .try_wait()
                .map_err(|error| PlatformError::io(doing(), error))?
            {
                Some(status) => break status,
                None if Instant::now() > until => {
                    tool::kill(&mut child);
                    return Err(PlatformError::io(
                        doing(),
                        std::io::ErrorKind::TimedOut.into(),
                    ));
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        fs::remove_dir(&self.at).ok();
        if !self.read_only {
            File::open(&self.node)
                .and_then(|file| file.sync_all())
                .map_err(|error| PlatformError::io(doing(), error))?;
        }
        match tool::code(status) {
            0 => Ok(()),
            code => Err(PlatformError::Tool {
                tool: "ntfs-3g".to_owned(),
                code,
                tail: Vec::new(),
            }),
        }
    }
}

impl Mounted for NtfsMount {
    fn path(&self) -> &Path {
        &self.at
    }

    fn close(mut self: Box<Self>) -> Result<(), PlatformError> {
        self.unmount()
    }
}

impl Drop for NtfsMount {
    fn drop(&mut self) {
        if self.unmount().is_err() {
            // Still busy: out of sight now, and gone when the last user is.
            umount2(&self.at, MntFlags::MNT_DETACH).ok();
            if let Some(mut child) = self.child.take() {
                for _ in 0..200 {
                    if !matches!(child.try_wait(), Ok(None)) {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            fs::remove_dir(&self.at).ok();
        }
    }
}
