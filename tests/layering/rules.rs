//! The rules, and the places that may break one.

use std::fmt;

use crate::source::Source;

/// Longest source file, in lines.
const LONGEST: usize = 600;

/// What a file can do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Uses a module that its own may not use.
    Edge,
    /// Compiles otherwise on another operating system.
    System,
    /// Names a library of the terminal.
    Terminal,
    /// Has `unsafe` code.
    Unsafe,
    /// Is too long.
    Length,
    /// Is a `mod.rs` that does more than declare.
    ModFile,
    /// Opens what somebody named without asking first whether it is a file.
    Opener,
}

/// One breach of a rule.
#[derive(Debug)]
pub struct Breach {
    pub rule: Rule,
    /// Below `src`, with `/`.
    pub file: String,
    /// From 1.
    pub line: usize,
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}:{}: {}", self.file, self.line, self.what)
    }
}

/// A file that may break a rule, and why.
pub struct Exception {
    pub file: &'static str,
    pub rule: Rule,
    pub reason: &'static str,
}

/// What breaks a rule with good reason.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        file: "lab/mod.rs",
        rule: Rule::Edge,
        reason: "making a lab takes minutes and obeys the interrupts of `transport` as a console does",
    },
    Exception {
        file: "lab/mod.rs",
        rule: Rule::ModFile,
        reason: "the command around `prepare` is too short for a file of its own",
    },
    Exception {
        file: "roles/secrets.rs",
        rule: Rule::Opener,
        reason: "a file descriptor that was handed over may be a pipe",
    },
    Exception {
        file: "engine/run_folder.rs",
        rule: Rule::Opener,
        reason: "a folder is opened to flush it",
    },
    Exception {
        file: "engine/bundle.rs",
        rule: Rule::Opener,
        reason: "a folder is opened to flush it",
    },
    Exception {
        file: "engine/bundle/pack.rs",
        rule: Rule::Opener,
        reason: "reads back what it made itself",
    },
    Exception {
        file: "step/capture_target.rs",
        rule: Rule::Opener,
        reason: "a folder is opened to flush it, and a file that was made here",
    },
    Exception {
        file: "step/fat_check/check.rs",
        rule: Rule::Opener,
        reason: "what is checked is the node of a partition",
    },
    Exception {
        file: "step/fat_write.rs",
        rule: Rule::Opener,
        reason: "the kind of each entry of the tree is known before it is opened",
    },
];

/// A module and those it may use; `a::b` means only that part of `a`.
pub struct Layer {
    pub name: &'static str,
    pub may_use: &'static [&'static str],
}

