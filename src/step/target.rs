//! The Windows volume that settings are written to, and what both settings steps need to reach it.

use crate::codes;
use crate::platform::PartitionRef;
use crate::unattend::{self, Document, UnattendError};

use super::cx::StepCx;
use super::error::StepError;
use super::volumes;

/// The volumes that may hold the Windows that was applied, likeliest first.
pub(super) fn candidates(cx: &StepCx) -> Vec<PartitionRef> {
    let host = cx.host.as_ref();
    let letter = cx.text("OSDTargetSystemDrive").chars().next();
    let mut list: Vec<_> = letter
        .and_then(|letter| volumes::by_letter(host, letter))
        .into_iter()
        .collect();
    list.extend(volumes::applied(host).into_iter().rev());
    list
}

/// The variable that holds the architecture of the Windows that was applied, as answer files name it.
pub const IMAGE_ARCHITECTURE: &str = "_WimforgeImageArchitecture";

/// The architecture that answer files name; `amd64` unless the applied image said otherwise.
pub fn architecture(cx: &StepCx) -> &'static str {
    match cx.text(IMAGE_ARCHITECTURE).to_ascii_lowercase().as_str() {
        "x86" => "x86",
        "arm64" => "arm64",
        "arm" => "arm",
        _ => "amd64",
    }
}

/// Merges settings into the answer file of the Windows that was applied: `OSDTargetSystemDrive`, else the last applied
/// NTFS volume with a Windows folder.
///
/// # Errors
/// No such volume, it cannot be mounted, the answer file cannot be read or written.
pub fn merge(
    cx: &StepCx,
    change: &mut dyn FnMut(&mut Document) -> Result<(), UnattendError>,
) -> Result<(), StepError> {
    for at in candidates(cx) {
        cx.check_cancel()?;
        let name = format!("disk {} partition {}", at.disk, at.partition);
        let disk = cx
            .machine
            .disk(at.disk)
            .map_err(|e| StepError::platform(format!("{name} cannot be read"), e))?;
        let Some(partition) = disk.partitions.iter().find(|p| p.at == at) else {
            continue;
        };
        if partition.fs != crate::platform::FsKind::Ntfs {
            continue;
        }
        let mounted = cx
            .machine
            .mount_ntfs(&partition.node, true)
            .map_err(|e| StepError::platform(format!("{name} cannot be mounted"), e))?;
        let has_windows = std::fs::read_dir(mounted.path()).is_ok_and(|mut list| {
            list.any(|e| e.is_ok_and(|e| e.file_name().eq_ignore_ascii_case("Windows")))
        });
        let result = if has_windows {
            Some(unattend::merge_volume(
                mounted.path(),
                architecture(cx),
                change,
            ))
        } else {
            None
        };
        let closed = mounted.close();
        if let Some(result) = result {
            let merged = result.map_err(|e| answer_file(&name, e))?;
            for note in merged.notes {
                cx.warn(note);
            }
            closed.map_err(|e| {
                StepError::platform(format!("the answer file may not have reached {name}"), e)
            })?;
            cx.info(format!("Wrote Windows/Panther/unattend.xml on {name}"));
            return Ok(());
        }
        closed.map_err(|e| StepError::platform(format!("{name} cannot be unmounted"), e))?;
    }
    Err(StepError::new(
        codes::NOT_FOUND,
        "no Windows was found on a volume that an image was applied to",
    )
    .hint("Put Apply Operating System Image before this step."))
}

fn answer_file(name: &str, error: UnattendError) -> StepError {
    let code = match &error {
        UnattendError::Bad { .. } => codes::INVALID_DATA,
        UnattendError::Refused(_) => codes::INVALID_PARAMETER,
        UnattendError::Io { source, .. } => codes::from_io(source),
    };
    StepError::because(
        code,
        format!("the answer file on {name} cannot be written"),
        error,
    )
}

/// A variable's text, checked for length; the text itself is not in the error. The engine has expanded action variables
/// already, and once is all (spec 1.3).
///
/// # Errors
/// Shorter or longer than allowed.
pub fn limited(cx: &StepCx, name: &str, least: usize, most: usize) -> Result<String, StepError> {
    let text = cx.text(name);
    let characters = text.chars().count();
    if characters < least || characters > most {
        return Err(invalid(format!(
            "{name} has {characters} characters; {least} to {most} are allowed"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(format!("{name} holds a control character")));
    }
    Ok(text)
}

/// A bad value.
pub fn invalid(message: impl Into<String>) -> StepError {
    StepError::new(codes::INVALID_PARAMETER, message)
}
