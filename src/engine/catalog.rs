//! What can be run: sequences in folders, described for the picker and the form.

use std::path::{Path, PathBuf};

use crate::protocol::{InputInfo, SequenceInfo};
use crate::sequence::load;
use crate::sequence::schema::{Action, Node, Sequence};
use crate::sequence::values::check_of_input;

/// Folders that are always looked at: beside the working directory, installed, and on removable media.
fn default_folders() -> Vec<PathBuf> {
    let mut folders = vec![
        PathBuf::from("sequences"),
        PathBuf::from("/usr/share/wimforge/sequences"),
    ];
    for media in ["/media", "/run/media", "/mnt"] {
        let Ok(entries) = std::fs::read_dir(media) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            folders.push(entry.path().join("sequences"));
        }
    }
    folders
}

/// Every `.ron` file of the default folders and `more`, good or broken, in order of folder and name, each once.
pub fn list(more: &[String]) -> Vec<SequenceInfo> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let folders = more.iter().map(PathBuf::from).chain(default_folders());
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        let mut here: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "ron"))
            .map(|path| std::path::absolute(&path).unwrap_or(path))
            .collect();
        here.sort();
        for path in here {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths.iter().map(|path| describe(path)).collect()
}

/// One sequence, with its mistakes when it has some.
pub fn describe(path: &Path) -> SequenceInfo {
    let shown = path.display().to_string();
    let broken = |mistakes: String, first: String| SequenceInfo {
        path: shown.clone(),
        name: path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default(),
        mistakes,
        first_mistake: first,
        ..SequenceInfo::default()
    };
    let checked = load::read(path);
    match &checked.sequence {
        Some(sequence) if checked.is_good() => info(&shown, sequence),
        _ => broken(
            checked.render(),
            checked.first_mistake().unwrap_or_default(),
        ),
    }
}

fn info(path: &str, sequence: &Sequence) -> SequenceInfo {
    let mut disks = Vec::new();
    let mut steps = 0;
    count(&sequence.steps, &mut steps, &mut disks);
    disks.sort_unstable();
    disks.dedup();
    SequenceInfo {
        path: path.to_owned(),
        name: sequence.name.clone(),
        description: sequence.description.clone(),
        steps,
        disks,
        inputs: sequence
            .inputs
            .iter()
            .map(|input| InputInfo {
                variable: input.variable.clone(),
                label: input.label.clone(),
                default: input.default.clone(),
                secret: input.secret,
                optional: input.optional,
                check: check_of_input(sequence, input),
            })
            .collect(),
        ..SequenceInfo::default()
    }
}

fn count(nodes: &[Node], steps: &mut u32, disks: &mut Vec<u32>) {
    for node in nodes {
        match node {
            Node::Group(group) if !group.disabled => count(&group.steps, steps, disks),
            Node::Step(step) if !step.disabled => {
                *steps += 1;
                if let Action::PartitionDisk(settings) = &step.action {
                    disks.push(settings.disk);
                }
            }
            _ => {}
        }
    }
}
