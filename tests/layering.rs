//! The house rules that no compiler knows: which module may use which, where the operating system, the terminal
//! and `unsafe` may show, how long a file may be. Read from the sources, so that a breach fails here.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a source file that cannot be read must stop the test"
)]

#[path = "layering/rules.rs"]
mod rules;
#[path = "layering/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rules::{Breach, EXCEPTIONS, LAYERS, Rule, breaches};
use source::Source;

/// A variable of the environment that nobody knows of is of no use.
#[test]
fn the_variables_that_tests_obey_are_told_by_their_script() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&project.join("tests"), &mut paths);
    let texts: Vec<String> = paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let read: BTreeSet<&str> = texts
        .iter()
        .flat_map(|text| ["asked(", "var_os("].map(|call| (text, call)))
        .flat_map(|(text, call)| text.split(call).skip(1))
        .filter_map(|rest| rest.strip_prefix('"')?.split('"').next())
        .filter(|name| name.starts_with("WIMFORGE_"))
        .collect();
    assert!(read.len() >= 3, "{read:?}");
    let help = std::process::Command::new(project.join("scripts/test"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for name in read {
        assert!(help.contains(&format!("{name}=1")), "{name}: {help}");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder of sources is there") {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Every source file but those that only tests see.
fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root(), &mut paths);
    paths.sort();
    let all: Vec<Source> = paths
        .iter()
        .map(|path| {
            let name = path
                .strip_prefix(root())
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            Source::new(&name, &fs::read_to_string(path).unwrap())
        })
        .collect();
    let tests: BTreeSet<String> = all.iter().flat_map(Source::test_files).collect();
    all.into_iter()
        .filter(|s| !tests.contains(&s.name))
        .collect()
}

fn is_excepted(breach: &Breach) -> bool {
    EXCEPTIONS
        .iter()
        .any(|e| e.file == breach.file && e.rule == breach.rule)
}

fn list(breaches: &[&Breach]) -> String {
    let lines: Vec<String> = breaches.iter().map(ToString::to_string).collect();
    format!("\n  {}", lines.join("\n  "))
}

#[test]
fn the_sources_keep_the_rules() {
    let sources = sources();
    assert!(sources.len() > 50, "only {} files found", sources.len());
    let found: Vec<Breach> = sources.iter().flat_map(breaches).collect();
    let open: Vec<&Breach> = found.iter().filter(|b| !is_excepted(b)).collect();
    assert!(open.is_empty(), "rules broken:{}", list(&open));
}

#[test]
fn every_exception_is_needed() {
    let found: Vec<Breach> = sources().iter().flat_map(breaches).collect();
    for exception in EXCEPTIONS {
        assert!(!exception.reason.is_empty());
        assert!(
            found
                .iter()
                .any(|b| b.file == exception.file && b.rule == exception.rule),
            "{} no longer breaks {:?}: remove its exception",
            exception.file,
            exception.rule
        );
    }
}

#[test]
fn every_module_has_its_line_in_the_table() {
    let lib = Source::new(
        "lib.rs",
        &fs::read_to_string(root().join("lib.rs")).unwrap(),
    );
    let declared: BTreeSet<String> = lib.declared_modules().into_iter().collect();
    let listed: BTreeSet<String> = LAYERS.iter().map(|l| l.name.to_owned()).collect();
    assert_eq!(declared, listed);
    for layer in LAYERS {
        for used in layer.may_use {
            let module = used.split("::").next().unwrap();
            assert!(listed.contains(module), "{} lists {used}", layer.name);
        }
    }
}

/// The rules that a text in a file of this name breaks.
fn broken(name: &str, text: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = breaches(&Source::new(name, text))
        .into_iter()
        .map(|b| b.rule)
        .collect();
    rules.dedup();
    rules
}

#[test]
fn a_forbidden_edge_is_found_however_it_is_written() {
    for text in [
        "use crate::engine::dispatcher::Dispatcher;",
        "use crate::{event::Event, engine::{self}};",
        "use crate::{\n    event,\n    step::{cx::StepCx, run},\n};",
        "fn f() { crate::platform::process::run() }",
        "pub use crate::engine;",
        "pub use ::wimforge::engine;",
        "use super::super::step::run;",
        "mod inner { use super::super::super::step::run; }",
        "use crate::*;",
        "use crate::{self as house};",
        "fn f() { let x = '\\''; crate::engine::start() }",
        "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::engine;",
        "#[cfg(test)]\nmod tests;\nuse crate::engine;",
        "/* a /* nested */ comment */ use crate::engine;",
        "fn f() { g(r#\"a \" b\"#); crate::engine::start() }",
    ] {
        assert_eq!(
            broken("tui/model.rs", text),
            [Rule::Edge],
            "not found: {text}"
        );
    }
    assert_eq!(broken("event.rs", "use super::run_state;"), [Rule::Edge]);
    assert_eq!(broken("units.rs", "use crate::text;"), [Rule::Edge]);
    assert_eq!(broken("cli.rs", "use crate::units;"), [Rule::Edge]);
    assert_eq!(broken("nowhere.rs", "use crate::units;"), [Rule::Edge]);
}

#[test]
fn a_part_of_a_module_is_not_the_whole() {
    for (text, ok) in [
        ("use crate::sequence::settings::FileSystem;", true),
        ("use crate::sequence::settings::{self, FileSystem};", true),
        ("use crate::sequence::{settings};", true),
        ("use crate::sequence::{settings, variables::Value};", false),
        ("use crate::sequence;", false),
        ("use crate::sequence::settings_of_old;", false),
    ] {
        assert_eq!(broken("platform/types.rs", text).is_empty(), ok, "{text}");
    }
}

#[test]
fn what_is_allowed_or_only_said_is_no_breach() {
    for text in [
        "use crate::client::Client;",
        "use crate::tui::engine;",
        "use super::engine;",
        "//! Not [`crate::engine`].\n/// Nor `crate::step`, unsafe, ratatui.\n// crate::platform",
        "const S: &str = \"crate::engine unsafe \\\" crate::step\";",
        "#[cfg(test)]\nmod tests { use crate::engine; }",
        "#[cfg(test)]\n#[path = \"x.rs\"]\nmod tests { use crate::engine; fn f() { if a { b } } }",
        "fn f<'a>(x: &'a str) -> char { '\"' }",
        "pub(crate) fn f() {}",
        "fn f() { mycrate::engine() }",
    ] {
        assert_eq!(broken("tui/model.rs", text), [], "{text}");
    }
}

#[test]
fn the_system_shows_only_where_it_may() {
    for text in [
        "#[cfg(windows)]\nfn f() {}",
        "#[cfg(not(unix))]\nfn f() {}",
        "#[cfg(all(feature = \"x\", target_os = \"linux\"))]\nfn f() {}",
        "fn f() -> bool { cfg!(windows) }",
        "#[cfg_attr(unix, allow(dead_code))]\nfn f() {}",
        "#![cfg(\n    unix\n)]",
    ] {
        assert_eq!(broken("step/run.rs", text), [Rule::System], "{text}");
        for place in ["platform/a.rs", "transport/a.rs", "wim/a.rs"] {
            assert_eq!(broken(place, text), [], "{text}");
        }
    }
    assert_eq!(
        broken("step/run.rs", "#[cfg(feature = \"unix\")]\nfn f() {}"),
        []
    );
}

#[test]
fn the_terminal_shows_only_in_the_console() {
    for text in [
        "use ratatui::Frame;",
        "fn f() { crossterm::terminal::enable_raw_mode(); }",
        "#[cfg(test)]\nmod tests { use ratatui::Frame; }",
    ] {
        assert_eq!(broken("report/plain.rs", text), [Rule::Terminal], "{text}");
        assert_eq!(broken("tui/view/draw.rs", text), []);
    }
}

#[test]
fn unsafe_shows_only_at_the_edges() {
    let text = "fn f() { unsafe { g() } }";
    assert_eq!(broken("wim/file.rs", text), [Rule::Unsafe]);
    assert_eq!(broken("step/run.rs", text), [Rule::Unsafe]);
    assert_eq!(broken("wim/ffi.rs", text), []);
    assert_eq!(broken("wim/ffi/tree.rs", text), []);
    assert_eq!(broken("platform/linux/sys.rs", text), []);
    assert_eq!(broken("step/run.rs", "#![deny(unsafe_code)]"), []);
}

#[test]
fn what_people_name_is_opened_by_regular() {
    for text in [
        "fn f() { std::fs::read(path) }",
        "fn f() { fs::read_to_string(path) }",
        "fn f() { File::open(path) }",
    ] {
        assert_eq!(broken("step/run.rs", text), [Rule::Opener], "{text}");
        assert_eq!(broken("platform/linux/sys.rs", text), [], "{text}");
        let test = format!("#[cfg(test)]\nmod tests {{ {text} }}");
        assert_eq!(broken("step/run.rs", &test), [], "{text}");
    }
    for text in [
        "fn f() { regular::open(path) }",
        "fn f() { fs::read_dir(path) }",
    ] {
        assert_eq!(broken("step/run.rs", text), [], "{text}");
    }
}

#[test]
fn a_file_has_its_limit() {
    assert_eq!(broken("units.rs", &"//\n".repeat(600)), []);
    assert_eq!(broken("units.rs", &"//\n".repeat(601)), [Rule::Length]);
}

#[test]
fn a_mod_file_only_declares() {
    let declares = "//! Docs.\n\n#![allow(dead_code)]\n#[cfg(unix)]\npub mod a;\nmod b;\npub(crate) mod c;\n\
                    use a::B;\npub use a::{\n    C, D,\n};\n#[cfg(test)]\nmod tests { fn f() {} }\n";
    assert_eq!(broken("wim/mod.rs", declares), []);
    for text in [
        "fn f() {}",
        "const A: u8 = 1;",
        "mod a { fn f() {} }",
        "pub struct S;",
        "mod a;\nimpl A {}\nmod b;",
        "macro_rules! m { () => {} }",
    ] {
        assert_eq!(broken("wim/mod.rs", text), [Rule::ModFile], "{text}");
        assert_eq!(broken("wim/file.rs", text), [], "{text}");
    }
}
