//! Every foreign program that the sources call stands in `scripts/programs`, with a package that has it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

#[path = "common/system.rs"]
mod system;

struct Entry {
    program: String,
    package: String,
    purpose: String,
}

fn listed() -> Vec<Entry> {
    let text = include_str!("../scripts/programs");
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [program, package, purpose] = words[..] else {
                panic!("not three words: {line}");
            };
            Entry {
                program: program.to_owned(),
                package: package.to_owned(),
                purpose: purpose.to_owned(),
            }
        })
        .collect()
}

/// The programs started by name in these files, with the file of each.
fn started(folder: &str) -> BTreeSet<(String, PathBuf)> {
    let started = Regex::new(
        r#"(?:Command::new|\btool|\battempt|tool::run|tool::find)\(\s*"([a-z0-9][a-z0-9._+-]*)""#,
    )
    .unwrap();
    system::files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .into_iter()
        .filter(|file| file.extension().is_some_and(|kind| kind == "rs"))
        .flat_map(|file| {
            let text = std::fs::read_to_string(&file).unwrap();
            started
                .captures_iter(&text)
                .map(|found| (found[1].to_owned(), file.clone()))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn what_is_called_is_listed() {
    let listed = listed();
    let mut calls = started("src");
    calls.extend(started("tests"));
    assert!(calls.len() > 20, "{calls:?}");
    let missing: Vec<_> = calls
        .iter()
        .filter(|(program, _)| !listed.iter().any(|entry| entry.program == *program))
        .collect();
    assert!(missing.is_empty(), "not in scripts/programs: {missing:?}");
}

#[test]
fn what_the_product_calls_is_listed_for_it() {
    let listed = listed();
    // Tests lie in the sources too, in files and modules of their own: what the platform starts by name counts.
    let calls = started("src/platform/linux");
    let calls = calls
        .iter()
        .filter(|(_, file)| !std::fs::read_to_string(file).unwrap().contains("mod tests"));
    for (program, file) in calls {
        let known = listed
            .iter()
            .any(|entry| entry.program == *program && entry.purpose == "product");
        assert!(known, "{program}, called in {}", file.display());
    }
}

#[test]
fn each_purpose_is_one_that_setup_knows_and_no_line_stands_twice() {
    let mut seen = BTreeSet::new();
    for entry in listed() {
        let purposes = ["product", "build", "test", "bench", "fuzz", "fresh"];
        assert!(
            purposes.contains(&entry.purpose.as_str()),
            "{}",
            entry.purpose
        );
        let key = format!("{} {} {}", entry.program, entry.package, entry.purpose);
        assert!(seen.insert(key.clone()), "{key}");
    }
}
