//! Where a capture goes: reachable, writable, roomy, fast enough, and what happens to a file that is there. What is made
//! for the trial is taken away again.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rand::RngCore as _;

use crate::platform::Machine;
use crate::platform::machine::Space;
use crate::sequence::settings::{CaptureOperatingSystem, Existing};
use crate::step::capture_os;
use crate::step::capture_target::{Logon, Place, Room, place, room, with_suffix};
use crate::step::rights;
use crate::units::{self, MIB};
use crate::wim::{Silent, Wim, WimError};

use super::Checker;
use super::findings::counted;
use super::{connect, share};

pub(super) const SUBJECT: &str = "capture destination";
/// Most that is written to measure the speed.
pub(super) const SAMPLE: u64 = 64 * MIB;
const SAMPLE_TIME: Duration = Duration::from_secs(2);
/// Below this a Windows image takes hours.
const SLOW: u64 = 12_000_000;

/// `used`: bytes in use on the volumes to be captured, when they are known.
pub(super) fn check(
    settings: &CaptureOperatingSystem,
    text: &str,
    logon: &Logon,
    used: Option<u64>,
    c: &mut Checker<'_>,
) {
    c.says(SUBJECT);
    match place(text) {
        Ok(Place::File(file)) => trial(settings, text, &file, false, used, c),
        Ok(Place::Share { unc, inner }) => {
            let request = logon.request(unc);
            let variable = capture_os::password_variable(settings);
            let why_not = connect::lacking(&request.account, Some(variable), c);
            if let Some(mounted) = share::connect(SUBJECT, &request, why_not.as_deref(), c) {
                trial(settings, text, &mounted.path().join(inner), true, used, c);
                if let Err(error) = mounted.close() {
                    c.warn(
                        SUBJECT,
                        format!("the share was not disconnected: {error}"),
                        "Look at `mount`, and unmount it.",
                    );
                }
            }
        }
        Err(error) => c.fail(SUBJECT, &error, "Name a file that ends in .wim."),
    }
}

fn trial(
    settings: &CaptureOperatingSystem,
    shown: &str,
    file: &Path,
    on_share: bool,
    used: Option<u64>,
    c: &mut Checker<'_>,
) {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let folder_shown = if on_share {
        shown.rfind(['\\', '/']).map_or(shown, |at| &shown[..at])
    } else {
        folder.to_str().unwrap_or(shown)
    };
    let made = match MadeFolders::make(folder) {
        Ok(made) => made,
        Err(error) => {
            c.block(
                SUBJECT,
                format!("the folder {folder_shown} cannot be made: {error}"),
                "Name a folder that exists, or make it.",
            );
            return;
        }
    };
    if made.is_empty() {
        c.fine(SUBJECT, format!("the folder {folder_shown} is there"));
    } else {
        c.fine(
            SUBJECT,
            format!("the folder {folder_shown} does not exist yet and can be made"),
        );
    }
    match rights::try_out(folder, c.cx.scratch) {
        Ok(server) => {
            let now = SystemTime::now();
            c.fine(
                SUBJECT,
                "a test file was made, written, renamed and deleted",
            );
            if on_share {
                share::clock(server, now, c);
            }
        }
        Err(error) => {
            c.block(
                SUBJECT,
                format!("the folder {folder_shown} cannot be written: {error}"),
                "Give the account the right to write and delete there, or choose another folder.",
            );
            return;
        }
    }
    let kept = existing(settings.existing, shown, file, c);
    let space = match c.machine.space(folder) {
        Ok(space) => Some(space),
        Err(error) => {
            c.warn(
                SUBJECT,
                format!("its free space cannot be measured: {error}"),
                "Make sure that there is room for the image.",
            );
            None
        }
    };
    if let Some(space) = &space {
        free(space, folder, used, kept, c);
    }
    if !c.cancelled() {
        speed(folder, space.as_ref(), c);
    }
    drop(made);
}

/// What happens to a file that is there; bytes of it that are kept.
fn existing(policy: Existing, shown: &str, file: &Path, c: &mut Checker<'_>) -> u64 {
    let partial = with_suffix(file, ".partial");
    if partial.exists() {
        c.warn(
            SUBJECT,
            format!("{shown}.partial of an interrupted capture is there and will be removed"),
            "Copy it away if it is still needed.",
        );
    }
    let Ok(facts) = fs::metadata(file) else {
        return 0;
    };
    if !facts.is_file() {
        c.block(
            SUBJECT,
            format!("{shown} is there and is not a file"),
            "Choose another name.",
        );
        return 0;
    }
    let size = units::bytes(facts.len());
    match policy {
        Existing::Refuse => c.block(
            SUBJECT,
            format!("{shown} exists already ({size}) and the step refuses to replace it"),
            "Choose another name, move the file away, or set `existing` to NewName, Append or Replace.",
        ),
        Existing::Replace => c.warn(
            SUBJECT,
            format!("{shown} exists already ({size}) and will be replaced"),
            "Choose another name, or set `existing` to NewName, if it is still needed.",
        ),
        Existing::NewName => c.fine(
            SUBJECT,
            format!("{shown} exists already: the new image gets a name with date and time"),
        ),
        Existing::Append => match Wim::open_to_append(file, false, &Silent) {
            Ok(wim) => {
                let kept = counted(wim.info().images.len(), "image");
                c.fine(
                    SUBJECT,
                    format!("{shown} ({size}) keeps its {kept}; the new ones are added"),
                );
                return facts.len();
            }
            Err(error) => c.block(
                SUBJECT,
                match error {
                    WimError::NotAppendable { why, .. } => {
                        format!("nothing can be added to {shown}: {why}")
                    }
                    error => format!("nothing can be added to {shown}: {error}"),
                },
                "Choose another name, or set `existing` to NewName.",
            ),
        },
    }
    0
}

