//! Events as plain lines: no escape sequences, nothing that needs a terminal.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use crate::codes;
use crate::event::{
    Answered, Artifact, Event, EventBody, Failure, Finding, Gravity, Millis, NodeId, NodeKind,
    Outcome, Progress, QuestionKind, RunOutcome, Severity, Shown, SkipReason, Unit,
};
use crate::hints::{self, Strength};
use crate::run_state::RunState;
use crate::text::harmless;
use crate::units;

/// Milliseconds after which a progress line is due even when the share hardly changed.
const PROGRESS_EVERY: Millis = 10_000;

/// Prints events as lines. Keeps a state of its own for names and positions.
pub struct Plain<W> {
    out: W,
    state: RunState,
    told: (u16, Millis),
}

impl<W: Write> Plain<W> {
    /// Prints to `out`, starting from `state`.
    pub fn new(out: W, state: RunState) -> Self {
        Self {
            out,
            state,
            told: (0, 0),
        }
    }

    /// What is known.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Takes over a snapshot: the first, or a fresh one after falling behind.
    ///
    /// # Errors
    /// Writing failed.
    pub fn snapshot(&mut self, state: RunState) -> io::Result<()> {
        let behind = state.seq > self.state.seq && self.state.has_run();
        if behind {
            writeln!(
                self.out,
                "... left out: {} ...",
                units::count(state.seq - self.state.seq, "event")
            )?;
        } else if state.has_run() && !self.state.has_run() && state.end.is_none() {
            let (n, m) = state.position();
            writeln!(
                self.out,
                "attached to \"{}\", step {n} of {m}",
                harmless(&state.plan.name)
            )?;
        }
        self.state = state;
        self.out.flush()
    }

    fn line(&mut self, at: Millis, text: &str) -> io::Result<()> {
        let depth = self
            .state
            .current
            .and_then(|id| self.state.plan.nodes.get(id.index()))
            .map_or(0, |node| usize::from(node.depth));
        let time = time_of_day(at);
        for part in text.lines() {
            writeln!(
                self.out,
                "{time} {:indent$}{}",
                "",
                harmless(part),
                indent = depth * 2
            )?;
        }
        Ok(())
    }

    fn title(&self, id: NodeId) -> String {
        self.state.title(id).to_owned()
    }

    /// Prints one event.
    ///
    /// # Errors
    /// Writing failed.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        self.state.apply(event);
        if let Some(text) = self.describe(event) {
            self.line(event.at, &text)?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Prints a sample when it says something new.
    ///
    /// # Errors
    /// Writing failed.
    pub fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        self.state.sample(progress);
        let Some(phase) = self.state.phase.clone() else {
            return Ok(());
        };
        let share = phase.permille.unwrap_or(0);
        let waited = progress.at.saturating_sub(self.told.1);
        let due = share / 100 > self.told.0 / 100 || waited >= PROGRESS_EVERY;
        if !due || phase.unit == Unit::Nothing || (phase.done == 0 && phase.total == 0) {
            return Ok(());
        }
        self.told = (share, progress.at);
        let mut text = format!("  {}: {}.{} %", phase.name, share / 10, share % 10);
        if phase.unit == Unit::Bytes {
            let elapsed = u64::try_from(progress.at.saturating_sub(phase.started)).unwrap_or(0);
            let _ = write!(
                text,
                ", {} of {}",
                units::bytes(phase.done),
                units::bytes(phase.total)
            );
            if let Some(rate) = units::rate(phase.done, Duration::from_millis(elapsed)) {
                let _ = write!(text, ", {rate}");
            }
        }
        self.line(progress.at, &text)?;
        self.out.flush()
    }

