//! Documents good and bad: each mistake with its exact text.
//!
//! `tests/bad/NAME.ron` holds one mistake, `NAME.txt` what is said about it. After a change of wording run the test
//! with `WIMFORGE_BLESS=1` and read the difference.

#![expect(
    clippy::expect_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use wimforge::sequence::check::check_run;
use wimforge::sequence::diagnostic::Severity;
use wimforge::sequence::load::{parse, read, read_text};
use wimforge::sequence::plan::PlannedSequence;
use wimforge::sequence::schema::Sequence;

fn documents(folder: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "ron"))
        .collect();
    found.sort();
    found
}

fn with_ron(text: &str) -> Sequence {
    use ron::extensions::Extensions;
    ron::Options::default()
        .with_default_extension(Extensions::IMPLICIT_SOME | Extensions::UNWRAP_VARIANT_NEWTYPES)
        .from_str(text)
        .expect("the ron crate reads it")
}

#[test]
fn every_mistake_is_told_in_these_words() {
    let bad = documents("tests/bad");
    assert!(bad.len() >= 30, "only {} fixtures", bad.len());
    let bless = std::env::var_os("WIMFORGE_BLESS").is_some();
    let mut wrong = String::new();
    for path in bad {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let checked = read_text(&name, &fs::read_to_string(&path).expect("a text"));
        let said = checked.render();
        assert!(!checked.diagnostics.is_empty(), "{name} has no mistake");
        let expected = path.with_extension("txt");
        if bless {
            fs::write(&expected, &said).expect("writing");
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if said != wanted {
            let _ = writeln!(wrong, "--- {name}: expected\n{wanted}--- found\n{said}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn shipped_sequences_are_clean_and_mean_what_the_ron_crate_reads() {
    let shipped = documents("sequences");
    assert!(!shipped.is_empty());
    for path in shipped {
        let checked = read(&path);
        assert_eq!(checked.render(), "", "{}", path.display());
        assert!(checked.is_good());
        let sequence = checked.sequence.as_ref().expect("a document");
        assert_eq!(
            *sequence,
            with_ron(&fs::read_to_string(&path).expect("a text"))
        );
        PlannedSequence::new(sequence).expect("a plan");
        let run: Vec<_> = check_run(&checked, Some(&[0]), &[]);
        assert!(run.is_empty(), "{run:?}");
    }
}

#[test]
fn every_form_of_writing_is_read_as_the_ron_crate_reads_it() {
    let text = r##"#![enable(implicit_some)]
// A comment, /* and */ another.
Sequence(
    schema: 0x1, name: "ä\u{e4}\x41\"\n \
        joined", description: r#"raw "quotes" \n"#,
    variables: {"A": "1", "B": "",},
    inputs: [
        Input(variable: "N", label: "n", check: Number(1, 1_000)),
        (variable: "O", label: "o", check: OneOf(["a", "b"]), optional: true),
    ],
    steps: [
        Group(name: "g", continue_on_error: true, condition: Any([
            All([]), Exists("A"), Like("A", "*"),
            File(path: "/x", version: Greater("1.0")), Folder(path: "/y"),
        ]), steps: []),
        Step(name: "s", timeout: Some(5), retry: (attempts: 3), success_codes: [0, 3010],
            simulate: FailTimes(1, 5), action: Pause(message: "m")),
        Step(name: "n", condition: None, action: ApplyOperatingSystem(image: "i", destination: Letter('D'),
            architecture: X64)),
        Step(name: "p", action: PartitionDisk(disk: 1, style: Gpt, partitions: [
            (name: "a", size: Percent(+9), format: Ntfs, attributes: [0, 63]),
        ])),
        Step(name: "j", action: ApplyNetworkSettings(join: Domain(name: "d", account: "a\\b"))),
        Step(name: "d", action: ApplyOperatingSystem(image: "i", destination: Partition(0, 3), index: All)),
    ],
)
"##;
    let loaded = parse("x", text);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    assert_eq!(loaded.sequence.expect("a document"), with_ron(text));
}

#[test]
fn line_ends_and_byte_order_marks_do_not_matter() {
    let path = &documents("sequences")[0];
    let text = fs::read_to_string(path).expect("a text");
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(parse("a", &text).sequence, parse("b", &windows).sequence);
    assert!(read_text("b", &windows).is_good());
}

#[test]
fn values_are_found_by_their_path() {
    let text = "(schema: 1, name: \"x\", steps: [Group(name: \"g\", steps: [Step(name: \"s\", action:\n\
                PartitionDisk(disk: 7, style: Gpt, partitions: [(name: \"a\", size: GiB(9))]))])])";
    let loaded = parse("x", text);
    let at = |path: &str| {
        let span = loaded.spans[path];
        &text[span.start..span.end]
    };
    assert_eq!(at("steps[0].steps[0].action.disk"), "7");
    assert_eq!(at("steps[0].steps[0].action.partitions[0].name"), "\"a\"");
    assert!(
        loaded
            .spans
            .contains_key("steps[0].steps[0].action.partitions[0].size")
    );
}

#[test]
fn missing_disks_and_inputs_are_found_before_the_run() {
    let checked = read_text(
        "x.ron",
        "(schema: 1, name: \"x\",\n\
         inputs: [(variable: \"P\", label: \"Password\", secret: true)],\n\
         steps: [Step(name: \"%P%\", action: PartitionDisk(disk: 3, style: Gpt,\n\
         partitions: [(name: \"a\", size: Percent(100), format: Ntfs)]))])",
    );
    assert!(checked.is_good(), "{}", checked.render());
    let told: Vec<String> = check_run(&checked, Some(&[0, 1]), &[])
        .iter()
        .map(|d| d.one_line(&checked.source))
        .collect();
    assert_eq!(
        told,
        [
            "x.ron:2:21: error: the input `P` (Password) has no value",
            "x.ron:3:55: error: the machine has no disk 3",
        ]
    );
    assert!(check_run(&checked, Some(&[3]), &["p"]).is_empty());
    assert!(check_run(&checked, None, &["P"]).is_empty());
}

#[test]
fn files_that_are_no_text_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x.ron");
    let first = |path: &Path| read(path).first_mistake().expect("a mistake");
    assert!(first(&file).contains("No such file"));
    assert!(first(folder.path()).contains("not a regular file"));
    fs::write(&file, b"(\n\xff").expect("writing");
    assert!(first(&file).contains("line 2 holds a byte"));
    fs::write(&file, vec![b' '; 2 * 1024 * 1024 + 1]).expect("writing");
    assert!(first(&file).contains("larger than 2 MiB"));
}

#[test]
fn deep_nesting_ends_with_a_message() {
    for sign in ["(", "[", "{", "Group(", "Some("] {
        let checked = read_text("x", &sign.repeat(200_000));
        assert!(!checked.is_good());
        assert!(
            checked
                .diagnostics
                .iter()
                .any(|d| d.message.contains("nested too deeply")),
            "{sign}"
        );
    }
}

#[test]
fn many_mistakes_end_in_time() {
    let steps = "Step(nam: 5, action: Pause(message: 1)),\n".repeat(2000);
    let started = std::time::Instant::now();
    let checked = read_text("x", &format!("(schema: 1, name: \"x\", steps: [{steps}])"));
    assert!(checked.diagnostics.len() >= 50);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>()) {
        let _ = read_text("x", &text).render();
    }

    #[test]
    fn any_ron_like_text_is_read_without_a_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "(", ")", "[", "]", "{", "}", ",", ":", "=", "\"", "'", "\\", "r#\"", "\"#", "//", "/*", "*/", "\n", " ",
            "name", "schema", "steps", "Step", "Group", "action", "Pause", "message", "condition", "All", "Equals",
            "1", "-", "0x", "ä", "true", "\"t\"", "None", "Some", "#![",
        ]), 0..60)
    ) {
        let checked = read_text("x", &parts.concat());
        let _ = checked.render();
        prop_assert!(checked.is_good() || checked.diagnostics.iter().any(|d| d.severity == Severity::Error));
    }

    #[test]
    fn damage_to_a_good_document_is_survived(at in 0usize..6000, length in 0usize..40, with in "[\\[\\](){}\",:a0 ]{0,3}") {
        let text = fs::read_to_string(&documents("sequences")[0]).expect("a text");
        let text: Vec<char> = text.chars().collect();
        let at = at.min(text.len());
        let end = (at + length).min(text.len());
        let damaged: String = text[..at].iter().copied().chain(with.chars()).chain(text[end..].iter().copied()).collect();
        let checked = read_text("x", &damaged);
        let _ = checked.render();
        prop_assert!(checked.is_good() || checked.diagnostics.iter().any(|d| d.severity == Severity::Error));
    }
}

/// Every RON block of the README is a whole sequence without mistakes: what it shows can be typed.
#[test]
fn every_example_of_the_readme_checks_clean() {
    let readme = include_str!("../README.md");
    let mut examples = 0;
    for block in readme.split("```ron\n").skip(1) {
        let text = block.split("```").next().unwrap_or_default();
        let checked = wimforge::sequence::load::read_text("README.md", text);
        assert!(checked.is_good(), "{}", checked.render());
        examples += 1;
    }
    assert!(examples >= 2, "the README shows the format by example");
}
