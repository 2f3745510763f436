//! Arbitrary bytes at both ends of a disk: whatever the tables say, what is shown lies on the disk, and it is not called empty.

#![no_main]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wimforge::platform::linux::examine;
use wimforge::platform::show;

/// Bytes of the disk.
const LENGTH: u64 = 4 << 20;

/// One file, written anew each time.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    folder.join(format!("wimforge-fuzz-{}.img", std::process::id()))
});

fuzz_target!(|bytes: &[u8]| {
    let (start, end) = bytes.split_at(bytes.len() / 2);
    let file = File::create(&*FILE).expect("a file in memory");
    file.set_len(LENGTH).expect("room in memory");
    file.write_all_at(start, 0).expect("room in memory");
    let at = LENGTH - end.len() as u64;
    file.write_all_at(end, at).expect("room in memory");
    for sector in [512, 4096] {
        let disk = examine(&FILE, sector).expect("a file can be read");
        for partition in &disk.partitions {
            let end = partition.start_bytes.checked_add(partition.bytes);
            assert!(end.is_some_and(|end| end <= LENGTH) && partition.bytes > 0);
        }
        let something = !show::contents(&disk).is_empty()
            || !matches!(disk.table, wimforge::platform::TableKind::None);
        assert!(something || bytes.iter().all(|&byte| byte == 0));
    }
});
