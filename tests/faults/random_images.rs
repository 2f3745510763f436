//! Random trees on NTFS and FAT32 volumes are captured, and what other programs read from the image is compared with what went in: a
//! capture that loses something must not end as a success.
//!
//! Every round follows from its seed; `WIMFORGE_SEED` tries another one.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use wimforge::step::cx::StepEnd;

use crate::lab::{noise, skip, text, tool};
use crate::volumes::{Captured, capture, disk_of};

const ROUNDS: u64 = 7;

/// What a file is, as far as both sides of a capture can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts {
    /// `None` for a folder.
    bytes: Option<Vec<u8>>,
    attributes: u32,
    /// Created, written; the time of access changes by looking.
    times: Vec<u8>,
    streams: BTreeMap<String, Vec<u8>>,
    reparse: Vec<u8>,
    /// All names of the file, with itself.
    links: BTreeSet<String>,
}

type Tree = BTreeMap<String, Facts>;

/// A size near an edge: of a record, a cluster, a chunk of the image.
fn size(rng: &mut StdRng) -> usize {
    const EDGES: [usize; 12] = [
        0, 1, 255, 511, 512, 513, 700, 1024, 4096, 32_768, 65_536, 131_072,
    ];
    let edge: usize = *EDGES.choose(rng).unwrap();
    (edge + rng.random_range(0..3)).saturating_sub(1)
}

fn name(rng: &mut StdRng, number: usize) -> String {
    const STEMS: [&str; 10] = [
        "plain",
        "two words",
        "naïve €",
        "日本語",
        "😀",
        ".dot",
        "UPPER",
        "semi;colon'quote",
        "per%cent",
        "many.dots.in",
    ];
    let stem = STEMS.choose(rng).unwrap();
    match rng.random_range(0..12) {
        0 => {
            format!("{stem}{number} {}", "long ".repeat(38))
                .trim_end()
                .to_owned()
                + ".x"
        }
        1..4 => format!("{stem}{number}"),
        _ => format!(
            "{stem}{number}.{}",
            ["txt", "dll", "Ini", "tar.gz"].choose(rng).unwrap()
        ),
    }
}

/// What only some rounds have: of these an image cannot keep all, or people must hear of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nasty {
    Nothing,
    Slash,
    Backslash,
    Colon,
    Twins,
    Device,
    PointAtEnd,
    Compacted,
    Hibernated,
}

const NASTY: [Nasty; 8] = [
    Nasty::Slash,
    Nasty::Backslash,
    Nasty::Colon,
    Nasty::Twins,
    Nasty::Device,
    Nasty::PointAtEnd,
    Nasty::Compacted,
    Nasty::Hibernated,
];

