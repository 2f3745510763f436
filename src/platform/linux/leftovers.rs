//! What a killed engine leaves behind: NTFS mounts whose engine is gone, which would keep their volumes busy for ever, and
//! the folders of those that went with it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};

use super::sysfs;

/// Name of a mount folder: prefix, process of the engine, random part.
pub(super) const PREFIX: &str = "wimforge-ntfs-";
/// How long the file system process of a left mount may take to write everything.
const FLUSH_TIME: Duration = Duration::from_secs(30);

/// The engine that made a mount folder, by its name.
fn owner(at: &Path) -> Option<u32> {
    let name = at.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    name.split_once('-')?.0.parse().ok()
}

/// What the system says of a process from its state on (proc(5), `stat`, field 3); empty when there is none.
fn state(process: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold anything: the state stands behind the last one.
    let state = stat.rsplit(')').next().unwrap_or_default();
    state.trim_start().to_owned()
}

/// Whether a process lives; one that was killed and not yet waited for does not.
pub(super) fn alive(process: u32) -> bool {
    let state = state(process);
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}

/// When a process was started, in clock ticks since the system's start (field 22): tells it from a later one of the same
/// number. 0 when there is none.
pub(super) fn started(process: u32) -> u64 {
    let field = state(process).split(' ').nth(19).map(str::to_owned);
    field.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn left(at: &Path) -> bool {
    owner(at).is_some_and(|process| !alive(process))
}

/// Unmounts what engines that no longer live have mounted (or were just mounting), and waits until the data is on the medium.
pub(super) fn unmount() {
    let mut folders: Vec<PathBuf> = sysfs::mounts()
        .unwrap_or_default()
        .into_iter()
        .map(|mount| mount.at)
        .chain(served())
        .chain(made())
        .filter(|at| left(at))
        .collect();
    folders.sort();
    folders.dedup();
    for at in folders {
        let until = Instant::now() + FLUSH_TIME;
        loop {
            if umount2(&at, MntFlags::UMOUNT_NOFOLLOW) == Err(Errno::EBUSY) {
                // A tool of the dead engine still looks: out of sight now, gone with its last user.
                let _ = umount2(&at, MntFlags::MNT_DETACH);
            }
            if !served().contains(&at) || Instant::now() > until {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = fs::remove_dir(&at);
    }
}

/// Volumes that this very process has mounted and not yet unmounted, and connected shares, which outlive an engine.
pub(super) fn own_mounts() -> Vec<PathBuf> {
    let own = |at: &PathBuf| {
        let share = at
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(super::share::PREFIX));
        share || owner(at) == Some(std::process::id())
    };
    sysfs::mounts()
        .unwrap_or_default()
        .into_iter()
        .map(|mount| mount.at)
        .filter(own)
        .collect()
}

/// The mount folders that there are, in use or not.
fn made() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect()
}

/// The mount folders that running processes serve: ntfs-3g names its folder among its arguments.
fn served() -> Vec<PathBuf> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(Result::ok)
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|text| text.starts_with(b"/") || text.starts_with(b"ntfs-3g"))
        .flat_map(|text| {
            text.split(|byte| *byte == 0)
                .map(|word| PathBuf::from(OsStr::from_bytes(word)))
                .filter(|path| owner(path).is_some())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_dead_engine_goes_and_that_of_a_living_one_stays() {
        let folder = |process: u32| std::env::temp_dir().join(format!("{PREFIX}{process}-test"));
        let (dead, living) = (folder(u32::MAX), folder(std::process::id()));
        for at in [&dead, &living] {
            fs::create_dir_all(at).unwrap();
        }
        unmount();
        assert!(!dead.exists());
        assert!(living.exists());
        fs::remove_dir(living).unwrap();
    }

    #[test]
    fn a_mount_folder_names_its_engine() {
        assert_eq!(owner(Path::new("/tmp/wimforge-ntfs-42-00ff")), Some(42));
        assert_eq!(owner(Path::new("/tmp/wimforge-ntfs-00ff")), None);
        assert_eq!(owner(Path::new("/home/else")), None);
        assert!(alive(std::process::id()));
        assert!(!alive(u32::MAX));
    }
}
