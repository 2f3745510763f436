//! Format and Partition Disk (spec 2.2): refuse, resolve, ask, write, format, give letters.

use crate::codes;
use crate::event::{Answered, DiskFacts, QuestionKind, Unit};
use crate::platform::machine::FormatRequest;
use crate::platform::{Disk, Layout, LayoutEntry, PartitionRef, PlatformError, Refusal, show};
use crate::sequence::settings::{self, FileSystem, PartitionDef, PartitionStyle};
use crate::sequence::variables::Value;
use crate::units;

use super::cx::{StepCx, StepEnd, StepResult};
use super::error::StepError;
use super::{partition_layout, volumes};

/// Runs one attempt.
///
/// # Errors
/// The disk does not exist, is refused or too small, was not confirmed or changed since, or writing failed. After the
/// first write a failure leaves no valid table on the disk.
pub fn run(settings: &settings::PartitionDisk, cx: &StepCx) -> StepResult {
    let number = disk_number(settings, cx)?;
    let style = style(settings, cx)?;
    let disk = cx
        .machine
        .disk(number)
        .map_err(|error| failed(format!("looking at disk {number}"), error))?;
    refuse(&disk)?;

    super::open::check_labels(cx, &settings.partitions)?;
    let parts: Vec<PartitionDef> = settings
        .partitions
        .iter()
        .map(|def| expanded(def, cx))
        .collect();
    let entries = partition_layout::resolve(&parts, style, disk.bytes, disk.sector_bytes).map_err(
        |error| {
            StepError::new(
                codes::UNEXPECTED,
                format!(
                    "disk {number} of {} ({} bytes): {error}",
                    units::bytes(disk.bytes),
                    disk.bytes
                ),
            )
        },
    )?;
    let layout = Layout {
        kind: partition_layout::table_kind(style),
        entries,
    };

    confirm(&disk, cx)?;
    cx.check_cancel()?;

    cx.phase(&format!("partitioning disk {number}"), Unit::Nothing);
    cx.info(format!(
        "Writing a {} table with {} to disk {number} ({}, {})",
        show::table(layout.kind),
        units::count(layout.entries.len() as u64, "partition"),
        disk.path.display(),
        units::bytes(disk.bytes)
    ));
    if let Err(error) = cx.machine.write_layout(&disk, &layout) {
        return Err(not_written(&disk, error, cx));
    }
    volumes::forget_disk(cx.host.as_ref(), number);
    fill(number, &parts, &layout.entries, cx).map_err(|error| undo(number, error, cx))?;
    cx.info(format!("Disk {number} is partitioned and formatted"));
    Ok(StepEnd::Done)
}

/// The variable wins over the setting (spec 1.2).
pub(super) fn disk_number(
    settings: &settings::PartitionDisk,
    cx: &StepCx,
) -> Result<u32, StepError> {
    let text = cx.text("OSDDiskIndex");
    if text.is_empty() {
        return Ok(settings.disk);
    }
    text.trim()
        .parse()
        .ok()
        .filter(|&number| number <= 10_000)
        .ok_or_else(|| {
            StepError::new(
                codes::INVALID_PARAMETER,
                format!("OSDDiskIndex is `{text}`: a disk number from 0 to 10000 is needed"),
            )
        })
}

pub(super) fn style(
    settings: &settings::PartitionDisk,
    cx: &StepCx,
) -> Result<PartitionStyle, StepError> {
    let text = cx.text("OSDPartitionStyle");
    match text.trim().to_ascii_uppercase().as_str() {
        "" => Ok(settings.style),
        "GPT" => Ok(PartitionStyle::Gpt),
        "MBR" => Ok(PartitionStyle::Mbr),
        _ => Err(StepError::new(
            codes::INVALID_PARAMETER,
            format!("OSDPartitionStyle is `{text}`: GPT or MBR is needed"),
        )),
    }
}

pub(super) fn expanded(def: &PartitionDef, cx: &StepCx) -> PartitionDef {
    PartitionDef {
        name: cx.host.expand(&def.name).text,
        label: cx.host.expand(&def.label).text,
        letter_variable: def
            .letter_variable
            .as_ref()
            .map(|name| cx.host.expand(name).text),
        ..def.clone()
    }
}

fn refuse(disk: &Disk) -> Result<(), StepError> {
    if disk.refusals.is_empty() {
        return Ok(());
    }
    let error = PlatformError::Refused {
        number: disk.number,
        refusals: disk.refusals.clone(),
    };
    Err(failed(error.to_string(), error))
}

