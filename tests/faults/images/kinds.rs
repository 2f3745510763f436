//! The kinds of bad image files, and what must come of each.

use std::path::{Path, PathBuf};

use super::Expect::{self, Refused, Whole};
use super::forge::{
    BOOT_INDEX, CHUNK, ENTRY, ENTRY_BYTES, ENTRY_COUNT, ENTRY_FLAGS, ENTRY_HASH, ENTRY_OFFSET,
    ENTRY_PART, Forge, HEADER_SIZE, IMAGES, PART, PARTS, Sources, TABLE, VERSION, XML, utf16,
};
use super::inside;
use crate::lab::{text, tool};

type Make = Box<dyn Fn(&Sources, &Path) -> PathBuf>;

/// One kind of bad image.
pub struct Kind {
    pub name: &'static str,
    pub expect: Expect,
    pub make: Make,
}

/// A good file of [`Sources`], changed.
pub fn forged(
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
        inside::names(),
        inside::tree(),
        inside::security(),
        inside::data(),
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
            f.put(0, b"MSWIN");
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
            f.put32(CHUNK, 3);
        }),
        forged("chunks of 2 GiB", "lzx.wim", Refused("is damaged"), |f| {
            f.put32(CHUNK, 1 << 31);
        }),
        forged("part 0 of 0", "none.wim", Refused("is damaged"), |f| {
            f.put16(PART, 0);
            f.put16(PARTS, 0);
        }),
        forged("part 2 of 1", "none.wim", Refused("is damaged"), |f| {
            f.put16(PART, 2);
        }),
        forged(
            "part 1 of 65535",
            "none.wim",
            Refused("part 2 is missing"),
            |f| f.put16(PARTS, u16::MAX),
        ),
        forged("no images", "none.wim", Refused(""), |f| f.put32(IMAGES, 0)),
        forged("two images, one there", "none.wim", Refused(""), |f| {
            f.put32(IMAGES, 2);
        }),
        forged("all the images", "none.wim", Refused(""), |f| {
            f.put32(IMAGES, u32::MAX);
        }),
        forged("start from image 99", "none.wim", Whole, |f| {
            f.put32(BOOT_INDEX, 99);
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
            f.put64(TABLE + 8, u64::MAX);
        }),
        forged("table on the header", "none.wim", Refused(""), |f| {
            f.put64(TABLE + 8, 0);
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
            f.bytes[TABLE + 7] |= 4;
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
            f.raw_xml(&[0xFF, 0xFE, 0x3C]);
        }),
        forged("XML of 8 bits", "none.wim", Refused(""), |f| {
            f.raw_xml(b"<WIM><IMAGE INDEX=\"1\"/></WIM>");
        }),
        forged("XML that is noise", "none.wim", Refused(""), |f| {
            f.raw_xml(&crate::lab::noise(4096, 3));
        }),
        forged("XML without an end", "none.wim", Refused(""), |f| {
            f.xml(|xml| xml.replace("</WIM>", ""));
        }),
        forged("XML without the image", "none.wim", Refused(""), |f| {
            f.xml(|_| "\u{feff}<WIM></WIM>".to_owned());
        }),
        forged("image 0", "none.wim", Refused(""), |f| {
            f.xml(|xml| xml.replace("INDEX=\"1\"", "INDEX=\"0\""));
        }),
        forged("image 7 of 1", "none.wim", Refused(""), |f| {
            f.xml(|xml| xml.replace("INDEX=\"1\"", "INDEX=\"7\""));
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
            f.bytes.clear();
        }),
        forged("half a header", "none.wim", Refused("is truncated"), |f| {
            f.bytes.truncate(100);
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
            f.bytes.truncate(f.bytes.len() / 2);
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
