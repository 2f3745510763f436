//! What is wrong inside an image, or with its data.

use super::Expect::{Refused, Renamed, Warned, Whole};
use super::forge::{
    CHILDREN, ENTRY_OFFSET, Forge, INTEGRITY, LINKS, Metadata, NAME, NAME_BYTES, SECURITY, STREAMS,
    TAG,
};
use super::kinds::{Kind, forged};

pub fn names() -> Vec<Kind> {
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
            f.metadata(|m| m.rename("aaaa", "a/aa"));
        }),
        forged("a backslash", "none.wim", Refused("hostile name"), |f| {
            f.metadata(|m| m.rename("aaaa", "\\aaa"));
        }),
        forged("a NUL", "none.wim", Refused("hostile name"), |f| {
            f.metadata(|m| m.rename("aaaa", "a\0aa"));
        }),
        forged("$MFT", "none.wim", Refused("/$MFT: NTFS keeps"), |f| {
            f.metadata(|m| m.rename("aaaa", "$MFT"));
        }),
        forged("$mft", "none.wim", Refused("/$mft: NTFS keeps"), |f| {
            f.metadata(|m| m.rename("aaaa", "$mft"));
        }),
        forged("$Boot", "none.wim", Refused("/$Boot: NTFS keeps"), |f| {
            f.metadata(|m| m.lengthen(None, "aaaa", "$Boot"));
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
        forged("a name of 256 letters", "none.wim", Refused(""), |f| {
            f.metadata(|m| m.lengthen(None, "aaaa", &"x".repeat(256)));
        }),
        forged("a name of 20000 letters", "none.wim", Refused(""), |f| {
            f.metadata(|m| m.lengthen(None, "aaaa", &"x".repeat(20_000)));
        }),
        forged("a colon", "none.wim", Renamed("aaaa", "a:aa"), |f| {
            f.metadata(|m| m.rename("aaaa", "a:aa"));
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

pub fn tree() -> Vec<Kind> {
    fn children(f: &mut Forge, of: &'static str, number: fn(&mut Metadata) -> u64) {
        f.metadata(|m| {
            let (at, number) = (m.file(of) + CHILDREN, number(m));
            m.put(at, &number.to_le_bytes());
        });
    }
    vec![
        forged("a folder behind the end", "none.wim", Refused(""), |f| {
            children(f, "deep", |_| 1 << 40);
        }),
        forged("a folder that holds itself", "none.wim", Refused(""), |f| {
            children(f, "deep", |m| {
                let at = m.root() + CHILDREN;
                u64::from_le_bytes(m.0[at..at + 8].try_into().unwrap())
            });
        }),
        forged("a folder amid an entry", "none.wim", Refused(""), |f| {
            children(f, "deep", |m| m.file("aaaa") as u64 + 3);
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
            f.metadata(|m| m.0.clear());
        }),
        forged("metadata that are noise", "none.wim", Refused(""), |f| {
            f.metadata(|m| m.0 = crate::lab::noise(4096, 9));
        }),
        forged("metadata damaged", "none.wim", Refused("is damaged"), |f| {
            let at = f.metadata_entry() + ENTRY_OFFSET;
            let at = usize::try_from(f.u64(at)).unwrap();
            f.bytes[at + 200] ^= 0x40;
        }),
    ]
}

pub fn security() -> Vec<Kind> {
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
            f.metadata(|m| m.put(0, &[0xFF; 4]));
        }),
        forged("all the descriptors", "none.wim", Refused(""), |f| {
            f.metadata(|m| m.put(4, &[0xFF; 4]));
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

pub fn data() -> Vec<Kind> {
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
            f.bytes[3000..3100].fill(0x5A);
        }),
        forged("LZX damaged", "lzx.wim", Refused("is damaged"), |f| {
            f.bytes[3000..3100].fill(0x5A);
        }),
        forged(
            "solid LZMS damaged",
            "solid.wim",
            Refused("is damaged"),
            |f| f.bytes[3000..3100].fill(0x5A),
        ),
        forged("the head of a solid block", "solid.wim", Refused(""), |f| {
            f.bytes[208..232].fill(0xFF);
        }),
        forged("XPRESS said to be LZX", "xpress.wim", Refused(""), |f| {
            f.put32(16, 0x4_0082);
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
