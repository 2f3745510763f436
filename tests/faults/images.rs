//! Images that are damaged, foreign or made to do harm, by the real program: each is refused before the disk is wiped, or applied as
//! it is; what is left out is said, and nothing panics or hangs.

mod forge;
mod inside;
mod kinds;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use crate::common::system::wait;
use crate::lab::{skip, text, tool};
use crate::plain::wimforge;
use forge::Sources;
use kinds::{Kind, kinds};

/// What must come of an image.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// Refused with these words, and the disk is as it was.
    Refused(&'static str),
    /// Applied with everything in it, and no warning.
    Whole,
    /// Applied; the step ends with a warning that holds these words.
    Warned(&'static str),
    /// Applied whole, but for a file that has another name (old, new).
    Renamed(&'static str, &'static str),
}

const LONGEST: Duration = Duration::from_secs(60);

const DOCUMENT: &str = r#"Sequence(schema: 1, name: "Images", steps: [
    Step(name: "Part", action: PartitionDisk(disk: 0, style: Mbr, partitions: [
        (name: "W", kind: Primary, size: Percent(100), format: Ntfs, bootable: true, letter_variable: "OSDisk"),
    ])),
    Step(name: "Apply", action: ApplyOperatingSystem(image: "%Image%", destination: Variable("OSDisk"))),
])"#;

/// Every file of a volume: its path and its bytes; folders have none.
fn contents(volume: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mount = tempfile::tempdir().unwrap();
    tool("ntfs-3g", &["-o", "ro", text(volume), text(mount.path())]);
    let mut all = BTreeMap::new();
    let mut folders = vec![mount.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let inside = path.strip_prefix(mount.path()).unwrap();
            let name = inside.to_string_lossy().into_owned();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(path);
                all.insert(name, None);
            } else if kind.is_file() {
                all.insert(name, Some(std::fs::read(&path).unwrap()));
            } else {
                let data = xattr::get(&path, "system.ntfs_reparse_data").unwrap();
                all.insert(name, data);
            }
        }
    }
    tool("umount", &[text(mount.path())]);
    all
}

/// The volume of the disk's only partition.
fn volume_of(disk: &Path, folder: &Path) -> std::path::PathBuf {
    let volume = folder.join("applied.img");
    let from = format!("if={}", text(disk));
    let to = format!("of={}", text(&volume));
    tool(
        "dd",
        &[&from, &to, "bs=1M", "skip=1", "conv=sparse", "status=none"],
    );
    volume
}

/// What came of one image, in a word; an empty one is as it must be, and says why not otherwise.
fn trial(
    kind: &Kind,
    image: &Path,
    good: &BTreeMap<String, Option<Vec<u8>>>,
) -> Result<&'static str, String> {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk.img");
    // Closed at once: a file that somebody has open for writing is no disk.
    std::fs::File::create(&disk)
        .unwrap()
        .set_len(48 << 20)
        .unwrap();
    let document = folder.path().join("images.ron");
    std::fs::write(&document, DOCUMENT).unwrap();
    let mut child = wimforge(
        &folder.path().join("runtime"),
        &[
            "run",
            text(&document),
            "--plain",
            "--firmware=bios",
            "--confirm-disk=0",
            &format!("--disk=0={}", text(&disk)),
            &format!("--set=Image={}", text(image)),
        ],
    )
    .spawn()
    .unwrap();
    let mut output = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        output.read_to_end(&mut said).map(|_| said)
    });
    let code = wait(&mut child, LONGEST);
    if code.is_none() {
        let _ = child.kill();
        let _ = child.wait();
        return Err("it hangs".to_owned());
    }
    let said = String::from_utf8_lossy(&reader.join().unwrap().unwrap()).into_owned();
    let fail = |why: &str| Err(format!("{why}; exit code {code:?}\n{said}"));
    for word in ["panicked", "internal error", "is gone", "died"] {
        if said.contains(word) {
            return fail("it ended by a fault of its own");
        }
    }
    let wiped = disk.metadata().unwrap().blocks() > 0;
    let warned = said.contains("done, with a warning");
    if code == Some(0) {
        let mut found = contents(&volume_of(&disk, folder.path()));
        let word = match kind.expect {
            Expect::Refused(_) => return fail("it was to be refused"),
            Expect::Whole if warned => return fail("nothing is left out"),
            Expect::Whole => "applied",
            Expect::Warned(words) => {
                if !warned || !said.contains(words) {
                    return fail("it was to be warned of");
                }
                return Ok("warned");
            }
            Expect::Renamed(old, new) => {
                let Some(data) = found.remove(new) else {
                    return fail("the file is missing");
                };
                found.insert(old.to_owned(), data);
                "applied"
            }
        };
        return if found == *good {
            Ok(word)
        } else {
            fail(&format!(
                "a silent loss: {:?} instead of {:?}",
                found.keys(),
                good.keys()
            ))
        };
    }
    let Expect::Refused(words) = kind.expect else {
        return fail("it was to be applied");
    };
    if wiped {
        return fail("it was refused after the wipe");
    }
    if !said.contains(words) {
        return fail(&format!("the cause \"{words}\" is not said"));
    }
    Ok("refused")
}

#[test]
fn hostile_images_are_refused_before_the_wipe_or_applied_as_they_are() {
    if skip() {
        return;
    }
    let sources = Sources::new();
    let mut counts = BTreeMap::new();
    let mut faults = Vec::new();
    let all = kinds();
    let good = {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("good.img");
        std::fs::File::create(&volume)
            .unwrap()
            .set_len(47 << 20)
            .unwrap();
        tool("mkntfs", &["-q", "-Q", "-F", text(&volume)]);
        tool(
            "wimlib-imagex",
            &["apply", text(&sources.path("none.wim")), "1", text(&volume)],
        );
        contents(&volume)
    };
    assert_eq!(good.len(), 11, "{:?}", good.keys());
    for kind in &all {
        let folder = tempfile::tempdir().unwrap();
        let image = (kind.make)(&sources, folder.path());
        match trial(kind, &image, &good) {
            Ok(word) => *counts.entry(word).or_insert(0) += 1,
            Err(why) => faults.push(format!("--- {}: {why}", kind.name)),
        }
    }
    println!(
        "hostile images: {} tried, {counts:?}, {} faults",
        all.len(),
        faults.len()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(all.len() >= 64);
}
