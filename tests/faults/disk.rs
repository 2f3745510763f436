//! A file system of one folder that does to its callers what failing disks and shares do: full, writes that fail, sectors that
//! cannot be read, slow. It holds its files in a folder of the machine; the test turns the switches while it is in use.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use crate::common::system::{attempt, text};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request,
    TimeOrNow, WriteFlags,
};

/// Nothing is remembered by the kernel: the switches work at once.
const NOW: Duration = Duration::ZERO;
/// Free room that is always told, in blocks of 4 KiB: what is really there shows when it is written.
const TOLD_FREE: u64 = 16 << 20;

/// What the file system does wrong.
#[derive(Debug)]
pub struct Switches {
    /// Bytes that fit; what is more fails with "No space left on device".
    pub capacity: AtomicU64,
    /// Bytes written so far.
    pub written: AtomicU64,
    /// Writes from this many written bytes on fail with "Input/output error" ...
    pub failing_from: AtomicU64,
    /// ... as often as this; below zero for ever.
    pub failing: AtomicI64,
    /// Reads of these bytes of any file fail with "Input/output error".
    pub bad: Mutex<Range<u64>>,
    /// Milliseconds that each write takes.
    pub delay: AtomicU64,
}

impl Switches {
    /// Nothing is wrong.
    pub fn heal(&self) {
        self.capacity.store(u64::MAX, Ordering::SeqCst);
        self.failing.store(0, Ordering::SeqCst);
        self.delay.store(0, Ordering::SeqCst);
        *self.bad.lock().unwrap() = 0..0;
    }

    fn refuses_write(&self) -> bool {
        self.written.load(Ordering::SeqCst) >= self.failing_from.load(Ordering::SeqCst)
            && self
                .failing
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                    0 => None,
                    1.. => Some(left - 1),
                    _ => Some(left),
                })
                .is_ok()
    }
}

struct Node {
    /// `None` once it is removed.
    name: Option<OsString>,
    file: File,
}

struct Faulty {
    store: PathBuf,
    nodes: Mutex<BTreeMap<u64, Node>>,
    switches: Arc<Switches>,
}

