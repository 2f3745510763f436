use super::*;
use crate::sequence::load::read_text;
use crate::sequence::plan::PlannedSequence;

const PARTITION: &str = r#"Step(name: "Partition", action: PartitionDisk(disk: 0, style: Gpt, partitions: [(name: "w", size: Percent(100), format: Ntfs, letter_variable: "OSDisk")]))"#;
const APPLY: &str = r#"Step(name: "Apply", action: ApplyOperatingSystem(image: "x.wim", destination: Variable("OSDisk")))"#;
const CAPTURE: &str =
    r#"Step(name: "Capture", action: CaptureOperatingSystem(destination: "c.wim"))"#;
const DOMAIN: &str = r#"Step(name: "Join", action: ApplyNetworkSettings(join: Domain(name: "corp", account: "corp\\u")))"#;
const RESTART: &str = r#"Step(name: "Restart", action: RestartComputer(to: HardDisk))"#;

fn of(head: &str, steps: &[&str]) -> Vec<Finding> {
    let text = format!(
        "Sequence(schema: 1, name: \"x\", {head} steps: [{}])",
        steps.join(", ")
    );
    let checked = read_text("x", &text);
    assert!(checked.is_good(), "{}", checked.render());
    lint(&PlannedSequence::new(&checked.sequence.unwrap()).unwrap())
}

fn one(head: &str, steps: &[&str]) -> (Option<u32>, Gravity, String) {
    let mut found = of(head, steps);
    assert_eq!(found.len(), 1, "{found:#?}");
    let finding = found.remove(0);
    assert!(finding.way_out.is_some());
    (finding.node.map(|id| id.0), finding.gravity, finding.text)
}