/// Turns an error of the machine into a failure with the code Configuration Manager would show.
pub(super) fn failed(message: String, error: PlatformError) -> StepError {
    if matches!(error, PlatformError::Cancelled) {
        return StepError::Cancelled;
    }
    let code = error.code();
    let (tail, hint) = match &error {
        PlatformError::Tool { tail, .. } => (tail.clone(), None),
        PlatformError::MissingTool(_) => {
            (Vec::new(), Some("install the package, then retry the step"))
        }
        PlatformError::Changed { .. } => (
            Vec::new(),
            Some("look at the disk again and retry the step to confirm it anew"),
        ),
        PlatformError::Refused { refusals, .. }
            if refusals
                .iter()
                .any(|r| matches!(r, Refusal::Mounted { .. })) =>
        {
            (
                Vec::new(),
                Some("unmount what is named, then retry the step"),
            )
        }
        _ => (Vec::new(), None),
    };
    let failure = StepError::because(code, message, error).tail(tail);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What is shown of a disk before it is wiped.
pub fn facts(disk: &Disk) -> DiskFacts {
    DiskFacts {
        number: disk.number,
        path: disk
            .backing
            .as_ref()
            .unwrap_or(&disk.path)
            .display()
            .to_string(),
        model: disk.model.clone(),
        serial: disk.serial.clone(),
        bytes: disk.bytes,
        table: show::table_of(disk),
        found: show::summary(disk),
        contents: show::contents(disk),
    }
}

fn confirm(disk: &Disk, cx: &StepCx) -> Result<(), StepError> {
    let facts = facts(disk);
    cx.info(format!(
        "Disk {}: {}, {} {}, {}, table {}; {}",
        disk.number,
        facts.path,
        facts.model,
        facts.serial,
        units::bytes(facts.bytes),
        facts.table,
        facts.found
    ));
    for line in &facts.contents {
        cx.info(format!("Found on disk {}: {line}", disk.number));
    }
    match cx.host.ask(QuestionKind::ConfirmDisk(facts))? {
        Answered::Yes => Ok(()),
        _ => Err(StepError::new(
            codes::CANCELLED,
            format!(
                "disk {} was not confirmed: nothing was written to it",
                disk.number
            ),
        )),
    }
}

/// `write_layout` failed: it left the disk alone (refused, changed), or with no valid table.
fn not_written(disk: &Disk, error: PlatformError, cx: &StepCx) -> StepError {
    let untouched = matches!(
        error,
        PlatformError::Refused { .. } | PlatformError::Changed { .. } | PlatformError::NoDisk(_)
    );
    if untouched {
        return failed(format!("{error}; nothing was written"), error);
    }
    // What was begun there is destroyed already, and what was not begun is whole.
    volumes::forget_disk(cx.host.as_ref(), disk.number);
    failed(
        format!("partitioning disk {} failed: {error}", disk.number),
        error,
    )
}

/// After the first write nothing may look valid that is not.
fn undo(number: u32, error: StepError, cx: &StepCx) -> StepError {
    volumes::forget_disk(cx.host.as_ref(), number);
    let note = match cx.machine.wipe_table(number) {
        Ok(()) => format!(
            "the partition table of disk {number} was destroyed, so that the half-made layout is not taken for a good one"
        ),
        Err(wipe) => format!(
            "disk {number} holds a half-made layout, and its table could not be destroyed: {wipe}"
        ),
    };
    cx.warn(&note);
    match error {
        StepError::Failed {
            code,
            message,
            source,
            tail,
            hint,
        } => StepError::Failed {
            code,
            message: format!("{message}; {note}"),
            source,
            tail,
            hint,
        },
        StepError::Cancelled => StepError::Cancelled,
    }
}

/// Formats each partition and gives out letters.
fn fill(
    number: u32,
    parts: &[PartitionDef],
    entries: &[LayoutEntry],
    cx: &StepCx,
) -> Result<(), StepError> {
    for (partition, (def, entry)) in (1..).zip(parts.iter().zip(entries)) {
        cx.check_cancel()?;
        let at = PartitionRef {
            disk: number,
            partition,
        };
        cx.info(format!(
            "Partition {partition} ({}): {} at {} bytes, type {}, attributes 0x{:x}",
            def.name,
            units::bytes(entry.bytes),
            entry.start_bytes,
            entry.type_id,
            entry.attributes
        ));
        let Some(fs) = def.format else {
            if def.letter_variable.is_some() {
                cx.warn(format!(
                    "Partition {partition} is not formatted and gets no drive letter"
                ));
            }
            continue;
        };
        format(at, def, fs, cx)?;
        give_letter(at, def, cx)?;
    }
    Ok(())
}

fn format(
    at: PartitionRef,
    def: &PartitionDef,
    fs: FileSystem,
    cx: &StepCx,
) -> Result<(), StepError> {
    let fs_name = match fs {
        FileSystem::Ntfs => "NTFS",
        FileSystem::Fat32 => "FAT32",
    };
    let what = format!(
        "formatting partition {} ({}, {fs_name})",
        at.partition, def.name
    );
    cx.phase(
        &what,
        if def.quick {
            Unit::Nothing
        } else {
            Unit::Bytes
        },
    );
    let request = FormatRequest {
        at,
        fs,
        label: def.label.clone(),
        quick: def.quick,
    };
    let progress = |done, total| {
        if def.quick {
            cx.progress.alive();
        } else {
            cx.progress.set(done, total);
        }
    };
    let log = |line: &str| {
        cx.progress.alive();
        cx.info(line);
    };
    cx.machine
        .format(&request, &progress, &log, &cx.cancel)
        .map_err(|error| failed(format!("{what} of disk {} failed: {error}", at.disk), error))?;
    let kind = if def.quick { "quickly" } else { "fully" };
    cx.info(format!(
        "Formatted partition {} with {fs_name} {kind}, label \"{}\"",
        at.partition, def.label
    ));
    Ok(())
}

pub(super) fn give_letter(
    at: PartitionRef,
    def: &PartitionDef,
    cx: &StepCx,
) -> Result<(), StepError> {
    if !def.assign_letter {
        if def.letter_variable.is_some() {
            cx.warn(format!(
                "Partition {} gets no drive letter, so its variable is not set",
                at.partition
            ));
        }
        return Ok(());
    }
    let Some(letter) = volumes::assign_letter(cx.host.as_ref(), at) else {
        cx.warn(format!(
            "No drive letter is left for partition {}",
            at.partition
        ));
        return Ok(());
    };
    cx.info(format!("Partition {} is drive {letter}:", at.partition));
    if let Some(variable) = def.letter_variable.as_ref().filter(|name| !name.is_empty()) {
        cx.host
            .set_variable(variable, Value::Plain(format!("{letter}:")))
            .map_err(|error| {
                StepError::because(
                    codes::INVALID_PARAMETER,
                    format!("setting {variable} to {letter}: failed"),
                    error,
                )
            })?;
    }
    Ok(())
}
