//! The tree: files of this system's `/usr`, chosen evenly and put where Windows keeps such things.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cancel::CancelToken;
use crate::units::MIB;

use super::LabError;
use super::special;

/// Files the tree has at least, without the special ones.
pub(super) const FILES: usize = 5_200;
/// Bytes of these files at least: a little over 300 MB.
pub(super) const BYTES: u64 = 310 * MIB;
/// Largest file of the even choice; larger ones only fill up the bytes.
const EVEN_LIMIT: u64 = 2 * MIB;
/// Largest file taken at all.
const LIMIT: u64 = 24 * MIB;

/// A regular file of this system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Relative to the root that was walked.
    pub path: PathBuf,
    /// Length.
    pub bytes: u64,
    /// Seconds since 1970 of its last change.
    pub modified: i64,
}

/// A file of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    /// Where it comes from.
    pub from: Found,
    /// 0 for the file as it is; n for its n-th repetition, with a line in front that makes the content another one.
    pub copy: u32,
    /// Where it goes, relative to the volume.
    pub to: PathBuf,
}

/// Every regular file below `root`, in the order of names; each inode once.
pub(super) fn survey(root: &Path, cancel: &CancelToken) -> Result<Vec<Found>, LabError> {
    let mut found = Vec::new();
    let mut inodes = HashSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        if cancel.is_cancelled() {
            return Err(LabError::Cancelled);
        }
        // What root may not read (another file system's folder) or what goes away in the meantime is left out.
        let Ok(entries) = fs::read_dir(root.join(&folder)) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let Ok(meta) = entry.metadata() else { continue };
                if (1..=LIMIT).contains(&meta.len()) && inodes.insert((meta.dev(), meta.ino())) {
                    found.push(Found {
                        path,
                        bytes: meta.len(),
                        modified: meta.mtime(),
                    });
                }
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Chooses at least `files` files and `bytes` bytes, evenly over the list; repeats files when there are too few.
pub(super) fn choose(found: &[Found], files: usize, bytes: u64) -> Vec<Planned> {
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let even: Vec<usize> = (0..found.len())
        .filter(|&at| found[at].bytes <= EVEN_LIMIT)
        .collect();
    let wanted = files.min(even.len());
    let mut sum = 0;
    for turn in 0..wanted {
        let at = even[turn * even.len() / wanted];
        if taken.insert(at) {
            sum += found[at].bytes;
        }
    }
    // Fill up with large files: they are what makes a real volume large.
    let mut large: Vec<usize> = (0..found.len()).filter(|at| !taken.contains(at)).collect();
    large.sort_by_key(|&at| std::cmp::Reverse((found[at].bytes, std::cmp::Reverse(at))));
    for at in large {
        if sum >= bytes {
            break;
        }
        taken.insert(at);
        sum += found[at].bytes;
    }
    let mut names = HashSet::new();
    let mut plan = Vec::new();
    let mut copy = 0;
    while !taken.is_empty() {
        for &at in &taken {
            plan.push(Planned {
                to: unused(&place(&found[at].path), &mut names),
                from: found[at].clone(),
                copy,
            });
            if copy > 0 {
                sum += found[at].bytes;
            }
            if copy > 0 && sum >= bytes && plan.len() >= files {
                break;
            }
        }
        if sum >= bytes && plan.len() >= files {
            break;
        }
        copy += 1;
    }
    plan
}

/// A name that no other file has, in any mixture of cases.
fn unused(path: &Path, names: &mut HashSet<String>) -> PathBuf {
    let mut candidate = path.to_owned();
    let mut number = 2;
    while !names.insert(candidate.to_string_lossy().to_lowercase()) {
        let stem = path
            .file_stem()
            .map(OsStr::to_string_lossy)
            .unwrap_or_default();
        let end = path.extension().map(OsStr::to_string_lossy);
        let name = match end {
            Some(end) => format!("{stem}-{number}.{end}"),
            None => format!("{stem}-{number}"),
        };
        candidate = path.with_file_name(name);
        number += 1;
    }
    candidate
}

/// A name that Windows takes too: no forbidden characters, no blank or dot at the end, no device name.
fn windows_name(name: &OsStr) -> String {
    let text: String = name
        .to_string_lossy()
        .chars()
        .map(|c| match c {
            '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\\' => '_',
            c if c.is_control() => '_',
            c => c,
        })
        .take(100)
        .collect();
    let text = text.trim_end_matches(['.', ' ']);
    let stem = text
        .split('.')
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    let device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || (stem.len() == 4
            && (stem.starts_with("COM") || stem.starts_with("LPT"))
            && stem.ends_with(|c: char| c.is_ascii_digit()));
    if device || text.is_empty() {
        format!("_{text}")
    } else {
        text.to_owned()
    }
}

/// Where a file of `/usr` (its path below it) goes.
pub(super) fn place(path: &Path) -> PathBuf {
    let parts: Vec<String> = path.iter().map(windows_name).collect();
    let Some((name, folders)) = parts.split_last() else {
        return PathBuf::from("Windows");
    };
    let below = |base: &str, rest: &[String]| {
        let mut to = PathBuf::from(base);
        to.extend(rest);
        to
    };
    let is = |at: usize, text: &str| folders.get(at).is_some_and(|part| part == text);
    if is(0, "bin") || is(0, "sbin") || is(0, "libexec") {
        return PathBuf::from("Windows/System32").join(format!("{name}.exe"));
    }
    if name.contains(".so.") || has_end(name, "so") || has_end(name, "a") {
        return PathBuf::from("Windows/System32").join(format!("{name}.dll"));
    }
    if has_end(name, "ko") || is(1, "firmware") || is(1, "modules") {
        return below(
            "Windows/System32/drivers",
            folders.get(2..).unwrap_or_default(),
        )
        .join(name);
    }
    if is(0, "share") && is(1, "locale") {
        return below("Windows/System32/mui", folders.get(2..).unwrap_or_default()).join(name);
    }
    if is(0, "share") && (is(1, "doc") || is(1, "man") || is(1, "info")) {
        return below("Windows/Help", folders.get(1..).unwrap_or_default()).join(name);
    }
    if is(0, "share") && is(1, "fonts") {
        return PathBuf::from("Windows/Fonts").join(name);
    }
    if is(0, "share") {
        return below("ProgramData", folders.get(1..).unwrap_or_default()).join(name);
    }
    if is(0, "include") || is(0, "src") {
        return below("Program Files (x86)/Kits", folders).join(name);
    }
    below("Program Files", folders.get(1..).unwrap_or_default()).join(name)
}

fn has_end(name: &str, end: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found == end)
}

