//! The values of the settings steps, as pre-flight judges them: with what the variables will hold.

use super::bench::{Bench, Checked};
use crate::event::Gravity::{Blocking, Fine, Warning};

const APPLIED: [(&str, &str); 2] = [
    ("_WimforgeAppliedVolumes", "0,2"),
    ("_WimforgeVolumeC", "0,2"),
];

/// Makes `Key` and `OU` variables that the document knows, and that are empty.
const EMPTY: &str = r#"Step(name: "k", action: SetVariable(variable: "Key", value: "")), Step(name: "o", action: SetVariable(variable: "OU", value: ""))"#;

fn windows(fields: &str) -> String {
    format!(
        "Step(name: \"w\", action: ApplyWindowsSettings(user: \"u\", organization: \"o\", {fields}))"
    )
}

fn network(fields: &str) -> String {
    format!("Step(name: \"n\", action: ApplyNetworkSettings({fields}))")
}

fn check(steps: &[&str], variables: &[(&str, &str)]) -> Checked {
    let mut all = APPLIED.to_vec();
    all.extend(variables);
    Bench::default().check(steps, &all)
}

#[test]
fn a_product_key_is_whole_or_there_is_none() {
    let step = windows(r#"computer_name: "REF-01", product_key: "%Key%""#);
    for key in [
        "ABCDE",
        "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA",
        "W269N-WFGWX-YVC9B-4J6C9",
        "none",
    ] {
        check(&[&step], &[("Key", key)]).expect(Blocking, "Windows settings", "OSDProductKey");
    }
    check(&[&step], &[("Key", "W269N-WFGWX-YVC9B-4J6C9-T83GX")]).no(Blocking);
    check(&[EMPTY, &step], &[])
        .no(Blocking)
        .expect(Fine, "product key", "none");
    // A name that nothing knows is a mistake, not an empty key.
    check(&[&step], &[]).expect(Blocking, "Windows settings", "`Key` is not known");
}

#[test]
fn computer_names_are_those_that_windows_takes() {
    let step = windows(r#"computer_name: "%CN%""#);
    for name in [
        "PC+01",
        "PC;01",
        "PC=01",
        "PC[1]",
        "PC`1",
        "12345",
        "-PC",
        "PC ",
        "SYSTEM",
        "SIXTEEN-LETTERS1",
    ] {
        check(&[&step], &[("CN", name)]).expect(Blocking, "Windows settings", "OSDComputerName");
    }
    check(&[&step], &[("CN", "REF-01")]).no(Blocking);
}

#[test]
fn a_variable_that_is_left_in_a_value_is_named() {
    for (step, name) in [
        (windows(r#"computer_name: "PC-%Nmae%""#), "Nmae"),
        (windows(r#"computer_name: "P", time_zone: "%TZ%""#), "TZ"),
        (windows(r#"computer_name: "P", ui_language: "%L%""#), "L"),
        (network(r#"join: Workgroup("%WG%")"#), "WG"),
        (
            network(r#"join: Domain(name: "%D%", account: "a\\b")"#),
            "D",
        ),
        (
            network(r#"join: Domain(name: "d", ou: "OU=%U%,DC=x", account: "a\\b")"#),
            "U",
        ),
        (
            network(r#"join: Domain(name: "d", account: "a\\%A%")"#),
            "A",
        ),
        (network(r#"join: Workgroup("W"), dns_suffix: "%S%""#), "S"),
        (
            network(r#"join: Workgroup("W"), dns_suffix_search_order: ["a.example", "%S%"]"#),
            "S",
        ),
        (
            network(
                r#"join: Workgroup("W"), adapters: [(name: "E", dhcp: false, addresses: ["%IP%"])]"#,
            ),
            "IP",
        ),
        (
            network(r#"join: Workgroup("W"), adapters: [(name: "%N%")]"#),
            "N",
        ),
    ] {
        let subject = if step.contains("Network") {
            "network settings"
        } else {
            "Windows settings"
        };
        let found = check(&[&step], &[]);
        found.expect(Blocking, subject, &format!("`{name}` is not known"));
    }
    // The document knows it, and nobody has filled it in: a computer needs a name all the same.
    let step = windows(r#"computer_name: "%Key%""#);
    check(&[EMPTY, &step], &[]).expect(Blocking, "Windows settings", "`Key` has no value");
    // What a command will say is only known in the run.
    let command =
        r#"Step(name: "c", action: RunCommandLine(command: "true", output_variable: "CN"))"#;
    check(&[command, &windows(r#"computer_name: "%CN%""#)], &[])
        .no(Blocking)
        .expect(Warning, "Windows settings", "CN");
}

#[test]
fn domains_and_units_are_named_as_setup_wants_them() {
    let step = network(r#"join: Domain(name: "%D%", ou: "%OU%", account: "%A%")"#);
    let good = [("D", "corp.example"), ("A", "CORP\\join")];
    for ou in [
        "LDAP://dc01.corp.example/OU=Labs,DC=corp,DC=example",
        "corp.example/Labs",
        "OU=Labs;DC=corp;DC=example",
        "Labs",
    ] {
        check(&[&step], &[&good[..], &[("OU", ou)]].concat()).expect(
            Blocking,
            "network settings",
            "OSDDomainOUName",
        );
    }
    for ou in ["OU=Labs,DC=corp,DC=example", "LDAP://OU=Labs,DC=corp"] {
        check(&[&step], &[&good[..], &[("OU", ou)]].concat()).no(Blocking);
    }
    check(&[EMPTY, &step], &good).no(Blocking);
    for domain in ["corp..example", "https://corp.example", "corp example"] {
        check(&[EMPTY, &step], &[("D", domain), good[1]]).expect(
            Blocking,
            "network settings",
            "OSDDomainName",
        );
    }
    for account in ["join", "CORP\\", "CORP/join", "join@"] {
        check(&[EMPTY, &step], &[good[0], ("A", account)]).expect(
            Blocking,
            "network settings",
            "OSDJoinAccount",
        );
    }
}

#[test]
fn a_workgroup_is_not_called_like_the_computer() {
    let computer = windows(r#"computer_name: "LAB""#);
    let group = network(r#"join: Workgroup("Lab")"#);
    for steps in [[&*computer, &*group], [&*group, &*computer]] {
        check(&steps, &[]).expect(Blocking, "workgroup", "same name");
    }
    check(&[&computer, &network(r#"join: Workgroup("LABS")"#)], &[]).no(Blocking);
}

#[test]
fn input_methods_fit_and_unknown_names_of_windows_lists_are_warnings() {
    let ime = "0411:{03B5835F-F03C-411B-9CE2-AA23E1171E36}{A76C93D9-5523-4E90-AAFA-4DB112F9AC76}";
    let step = windows(r#"computer_name: "P", input_locale: "%IL%", user_locale: "%UL%""#);
    let locale = [("UL", "de-DE")];
    for input in [ime, "en-US; fr-FR; es-ES", "0407:00000407"] {
        check(&[&step], &[&locale[..], &[("IL", input)]].concat())
            .no(Blocking)
            .no(Warning);
    }
    check(&[&step], &[("IL", "german"), ("UL", "de-DE")]).expect(
        Blocking,
        "Windows settings",
        "OSDWindowsSettingsInputLocale",
    );
    check(&[&step], &[("IL", "de-DE"), ("UL", "de-DE;en-US")]).expect(
        Blocking,
        "Windows settings",
        "OSDWindowsSettingsUserLocale",
    );
    check(&[&step], &[("IL", "de-XX"), ("UL", "xx-DE")])
        .no(Blocking)
        .expect(
            Warning,
            "locale",
            "InputLocale: Windows has no locale `de-XX`",
        )
        .expect(
            Warning,
            "locale",
            "UserLocale: Windows has no locale `xx-DE`",
        );
}

/// An image with this answer file.
fn image(folder: &std::path::Path, answer: &[u8]) -> String {
    let tree = folder.join("tree");
    std::fs::create_dir_all(tree.join("WINDOWS/panther")).unwrap();
    std::fs::write(tree.join("WINDOWS/panther/Unattend.XML"), answer).unwrap();
    let wim = folder.join("source.wim");
    let out = std::process::Command::new("wimlib-imagex")
        .arg("capture")
        .args([&tree, &wim])
        .args(["Lab", "--image-property", "WINDOWS/ARCH=12"])
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
    wim.display().to_string()
}

#[test]
fn an_answer_file_that_cannot_be_read_is_found_before_the_wipe() {
    let partition = r#"Step(name: "p", action: PartitionDisk(disk: 0, style: Gpt, partitions: [(name: "W", size: Percent(100), format: Ntfs, letter_variable: "OSDisk")]))"#;
    let settings = windows(r#"computer_name: "P""#);
    let namespace = "xmlns=\"urn:schemas-microsoft-com:unattend\"";
    for (answer, gravity, part) in [
        (b"<unattend>\xFC</unattend>".to_vec(), Blocking, "WINDOWS/panther/Unattend.XML is not a usable answer file: it is not UTF-8"),
        (b"<unattend>".to_vec(), Blocking, "not well-formed"),
        (format!("<unattend {namespace}/>").into_bytes(), Fine, "merged"),
        (
            format!("<unattend {namespace}><settings pass=\"x\"><component processorArchitecture=\"amd64\"/></settings></unattend>").into_bytes(),
            Warning,
            "made for amd64 only; Windows for arm64",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let apply = format!(
            "Step(name: \"a\", action: ApplyOperatingSystem(image: r\"{}\", index: Index(1), destination: Variable(\"OSDisk\")))",
            image(folder.path(), &answer)
        );
        let bench = Bench::default();
        bench
            .check(&[partition, &apply, &settings], &[])
            .expect(gravity, "answer file", part);
        // Nobody touches it: nobody cares.
        let checked = bench.check(&[partition, &apply], &[]);
        assert!(checked.found.iter().all(|finding| finding.subject != "answer file"));
    }
}
