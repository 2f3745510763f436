//! One folder a run: `journal.jsonl`, `sequence.ron` (the exact bytes), `wimforge.log`, `run.json`, `report.json`,
//! `report.html`, `progress.jsonl`.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::clock;
use super::error::EngineError;
use super::journal;
use crate::event::{Event, EventBody, Millis};
use crate::regular;

/// Version of `run.json`.
const VERSION: u32 = 1;

/// What an engine needs, beside the journal, to go on with a run.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line of its own"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// Version of this file.
    pub version: u32,
    /// The folder the engine worked in: relative paths of the sequence start there.
    pub working_directory: PathBuf,
    /// `--disk N=PATH`.
    pub disks: Vec<(u32, PathBuf)>,
    /// `--allow-real-disks`.
    pub allow_real_disks: bool,
    /// `--firmware uefi`; none asks the machine.
    pub uefi: Option<bool>,
    /// Disks that may be wiped without a question.
    pub confirm_disks: Vec<u32>,
    /// An existing image may be replaced without a question.
    pub confirm_replace: bool,
    /// Nobody answers.
    pub unattended: bool,
    /// Nothing touches the machine.
    #[serde(default)]
    pub rehearse: bool,
    /// Where a bundle goes after a failed run.
    #[serde(default)]
    pub bundle_to: Option<String>,
    /// The word that overrides blocking pre-flight findings, given beforehand.
    #[serde(default)]
    pub override_preflight: Option<String>,
    /// Names of variables that are secret: their values are asked for again.
    pub secrets: Vec<String>,
}

