//! The Windows volume that settings are written to, and what both settings steps need to reach it.

use crate::codes;
use crate::input::{Check, only_variable, unresolved};
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
        if let Some(why) = disk.contents.unusable() {
            return Err(StepError::new(
                codes::NOT_SUPPORTED,
                format!("{name} cannot be used: {why}"),
            ));
        }
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
    let hint = match &error {
        UnattendError::Bad { .. } => Some(
            "Correct the file in the image, or take it out: mount or apply the image, mend Windows/Panther/unattend.xml, capture it again.",
        ),
        UnattendError::Refused(_) => Some("Correct the value, or the answer file in the image."),
        UnattendError::Io { .. } => None,
    };
    let error = StepError::because(
        code,
        format!("the settings cannot be written to the answer file on {name}"),
        error,
    );
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// A variable's text, judged by its rule; where it is optional, nothing is as good as a value, and so is a `%variable%` that the
/// document knows and nobody has filled in. The text itself is not in the error when it may be a secret. The engine has
/// expanded action variables already, and once is all (spec 1.3).
///
/// # Errors
/// It does not fit, or it still holds a `%variable%`.
pub fn judged(cx: &StepCx, name: &str, check: &Check, optional: bool) -> Result<String, StepError> {
    let text = cx.text(name);
    let unfilled = || only_variable(&text).is_some_and(|variable| cx.host.is_known(variable));
    if optional && (text.is_empty() || unfilled()) {
        return Ok(String::new());
    }
    resolved(cx, name, &text)?;
    if text.is_empty() {
        return Err(invalid(format!("{name} has no value")));
    }
    if let Some(why) = check.fault(&text) {
        return Err(invalid(format!("{name}: {why}")));
    }
    Ok(text)
}

/// Makes sure that no `%variable%` is left in a text; `what` names it.
///
/// # Errors
/// One is, by its name.
pub fn resolved(cx: &StepCx, what: &str, text: &str) -> Result<(), StepError> {
    let Some(name) = unresolved(text).first().copied() else {
        return Ok(());
    };
    let (why, hint) = if cx.host.is_known(name) {
        (
            "has no value",
            format!("Give `{name}` a value, for example with --set {name}=VALUE."),
        )
    } else {
        (
            "is not known",
            format!(
                "Correct the name in the document, or give the variable a value: in `variables`, as an input, or with --set {name}=VALUE."
            ),
        )
    };
    Err(invalid(format!(
        "{what} still holds `%{name}%`: the variable `{name}` {why}"
    ))
    .hint(hint))
}

/// A bad value.
pub fn invalid(message: impl Into<String>) -> StepError {
    StepError::new(codes::INVALID_PARAMETER, message)
}
