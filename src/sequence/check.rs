//! Rules that can be checked before a run (spec sections 1 and 2). Texts with `%variables%` are left to the step.

use std::collections::BTreeSet;

use super::condition;
use super::check_steps;
use super::diagnostic::Diagnostic;
use super::load::Checked;
use super::schema::{Action, Condition, Input, InputCheck, Node, SCHEMA, Sequence, Step};
use super::settings::RestartTarget;
use super::variables::{LONGEST_VALUE, check_name};

/// Everything that is wrong with a document that could be decoded.
pub fn check(sequence: &Sequence, checked: &Checked) -> Vec<Diagnostic> {
    let mut checker = Checker {
        checked,
        found: Vec::new(),
        applied: false,
    };
    checker.sequence(sequence);
    checker.found
}

/// What is wrong with starting this document here: disks that do not exist, inputs without a value.
pub fn check_run(
    sequence: &Sequence,
    checked: &Checked,
    disks: Option<&[u32]>,
    given: &[&str],
) -> Vec<Diagnostic> {
    let mut checker = Checker {
        checked,
        found: Vec::new(),
        applied: false,
    };
    for (at, input) in sequence.inputs.iter().enumerate() {
        let has = given.iter().any(|name| name.eq_ignore_ascii_case(&input.variable));
        if !has && !input.optional {
            let how = if input.secret {
                format!("--secret {}=file:PATH", input.variable)
            } else {
                format!("--set {}=VALUE", input.variable)
            };
            checker
                .error(
                    &format!("inputs[{at}].variable"),
                    format!("\"{}\" needs a value", input.label),
                )
                .hint = Some(format!("give it with {how}, or in the console's form"));
        }
    }
    if let Some(disks) = disks {
        checker.disks(&sequence.steps, "steps", disks);
    }
    checker.found
}

/// Collects mistakes while walking over the document; `path` names the value meant.
pub(super) struct Checker<'a> {
    pub(super) checked: &'a Checked,
    pub(super) found: Vec<Diagnostic>,
    applied: bool,
}

/// Whether a text can be judged now: it holds no `%variable%`.
pub(super) fn fixed(text: &str) -> bool {
    !text.contains('%')
}

