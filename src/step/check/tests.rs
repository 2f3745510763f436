use std::path::PathBuf;

use super::bench::{Bench, disk, ntfs, wim};
use crate::cancel::{CancelLevel, CancelToken};
use crate::event::Gravity::{Blocking, Fine, Warning};
use crate::platform::machine::Tool;
use crate::platform::{FsKind, Held, NtfsState, Refusal, TableState, Unclaimed};
use crate::units::GIB;

const PARTITION: &str = r#"Step(name: "Partition", action: PartitionDisk(disk: 0, style: Gpt, partitions: [(name: "EFI", kind: Efi, size: MiB(260), format: Fat32, assign_letter: false), (name: "Windows", size: Percent(100), format: Ntfs, letter_variable: "OSDisk")]))"#;

fn apply(image: &str) -> String {
    format!(
        "Step(name: \"Apply\", action: ApplyOperatingSystem(image: r\"{image}\", destination: Variable(\"OSDisk\")))"
    )
}

#[test]
fn a_disk_is_present_allowed_and_large_enough() {
    let bench = Bench::default();
    bench
        .check(&[PARTITION], &[])
        .no(Blocking)
        .no(Warning)
        .expect(Fine, "disk 0", "64 GiB")
        .expect(Fine, "disk 0", "no partition table");
    let mut full = Bench::default();
    full.disks[0].partitions = vec![ntfs(0, 1, GIB), ntfs(0, 2, GIB), ntfs(0, 3, GIB)];
    full.check(&[PARTITION], &[]).no(Blocking).expect(
        Warning,
        "disk 0",
        "holds 3 partitions, which will be wiped",
    );
    let mut archive = Bench::default();
    archive.disks[0].contents.whole = vec![Held {
        kind: FsKind::Other("ext4".to_owned()),
        label: "Archive".to_owned(),
        bytes: Some(GIB),
    }];
    archive.check(&[PARTITION], &[]).no(Blocking).expect(
        Warning,
        "disk 0",
        "what it holds will be wiped: on the whole disk: ext4 \"Archive\", 1.0 GiB",
    );
    let mut unknown = Bench::default();
    unknown.disks[0].contents.unclaimed = Unclaimed::Data {
        at: 4096,
        first: b"MZ".to_vec(),
    };
    unknown
        .check(&[PARTITION], &[])
        .expect(Warning, "disk 0", "not known: first bytes 4d 5a |MZ|");
    let mut damaged = Bench::default();
    damaged.disks[0].contents.table = TableState::Damaged("its first copy is gone".to_owned());
    damaged.check(&[PARTITION], &[]).no(Blocking).expect(
        Warning,
        "disk 0",
        "the table is damaged: its first copy is gone",
    );
    let mut blank = Bench::default();
    blank.disks[0].contents.unclaimed = Unclaimed::Zeros { places: 65 };
    blank
        .check(&[PARTITION], &[])
        .no(Warning)
        .expect(Fine, "disk 0", "no data in the 65 places");
    let mut refused = Bench::default();
    refused.disks[0].refusals = vec![Refusal::BootMedium(PathBuf::from("/dev/none0"))];
    refused
        .check(&[PARTITION], &[])
        .expect(Blocking, "disk 0", "what this system runs from");
    let small = Bench {
        disks: vec![disk(0, GIB / 8)],
        ..Bench::default()
    };
    small
        .check(&[PARTITION], &[])
        .expect(Blocking, "disk 0", "does not fit");
    let none = Bench {
        disks: vec![disk(7, GIB)],
        ..Bench::default()
    };
    let checked = none.check(&[PARTITION], &[]);
    checked.expect(Blocking, "disk 0", "there is no disk 0");
    assert!(checked.found[0].way_out.as_ref().unwrap().contains('7'));
    // The variable wins over the step.
    none.check(&[PARTITION], &[("OSDDiskIndex", "7")])
        .no(Blocking);
    let mbr = r#"Step(name: "P", action: PartitionDisk(disk: 0, style: Mbr, partitions: [(name: "W", kind: Primary, size: Percent(100), format: Ntfs, bootable: true)]))"#;
    bench.check(&[mbr], &[]).expect(Warning, "disk 0", "UEFI");
    bench
        .check(&[PARTITION, PARTITION], &[])
        .expect(Warning, "disk 0", "earlier step");
}

