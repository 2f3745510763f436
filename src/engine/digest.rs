//! The SHA-256 of each image that a run wrote: what proves later that a file is the one the report speaks of.
//!
//! Taken at the end of a boot, before connections are taken down: afterwards a share cannot be read any more.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest as _, Sha256};

use crate::cancel::CancelToken;
use crate::event::{Artifact, NodeId, Severity};
use crate::regular;
use crate::units;

/// Bytes read at once.
const CHUNK: usize = 1024 * 1024;
/// A digest that takes longer than this is announced, so that nobody thinks the run hangs.
const QUIET: Duration = Duration::from_secs(1);
/// Time between two lines about the same file.
const PACE: Duration = Duration::from_secs(10);

/// The digest of one file, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FileDigest {
    /// The file as the artifact names it.
    path: String,
    /// 64 lower-case hexadecimal digits, or the reason in words.
    sha256: Result<String, String>,
    /// Length and time of the file that was read.
    seen: Option<(u64, Option<SystemTime>)>,
}

/// The digests of a run so far.
#[derive(Clone, Debug, Default)]
pub struct Digests(Vec<FileDigest>);

/// Whether a digest is taken of this file.
pub(super) fn is_image(path: &str) -> bool {
    path.len() > 4
        && path
            .get(path.len() - 4..)
            .is_some_and(|end| end.eq_ignore_ascii_case(".wim"))
}

impl Digests {
    /// The digest of the file that was written to `path` with `bytes`, or why there is none; nothing for a file that is
    /// no image. A file of another length is not the one that was written: its digest would prove the wrong thing.
    pub fn of(&self, path: &str, bytes: u64) -> Option<Result<&str, &str>> {
        let digest = self.find(path)?;
        let same = digest.seen.is_none_or(|(length, _)| length == bytes);
        Some(match &digest.sha256 {
            Ok(hex) if same => Ok(hex),
            Ok(_) => Err("the file has another length by now"),
            Err(why) => Err(why),
        })
    }

    fn find(&self, path: &str) -> Option<&FileDigest> {
        self.0.iter().find(|digest| digest.path == path)
    }

    /// Takes the digest of every image among the artifacts. A file that was read before and has not changed is not read
    /// again; one that cannot be read any more keeps the digest it had. `say` gets one line for the log at a time.
    pub fn update(
        &mut self,
        artifacts: &[(NodeId, Artifact)],
        cancel: &CancelToken,
        say: &dyn Fn(Severity, &str),
    ) {
        let paths: BTreeSet<&str> = artifacts
            .iter()
            .filter_map(|(_, artifact)| match artifact {
                Artifact::File { path, .. } if is_image(path) => Some(path.as_str()),
                _ => None,
            })
            .collect();
        for path in paths {
            self.update_one(path, cancel, say);
        }
    }

    fn update_one(&mut self, path: &str, cancel: &CancelToken, say: &dyn Fn(Severity, &str)) {
        let found = locate(path);
        let seen = found.as_ref().ok().map(|(_, seen)| *seen);
        let known = self.0.iter().position(|digest| digest.path == path);
        if let Some(at) = known
            && self.0[at].sha256.is_ok()
            && (seen.is_none() || seen == self.0[at].seen)
        {
            return;
        }
        let sha256 = found.and_then(|(file, (bytes, _))| sum(path, &file, bytes, cancel, say));
        match &sha256 {
            Ok(hex) => say(Severity::Info, &format!("SHA-256 of {path}: {hex}")),
            Err(why) => say(
                Severity::Warning,
                &format!("the SHA-256 of {path} was not taken: {why}"),
            ),
        }
        let digest = FileDigest {
            path: path.to_owned(),
            sha256,
            seen,
        };
        match known {
            Some(at) => self.0[at] = digest,
            None => self.0.push(digest),
        }
    }
}

type Seen = (u64, Option<SystemTime>);

/// The file behind the name of an artifact, with its length and time.
fn locate(path: &str) -> Result<(PathBuf, Seen), String> {
    if path.starts_with(r"\\") {
        return Err(
            "the share was connected for the capture only; on the server, `certutil -hashfile FILE SHA256` gives it"
                .to_owned(),
        );
    }
    let file = std::path::absolute(path.strip_prefix("file:").unwrap_or(path))
        .map_err(|error| error.to_string())?;
    let facts = std::fs::metadata(&file).map_err(|error| error.to_string())?;
    if !facts.is_file() {
        return Err("it is not a file".to_owned());
    }
    Ok((file, (facts.len(), facts.modified().ok())))
}

