//! Volumes that are captured for themselves, by the step alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::sequence::settings::CaptureOperatingSystem;
use wimforge::step::capture_os;
use wimforge::step::cx::StepEnd;
use wimforge::step::error::StepError;
use wimforge::step::testing::RecordingHost;

use crate::lab::{text, tool};

/// How a capture went.
pub struct Captured {
    pub result: Result<StepEnd, StepError>,
    pub log: String,
}

/// Makes a disk of one volume: a table, and the volume's bytes from 1 MiB on. `kind` as `sfdisk` names partition types.
pub fn disk_of(volume: &Path, kind: &str, disk: &Path) {
    let bytes = std::fs::metadata(volume).unwrap().len();
    let file = std::fs::File::create(disk).unwrap();
    file.set_len(bytes + (2 << 20)).unwrap();
    drop(file);
    let table = disk.with_extension("table");
    let sectors = bytes / 512;
    std::fs::write(
        &table,
        format!("label: dos\nstart=2048, size={sectors}, type={kind}\n"),
    )
    .unwrap();
    tool(
        "sh",
        &[
            "-c",
            "sfdisk -q --no-reread --no-tell-kernel \"$1\" < \"$2\" && dd if=\"$0\" of=\"$1\" bs=1M seek=1 conv=notrunc,sparse status=none",
            text(volume),
            text(disk),
            text(&table),
        ],
    );
}

/// Captures what is on a disk.
pub fn capture(disk: &Path, wim: &Path, more: &str) -> Captured {
    let settings: CaptureOperatingSystem = ron::from_str(&format!(
        "(destination: {:?}, compression: Fast, existing: Append, {more})",
        text(wim)
    ))
    .unwrap();
    let options = MachineOptions {
        attached: vec![(0, disk.to_owned())],
        ..MachineOptions::default()
    };
    let machine = Arc::new(LinuxMachine::new(options).unwrap());
    let host = RecordingHost::with(&[]);
    let scratch: PathBuf = wim.with_extension("scratch");
    let result = capture_os::run(&settings, &host.cx(machine, &scratch));
    let lines = host.lines().into_iter().map(|(_, line)| line + "\n");
    Captured {
        result,
        log: lines.collect(),
    }
}