impl Nasty {
    fn plant(self, root: &Path) {
        let write = |name: &str| std::fs::write(root.join(name), name).unwrap();
        match self {
            Self::Nothing => {}
            // No system makes such a name: see `spoil`.
            Self::Slash => write("sla!sh.txt"),
            Self::Backslash => write("back\\slash"),
            Self::Colon => write("co:lon"),
            Self::Twins => ["Same.txt", "sAME.TXT"].into_iter().for_each(write),
            Self::Device => write("aux.txt"),
            Self::PointAtEnd => write("end."),
            Self::Compacted => {
                write("compact.dll");
                let reparse = [
                    &0x8000_0017_u32.to_le_bytes()[..],
                    &[16, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
                ]
                .concat();
                let path = root.join("compact.dll");
                std::fs::write(&path, "").unwrap();
                xattr::set(path, "system.ntfs_reparse_data", &reparse).unwrap();
            }
            Self::Hibernated => {
                let mut bytes = vec![0; 8192];
                bytes[..4].copy_from_slice(b"HIBR");
                std::fs::write(root.join("HiberFil.SYS"), bytes).unwrap();
            }
        }
    }
}

/// Puts a name on a volume, wherever it stands, that no system would take.
fn spoil(volume: &Path) {
    let wide = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let (good, bad) = (wide("sla!sh.txt"), wide("sla/sh.txt"));
    let mut bytes = std::fs::read(volume).unwrap();
    let places: Vec<usize> = bytes
        .windows(good.len())
        .enumerate()
        .filter_map(|(at, found)| (found == good).then_some(at))
        .collect();
    assert!(
        places.len() >= 2,
        "a name stands in a record and an index: {places:?}"
    );
    for at in places {
        bytes[at..at + bad.len()].copy_from_slice(&bad);
    }
    std::fs::write(volume, bytes).unwrap();
}

/// Fills a mounted NTFS volume.
fn plant_ntfs(rng: &mut StdRng, root: &Path) {
    let mut folders = vec![root.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    for number in 0..30 {
        let folder = folders.choose(rng).unwrap().clone();
        let path = folder.join(name(rng, number));
        match rng.random_range(0..10) {
            0..2 => {
                std::fs::create_dir(&path).unwrap();
                folders.push(path.clone());
            }
            2 if !files.is_empty() => {
                std::fs::hard_link(files.choose(rng).unwrap(), &path).unwrap();
                continue;
            }
            3 => {
                // Sparse, with data at its end.
                let file = std::fs::File::create(&path).unwrap();
                std::os::unix::fs::FileExt::write_all_at(&file, b"end", 200_000).unwrap();
                files.push(path.clone());
            }
            _ => {
                let bytes = size(rng);
                // Some files have the same contents.
                std::fs::write(&path, noise(bytes, rng.random_range(0..4))).unwrap();
                files.push(path.clone());
            }
        }
        if rng.random_bool(0.3) {
            for stream in ["Zone.Identifier", "naïve"]
                .iter()
                .take(rng.random_range(1..3))
            {
                let bytes = noise(size(rng).min(4000), number as u64);
                xattr::set(&path, format!("user.{stream}"), &bytes).unwrap();
            }
        }
        if rng.random_bool(0.5) {
            // Read-only, hidden, system, archive, not indexed; a folder keeps its own bit by itself.
            let mut bits = rng.random_range(0..8_u32) | 0x20 | (rng.random_range(0..2) << 13);
            if path.is_dir() {
                bits |= 0x10;
            } else if std::fs::metadata(&path).unwrap().len() < 20_000 {
                // ntfs-3g takes a small system file for a device or a link and cannot show its contents.
                bits &= !0x04;
            }
            xattr::set(&path, "system.ntfs_attrib_be", &bits.to_be_bytes()).unwrap();
        }
        let times: Vec<u8> = (0..3)
            .flat_map(|_| {
                rng.random_range(120_000_000_000_000_000..133_000_000_000_000_000_u64)
                    .to_le_bytes()
            })
            .collect();
        xattr::set(&path, "system.ntfs_times", &times).unwrap();
    }
    // What is left out by rule, written as nobody writes it.
    std::fs::write(root.join("PageFile.Sys"), "page").unwrap();
}

/// An NTFS volume, seen through a mount of its own.
fn mounted<T>(node: &Path, options: &str, work: impl FnOnce(&Path) -> T) -> T {
    let mount = tempfile::tempdir().unwrap();
    let options = format!("{options},noatime,streams_interface=xattr");
    tool("ntfs-3g", &["-o", &options, text(node), text(mount.path())]);
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(mount.path())));
    tool("umount", &[text(mount.path())]);
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn read_ntfs(root: &Path) -> Tree {
    let (mut tree, mut links) = (Tree::new(), BTreeMap::<u64, BTreeSet<String>>::new());
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let entries: std::io::Result<Vec<_>> = std::fs::read_dir(&folder).unwrap().collect();
        let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.path();
            let shown = text(path.strip_prefix(root).unwrap()).to_owned();
            let Ok(meta) = std::fs::symlink_metadata(&path) else {
                // ntfs-3g cannot show what Windows has compressed.
                tree.insert(shown, Facts::default());
                continue;
            };
            let get = |name: &str| xattr::get(&path, name).ok().flatten().unwrap_or_default();
            let mut facts = Facts::default();
            links.entry(meta.ino()).or_default().insert(shown.clone());
            if !meta.is_symlink() {
                let bits = get("system.ntfs_attrib_be");
                // Whether a file is sparse is up to the writer, and one without a bit is "normal".
                facts.attributes = bits.try_into().map_or(0, u32::from_be_bytes) & !0x280;
                facts.streams = xattr::list(&path)
                    .unwrap()
                    .filter_map(|name| name.to_str()?.strip_prefix("user.").map(str::to_owned))
                    .map(|name| (name.clone(), get(&format!("user.{name}"))))
                    .collect();
            }
            facts.times = get("system.ntfs_times").into_iter().take(16).collect();
            facts.reparse = get("system.ntfs_reparse_data");
            if meta.is_dir() {
                open.push(path);
            } else if meta.is_file() {
                facts.bytes = Some(std::fs::read(&path).unwrap());
            }
            tree.insert(shown, facts);
        }
    }
    for names in links.values().filter(|names| names.len() > 1) {
        for name in names {
            tree.get_mut(name).unwrap().links.clone_from(names);
        }
    }
    tree
}