/// A run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Makes a new folder under `state/runs`, readable by its owner only.
    ///
    /// # Errors
    /// The system's.
    pub fn create(state: &Path, at: Millis) -> Result<Self, EngineError> {
        let runs = state.join("runs");
        fs::create_dir_all(&runs).map_err(EngineError::file("creating", &runs))?;
        let stamp = clock::stamp(at);
        for number in 1u32.. {
            let name = if number == 1 {
                stamp.clone()
            } else {
                format!("{stamp}-{number}")
            };
            let path = runs.join(name);
            match fs::create_dir(&path) {
                Ok(()) => {
                    crate::transport::private_folder(&path)
                        .map_err(EngineError::file("protecting", &path))?;
                    return Ok(Self(path));
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(source) => {
                    return Err(EngineError::File {
                        doing: "creating",
                        path,
                        source,
                    });
                }
            }
        }
        Err(EngineError::Busy("no free run folder name".to_owned()))
    }

    /// An existing folder.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its name: the run's id.
    pub fn id(&self) -> String {
        self.0
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    /// Samples of progress, for a replay.
    pub fn samples(&self) -> PathBuf {
        self.0.join("progress.jsonl")
    }

    /// The exact sequence.
    pub fn sequence(&self) -> PathBuf {
        self.0.join("sequence.ron")
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.0.join("wimforge.log")
    }

    /// The report.
    pub fn report(&self) -> PathBuf {
        self.0.join("report.json")
    }

    /// The report for people.
    pub fn report_html(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// What an engine needs to go on.
    pub fn run_file(&self) -> PathBuf {
        self.0.join("run.json")
    }

    /// Steps' scratch files.
    pub fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// The system's.
    pub fn save(&self, file: &RunFile) -> Result<(), EngineError> {
        let file = RunFile {
            version: VERSION,
            ..file.clone()
        };
        let path = self.run_file();
        let text = serde_json::to_vec_pretty(&file)
            .map_err(std::io::Error::other)
            .map_err(EngineError::file("writing", &path))?;
        write_atomically(&path, &text).map_err(EngineError::file("writing", &path))
    }

    /// Reads `run.json`.
    ///
    /// # Errors
    /// Missing, damaged, or of another version.
    pub fn load(&self) -> Result<RunFile, EngineError> {
        let path = self.run_file();
        let text = regular::read(&path).map_err(EngineError::file("reading", &path))?;
        let damaged = |line: usize, what: String| EngineError::Journal {
            path: path.clone(),
            line: line.max(1),
            what,
        };
        let file: RunFile = serde_json::from_slice(&text)
            .map_err(|error| damaged(error.line(), format!("damaged: {error}")))?;
        if file.version != VERSION {
            return Err(damaged(
                1,
                format!(
                    "the file has version {}, this program reads version {VERSION}",
                    file.version
                ),
            ));
        }
        Ok(file)
    }
}

/// The newest run under `state` that has not finished.
///
/// # Errors
/// [`EngineError::NothingToResume`]; a damaged journal is an error too, for it must not be passed over in silence.
pub fn interrupted(state: &Path) -> Result<RunFolder, EngineError> {
    let runs = state.join("runs");
    let mut names: Vec<PathBuf> = fs::read_dir(&runs)
        .map(|entries| entries.filter_map(|e| e.ok().map(|e| e.path())).collect())
        .unwrap_or_default();
    names.sort();
    for path in names.into_iter().rev() {
        let folder = RunFolder::at(path);
        if !folder.journal().exists() {
            continue;
        }
        if ends_finished(&folder.journal()) {
            continue;
        }
        let (mut finished, mut events) = (false, 0u64);
        journal::read(&folder.journal(), &mut |event| {
            events += 1;
            finished |= matches!(event.body, EventBody::RunFinished { .. });
        })?;
        if !finished && events > 0 {
            return Ok(folder);
        }
    }
    Err(EngineError::NothingToResume(state.to_owned()))
}

/// Whether the last line of a journal says that its run is over: then the rest need not be read. Whatever is not so plain
/// is left to whoever reads the whole.
fn ends_finished(journal: &Path) -> bool {
    /// Longer than the end of any run.
    const END: u64 = 64 * 1024;
    let tail = || -> std::io::Result<Vec<u8>> {
        let mut file = regular::open(journal)?;
        let from = file.metadata()?.len().saturating_sub(END);
        file.seek(SeekFrom::Start(from))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        Ok(tail)
    };
    let Ok(tail) = tail() else {
        return false;
    };
    let last = tail
        .strip_suffix(b"\n")
        .and_then(|lines| lines.rsplit(|byte| *byte == b'\n').next());
    last.and_then(|line| serde_json::from_slice::<Event>(line).ok())
        .is_some_and(|event| matches!(event.body, EventBody::RunFinished { .. }))
}

/// Moves a run out of the way, to `state/archive`; it can still be resumed by naming its folder. Where it lies then.
///
/// # Errors
/// The system's; the run is where it was then.
pub fn archive(state: &Path, run: &RunFolder) -> Result<PathBuf, EngineError> {
    let archive = state.join("archive");
    fs::create_dir_all(&archive).map_err(EngineError::file("creating", &archive))?;
    crate::transport::private_folder(&archive)
        .map_err(EngineError::file("protecting", &archive))?;
    let id = run.id();
    // Never over another one: a clock that was set back gives a name twice.
    let there = (1u32..=9_999)
        .map(|number| match number {
            1 => archive.join(&id),
            more => archive.join(format!("{id}-{more}")),
        })
        .find(|path| !path.exists())
        .ok_or_else(|| EngineError::Busy("no free name in the archive".to_owned()))?;
    fs::rename(run.path(), &there).map_err(EngineError::file("moving", run.path()))?;
    Ok(there)
}

/// Writes a file so that a reader, or the machine after a power cut, sees the old or the new contents, never a mixture.
///
/// # Errors
/// The system's; the old file is untouched then.
pub fn write_atomically(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    if let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_files_survive_a_round_trip_and_versions_are_checked() {
        let state = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(state.path(), 0).unwrap();
        let second = RunFolder::create(state.path(), 0).unwrap();
        assert_ne!(folder, second);
        let file = RunFile {
            disks: vec![(0, "lab/disk.img".into())],
            secrets: vec!["P".to_owned()],
            ..RunFile::default()
        };
        folder.save(&file).unwrap();
        assert_eq!(folder.load().unwrap().disks, file.disks);
        let path = folder.path().join("run.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"version\": 1", "\"version\": 9")).unwrap();
        assert!(folder.load().unwrap_err().to_string().contains("version 9"));
    }

    #[test]
    fn nothing_to_resume_is_said_so() {
        let state = tempfile::tempdir().unwrap();
        assert!(matches!(
            interrupted(state.path()),
            Err(EngineError::NothingToResume(_))
        ));
    }
}
