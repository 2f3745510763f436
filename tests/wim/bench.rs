//! What the tests share: NTFS image files, mounts, small WIMs.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wimforge::wim::{Silent, Wim, WimCompression, WriteOptions};

pub fn run(program: &str, args: &[&str]) -> String {
    let out = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    assert!(
        out.status.success(),
        "{program} {args:?}: {}\n{}{}",
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).into_owned()
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A fresh NTFS image file.
pub fn ntfs(dir: &Path, name: &str, mib: u64) -> PathBuf {
    let path = dir.join(name);
    std::fs::File::create(&path)
        .and_then(|file| file.set_len(mib * 1024 * 1024))
        .expect("a sparse file");
    run("mkntfs", &["-q", "-Q", "-F", text(&path)]);
    path
}

/// An NTFS image file mounted by ntfs-3g; unmounted when dropped.
pub struct Mount(pub PathBuf);

impl Mount {
    pub fn new(image: &Path, at: &Path) -> Self {
        std::fs::create_dir_all(at).expect("a mount point");
        run(
            "ntfs-3g",
            &[
                "-o",
                "streams_interface=windows,noatime",
                text(image),
                text(at),
            ],
        );
        Self(at.to_path_buf())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        for _ in 0..50 {
            let done = Command::new("umount")
                .arg(&self.0)
                .stderr(Stdio::null())
                .status();
            if done.is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

pub fn capture(image: &Path, wim: &Path, compression: WimCompression) -> Vec<String> {
    let left_out = RefCell::new(Vec::new());
    let mut new = Wim::create(compression).expect("a new WIM");
    let index = new
        .add_ntfs(
            image,
            "Windows",
            &["/_WimforgeState".to_owned(), "[odd] name".to_owned()],
            &|path| left_out.borrow_mut().push(path.to_owned()),
            &Silent,
        )
        .expect("a captured volume");
    assert_eq!(index, 1);
    new.set_image_property(1, "DESCRIPTION", "disk 0, partition 3")
        .expect("a description");
    new.write(wim, &WriteOptions::default(), &Silent)
        .expect("a written WIM");
    left_out.into_inner()
}

/// A WIM of one small volume; `integrity` as told.
pub fn small(dir: &Path, compression: WimCompression, kib: usize, integrity: bool) -> PathBuf {
    let source = ntfs(dir, "small.img", 64);
    {
        let mount = Mount::new(&source, &dir.join("small.mnt"));
        std::fs::create_dir(mount.0.join("dir")).expect("a folder");
        let data: Vec<u8> = (0_u32..)
            .map(|number| number.wrapping_mul(2_654_435_761))
            .flat_map(u32::to_le_bytes)
            .take(kib * 1024)
            .collect();
        std::fs::write(mount.0.join("dir/bulk.bin"), data).expect("a file");
        std::fs::write(mount.0.join("dir/zz"), "hello").expect("a file");
    }
    let path = dir.join("small.wim");
    let mut wim = Wim::create(compression).expect("a new WIM");
    wim.add_ntfs(&source, "one", &[], &|_| {}, &Silent)
        .expect("a captured volume");
    let options = WriteOptions {
        integrity,
        ..WriteOptions::default()
    };
    wim.write(&path, &options, &Silent).expect("a written WIM");
    path
}

pub const FAST: WimCompression = WimCompression::Xpress;

pub fn xattr(path: &Path, name: &str) -> Vec<u8> {
    xattr::get(path, name)
        .ok()
        .flatten()
        .unwrap_or_else(|| panic!("{} has no {name}", path.display()))
}
