//! Arbitrary bytes as an image file: an error with a text, or a WIM that can be looked at.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wimforge::wim::{Silent, Wim};

/// Images looked into; a header may announce thousands.
const IMAGES: u32 = 3;

/// One file, written anew each time: wimlib opens files only.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    folder.join(format!("wimforge-fuzz-{}.wim", std::process::id()))
});

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a file in memory");
    for check_integrity in [false, true] {
        match Wim::open(&FILE, check_integrity, &Silent) {
            Ok(wim) => {
                let info = wim.info();
                for index in 1..=info.image_count.min(IMAGES) {
                    let _ = wim.entries(index, &mut |_, _, _| true);
                    let _ = wim.survey(index, &mut |_| {});
                }
                assert!(wim.check_index(info.image_count.saturating_add(1)).is_err());
            }
            Err(error) => assert!(error.to_string().contains("wimforge-fuzz"), "{error}"),
        }
    }
});