fn attributes(ino: u64, bytes: u64) -> FileAttr {
    let folder = ino == INodeNo::ROOT.0;
    FileAttr {
        ino: INodeNo(ino),
        size: bytes,
        blocks: bytes.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: if folder {
            FileType::Directory
        } else {
            FileType::RegularFile
        },
        perm: if folder { 0o755 } else { 0o644 },
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

impl Faulty {
    fn find(&self, name: &OsStr) -> Option<u64> {
        let nodes = self.nodes.lock().unwrap();
        nodes
            .iter()
            .find(|(_, node)| node.name.as_deref() == Some(name))
            .map(|(ino, _)| *ino)
    }

    fn length(&self, ino: u64) -> Option<u64> {
        let nodes = self.nodes.lock().unwrap();
        nodes
            .get(&ino)
            .map(|node| node.file.metadata().unwrap().len())
    }

    fn attributes(&self, ino: INodeNo) -> Result<FileAttr, Errno> {
        if ino == INodeNo::ROOT {
            return Ok(attributes(ino.0, 0));
        }
        let bytes = self.length(ino.0).ok_or(Errno::ENOENT)?;
        Ok(attributes(ino.0, bytes))
    }

    fn make(&self, name: &OsStr) -> std::io::Result<u64> {
        let mut nodes = self.nodes.lock().unwrap();
        let ino = nodes
            .keys()
            .max()
            .map_or(INodeNo::ROOT.0 + 1, |last| last + 1);
        let file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(self.store.join(ino.to_string()))?;
        let name = Some(name.to_owned());
        nodes.insert(ino, Node { name, file });
        Ok(ino)
    }

    fn remove(&self, name: &OsStr) -> Result<(), Errno> {
        let ino = self.find(name).ok_or(Errno::ENOENT)?;
        let mut nodes = self.nodes.lock().unwrap();
        if let Some(node) = nodes.get_mut(&ino) {
            node.name = None;
        }
        let _ = std::fs::remove_file(self.store.join(ino.to_string()));
        Ok(())
    }

    fn used(&self) -> u64 {
        let nodes = self.nodes.lock().unwrap();
        nodes
            .values()
            .filter(|node| node.name.is_some())
            .map(|node| node.file.metadata().unwrap().len())
            .sum()
    }

    fn put(&self, ino: u64, offset: u64, data: &[u8]) -> Result<(), Errno> {
        let wait = self.switches.delay.load(Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(wait));
        if self.switches.refuses_write() {
            return Err(Errno::EIO);
        }
        let length = self.length(ino).ok_or(Errno::ENOENT)?;
        let grows = (offset + data.len() as u64).saturating_sub(length);
        if self.used().saturating_add(grows) > self.switches.capacity.load(Ordering::SeqCst) {
            return Err(Errno::ENOSPC);
        }
        let nodes = self.nodes.lock().unwrap();
        let node = nodes.get(&ino).ok_or(Errno::ENOENT)?;
        node.file.write_all_at(data, offset).map_err(Errno::from)?;
        self.switches
            .written
            .fetch_add(data.len() as u64, Ordering::SeqCst);
        Ok(())
    }

    fn get(&self, ino: u64, offset: u64, size: u32) -> Result<Vec<u8>, Errno> {
        let bad = self.switches.bad.lock().unwrap().clone();
        if offset < bad.end && bad.start < offset + u64::from(size) {
            return Err(Errno::EIO);
        }
        let nodes = self.nodes.lock().unwrap();
        let node = nodes.get(&ino).ok_or(Errno::ENOENT)?;
        let mut data = vec![0; size as usize];
        let mut got = 0;
        while got < data.len() {
            match node.file.read_at(&mut data[got..], offset + got as u64) {
                Ok(0) => break,
                Ok(count) => got += count,
                Err(error) => return Err(error.into()),
            }
        }
        data.truncate(got);
        Ok(data)
    }
}

impl Filesystem for Faulty {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self
            .find(name)
            .ok_or(Errno::ENOENT)
            .and_then(|ino| self.attributes(INodeNo(ino)))
        {
            Ok(found) => reply.entry(&NOW, &found, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(ino) {
            Ok(found) => reply.attr(&NOW, &found),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<std::time::SystemTime>,
        _: Option<FileHandle>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if let Some(size) = size
            && let Some(node) = self.nodes.lock().unwrap().get(&ino.0)
        {
            node.file.set_len(size).unwrap();
        }
        self.getattr_reply(ino, reply);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::empty());
    }

    fn create(
        &self,
        _: &Request,
        _: INodeNo,
        name: &OsStr,
        _: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match self.make(name) {
            Ok(ino) => reply.created(
                &NOW,
                &attributes(ino, 0),
                Generation(0),
                FileHandle(0),
                FopenFlags::empty(),
            ),
            Err(error) => reply.error(error.into()),
        }
    }

    fn unlink(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        match self.remove(name) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn rename(
        &self,
        _: &Request,
        _: INodeNo,
        name: &OsStr,
        _: INodeNo,
        new: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let Some(ino) = self.find(name) else {
            return reply.error(Errno::ENOENT);
        };
        let _ = self.remove(new);
        if let Some(node) = self.nodes.lock().unwrap().get_mut(&ino) {
            node.name = Some(new.to_owned());
        }
        reply.ok();
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.get(ino.0, offset, size) {
            Ok(data) => reply.data(&data),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.put(ino.0, offset, data) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap()),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn readdir(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let nodes = self.nodes.lock().unwrap();
        let named = nodes
            .iter()
            .filter_map(|(ino, node)| Some((*ino, node.name.as_deref()?)));
        for (ino, name) in named.filter(|(ino, _)| *ino > offset) {
            if reply.add(INodeNo(ino), ino, FileType::RegularFile, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(2 * TOLD_FREE, TOLD_FREE, TOLD_FREE, 0, 0, 4096, 255, 4096);
    }
}

impl Faulty {
    fn getattr_reply(&self, ino: INodeNo, reply: ReplyAttr) {
        match self.attributes(ino) {
            Ok(found) => reply.attr(&NOW, &found),
            Err(error) => reply.error(error),
        }
    }
}

/// The file system, mounted for as long as this lives.
pub struct Disk {
    session: Option<BackgroundSession>,
    mount: tempfile::TempDir,
    _store: tempfile::TempDir,
    pub switches: Arc<Switches>,
}

impl Disk {
    /// Mounts it; fails where FUSE does not work.
    pub fn new() -> Self {
        let (mount, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let switches = Arc::new(Switches {
            capacity: AtomicU64::new(u64::MAX),
            written: AtomicU64::new(0),
            failing_from: AtomicU64::new(0),
            failing: AtomicI64::new(0),
            bad: Mutex::new(0..0),
            delay: AtomicU64::new(0),
        });
        let faulty = Faulty {
            store: store.path().to_owned(),
            nodes: Mutex::default(),
            switches: Arc::clone(&switches),
        };
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("faulty".to_owned())];
        let session = fuser::spawn_mount(faulty, mount.path(), &config)
            .unwrap_or_else(|error| panic!("FUSE does not work here (package fuse3): {error}"));
        Self {
            session: Some(session),
            mount,
            _store: store,
            switches,
        }
    }

    pub fn path(&self) -> &Path {
        self.mount.path()
    }

    /// The names of its files, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        if std::thread::panicking() {
            // The failed test may have left files open: out of sight now, and gone with them.
            attempt("umount", &["-l", text(self.mount.path())]);
        } else {
            let _ = session.umount_and_join();
        }
    }
}
