//! WIM files against NTFS image files, judged by other tools.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wimforge::wim::{
    Monitor, Silent, Wim, WimCompression, WimError, WimPhase, WimProgress, WriteOptions,
};

fn run(program: &str, args: &[&str]) -> String {
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

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A fresh NTFS image file.
fn ntfs(dir: &Path, name: &str, mib: u64) -> PathBuf {
    let path = dir.join(name);
    std::fs::File::create(&path)
        .and_then(|file| file.set_len(mib * 1024 * 1024))
        .expect("a sparse file");
    run("mkntfs", &["-q", "-Q", "-F", text(&path)]);
    path
}

/// An NTFS image file mounted by ntfs-3g; unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(image: &Path, at: &Path) -> Self {
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

fn capture(image: &Path, wim: &Path, compression: WimCompression) -> Vec<String> {
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

#[test]
fn a_captured_volume_is_read_by_other_tools_and_applies_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let source = ntfs(dir.path(), "source.img", 64);
    {
        let mount = Mount::new(&source, &dir.path().join("mnt"));
        let root = &mount.0;
        std::fs::create_dir_all(root.join("Windows/System32")).expect("folders");
        std::fs::create_dir_all(root.join("_WimforgeState")).expect("folders");
        std::fs::write(root.join("_WimforgeState/x"), "state").expect("a file");
        std::fs::write(root.join("Windows/a.txt"), vec![b'a'; 200_000]).expect("a file");
        std::fs::hard_link(
            root.join("Windows/a.txt"),
            root.join("Windows/System32/b.txt"),
        )
        .expect("a link");
        std::fs::write(root.join("Windows/a.txt:note"), "a stream").expect("a stream");
        std::fs::write(root.join("pagefile.sys"), vec![1; 100_000]).expect("a file");
    }
    let wim = dir.path().join("x.wim");
    let left_out = capture(&source, &wim, WimCompression::Lzx { level: 20 });
    for wanted in ["pagefile.sys", "_WimforgeState"] {
        assert!(
            left_out.iter().any(|path| path.ends_with(wanted)),
            "{wanted} is not in {left_out:?}"
        );
    }
    run("wimlib-imagex", &["verify", text(&wim)]);
    run("7z", &["t", text(&wim)]);
    let info = run("wimlib-imagex", &["info", text(&wim)]);
    assert!(info.contains("disk 0, partition 3"), "{info}");
    assert!(info.contains("Chunk Size:     32768 bytes"), "{info}");

    let opened = Wim::open(&wim, true, &Silent).expect("an opened WIM");
    let info = opened.info();
    assert_eq!(info.image_count, 1);
    assert!(info.has_integrity_table);
    assert_eq!(info.compression, "LZX");
    assert_eq!(info.images[0].name, "Windows");
    let image = &info.images[0];
    assert_eq!(image.total_bytes - image.hard_link_bytes, 200_008);
    opened.verify(&Silent).expect("a good WIM");
    opened.refuse_hostile_names(1).expect("good names");

    let target = ntfs(dir.path(), "target.img", 64);
    opened.apply_ntfs(1, &target, &Silent).expect("applied");
    let mount = Mount::new(&target, &dir.path().join("mnt2"));
    let a = std::fs::read(mount.0.join("Windows/a.txt")).expect("a file");
    assert_eq!(a, vec![b'a'; 200_000]);
    let stream = std::fs::read_to_string(mount.0.join("Windows/System32/b.txt:note"));
    assert_eq!(stream.expect("the link's stream"), "a stream");
    assert!(!mount.0.join("pagefile.sys").exists());
    assert!(!mount.0.join("_WimforgeState").exists());
}