/// Writes the files of the plan below `volume`; `progress(bytes done, bytes in all)`. Returns how many files and bytes.
pub(super) fn write(
    root: &Path,
    volume: &Path,
    plan: &[Planned],
    progress: &dyn Fn(u64, u64),
    cancel: &CancelToken,
) -> Result<(u64, u64), LabError> {
    let total: u64 = plan.iter().map(|file| file.from.bytes).sum();
    let mut folders = HashSet::new();
    let (mut files, mut bytes) = (0, 0);
    let mut contents = Vec::new();
    for planned in plan {
        if cancel.is_cancelled() {
            return Err(LabError::Cancelled);
        }
        let to = volume.join(&planned.to);
        if let Some(folder) = to.parent()
            && folders.insert(folder.to_owned())
        {
            fs::create_dir_all(folder).map_err(|error| LabError::io("creating", folder, error))?;
        }
        contents.clear();
        if planned.copy > 0 {
            contents.extend(format!("repetition {}\n", planned.copy).into_bytes());
        }
        // A file that went away or cannot be read is left out; the counts say how many there are.
        let read = File::open(root.join(&planned.from.path))
            .and_then(|file| file.take(LIMIT).read_to_end(&mut contents));
        if read.is_err() {
            continue;
        }
        File::create(&to)
            .and_then(|mut file| file.write_all(&contents))
            .map_err(|error| LabError::io("writing", &to, error))?;
        special::times(&to, planned.from.modified)?;
        files += 1;
        bytes += contents.len() as u64;
        progress(bytes.min(total), total);
    }
    Ok((files, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, bytes: u64) -> Found {
        Found {
            path: path.into(),
            bytes,
            modified: 0,
        }
    }

    #[test]
    fn files_go_where_windows_keeps_such_things() {
        for (from, to) in [
            ("bin/ls", "Windows/System32/ls.exe"),
            (
                "lib/x86_64-linux-gnu/libc.so.6",
                "Windows/System32/libc.so.6.dll",
            ),
            (
                "share/man/man3/A::B.3pm.gz",
                "Windows/Help/man/man3/A__B.3pm.gz",
            ),
            ("share/zoneinfo/Asia/x", "ProgramData/zoneinfo/Asia/x"),
            (
                "include/linux/aux.h",
                "Program Files (x86)/Kits/include/linux/_aux.h",
            ),
            ("lib/python3/a.py", "Program Files/python3/a.py"),
        ] {
            assert_eq!(place(Path::new(from)), PathBuf::from(to), "{from}");
        }
    }

    #[test]
    fn a_rich_system_is_sampled_and_a_poor_one_repeated_with_other_content() {
        let rich: Vec<Found> = (0..1000)
            .map(|n| found(&format!("share/f{n}"), 10))
            .collect();
        let plan = choose(&rich, 100, 500);
        assert_eq!(plan.len(), 100);
        assert!(plan.iter().all(|file| file.copy == 0));

        let poor = [found("share/a", 10), found("share/b", 20)];
        let plan = choose(&poor, 7, 40);
        assert_eq!(plan.len(), 7);
        let names: HashSet<_> = plan.iter().map(|file| &file.to).collect();
        assert_eq!(names.len(), 7);
        assert_eq!(plan.iter().map(|file| file.copy).max(), Some(3));
        assert!(choose(&[], 7, 40).is_empty());
    }

    #[test]
    fn bytes_are_filled_up_with_large_files() {
        let mut list: Vec<Found> = (0..10).map(|n| found(&format!("share/f{n}"), 10)).collect();
        list.push(found("share/large", 5 * MIB));
        let plan = choose(&list, 5, MIB);
        assert!(plan.iter().any(|file| file.from.bytes == 5 * MIB));
        assert!(plan.len() <= 6);
    }

    #[test]
    fn names_that_differ_in_case_only_are_told_apart() {
        let mut names = HashSet::new();
        assert_eq!(
            unused(Path::new("a/X.txt"), &mut names),
            PathBuf::from("a/X.txt")
        );
        assert_eq!(
            unused(Path::new("a/x.txt"), &mut names),
            PathBuf::from("a/x-2.txt")
        );
    }
}
