//! Which volume is which: drive letters and targets of images, kept in the engine's own variables so that they
//! survive a restart or a crash like every other variable.
//!
//! `_WimforgeVolumeC` = `0,3` (disk, partition); `_WimforgeAppliedVolumes` = `0,1;0,3`.

use crate::platform::PartitionRef;
use crate::sequence::variables::Value;

use super::cx::Host;

const APPLIED: &str = "_WimforgeAppliedVolumes";

fn letter_variable(letter: char) -> String {
    format!("_WimforgeVolume{}", letter.to_ascii_uppercase())
}

/// `0,3` as disk and partition.
pub fn parse_pair(text: &str) -> Option<PartitionRef> {
    let (disk, partition) = text.trim().split_once(',')?;
    Some(PartitionRef {
        disk: disk.trim().parse().ok()?,
        partition: partition.trim().parse().ok()?,
    })
}

fn pair(at: PartitionRef) -> String {
    format!("{},{}", at.disk, at.partition)
}

/// Gives `at` the first free letter from `C`; `None` when all are taken.
pub fn assign_letter(host: &dyn Host, at: PartitionRef) -> Option<char> {
    let letter = ('C'..='Z').find(|&l| l != 'X' && host.variable(&letter_variable(l)).is_none())?;
    host.set_engine_variable(&letter_variable(letter), Value::Plain(pair(at)));
    Some(letter)
}

/// The volume behind a letter.
pub fn by_letter(host: &dyn Host, letter: char) -> Option<PartitionRef> {
    let value = host.variable(&letter_variable(letter))?;
    parse_pair(value.reveal())
}

/// The letter of a volume.
pub fn letter_of(host: &dyn Host, at: PartitionRef) -> Option<char> {
    ('C'..='Z').find(|&l| by_letter(host, l) == Some(at))
}

/// Forgets letters and applied images of every volume of `disk`: it was partitioned anew.
pub fn forget_disk(host: &dyn Host, disk: u32) {
    for letter in 'C'..='Z' {
        if by_letter(host, letter).is_some_and(|at| at.disk == disk) {
            host.set_engine_variable(&letter_variable(letter), Value::Plain(String::new()));
        }
    }
    let kept: Vec<String> = applied(host)
        .into_iter()
        .filter(|at| at.disk != disk)
        .map(pair)
        .collect();
    host.set_engine_variable(APPLIED, Value::Plain(kept.join(";")));
}

/// The volumes that an image was applied to, in order.
pub fn applied(host: &dyn Host) -> Vec<PartitionRef> {
    host.variable(APPLIED)
        .map(|value| value.reveal().split(';').filter_map(parse_pair).collect())
        .unwrap_or_default()
}

/// Remembers that an image was applied to `at`.
pub fn mark_applied(host: &dyn Host, at: PartitionRef) {
    let mut list = applied(host);
    if !list.contains(&at) {
        list.push(at);
    }
    let text: Vec<String> = list.into_iter().map(pair).collect();
    host.set_engine_variable(APPLIED, Value::Plain(text.join(";")));
}

/// Volumes that an image is being written to. The name begins with `_WimforgeMark`: such variables are durable at once and outlive
/// the interruption of the step that set them.
pub const WRITING: &str = "_WimforgeMarkWriting";

/// Remembers that these volumes, and no others, are being written to or were left half written.
pub fn mark_writing(host: &dyn Host, at: &[PartitionRef]) {
    let text: Vec<String> = at.iter().copied().map(pair).collect();
    host.set_engine_variable(WRITING, Value::Plain(text.join(";")));
}

/// Volumes that an interrupted attempt was writing to: what they hold cannot be trusted, not even as a file system.
pub fn half_written(host: &dyn Host) -> Vec<PartitionRef> {
    host.variable(WRITING)
        .map(|value| value.reveal().split(';').filter_map(parse_pair).collect())
        .unwrap_or_default()
}