    fn describe(&mut self, event: &Event) -> Option<String> {
        Some(match &event.body {
            EventBody::RunStarted { plan, folder, .. } => {
                let (_, steps) = self.state.position();
                let steps = units::count(steps.into(), "step");
                format!("run \"{}\", {steps}, run folder {folder}", plan.name)
            }
            EventBody::BootStarted {
                boot,
                in_winpe,
                unplanned,
            } => {
                let place = if *in_winpe {
                    "Windows PE"
                } else {
                    "the full operating system"
                };
                let why = if *unplanned {
                    ", after an interruption"
                } else {
                    ""
                };
                format!("boot {boot} in {place}{why}")
            }
            EventBody::BootEnded { target, message } => format!("restart to {target}: {message}"),
            EventBody::RunFinished {
                outcome,
                code,
                summary,
            } => self.end(*outcome, *code, summary),
            EventBody::GroupStarted { node } => format!("group {}", self.title(*node)),
            EventBody::GroupFinished { node, outcome } => match outcome {
                Outcome::Succeeded | Outcome::WillNotRun(_) => return None,
                _ => format!("group {}: {}", self.title(*node), outcome_text(outcome)),
            },
            EventBody::Skipped { node, reason } => match reason {
                SkipReason::Disabled | SkipReason::GroupSkipped => return None,
                SkipReason::Condition(condition) => {
                    format!(
                        "skipped {}: the condition is false: {condition}",
                        self.title(*node)
                    )
                }
                SkipReason::Technician(who) => {
                    format!("skipped {} by {}", self.title(*node), who.name)
                }
            },
            EventBody::StepStarted { attempt, name, .. } => {
                self.told = (0, event.at);
                let (n, m) = self.state.position();
                let again = if *attempt > 1 {
                    format!(", attempt {attempt}")
                } else {
                    String::new()
                };
                format!("[{n}/{m}] {name}{again}")
            }
            EventBody::StepPhase { phase, .. } => {
                self.told = (0, event.at);
                format!("  {phase}")
            }
            EventBody::StepFinished {
                node,
                outcome,
                millis,
                ..
            } => match outcome {
                Outcome::WillNotRun(_) => return None,
                _ => format!(
                    "  {} ({}){}",
                    outcome_text(outcome),
                    units::duration(Duration::from_millis(*millis)),
                    self.hint(*node, outcome)
                ),
            },
            EventBody::RetryScheduled {
                attempt,
                of,
                delay_seconds,
                ..
            } => format!("  attempt {attempt} of {of} failed; again in {delay_seconds} s"),
            EventBody::Stalled { seconds: 0, .. } => "  moving again".to_owned(),
            EventBody::Stalled { seconds, .. } => {
                format!("  STALLED: no sign of life for {seconds} s")
            }
            EventBody::VariableSet { name, value, .. } => {
                if name.starts_with('_') {
                    return None;
                }
                match value {
                    Shown::Plain(value) => format!("  {name} = {value}"),
                    Shown::Masked => format!("  {name} = {}", crate::secret::MASK),
                }
            }
            EventBody::VariableRemoved { .. } => return None,
            EventBody::Log { severity, text, .. } => match severity {
                Severity::Info => format!("  | {text}"),
                Severity::Warning => format!("  | WARNING: {text}"),
                Severity::Error => format!("  | ERROR: {text}"),
            },
            EventBody::QuestionAsked { question } => question_text(question.id, &question.kind),
            EventBody::QuestionAnswered { answer, by, .. } => {
                format!("answered by {}: {}", by.name, answer_text(answer))
            }
            EventBody::PauseChanged { paused: true, by } => {
                format!("paused by {}; go on with: wimforge ctl continue", by.name)
            }
            EventBody::PauseChanged { by, .. } => format!("continued by {}", by.name),
            EventBody::BreakpointChanged { node, set, by } => {
                let what = if *set { "set" } else { "cleared" };
                format!("breakpoint {what} at {} by {}", self.title(*node), by.name)
            }
            EventBody::RunTo { node, by } => match node {
                Some(node) => format!("{} runs to {}", by.name, self.title(*node)),
                // Reached: the pause says so.
                None if by.client == 0 => return None,
                None => format!("run to a step taken back by {}", by.name),
            },
            EventBody::StepOverridden { node, text, by } => {
                let what = if text.is_some() {
                    "changed for this run"
                } else {
                    "back as in the document"
                };
                format!("settings of {} {what} by {}", self.title(*node), by.name)
            }
            EventBody::PenTaken { by } => format!("{} took the pen", by.name),
            EventBody::Preflight { findings } => preflight_text(findings),
            EventBody::CancelRequested {
                kill,
                by,
                waiting_for,
                seconds,
            } => {
                let (what, next) = if *kill {
                    ("kill", "given up")
                } else {
                    ("cancel", "killed")
                };
                format!(
                    "{what} requested by {}; waiting for {waiting_for}, {next} in {seconds} s",
                    by.name
                )
            }
            EventBody::CancelGivenUp { waiting_for } => {
                format!("{waiting_for} did not end when it was killed: waiting no longer")
            }
            EventBody::LeftBehind { items } => {
                let mut text = "LEFT ON THE MACHINE:".to_owned();
                for item in items {
                    let _ = write!(text, "\n  {item}");
                }
                text
            }
            EventBody::Jumped { to, by } => format!("{} goes on at {}", by.name, self.title(*to)),
            EventBody::Produced { artifact, .. } => format!("  {}", artifact_text(artifact)),
        })
    }