#[test]
fn a_sound_sequence_gives_rise_to_nothing() {
    assert_eq!(of("", &[PARTITION, APPLY, RESTART, CAPTURE]), []);
    let shipped = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sequences")).unwrap();
    let mut count = 0;
    for path in shipped.map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|e| e == "ron") {
            let checked = crate::sequence::load::read(&path);
            let planned = PlannedSequence::new(&checked.sequence.unwrap()).unwrap();
            assert_eq!(lint(&planned), [], "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn a_capture_of_a_wiped_machine_blocks() {
    let (node, gravity, text) = one("", &[PARTITION, CAPTURE]);
    assert_eq!((node, gravity), (Some(1), Gravity::Blocking), "{text}");
    assert!(text.contains("\"Partition\" wipes disk 0"), "{text}");
    // A command may fill the disk; a condition may spare it.
    let command = r#"Step(name: "c", action: RunCommandLine(command: "true"))"#;
    assert_eq!(one("", &[PARTITION, command, CAPTURE]).1, Gravity::Warning);
    let maybe = PARTITION.replace("action:", "condition: Exists(\"X\"), action:");
    assert_eq!(one("", &[&maybe, CAPTURE]).1, Gravity::Warning);
    // Capturing first, or never both, is in order.
    assert_eq!(of("", &[CAPTURE, PARTITION]), []);
    let other = CAPTURE.replace("action:", "condition: NotExists(\"X\"), action:");
    assert_eq!(of("", &[&maybe, &other]), []);
}

#[test]
fn a_domain_has_no_place_in_an_image() {
    let found = one("", &[PARTITION, APPLY, DOMAIN, CAPTURE]);
    assert_eq!(
        (found.0, found.1),
        (Some(2), Gravity::Warning),
        "{}",
        found.2
    );
    let found = one("", &[PARTITION, APPLY, DOMAIN, RESTART, CAPTURE]);
    assert_eq!(
        (found.0, found.1),
        (Some(2), Gravity::Blocking),
        "{}",
        found.2
    );
    assert!(found.2.contains("corp"), "{}", found.2);
    let workgroup =
        r#"Step(name: "Leave", action: ApplyNetworkSettings(join: Workgroup("WORKGROUP")))"#;
    assert_eq!(of("", &[PARTITION, APPLY, DOMAIN, workgroup, CAPTURE]), []);
    let sysprep = r#"Step(name: "s", action: RunCommandLine(command: "sysprep.exe /generalize"))"#;
    assert_eq!(of("", &[PARTITION, APPLY, DOMAIN, sysprep, CAPTURE]), []);
    let decided = r#"variables: { "OSDNetworkJoinType": "1" },"#;
    assert_eq!(of(decided, &[PARTITION, APPLY, DOMAIN, CAPTURE]), []);
}

#[test]
fn percentages_over_a_hundred_are_explained() {
    let disk = |sizes: &[u8]| {
        let parts: Vec<String> = sizes
            .iter()
            .map(|size| format!("(name: \"p{size}\", size: Percent({size}), format: Ntfs)"))
            .collect();
        format!(
            "Step(name: \"P\", action: PartitionDisk(disk: 0, style: Gpt, partitions: [{}]))",
            parts.join(", ")
        )
    };
    let (_, gravity, text) = one("", &[&disk(&[60, 60])]);
    assert_eq!(gravity, Gravity::Warning);
    assert!(
        text.contains("120") && text.contains("about 24 %"),
        "{text}"
    );
    assert_eq!(of("", &[&disk(&[99, 100])]), []);
    assert_eq!(of("", &[&disk(&[50, 50])]), []);
}

#[test]
fn a_letter_that_nobody_gives_out_blocks() {
    let apply = |letter: char| {
        format!(
            "Step(name: \"Apply\", action: ApplyOperatingSystem(image: \"x.wim\", destination: Letter('{letter}')))"
        )
    };
    assert_eq!(of("", &[PARTITION, &apply('C')]), []);
    let (node, gravity, text) = one("", &[PARTITION, &apply('E')]);
    assert_eq!((node, gravity), (Some(1), Gravity::Blocking));
    assert!(text.contains("E: does not exist"), "{text}");
    assert!(one("", &[&apply('C')]).2.contains("no step before"));
}

#[test]
fn a_variable_of_a_disabled_step_is_missed() {
    let disabled = PARTITION.replace("action:", "disabled: true, action:");
    let (node, gravity, text) = one("variables: {},", &[&disabled, APPLY]);
    assert_eq!((node, gravity), (Some(1), Gravity::Warning));
    assert!(
        text.contains("`osdisk`") && text.contains("\"Partition\""),
        "{text}"
    );
    // The document gives it a value.
    assert_eq!(
        of(r#"variables: { "OSDisk": "0,1" },"#, &[&disabled, APPLY]),
        []
    );
    let group = format!("Group(name: \"g\", disabled: true, steps: [{PARTITION}])");
    assert_eq!(one("", &[&group, APPLY]).0, Some(2));
}

#[test]
fn a_long_sequence_is_read_in_time() {
    let steps: Vec<String> = (0..4000)
        .map(|at| {
            let next = at + 1;
            let disabled = at % 2 == 1;
            format!("Step(name: \"s\", condition: Exists(\"V{at}\"), disabled: {disabled}, action: SetVariable(variable: \"V{at}\", value: \"%V{next}%\"))")
        })
        .collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    assert_eq!(of("", &steps).len(), 2000);
}

#[test]
fn conditions_that_cannot_be_met_are_found_once() {
    let step = r#"Step(name: "s", condition: All([Equals("X", "a"), Equals("X", "b")]), action: Pause(message: "m"))"#;
    let (node, gravity, text) = one("", &[step]);
    assert_eq!((node, gravity), (Some(0), Gravity::Warning));
    assert!(text.contains("can never be true"), "{text}");
    let group = format!(
        "Group(name: \"g\", condition: None([Any([Exists(\"X\"), NotExists(\"X\")])]), steps: [{step}])"
    );
    let found = one("", &[&group]);
    assert!(
        found.0 == Some(0) && found.2.contains("this group"),
        "{}",
        found.2
    );
    let inside = r#"Group(name: "g", condition: Equals("_SMSTSBootUEFI", "true"), steps: [Step(name: "s", condition: NotEquals("_SMSTSBootUEFI", "TRUE"), action: Pause(message: "m"))])"#;
    let found = one("", &[inside]);
    assert!(
        found.0 == Some(1) && found.2.contains("a group above"),
        "{}",
        found.2
    );
    // The step before changes what the group looked at.
    let changed = r#"Group(name: "g", condition: NotExists("X"), steps: [Step(name: "a", action: SetVariable(variable: "X", value: "1")), Step(name: "s", condition: Exists("X"), action: Pause(message: "m"))])"#;
    assert_eq!(of("", &[changed]), []);
    let numbers = r#"Step(name: "s", condition: All([Greater("X", "10"), Less("X", "5")]), action: Pause(message: "m"))"#;
    assert!(one("", &[numbers]).2.contains("true for no number"));
}

#[test]
fn a_connection_comes_before_its_user() {
    let connect = r#"Step(name: "Connect", action: ConnectNetworkFolder(path: r"\\srv\img", letter: 'Z', folder_variable: "Share"))"#;
    let command = r#"Step(name: "Copy", action: RunCommandLine(command: "cp Z:\\\\a.txt /tmp"))"#;
    let (node, gravity, text) = one("", &[command, connect]);
    assert_eq!((node, gravity), (Some(0), Gravity::Blocking));
    assert!(text.contains("Z:"), "{text}");
    assert_eq!(of("", &[connect, command]), []);
    let winpe = r#"Step(name: "Again", action: RestartComputer(to: WindowsPE))"#;
    let found = one("", &[connect, winpe, command]);
    assert!(
        found.0 == Some(2) && found.2.contains("\"Again\""),
        "{}",
        found.2
    );
    let apply = r#"Step(name: "Apply", action: ApplyOperatingSystem(image: "%Share%/x.wim"))"#;
    assert_eq!(one("", &[apply, connect]).1, Gravity::Warning);
    assert_eq!(
        of(r#"variables: { "Share": "/x" },"#, &[apply, connect]),
        []
    );
}

#[test]
fn two_captures_need_two_files() {
    let again =
        |existing: &str| CAPTURE.replace("\"c.wim\"", &format!("\"c.wim\", existing: {existing}"));
    let (node, gravity, text) = one("", &[CAPTURE, &again("Refuse")]);
    assert_eq!((node, gravity), (Some(1), Gravity::Blocking), "{text}");
    assert_eq!(one("", &[CAPTURE, &again("Replace")]).1, Gravity::Blocking);
    assert_eq!(of("", &[CAPTURE, &again("Append")]), []);
    assert_eq!(of("", &[CAPTURE, &again("NewName")]), []);
    let other = CAPTURE.replace("c.wim", "d.wim");
    assert_eq!(of("", &[CAPTURE, &other]), []);
    let given = r#"variables: { "OSDCaptureDestination": "e.wim" },"#;
    assert!(
        one(given, &[CAPTURE, &other])
            .2
            .contains("OSDCaptureDestination")
    );
    let maybe = again("Refuse").replace("action:", "condition: Exists(\"X\"), action:");
    assert_eq!(one("", &[CAPTURE, &maybe]).1, Gravity::Warning);
    let named = CAPTURE.replace("c.wim", "%Name%.wim");
    let set = r#"Step(name: "set", action: SetVariable(variable: "Name", value: "b"))"#;
    assert_eq!(of("", &[set, &named, set, &named]), []);
}

#[test]
fn passwords_in_plain_text_are_named_without_their_value() {
    let set = |value: &str, secret: bool| {
        format!(
            "Step(name: \"s\", action: SetVariable(variable: \"OSDJoinPassword\", value: \"{value}\", secret: {secret}))"
        )
    };
    let (node, gravity, text) = one("", &[&set("hunter2", false)]);
    assert_eq!((node, gravity), (Some(0), Gravity::Warning));
    assert!(
        text.contains("OSDJoinPassword") && !text.contains("hunter2"),
        "{text}"
    );
    assert_eq!(of("", &[&set("%Other%", false)]), []);
    assert_eq!(of("", &[&set("", false)]), []);
    let found = one(
        r#"variables: { "OSDCaptureAccountPassword": "hunter2" },"#,
        &[],
    );
    assert!(
        found.0.is_none() && !found.2.contains("hunter2"),
        "{}",
        found.2
    );
}

#[test]
fn an_input_that_nothing_uses_is_named() {
    let inputs = r#"inputs: [Input(variable: "Site", label: "Site")],"#;
    let (node, gravity, text) = one(inputs, &[]);
    assert_eq!((node, gravity), (None, Gravity::Warning));
    assert!(text.contains("`Site`"), "{text}");
    let uses = r#"Step(name: "s", action: Pause(message: "at %site%"))"#;
    assert_eq!(of(inputs, &[uses]), []);
}

#[test]
fn signs_of_a_shell_without_one_are_named() {
    let step = |command: &str, more: &str| {
        format!("Step(name: \"s\", action: RunCommandLine(command: {command:?}{more}))")
    };
    for command in [
        "echo a > /tmp/x",
        "a | b",
        "a && b",
        "a; b",
        "echo $HOME",
        "rm /tmp/*",
    ] {
        let (node, gravity, text) = one("", &[&step(command, "")]);
        assert_eq!((node, gravity), (Some(0), Gravity::Warning));
        assert!(text.contains("in a shell"), "{text}");
        assert_eq!(of("", &[&step(command, ", shell: true")]), []);
        assert_eq!(of("", &[&step(&format!("sh -c '{command}'"), "")]), []);
    }
}

#[test]
fn variables_that_do_nothing_here_are_named() {
    let set = |name: &str| {
        format!("Step(name: \"s\", action: SetVariable(variable: \"{name}\", value: \"true\"))")
    };
    let (node, gravity, text) = one("", &[&set("smstspostaction")]);
    assert_eq!((node, gravity), (Some(0), Gravity::Warning));
    assert!(
        text.contains("`SMSTSPostAction` is not supported"),
        "{text}"
    );
    assert_eq!(of("", &[&set("TSDebugOnError")]), []);
}

#[test]
fn what_pretends_or_is_disabled_does_nothing() {
    let pretend = PARTITION.replace("action:", "simulate: Succeed(1), action:");
    assert_eq!(of("", &[&pretend, CAPTURE]), []);
    let disabled = CAPTURE.replace("action:", "disabled: true, action:");
    assert_eq!(of("", &[PARTITION, &disabled]), []);
}
