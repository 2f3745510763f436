//! The lists of the page: volumes, files, what was allowed and changed by whom, warnings, boots, variables.

use super::markup::Html;
use super::when;
use crate::engine::digest::Digests;
use crate::engine::evidence::Evidence;
use crate::event::{Artifact, Origin, Severity, Shown};
use crate::run_state::{RunState, VariableState};
use crate::units;

/// Shown in place of a secret value.
const MASKED: &str = "\u{2022}\u{2022}\u{2022}\u{2022}";

/// A count with its exact bytes: the rounded one to read, the exact one to compare.
fn size(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", units::bytes(bytes))
}

fn cell(html: &mut Html, class: &str, text: &str) {
    html.element("td", &[("class", class)], |html| html.text(text));
}

pub(super) fn volumes(html: &mut Html, state: &RunState) {
    let artifacts = || state.artifacts.iter().map(|(_, artifact)| artifact);
    let captured: Vec<_> = artifacts()
        .filter_map(|artifact| match artifact {
            Artifact::CapturedVolume {
                index,
                volume,
                bytes,
                files,
            } => Some((index, volume, bytes, files)),
            _ => None,
        })
        .collect();
    let skipped: Vec<_> = artifacts()
        .filter_map(|artifact| match artifact {
            Artifact::SkippedVolume { volume, reason } => Some((volume, reason)),
            _ => None,
        })
        .collect();
    html.leaf("h2", "Volumes captured");
    if captured.is_empty() {
        html.leaf("p", "No volume was captured.");
    } else {
        let columns = ["Index", "Volume", "File data", "Files"];
        html.table(&columns, captured, |html, (index, volume, bytes, files)| {
            html.leaf("td", &index.to_string());
            html.leaf("td", volume);
            html.leaf("td", &size(*bytes));
            html.leaf("td", &files.to_string());
        });
    }
    if !skipped.is_empty() {
        html.leaf("h2", "Volumes not captured");
        html.table(&["Volume", "Reason"], skipped, |html, (volume, reason)| {
            html.leaf("td", volume);
            html.leaf("td", reason);
        });
    }
}

pub(super) fn files(html: &mut Html, state: &RunState, digests: &Digests) {
    let files: Vec<_> = state
        .artifacts
        .iter()
        .filter_map(|(_, artifact)| match artifact {
            Artifact::File { path, bytes, what } => Some((path, bytes, what)),
            _ => None,
        })
        .collect();
    html.leaf("h2", "Files written");
    if files.is_empty() {
        html.leaf("p", "No file was written that is worth telling.");
        return;
    }
    let columns = ["File", "What", "Size", "SHA-256"];
    html.table(&columns, files, |html, (path, bytes, what)| {
        cell(html, "text", path);
        html.leaf("td", what);
        html.leaf("td", &size(*bytes));
        match digests.of(path, *bytes) {
            Some(Ok(hex)) => cell(html, "text", hex),
            Some(Err(why)) => html.leaf("td", &format!("not taken: {why}")),
            None => html.leaf("td", "not taken"),
        }
    });
}

pub(super) fn overrides(html: &mut Html, evidence: &Evidence) {
    html.leaf("h2", "Confirmed and overridden");
    if evidence.overrides.is_empty() {
        html.leaf("p", "Nothing had to be confirmed.");
        return;
    }
    let columns = ["When", "By", "What", "Details"];
    html.table(&columns, &evidence.overrides, |html, allowed| {
        html.leaf("td", &when(allowed.at));
        html.leaf("td", &allowed.by);
        html.leaf("td", &allowed.subject);
        html.leaf("td", &allowed.text);
    });
}

pub(super) fn interventions(html: &mut Html, evidence: &Evidence) {
    html.leaf("h2", "Interventions");
    if evidence.interventions.is_empty() {
        html.leaf("p", "Nobody interfered.");
        return;
    }
    let columns = ["When", "Who", "What"];
    html.table(&columns, &evidence.interventions, |html, done| {
        html.leaf("td", &when(done.at));
        html.leaf("td", &done.by);
        html.leaf("td", &done.text);
    });
}

pub(super) fn warnings(html: &mut Html, state: &RunState, evidence: &Evidence) {
    html.leaf("h2", "Warnings and errors of the log");
    if evidence.notes.is_empty() {
        html.leaf("p", "There were none.");
        return;
    }
    let columns = ["When", "Kind", "Step", "Line"];
    html.table(&columns, &evidence.notes, |html, note| {
        html.leaf("td", &when(note.at));
        html.leaf(
            "td",
            match note.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "information",
            },
        );
        html.leaf("td", note.node.map_or("", |node| state.title(node)));
        html.leaf("td", &note.text);
    });
    if evidence.notes_dropped > 0 {
        html.leaf(
            "p",
            &format!("{} more are in the log.", evidence.notes_dropped),
        );
    }
}

pub(super) fn boots(html: &mut Html, evidence: &Evidence) {
    if evidence.boots.len() < 2 {
        return;
    }
    html.leaf("h2", "Boots");
    let columns = ["Boot", "Started", "Environment", "End"];
    html.table(&columns, &evidence.boots, |html, boot| {
        let unplanned = if boot.unplanned {
            ", after an interruption"
        } else {
            ""
        };
        let environment = if boot.in_winpe {
            "Windows PE"
        } else {
            "installed system"
        };
        html.leaf("td", &boot.boot.to_string());
        html.leaf("td", &format!("{}{unplanned}", when(boot.started)));
        html.leaf("td", environment);
        let end = boot.restart.as_ref().map(|to| format!("restart {to}"));
        html.leaf("td", end.as_deref().unwrap_or_default());
    });
}

fn origin(state: &RunState, variable: &VariableState) -> String {
    match &variable.origin {
        Origin::Engine => "engine".to_owned(),
        Origin::Document => "task sequence".to_owned(),
        Origin::Input => "input".to_owned(),
        Origin::CommandLine => "command line".to_owned(),
        Origin::Technician(who) => who.name.clone(),
        Origin::Step(node) => format!("step \"{}\"", state.title(*node)),
    }
}

pub(super) fn variables(html: &mut Html, state: &RunState) {
    let (engine, own): (Vec<_>, Vec<_>) = state
        .variables
        .values()
        .partition(|variable| variable.name.starts_with('_'));
    for (heading, list) in [
        ("Variables at the end", own),
        ("Read-only variables at the end", engine),
    ] {
        html.leaf("h2", heading);
        if list.is_empty() {
            html.leaf("p", "There were none.");
            continue;
        }
        html.table(&["Name", "Value", "From"], list, |html, variable| {
            cell(html, "text", &variable.name);
            match &variable.value {
                Shown::Plain(value) => cell(html, "text", value),
                Shown::Masked => html.leaf("td", &format!("{MASKED} (secret)")),
            }
            html.leaf("td", &origin(state, variable));
        });
    }
}