fn sum(
    shown: &str,
    file: &Path,
    bytes: u64,
    cancel: &CancelToken,
    say: &dyn Fn(Severity, &str),
) -> Result<String, String> {
    let mut file = regular::open(file).map_err(|error| error.to_string())?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut done = 0;
    let started = Instant::now();
    let mut told: Option<Instant> = None;
    loop {
        if cancel.is_cancelled() {
            return Err("the run was cancelled".to_owned());
        }
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.to_string()),
        };
        hasher.update(&buffer[..read]);
        done += read as u64;
        let due = match told {
            None => started.elapsed() > QUIET,
            Some(last) => last.elapsed() > PACE,
        };
        if due {
            told = Some(Instant::now());
            let share = units::permille(done, bytes).unwrap_or(1000) / 10;
            say(
                Severity::Info,
                &format!(
                    "taking the SHA-256 of {shown} ({}): {share} %",
                    units::bytes(bytes)
                ),
            );
        }
    }
    if done != bytes {
        return Err("the file changed while it was read".to_owned());
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::cancel::CancelLevel;

    fn artifact(path: &str) -> (NodeId, Artifact) {
        let file = Artifact::File {
            path: path.to_owned(),
            bytes: 0,
            what: "captured image".to_owned(),
        };
        (NodeId(0), file)
    }

    #[test]
    fn the_digest_is_that_of_sha256sum_and_follows_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.WIM").display().to_string();
        std::fs::write(&path, "abc").unwrap();
        let said = RefCell::new(Vec::new());
        let say = |severity, line: &str| said.borrow_mut().push((severity, line.to_owned()));
        let mut digests = Digests::default();
        let artifacts = [artifact(&path), artifact(&path), artifact("/x/report.txt")];
        let cancel = CancelToken::new();
        digests.update(&artifacts, &cancel, &say);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digests.find(&path).unwrap().sha256.as_deref(), Ok(abc));
        assert!(digests.of("/x/report.txt", 0).is_none());
        digests.update(&artifacts, &cancel, &say);
        assert_eq!(digests.of(&path, 3), Some(Ok(abc)));
        assert!(digests.of(&path, 4).unwrap().is_err());
        assert_eq!(
            said.borrow().len(),
            1,
            "an unchanged file is not read again: {said:?}"
        );
        std::fs::write(&path, "").unwrap();
        digests.update(&artifacts, &cancel, &say);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digests.find(&path).unwrap().sha256.as_deref(), Ok(empty));
        // As after a boot whose connections are gone.
        std::fs::remove_file(&path).unwrap();
        digests.update(&artifacts, &cancel, &say);
        assert_eq!(digests.find(&path).unwrap().sha256.as_deref(), Ok(empty));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("b.wim").display().to_string();
        std::fs::write(&file, "abc").unwrap();
        let cancel = CancelToken::new();
        cancel.raise(CancelLevel::Asked);
        let gone = folder.path().join("gone.wim").display().to_string();
        let dir = folder.path().join("dir.wim");
        std::fs::create_dir(&dir).unwrap();
        let dir = dir.display().to_string();
        let share = r"\\server\share\x.wim";
        let mut digests = Digests::default();
        let artifacts = [&file, &gone, &dir, share].map(artifact);
        digests.update(&artifacts, &cancel, &|severity, _| {
            assert_eq!(severity, Severity::Warning);
        });
        let why = |path: &str| digests.of(path, 0).unwrap().unwrap_err().to_owned();
        assert_eq!(why(&file), "the run was cancelled");
        assert!(why(&gone).contains("No such file"), "{}", why(&gone));
        assert_eq!(why(&dir), "it is not a file");
        assert!(why(share).contains("certutil"));
    }

    #[test]
    fn names_that_end_in_no_image_are_told_apart() {
        assert!(is_image("x.wim") && is_image("/a/B.WIM"));
        assert!(
            !is_image(".wim") && !is_image("x.wim.partial") && !is_image("€im") && !is_image("")
        );
    }
}
