//! Crafted FAT32 volumes: where `fsck.fat` finds an error that touches data, the capture refuses; where it is content, the image
//! holds what `mcopy` reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use wimforge::codes;
use wimforge::step::cx::StepEnd;

use crate::fat_bytes::{BAD, END, Fat, SECTOR, long_name};
use crate::lab::{kept, noise, skip, text, tool};
use crate::volumes::{capture, disk_of};

/// What must come of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    /// Captured whole, nothing to say.
    Kept,
    /// Captured whole although `fsck.fat` would mend something: it loses nothing.
    Harmless,
    /// Captured, and the end says what is missing.
    Warned(&'static str),
    /// `fsck.fat` would mend it at the cost of data.
    Refused(&'static str),
    /// `fsck.fat` lets it pass, and yet an image cannot keep it, or Windows reads it otherwise.
    Stricter(&'static str),
}

use Want::{Harmless, Kept, Refused, Stricter, Warned};

struct Case {
    name: &'static str,
    want: Want,
    change: fn(&mut Fat),
}

const fn case(name: &'static str, want: Want, change: fn(&mut Fat)) -> Case {
    Case { name, want, change }
}

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

fn cases() -> Vec<Case> {
    vec![
        case("untouched", Kept, |_| {}),
        case("dirty by the boot sector", Refused("marked dirty"), |f| {
            f.0[65] |= 1;
        }),
        case("dirty by the table", Refused("marked dirty"), |f| {
            f.link(1, 0x07FF_FFFF);
        }),
        case("dirty by both", Refused("marked dirty"), |f| {
            f.0[65] |= 1;
            f.link(1, 0x07FF_FFFF);
        }),
        case("tables differ", Refused("differ in 1 places"), |f| {
            let at = f.entry(1, 30_000);
            f.put(at, &END.to_le_bytes());
        }),
        case("the second table is empty", Refused("tables differ"), |f| {
            let at = f.entry(1, 0);
            f.0[at..at + 4096].fill(0);
        }),
        case(
            "the table starts with nothing",
            Refused("starts with"),
            |f| f.link(0, 0),
        ),
        case("root cluster 0", Refused("starts at cluster 0"), |f| {
            f.put(44, &[0; 4]);
        }),
        case(
            "root cluster out of range",
            Refused("starts at cluster"),
            |f| {
                f.put(44, &[0xFF, 0xFF, 0xFF, 0]);
            },
        ),
        case("root folder in a circle", Refused("circle"), |f| {
            let root = f.long(44);
            f.link(root, root);
        }),
        case("root folder marked free", Refused("marked free"), |f| {
            let root = f.long(44);
            f.link(root, 0);
        }),
        case("file in a circle", Refused("circle"), |f| {
            let first = f.cluster("BIG.BIN");
            let second = f.next(first);
            f.link(second, first);
        }),
        case("file in a circle at its end", Refused("/BIG.BIN"), |f| {
            let mut last = f.cluster("BIG.BIN");
            while f.next(last) < BAD {
                last = f.next(last);
            }
            f.link(last, last);
        }),
        case(
            "two files share clusters",
            Refused("belongs to something else"),
            |f| {
                let other = f.cluster("BIG.BIN");
                f.start_at("A.TXT", other);
                f.size("A.TXT", 2500);
            },
        ),
        case(
            "a file ends in another",
            Refused("belongs to something else"),
            |f| {
                let (one, other) = (f.cluster("A.TXT"), f.cluster("DIR/TWO.BIN"));
                f.link(one, other);
                f.size("A.TXT", 1000);
            },
        ),
        case("first cluster out of range", Refused("/A.TXT"), |f| {
            f.start_at("A.TXT", 0x00F0_0000);
        }),
        case("first cluster 1", Refused("leads to 1").or_any(), |f| {
            f.start_at("A.TXT", 1);
        }),
        case("length without clusters", Refused("has no clusters"), |f| {
            f.start_at("A.TXT", 0);
        }),
        case("clusters without length", Refused("0 bytes long"), |f| {
            f.size("A.TXT", 0);
        }),
        case(
            "more clusters than bytes",
            Refused("more clusters than"),
            |f| f.size("BIG.BIN", 600),
        ),
        case(
            "fewer clusters than bytes",
            Refused("clusters of the"),
            |f| f.size("BIG.BIN", 9000),
        ),
        case("cut off in the middle", Refused("clusters of the"), |f| {
            let first = f.cluster("BIG.BIN");
            f.link(first, END);
        }),
        case("leads to a free cluster", Refused("marked free"), |f| {
            let (first, free) = (f.cluster("BIG.BIN"), f.free());
            f.link(first, free);
        }),
        case("leads to a bad cluster", Refused("marked bad"), |f| {
            let first = f.cluster("BIG.BIN");
            let second = f.next(first);
            f.link(second, BAD);
        }),
        case(
            "leads to a reserved number",
            Refused("which is none"),
            |f| {
                let first = f.cluster("BIG.BIN");
                f.link(first, 0x0FFF_FFF1);
            },
        ),
        case("leads to cluster 1", Refused("which is none"), |f| {
            let first = f.cluster("BIG.BIN");
            f.link(first, 1);
        }),
        case("leads past the end", Refused("which is none"), |f| {
            let first = f.cluster("BIG.BIN");
            f.link(first, 0x00F0_0000);
        }),
        case("clusters of nobody", Refused("belong to no file"), |f| {
            let free = f.free();
            f.link(free, END);
        }),
        case("bad clusters aside", Kept, |f| {
            let free = f.free();
            f.link(free, BAD);
            let at = f.word(48) * SECTOR + 488;
            let count = f.long(at) - 1;
            f.put(at, &count.to_le_bytes());
        }),
        case("folder with a length", Harmless, |f| f.size("DIR", 512)),
        case(
            "folder without a cluster",
            Refused("without clusters"),
            |f| f.start_at("DIR", 0),
        ),
        case(
            "folder without itself",
            Refused("entry . is missing"),
            |f| {
                let at = f.place(f.cluster("DIR"));
                f.0[at] = 0xE5;
            },
        ),
        case(
            "folder with another in its place",
            Refused("entry . leads to"),
            |f| {
                let at = f.place(f.cluster("DIR"));
                f.put(at + 26, &[99, 0]);
            },
        ),
        case(
            "folder without its parent",
            Refused("entry .. is missing"),
            |f| {
                let at = f.place(f.cluster("DIR/INNER"));
                f.put(at + 32, b"X");
            },
        ),
        case(
            "folder with a wrong parent",
            Refused("entry .. leads to"),
            |f| {
                let at = f.place(f.cluster("DIR/INNER"));
                f.put(at + 32 + 26, &[99, 0]);
            },
        ),
        case("folder in itself", Refused("/DIR/INNER"), |f| {
            let outer = f.cluster("DIR");
            f.start_at("DIR/INNER", outer);
        }),
        case(
            "file taken for a folder",
            Refused("this is no folder"),
            |f| {
                let at = f.find("BIG.BIN");
                f.0[at + 11] = 0x10;
            },
        ),
        case("folder taken for a file", Refused("0 bytes long"), |f| {
            let at = f.find("DIR");
            f.0[at + 11] = 0x20;
        }),
        case("folder that does not end", Refused("do not end"), |f| {
            let mut last = f.cluster("DIR");
            for cluster in 30_000..34_200 {
                f.link(last, cluster);
                last = cluster;
            }
            f.link(last, END);
        }),
        case(
            "short name with a colon",
            Refused("short name is none"),
            |f| {
                let at = f.find("A.TXT");
                f.put(at, b"A:");
            },
        ),
        case(
            "short name with a control sign",
            Refused("short name is none"),
            |f| {
                let at = f.find("A.TXT");
                f.put(at, b"A\x02");
            },
        ),
        case(
            "short name of blanks",
            Refused("starts with a blank"),
            |f| {
                let at = f.find("A.TXT");
                f.put(at, b" ");
            },
        ),
        case("short name twice", Refused("stands twice"), |f| {
            let at = f.find("BIG.BIN");
            f.put(at, b"A       TXT");
        }),
        case(
            "long names differ in case only",
            Stricter("stands twice"),
            |f| {
                long_name(f, "TWINTW~1.TXT", &units("tWIN oNE.TXT"));
            },
        ),
        case(
            "long name with a backslash",
            Stricter("its name is none"),
            |f| {
                long_name(f, "TWINTW~1.TXT", &units("Twin\\two"));
            },
        ),
        case(
            "half a character in a long name",
            Stricter("half a character"),
            |f| {
                long_name(f, "TWINTW~1.TXT", &[0x54, 0xDC00]);
            },
        ),
        case(
            "long name with a wrong checksum",
            Warned("long name is damaged"),
            |f| {
                let at = f.find("TWINTW~1.TXT") - 32;
                f.0[at + 13] ^= 0x55;
            },
        ),
        case(
            "long name that lacks a part",
            Warned("long name is damaged"),
            |f| {
                let at = f.find("ALONGN~1.TXT") - 32;
                f.0[at] = 0xE5;
            },
        ),
        case("long name without its file", Harmless, |f| {
            let at = f.find("TWINTW~1.TXT");
            let cluster = f.first(at);
            f.link(cluster, 0);
            f.0[at] = 0xE5;
        }),
        case("entries behind the end", Stricter("behind its end"), |f| {
            let at = f.find("BIG.BIN");
            // The entry before it becomes the end.
            f.0[at - 32] = 0;
        }),
        case("file taken for a label", Stricter("has contents"), |f| {
            let at = f.find("BIG.BIN");
            f.0[at + 11] = 0x28;
        }),
        case("attributes of nothing", Refused("which nothing has"), |f| {
            let at = f.find("BIG.BIN");
            f.0[at + 11] = 0x1F;
        }),
        case("0 bytes per sector", Refused("0 bytes per sector"), |f| {
            f.put(11, &[0, 0]);
        }),
        case(
            "520 bytes per sector",
            Refused("520 bytes per sector"),
            |f| f.put(11, &[8, 2]),
        ),
        case(
            "0 sectors per cluster",
            Refused("0 sectors per cluster"),
            |f| f.0[13] = 0,
        ),
        case("no reserved sectors", Refused("no reserved"), |f| {
            f.put(14, &[0, 0]);
        }),
        case("no tables", Refused("0 file allocation tables"), |f| {
            f.0[16] = 0;
        }),
        case("seven tables", Refused("7 file allocation tables"), |f| {
            f.0[16] = 7;
        }),
        case("larger than its partition", Refused("are there"), |f| {
            f.put(32, &[0, 0, 0x10, 0]);
        }),
        case("table too small", Refused("room for"), |f| {
            f.put(36, &[9, 0, 0, 0]);
        }),
        case(
            "no room for data",
            Refused("no room for data").or_any(),
            |f| {
                f.put(32, &[100, 0, 0, 0]);
            },
        ),
        case(
            "boot sector without its mark",
            Stricter("does not end in 55 AA"),
            |f| {
                f.put(510, &[0, 0]);
            },
        ),
        case("sum of free space without its mark", Harmless, |f| {
            let at = f.word(48) * SECTOR;
            f.put(at, b"xxxx");
        }),
        case("sum of free space wrong", Harmless, |f| {
            let at = f.word(48) * SECTOR + 488;
            f.put(at, &[7, 0, 0, 0]);
        }),
        case("backup of the boot sector differs", Harmless, |f| {
            let at = f.word(50) * SECTOR;
            f.0[at + 3] ^= 0xFF;
        }),
    ]
}

impl Want {
    /// Any cause will do: which one comes first is of no matter.
    const fn or_any(self) -> Self {
        match self {
            Refused(_) => Refused(""),
            other => other,
        }
    }
}

/// The good volume, made once.
fn good() -> &'static Path {
    static VOLUME: OnceLock<PathBuf> = OnceLock::new();
    VOLUME.get_or_init(|| {
        let folder = kept("fat-volumes");
        let volume = folder.join("good.img");
        std::fs::File::create(&volume)
            .unwrap()
            .set_len(36 << 20)
            .unwrap();
        tool(
            "mkfs.fat",
            &["-F", "32", "-s", "1", "-n", "GOOD", text(&volume)],
        );
        let tree = folder.join("tree");
        std::fs::create_dir_all(tree.join("DIR/INNER")).unwrap();
        for (name, bytes) in [
            ("A.TXT", 300),
            ("BIG.BIN", 2500),
            ("EMPTY.TXT", 0),
            ("Twin one.txt", 700),
            ("Twin two.txt", 100),
            ("A long name that takes three entries.txt", 1025),
            ("DIR/TWO.BIN", 1024),
            ("DIR/INNER/DEEP.TXT", 4000),
        ] {
            std::fs::write(tree.join(name), noise(bytes, bytes as u64)).unwrap();
        }
        for name in [
            "A.TXT",
            "EMPTY.TXT",
            "BIG.BIN",
            "DIR",
            "Twin one.txt",
            "Twin two.txt",
            "A long name that takes three entries.txt",
        ] {
            tool(
                "mcopy",
                &["-s", "-i", text(&volume), text(&tree.join(name)), "::/"],
            );
        }
        volume
    })
}

/// Path and contents of every file and folder.
fn tree(root: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = text(path.strip_prefix(root).unwrap()).to_owned();
            if path.is_dir() {
                open.push(path);
                found.insert(name, None);
            } else {
                found.insert(name, Some(std::fs::read(&path).unwrap()));
            }
        }
    }
    found
}

