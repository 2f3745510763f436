//! The kinds of bad image files, and what must come of each.

use std::path::{Path, PathBuf};

use super::Expect::{self, Refused, Renamed, Warned, Whole};
use super::forge::{
    BOOT_INDEX, CHILDREN, CHUNK, ENTRY, ENTRY_BYTES, ENTRY_COUNT, ENTRY_FLAGS, ENTRY_HASH,
    ENTRY_OFFSET, ENTRY_PART, Forge, HEADER_SIZE, IMAGES, INTEGRITY, LINKS, NAME, NAME_BYTES, PART,
    PARTS, SECURITY, STREAMS, Sources, TABLE, TAG, VERSION, XML, utf16,
};
use crate::lab::{text, tool};

type Make = Box<dyn Fn(&Sources, &Path) -> PathBuf>;

/// One kind of bad image.
pub struct Kind {
    pub name: &'static str,
    pub expect: Expect,
    pub make: Make,
}

/// A good file of [`Sources`], changed.
fn forged(
    name: &'static str,
    source: &'static str,
    expect: Expect,
    change: fn(&mut Forge),
) -> Kind {
    let make = move |sources: &Sources, folder: &Path| {
        let mut forge = Forge::new(sources.bytes(source));
        change(&mut forge);
        let path = folder.join("bad.wim");
        std::fs::write(&path, forge.bytes).unwrap();
        path
    };
    Kind {
        name,
        expect,
        make: Box::new(make),
    }
}

/// Anything else.
fn made(name: &'static str, expect: Expect, make: fn(&Sources, &Path) -> PathBuf) -> Kind {
    Kind {
        name,
        expect,
        make: Box::new(make),
    }
}

/// The files of a split WIM in a folder of their own.
fn split(sources: &Sources, folder: &Path, stem: &str) -> PathBuf {
    for number in 1..100 {
        let name = match number {
            1 => format!("{stem}.swm"),
            _ => format!("{stem}{number}.swm"),
        };
        let from = sources.path(&name);
        if !from.is_file() {
            assert!(number > 2, "it is not split");
            break;
        }
        let to = name.replace(stem, "split");
        std::fs::copy(from, folder.join(to)).unwrap();
    }
    folder.join("split.swm")
}

