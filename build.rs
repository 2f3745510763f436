//! Links libntfs-3g: `wimlib-sys` with `bundled` and `sys-ntfs-3g` builds wimlib with NTFS support
//! but forgets to name the library. And keeps wimlib from being built anew every time.

use std::path::Path;
use std::time::{Duration, SystemTime};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-link-lib=ntfs-3g");
    }
    if let Some(out) = std::env::var_os("OUT_DIR") {
        age_header(Path::new(&out));
    }
}

/// `wimlib-sys` 0.3.1 has cargo watch a header that its own build script installs, and that is newer than the script's start
/// therefore: each build would take wimlib, and all that depends on it, for changed. An old date on the header ends that; the
/// crate's script has always run before this one. Where the header cannot be found, builds are slower and nothing else.
fn age_header(out: &Path) {
    let Some(builds) = out.ancestors().nth(2) else {
        return;
    };
    let Ok(entries) = std::fs::read_dir(builds) else {
        return;
    };
    for entry in entries.flatten() {
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with("wimlib-sys-")
        {
            let header = entry.path().join("out/include/wimlib.h");
            if let Ok(file) = std::fs::File::options().append(true).open(header) {
                let _ =
                    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
            }
        }
    }
}