#[test]
fn an_image_is_checked_against_the_volume_that_will_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let source = wim(folder.path());
    let step = apply(&source.display().to_string());
    let bench = Bench::default();
    bench
        .check(&[PARTITION, &step], &[])
        .no(Blocking)
        .no(Warning)
        .expect(Fine, "image file", "with integrity table")
        .expect(Fine, "image", "image 1 \"Lab\", x64")
        .expect(Fine, "disk 0 partition 2", "for image 1");
    // Nothing makes the volume.
    bench
        .check(&[&step], &[])
        .expect(Blocking, "destination", "OSDisk");
    bench
        .check(&[PARTITION, &apply("/nowhere/x.wim")], &[])
        .expect(Blocking, "image file", "cannot be opened");
    std::fs::write(folder.path().join("text.wim"), "no image").unwrap();
    let text = apply(&folder.path().join("text.wim").display().to_string());
    bench
        .check(&[PARTITION, &text], &[])
        .expect(Blocking, "image file", "text.wim");
    let second = step.replace("destination:", "index: Index(2), destination:");
    bench
        .check(&[PARTITION, &second], &[])
        .expect(Blocking, "image", "has no image 2");
    let arm = step.replace("destination:", "architecture: Arm64, destination:");
    bench
        .check(&[PARTITION, &arm], &[])
        .expect(Blocking, "image", "asks for ARM64");
    let unchecked = step.replace("destination:", "verify: false, destination:");
    bench
        .check(&[PARTITION, &unchecked], &[])
        .no(Blocking)
        .expect(Warning, "image file", "not checked");
    // A volume of today: emptied, and only when its file system is in order.
    let mut old = Bench::default();
    old.disks[0].partitions = vec![ntfs(0, 1, GIB)];
    let here = step.replace("Variable(\"OSDisk\")", "Partition(0, 1)");
    old.check(&[&here], &[])
        .no(Blocking)
        .expect(Warning, "disk 0 partition 1", "is emptied");
    old.state = NtfsState::Hibernated;
    old.check(&[&here], &[])
        .expect(Blocking, "disk 0 partition 1", "hibernated");
    old.state = NtfsState::Clean;
    old.disks[0].partitions[0].bytes = 1024 * 1024;
    old.check(&[&here], &[])
        .expect(Blocking, "disk 0 partition 1", "too small");
}

#[test]
fn an_image_whose_name_is_only_known_in_the_run_is_no_more_than_a_warning() {
    let command = r#"Step(name: "find", action: RunCommandLine(command: "/bin/sh", output_variable: "Image"))"#;
    Bench::default()
        .check(&[PARTITION, command, &apply("/img/%Image%.wim")], &[])
        .no(Blocking)
        .expect(Warning, "image file", "`image` is only known in the run");
    // What follows is not blamed for it.
    let windows = r#"Step(name: "w", action: ApplyWindowsSettings(user: "u", organization: "o"))"#;
    Bench::default()
        .check(
            &[PARTITION, command, &apply("/img/%Image%.wim"), windows],
            &[],
        )
        .no(Blocking);
}