impl Checker<'_> {
    pub(super) fn error(&mut self, path: &str, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Diagnostic::error(self.checked.span(path), message))
    }

    pub(super) fn warn(&mut self, path: &str, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Diagnostic::warning(self.checked.span(path), message))
    }

    fn add(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        self.found.push(diagnostic);
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// A text of `low` to `high` characters.
    pub(super) fn length(&mut self, path: &str, what: &str, text: &str, low: usize, high: usize) {
        let characters = text.chars().count();
        if characters < low || (characters > high && fixed(text)) {
            let range = if low == 0 {
                format!("at most {high}")
            } else {
                format!("{low} to {high}")
            };
            self.error(path, format!("{what} has {characters} characters; {range} are allowed"));
        }
    }

    pub(super) fn variable(&mut self, path: &str, name: &str) {
        if let Err(error) = check_name(name) {
            self.error(path, error.to_string());
        }
    }

    fn sequence(&mut self, sequence: &Sequence) {
        if sequence.schema != SCHEMA {
            self.error(
                "schema",
                format!("schema {} is not known; this program reads schema {SCHEMA}", sequence.schema),
            );
        }
        self.name("name", &sequence.name);
        self.length("description", "the description", &sequence.description, 0, 512);
        for (name, value) in &sequence.variables {
            let path = format!("variables.{name}");
            self.variable(&format!("{path}.key"), name);
            self.length(&path, "the value", value, 0, LONGEST_VALUE);
        }
        let mut seen = BTreeSet::new();
        for (at, input) in sequence.inputs.iter().enumerate() {
            self.input(&format!("inputs[{at}]"), input, &mut seen);
        }
        if sequence.steps.is_empty() {
            self.warn("steps", "the sequence has no steps");
        }
        self.nodes(&sequence.steps, "steps");
    }

    fn input(&mut self, path: &str, input: &Input, seen: &mut BTreeSet<String>) {
        self.variable(&format!("{path}.variable"), &input.variable);
        self.length(&format!("{path}.label"), "the label", &input.label, 1, 100);
        if !seen.insert(input.variable.to_lowercase()) {
            self.error(
                &format!("{path}.variable"),
                format!("`{}` is asked for twice", input.variable),
            );
        }
        let default = format!("{path}.default");
        if input.secret && !input.default.is_empty() {
            self.error(&default, "a secret must not stand in a document")
                .hint = Some("leave the default out; it is asked for, or given with --secret".to_owned());
        }
        if let InputCheck::OneOf(choices) = &input.check
            && choices.is_empty()
        {
            self.error(&format!("{path}.check"), "a choice needs at least one value");
        }
        if let InputCheck::Number(low, high) = &input.check
            && low > high
        {
            self.error(&format!("{path}.check"), format!("no number lies between {low} and {high}"));
        }
    }

    fn name(&mut self, path: &str, name: &str) {
        self.length(path, "the name", name, 1, 100);
        let characters = name.chars().count();
        if (51..=100).contains(&characters) {
            self.warn(
                path,
                format!("the name has {characters} characters; Configuration Manager's editor allows 50"),
            );
        }
    }

    fn nodes(&mut self, nodes: &[Node], path: &str) {
        for (at, node) in nodes.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let (name, description, condition) = match node {
                Node::Group(group) => (&group.name, &group.description, &group.condition),
                Node::Step(step) => (&step.name, &step.description, &step.condition),
            };
            self.name(&format!("{path}.name"), name);
            self.length(&format!("{path}.description"), "the description", description, 0, 255);
            if let Some(condition) = condition {
                self.condition(&format!("{path}.condition"), condition);
            }
            match node {
                Node::Group(group) => self.nodes(&group.steps, &format!("{path}.steps")),
                Node::Step(step) => self.step(&path, step),
            }
        }
    }

    fn condition(&mut self, path: &str, found: &Condition) {
        if let Some(what) = condition::needs_windows(found) {
            self.error(
                path,
                format!("{what} can only be asked of a running Windows, and this wimforge runs on Linux"),
            );
        }
        self.condition_names(path, found);
    }

    fn condition_names(&mut self, path: &str, found: &Condition) {
        match found {
            Condition::All(members) | Condition::Any(members) | Condition::None(members) => {
                for (at, member) in members.iter().enumerate() {
                    self.condition_names(&format!("{path}[{at}]"), member);
                }
            }
            Condition::Exists(name) | Condition::NotExists(name) => self.condition_name(path, name),
            Condition::Equals(name, _)
            | Condition::NotEquals(name, _)
            | Condition::Greater(name, _)
            | Condition::GreaterEqual(name, _)
            | Condition::Less(name, _)
            | Condition::LessEqual(name, _)
            | Condition::Like(name, _)
            | Condition::NotLike(name, _) => self.condition_name(&format!("{path}[0]"), name),
            _ => {}
        }
    }

    /// Read-only variables may be asked about.
    fn condition_name(&mut self, path: &str, name: &str) {
        let bare = name.trim().trim_start_matches('_');
        if bare.is_empty() || check_name(bare).is_err() {
            self.error(path, format!("`{name}` is not a variable name"))
                .hint = Some("the variable's name stands without percent signs".to_owned());
        }
    }

    fn step(&mut self, path: &str, step: &Step) {
        if let Some(retry) = &step.retry {
            if !(2..=100).contains(&retry.attempts) {
                let message = format!("{} attempts; 2 to 100 are allowed", retry.attempts);
                self.error(&format!("{path}.retry.attempts"), message);
            }
            if retry.delay > 86_400 {
                self.error(&format!("{path}.retry.delay"), "the delay is longer than a day");
            }
        }
        if let Some(seconds) = step.timeout
            && !(1..=59_940).contains(&seconds)
        {
            let message = format!("{seconds} seconds; 1 to 59940 (999 minutes) are allowed");
            self.error(&format!("{path}.timeout"), message);
        }
        if step.success_codes.as_ref().is_some_and(Vec::is_empty) {
            self.error(&format!("{path}.success_codes"), "without a success code the step can never succeed");
        }
        let settings = format!("{path}.action");
        if step.disabled {
            return;
        }
        match &step.action {
            Action::ApplyOperatingSystem(_) => self.applied = true,
            Action::RestartComputer(restart)
                if restart.to == RestartTarget::HardDisk && !self.applied =>
            {
                self.error(&format!("{settings}.to"), "no step before this one applies an operating system to restart into");
            }
            _ => {}
        }
        check_steps::action(self, &settings, &step.action);
    }

    fn disks(&mut self, nodes: &[Node], path: &str, disks: &[u32]) {
        for (at, node) in nodes.iter().enumerate() {
            let path = format!("{path}[{at}]");
            match node {
                Node::Group(group) if !group.disabled => {
                    self.disks(&group.steps, &format!("{path}.steps"), disks);
                }
                Node::Step(step) if !step.disabled => {
                    if let Action::PartitionDisk(settings) = &step.action
                        && !disks.contains(&settings.disk)
                    {
                        let known: Vec<String> = disks.iter().map(ToString::to_string).collect();
                        let hint = if known.is_empty() {
                            "this machine has no disks; attach an image file with --disk 0=PATH".to_owned()
                        } else {
                            format!("disks here: {} (see `wimforge disks`)", known.join(", "))
                        };
                        self.error(
                            &format!("{path}.action.disk"),
                            format!("this machine has no disk {}", settings.disk),
                        )
                        .hint = Some(hint);
                    }
                }
                _ => {}
            }
        }
    }
}