fn free(space: &Space, folder: &Path, used: Option<u64>, kept: u64, c: &mut Checker<'_>) {
    let Some(used) = used else {
        c.fine(
            SUBJECT,
            format!(
                "{} free; how much is needed is not known yet",
                units::bytes(space.free_bytes)
            ),
        );
        return;
    };
    match room(space, folder, used, kept) {
        Room::Enough(numbers) => c.fine(SUBJECT, numbers),
        Room::OnFat(numbers) => c.warn(
            SUBJECT,
            format!("{numbers}; it is FAT32, where no file may be over 4 GiB"),
            "Choose a destination on NTFS, ext4 or a share if the image may grow.",
        ),
        Room::TooSmall(numbers) => c.block(
            SUBJECT,
            format!("too small: {numbers}"),
            "Make room there or choose another destination.",
        ),
        Room::OverFat(needed) => c.block(
            SUBJECT,
            format!(
                "it is FAT32 and holds no file over 4 GiB; about {} are needed",
                units::bytes(needed)
            ),
            "Choose a destination on NTFS, ext4 or a share.",
        ),
    }
}

/// Writes for a short while and says how fast that was.
fn speed(folder: &Path, space: Option<&Space>, c: &mut Checker<'_>) {
    // A nearly full destination is not filled up for a measurement.
    let most = c.sample_bytes;
    let most = space.map_or(most, |space| most.min(space.free_bytes / 4));
    if most < MIB {
        return;
    }
    c.says("speed of the capture destination");
    match sample(folder, most, c) {
        Ok(_) if c.cancelled() => {}
        Ok((bytes, time)) => judge_speed(bytes, time, c),
        Err(error) => c.block(
            SUBJECT,
            format!("writing {} failed: {error}", units::bytes(most)),
            "Make room there or choose another destination.",
        ),
    }
}

pub(super) fn judge_speed(bytes: u64, time: Duration, c: &mut Checker<'_>) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and far below 2^64"
    )]
    let rate = (bytes as f64 / time.as_secs_f64().max(0.001)) as u64;
    let text = format!("writes about {:.1} MB/s", rate as f64 / 1e6);
    if rate < SLOW {
        c.warn(
            SUBJECT,
            format!("{text}: a Windows image takes hours at that rate"),
            "Use a faster disk or a wired network of 1 Gbit/s.",
        );
    } else {
        c.fine(SUBJECT, text);
    }
}

/// A file that goes away with its owner.
struct Sample(PathBuf);

impl Drop for Sample {
    fn drop(&mut self) {
        // Nothing more can be done about a file that will not go.
        let _ = fs::remove_file(&self.0);
    }
}

/// Bytes written and how long it took until they were on the medium.
fn sample(folder: &Path, most: u64, c: &Checker<'_>) -> io::Result<(u64, Duration)> {
    let sample = Sample(rights::test_file(folder, c.cx.scratch, "speed"));
    let mut file = rights::fresh(&sample.0)?;
    // Not to be compressed on the way.
    let length = usize::try_from(most.min(4 * MIB)).unwrap_or(1024 * 1024);
    let mut block = vec![0_u8; length];
    rand::rng().fill_bytes(&mut block);
    let begun = Instant::now();
    let mut written = 0;
    while written < most && begun.elapsed() < SAMPLE_TIME && !c.cancelled() {
        let left = usize::try_from(most - written).unwrap_or(block.len());
        let piece = &block[..block.len().min(left)];
        file.write_all(piece)?;
        file.sync_data()?;
        written += piece.len() as u64;
    }
    Ok((written, begun.elapsed()))
}

/// Folders made for a trial, outermost first; they go away with their owner, when they are empty.
struct MadeFolders(Vec<PathBuf>);

impl MadeFolders {
    fn make(folder: &Path) -> io::Result<Self> {
        let missing: Vec<&Path> = folder
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .collect();
        let mut made = Self(Vec::new());
        for folder in missing.into_iter().rev() {
            fs::create_dir(folder)?;
            made.0.push(folder.to_owned());
        }
        if folder.is_dir() {
            Ok(made)
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for MadeFolders {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            // Somebody else may have put something into it meanwhile: then it stays.
            let _ = fs::remove_dir(folder);
        }
    }
}
