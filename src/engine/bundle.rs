//! One archive with everything that somebody needs who was not there: journal, log, reports, sequence, disks, hardware.
//!
//! Secrets are taken out of every text on its way in, and the archive is read again afterwards and searched for each of
//! them before it gets its name. Nothing is left behind when it cannot be written.

mod contents;
mod destinations;
mod pack;
mod scrub;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use destinations::{Destination, destinations};

use super::clock;
use super::dispatcher::Dispatcher;
use super::error::EngineError;
use super::run_folder::RunFolder;
use crate::platform::Machine;
use crate::platform::machine::ShareRequest;
use crate::run_state::RunState;
use crate::secret::{Redactor, Secret};
use pack::{Fault, Pack};
use scrub::Needles;

const ENDING: &str = ".tar.gz";
/// Archives of the same second in the same folder.
const TRIES: u32 = 1_000;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleFacts {
    /// The archive.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// The names of its members.
    pub members: Vec<String>,
    /// What is not in it, each with its reason.
    pub missing: Vec<String>,
    /// Secrets that were taken out on the way in.
    pub taken_out: u64,
}

/// Writes the archive of a run, also of one that goes on still. `to` is a folder, where the archive gets a name of its own,
/// or a file name that ends in `.tar.gz` and does not exist yet. `redactor` knows every secret of the run.
///
/// Memory does not grow with the journal: files are read in chunks, twice.
///
/// # Errors
/// A destination that is missing, read-only or full; an archive that cannot be read back; a secret that got in all the
/// same, with the member it is in. No archive and no part of one is left then.
pub fn write(
    folder: &RunFolder,
    state: &RunState,
    machine: Option<&dyn Machine>,
    redactor: &Redactor,
    to: &Path,
) -> Result<BundleFacts, EngineError> {
    let at = clock::now();
    let root = format!("wimforge-{}", plain(&folder.id()));
    let path = target(to, &format!("{root}-{}", clock::stamp(at)))?;
    let failed = |error: io::Error| refuse(&path, explain(&error));
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    let file = File::create_new(&partial).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => refuse(
            &path,
            format!(
                "{} exists: another one is being written there or was interrupted; remove it, then try again",
                partial.display()
            ),
        ),
        _ => failed(error),
    })?;
    let mut guard = Leftover(Some(partial.clone()));
    let needles = Needles::new(redactor);
    let seconds = u64::try_from(at / 1000).unwrap_or(0);
    let mut pack = Pack::new(file, root, seconds, &needles);
    let missing = contents::add_all(&mut pack, folder, state, machine).map_err(failed)?;
    let packed = pack.finish().map_err(failed)?;
    pack::check(&partial, &packed, &needles).map_err(|fault| {
        refuse(
            &path,
            match fault {
                Fault::Secret(member) => format!(
                    "a secret was found in its member {member}, so the archive was deleted; report this, and hand over single files after reading them"
                ),
                Fault::Damaged(why) => {
                    format!("it cannot be read back ({why}): choose another destination")
                }
            },
        )
    })?;
    // Between the choice of the name and now somebody may have written there.
    if path.exists() {
        return Err(refuse(&path, "the file exists already".to_owned()));
    }
    let bytes = fs::metadata(&partial).map_err(failed)?.len();
    fs::rename(&partial, &path).map_err(failed)?;
    guard.0 = None;
    if let Some(parent) = path.parent() {
        // The name must survive a stick that is pulled out; not every file system can make a folder durable.
        let _ = File::open(parent).and_then(|folder| folder.sync_all());
    }
    Ok(BundleFacts {
        path,
        bytes,
        members: packed.members.into_iter().map(|(name, _)| name).collect(),
        missing,
        taken_out: packed.taken_out,
    })
}

/// Writes the archive of the dispatcher's run; an empty `to` is the run's own folder.
///
/// # Errors
/// No run yet; as [`write()`].
pub fn of_run(dispatcher: &Dispatcher, to: &str) -> Result<BundleFacts, EngineError> {
    let (state, redactor, machine) = dispatcher.for_bundle();
    if !state.has_run() {
        return Err(refuse(Path::new(to), "there is no run yet".to_owned()));
    }
    let folder = RunFolder::at(&state.folder);
    if to.starts_with("\\\\") {
        return to_share(dispatcher, &folder, &state, machine.as_ref(), &redactor, to);
    }
    let to = if to.is_empty() {
        folder.path().to_owned()
    } else {
        PathBuf::from(to)
    };
    write(&folder, &state, machine.as_deref(), &redactor, &to)
}