    /// What the catalogue knows best about a failure.
    fn hint(&self, node: NodeId, outcome: &Outcome) -> String {
        let Outcome::Failed { failure, .. } = outcome else {
            return String::new();
        };
        let kind = match self.state.plan.nodes.get(node.index()).map(|n| &n.kind) {
            Some(NodeKind::Step(kind)) => kind.as_str(),
            _ => "",
        };
        let found = hints::best(failure, kind);
        let Some(best) = found.first().filter(|f| f.strength >= Strength::Code) else {
            return String::new();
        };
        let mut text = format!("\n    hint: {}. {}", best.hint.title, best.hint.cause);
        for todo in &best.hint.todo {
            let _ = write!(text, "\n      - {todo}");
        }
        text
    }

    fn end(&self, outcome: RunOutcome, code: u32, summary: &str) -> String {
        let mut text = format!("{}: {summary}", outcome.word());
        if code != 0 {
            let _ = write!(text, " [{}]", codes::show(code));
        }
        for (_, artifact) in &self.state.artifacts {
            let _ = write!(text, "\n  {}", artifact_text(artifact));
        }
        let _ = write!(text, "\n  log, journal and report: {}", self.state.folder);
        text
    }
}

/// `07:51:05Z`.
pub(super) fn time_of_day(at: Millis) -> String {
    format!("{}Z", units::time_of_day(at, 0))
}

/// One line about something that was produced.
pub fn artifact_text(artifact: &Artifact) -> String {
    match artifact {
        Artifact::CapturedVolume {
            index,
            volume,
            bytes,
            files,
        } => format!(
            "image {index}: {volume}, {} in {}",
            units::bytes(*bytes),
            units::count(*files, "file")
        ),
        Artifact::SkippedVolume { volume, reason } => format!("not captured: {volume}: {reason}"),
        Artifact::File { path, bytes, what } => format!("{what}: {path}, {}", units::bytes(*bytes)),
    }
}

fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded => "done".to_owned(),
        Outcome::Warned(what) => format!("done, with a warning: {what}"),
        Outcome::Failed { failure, ignored } => {
            let tail = if *ignored {
                " (ignored: continue on error)"
            } else {
                ""
            };
            format!("FAILED{tail}: {}", failure_text(failure))
        }
        Outcome::Aborted => "aborted".to_owned(),
        Outcome::WillNotRun(_) => "will not run".to_owned(),
        Outcome::Interrupted => "interrupted; it will run again".to_owned(),
    }
}

fn failure_text(failure: &Failure) -> String {
    let mut text = failure.message.clone();
    for cause in &failure.causes {
        let _ = write!(text, ": {cause}");
    }
    let _ = write!(text, " [{}", codes::show(failure.code));
    // What a tool ended with is its own: the same number means something else in Windows.
    let of_tool = failure
        .message
        .contains(&format!("exit code {}", failure.code));
    if let Some(meaning) = codes::meaning(failure.code).filter(|_| !of_tool) {
        let _ = write!(text, ": {meaning}");
    }
    text.push(']');
    for line in &failure.tail {
        let _ = write!(text, "\n    > {line}");
    }
    if let Some(hint) = &failure.hint {
        let _ = write!(text, "\n    way out: {hint}");
    }
    text
}

