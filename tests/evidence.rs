//! The evidence a run leaves: report.json, report.html, and the bundle with everything for somebody who was not there.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::system::{Small, names, skip_lab, text, tool};
use common::{Bench, Finished, document, who};
use wimforge::cancel::CancelToken;
use wimforge::engine::bundle;
use wimforge::engine::run_folder::RunFolder;
use wimforge::event::{Artifact, EventBody, NodeId, RunOutcome};
use wimforge::platform::fake::DisklessMachine;
use wimforge::platform::machine::{FormatRequest, Machine, Mounted, Result, ShareRequest, Space};
use wimforge::platform::{
    Disk, DiskContents, Firmware, FsKind, Layout, NtfsState, Partition, PartitionRef,
    PlatformError, TableKind,
};
use wimforge::protocol::{Reply, Request, WireSecret};
use wimforge::secret::{Redactor, Secret};
use wimforge::sequence::settings::RestartTarget;

/// Has characters that JSON and HTML write otherwise.
const SECRET: &str = "Pl4nted\"S3cret<&>\\0815";

fn report(folder: &Path) -> (serde_json::Value, String) {
    let json = serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap();
    (
        json,
        fs::read_to_string(folder.join("report.html")).unwrap(),
    )
}

/// All text of the page, with a line break after each element.
fn text_of(page: &str) -> String {
    fn walk(element: &xmltree::Element, into: &mut String) {
        for child in &element.children {
            match child {
                xmltree::XMLNode::Element(element) => walk(element, into),
                xmltree::XMLNode::Text(text) => into.push_str(text),
                _ => {}
            }
        }
        into.push('\n');
    }
    let mut text = String::new();
    walk(
        &xmltree::Element::parse(page.as_bytes()).unwrap(),
        &mut text,
    );
    text
}

