//! Format and Partition Disk: the disk, what is on it, and whether the layout fits.

use crate::platform::{Disk, Firmware, LayoutEntry, Machine, PlatformError, TableKind, show};
use crate::sequence::settings::{PartitionDef, PartitionDisk, PartitionStyle};
use crate::step::partition_layout::LayoutError;
use crate::step::{partition_disk, partition_layout, volumes};
use crate::units;

use super::Checker;

pub(super) fn check(settings: &PartitionDisk, c: &mut Checker<'_>) {
    if plan(settings, c).is_none() {
        // What it would have made is not known; later steps must not be blamed for it.
        for partition in &settings.partitions {
            if let Some(name) = &partition.letter_variable {
                c.host.forget_value(name);
            }
        }
        for letter in 'C'..='Z' {
            c.host.forget_value(&format!("_WimforgeVolume{letter}"));
        }
        c.host.forget_value("_WimforgeAppliedVolumes");
    }
}

fn plan(settings: &PartitionDisk, c: &mut Checker<'_>) -> Option<()> {
    let step = c.step.clone();
    let number = match partition_disk::disk_number(settings, &step) {
        Ok(number) => number,
        Err(error) => {
            c.fail("disk", &error, "Correct OSDDiskIndex.");
            return None;
        }
    };
    let subject = format!("disk {number}");
    c.says(&subject);
    let style = match partition_disk::style(settings, &step) {
        Ok(style) => style,
        Err(error) => {
            c.fail(&subject, &error, "Correct OSDPartitionStyle.");
            return None;
        }
    };
    let disk = match c.machine.disk(number) {
        Ok(disk) => disk,
        Err(error) => {
            missing(&subject, &error, c);
            return None;
        }
    };
    for refusal in &disk.refusals {
        c.block(
            &subject,
            format!("may not be written to: {refusal}"),
            "Choose another disk, or end what stands in the way.",
        );
    }
    if let Err(error) = crate::step::open::check_labels(&step, &settings.partitions) {
        c.fail(&subject, &error, "Correct the value.");
    }
    let parts: Vec<PartitionDef> = settings
        .partitions
        .iter()
        .map(|def| partition_disk::expanded(def, &step))
        .collect();
    unknown_names(settings, c);
    let entries = match partition_layout::resolve(&parts, style, disk.bytes, disk.sector_bytes) {
        Ok(entries) => entries,
        Err(error) => {
            let size = units::bytes(disk.bytes);
            let (text, way_out) = if matches!(error, LayoutError::Text { .. }) {
                (error.to_string(), "Correct the name or label.")
            } else {
                (
                    format!("the layout does not fit {size}: {error}"),
                    "Make the partitions smaller or use a larger disk.",
                )
            };
            c.block(&subject, text, way_out);
            return None;
        }
    };
    if disk.refusals.is_empty() {
        c.fine(
            &subject,
            format!(
                "{}, {}, may be written; {}",
                name(&disk),
                units::bytes(disk.bytes),
                sizes(&parts, &entries)
            ),
        );
    }
    contents(&subject, &disk, c);
    firmware(&subject, style, c);
    reach(&subject, style, &disk, c);
    rehearse(&disk, style, parts, entries, c);
    Some(())
}

/// A variable without a value stays in the text as it is written, which nobody means.
fn unknown_names(settings: &PartitionDisk, c: &mut Checker<'_>) {
    let step = c.step.clone();
    for def in &settings.partitions {
        for (what, text) in [("name", &def.name), ("label", &def.label)] {
            let unresolved = step.host.expand(text).unresolved;
            if !unresolved.is_empty() {
                c.warn(
                    &format!("partition {}", def.name),
                    format!(
                        "these variables in its {what} have no value: {}",
                        unresolved.join(", ")
                    ),
                    "Set the variable before this step.",
                );
            }
        }
    }
}

fn missing(subject: &str, error: &PlatformError, c: &mut Checker<'_>) {
    let known: Vec<String> = c
        .machine
        .disks()
        .unwrap_or_default()
        .iter()
        .map(|disk| disk.number.to_string())
        .collect();
    let way_out = if known.is_empty() {
        "The machine has no disk: connect one, or give it one with --disk N=PATH.".to_owned()
    } else {
        format!(
            "Use one of the disks the machine has: {}.",
            known.join(", ")
        )
    };
    c.block(subject, error.to_string(), &way_out);
}

