//! The catalogue of hints: every entry by a recorded failure, what must not match, and `wimforge explain`.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use ron::extensions::Extensions;
use serde::Deserialize;
use wimforge::event::Failure;
use wimforge::hints::{Match, Strength, best, catalogue, explain, render};

/// A failure as it was recorded.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    entry: u32,
    kind: String,
    code: u32,
    message: String,
    #[serde(default)]
    causes: Vec<String>,
    #[serde(default)]
    tail: Vec<String>,
    #[serde(default = "first")]
    rank: usize,
    #[serde(default)]
    note: Option<String>,
}

fn first() -> usize {
    1
}

impl Recorded {
    fn failure(&self) -> Failure {
        Failure {
            code: self.code,
            message: self.message.clone(),
            causes: self.causes.clone(),
            tail: self.tail.clone(),
            hint: None,
        }
    }
}

fn recorded() -> Vec<Recorded> {
    ron::Options::default()
        .with_default_extension(Extensions::IMPLICIT_SOME)
        .from_str(include_str!("hints/symptoms.ron"))
        .unwrap()
}

fn failure(code: u32, message: &str) -> Failure {
    Failure {
        code,
        message: message.to_owned(),
        ..Failure::default()
    }
}

fn numbers(matches: &[Match]) -> Vec<u32> {
    matches.iter().map(|found| found.hint.number).collect()
}