const fn layer(name: &'static str, may_use: &'static [&'static str]) -> Layer {
    Layer { name, may_use }
}

/// Who may use whom, from the leaves up. `main.rs` puts the parts together and may use all.
pub const LAYERS: &[Layer] = &[
    layer("cancel", &[]),
    layer("codes", &[]),
    layer("environment", &[]),
    layer("input", &[]),
    layer("regular", &[]),
    layer("secret", &[]),
    layer("text", &[]),
    layer("units", &[]),
    layer("volume_rules", &["units"]),
    layer("cli", &[]),
    layer("event", LEAVES),
    layer("hints", &["codes", "text", "event::Failure"]),
    layer(
        "sequence",
        &[
            "cancel",
            "codes",
            "input",
            "regular",
            "secret",
            "text",
            "units",
            "volume_rules",
            "event",
        ],
    ),
    layer(
        "run_state",
        &["cancel", "codes", "secret", "text", "units", "event"],
    ),
    layer("platform", LEAVES_AND_SETTINGS),
    layer("wim", LEAVES_AND_SETTINGS),
    layer("unattend", LEAVES),
    layer(
        "step",
        &[
            "cancel",
            "codes",
            "environment",
            "input",
            "regular",
            "secret",
            "text",
            "units",
            "volume_rules",
            "event",
            "sequence",
            "platform",
            "wim",
            "unattend",
        ],
    ),
    layer(
        "protocol",
        &[
            "cancel",
            "codes",
            "input",
            "secret",
            "text",
            "units",
            "event",
            "run_state",
        ],
    ),
    layer("transport", &["protocol"]),
    layer("client", &["transport", "protocol"]),
    layer("report", SCREEN),
    layer("tui", SCREEN),
    layer(
        "engine",
        &[
            "cancel",
            "codes",
            "regular",
            "secret",
            "text",
            "units",
            "event",
            "sequence",
            "run_state",
            "platform",
            "wim",
            "unattend",
            "step",
            "protocol",
            "transport",
        ],
    ),
    layer(
        "lab",
        &[
            "cancel",
            "codes",
            "environment",
            "secret",
            "text",
            "units",
            "platform",
            "wim",
            "sequence::settings",
        ],
    ),
];

const LEAVES: &[&str] = &["cancel", "codes", "regular", "secret", "text", "units"];

/// The words of the document's settings are shared with the parts that do what they say.
const LEAVES_AND_SETTINGS: &[&str] = &[
    "cancel",
    "codes",
    "environment",
    "regular",
    "secret",
    "text",
    "units",
    "volume_rules",
    "sequence::settings",
];

/// What shows a run: never the engine, a step or the machine. Of the transport, only how to reach the engine, what
/// interrupts, and the line.
const SCREEN: &[&str] = &[
    "hints",
    "cancel",
    "codes",
    "environment",
    "regular",
    "secret",
    "text",
    "units",
    "event",
    "run_state",
    "protocol",
    "client",
    "transport::Endpoint",
    "transport::Interrupts",
    "transport::interrupts",
    "transport::WindowChanges",
    "transport::keyboard",
    "transport::line",
    "transport::line_speed",
    "transport::ask_terminal_size",
];

/// All breaches in one file.
pub fn breaches(source: &Source) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut add = |rule, line, what| {
        found.push(Breach {
            rule,
            file: source.name.clone(),
            line,
            what,
        });
    };
    let top = source.top_module();
    if !matches!(top, "lib" | "main" | "roles") {
        for (line, path) in source.uses() {
            if !may_use(top, &path) {
                add(
                    Rule::Edge,
                    line,
                    format!("{top} may not use {}", path.join("::")),
                );
            }
        }
    }
    if !matches!(top, "platform" | "transport" | "wim") {
        for line in source.system_switches() {
            let what = "compiles otherwise on another operating system".to_owned();
            add(Rule::System, line, what);
        }
    }
    if top != "tui" {
        for library in ["ratatui", "crossterm", "tui_input"] {
            for line in source.lines_with(library) {
                add(Rule::Terminal, line, format!("uses {library}"));
            }
        }
    }
    if top != "platform" && !source.name.starts_with("wim/ffi") {
        for line in source.lines_with("unsafe") {
            add(Rule::Unsafe, line, "has unsafe code".to_owned());
        }
    }
    if !matches!(top, "platform" | "lab" | "regular") {
        for (of, word) in [("File", "open"), ("fs", "read"), ("fs", "read_to_string")] {
            for line in source.lines_with_path(of, word) {
                let what = format!("{of}::{word} waits at a pipe: `regular` does not");
                add(Rule::Opener, line, what);
            }
        }
    }
    let lines = source.line_count();
    if lines > LONGEST {
        add(
            Rule::Length,
            lines,
            format!("is {lines} lines long, {LONGEST} are allowed"),
        );
    }
    if source.name.ends_with("mod.rs") {
        for (line, start) in source.items_that_are_not_declarations() {
            add(
                Rule::ModFile,
                line,
                format!("does more than declare: `{start}`"),
            );
        }
    }
    found
}

fn may_use(module: &str, path: &[String]) -> bool {
    let used = path.first().map_or("", String::as_str);
    if used == module {
        return true;
    }
    let Some(layer) = LAYERS.iter().find(|l| l.name == module) else {
        return false;
    };
    layer
        .may_use
        .iter()
        .any(|allowed| match allowed.split_once("::") {
            None => *allowed == used,
            Some((whole, part)) => {
                whole == used && path.get(1).is_some_and(|second| second == part)
            }
        })
}