fn empty_ntfs(path: &Path) {
    std::fs::File::create(path)
        .unwrap()
        .set_len(24 << 20)
        .unwrap();
    tool("mkntfs", &["-Q", "-F", "-q", text(path)]);
}

/// What differs, without the contents.
fn difference(before: &Tree, after: &Tree) -> String {
    let mut found = String::new();
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let (one, two) = (before.get(name), after.get(name));
        if one != two {
            let short = |facts: Option<&Facts>| {
                facts.map(|f| {
                    let streams: Vec<_> = f.streams.iter().map(|(n, b)| (n, b.len())).collect();
                    let length = f.bytes.as_ref().map(Vec::len);
                    format!(
                        "{length:?} {:#x} {:?} {streams:?} {:?}",
                        f.attributes, f.times, f.links
                    )
                })
            };
            found += &format!("{name:?}: {:?} became {:?}\n", short(one), short(two));
        }
    }
    found
}

/// Judges a round; whether it ended as a success.
fn judge(seed: u64, what: &str, got: &Captured, lost: impl FnOnce() -> String) -> bool {
    match &got.result {
        Ok(StepEnd::Done) => {
            let lost = lost();
            assert!(
                lost.is_empty(),
                "seed {seed}, {what}: lost in silence:\n{lost}\n{}",
                got.log
            );
            true
        }
        Ok(StepEnd::Warned(_)) => {
            assert!(
                got.log.lines().count() > 3,
                "seed {seed}, {what}: not named: {}",
                got.log
            );
            false
        }
        _ => {
            let error = got.result.as_ref().unwrap_err().to_failure();
            assert!(error.hint.is_some(), "seed {seed}, {what}: {error:?}");
            false
        }
    }
}

fn ntfs_round(seed: u64, nasty: Nasty, more: &str) -> bool {
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (volume, disk, wim) = (at("volume.img"), at("disk.img"), at("ref.wim"));
    empty_ntfs(&volume);
    let mut before = mounted(&volume, "rw", |root| {
        plant_ntfs(&mut rng, root);
        nasty.plant(root);
        read_ntfs(root)
    });
    if nasty == Nasty::Slash {
        spoil(&volume);
    }
    disk_of(&volume, "7", &disk);
    let got = capture(&disk, &wim, more);
    assert!(before.remove("PageFile.Sys").is_some());
    judge(seed, &format!("{nasty:?}"), &got, || {
        assert!(got.log.contains("leaves out /PageFile.Sys"), "{}", got.log);
        let back = at("back.img");
        empty_ntfs(&back);
        tool("wimlib-imagex", &["apply", text(&wim), "1", text(&back)]);
        difference(&before, &mounted(&back, "ro", read_ntfs))
    })
}

/// Reads a plain folder: names, contents, time of writing.
fn read_folder(root: &Path) -> BTreeMap<String, (Option<Vec<u8>>, i64)> {
    let (mut tree, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = text(path.strip_prefix(root).unwrap()).to_owned();
            if path.is_dir() {
                open.push(path);
                tree.insert(name, (None, 0));
            } else {
                let time = std::fs::metadata(&path).unwrap().mtime();
                tree.insert(name, (Some(std::fs::read(&path).unwrap()), time));
            }
        }
    }
    tree
}

