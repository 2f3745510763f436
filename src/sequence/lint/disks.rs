//! Disks and their letters.

use super::super::settings::{Destination, PartitionDisk, Size};
use super::finding;
use super::outline::{Outline, Place};
use crate::event::{Finding, Gravity};

/// Percentages are of the space still free: together over 100 they were meant of the whole disk.
pub(super) fn percentages(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    for place in outline.running() {
        let Some(disk) = place.partitions() else {
            continue;
        };
        if let Some((sum, last)) = over_hundred(disk) {
            found.push(finding(
                place.id,
                Gravity::Warning,
                &format!("disk {}", disk.disk),
                format!(
                    "the percentages add up to {sum}, but each is of the space that is still free: \"{}\" gets about {} % of the disk's free space",
                    last.0, last.1
                ),
                "Count each percentage from what the partitions above it leave; 100 takes the rest.",
            ));
        }
    }
}

/// The sum of the percentages, and name and true share of the last one. A closing 100 means "the rest" and adds nothing.
fn over_hundred(disk: &PartitionDisk) -> Option<(u32, (&str, u32))> {
    let mut sum = 0;
    let mut free = 100.0;
    let mut last = None;
    for partition in &disk.partitions {
        if let Size::Percent(share @ 1..=99) = partition.size {
            sum += u32::from(share);
            let got = free * f64::from(share) / 100.0;
            free -= got;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 100"
            )]
            let rounded = got.round() as u32;
            last = Some((partition.name.as_str(), rounded));
        }
    }
    last.filter(|_| sum > 100).map(|last| (sum, last))
}

/// Letters that nobody gives out: they begin with `C`, one for each formatted partition, in order.
pub(super) fn letters(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    for place in outline.running() {
        let Some(Destination::Letter(letter)) = place.applies().map(|apply| &apply.destination)
        else {
            continue;
        };
        let earlier = || outline.running().filter(|other| other.id < place.id);
        let most: usize = earlier().map(given_out).sum();
        let letter = letter.to_ascii_uppercase();
        let Some(rank) = ('C'..='Z').filter(|&l| l != 'X').position(|l| l == letter) else {
            continue;
        };
        if rank < most {
            continue;
        }
        let text = if most == 0 {
            format!(
                "no step before this one makes a volume with a letter, so {letter}: does not exist"
            )
        } else {
            format!(
                "the steps before this one give out {most} letters at most, from C: on, so {letter}: does not exist"
            )
        };
        found.push(finding(
            place.id,
            Gravity::Blocking,
            "destination",
            text,
            "Name a variable that a partition sets with `letter_variable`, or disk and partition.",
        ));
    }
}

fn given_out(place: &Place<'_>) -> usize {
    if let Some(disk) = place.partitions() {
        return disk
            .partitions
            .iter()
            .filter(|partition| partition.format.is_some() && partition.assign_letter)
            .count();
    }
    // The volume that Windows went to gets a letter if it had none.
    usize::from(place.applies().is_some())
}
