//! A run from its first boot to its end, over planned restarts and interruptions.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use super::bundle;
use super::digest::Digests;
use super::dispatcher::Dispatcher;
use super::error::EngineError;
use super::executor::{Restart, Walk, WalkEnd};
use super::journal::Journal;
use super::report;
use super::run_folder::RunFolder;
use super::waiting::{Answer, AskError};
use super::watched::{Watched, watched};
use crate::codes;
use crate::event::{
    Artifact, Event, EventBody, NodeId, Origin, Outcome, QuestionKind, RunOutcome, Severity, Shown,
};
use crate::platform::{Firmware, Machine};
use crate::run_state::{RunState, Status};
use crate::secret::Secret;
use crate::sequence::plan::PlannedSequence;
use crate::sequence::variables::Value;
use crate::step::capture_os::PARTIAL;
use crate::step::connect_folder::CONNECTIONS;
use crate::step::volumes;

/// Makes the machine anew for each boot: in the lab the disks are attached again, as a real restart would.
pub type MachineMaker = Arc<dyn Fn() -> Result<Arc<dyn Machine>, EngineError> + Send + Sync>;

/// What a run needs.
pub struct Boots {
    /// The truth, with the run opened.
    pub dispatcher: Arc<Dispatcher>,
    /// What runs.
    pub planned: PlannedSequence,
    /// The machine.
    pub machine: MachineMaker,
    /// The machine of the first boot, when it was made already to check the document against its disks.
    pub first: Option<Arc<dyn Machine>>,
    /// The run's folder.
    pub folder: RunFolder,
    /// Secrets given on the command line, for a resume.
    pub secrets: Vec<(String, Secret)>,
    /// Digests of the images, taken while what they lie on is connected.
    pub digests: RefCell<Digests>,
}

/// How the engine leaves a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnding {
    /// It ended.
    Finished(RunOutcome),
    /// It stands and can be resumed.
    Interrupted,
}

const COMPONENT: &str = "TSManager";

impl Boots {
    /// Runs until the end. The dispatcher is released afterwards.
    pub fn run(mut self) -> RunEnding {
        let first = self.first.take();
        let ending = self.all_boots(first);
        if let RunEnding::Finished(_) = ending {
            let _ = std::fs::remove_dir_all(self.folder.scratch());
        }
        self.dispatcher.release();
        ending
    }

    /// Writes the reports as of this end of the run, which nobody has been told yet: whoever is told finds them.
    fn report(&self, ended: &EventBody) -> Result<(), EngineError> {
        self.dispatcher.write_through();
        let mut state = self.dispatcher.state();
        state.apply(&Event {
            seq: state.seq + 1,
            at: self.dispatcher.now(),
            body: ended.clone(),
        });
        let digests = &*self.digests.borrow();
        match Journal::events(&self.folder.journal()) {
            Ok(events) => report::write(&self.folder, &state, events, digests),
            // The state alone is still worth a report; it says what is missing.
            Err(error) => report::write(&self.folder, &state, std::iter::once(Err(error)), digests),
        }
    }

    /// While what the images lie on is still connected.
    fn take_digests(&self) {
        let artifacts = self.dispatcher.state().artifacts;
        let cancel = self.dispatcher.cancel_token();
        self.digests
            .borrow_mut()
            .update(&artifacts, &cancel, &|severity, line| {
                self.dispatcher.log(severity, COMPONENT, line, None);
            });
    }

    fn all_boots(&self, mut first: Option<Arc<dyn Machine>>) -> RunEnding {
        let mut unplanned = self.mark_interrupted();
        loop {
            let made = first.take().map_or_else(|| (self.machine)(), Ok);
            let machine = match made {
                Ok(machine) => machine,
                Err(error) => {
                    let message = format!("the machine cannot be used: {error}");
                    return self.finish(RunOutcome::Failed, codes::E_FAIL, &message);
                }
            };
            self.dispatcher.set_machine(&machine);
            self.start_boot(&machine, unplanned);
            if let Err(why) = self.ask_for_secrets() {
                return match why {
                    AskError::Cancelled => {
                        self.finish(RunOutcome::Cancelled, codes::CANCELLED, "cancelled")
                    }
                    AskError::Unattended(why) => {
                        self.dispatcher.log(Severity::Error, COMPONENT, &why, None);
                        RunEnding::Interrupted
                    }
                };
            }
            let mut walk = Walk::new(
                &self.dispatcher,
                &self.planned,
                Arc::clone(&machine),
                self.folder.scratch(),
            );
            let end = walk.run();
            drop(walk);
            self.take_digests();
            self.disconnect(&machine);
            let WalkEnd::Restart(restart) = end else {
                // Whoever sees the end of the run finds nothing of it on the machine any more, or is told what.
                let left = machine.left_behind();
                drop(machine);
                let mut items = left();
                items.extend(self.half_done());
                self.tell_what_is_left(&items);
                return self.conclude(end);
            };
            match self.restart(machine.as_ref(), &restart) {
                Ok(()) => unplanned = false,
                Err(ending) => return ending,
            }
        }
    }

