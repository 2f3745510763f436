//! What goes into the archive: the run's folder, the machine, and a list of it all.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::pack::Pack;
use crate::engine::digest::Digests;
use crate::engine::evidence::Evidence;
use crate::engine::report;
use crate::engine::run_folder::RunFolder;
use crate::platform::{Machine, show};
use crate::regular;
use crate::run_state::RunState;

/// Puts everything in; gives what is not there and why.
pub(super) fn add_all(
    pack: &mut Pack<'_>,
    folder: &RunFolder,
    state: &RunState,
    machine: Option<&dyn Machine>,
) -> io::Result<Vec<String>> {
    let mut missing = Vec::new();
    let journal = folder.journal();
    file(pack, &mut missing, "journal.jsonl", &journal)?;
    for (name, path) in logs(folder) {
        file(pack, &mut missing, &name, &path)?;
    }
    reports(pack, &mut missing, folder, state)?;
    file(pack, &mut missing, "sequence.ron", &folder.sequence())?;
    file(pack, &mut missing, "run.json", &folder.run_file())?;
    match machine {
        Some(machine) => surroundings(pack, &mut missing, machine)?,
        None => missing.push("disks and hardware: the machine is not at hand".to_owned()),
    }
    let text = list(pack, folder, state, &missing);
    pack.text("contents.txt", text.as_bytes())?;
    Ok(missing)
}

/// A file of the run, as long as it is now; one that is not there is no reason to go without the others.
fn file(pack: &mut Pack<'_>, missing: &mut Vec<String>, name: &str, path: &Path) -> io::Result<()> {
    let opened = regular::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    match opened {
        Ok((bytes, mut file)) => pack.member(name, &mut file, bytes),
        Err(error) => {
            missing.push(format!("{name}: {error}"));
            Ok(())
        }
    }
}

/// The log and its older parts, the oldest first.
fn logs(folder: &RunFolder) -> Vec<(String, PathBuf)> {
    let mut parts: Vec<(u64, String, PathBuf)> = fs::read_dir(folder.path())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.to_owned();
            let number = name.strip_prefix("wimforge.")?.strip_suffix(".log")?;
            Some((number.parse().ok()?, name, entry.path()))
        })
        .collect();
    parts.sort();
    parts
        .into_iter()
        .map(|(_, name, path)| (name, path))
        .chain([("wimforge.log".to_owned(), folder.log())])
        .collect()
}

/// The reports of the run's end; of a run that has not ended, reports of now.
fn reports(
    pack: &mut Pack<'_>,
    missing: &mut Vec<String>,
    folder: &RunFolder,
    state: &RunState,
) -> io::Result<()> {
    let (json, html) = (folder.report(), folder.report_html());
    if json.exists() && html.exists() {
        file(pack, missing, "report.json", &json)?;
        return file(pack, missing, "report.html", &html);
    }
    let evidence = Evidence::of_journal(state, &folder.journal());
    let (json, html) = report::texts(state, &evidence, &Digests::default())?;
    pack.text("report.json", &json)?;
    pack.text("report.html", html.as_bytes())
}

fn surroundings(
    pack: &mut Pack<'_>,
    missing: &mut Vec<String>,
    machine: &dyn Machine,
) -> io::Result<()> {
    match machine.disks() {
        Ok(disks) => {
            pack.text("disks.txt", show::disks(&disks).as_bytes())?;
            pack.text("disks.json", &serde_json::to_vec_pretty(&disks)?)?;
        }
        Err(error) => missing.push(format!("disks: {error}")),
    }
    let mut hardware = String::new();
    for (name, value) in machine.identity() {
        let _ = writeln!(hardware, "{name}: {value}");
    }
    for (section, text) in machine.hardware() {
        let _ = write!(hardware, "\n[{section}]\n{text}");
        if !text.ends_with('\n') {
            hardware.push('\n');
        }
    }
    pack.text("hardware.txt", hardware.as_bytes())?;
    let Some(log) = machine.kernel_log() else {
        missing.push("kernel.log: the kernel's log cannot be read".to_owned());
        return Ok(());
    };
    pack.text("kernel.log", log.as_bytes())
}

fn list(pack: &Pack<'_>, folder: &RunFolder, state: &RunState, missing: &[String]) -> String {
    let mut text = format!(
        "wimforge {}\nrun: {}\ntask sequence: {}\nfolder: {}\nlast event: {}\nsecrets taken out on the way into this archive: {}\n\n",
        env!("CARGO_PKG_VERSION"),
        folder.id(),
        state.plan.name,
        folder.path().display(),
        state.seq,
        pack.taken_out(),
    );
    for (name, bytes) in pack.members() {
        let _ = writeln!(text, "{bytes:>14} {name}");
    }
    if !missing.is_empty() {
        text.push_str("\nNot in this archive:\n");
        for line in missing {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}