pub fn kinds() -> Vec<Kind> {
    [
        header(),
        table(),
        xml(),
        cut(),
        names(),
        tree(),
        security(),
        data(),
        files(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn header() -> Vec<Kind> {
    vec![
        forged("nothing is wrong", "none.wim", Whole, |_| {}),
        forged("another magic", "none.wim", Refused("is not a WIM"), |f| {
            f.put(0, b"MSWIN")
        }),
        forged(
            "header of no length",
            "none.wim",
            Refused("is damaged"),
            |f| f.put32(HEADER_SIZE, 0),
        ),
        forged(
            "header of 4096 bytes",
            "none.wim",
            Refused("is damaged"),
            |f| f.put32(HEADER_SIZE, 4096),
        ),
        forged(
            "version 0.0",
            "none.wim",
            Refused("version 0.0 of the format"),
            |f| f.put32(VERSION, 0),
        ),
        forged(
            "version 2.0",
            "none.wim",
            Refused("version 2.0 of the format"),
            |f| f.put32(VERSION, 0x2_0000),
        ),
        forged(
            "version of ones",
            "none.wim",
            Refused("version 65535.255"),
            |f| f.put32(VERSION, u32::MAX),
        ),
        forged(
            "version of a pipable file",
            "pipable.wim",
            Refused("version 9.9"),
            |f| {
                let at = f.bytes.len() - 208 + VERSION;
                f.put32(at, 0x9_0900);
                f.put32(VERSION, 0x9_0900);
            },
        ),
        forged(
            "compressed without a kind",
            "none.wim",
            Refused("is damaged"),
            |f| f.flag(2),
        ),
        forged("all flags", "none.wim", Refused(""), |f| f.flag(u32::MAX)),
        forged(
            "chunks of no length",
            "lzx.wim",
            Refused("is damaged"),
            |f| f.put32(CHUNK, 0),
        ),
        forged("chunks of 3 bytes", "lzx.wim", Refused("is damaged"), |f| {
            f.put32(CHUNK, 3)
        }),
        forged("chunks of 2 GiB", "lzx.wim", Refused("is damaged"), |f| {
            f.put32(CHUNK, 1 << 31)
        }),
        forged("part 0 of 0", "none.wim", Refused("is damaged"), |f| {
            f.put16(PART, 0);
            f.put16(PARTS, 0);
        }),
        forged("part 2 of 1", "none.wim", Refused("is damaged"), |f| {
            f.put16(PART, 2)
        }),
        forged(
            "part 1 of 65535",
            "none.wim",
            Refused("part 2 is missing"),
            |f| f.put16(PARTS, u16::MAX),
        ),
        forged("no images", "none.wim", Refused(""), |f| f.put32(IMAGES, 0)),
        forged("two images, one there", "none.wim", Refused(""), |f| {
            f.put32(IMAGES, 2)
        }),
        forged("all the images", "none.wim", Refused(""), |f| {
            f.put32(IMAGES, u32::MAX)
        }),
        forged("start from image 99", "none.wim", Whole, |f| {
            f.put32(BOOT_INDEX, 99)
        }),
        forged("somebody writes to it", "none.wim", Whole, |f| f.flag(0x40)),
    ]
}

fn table() -> Vec<Kind> {
    vec![
        forged(
            "table behind the end",
            "none.wim",
            Refused("is truncated"),
            |f| f.put64(TABLE + 8, 1 << 40),
        ),
        forged("table at the end of all", "none.wim", Refused(""), |f| {
            f.put64(TABLE + 8, u64::MAX)
        }),
        forged("table on the header", "none.wim", Refused(""), |f| {
            f.put64(TABLE + 8, 0)
        }),
        forged("no table", "none.wim", Refused(""), |f| {
            f.set_size(TABLE, 0);
            f.put64(TABLE + 8, 0);
            f.put64(TABLE + 16, 0);
        }),
        forged("half an entry", "none.wim", Refused(""), |f| {
            let bytes = f.u64(TABLE + 16) - (ENTRY as u64) / 2;
            f.set_size(TABLE, bytes);
            f.put64(TABLE + 16, bytes);
        }),
        forged("table of petabytes", "none.wim", Refused(""), |f| {
            f.set_size(TABLE, 1 << 50);
            f.put64(TABLE + 16, 1 << 50);
        }),
        forged("compressed table", "none.wim", Refused(""), |f| {
            f.bytes[TABLE + 7] |= 4
        }),
        forged("data behind the end", "none.wim", Refused(""), |f| {
            let at = f.data_entry(0) + ENTRY_OFFSET;
            f.put64(at, 1 << 40);
        }),
        forged("data at the end of all", "none.wim", Refused(""), |f| {
            let at = f.data_entry(0) + ENTRY_OFFSET;
            f.put64(at, u64::MAX - 3);
        }),
        forged("data of petabytes", "none.wim", Refused(""), |f| {
            let at = f.data_entry(0);
            f.set_size(at, (1 << 56) - 1);
            f.put64(at + ENTRY_BYTES, (1 << 56) - 1);
        }),
        forged("two lengths of data", "none.wim", Refused(""), |f| {
            let at = f.data_entry(0) + ENTRY_BYTES;
            let more = f.u64(at) + 1;
            f.put64(at, more);
        }),
        forged(
            "compressed data that are not",
            "none.wim",
            Refused(""),
            |f| {
                let at = f.data_entry(0) + ENTRY_FLAGS;
                f.bytes[at] |= 4;
            },
        ),
        forged("solid data that are not", "none.wim", Whole, |f| {
            let at = f.data_entry(0) + ENTRY_FLAGS;
            f.bytes[at] |= 0x10;
        }),
        forged("data of part 9", "none.wim", Refused(""), |f| {
            let at = f.data_entry(0) + ENTRY_PART;
            f.put16(at, 9);
        }),
        forged("nobody needs the data", "none.wim", Whole, |f| {
            let at = f.data_entry(0) + ENTRY_COUNT;
            f.put32(at, 0);
        }),
        forged("everybody needs the data", "none.wim", Whole, |f| {
            let at = f.data_entry(0) + ENTRY_COUNT;
            f.put32(at, u32::MAX);
        }),
        forged("data without a hash", "none.wim", Refused(""), |f| {
            let at = f.entry_of(b"first") + ENTRY_HASH;
            f.put(at, &[0; 20]);
        }),
        forged(
            "data that are not there",
            "none.wim",
            Refused("the base is missing"),
            |f| {
                let at = f.entry_of(b"second") + ENTRY_HASH;
                f.put(at, &[7; 20]);
            },
        ),
        forged("metadata marked as data", "none.wim", Refused(""), |f| {
            let at = f.metadata_entry() + ENTRY_FLAGS;
            f.bytes[at] = 0;
        }),
        forged("data marked as metadata", "none.wim", Refused(""), |f| {
            let at = f.data_entry(0) + ENTRY_FLAGS;
            f.bytes[at] |= 2;
        }),
        forged(
            "data of another file",
            "none.wim",
            Refused("is damaged"),
            |f| {
                let other = f.entry_of(b"second") + ENTRY_OFFSET;
                let place = f.u64(other);
                let at = f.entry_of(b"third") + ENTRY_OFFSET;
                f.put64(at, place);
            },
        ),
    ]
}

fn xml() -> Vec<Kind> {
    vec![
        forged(
            "XML behind the end",
            "none.wim",
            Refused("is truncated"),
            |f| f.put64(XML + 8, 1 << 40),
        ),
        forged("no XML", "none.wim", Refused(""), |f| f.raw_xml(b"")),
        forged("XML of petabytes", "none.wim", Refused(""), |f| {
            f.set_size(XML, 1 << 50);
            f.put64(XML + 16, 1 << 50);
        }),
        forged(
            "compressed XML",
            "none.wim",
            Refused("XML data are compressed"),
            |f| f.bytes[XML + 7] |= 4,
        ),
        forged("XML of an odd length", "none.wim", Refused(""), |f| {
            f.raw_xml(&[0xFF, 0xFE, 0x3C])
        }),
        forged("XML of 8 bits", "none.wim", Refused(""), |f| {
            f.raw_xml(b"<WIM><IMAGE INDEX=\"1\"/></WIM>")
        }),
        forged("XML that is noise", "none.wim", Refused(""), |f| {
            f.raw_xml(&crate::lab::noise(4096, 3))
        }),
        forged("XML without an end", "none.wim", Refused(""), |f| {
            f.xml(|xml| xml.replace("</WIM>", ""))
        }),
        forged("XML without the image", "none.wim", Refused(""), |f| {
            f.xml(|_| "\u{feff}<WIM></WIM>".to_owned())
        }),
        forged("image 0", "none.wim", Refused(""), |f| {
            f.xml(|xml| xml.replace("INDEX=\"1\"", "INDEX=\"0\""))
        }),
        forged("image 7 of 1", "none.wim", Refused(""), |f| {
            f.xml(|xml| xml.replace("INDEX=\"1\"", "INDEX=\"7\""))
        }),
        forged(
            "one image twice",
            "none.wim",
            Refused("two images have the number 1"),
            |f| {
                f.xml(|xml| xml.replace("</WIM>", "<IMAGE INDEX=\"1\"></IMAGE></WIM>"));
            },
        ),
        forged("XML nested without end", "none.wim", Refused(""), |f| {
            f.xml(|_| format!("\u{feff}<WIM>{}", "<a>".repeat(200_000)));
        }),
        forged("XML with entities", "none.wim", Refused(""), |f| {
            f.xml(|xml| xml.replace("<WIM>", "<!DOCTYPE x [<!ENTITY a \"b\">]><WIM>"));
        }),
        forged(
            "XML that says more bytes than there are",
            "none.wim",
            Whole,
            |f| {
                f.xml(|xml| xml.replacen("<TOTALBYTES>", "<TOTALBYTES>9999999999999", 1));
            },
        ),
    ]
}

fn cut() -> Vec<Kind> {
    vec![
        forged("nothing", "none.wim", Refused("is truncated"), |f| {
            f.bytes.clear()
        }),
        forged("half a header", "none.wim", Refused("is truncated"), |f| {
            f.bytes.truncate(100)
        }),
        forged(
            "only the header",
            "none.wim",
            Refused("is truncated"),
            |f| f.bytes.truncate(208),
        ),
        forged(
            "cut in the data",
            "none.wim",
            Refused("is truncated"),
            |f| f.bytes.truncate(5000),
        ),
        forged(
            "the last byte is missing",
            "none.wim",
            Refused("is truncated"),
            |f| {
                f.bytes.pop();
            },
        ),
        forged(
            "half a compressed file",
            "lzx.wim",
            Refused("is truncated"),
            |f| f.bytes.truncate(f.bytes.len() / 2),
        ),
        forged(
            "half a solid file",
            "solid.wim",
            Refused("is truncated"),
            |f| f.bytes.truncate(f.bytes.len() / 2),
        ),
        forged("half a pipable file", "pipable.wim", Refused(""), |f| {
            f.bytes.truncate(f.bytes.len() / 2)
        }),
        forged("a pipable file", "pipable.wim", Whole, |_| {}),
        forged(
            "a pipable file without its last header",
            "pipable.wim",
            Refused(""),
            |f| {
                let at = f.bytes.len() - 208;
                f.put(at, &[0; 208]);
            },
        ),
    ]
}

fn names() -> Vec<Kind> {
    vec![
        forged(
            "one name twice",
            "none.wim",
            Warned("duplicate file \"/aaaa\""),
            |f| f.metadata(|m| m.rename("bbbb", "aaaa")),
        ),
        forged("no name", "none.wim", Warned("unnamed file"), |f| {
            f.metadata(|m| {
                let at = m.file("aaaa") + NAME_BYTES;
                m.put(at, &[0, 0]);
            });
        }),
        forged(
            "a folder with no name",
            "none.wim",
            Warned("unnamed file"),
            |f| {
                f.metadata(|m| {
                    let at = m.file("deep") + NAME_BYTES;
                    m.put(at, &[0, 0]);
                });
            },
        ),
        forged(
            "the folder above",
            "none.wim",
            Refused("hostile name"),
            |f| f.metadata(|m| m.rename("zz", "..")),
        ),
        forged("a slash", "none.wim", Refused("hostile name"), |f| {
            f.metadata(|m| m.rename("aaaa", "a/aa"))
        }),
        forged("a backslash", "none.wim", Refused("hostile name"), |f| {
            f.metadata(|m| m.rename("aaaa", "\\aaa"))
        }),
        forged("a NUL", "none.wim", Refused("hostile name"), |f| {
            f.metadata(|m| m.rename("aaaa", "a\0aa"))
        }),
        forged("$MFT", "none.wim", Refused("/$MFT: NTFS keeps"), |f| {
            f.metadata(|m| m.rename("aaaa", "$MFT"))
        }),
        forged("$mft", "none.wim", Refused("/$mft: NTFS keeps"), |f| {
            f.metadata(|m| m.rename("aaaa", "$mft"))
        }),
        forged("$Boot", "none.wim", Refused("/$Boot: NTFS keeps"), |f| {
            f.metadata(|m| m.lengthen(None, "aaaa", "$Boot"))
        }),
        forged(
            "$Extend",
            "none.wim",
            Refused("/$Extend: NTFS keeps"),
            |f| f.metadata(|m| m.lengthen(None, "aaaa", "$Extend")),
        ),
        forged(
            "$MFT in a folder",
            "none.wim",
            Renamed("dir/zz", "dir/$MFT"),
            |f| f.metadata(|m| m.lengthen(Some("dir"), "zz", "$MFT")),
        ),
        forged("a name of 255 letters", "none.wim", Refused(""), |f| {
            f.metadata(|m| m.lengthen(None, "aaaa", &"x".repeat(256)))
        }),
        forged("a name of 20000 letters", "none.wim", Refused(""), |f| {
            f.metadata(|m| m.lengthen(None, "aaaa", &"x".repeat(20_000)))
        }),
        forged("a colon", "none.wim", Renamed("aaaa", "a:aa"), |f| {
            f.metadata(|m| m.rename("aaaa", "a:aa"))
        }),
        forged(
            "half a character",
            "none.wim",
            Renamed("aaaa", "\u{fffd}\u{fffd}\u{fffd}aaa"),
            |f| {
                f.metadata(|m| {
                    let at = m.file("aaaa") + NAME;
                    m.put(at, &[0x00, 0xD8]);
                });
            },
        ),
        forged(
            "one name in two cases",
            "none.wim",
            Renamed("bbbb", "AAAA"),
            |f| f.metadata(|m| m.rename("bbbb", "AAAA")),
        ),
        forged("a name of three bytes", "none.wim", Refused(""), |f| {
            f.metadata(|m| {
                let at = m.file("aaaa") + NAME_BYTES;
                m.put(at, &[3, 0]);
            });
        }),
        forged(
            "a name longer than its entry",
            "none.wim",
            Refused(""),
            |f| {
                f.metadata(|m| {
                    let at = m.file("aaaa") + NAME_BYTES;
                    m.put(at, &[0xFE, 0xFF]);
                });
            },
        ),
    ]
}

fn tree() -> Vec<Kind> {
    fn children(f: &mut Forge, of: &'static str, number: fn(&mut super::forge::Metadata) -> u64) {
        f.metadata(|m| {
            let (at, number) = (m.file(of) + CHILDREN, number(m));
            m.put(at, &number.to_le_bytes());
        });
    }
    vec![
        forged("a folder behind the end", "none.wim", Refused(""), |f| {
            children(f, "deep", |_| 1 << 40)
        }),
        forged("a folder that holds itself", "none.wim", Refused(""), |f| {
            children(f, "deep", |m| {
                let at = m.root() + CHILDREN;
                u64::from_le_bytes(m.0[at..at + 8].try_into().unwrap())
            });
        }),
        forged("a folder amid an entry", "none.wim", Refused(""), |f| {
            children(f, "deep", |m| m.file("aaaa") as u64 + 3)
        }),
        forged(
            "a file with files in it",
            "none.wim",
            Warned("children of non-directory"),
            |f| {
                children(f, "aaaa", |m| {
                    let at = m.file("dir") + CHILDREN;
                    u64::from_le_bytes(m.0[at..at + 8].try_into().unwrap())
                });
            },
        ),
        forged(
            "an entry of one byte",
            "none.wim",
            Warned("its description counts"),
            |f| {
                f.metadata(|m| {
                    let at = m.file("aaaa");
                    m.put(at, &1_u64.to_le_bytes());
                });
            },
        ),
        forged(
            "an entry without end",
            "none.wim",
            Warned("its description counts"),
            |f| {
                f.metadata(|m| {
                    let at = m.file("aaaa");
                    m.put(at, &u64::MAX.to_le_bytes());
                });
            },
        ),
        forged("a root that is a file", "none.wim", Refused(""), |f| {
            f.metadata(|m| {
                let at = m.root() + 8;
                m.put(at, &0x20_u32.to_le_bytes());
            });
        }),
        forged("no root", "none.wim", Refused(""), |f| {
            f.metadata(|m| {
                let at = m.root();
                m.0.truncate(at + 4);
            });
        }),
        forged("65535 streams", "none.wim", Refused(""), |f| {
            f.metadata(|m| {
                let at = m.file("aaaa") + STREAMS;
                m.put(at, &[0xFF, 0xFF]);
            });
        }),
        forged("two files are one", "none.wim", Whole, |f| {
            f.metadata(|m| {
                let from = m.file("cccc") + LINKS;
                let group: [u8; 8] = m.0[from..from + 8].try_into().unwrap();
                let at = m.file("aaaa") + LINKS;
                m.put(at, &group);
            });
        }),
        forged("metadata of no length", "none.wim", Refused(""), |f| {
            f.metadata(|m| m.0.clear())
        }),
        forged("metadata that are noise", "none.wim", Refused(""), |f| {
            f.metadata(|m| m.0 = crate::lab::noise(4096, 9))
        }),
        forged("metadata damaged", "none.wim", Refused("is damaged"), |f| {
            let at = f.metadata_entry() + ENTRY_OFFSET;
            let at = usize::try_from(f.u64(at)).unwrap();
            f.bytes[at + 200] ^= 0x40;
        }),
    ]
}

fn security() -> Vec<Kind> {
    fn descriptor(f: &mut Forge, at: usize, bytes: &'static [u8]) {
        f.metadata(|m| {
            let at = m.descriptor() + at;
            m.put(at, bytes);
        });
    }
    vec![
        forged(
            "descriptor 9999",
            "none.wim",
            Warned("invalid security IDs"),
            |f| {
                f.metadata(|m| {
                    let at = m.file("aaaa") + SECURITY;
                    m.put(at, &9999_u32.to_le_bytes());
                });
            },
        ),
        forged("descriptors without end", "none.wim", Refused(""), |f| {
            f.metadata(|m| m.put(0, &[0xFF; 4]))
        }),
        forged("all the descriptors", "none.wim", Refused(""), |f| {
            f.metadata(|m| m.put(4, &[0xFF; 4]))
        }),
        forged(
            "a descriptor longer than all",
            "none.wim",
            Refused(""),
            |f| f.metadata(|m| m.put(8, &[0xFF; 8])),
        ),
        forged(
            "a descriptor of revision 9",
            "none.wim",
            Refused("security descriptor is damaged"),
            |f| descriptor(f, 0, &[9]),
        ),
        forged(
            "an owner behind the end",
            "none.wim",
            Refused("security descriptor is damaged"),
            |f| descriptor(f, 4, &[0, 0, 1, 0]),
        ),
        forged(
            "a list behind the end",
            "none.wim",
            Refused("security descriptor is damaged"),
            |f| descriptor(f, 16, &[0xFF, 0xFF, 0, 0]),
        ),
    ]
}

fn data() -> Vec<Kind> {
    const REPARSE: u32 = 0x400;
    const ENCRYPTED: u32 = 0x4000;
    vec![
        forged(
            "a junction without data",
            "none.wim",
            Refused("reparse point without data"),
            |f| f.metadata(|m| m.hashes("jump", &[0; 20])),
        ),
        forged(
            "a junction whose data are missing",
            "none.wim",
            Refused("the base is missing"),
            |f| f.metadata(|m| m.hashes("jump", &[9; 20])),
        ),
        forged(
            "a file that claims to be a junction",
            "none.wim",
            Refused(""),
            |f| {
                f.metadata(|m| {
                    m.attributes("large", REPARSE);
                    let at = m.file("large") + TAG;
                    m.put(at, &0xA000_0003_u32.to_le_bytes());
                });
            },
        ),
        forged(
            "an encrypted file",
            "none.wim",
            Warned("encrypted by EFS"),
            |f| f.metadata(|m| m.attributes("text", ENCRYPTED)),
        ),
        forged("XPRESS damaged", "xpress.wim", Refused("is damaged"), |f| {
            f.bytes[3000..3100].fill(0x5A)
        }),
        forged("LZX damaged", "lzx.wim", Refused("is damaged"), |f| {
            f.bytes[3000..3100].fill(0x5A)
        }),
        forged(
            "solid LZMS damaged",
            "solid.wim",
            Refused("is damaged"),
            |f| f.bytes[3000..3100].fill(0x5A),
        ),
        forged("the head of a solid block", "solid.wim", Refused(""), |f| {
            f.bytes[208..232].fill(0xFF)
        }),
        forged("XPRESS said to be LZX", "xpress.wim", Refused(""), |f| {
            f.put32(16, 0x4_0082)
        }),
        forged(
            "damaged, with a table",
            "checked.wim",
            Refused("is damaged"),
            |f| f.bytes[4000] ^= 1,
        ),
        forged(
            "table of integrity damaged",
            "checked.wim",
            Refused(""),
            |f| {
                let at = usize::try_from(f.u64(INTEGRITY + 8)).unwrap();
                f.bytes[at + 12] ^= 1;
            },
        ),
        forged(
            "table of integrity of another size",
            "checked.wim",
            Refused(""),
            |f| {
                let at = usize::try_from(f.u64(INTEGRITY + 8)).unwrap();
                f.put32(at, 7);
            },
        ),
        forged(
            "table of integrity behind the end",
            "checked.wim",
            Refused("is truncated"),
            |f| f.put64(INTEGRITY + 8, 1 << 40),
        ),
        forged(
            "one letter of the data",
            "none.wim",
            Refused("is damaged"),
            |f| {
                let at = f.entry_of(b"deeper") + ENTRY_OFFSET;
                let at = usize::try_from(f.u64(at)).unwrap();
                f.bytes[at] = b'D';
            },
        ),
    ]
}

fn files() -> Vec<Kind> {
    vec![
        made("a split file", Whole, |s, folder| split(s, folder, "split")),
        made(
            "a part is missing",
            Refused("part 2 is missing"),
            |s, folder| {
                let first = split(s, folder, "split");
                std::fs::remove_file(folder.join("split2.swm")).unwrap();
                first
            },
        ),
        made(
            "a part of another file",
            Refused("part 2 is missing"),
            |s, folder| {
                let first = split(s, folder, "split");
                std::fs::copy(s.path("other2.swm"), folder.join("split2.swm")).unwrap();
                first
            },
        ),
        made("a part damaged", Refused("is damaged"), |s, folder| {
            let first = split(s, folder, "split");
            let second = folder.join("split2.swm");
            let mut bytes = std::fs::read(&second).unwrap();
            bytes[1000] ^= 1;
            std::fs::write(second, bytes).unwrap();
            first
        }),
        made(
            "a part is a pipe",
            Refused("part 2 is missing"),
            |s, folder| {
                let first = split(s, folder, "split");
                let second = folder.join("split2.swm");
                std::fs::remove_file(&second).unwrap();
                tool("mkfifo", &[text(&second)]);
                first
            },
        ),
        made("the second part", Refused("part 2 of"), |s, folder| {
            split(s, folder, "split");
            folder.join("split2.swm")
        }),
        made(
            "a delta without its base",
            Refused("the base is missing"),
            |s, _| s.path("delta.wim"),
        ),
        made("a folder", Refused("it is a folder"), |_, folder| {
            folder.to_owned()
        }),
        made("a pipe", Refused("it is a pipe"), |_, folder| {
            let pipe = folder.join("pipe.wim");
            tool("mkfifo", &[text(&pipe)]);
            pipe
        }),
        made("a device", Refused("a device"), |_, _| {
            PathBuf::from("/dev/zero")
        }),
        made("nowhere", Refused("cannot be opened"), |_, folder| {
            folder.join("none.wim")
        }),
        made("a text", Refused("is not a WIM"), |_, folder| {
            let path = folder.join("text.wim");
            std::fs::write(&path, utf16(&"no image ".repeat(100))).unwrap();
            path
        }),
        made("zeros", Refused("is not a WIM"), |_, folder| {
            let path = folder.join("zeros.wim");
            std::fs::write(&path, vec![0; 100_000]).unwrap();
            path
        }),
    ]
}