/// The findings of a pre-flight check, a line each.
pub fn preflight_text(findings: &[Finding]) -> String {
    let count = |gravity| findings.iter().filter(|f| f.gravity == gravity).count() as u64;
    let mut text = format!(
        "pre-flight: {} fine, {}, {} blocking",
        count(Gravity::Fine),
        units::count(count(Gravity::Warning), "warning"),
        count(Gravity::Blocking)
    );
    for finding in findings {
        let word = gravity_word(finding.gravity);
        let _ = write!(text, "\n  {word:<8} {}: {}", finding.subject, finding.text);
        if let Some(way) = &finding.way_out {
            let _ = write!(text, "\n           way out: {way}");
        }
    }
    text
}

/// How a finding is called where it is listed.
pub fn gravity_word(gravity: Gravity) -> &'static str {
    match gravity {
        Gravity::Fine => "OK",
        Gravity::Warning => "WARNING",
        Gravity::Blocking => "BLOCKING",
    }
}

fn question_text(id: u32, kind: &QuestionKind) -> String {
    let word = kind.word().unwrap_or_default();
    match kind {
        QuestionKind::ConfirmDisk(facts) => {
            let mut text = format!(
                "QUESTION {id}: wipe disk {}? {} {} {}, {}, table {}",
                facts.number,
                facts.path,
                facts.model,
                facts.serial,
                units::bytes(facts.bytes),
                facts.table
            );
            if !facts.found.is_empty() {
                let _ = write!(text, "; {}", facts.found);
            }
            for line in &facts.contents {
                let _ = write!(text, "\n  found: {line}");
            }
            text + &format!(
                "\n  answer with: wimforge ctl answer {id} {word}, or wimforge ctl answer {id} no"
            )
        }
        QuestionKind::ConfirmReplace { path, bytes, .. } => format!(
            "QUESTION {id}: replace {path} ({})?\n  answer with: wimforge ctl answer {id} {word}, or wimforge ctl answer {id} no",
            units::bytes(*bytes)
        ),
        QuestionKind::Failed { .. } => format!(
            "QUESTION {id}: what now?\n  answer with: wimforge ctl retry|skip|cancel (and ctl set NAME=VALUE before a retry)"
        ),
        QuestionKind::Preflight { blocking: 0, .. } => format!(
            "QUESTION {id}: go on?\n  answer with: wimforge ctl answer yes|no, or check again with: wimforge ctl recheck"
        ),
        QuestionKind::Preflight { blocking, .. } => format!(
            "QUESTION {id}: {blocking} of the findings are blocking\n  mend them and: wimforge ctl recheck; go on all the same with: wimforge ctl answer {id} {word}; or: wimforge ctl cancel"
        ),
        QuestionKind::Pause { message } => {
            format!("QUESTION {id}: {message}\n  go on with: wimforge ctl answer yes")
        }
        QuestionKind::Secrets { reason, variables } => format!(
            "QUESTION {id}: {reason}: {}\n  answer with: wimforge ctl secrets NAME=file:PATH ...",
            variables.join(", ")
        ),
    }
}

fn answer_text(answer: &Answered) -> String {
    match answer {
        Answered::Yes => "yes".to_owned(),
        Answered::No => "no".to_owned(),
        Answered::Retry => "retry".to_owned(),
        Answered::Skip => "go on without it".to_owned(),
        Answered::Abort => "abort".to_owned(),
        Answered::Overridden => "go on in spite of the blocking findings".to_owned(),
        Answered::Recheck => "check again".to_owned(),
        Answered::RestartAndRetry => "restart, then retry".to_owned(),
        Answered::Values(names) => format!("values for {}", names.join(", ")),
    }
}