/// Writes the archive to a folder of a share, with the capture account's logon.
fn to_share(
    dispatcher: &Dispatcher,
    folder: &RunFolder,
    state: &RunState,
    machine: Option<&Arc<dyn Machine>>,
    redactor: &Redactor,
    to: &str,
) -> Result<BundleFacts, EngineError> {
    let place = Path::new(to);
    let machine = machine.ok_or_else(|| {
        let why = "a share is connected only while the run is going on: name a folder";
        refuse(place, why.to_owned())
    })?;
    let (account, password) = dispatcher.with_variables(|variables| {
        (
            variables.text("OSDCaptureAccount").to_owned(),
            Secret::new(variables.text("OSDCaptureAccountPassword")),
        )
    });
    let request = ShareRequest {
        unc: to.to_owned(),
        account,
        password,
        writable: true,
    };
    let share = machine
        .mount_share(&request, &dispatcher.cancel_token())
        .map_err(|error| refuse(place, error.to_string()))?;
    let mut facts = write(
        folder,
        state,
        Some(machine.as_ref()),
        redactor,
        share.path(),
    )?;
    share
        .close()
        .map_err(|error| refuse(place, error.to_string()))?;
    let name = facts.path.file_name().unwrap_or_default().to_string_lossy();
    facts.path = PathBuf::from(format!("{}\\{name}", to.trim_end_matches(['\\', '/'])));
    Ok(facts)
}

/// Where a bundle may go without a folder being named: folders, and what they are.
pub fn offers(dispatcher: &Dispatcher) -> Vec<(String, String)> {
    let (_, _, machine) = dispatcher.for_bundle();
    let Some(machine) = machine else {
        return Vec::new();
    };
    destinations(machine.as_ref())
        .into_iter()
        .map(|found| (found.folder.display().to_string(), found.what))
        .collect()
}

fn refuse(path: &Path, what: String) -> EngineError {
    EngineError::Bundle {
        path: path.to_owned(),
        what,
    }
}

/// The system's error with the way out.
fn explain(error: &io::Error) -> String {
    let way_out = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room there or choose another destination"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "choose a destination that can be written"
        }
        io::ErrorKind::NotFound => "connect the destination or choose another",
        _ => return error.to_string(),
    };
    format!("{error}: {way_out}")
}

/// Removes an unfinished archive.
struct Leftover(Option<PathBuf>);

impl Drop for Leftover {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What cannot be removed was named by the error that brought us here.
            let _ = fs::remove_file(path);
        }
    }
}

/// Nothing but what every file system takes as a name.
fn plain(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// The archive's path: one that does not exist, in a folder that does.
fn target(to: &Path, name: &str) -> Result<PathBuf, EngineError> {
    if to.is_dir() {
        return (1..=TRIES)
            .map(|number| match number {
                1 => to.join(format!("{name}{ENDING}")),
                _ => to.join(format!("{name}-{number}{ENDING}")),
            })
            .find(|path| !path.exists())
            .ok_or_else(|| refuse(to, "there is no free name in this folder".to_owned()));
    }
    let named = to
        .file_name()
        .is_some_and(|name| name.to_string_lossy().ends_with(ENDING) && name.len() > ENDING.len());
    if !named {
        return Err(refuse(
            to,
            format!(
                "it is neither a folder that exists nor a file name that ends in {ENDING}: connect the destination or name another"
            ),
        ));
    }
    let path = std::path::absolute(to).map_err(|error| refuse(to, explain(&error)))?;
    if path.parent().is_none_or(|parent| !parent.is_dir()) {
        return Err(refuse(
            to,
            "its folder does not exist: make it or name another".to_owned(),
        ));
    }
    if path.symlink_metadata().is_ok() {
        return Err(refuse(
            to,
            "the file exists already and is not overwritten: choose another name".to_owned(),
        ));
    }
    Ok(path)
}