    /// Ends the run as its last walk ended.
    fn conclude(&self, end: WalkEnd) -> RunEnding {
        match end {
            WalkEnd::Failed(node, failure) => {
                let summary = format!(
                    "\"{}\" failed: {}",
                    self.dispatcher.state().title(node),
                    failure.message
                );
                self.finish(RunOutcome::Failed, failure.code, &summary)
            }
            WalkEnd::Cancelled => self.finish(
                RunOutcome::Cancelled,
                codes::CANCELLED,
                "cancelled by the technician",
            ),
            WalkEnd::Done | WalkEnd::Restart(_) => {
                let summary = format!("\"{}\" completed", self.planned.plan.name);
                self.finish(RunOutcome::Succeeded, 0, &summary)
            }
        }
    }

    /// Work that a cancel or a failure left in the middle.
    fn half_done(&self) -> Vec<String> {
        let mut items = Vec::new();
        if let Some(step) = self.dispatcher.given_up() {
            items.push(format!(
                "{step} still works in process {} and may write: restart the machine before it is used again",
                std::process::id()
            ));
        }
        let partial = self.text(PARTIAL);
        if !partial.is_empty() && std::path::Path::new(&partial).exists() {
            items.push(format!("{partial} is an unfinished image: rm {partial}"));
        }
        let writing = self.text(volumes::WRITING);
        for volume in writing.split(';').filter(|text| !text.is_empty()) {
            items.push(format!(
                "the volume on disk,partition {volume} holds half an image: format it or apply again before it is used"
            ));
        }
        items
    }

    fn tell_what_is_left(&self, items: &[String]) {
        if items.is_empty() {
            return;
        }
        for item in items {
            let line = format!("Left on the machine: {item}");
            self.dispatcher
                .log(Severity::Warning, COMPONENT, &line, None);
        }
        self.dispatcher.emit(EventBody::LeftBehind {
            items: items.to_vec(),
        });
    }

    /// Connections end with a boot (spec 2.17).
    fn disconnect(&self, machine: &Arc<dyn Machine>) {
        let folders: Vec<PathBuf> = self.text(CONNECTIONS).lines().map(PathBuf::from).collect();
        let still = if folders.is_empty() {
            Vec::new()
        } else {
            self.take_down(machine, folders)
        };
        for line in still {
            self.dispatcher
                .log(Severity::Warning, COMPONENT, &line, None);
        }
        for name in std::iter::once(CONNECTIONS.to_owned())
            .chain(('D'..='Z').map(|letter| format!("_WimforgeConnection{letter}")))
        {
            self.set(&name, "");
        }
    }

    /// Takes connections down; one sentence about each that stays. A share that does not answer may hang.
    fn take_down(&self, machine: &Arc<dyn Machine>, folders: Vec<PathBuf>) -> Vec<String> {
        let all = folders.clone();
        let asked = Arc::clone(machine);
        let down = watched(
            &self.dispatcher,
            "the shares to be disconnected",
            move |_| asked.disconnect(&folders),
        );
        match down {
            Watched::Done(still) => still
                .iter()
                .map(|(folder, error)| format!("{} is still connected: {error}", folder.display()))
                .collect(),
            Watched::GivenUp | Watched::Broken(_) => all
                .iter()
                .map(|folder| {
                    format!(
                        "{} may still be connected: it does not answer",
                        folder.display()
                    )
                })
                .collect(),
        }
    }

    /// Ends the boot: everything durable; the caller lets the machine go. In the lab the next boot follows at once;
    /// a real restart ends this process.
    fn restart(&self, machine: &dyn Machine, restart: &Restart) -> Result<(), RunEnding> {
        let to = restart.to();
        self.dispatcher.emit(EventBody::BootEnded {
            target: to.word().to_owned(),
            message: restart.message.clone(),
        });
        match machine.restart(to) {
            Ok(false) => Ok(()),
            Ok(true) => Err(RunEnding::Interrupted),
            Err(error) => {
                let message = format!("the machine cannot be restarted: {error}");
                Err(self.finish(RunOutcome::Failed, codes::E_FAIL, &message))
            }
        }
    }

    /// Says of a step that ran when the engine died that it was interrupted; true when the last boot did not end in order.
    fn mark_interrupted(&self) -> bool {
        let state = self.dispatcher.state();
        if state.boot == 0 {
            return false;
        }
        let planned = !self.text("_WimforgeRestart").is_empty();
        if let Some(node) = running_step(&state) {
            let attempt = state.node(node).map_or(1, |n| n.attempt);
            let title = state.title(node).to_owned();
            self.dispatcher.emit(EventBody::StepFinished {
                node,
                attempt,
                outcome: Outcome::Interrupted,
                millis: 0,
            });
            let line =
                format!("The action ({title}) was interrupted in attempt {attempt}; it runs again");
            self.dispatcher
                .log(Severity::Warning, COMPONENT, &line, Some(node));
        }
        !planned
    }

    fn text(&self, name: &str) -> String {
        self.dispatcher
            .with_variables(|variables| variables.text(name).to_owned())
    }

