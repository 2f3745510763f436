//! Limits of a document that can be known before the run (spec 1.1 to 1.8 and section 2). A text that holds a
//! `%variable%` is checked by its step instead.

mod inputs;
mod run;
mod settings;

use std::collections::HashSet;
use std::fmt::Display;

use super::condition;
use super::control;
use super::decode::Spans;
use super::diagnostic::{Diagnostic, Span};
use super::plan;
use super::schema::{Action, Compare, Condition, Node, SCHEMA, Sequence, Simulate, Step};
use super::settings::RestartTarget;
use super::values;
use super::variables::{LONGEST_VALUE, VariableError, check_name, check_value};
use super::words;
use crate::input::{Check, is_open};

pub(super) use inputs::{is_unused, words as words_of};
pub use run::check_run;

/// Checks every limit. `complete` says that the document was read without a mistake: only then may something
/// that is not there be held against it.
pub fn check(sequence: &Sequence, spans: &Spans, complete: bool) -> Vec<Diagnostic> {
    let mut checker = Checker {
        spans,
        complete,
        out: Vec::new(),
        applied: false,
        captured: false,
        sets: HashSet::new(),
        secrets: HashSet::new(),
    };
    checker.sequence(sequence);
    checker.out
}

const SECRET_WRITTEN: &str = "this secret stands in the document for everybody to read";

struct Checker<'a> {
    spans: &'a Spans,
    complete: bool,
    out: Vec<Diagnostic>,
    /// An operating system was applied further up.
    applied: bool,
    /// A capture stands further up.
    captured: bool,
    /// Variables that were given a value further up, in lower case.
    sets: HashSet<String>,
    /// Lower-case variables of secret inputs.
    secrets: HashSet<String>,
}

/// Where a path stands, else its nearest ancestor.
fn place(spans: &Spans, path: &str) -> Span {
    let mut path = path;
    loop {
        if let Some(span) = spans.get(path) {
            return *span;
        }
        match path.rfind(['.', '[', '#']) {
            Some(cut) => path = &path[..cut],
            None => return spans.get("").copied().unwrap_or_default(),
        }
    }
}

/// A name with a letter for each `%variable%` in it.
fn filled_in(name: &str) -> String {
    let mut out = String::new();
    let mut parts = name.split('%');
    out.extend(parts.next());
    while let (Some(inside), Some(after)) = (parts.next(), parts.next()) {
        // Nothing between two signs stays two signs.
        out.push_str(if inside.is_empty() { "%%" } else { "x" });
        out.push_str(after);
    }
    out
}

fn length(text: &str) -> usize {
    text.chars().count()
}