/// Whether `fsck.fat` is content, and what it says.
fn fsck(volume: &Path) -> (bool, String) {
    let output = Command::new("fsck.fat")
        .args(["-n", text(volume)])
        .env(
            "PATH",
            format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap()),
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

/// Tries one volume; what is wrong with how it went.
fn try_out(case: &Case, folder: &Path) -> Option<String> {
    let (volume, disk, wim) = (
        folder.join("volume.img"),
        folder.join("disk.img"),
        folder.join("ref.wim"),
    );
    let mut fat = Fat(std::fs::read(good()).unwrap());
    (case.change)(&mut fat);
    std::fs::write(&volume, &fat.0).unwrap();
    disk_of(&volume, "c", &disk);
    let (content, said) = fsck(&volume);
    let got = capture(&disk, &wim, "verify: Full");
    let outcome = format!(
        "{}: fsck.fat {}:\n{said}\ncapture: {:?}\n{}",
        case.name,
        if content { "is content" } else { "complains" },
        got.result,
        got.log
    );
    let expected = match case.want {
        Kept | Stricter(_) => content,
        // What fsck.fat says without mending it is no error by its exit code.
        Harmless | Warned(_) => true,
        Refused(_) => !content,
    };
    if !expected {
        return Some(format!("not as fsck.fat sees it: {outcome}"));
    }
    match (case.want, &got.result) {
        (Refused(why) | Stricter(why), Err(error)) => {
            let failure = error.to_failure();
            let whole = format!("{} {:?}", failure.message, failure.tail);
            let hint = failure.hint.unwrap_or_default();
            (failure.code != codes::DISK_CORRUPT
                || !whole.contains(why)
                || !(hint.contains("fsck.fat") && hint.contains("chkdsk"))
                || wim.exists())
            .then(|| format!("refused otherwise: {outcome}"))
        }
        (Kept | Harmless, Ok(StepEnd::Done)) | (Warned(_), Ok(StepEnd::Warned(_))) => {
            if let Warned(why) = case.want
                && !got.log.contains(why)
            {
                return Some(format!("not named: {outcome}"));
            }
            let (theirs, ours) = (folder.join("theirs"), folder.join("ours"));
            std::fs::create_dir(&theirs).unwrap();
            tool(
                "sh",
                &[
                    "-c",
                    "MTOOLS_SKIP_CHECK=1 mcopy -s -n -i \"$0\" '::/*' \"$1\"",
                    text(&volume),
                    text(&theirs),
                ],
            );
            tool("wimlib-imagex", &["apply", text(&wim), "1", text(&ours)]);
            (tree(&theirs) != tree(&ours)).then(|| {
                format!(
                    "other contents: {:?} and {:?}: {outcome}",
                    tree(&theirs).keys(),
                    tree(&ours).keys()
                )
            })
        }
        _ => Some(format!("ended otherwise: {outcome}")),
    }
}

#[test]
fn crafted_fat_volumes_are_captured_whole_or_refused_by_name() {
    if skip() {
        return;
    }
    let cases = cases();
    assert!(cases.len() >= 40);
    let mut wrong = Vec::new();
    for case in &cases {
        let folder = tempfile::tempdir().unwrap();
        wrong.extend(try_out(case, folder.path()));
    }
    assert!(
        wrong.is_empty(),
        "{} of {} volumes:\n\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn a_volume_that_is_not_captured_is_no_success() {
    if skip() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (disk, wim) = (
        folder.path().join("disk.img"),
        folder.path().join("ref.wim"),
    );
    disk_of(good(), "c", &disk);
    let file = std::fs::File::options().write(true).open(&disk).unwrap();
    file.set_len(50 << 20).unwrap();
    drop(file);
    tool(
        "sh",
        &[
            "-c",
            "echo 'start=90112, size=8192, type=1' | sfdisk -q --append --no-reread --no-tell-kernel \"$0\" \
             && mkfs.fat -F 12 --offset 90112 \"$0\" 4096",
            text(&disk),
        ],
    );
    let got = capture(&disk, &wim, "");
    let Ok(StepEnd::Warned(why)) = &got.result else {
        panic!("{:?}\n{}", got.result, got.log);
    };
    assert!(why.contains("disk 0 partition 2: FAT12 and FAT16"), "{why}");
    tool("wimlib-imagex", &["verify", text(&wim)]);

    // Only the backup of a boot sector is left: nobody can tell what was there.
    let mut bytes = std::fs::read(good()).unwrap();
    bytes[..512].fill(0);
    let volume = folder.path().join("volume.img");
    std::fs::write(&volume, &bytes).unwrap();
    disk_of(&volume, "c", &disk);
    let failure = capture(&disk, &folder.path().join("none.wim"), "")
        .result
        .unwrap_err()
        .to_failure();
    assert!(
        failure.message.contains("no NTFS or FAT32 volume"),
        "{failure:?}"
    );
}

/// The clusters of a volume need not fill the words of a table of bits.
#[test]
fn the_last_cluster_is_looked_at_like_the_first() {
    if skip() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fat.img");
    // 33 reserved sectors, two tables of 513, and 65,599 clusters of one: 63 more than a whole number of words.
    let file = std::fs::File::create(&path).unwrap();
    file.set_len((33 + 2 * 513 + 65_599) * SECTOR as u64)
        .unwrap();
    let options = ["-F", "32", "-s", "1", "-R", "33", "-a"];
    tool("mkfs.fat", &[&options[..], &[text(&path)]].concat());
    let check = || {
        wimforge::step::fat_check::check::check_node(&path, &wimforge::cancel::CancelToken::new())
    };
    assert_eq!(check().unwrap().damage.count(), 0);
    let mut volume = Fat(std::fs::read(&path).unwrap());
    volume.link(65_600, END);
    std::fs::write(&path, &volume.0).unwrap();
    let said = check().unwrap();
    assert_eq!(said.damage.count(), 1, "a chain that belongs to no file");
}