#[test]
fn settings_are_checked_with_the_values_of_the_run() {
    let applied = [
        ("_WimforgeAppliedVolumes", "0,2"),
        ("_WimforgeVolumeC", "0,2"),
    ];
    let with = |extra: &[(&'static str, &'static str)]| {
        let mut all = applied.to_vec();
        all.extend(extra);
        all
    };
    let windows = r#"Step(name: "w", action: ApplyWindowsSettings(computer_name: "REF-01", user: "u", organization: "o", time_zone: "UTC"))"#;
    let bench = Bench::default();
    bench
        .check(&[windows], &applied)
        .no(Blocking)
        .no(Warning)
        .expect(Fine, "computer name", "REF-01")
        .expect(Fine, "time zone", "UTC");
    bench
        .check(&[windows], &with(&[("OSDTimeZone", "Europe/Berlin")]))
        .no(Blocking)
        .expect(Warning, "time zone", "Europe/Berlin");
    bench
        .check(
            &[windows],
            &with(&[("OSDComputerName", "much-too-long-a-name")]),
        )
        .expect(Blocking, "Windows settings", "15");
    bench
        .check(&[windows], &[])
        .expect(Blocking, "Windows volume", "no image was applied");
    let network =
        |join: &str| format!("Step(name: \"n\", action: ApplyNetworkSettings(join: {join}))");
    let domain = network(r#"Domain(name: "corp", account: "corp\\join")"#);
    bench
        .check(&[&network(r#"Workgroup("LAB")"#)], &applied)
        .no(Blocking)
        .no(Warning)
        .expect(Fine, "network settings", "workgroup LAB");
    bench.check(&[&domain], &applied).no(Blocking).expect(
        Warning,
        "domain join",
        "OSDJoinPassword is empty",
    );
    bench
        .check(&[&domain], &with(&[("OSDJoinAccount", "nobody")]))
        .expect(Blocking, "network settings", "OSDJoinAccount");
}

#[test]
fn a_command_names_a_program_and_a_folder() {
    let step = |text: &str| format!("Step(name: \"c\", action: RunCommandLine({text}))");
    let bench = Bench::default();
    bench
        .check(
            &[&step(
                "command: \"sh -c true\", working_directory: \"/tmp\"",
            )],
            &[],
        )
        .no(Blocking)
        .no(Warning)
        .expect(Fine, "command", "sh is /")
        .expect(Fine, "working folder", "/tmp");
    bench
        .check(&[&step("command: \"no-such-program --now\"")], &[])
        .no(Blocking)
        .expect(Warning, "command", "no-such-program");
    let hidden = step("command: \"no-such-program --now\", do_not_log: true");
    let checked = bench.check(&[&hidden], &[]);
    checked.expect(Warning, "command", "the program is not there now");
    assert!(!format!("{:?}", checked.found).contains("no-such"));
    bench
        .check(&[&step("command: \"sh %Nobody%\"")], &[])
        .expect(Warning, "command", "`%Nobody%`");
    bench
        .check(&[&step("command: \"sh 'x\"")], &[])
        .expect(Blocking, "command", "quote");
    bench
        .check(
            &[&step("command: \"sh\", working_directory: \"/no/such\"")],
            &[],
        )
        .expect(Blocking, "working folder", "/no/such");
    // An earlier command may make it.
    let both = [
        step("command: \"sh\""),
        step("command: \"sh\", working_directory: \"/no/such\""),
    ];
    bench.check(&[&both[0], &both[1]], &[]).no(Blocking).expect(
        Warning,
        "working folder",
        "/no/such",
    );
    let secret = bench.check_with(
        &[&step("command: \"sh %Pw%\"")],
        &[],
        &[("Pw", "hunter2hunter2")],
        &CancelToken::new(),
    );
    secret.expect(Blocking, "command", "secret");
    let all = format!("{:?} {:?}", secret.found, secret.said);
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn variables_and_restarts_are_rehearsed() {
    let set = |name: &str, value: &str| {
        format!("Step(name: \"s\", action: SetVariable(variable: \"{name}\", value: \"{value}\"))")
    };
    let long = "x".repeat(3000);
    let bench = Bench::default();
    bench
        .check(&[&set("A", "%L%%L%")], &[("L", &long)])
        .expect(Blocking, "variable", "4000");
    bench
        .check(&[&set("A", "%Nobody%")], &[])
        .no(Blocking)
        .expect(Warning, "variable", "%Nobody%");
    assert!(bench.check(&[&set("A", "1")], &[]).found.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let step = apply(&wim(folder.path()).display().to_string());
    let restart = r#"Step(name: "r", action: RestartComputer(to: HardDisk))"#;
    bench.check(&[PARTITION, &step, restart], &[]).no(Blocking);
    // The image cannot be read: the restart is not blamed for it.
    let checked = bench.check(&[PARTITION, &apply("/no.wim"), restart], &[]);
    checked.expect(Blocking, "image file", "/no.wim");
    checked.expect(Warning, "restart", "only known in the run");
}

#[test]
fn what_will_not_run_is_not_checked() {
    let skip = PARTITION.replace(
        "action:",
        "condition: Equals(\"_SMSTSBootUEFI\", \"false\"), action:",
    );
    let checked = Bench::default().check(&[&skip], &[]);
    checked
        .no(Blocking)
        .no(Warning)
        .expect(Fine, "condition", "skipped");
    let mut none = Bench::default();
    none.disks.clear();
    // Only the run can tell: no more than a warning.
    let maybe = PARTITION.replace("action:", "condition: File(path: \"/x\"), action:");
    none.check(&[&maybe], &[])
        .no(Blocking)
        .expect(Warning, "disk 0", "may be skipped");
    let tolerant = PARTITION.replace("action:", "continue_on_error: true, action:");
    none.check(&[&tolerant], &[])
        .no(Blocking)
        .expect(Warning, "disk 0", "continue on error");
    // A group's condition is looked at once, when the group starts.
    let group = format!(
        "Group(name: \"g\", condition: NotExists(\"A\"), steps: [Step(name: \"s\", action: SetVariable(variable: \"A\", value: \"1\")), {PARTITION}])"
    );
    none.check(&[&group], &[])
        .expect(Blocking, "disk 0", "no disk");
    let set = r#"Step(name: "s", action: SetVariable(variable: "A", value: "1"))"#;
    let found = none.check(&[set, &group], &[]).found;
    let conditions = found.iter().filter(|f| f.subject == "condition").count();
    assert_eq!(conditions, 1, "{found:#?}");
}

#[test]
fn rights_and_tools_are_looked_at_when_volumes_are_handled() {
    let tool = |name, path: Option<&str>| Tool {
        name,
        package: "ntfs-3g",
        path: path.map(PathBuf::from),
    };
    let mut bench = Bench {
        root: Some(true),
        tools: vec![tool("mkntfs", Some("/sbin/mkntfs"))],
        ..Bench::default()
    };
    bench
        .check(&[PARTITION], &[])
        .expect(Fine, "rights", "root")
        .expect(Fine, "tools", "mkntfs");
    bench.root = Some(false);
    bench.tools.push(tool("ntfs-3g", None));
    bench
        .check(&[PARTITION], &[])
        .expect(Blocking, "rights", "root")
        .expect(Blocking, "tools", "ntfs-3g is missing");
    let pause = r#"Step(name: "p", action: Pause(message: "m"))"#;
    assert!(bench.check(&[pause], &[]).found.is_empty());
}

#[test]
fn a_cancelled_check_ends() {
    let cancel = CancelToken::new();
    cancel.raise(CancelLevel::Asked);
    let checked = Bench::default().check_with(&[PARTITION], &[], &[], &cancel);
    assert!(checked.found.is_empty(), "{:?}", checked.found);
}
