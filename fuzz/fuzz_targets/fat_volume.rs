//! Arbitrary changes to a good FAT32 volume: the check comes to an end, and what it lets pass is read to the last byte.
//!
//! The input is a list of changes, six bytes each: region, place in it (two bytes), how it is changed, value (two bytes).

#![no_main]

use std::io::{Cursor, Read, Write};
use std::sync::LazyLock;

use fatfs::{Dir, FileSystem, FormatVolumeOptions, FsOptions};
use libfuzzer_sys::fuzz_target;
use wimforge::cancel::CancelToken;
use wimforge::step::fat_check::check::check;

const BYTES: usize = 36 << 20;
const SECTOR: usize = 512;
/// Changes taken from one input.
const CHANGES: usize = 64;

/// The good volume, and where its parts start: boot sector, both tables, the data.
static GOOD: LazyLock<(Vec<u8>, [usize; 4])> = LazyLock::new(|| {
    let mut bytes = vec![0; BYTES];
    fill(&mut Cursor::new(&mut bytes)).expect("a good volume");
    let word = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let table = (word(36) | word(38) << 16) * SECTOR;
    let first = word(14) * SECTOR;
    let starts = [0, first, first + table, first + 2 * table];
    (bytes, starts)
});

fn fill(volume: &mut Cursor<&mut Vec<u8>>) -> std::io::Result<()> {
    let options = FormatVolumeOptions::new()
        .fat_type(fatfs::FatType::Fat32)
        .bytes_per_cluster(512);
    fatfs::format_volume(&mut *volume, options)?;
    let volume = FileSystem::new(volume, FsOptions::new())?;
    let root = volume.root_dir();
    let inner = root
        .create_dir("EFI")?
        .create_dir("a folder with a long name")?;
    for (folder, name, length) in [
        (&root, "EMPTY.TXT", 0),
        (&root, "A.TXT", 300),
        (&root, "a long name of a file.bin", 3000),
        (&inner, "B.BIN", 1024),
    ] {
        folder.create_file(name)?.write_all(&vec![7; length])?;
    }
    Ok(())
}

/// Reads everything, as a capture does. The check has promised that nothing stands in the way.
fn read_all<T: fatfs::ReadWriteSeek>(folder: &Dir<'_, T>, depth: usize) {
    assert!(depth < 200, "folders without end");
    for entry in folder.iter() {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        if name == "." || name == ".." {
            continue;
        }
        assert!(!name.is_empty() && !name.contains(['/', '\0']), "{name:?}");
        if entry.is_dir() {
            read_all(&entry.to_dir(), depth + 1);
        } else {
            let mut bytes = Vec::new();
            entry.to_file().read_to_end(&mut bytes).expect("contents");
            assert_eq!(bytes.len() as u64, entry.len());
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let (good, starts) = &*GOOD;
    thread_local! {
        static VOLUME: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(GOOD.0.clone());
    }
    VOLUME.with_borrow_mut(|bytes| {
        let mut changed = Vec::new();
        for change in input.chunks_exact(6).take(CHANGES) {
            let place = usize::from(u16::from_le_bytes([change[1], change[2]]));
            let at = starts[usize::from(change[0] % 4)] + place;
            let value = [change[4], change[5]];
            match change[3] % 3 {
                0 => bytes[at] = value[0],
                1 => bytes[at..at + 2].copy_from_slice(&value),
                _ => bytes[at] ^= 1 << (value[0] % 8),
            }
            changed.push(at);
        }
        let cancel = CancelToken::new();
        let state = check(&mut Cursor::new(&*bytes), &cancel).expect("memory can be read");
        assert_eq!(state.is_sound(), state.refusal().is_none());
        // A damaged sum of the free space the program hides from fatfs.
        if state.is_sound()
            && let Ok(volume) = FileSystem::new(Cursor::new(&mut *bytes), FsOptions::new())
        {
            read_all(&volume.root_dir(), 0);
            std::mem::forget(volume);
        }
        for at in changed {
            bytes[at..at + 2].copy_from_slice(&good[at..at + 2]);
        }
    });
});