#[test]
fn every_entry_fires_for_its_recorded_failure() {
    let recorded = recorded();
    let mut wrong = Vec::new();
    for case in &recorded {
        assert!((1..=3).contains(&case.rank));
        assert_eq!(case.rank > 1, case.note.is_some(), "entry {}", case.entry);
        let found = best(&case.failure(), &case.kind);
        let place = found.iter().position(|m| m.hint.number == case.entry);
        if place.is_none_or(|place| place >= case.rank) {
            wrong.push(format!("{}: {:?}", case.entry, numbers(&found)));
        }
        let sure = found.iter().filter(|m| m.strength == Strength::Words);
        let sure: Vec<u32> = sure.map(|m| m.hint.number).collect();
        if sure.len() > 3 || !sure.contains(&case.entry) {
            wrong.push(format!("{}: by words {sure:?}", case.entry));
        }
        for found in &found {
            assert!(!found.why.is_empty() && found.why.len() < 250);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let entries: BTreeSet<u32> = recorded.iter().map(|case| case.entry).collect();
    assert!(entries.into_iter().eq(1..=67));
}

/// The names of step kinds that the program has, from where they are written.
fn kinds() -> BTreeSet<&'static str> {
    let source = include_str!("../src/sequence/schema.rs");
    let start = source.find("pub fn kind(").unwrap();
    let end = source.find("pub fn component(").unwrap();
    source[start..end].split('"').skip(1).step_by(2).collect()
}

#[test]
fn the_catalogue_is_whole_and_well_written() {
    let hints = catalogue();
    assert!(hints.iter().map(|hint| hint.number).eq(1..=67));
    let mut known = kinds();
    assert!(known.contains("Run Command Line") && known.len() >= 10);
    // Steps of Configuration Manager that are still to come.
    known.extend([
        "Prepare Windows for Capture",
        "Setup Windows and ConfigMgr",
        "Install Software Updates",
        "Join Domain or Workgroup",
    ]);
    let mut texts = BTreeSet::new();
    for hint in hints {
        let number = hint.number;
        assert!(!hint.title.is_empty() && !hint.title.ends_with('.'));
        assert!(hint.title.len() <= 70, "{number}: {}", hint.title);
        assert!(!hint.todo.is_empty(), "{number}");
        for text in hint.todo.iter().chain([&hint.cause]) {
            assert!(text.ends_with('.'), "{number}: {text}");
            assert!(text.len() <= 180 && text.trim() == text, "{number}: {text}");
        }
        for text in hint.todo.iter().chain([&hint.cause, &hint.title]) {
            assert!(texts.insert(text.clone()), "{number}: twice: {text}");
        }
        let symptom = &hint.symptom;
        // A code may be lost on the way; words are mostly in some log.
        assert!(!symptom.patterns.is_empty(), "{number}");
        assert!(
            symptom.patterns.iter().all(|p| !p.is_empty()),
            "{number}: an empty pattern matches everything"
        );
        let distinct = |count: usize, all: usize| assert_eq!(count, all, "{number}: duplicates");
        let codes: BTreeSet<u32> = symptom.codes.iter().copied().collect();
        distinct(codes.len(), symptom.codes.len());
        let patterns: BTreeSet<&String> = symptom.patterns.iter().collect();
        distinct(patterns.len(), symptom.patterns.len());
        for kind in &symptom.kinds {
            assert!(known.contains(kind.as_str()), "{number}: {kind}");
        }
    }
}

#[test]
fn no_pattern_fires_on_ordinary_output() {
    let ordinary = [
        "Executing command line: robocopy /mir a b",
        "The operation completed successfully.",
        "command \"format-labels\" ended with exit code 9",
        "disk 0 partition 3 (NTFS, Windows, 31.2 GiB in use)",
        "applying image 1 of 2: 41 %",
        "Windows 11 Enterprise 24H2, x64, en-US",
        "The computer will join the domain corp.example",
        "captured 2 volumes, 14.2 GiB, into \\\\files\\images\\ref.wim",
        "Restart requested: target WinPE, timeout 30 s",
        "mkntfs completed successfully. Have a nice day.",
        "C:\\Windows\\System32\\drivers\\etc\\hosts",
        "segment 12 of 40 written, 0 errors",
        "SYSPRP LaunchDll:Successfully executed 'C:\\Windows\\system32\\slc.dll,SLReArmWindows'",
        "SYSPRP ActionPlatform::LaunchModule: Executing method 'Sysprep_Generalize_Bcd' from spbcd.dll",
        "SYSPRP Set ImageState to IMAGE_STATE_UNDEPLOYABLE",
        "Using C:\\Windows\\Panther\\unattend.xml for the pass specialize",
        "No pending reboot detected",
        "Set _OSDDetectedWinDrive = C:",
        "System locale en-US, keyboard layout de-DE",
        "dism /Capture-Image /ConfigFile:WimScript.ini",
        "DnsQuery _ldap._tcp.dc._msdcs.corp.example: 2 records",
        "bash: -c: line 2: syntax error: unexpected end of file",
        "Pacific Standard Time, daylight saving off on this server",
        "copying C:\\tools\\..\\drivers\\net.inf",
        "ref.wim exists, 1 image",
        "BitLocker is off for C:",
        "wimlib-imagex 1.14.4 (using wimlib 1.14.4)",
        "",
    ];
    for line in ordinary {
        let found = best(&failure(0x8007_1234, line), "Run Command Line");
        assert!(found.is_empty(), "{line}: {:?}", numbers(&found));
    }
    let mut all = failure(9, "command \"x\" ended with exit code 9");
    all.tail = ordinary.map(str::to_owned).to_vec();
    assert!(best(&all, "Run Command Line").is_empty());
}

#[test]
fn codes_that_say_nothing_alone_rank_low() {
    // Not even the right kind makes them strong.
    let found = best(&failure(0x8007_0005, "x"), "Connect to Network Folder");
    assert!(found.iter().all(|m| m.strength == Strength::Weak));
    assert_eq!(found[0].hint.number, 34);
    for code in [0x8000_4005, 0x8007_0005, 0x8007_0002, 0x8007_0057, 1, 2] {
        assert!(best(&failure(code, "x"), "Pause").is_empty(), "{code:#x}");
    }
    // A tool's exit code that looks like a Win32 number does not count for one.
    let found = best(&failure(64, "x"), "Run Command Line");
    assert!(found.iter().all(|m| m.strength == Strength::Weak));
}

#[test]
fn words_count_more_than_codes_and_kinds_keep_others_out() {
    let of = |code, message: &str, kind: &str| {
        let found = best(&failure(code, message), kind);
        (found[0].hint.number, found[0].strength)
    };
    let capture = "Capture Operating System Image";
    assert_eq!(of(0x8007_0050, "x", capture), (40, Strength::CodeAndKind));
    assert_eq!(of(0x8007_0070, "x", capture), (39, Strength::Code));
    assert_eq!(
        of(0x8007_0050, "no space left on device", capture),
        (39, Strength::Words)
    );
    assert_eq!(
        of(0x8000_4005, "writing failed (os error 116)", capture),
        (38, Strength::ErrnoAndKind)
    );
    // What a command was told is no symptom.
    let told = "command \"find / -name 'no space left on device'\" ended with exit code 9";
    assert!(best(&failure(9, told), "Run Command Line").is_empty());
    // Entry 40 is about captures alone; its words count everywhere.
    assert!(best(&failure(0x8007_0050, "x"), "Pause").is_empty());
    let found = best(&failure(9, "D:\\ref.wim exists already"), "Pause");
    assert_eq!(numbers(&found), [40]);
}

#[test]
fn a_hostile_output_is_searched_in_bounded_time() {
    let long = "reserved storage was in use by \\x5c(((".repeat(30_000);
    assert!(long.len() > 1_000_000);
    let mut hostile = failure(1, &long);
    hostile.causes = vec![format!("{long} No space left on device"); 3];
    hostile.tail = vec!["\u{1b}[31mä\u{202e}".repeat(100_000); 50];
    hostile.tail.push("a".repeat(1_000_000));
    hostile.tail.extend(vec!["0x80070005 ".repeat(90_000); 20]);
    hostile
        .tail
        .push("mount error(13): Permission denied".to_owned());
    let begun = Instant::now();
    let found = best(&hostile, "Run Command Line");
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    // The end of a long line and the last line of the output are looked at.
    assert!(numbers(&found).starts_with(&[39]), "{:?}", numbers(&found));
    assert!(numbers(&found).contains(&34));
    for found in found {
        assert!(!found.why.chars().any(char::is_control), "{}", found.why);
        assert!(found.why.len() < 300);
    }
    assert!(!explain(&long).is_known());
}

#[test]
fn every_way_of_writing_a_code_is_understood() {
    for text in [
        "0x80070005",
        "0X80070005",
        "80070005",
        "2147942405",
        "-2147024891",
        " error: 0x80070005 ",
        "ERROR_ACCESS_DENIED",
    ] {
        let told = explain(text);
        assert_eq!(told.code, Some(0x8007_0005), "{text}");
        assert_eq!(
            told.name.as_deref(),
            Some("ERROR_ACCESS_DENIED: access denied"),
            "{text}"
        );
        assert!(numbers(&told.matches).contains(&34), "{text}");
    }
    let small = explain("5");
    assert_eq!(small.code, Some(5));
    let name = small.name.unwrap();
    assert!(name.starts_with("ERROR_ACCESS_DENIED: access denied; on Linux EIO (5): "));
    for text in ["ENOSPC", "enospc", "errno 28", "os error 28"] {
        let told = explain(text);
        assert_eq!(told.code, None, "{text}");
        assert!(told.name.unwrap().starts_with("ENOSPC (28): "), "{text}");
        assert_eq!(told.matches[0].hint.number, 39, "{text}");
    }
    assert_eq!(explain("0x80070005").matches[0].hint.number, 34);
    assert_eq!(explain("EIO").matches[0].hint.number, 48);
    assert_eq!(explain("0xC004D307").matches[0].hint.number, 6);
    assert_eq!(explain("c004d307").matches[0].hint.number, 6);
    assert_eq!(explain("1355").matches[0].hint.number, 44);
}

/// What people ask about in public threads, and a word of the right meaning for each.
#[test]
fn the_codes_that_people_ask_about_are_known_by_their_right_meaning() {
    for (text, word) in [
        ("0x80042405", "VDS_E_OBJECT_NOT_FOUND"),
        ("0x80042428", "write protected"),
        ("0x80042565", "type of partition"),
        ("0x8004ff00", "virus scanner"),
        ("0x80070018", "ERROR_BAD_LENGTH"),
        ("0x800704dd", "ERROR_NOT_LOGGED_ON"),
        ("0x800710DF", "ERROR_DEVICE_NOT_AVAILABLE"),
        ("0x800710d8", "ERROR_OBJECT_NOT_FOUND"),
        ("0x8007139f", "ERROR_INVALID_STATE"),
        ("0x80071a91", "transactions"),
        ("0x80072f76", "HEADER_NOT_FOUND"),
        ("0x80073701", "ERROR_SXS_ASSEMBLY_MISSING"),
        ("0x80073cf3", "RESOLVE_DEPENDENCY"),
        ("0x80091002", "CRYPT_E_UNKNOWN_ALGO"),
        ("0x80180014", "MENROLL_E_DEVICENOTSUPPORTED"),
        ("0x80220001", "answer file"),
        ("0x80220014", "Windows PE"),
        ("0x80300001", "cannot be installed to this disk"),
        ("0x8031002c", "recovery password"),
        ("0x80310059", "already at work"),
        ("0x80310072", "smart cards"),
        ("0x803d0000", "WS_E_INVALID_FORMAT"),
        ("0x81000203", "shadow copies"),
        ("0x87D00269", "management point"),
        ("0xc000000f", "boot configuration"),
        ("0xc000003a", "STATUS_OBJECT_PATH_NOT_FOUND"),
        ("0xc00000bb", "STATUS_NOT_SUPPORTED"),
        ("0xc000014c", "boot configuration"),
        ("0xc0000225", "boot configuration"),
        ("0xc000035a", "64-bit"),
        ("0xc0000605", "expired"),
        ("0xc1420117", "still has a file"),
        ("0xc1420127", "mounted for reading and writing already"),
        ("0xc1510111", "read-only"),
        ("0xd0000452", "STATUS_SYSTEM_DEVICE_NOT_FOUND"),
        ("0xe0000100", "memory"),
        ("15299", "ERROR_SYSTEM_DEVICE_NOT_FOUND"),
        ("16389", "unspecified failure"),
        ("4316", "readiness"),
        ("0x7b", "INACCESSIBLE_BOOT_DEVICE"),
        ("STOP: 0x0000007B", "INACCESSIBLE_BOOT_DEVICE"),
        ("*** STOP: 0x000000ED (0x1, 0x2)", "UNMOUNTABLE_BOOT_VOLUME"),
        (
            "stop code CRITICAL_PROCESS_DIED, bugcheck 0xef",
            "CRITICAL_PROCESS_DIED",
        ),
        ("critical_process_died", "CRITICAL_PROCESS_DIED"),
        (
            "Process completed with exit code 2147549183",
            "E_UNEXPECTED",
        ),
        (
            "Process completed with exit code 2147942405",
            "ERROR_ACCESS_DENIED",
        ),
        ("DISM exited with code 1392", "ERROR_FILE_CORRUPT"),
        ("hr=2147749904", "WBEM_E_INVALID_CLASS"),
        ("the step returned 2147943860 after 3 s", "ERROR_TIMEOUT"),
    ] {
        let told = explain(text);
        let name = told.name.unwrap_or_default();
        assert!(name.contains(word), "{text}: {name}");
    }
    for (text, entry) in [
        ("0x80070002", 65),
        ("0xc000000f", 62),
        ("0xc1420117", 64),
        ("0x80042565", 67),
        ("STOP: 0x0000007B", 63),
        (
            "the connection to \\\\files\\images was lost: Host is down",
            38,
        ),
        (
            "Windows cannot read the <ProductKey> setting from the unattend answer file.",
            66,
        ),
    ] {
        let told = explain(text);
        assert_eq!(told.matches[0].hint.number, entry, "{text}");
    }
    // Sizes and counts are no codes, and what nobody has confirmed is not known.
    for nothing in [
        "2147483648 bytes written",
        "3221225472",
        "0x9c59",
        "exited with code 12",
        "returned 3 rows",
        "2147500000 files",
    ] {
        let told = explain(nothing);
        assert!(!told.is_known(), "{nothing}: {told:?}");
    }
}

#[test]
fn what_the_program_knew_stands_before_what_a_tool_said() {
    let first = |code: u32, message: &str, causes: &[&str], tail: &[&str], kind: &str| {
        let failure = Failure {
            code,
            message: message.to_owned(),
            causes: causes.iter().map(|&line| line.to_owned()).collect(),
            tail: tail.iter().map(|&line| line.to_owned()).collect(),
            hint: None,
        };
        best(&failure, kind).first().map(|found| found.hint.number)
    };
    let (apply, capture) = (
        "Apply Operating System Image",
        "Capture Operating System Image",
    );
    let gone = "No such file or directory (os error 2)";
    // A source that is missing is not a destination that is missing.
    let image = "the image file /srv/ref.wim cannot be opened";
    assert_eq!(first(0x8007_0002, image, &[gone], &[], apply), Some(65));
    let split = "the image file /srv/ref.swm is split into 3 parts and part 2 is missing: /srv/ref2.swm was not found";
    assert_eq!(first(0x8007_0002, split, &[], &[], apply), Some(65));
    let folder = "the destination folder /srv/x cannot be made";
    assert_eq!(first(0x8007_0002, folder, &[gone], &[], capture), Some(41));
    let denied = "Permission denied (os error 13)";
    assert_eq!(first(0x8007_0005, image, &[denied], &[], apply), Some(34));
    // A file that exists already, whatever a tool complains about besides.
    let chatter = ["no space left on device", "network is unreachable"];
    assert_eq!(
        first(0x8007_0050, "ref.wim is there", &[], &chatter, capture),
        Some(40)
    );
    // A tool's exit code is not the program's knowledge.
    let ended = "command \"x\" ended with exit code 80";
    assert_eq!(
        first(80, ended, &[], &chatter[..1], "Run Command Line"),
        Some(39)
    );
}

#[test]
fn a_log_line_is_explained_by_its_words_and_its_code() {
    let told = explain("SYSPRP Failed to remove apps for the current user: 0x80073cf2.");
    assert_eq!(told.code, Some(0x8007_3CF2));
    assert_eq!(told.matches[0].hint.number, 1);
    assert_eq!(told.matches[0].strength, Strength::Words);
    let told = explain("Deployment of the client failed: 0x8031_0039\n hr=0x80310039");
    assert_eq!(told.code, Some(0x8031_0039));
    assert_eq!(told.matches[0].hint.number, 13);
    let told = explain("mount error(22): Invalid argument");
    assert_eq!((told.code, told.matches[0].hint.number), (None, 35));
    for nothing in [
        "",
        "all is well",
        "hello 12 world",
        "0x",
        "0x123456789",
        "99999999999",
        "-",
    ] {
        assert!(!explain(nothing).is_known(), "{nothing}");
    }
}

#[test]
fn the_rendering_keeps_its_width_and_says_what_is_not_known() {
    let texts = [
        "5",
        "0x80070005",
        "no space left on device",
        "0x80071234",
        "ä",
        "0xC1900101",
    ];
    for text in texts {
        let told = explain(text);
        for width in [0, 20, 33, 80] {
            for line in render(&told, width).lines() {
                assert!(line.chars().count() <= width.max(20), "{width}: {line}");
                assert_eq!(line.trim_end(), line);
            }
        }
    }
    let unknown = render(&explain("0x80071234"), 80);
    assert_eq!(
        unknown,
        "0x80071234 (2147947060)\na code of facility 7 (Win32), number 4660\nNothing is known about this.\n"
    );
    assert_eq!(render(&explain(""), 80), "Nothing is known about this.\n");
    let full = render(&explain("no space left on device"), 60);
    assert!(full.starts_with("39. The destination is full\n"), "{full}");
    assert!(
        full.contains("\n   - Make room at the destination"),
        "{full}"
    );
    assert!(full.contains("Found by the line \"no space left on device\""));
}

fn wimforge(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wimforge"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_command_explains_and_says_whether_it_could() {
    let known = wimforge(&["explain", "-2147024891"]);
    let text = String::from_utf8(known.stdout).unwrap();
    assert_eq!(known.status.code(), Some(0), "{text}");
    assert!(text.starts_with("0x80070005 (2147942405)\nERROR_ACCESS_DENIED: access denied\n"));
    assert!(known.stderr.is_empty());

    let words = wimforge(&["explain", "No", "space", "left", "on", "device", "--really"]);
    let text = String::from_utf8(words.stdout).unwrap();
    assert_eq!(words.status.code(), Some(0), "{text}");
    assert!(text.contains("The destination is full"), "{text}");

    let unknown = wimforge(&["explain", "0x80071234"]);
    let text = String::from_utf8(unknown.stdout).unwrap();
    assert_eq!(unknown.status.code(), Some(1), "{text}");
    assert!(text.contains("facility 7 (Win32), number 4660"), "{text}");

    assert_eq!(wimforge(&["explain"]).status.code(), Some(2));
    assert_eq!(wimforge(&["explain", "--help"]).status.code(), Some(0));
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_strange(text in r"(error |errno|os error |0x|-|code:)?\PC{0,40}", width in 0_usize..90) {
        let told = explain(&text);
        for line in render(&told, width).lines() {
            // A wide character is not cut in two.
            proptest::prop_assert!(line.chars().count() <= width.max(20) + 1);
        }
        best(&failure(7, &text), &text);
    }
}