#[test]
fn a_run_with_retries_and_a_technician_is_told_in_both_reports() {
    let bench = Bench::new();
    let text = document(
        "Step(name: \"flaky <b>\", retry: Retry(attempts: 3, delay: 0), simulate: FailTimes(2, 7), action: Pause(message: \"x\")),\
         Step(name: \"look\", action: RunCommandLine(command: \"test -d %Folder%\")),\
         Step(name: \"off\", disabled: true, action: Pause(message: \"x\")),\
         Step(name: \"hopeless\", simulate: Fail(5, \"no </td> way\"), action: Pause(message: \"x\")),\
         Step(name: \"wait\", action: Pause(message: \"go on?\")),",
    );
    let mut request = bench.request(&text);
    request.unattended = false;
    request.set = vec![("Folder".to_owned(), "/nonexistent-folder".to_owned())];
    request.secrets = vec![("Password".to_owned(), WireSecret(Secret::new(SECRET)))];
    let thread = bench.start(request);
    let ask = |request| assert_eq!(bench.dispatcher.request(&who(), request), Reply::Accepted);
    let asked = |node: u32| {
        bench.wait_for(
            "a question",
            |state| matches!(&state.question, Some(q) if q.node == Some(NodeId(node))),
        )
    };
    asked(1);
    ask(Request::SetVariable {
        name: "Folder".into(),
        value: "/".into(),
    });
    ask(Request::Retry {
        node: NodeId(1),
        attempt: 1,
    });
    asked(3);
    ask(Request::Skip {
        node: NodeId(3),
        attempt: 1,
    });
    let question = asked(4).question.unwrap().id;
    // What a capture would have left.
    let image = bench.path("Ref <1>.wim");
    fs::write(&image, "abc").unwrap();
    for artifact in [
        Artifact::CapturedVolume {
            index: 2,
            volume: "disk 0 partition 3, NTFS, Windows".to_owned(),
            bytes: 5_000_000,
            files: 1_234,
        },
        Artifact::SkippedVolume {
            volume: "disk 1 partition 1".to_owned(),
            reason: "it is removable".to_owned(),
        },
        Artifact::File {
            path: image.display().to_string(),
            bytes: 3,
            what: "captured image".to_owned(),
        },
        Artifact::File {
            path: r"\\server\share\other.wim".to_owned(),
            bytes: 4,
            what: "captured image".to_owned(),
        },
    ] {
        bench.dispatcher.emit(EventBody::Produced {
            node: NodeId(4),
            artifact,
        });
    }
    ask(Request::Answer {
        question,
        yes: true,
    });
    let run = bench.finished(thread);
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    let (json, page) = report(Path::new(&run.state.folder));

    let steps = json["steps"].as_array().unwrap();
    let history = steps[0]["history"].as_array().unwrap();
    let outcomes: Vec<_> = history.iter().map(|a| a["outcome"].clone()).collect();
    assert_eq!(outcomes, ["failed", "failed", "succeeded"]);
    assert_eq!(history[0]["failure"]["code"], 7);
    assert_eq!(history[0]["retried_after_seconds"], 0);
    assert!(history[2].get("failure").is_none());
    assert!(history[0]["started"].as_str() <= history[0]["ended"].as_str());
    assert_eq!(steps[1]["history"].as_array().unwrap().len(), 2);
    assert_eq!(steps[2]["history"], serde_json::json!([]));
    assert_eq!(steps[2]["status"], "skipped");
    let did: Vec<_> = json["interventions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| (i["kind"].as_str().unwrap(), i["text"].as_str().unwrap()))
        .collect();
    assert_eq!(
        did,
        [
            ("variable", "set Folder to \"/\""),
            ("retry", "retried \"look\" after attempt 1 failed"),
            (
                "skip",
                "went on without \"hopeless\" after attempt 1 failed"
            ),
            ("answer", "answered yes at \"wait\""),
        ]
    );
    assert_eq!(json["interventions"][0]["by"], who().name.as_str());
    assert_eq!(json["skipped_volumes"][0]["reason"], "it is removable");
    assert_eq!(json["overrides"], serde_json::json!([]));
    let sum = Command::new("sha256sum").arg(&image).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let hex = json["files"][0]["sha256"].as_str().unwrap();
    assert_eq!(sum.split_whitespace().next(), Some(hex));
    assert!(json["files"][1].get("sha256").is_none());
    let missing = json["files"][1]["sha256_missing"].as_str().unwrap();
    assert!(missing.contains("share"), "{missing}");
    assert!(json["produced"].as_array().unwrap().len() == 4 && json["boots"] == 1);

    assert!(!page.contains("<b>") && !page.contains("no </td> way"));
    let text = text_of(&page);
    for wanted in [
        "\u{2713} Succeeded",
        "flaky <b>, attempt 1: failed",
        "flaky <b>, attempt 2: failed",
        "attempt 3: succeeded",
        "look, attempt 1: failed",
        "no </td> way",
        "skipped: disabled",
        "disk 0 partition 3, NTFS, Windows",
        "4.8 MiB (5000000 bytes)",
        "1234",
        "it is removable",
        "Ref <1>.wim",
        hex,
        "set Folder to \"/\"",
        "went on without \"hopeless\"",
        "\u{2022}\u{2022}\u{2022}\u{2022} (secret)",
        "_SMSTSMachineName",
        "Nothing had to be confirmed.",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in: {text}");
    }
    for text in [json.to_string(), page] {
        assert!(!text.contains("Pl4nted"));
    }
    // What the run said of the digest stands in the journal, before its end.
    let said = run
        .events
        .iter()
        .position(|event| matches!(&event.body, EventBody::Log { text, .. } if text.contains(hex)));
    let ended = run
        .events
        .iter()
        .position(|event| matches!(event.body, EventBody::RunFinished { .. }));
    assert!(said.unwrap() < ended.unwrap());
}

#[test]
fn a_failed_run_names_its_failure_and_what_did_not_run() {
    let text = document(
        "Group(name: \"Build\", steps: [\
           Step(name: \"break\", simulate: Fail(5, \"the door is shut\"), action: Pause(message: \"x\")),\
           Step(name: \"later\", action: Pause(message: \"x\")),\
         ]),",
    );
    let bench = Bench::new();
    let run = bench.run(&text);
    assert_eq!(run.outcome(), RunOutcome::Failed);
    let (json, page) = report(Path::new(&run.state.folder));
    assert_eq!(
        (&json["outcome"], &json["code"]),
        (&"Failed".into(), &5.into())
    );
    assert_eq!(json["steps"][0]["error"], "the door is shut");
    assert_eq!(json["steps"][1]["history"], serde_json::json!([]));
    assert!(!json["warnings"].as_array().unwrap().is_empty());
    let text = text_of(&page);
    for wanted in [
        "\u{2717} Failed",
        "0x00000005 (5): access denied",
        "the door is shut",
        "not run, because of \"break\"",
        "none expected: the run was unattended",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in: {text}");
    }
}

/// A machine with a stick, and with a secret in its hardware.
struct Leaky;

impl Machine for Leaky {
    fn disks(&self) -> Result<Vec<Disk>> {
        Ok(vec![Disk {
            number: 1,
            path: PathBuf::from("/dev/sdb"),
            backing: None,
            model: format!("Stick {SECRET}"),
            serial: String::new(),
            identity: String::new(),
            bytes: 1 << 30,
            sector_bytes: 512,
            usb: true,
            removable: true,
            table: TableKind::Mbr,
            contents: DiskContents::default(),
            digest: String::new(),
            partitions: vec![Partition {
                at: PartitionRef {
                    disk: 1,
                    partition: 1,
                },
                node: PathBuf::from("/dev/sdb1"),
                start_bytes: 1 << 20,
                bytes: 1 << 29,
                type_id: "0x0c".to_owned(),
                name: String::new(),
                attributes: 0,
                fs: FsKind::Fat32,
                label: "STICK".to_owned(),
                mounted_at: vec![PathBuf::from("/media/stick")],
            }],
            refusals: Vec::new(),
        }])
    }
    fn hardware(&self) -> Vec<(String, String)> {
        vec![("kernel".to_owned(), format!("command line: p={SECRET}\n"))]
    }
    fn kernel_log(&self) -> Option<String> {
        Some(format!("[    0.000000] p={SECRET}\n"))
    }
    fn write_layout(&self, expected: &Disk, layout: &Layout) -> Result<Vec<PathBuf>> {
        DisklessMachine::default().write_layout(expected, layout)
    }
    fn wipe_table(&self, number: u32) -> Result<()> {
        DisklessMachine::default().wipe_table(number)
    }
    fn format(
        &self,
        request: &FormatRequest,
        _: &dyn Fn(u64, u64),
        _: &dyn Fn(&str),
        _: &CancelToken,
    ) -> Result<()> {
        Err(PlatformError::NoDisk(request.at.disk))
    }
    fn ntfs_state(&self, node: &Path) -> Result<NtfsState> {
        DisklessMachine::default().ntfs_state(node)
    }
    fn mount_ntfs(&self, node: &Path, writable: bool) -> Result<Box<dyn Mounted>> {
        DisklessMachine::default().mount_ntfs(node, writable)
    }
    fn mount_share(&self, request: &ShareRequest, c: &CancelToken) -> Result<Box<dyn Mounted>> {
        DisklessMachine::default().mount_share(request, c)
    }
    fn space(&self, _: &Path) -> Result<Space> {
        Ok(Space {
            free_bytes: 77,
            total_bytes: 99,
            kind: "vfat".to_owned(),
        })
    }
    fn firmware(&self) -> Firmware {
        Firmware::Uefi
    }
    fn identity(&self) -> Vec<(String, String)> {
        DisklessMachine::default().identity()
    }
    fn restart(&self, _: RestartTarget) -> Result<bool> {
        Ok(false)
    }
}

fn redactor() -> Redactor {
    let mut redactor = Redactor::default();
    redactor.add(&Secret::new(SECRET));
    redactor
}

/// A run that ended, with the secret planted wherever one could get past the first line of defence.
fn leaky_run(bench: &Bench) -> (Finished, RunFolder) {
    let run = bench.run(&document(
        "Step(name: \"one\", action: SetVariable(variable: \"A\", value: \"b\")),",
    ));
    let folder = RunFolder::at(&run.state.folder);
    let append = |path: &Path, text: &str| {
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let quoted = serde_json::to_string(SECRET).unwrap();
    // Across the border of every chunk that is a power of two up to 1 MiB.
    append(&folder.log(), &"x".repeat((1 << 20) - SECRET.len() / 2));
    append(&folder.log(), &format!("{SECRET}\r\n"));
    append(&folder.log(), &"y\r\n".repeat(300_000));
    append(&folder.log(), SECRET);
    append(&folder.journal(), &format!("{{\"torn\":{quoted}"));
    append(&folder.sequence(), &format!("// default: {quoted}\n"));
    append(&folder.report(), &quoted);
    append(
        &folder.report_html(),
        "Pl4nted&quot;S3cret&lt;&amp;&gt;\\0815",
    );
    fs::write(folder.path().join("wimforge.1.log"), SECRET).unwrap();
    fs::write(
        folder.path().join("wimforge.x.log"),
        "not a part of the log",
    )
    .unwrap();
    (run, folder)
}

fn unpacked(archive: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    tool("tar", &["-xzf", text(archive), "-C", text(folder.path())]);
    folder
}

#[test]
fn a_bundle_holds_everything_but_the_secrets() {
    let bench = Bench::new();
    let (run, folder) = leaky_run(&bench);
    let to = bench.path("out");
    fs::create_dir(&to).unwrap();
    let facts = bundle::write(&folder, &run.state, Some(&Leaky), &redactor(), &to).unwrap();
    assert_eq!(names(&to).len(), 1);
    assert_eq!(facts.bytes, fs::metadata(&facts.path).unwrap().len());
    assert_eq!(facts.missing, [] as [String; 0]);

    let unpacked = unpacked(&facts.path);
    let inside = unpacked.path().join(format!("wimforge-{}", folder.id()));
    let expected = [
        "contents.txt",
        "disks.json",
        "disks.txt",
        "hardware.txt",
        "journal.jsonl",
        "kernel.log",
        "report.html",
        "report.json",
        "run.json",
        "sequence.ron",
        "wimforge.1.log",
        "wimforge.log",
    ];
    assert_eq!(names(&inside), expected);
    let mut members = facts.members.clone();
    members.sort();
    assert_eq!(members, expected);
    let planted = [
        "disks.json",
        "disks.txt",
        "hardware.txt",
        "journal.jsonl",
        "kernel.log",
        "report.html",
        "report.json",
        "sequence.ron",
        "wimforge.1.log",
        "wimforge.log",
    ];
    for name in expected {
        let text = fs::read_to_string(inside.join(name)).unwrap();
        for part in ["Pl4nted", "S3cret", "0815"] {
            assert!(!text.contains(part), "{part} is in {name}");
        }
        assert_eq!(text.contains("********"), planted.contains(&name), "{name}");
    }
    assert_eq!(facts.taken_out, 11, "two in the log, one in nine others");
    let log = fs::read_to_string(inside.join("wimforge.log")).unwrap();
    let original = fs::read_to_string(folder.log()).unwrap();
    assert!(log == original.replace(SECRET, "********"));
    let contents = fs::read_to_string(inside.join("contents.txt")).unwrap();
    assert!(contents.starts_with(concat!("wimforge ", env!("CARGO_PKG_VERSION"), "\n")));
    assert!(contents.contains("taken out on the way into this archive: 11"));
    let disks = fs::read(inside.join("disks.json")).unwrap();
    let disks: serde_json::Value = serde_json::from_slice(&disks).unwrap();
    assert_eq!(disks[0]["partitions"][0]["fs"], "Fat32");
    // The machine's own files are untouched.
    assert!(original.contains(SECRET));
}

#[test]
fn names_are_made_anew_and_nothing_is_overwritten() {
    let bench = Bench::new();
    let run = bench.run(&document(
        "Step(name: \"one\", action: SetVariable(variable: \"A\", value: \"b\")),",
    ));
    let folder = RunFolder::at(&run.state.folder);
    let to = bench.path("out");
    fs::create_dir(&to).unwrap();
    let write = |to: &Path| bundle::write(&folder, &run.state, None, &redactor(), to);
    let paths: std::collections::BTreeSet<PathBuf> =
        (0..4).map(|_| write(&to).unwrap().path).collect();
    assert_eq!(paths.len(), 4, "{paths:?}");
    let named = to.join("mine.tar.gz");
    let facts = write(&named).unwrap();
    assert_eq!(facts.path, named);
    assert!(facts.missing[0].contains("the machine is not at hand"));
    let before = fs::read(&named).unwrap();
    let refusals = [
        (named.clone(), "exists already"),
        (to.join("mine.zip"), "neither a folder that exists"),
        (bench.path("nowhere/x.tar.gz"), "its folder does not exist"),
        (bench.path("nowhere"), "neither a folder that exists"),
        (to.join(".tar.gz"), "neither a folder that exists"),
    ];
    for (to, wanted) in refusals {
        let error = write(&to).unwrap_err().to_string();
        assert!(error.contains(wanted), "{}: {error}", to.display());
    }
    assert_eq!(fs::read(&named).unwrap(), before);
    fs::write(to.join("second.tar.gz.partial"), "somebody's").unwrap();
    let error = write(&to.join("second.tar.gz")).unwrap_err().to_string();
    assert!(error.contains("remove it, then try again"), "{error}");
    assert_eq!(names(&to).len(), 6, "four, mine, and somebody's");
}

#[test]
fn a_run_that_goes_on_and_a_folder_with_gaps_can_be_bundled() {
    let bench = Bench::new();
    let text = document(
        "Step(name: \"wait\", action: Pause(message: \"go on?\")),\
         Step(name: \"two\", action: SetVariable(variable: \"A\", value: \"b\")),",
    );
    let mut request = bench.request(&text);
    request.unattended = false;
    let thread = bench.start(request);
    let state = bench.wait_for("the pause", |state| state.question.is_some());
    let folder = RunFolder::at(&state.folder);
    let facts = bundle::write(&folder, &state, None, &redactor(), bench.folder.path()).unwrap();
    assert!(!folder.report().exists(), "the run has not ended");
    let unpacked = unpacked(&facts.path);
    let (json, page) = report(&unpacked.path().join(format!("wimforge-{}", folder.id())));
    assert_eq!(json["outcome"], serde_json::Value::Null);
    assert_eq!(json["steps"][0]["history"][0]["outcome"], "not ended");
    assert!(text_of(&page).contains("Not ended"));
    let question = state.question.unwrap().id;
    let answer = Request::Answer {
        question,
        yes: true,
    };
    assert_eq!(bench.dispatcher.request(&who(), answer), Reply::Accepted);
    assert_eq!(bench.finished(thread).outcome(), RunOutcome::Succeeded);

    fs::remove_file(folder.journal()).unwrap();
    fs::remove_file(folder.run_file()).unwrap();
    fs::remove_file(folder.report_html()).unwrap();
    let state = bench.dispatcher.state();
    let facts = bundle::write(&folder, &state, None, &redactor(), bench.folder.path()).unwrap();
    let missing = facts.missing.join("\n");
    assert!(missing.contains("journal.jsonl: No such file") && missing.contains("run.json"));
    assert!(facts.members.contains(&"report.html".to_owned()));
}

#[test]
fn a_full_and_a_read_only_destination_are_named_and_nothing_is_left() {
    if skip_lab() {
        return;
    }
    let bench = Bench::new();
    let run = bench.run(&document(
        "Step(name: \"one\", action: SetVariable(variable: \"A\", value: \"b\")),",
    ));
    let folder = RunFolder::at(&run.state.folder);
    // Nothing that could be compressed.
    let noise: Vec<u8> = (0..300_000).map(|_| rand::random::<u8>()).collect();
    fs::write(folder.path().join("wimforge.1.log"), noise).unwrap();
    for (options, wanted) in [
        ("size=128k", "make room there or choose another destination"),
        ("size=1m,ro", "choose a destination that can be written"),
    ] {
        let mounted = tempfile::tempdir().unwrap();
        let to: &Path = &Small::new(mounted.path().join("small"), options);
        let error = bundle::write(&folder, &run.state, None, &redactor(), to).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(wanted), "{error}");
        assert!(error.contains(&to.display().to_string()), "{error}");
        assert_eq!(names(to), [] as [String; 0]);
    }
}

#[test]
fn sticks_that_are_mounted_are_offered() {
    let found = bundle::destinations(&Leaky);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].folder, Path::new("/media/stick"));
    assert_eq!(found[0].free_bytes, Some(77));
    assert!(found[0].what.contains("1: 512 MiB FAT32 \"STICK\""));
    assert_eq!(bundle::destinations(&DisklessMachine::default()), []);
}
