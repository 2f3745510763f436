//! Apply and capture: their order, and what an image must not hold.

use super::super::plan::PlannedSequence;
use super::super::schema::{Action, Condition};
use super::super::settings::{CaptureOperatingSystem, Existing, Join, RestartTarget};
use super::contradiction::{Verdict, judge};
use super::outline::{Outline, Place, conditions};
use super::{finding, variables};
use crate::event::{Finding, Gravity};
use crate::input::is_open;

/// The name of the step that takes a Windows out of its domain and generalizes it.
const PREPARE: &str = "Prepare Windows for Capture";
/// A command that holds one of these may do the same.
const PREPARING: [&str; 4] = ["sysprep", "remove-computer", "netdom", "joinworkgroup"];

/// The same sequence empties a disk and captures it before anything was applied.
pub(super) fn capture_before_apply(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    for capture in outline.running().filter(|p| p.captures().is_some()) {
        let earlier = || outline.running().filter(|other| other.id < capture.id);
        let Some(wipe) = earlier().rev().find(|other| other.partitions().is_some()) else {
            continue;
        };
        let mut after = outline.between(wipe.id, capture.id);
        if after.clone().any(|other| other.applies().is_some()) || apart(outline, wipe, capture) {
            continue;
        }
        // An image applied to another disk stays there.
        let elsewhere = earlier().any(|other| other.applies().is_some());
        let by_command = after.any(|other| matches!(other.step.action, Action::RunCommandLine(_)));
        let sure = wipe.certain && !elsewhere && !by_command;
        let disk = wipe.partitions().map_or(0, |disk| disk.disk);
        found.push(finding(
            capture.id,
            if sure { Gravity::Blocking } else { Gravity::Warning },
            "order of steps",
            format!(
                "\"{}\" wipes disk {disk} and nothing is applied to it before this capture: the image would be empty",
                wipe.name()
            ),
            "Move the capture behind Apply Operating System Image, or disable the step that wipes the disk.",
        ));
    }
}

/// A machine that joins a domain must leave it before it is captured.
pub(super) fn domain_join(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    // The kind of join may be decided in the run.
    let kind = "OSDNetworkJoinType";
    if outline.is_given(kind) || outline.written.may_hold(kind) {
        return;
    }
    for join in outline.running() {
        let Some(Join::Domain { name, .. }) = join.network().map(|network| &network.join) else {
            continue;
        };
        let Some(capture) = outline
            .running()
            .find(|place| place.id > join.id && place.captures().is_some())
        else {
            continue;
        };
        let mut between = outline.between(join.id, capture.id);
        if apart(outline, join, capture) || between.clone().any(|place| undoes(outline, place)) {
            continue;
        }
        let started = between.any(|place| {
            place.certain
                && matches!(&place.step.action, Action::RestartComputer(restart) if restart.to == RestartTarget::HardDisk)
        });
        let sure = join.certain && capture.certain && started;
        let what = if started {
            format!(
                "Windows joins the domain {name} and is captured by \"{}\" as a member of it",
                capture.name()
            )
        } else {
            format!(
                "the image made by \"{}\" holds an answer file that joins the domain {name}",
                capture.name()
            )
        };
        found.push(finding(
            join.id,
            if sure {
                Gravity::Blocking
            } else {
                Gravity::Warning
            },
            "domain join",
            format!("{what}: an image must come from a workgroup"),
            "Join a workgroup here, and the domain when the image is deployed.",
        ));
    }
}

/// Whether the step may take the machine out of the domain again.
fn undoes(outline: &Outline<'_>, place: &Place<'_>) -> bool {
    if place.network().is_some() {
        // Another domain is a finding of its own.
        return true;
    }
    let prepares = outline
        .planned
        .node(place.id)
        .is_some_and(|node| node.kind == crate::event::NodeKind::Step(PREPARE.to_owned()));
    let text = place.text();
    prepares
        || (matches!(place.step.action, Action::RunCommandLine(_))
            && PREPARING.iter().any(|word| text.contains(word)))
        // The disk is wiped, or another Windows comes over it.
        || place.partitions().is_some()
        || place.applies().is_some()
}

/// Two captures into one file.
pub(super) fn same_destination(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    let captures: Vec<_> = outline
        .running()
        .filter_map(|place| place.captures().map(|capture| (place, capture)))
        .collect();
    // The variable wins over every step's own destination.
    let by_variable = outline.always_has("OSDCaptureDestination");
    for (at, &(second, later)) in captures.iter().enumerate() {
        let file = if by_variable {
            "the file that `OSDCaptureDestination` names"
        } else {
            &later.destination
        };
        let Some(&(first, _)) = captures[..at].iter().rev().find(|(first, earlier)| {
            (same(earlier, later) || by_variable)
                && !changes(outline, first, second, &later.destination)
        }) else {
            continue;
        };
        if apart(outline, first, second) {
            continue;
        }
        let text = match later.existing {
            Existing::Append | Existing::NewName => continue,
            Existing::Refuse => format!(
                "\"{}\" writes {file} before this step, which refuses an existing file",
                first.name()
            ),
            Existing::Replace => format!(
                "\"{}\" writes {file} before this step, which replaces it",
                first.name()
            ),
        };
        found.push(finding(
            second.id,
            if first.certain && second.certain {
                Gravity::Blocking
            } else {
                Gravity::Warning
            },
            "capture destination",
            text,
            "Give each capture a file of its own, or set `existing` to Append.",
        ));
    }
}

fn same(first: &CaptureOperatingSystem, second: &CaptureOperatingSystem) -> bool {
    let file = |capture: &CaptureOperatingSystem| capture.destination.trim().to_lowercase();
    let share = second.destination.starts_with(r"\\");
    if share {
        file(first) == file(second)
    } else {
        first.destination.trim() == second.destination.trim()
    }
}

/// Whether the destination may be another one when the second step's turn comes.
fn changes(outline: &Outline<'_>, first: &Place<'_>, second: &Place<'_>, text: &str) -> bool {
    outline.between(first.id, second.id).any(|place| {
        place.writes().iter().any(|written| match written {
            None => true,
            Some(name) => {
                name == "osdcapturedestination"
                    || (is_open(text) && variables::is_named(&text.to_lowercase(), name))
            }
        })
    })
}

/// Whether the two steps can never both run.
fn apart(outline: &Outline<'_>, first: &Place<'_>, second: &Place<'_>) -> bool {
    let planned: &PlannedSequence = outline.planned;
    let stable = |condition: &&Condition| variables::is_stable(outline, condition);
    let both: Vec<&Condition> = conditions(planned, first.id)
        .into_iter()
        .chain(conditions(planned, second.id))
        .filter(stable)
        .collect();
    judge(&both) != Verdict::Possible
}
