//! Files that people name: only a regular file is opened. Opening a pipe waits for a writer that may never come, and reading a
//! device or a socket may wait or never end, so anything else is refused before it is opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

/// Why something is not opened: it is there, but is no file.
fn no_file(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {what}, not a file"),
    )
}

fn refuse(facts: &fs::Metadata) -> io::Result<()> {
    if facts.is_file() {
        Ok(())
    } else if facts.is_dir() {
        Err(no_file("a folder"))
    } else {
        Err(no_file("a pipe, a socket or a device"))
    }
}

/// Opens a regular file for reading; links are followed.
///
/// # Errors
/// The system's; [`io::ErrorKind::InvalidInput`] with words for people when it is something else than a file.
pub fn open(path: &Path) -> io::Result<File> {
    refuse(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    // What was opened may be another one than what was looked at.
    refuse(&file.metadata()?)?;
    Ok(file)
}

/// The bytes of a regular file.
///
/// # Errors
/// As [`open`]; reading.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a regular file.
///
/// # Errors
/// As [`open`]; reading; not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Opens a regular file for writing at its end, or makes it.
///
/// # Errors
/// As [`open`]; it cannot be made.
pub fn append(path: &Path) -> io::Result<File> {
    refuse_other(path)?;
    OpenOptions::new().create(true).append(true).open(path)
}

/// Makes a regular file, or empties the one that is there.
///
/// # Errors
/// As [`append`].
pub fn create(path: &Path) -> io::Result<File> {
    refuse_other(path)?;
    File::create(path)
}

/// Refuses what is there and no file; nothing there is as good as a file.
fn refuse_other(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(facts) => refuse(&facts),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn only_files_are_opened_and_nothing_waits() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "text").unwrap();
        assert_eq!(read_to_string(&file).unwrap(), "text");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&link).unwrap(), b"text");

        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let piped = folder.path().join("piped");
        std::os::unix::fs::symlink(&pipe, &piped).unwrap();
        let started = Instant::now();
        for other in [&pipe, &socket, &piped, Path::new("/dev/zero")] {
            let error = read(other).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{other:?}");
            assert_eq!(
                error.to_string(),
                "it is a pipe, a socket or a device, not a file"
            );
            assert_eq!(append(other).unwrap_err().to_string(), error.to_string());
            assert_eq!(create(other).unwrap_err().to_string(), error.to_string());
        }
        assert_eq!(
            open(folder.path()).unwrap_err().to_string(),
            "it is a folder, not a file"
        );
        assert!(started.elapsed().as_secs() < 2);
        let made = folder.path().join("made");
        for (text, all) in [("one", "one"), ("two", "onetwo")] {
            io::Write::write_all(&mut append(&made).unwrap(), text.as_bytes()).unwrap();
            assert_eq!(read_to_string(&made).unwrap(), all);
        }
        drop(create(&made).unwrap());
        assert_eq!(read(&made).unwrap(), b"");
        let missing = open(&folder.path().join("none")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