fn name(disk: &Disk) -> String {
    let path = disk.backing.as_ref().unwrap_or(&disk.path).display();
    if disk.model.is_empty() {
        path.to_string()
    } else {
        format!("{} ({path})", disk.model)
    }
}

fn sizes(parts: &[PartitionDef], entries: &[LayoutEntry]) -> String {
    let list: Vec<String> = parts
        .iter()
        .zip(entries)
        .map(|(part, entry)| format!("{} {}", part.name, units::bytes(entry.bytes)))
        .collect();
    format!("it will hold {}", list.join(", "))
}

/// What is lost.
fn contents(subject: &str, disk: &Disk, c: &mut Checker<'_>) {
    const WAY_OUT: &str =
        "Make sure nobody needs what is on it; the run asks once more before it wipes.";
    if c.machine.is_planned(disk.number) {
        c.warn(
            subject,
            "an earlier step partitions it too: what that step makes is wiped",
            "Remove one of the two steps, or give them conditions that exclude each other.",
        );
        return;
    }
    let applied = volumes::applied(c.step.host.as_ref());
    if applied.iter().any(|at| at.disk == disk.number) {
        c.block(
            subject,
            "an image was applied to it before this step: it is wiped",
            "Move this step before Apply Operating System Image.",
        );
    }
    if show::unreadable(disk) {
        return;
    }
    let list = show::contents(disk);
    if list.is_empty() {
        let table = match disk.table {
            TableKind::None => "holds no partition table".to_owned(),
            kind => format!("holds an empty {} table", show::table(kind)),
        };
        c.fine(subject, format!("{table}; {}", show::summary(disk)));
        return;
    }
    let what = if disk.partitions.is_empty() {
        "what it holds will be wiped".to_owned()
    } else {
        format!("{}, which will be wiped", show::summary(disk))
    };
    c.warn(subject, format!("{what}: {}", list.join("; ")), WAY_OUT);
}

/// A machine starts from the table its firmware knows.
fn firmware(subject: &str, style: PartitionStyle, c: &mut Checker<'_>) {
    let (has, wants) = match (c.machine.firmware(), style) {
        (Firmware::Uefi, PartitionStyle::Mbr) => ("UEFI", "GPT"),
        (Firmware::Bios, PartitionStyle::Gpt) => ("BIOS", "MBR"),
        _ => return,
    };
    c.warn(
        subject,
        format!("this machine was started by {has}, which starts Windows from {wants} disks only"),
        &format!("Use style {wants}, or start the machine in the other firmware mode."),
    );
}

/// An MBR counts sectors in 32 bits.
fn reach(subject: &str, style: PartitionStyle, disk: &Disk, c: &mut Checker<'_>) {
    let lost = partition_layout::out_of_reach(style, disk.bytes, disk.sector_bytes);
    if lost > 0 {
        c.warn(
            subject,
            format!(
                "an MBR reaches {} of its {}: {} stay unused",
                units::bytes(disk.bytes - lost),
                units::bytes(disk.bytes),
                units::bytes(lost)
            ),
            "Use style GPT, if the machine starts by UEFI.",
        );
    }
}

/// From here on the disk looks as after the step.
fn rehearse(
    disk: &Disk,
    style: PartitionStyle,
    parts: Vec<PartitionDef>,
    entries: Vec<LayoutEntry>,
    c: &mut Checker<'_>,
) {
    let host = c.step.host.as_ref();
    volumes::forget_disk(host, disk.number);
    c.applied.retain(|at, _| at.disk != disk.number);
    let made: Vec<(PartitionDef, LayoutEntry)> = parts.into_iter().zip(entries).collect();
    c.machine
        .partition(disk, partition_layout::table_kind(style), &made);
    let step = c.step.clone();
    let planned = c.machine.disk(disk.number).map(|disk| disk.partitions);
    for (partition, (def, _)) in planned.unwrap_or_default().iter().zip(&made) {
        if def.format.is_none() {
            continue;
        }
        if let Err(error) = partition_disk::give_letter(partition.at, def, &step) {
            c.fail(
                "drive letter",
                &error,
                "Correct the name in `letter_variable`.",
            );
        }
    }
    c.warnings("drive letter", "Give fewer partitions a letter.");
}