    fn set(&self, name: &str, value: impl Into<String>) {
        self.dispatcher
            .set_variable(name, Value::Plain(value.into()), Origin::Engine);
    }

    fn start_boot(&self, machine: &Arc<dyn Machine>, unplanned: bool) {
        let state = self.dispatcher.state();
        let boot = state.boot + 1;
        // Without a planned restart the environment is what it was; the first one is Windows PE's stand-in.
        let in_winpe = match self.text("_WimforgeRestart").as_str() {
            "HD" => false,
            "WinPE" => true,
            _ => boot == 1 || state.in_winpe,
        };
        self.dispatcher.emit(EventBody::BootStarted {
            boot,
            in_winpe,
            unplanned,
        });
        self.set("_WimforgeRestart", "");
        self.set("_SMSTSInWinPE", in_winpe.to_string());
        let uefi = machine.firmware() == Firmware::Uefi;
        self.set("_SMSTSBootUEFI", uefi.to_string());
        for (name, value) in machine.identity() {
            self.set(&name, value);
        }
        self.set("_SMSTSLogPath", self.folder.path().display().to_string());
        if self.text("_SMSTSMachineName").is_empty() {
            let name = format!("MININT-{}", self.folder.id().replace('-', ""));
            self.set(
                "_SMSTSMachineName",
                name.chars().take(15).collect::<String>(),
            );
        }
        self.set("_SMSTSMediaType", "BootMedia");
        self.set("_SMSTSLaunchMode", "UFD");
        self.set("_SMSTSType", "2");
        self.set("_SMSTSOrgName", "IT Organization");
        self.set("_SMSTSPackageName", self.planned.plan.name.clone());
        self.set(
            "_SMSTSInstructionTableSize",
            self.planned.plan.nodes.len().to_string(),
        );
    }

    /// Secrets do not survive an engine: whatever was secret and has no value now is asked for.
    fn ask_for_secrets(&self) -> Result<(), AskError> {
        for (name, secret) in &self.secrets {
            let value = Value::Secret(secret.clone());
            self.dispatcher
                .set_variable(name, value, Origin::CommandLine);
        }
        let missing: Vec<String> = self
            .dispatcher
            .state()
            .variables
            .values()
            .filter(|variable| variable.value == Shown::Masked)
            .map(|variable| variable.name.clone())
            .filter(|name| {
                self.dispatcher
                    .with_variables(|variables| variables.get(name).is_none())
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let kind = QuestionKind::Secrets {
            reason: "the run was interrupted and secrets are never kept on disk".to_owned(),
            variables: missing,
        };
        if let Answer::Values(values) = self.dispatcher.ask(None, kind)? {
            for (name, secret) in values {
                let value = Value::Secret(secret);
                self.dispatcher.set_variable(&name, value, Origin::Input);
            }
        }
        Ok(())
    }

    /// The evidence of a failed run, where the start of the run wanted it.
    fn bundle_by_policy(&self) {
        let Some(to) = self.dispatcher.bundle_to() else {
            return;
        };
        let (severity, line) = match bundle::of_run(&self.dispatcher, &to) {
            Ok(facts) => {
                let path = facts.path.display().to_string();
                let line = format!("a bundle of the evidence was written: {path}");
                if let Some((node, _)) = self.dispatcher.state().last_failure {
                    let artifact = Artifact::File {
                        path,
                        bytes: facts.bytes,
                        what: "bundle".to_owned(),
                    };
                    self.dispatcher.emit(EventBody::Produced { node, artifact });
                }
                (Severity::Info, line)
            }
            Err(error) => (Severity::Error, format!("no bundle was written: {error}")),
        };
        self.dispatcher.log(severity, COMPONENT, &line, None);
    }

    fn finish(&self, outcome: RunOutcome, code: u32, summary: &str) -> RunEnding {
        let (severity, line) = match outcome {
            RunOutcome::Succeeded => (
                Severity::Info,
                "The task sequence completed successfully".to_owned(),
            ),
            RunOutcome::Failed => (
                Severity::Error,
                format!(
                    "Failed to run the last action. Execution of the task sequence failed: {summary}. Error {}",
                    codes::show(code)
                ),
            ),
            RunOutcome::Cancelled => (
                Severity::Warning,
                format!("The task sequence ended: {summary}"),
            ),
        };
        self.dispatcher.log(severity, COMPONENT, &line, None);
        if outcome == RunOutcome::Failed {
            self.bundle_by_policy();
        }
        let ended = EventBody::RunFinished {
            outcome,
            code,
            summary: summary.to_owned(),
        };
        if let Err(error) = self.report(&ended) {
            let line = format!("the report cannot be written: {error}");
            self.dispatcher.log(Severity::Error, COMPONENT, &line, None);
        }
        self.dispatcher.emit(ended);
        RunEnding::Finished(outcome)
    }
}

fn running_step(state: &RunState) -> Option<NodeId> {
    let current = state.current?;
    let node = state.node(current)?;
    (node.status == Status::Running).then_some(current)
}