fn mtools(arguments: &[&str]) {
    let output = Command::new(arguments[0])
        .args(&arguments[1..])
        .envs([
            ("TZ", "UTC"),
            ("LC_ALL", "C.UTF-8"),
            ("MTOOLS_SKIP_CHECK", "1"),
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

fn fat_round(seed: u64) -> bool {
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (volume, disk, wim, tree) = (at("volume.img"), at("disk.img"), at("ref.wim"), at("tree"));
    std::fs::File::create(&volume)
        .unwrap()
        .set_len(36 << 20)
        .unwrap();
    tool("mkfs.fat", &["-F", "32", "-s", "1", text(&volume)]);
    std::fs::create_dir(&tree).unwrap();
    let mut folders = vec![tree.clone()];
    for number in 0..25 {
        // mtools cannot write what is beyond the first 65536 signs.
        let path = folders
            .choose(&mut rng)
            .unwrap()
            .join(name(&mut rng, number).replace('😀', "smile"));
        if rng.random_bool(0.2) {
            std::fs::create_dir(&path).unwrap();
            folders.push(path);
        } else {
            let bytes = size(&mut rng);
            std::fs::write(&path, noise(bytes, seed)).unwrap();
            let time = std::time::UNIX_EPOCH
                + std::time::Duration::from_secs(2 * rng.random_range(200_000_000..850_000_000));
            std::fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
    }
    let mut tops: Vec<PathBuf> = std::fs::read_dir(&tree)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    tops.shuffle(&mut rng);
    let tops: Vec<&str> = tops.iter().map(|path| text(path)).collect();
    mtools(
        &[
            &["mcopy", "-s", "-m", "-i", text(&volume)],
            &tops[..],
            &["::/"],
        ]
        .concat(),
    );
    disk_of(&volume, "c", &disk);
    let got = capture(&disk, &wim, "");
    judge(seed, "FAT32", &got, || {
        let (theirs, ours) = (at("theirs"), at("ours"));
        std::fs::create_dir(&theirs).unwrap();
        mtools(&[
            "mcopy",
            "-s",
            "-n",
            "-m",
            "-i",
            text(&volume),
            "::/*",
            text(&theirs),
        ]);
        tool("wimlib-imagex", &["apply", text(&wim), "1", text(&ours)]);
        let (theirs, ours) = (read_folder(&theirs), read_folder(&ours));
        assert_eq!(theirs.len(), read_folder(&tree).len());
        theirs
            .iter()
            .filter(|(name, facts)| ours.get(*name) != Some(facts))
            .map(|(name, facts)| {
                format!(
                    "{name:?} of {}, now {:?}\n",
                    facts.1,
                    ours.get(name).map(|f| f.1)
                )
            })
            .chain(
                ours.keys()
                    .filter(|name| !theirs.contains_key(*name))
                    .cloned(),
            )
            .collect()
    })
}

fn seed() -> u64 {
    std::env::var("WIMFORGE_SEED").map_or(20_261_127, |text| text.parse().unwrap())
}

#[test]
fn what_a_random_ntfs_volume_held_is_in_its_image() {
    if skip() {
        return;
    }
    for round in 0..ROUNDS {
        let whole = ntfs_round(seed() + round, Nasty::Nothing, "");
        assert!(
            whole,
            "seed {}: nothing hinders this capture",
            seed() + round
        );
    }
}

#[test]
fn a_random_ntfs_volume_that_cannot_be_kept_whole_is_no_success() {
    if skip() {
        return;
    }
    for (round, nasty) in (0..).zip(NASTY) {
        for more in ["", "unsupported_files: List"] {
            let silent = ntfs_round(seed() + 100 + round, nasty, more);
            assert!(
                !silent,
                "seed {}: {nasty:?} was captured as if it were nothing",
                seed() + 100 + round
            );
        }
    }
}

#[test]
fn what_a_random_fat_volume_held_is_in_its_image() {
    if skip() {
        return;
    }
    for round in 0..ROUNDS {
        let whole = fat_round(seed() + 200 + round);
        assert!(
            whole,
            "seed {}: nothing hinders this capture",
            seed() + 200 + round
        );
    }
}