impl Checker<'_> {
    fn add(
        &mut self,
        path: &str,
        make: fn(Span, String) -> Diagnostic,
        message: String,
        hint: &str,
    ) {
        // Stand-ins for missing fields have no place of their own; they were complained about.
        if !self.complete && !self.spans.contains_key(path) {
            return;
        }
        let found = make(place(self.spans, path), message);
        self.out.push(if hint.is_empty() {
            found
        } else {
            found.hint(hint)
        });
    }

    fn error(&mut self, path: &str, message: impl Display, hint: &str) {
        self.add(path, Diagnostic::error, message.to_string(), hint);
    }

    fn warning(&mut self, path: &str, message: impl Display, hint: &str) {
        self.add(path, Diagnostic::warning, message.to_string(), hint);
    }

    fn at_most(&mut self, path: &str, what: &str, text: &str, limit: usize) {
        let length = length(text);
        if length > limit && !is_open(text) {
            self.error(
                path,
                format!("{what} has {length} characters; at most {limit} are allowed"),
                "",
            );
        }
    }

    fn filled(&mut self, path: &str, what: &str, text: &str, limit: usize) {
        if text.trim().is_empty() {
            self.error(path, format!("{what} is empty"), "");
        } else {
            self.at_most(path, what, text, limit);
        }
    }

    fn optional(&mut self, path: &str, what: &str, text: Option<&String>, limit: usize) {
        if let Some(text) = text {
            self.at_most(path, what, text, limit);
        }
    }

    /// A variable that a step gives a value. What stands between percent signs in its name is put in when the step runs.
    fn writes(&mut self, path: &str, name: &str) {
        if !is_open(name) {
            self.defines(path, name);
        } else if let Err(error) = check_name(&filled_in(name)) {
            let error = match error {
                VariableError::ReadOnly(_) => VariableError::ReadOnly(name.trim().to_owned()),
                _ => VariableError::BadName(name.trim().to_owned()),
            };
            self.error(path, error, "");
        }
    }

    /// A variable that the document has before any step runs: there is nothing yet that could be put into its name.
    fn defines(&mut self, path: &str, name: &str) {
        if let Err(error) = check_name(name) {
            self.error(path, error, "");
        } else {
            self.control(path, name);
        }
        self.sets.insert(name.trim().to_lowercase());
    }

    /// A variable that steers Configuration Manager, and nothing here.
    fn control(&mut self, path: &str, name: &str) {
        if let Some(found) = control::unsupported(name) {
            let hint = found.instead.trim_end_matches('.');
            let (head, rest) = hint.split_at(1);
            self.warning(path, found, &(head.to_lowercase() + rest));
        }
    }

    /// The limits that hold for every value, wherever it comes from.
    fn limits(&mut self, path: &str, name: &str, value: &str) {
        match check_value(name, value) {
            // It may become shorter when the run puts variables in.
            Err(VariableError::TooLong { .. }) if is_open(value) => {}
            Err(error) => self.error(path, error, ""),
            Ok(()) => {}
        }
    }

    /// A variable that is only read: the engine's own are welcome.
    fn reads(&mut self, path: &str, name: &str) {
        let bare = name.trim();
        let fits = !bare.is_empty()
            && bare.len() <= 256
            && bare.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && bare
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !fits && !is_open(name) {
            self.error(
                path,
                format!("`{name}` is not a variable name"),
                "names are letters, digits, `_` and `-`, without percent signs",
            );
        }
    }

    fn reads_option(&mut self, path: &str, name: Option<&String>) {
        if let Some(name) = name {
            self.reads(path, name);
        }
    }

    fn name(&mut self, path: &str, what: &str, name: &str) {
        self.filled(path, what, name, 100);
        if (51..=100).contains(&length(name)) {
            self.warning(
                path,
                format!("{what} has {} characters", length(name)),
                "Configuration Manager's editor shows 50",
            );
        }
    }

    fn sequence(&mut self, sequence: &Sequence) {
        if sequence.schema != SCHEMA {
            self.error(
                "schema",
                format!("schema {} is not known", sequence.schema),
                &format!("this program reads schema {SCHEMA}"),
            );
        }
        self.name("name", "the name of the sequence", &sequence.name);
        self.at_most("description", "the description", &sequence.description, 512);
        let secret = sequence.inputs.iter().filter(|input| input.secret);
        self.secrets = secret
            .map(|input| input.variable.trim().to_lowercase())
            .collect();
        for (name, value) in &sequence.variables {
            let path = format!("variables.{name}");
            if !value.is_empty() && self.secrets.contains(&name.trim().to_lowercase()) {
                self.warning(
                    &path,
                    SECRET_WRITTEN,
                    "leave it out of `variables`: it is asked for, or given with --secret",
                );
            }
            if self.sets.contains(&name.trim().to_lowercase()) {
                self.error(
                    &format!("{path}#key"),
                    format!("`{name}` is given twice"),
                    "variable names are not case-sensitive",
                );
            }
            self.defines(&format!("{path}#key"), name);
            let check = values::check_of_variable(sequence, name).filter(|_| !value.is_empty());
            // Whoever starts the run may give it another value.
            if let Some(why) = check.as_ref().and_then(|check| check.mistake(value)) {
                self.warning(
                    &path,
                    format!("the value of `{name}` does not fit: {why}"),
                    "",
                );
            } else if let Some((why, way_out)) = check.and_then(|check| check.doubt(value)) {
                self.warning(&path, why, way_out);
            }
            self.limits(&path, name, value);
        }
        self.inputs(sequence);
        if sequence.steps.is_empty() && self.complete {
            self.warning("steps", "the sequence has no steps", "");
        }
        self.nodes("steps", &sequence.steps, 0, false);
    }

    fn nodes(&mut self, path: &str, nodes: &[Node], depth: u16, disabled: bool) {
        for (index, node) in nodes.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match node {
                Node::Group(group) => {
                    self.name(
                        &format!("{path}.name"),
                        "the name of the group",
                        &group.name,
                    );
                    self.at_most(
                        &format!("{path}.description"),
                        "the description",
                        &group.description,
                        255,
                    );
                    if depth >= plan::DEEPEST {
                        self.error(
                            &path,
                            "this group is nested too deeply",
                            &format!("at most {} levels are allowed", plan::DEEPEST),
                        );
                        continue;
                    }
                    if let Some(condition) = &group.condition {
                        self.condition(&format!("{path}.condition"), condition);
                    }
                    self.nodes(
                        &format!("{path}.steps"),
                        &group.steps,
                        depth + 1,
                        disabled || group.disabled,
                    );
                }
                Node::Step(step) => self.step(&path, step, disabled || step.disabled),
            }
        }
    }

    fn step(&mut self, path: &str, step: &Step, disabled: bool) {
        self.name(&format!("{path}.name"), "the name of the step", &step.name);
        self.at_most(
            &format!("{path}.description"),
            "the description",
            &step.description,
            255,
        );
        if let Some(condition) = &step.condition {
            self.condition(&format!("{path}.condition"), condition);
        }
        if let Some(retry) = &step.retry {
            if !(2..=100).contains(&retry.attempts) {
                self.error(
                    &format!("{path}.retry.attempts"),
                    format!("{} attempts: 2 to 100 are possible", retry.attempts),
                    "attempts count the first one",
                );
            }
            if retry.delay > 86_400 {
                self.error(
                    &format!("{path}.retry.delay"),
                    "the delay is longer than a day (86400 seconds)",
                    "",
                );
            }
        }
        if let Some(timeout) = step.timeout
            && !(1..=59_940).contains(&timeout)
        {
            self.error(
                &format!("{path}.timeout"),
                format!("a timeout of {timeout} seconds: 1 to 59940 (999 minutes) are possible"),
                "leave the field out for no limit",
            );
        }
        if step.success_codes.as_ref().is_some_and(Vec::is_empty) {
            self.error(
                &format!("{path}.success_codes"),
                "without a success code the step can only fail",
                "the default is [0]",
            );
        }
        if let Some(Simulate::Fail(0, _) | Simulate::FailTimes(_, 0)) = step.simulate {
            self.error(
                &format!("{path}.simulate"),
                "code 0 is success, not a failure",
                "",
            );
        }
        self.action(&format!("{path}.action"), &step.action, disabled);
    }

    fn condition(&mut self, path: &str, condition: &Condition) {
        match condition {
            Condition::All(members) | Condition::Any(members) | Condition::None(members) => {
                for (index, member) in members.iter().enumerate() {
                    self.condition(&format!("{path}[{index}]"), member);
                }
            }
            Condition::Exists(name) | Condition::NotExists(name) => self.reads(path, name),
            Condition::Equals(name, value)
            | Condition::NotEquals(name, value)
            | Condition::Greater(name, value)
            | Condition::GreaterEqual(name, value)
            | Condition::Less(name, value)
            | Condition::LessEqual(name, value)
            | Condition::Like(name, value)
            | Condition::NotLike(name, value) => {
                self.reads(&format!("{path}.0"), name);
                self.at_most(&format!("{path}.1"), "the value", value, LONGEST_VALUE);
            }
            Condition::File {
                path: file,
                modified,
                ..
            } => {
                self.filled(&format!("{path}.path"), "the path", file, 4096);
                self.time(&format!("{path}.modified"), modified.as_ref());
            }
            Condition::Folder {
                path: folder,
                modified,
            } => {
                self.filled(&format!("{path}.path"), "the path", folder, 4096);
                self.time(&format!("{path}.modified"), modified.as_ref());
            }
            Condition::Registry { .. }
            | Condition::Wmi { .. }
            | Condition::OperatingSystemVersion(_)
            | Condition::OperatingSystemLanguage(_)
            | Condition::Software { .. } => self.error(
                path,
                "this condition can only be evaluated in Windows",
                "here there are conditions on variables, files and folders",
            ),
        }
    }

    fn time(&mut self, path: &str, wanted: Option<&Compare>) {
        let Some(
            Compare::Equals(text)
            | Compare::NotEquals(text)
            | Compare::Greater(text)
            | Compare::GreaterEqual(text)
            | Compare::Less(text)
            | Compare::LessEqual(text),
        ) = wanted
        else {
            return;
        };
        if !is_open(text) && condition::time(text).is_none() {
            self.error(
                path,
                format!("`{text}` is not a time"),
                "write YYYY-MM-DDTHH:MM:SSZ, in UTC",
            );
        }
    }

    fn action(&mut self, path: &str, action: &Action, disabled: bool) {
        let field = |name: &str| format!("{path}.{name}");
        self.values(path, action);
        match action {
            Action::SetVariable(set) => {
                if let Some(check) = Check::of_variable(&set.variable.trim().to_lowercase())
                    && let Some(why) = check.mistake(&set.value).filter(|_| !set.value.is_empty())
                {
                    self.error(&field("value"), why, "");
                }
                self.writes(&field("variable"), &set.variable);
                self.limits(&field("value"), &set.variable, &set.value);
                let secret =
                    set.secret || self.secrets.contains(&set.variable.trim().to_lowercase());
                if secret && !set.value.is_empty() && !is_open(&set.value) {
                    self.warning(
                        &field("value"),
                        SECRET_WRITTEN,
                        "use an input with `secret: true`",
                    );
                }
            }
            Action::RunCommandLine(command) => {
                self.filled(
                    &field("command"),
                    "the command line",
                    &command.command,
                    32_000,
                );
                self.optional(
                    &field("working_directory"),
                    "the working directory",
                    command.working_directory.as_ref(),
                    255,
                );
                if !command.shell
                    && let Some(sign) = words::shell_sign(&command.command)
                {
                    self.warning(
                        &field("command"),
                        sign,
                        "write `shell: true`, or put it into quotes when it is meant as it stands",
                    );
                }
                if let Some(name) = &command.output_variable {
                    self.writes(&field("output_variable"), name);
                }
            }
            Action::RestartComputer(restart) => {
                self.at_most(&field("message"), "the message", &restart.message, 512);
                if restart.timeout > 86_400 {
                    self.error(
                        &field("timeout"),
                        "the timeout is longer than a day (86400 seconds)",
                        "",
                    );
                }
                if restart.to == RestartTarget::HardDisk
                    && !self.applied
                    && !disabled
                    && self.complete
                {
                    self.error(
                        &field("to"),
                        "no operating system has been applied before this restart to the hard disk",
                        "restart to WindowsPE, or move the step behind Apply Operating System",
                    );
                }
            }
            Action::Pause(pause) => {
                self.filled(&field("message"), "the message", &pause.message, 4_000);
            }
            Action::PartitionDisk(disk) => self.partition_disk(path, disk),
            Action::ApplyOperatingSystem(apply) => {
                self.apply_os(path, apply);
                if self.captured && !disabled {
                    self.warning(path, "an operating system is applied after a capture", "");
                }
                self.applied |= !disabled;
            }
            Action::ApplyWindowsSettings(windows) => {
                self.after_apply(path, "Windows settings", disabled);
                self.windows_settings(path, windows);
            }
            Action::ApplyNetworkSettings(network) => {
                self.after_apply(path, "network settings", disabled);
                self.network_settings(path, network);
            }
            Action::ConnectNetworkFolder(connect) => self.connect(path, connect),
            Action::CaptureOperatingSystem(capture) => {
                self.capture(path, capture);
                self.captured |= !disabled;
            }
        }
    }

    fn after_apply(&mut self, path: &str, what: &str, disabled: bool) {
        if !self.applied && !disabled && self.complete {
            self.warning(
                path,
                format!("{what} are applied before any operating system"),
                "this step belongs behind Apply Operating System",
            );
        }
    }
}
