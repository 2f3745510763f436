//! Writing the archive member by member, and reading it back.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::scrub::{Needles, Scrub};

/// An archive that is being written.
pub(super) struct Pack<'a> {
    tar: tar::Builder<GzEncoder<BufWriter<File>>>,
    needles: &'a Needles,
    /// The folder inside the archive.
    root: String,
    /// Seconds since 1970, the time of every member.
    at: u64,
    members: Vec<(String, u64)>,
    taken_out: u64,
}

/// What went into an archive.
pub(super) struct Packed {
    /// Name and length of each member.
    pub(super) members: Vec<(String, u64)>,
    /// Secrets that were taken out on the way.
    pub(super) taken_out: u64,
}

fn reading(name: &str, error: &io::Error) -> io::Error {
    io::Error::other(format!("reading {name}: {error}"))
}

impl<'a> Pack<'a> {
    pub(super) fn new(file: File, root: String, at: u64, needles: &'a Needles) -> Self {
        let encoder = GzEncoder::new(BufWriter::new(file), Compression::default());
        Self {
            tar: tar::Builder::new(encoder),
            needles,
            root,
            at,
            members: Vec::new(),
            taken_out: 0,
        }
    }

    pub(super) fn members(&self) -> &[(String, u64)] {
        &self.members
    }

    pub(super) fn taken_out(&self) -> u64 {
        self.taken_out
    }

    /// Adds a text that was made for the archive.
    pub(super) fn text(&mut self, name: &str, text: &[u8]) -> io::Result<()> {
        self.member(name, &mut io::Cursor::new(text), text.len() as u64)
    }

    /// Adds the first `bytes` of a source, which may go on growing meanwhile.
    ///
    /// Read twice: an archive wants a member's length first, and taking out secrets changes it. A copy beside would need
    /// room that a boot medium does not have.
    pub(super) fn member(
        &mut self,
        name: &str,
        source: &mut (impl Read + Seek),
        bytes: u64,
    ) -> io::Result<()> {
        let mut scrub = Scrub::new(source.by_ref().take(bytes), self.needles);
        let length =
            io::copy(&mut scrub, &mut io::sink()).map_err(|error| reading(name, &error))?;
        let taken_out = scrub.taken_out;
        source
            .seek(SeekFrom::Start(0))
            .map_err(|error| reading(name, &error))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(length);
        header.set_mode(0o600);
        header.set_mtime(self.at);
        let mut member = Exactly {
            name,
            source: Scrub::new(source.by_ref().take(bytes), self.needles),
            left: length,
        };
        let path = format!("{}/{name}", self.root);
        self.tar.append_data(&mut header, path, &mut member)?;
        self.members.push((name.to_owned(), length));
        self.taken_out += taken_out;
        Ok(())
    }

    /// Ends the archive and makes it durable.
    pub(super) fn finish(self) -> io::Result<Packed> {
        let encoder = self.tar.into_inner()?;
        let file = encoder.finish()?.into_inner().map_err(io::Error::from)?;
        file.sync_all()?;
        Ok(Packed {
            members: self.members,
            taken_out: self.taken_out,
        })
    }
}

/// A source that has the length it had in the first pass, or an error: a member of another length would ruin the archive.
struct Exactly<'a, R> {
    name: &'a str,
    source: R,
    left: u64,
}

impl<R: Read> Read for Exactly<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self
            .source
            .read(buffer)
            .map_err(|error| reading(self.name, &error))?;
        let changed = || io::Error::other(format!("{} changed while it was read", self.name));
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(changed());
        }
        self.left = self.left.checked_sub(read as u64).ok_or_else(changed)?;
        Ok(read)
    }
}

/// What is wrong with an archive that was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A secret is in this member.
    Secret(String),
    /// It cannot be read back.
    Damaged(String),
}

/// Reads the archive from the medium again: every member is there in its length, and no secret is in any.
pub(super) fn check(path: &Path, packed: &Packed, needles: &Needles) -> Result<(), Fault> {
    let damaged = |error: io::Error| Fault::Damaged(error.to_string());
    let file = File::open(path).map_err(damaged)?;
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    let mut expected = packed.members.iter();
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry
            .path()
            .map_err(damaged)?
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if expected.next() != Some(&(name.clone(), entry.size())) {
            return Err(Fault::Damaged(format!("{name} is not as it was written")));
        }
        if needles.found_in(&mut entry).map_err(damaged)? {
            return Err(Fault::Secret(name));
        }
        io::copy(&mut entry, &mut io::sink()).map_err(damaged)?;
    }
    if let Some((name, _)) = expected.next() {
        return Err(Fault::Damaged(format!("{name} is missing")));
    }
    // To the end of the compressed stream: its check sum stands there.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{Redactor, Secret};

    fn needles(secret: &str) -> Needles {
        let mut redactor = Redactor::default();
        redactor.add(&Secret::new(secret));
        Needles::new(&redactor)
    }

    fn packed(path: &Path, needles: &Needles) -> Packed {
        let file = File::create(path).unwrap();
        let mut pack = Pack::new(file, "run".to_owned(), 0, needles);
        pack.text("a.txt", b"one Pl4nted two").unwrap();
        pack.text("b.txt", b"").unwrap();
        pack.finish().unwrap()
    }

    #[test]
    fn a_secret_that_got_in_and_every_damage_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar.gz");
        let none = Needles::new(&Redactor::default());
        let leaky = packed(&path, &none);
        assert_eq!(leaky.taken_out, 0);
        assert_eq!(check(&path, &leaky, &none), Ok(()));
        assert_eq!(
            check(&path, &leaky, &needles("Pl4nted")),
            Err(Fault::Secret("a.txt".to_owned()))
        );
        let clean = packed(&path, &needles("Pl4nted"));
        assert_eq!(clean.taken_out, 1);
        assert_eq!(check(&path, &clean, &needles("Pl4nted")), Ok(()));
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 10, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let fault = check(&path, &clean, &none).unwrap_err();
            assert!(matches!(fault, Fault::Damaged(_)), "{cut}: {fault:?}");
        }
        for at in [12, whole.len() / 2, whole.len() - 6] {
            let mut bent = whole.clone();
            bent[at] ^= 0x55;
            std::fs::write(&path, &bent).unwrap();
            assert!(check(&path, &clean, &none).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_source_that_shrinks_between_the_passes_is_an_error_and_growth_is_not() {
        /// Has another length after it was rewound.
        struct Shifty(io::Cursor<Vec<u8>>, Vec<u8>);
        impl Read for Shifty {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer)
            }
        }
        impl Seek for Shifty {
            fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
                self.0 = io::Cursor::new(self.1.clone());
                Ok(0)
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let needles = Needles::new(&Redactor::default());
        for (second, good) in [("abcd", true), ("abcdefg", true), ("ab", false)] {
            let file = File::create(folder.path().join("y")).unwrap();
            let mut pack = Pack::new(file, "run".to_owned(), 0, &needles);
            let mut source = Shifty(io::Cursor::new(b"abcd".to_vec()), second.into());
            let added = pack.member("journal.jsonl", &mut source, 4);
            assert_eq!(added.is_ok(), good, "{second}: {added:?}");
            if let Err(error) = added {
                assert_eq!(error.to_string(), "journal.jsonl changed while it was read");
            }
        }
    }
}
