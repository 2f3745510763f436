//! What the debugger adds to the walk (spec 4.1): where it opens, what is mended before another attempt, a restart for one.

use std::sync::Arc;

use super::executor::{RETRY_AFTER_RESTART, Restart, Walk};
use super::watched::{Watched, watched};
use crate::event::{NodeId, Severity};
use crate::protocol::Mend;
use crate::run_state::{NodeState, Status};
use crate::sequence::schema::{Action, Simulate, Step};
use crate::step::connect_folder::CONNECTIONS;

const COMPONENT: &str = "TSManager";

/// The debugger was opened before the first step; durable at once.
const OPENED: &str = "_WimforgeMarkDebuggerOpened";

impl Walk<'_> {
    fn is_true(&self, variable: &str) -> bool {
        self.dispatcher
            .with_variables(|variables| variables.text(variable).eq_ignore_ascii_case("true"))
    }

    /// `TSDebugMode = TRUE` stops before the first step of a run (spec 4.1); not again after a restart or when the run is
    /// taken up, but also when the engine died before it could stop.
    pub(super) fn open_debugger(&self) {
        let begun = self.dispatcher.with_state(|state| {
            let reached = |node: &NodeState| node.attempt > 0 || node.status != Status::Waiting;
            state.nodes.iter().any(reached)
        });
        let opened = || {
            self.dispatcher
                .with_variables(|variables| variables.get(OPENED).is_some())
        };
        if !begun && self.is_debugged() && !opened() {
            self.dispatcher.pause_for("TSDebugMode");
            self.set(OPENED, "true");
        }
    }

    /// The run was started for the debugger: somebody is there.
    pub(super) fn is_debugged(&self) -> bool {
        self.is_true("TSDebugMode")
    }

    /// Whether a failure opens the debugger though nobody would be asked: the run is being stepped, or
    /// `TSDebugOnError = TRUE` (spec 4.1).
    pub(super) fn debugger_wanted(&self) -> bool {
        self.is_true("TSDebugOnError") || self.dispatcher.with_state(|state| state.paused)
    }

    /// Does what a technician chose before another attempt. It cannot fail the run: the attempt itself will tell.
    pub(super) fn mend(&self, id: NodeId, how: Mend) {
        let machine = Arc::clone(&self.machine);
        let connected = self
            .dispatcher
            .with_variables(|all| !all.text(CONNECTIONS).is_empty());
        let done = watched(self.dispatcher, "a look at the machine", move |_| {
            match how {
                Mend::Rescan => machine.rescan(),
                Mend::ClearAttribute => machine.show_volumes(),
                Mend::Reconnect if connected => Ok(
                    "the step connects anew; what an earlier Connect to Network Folder connected stays: jump back to that \
                     step to connect it anew"
                        .to_owned(),
                ),
                Mend::Reconnect => Ok("the step connects anew".to_owned()),
            }
        });
        let done = match done {
            Watched::Done(done) => done.map_err(|error| error.to_string()),
            Watched::GivenUp => Err("it was cancelled and does not end".to_owned()),
            Watched::Broken(why) => Err(why.to_owned()),
        };
        let (severity, line) = match done {
            Ok(line) => (Severity::Info, line),
            Err(error) => (Severity::Warning, format!("mending did not work: {error}")),
        };
        self.dispatcher.log(severity, COMPONENT, &line, Some(id));
    }

    /// The restart that a technician wants before another attempt at a step.
    pub(super) fn restart_for_retry(&self, id: NodeId) -> Restart {
        let (to_winpe, title) = self
            .dispatcher
            .with_state(|state| (state.in_winpe, state.title(id).to_owned()));
        self.set(RETRY_AFTER_RESTART, id.0.to_string());
        let restart = Restart {
            to_winpe,
            message: format!("\"{title}\" is tried again after it"),
            timeout: 0,
        };
        self.set("_WimforgeRestart", restart.to().word());
        restart
    }

    /// A step as it is to run: with a technician's changes for this run; in a rehearsal whatever would touch the machine
    /// only plays its part.
    pub(super) fn in_force(&self, id: NodeId, planned: &Step) -> Step {
        let changed = self.dispatcher.overridden(id);
        let mut step = changed.as_deref().unwrap_or(planned).clone();
        if self.rehearsal && step.simulate.is_none() && touches_the_machine(&step.action) {
            step.simulate = Some(Simulate::Succeed(u64::from(step.action.weight()) * 100));
        }
        step
    }
}

/// Steps that only change variables, wait, or restart the lab run in a rehearsal as they are.
fn touches_the_machine(action: &Action) -> bool {
    !matches!(
        action,
        Action::SetVariable(_) | Action::Pause(_) | Action::RestartComputer(_)
    )
}
