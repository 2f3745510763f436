//! What can be found out about the steps ahead before the first one starts.
//!
//! The steps are walked in order and rehearsed: variables are set, disks look as they will after partitioning, shares are
//! connected for the time of the check. Each kind of step has its own file; what steps check by themselves is shared
//! with them. Nothing is changed and nothing is left behind.

mod ahead;
mod answer_file;
mod apply;
mod capture;
mod command;
mod connect;
mod destination;
mod findings;
mod machine;
mod memory;
mod partition;
mod preview;
mod rehearsal;
mod settings;
mod share;
mod volumes;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::cancel::CancelToken;
use crate::event::{Finding, NodeId};
use crate::platform::machine::Mounted;
use crate::platform::{Firmware, Machine, PartitionRef};
use crate::sequence::condition::describe;
use crate::sequence::control::unsupported;
use crate::sequence::plan::{NodeDef, PlannedSequence};
use crate::sequence::schema::{Action, Step};
use crate::sequence::settings::RestartTarget;
use crate::sequence::values;
use crate::sequence::variables::Variables;

use super::cx::{ProgressCell, StepCx};
use super::{restart, run, set_variable};
use preview::Preview;
use rehearsal::Rehearsal;

/// What a check is given.
pub struct CheckCx<'a> {
    /// The machine.
    pub machine: &'a Arc<dyn Machine>,
    /// Ends the check; what was found until then is given back.
    pub cancel: &'a CancelToken,
    /// The run's variables as they are now.
    pub variables: &'a Variables,
    /// What runs.
    pub planned: &'a PlannedSequence,
    /// A folder of the run for scratch files.
    pub scratch: &'a Path,
    /// Told what is being checked right now.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

/// Every finding for the steps still ahead, in the order of `nodes`; the machine's come first.
///
/// The caller leaves out steps that are disabled or only pretend. Groups may be among the nodes.
pub fn check_steps(nodes: &[NodeId], cx: &CheckCx<'_>) -> Vec<Finding> {
    check_with(nodes, Checker::new(cx))
}

fn check_with(nodes: &[NodeId], mut checker: Checker<'_>) -> Vec<Finding> {
    let cx = checker.cx;
    let steps: Vec<(NodeId, &Step)> = nodes
        .iter()
        .filter_map(|&id| match cx.planned.def(id) {
            Some(NodeDef::Step(step)) => Some((id, step.as_ref())),
            _ => None,
        })
        .collect();
    checker.without_effect();
    machine::check(&steps, &mut checker);
    for (id, step) in steps {
        if cx.cancel.is_cancelled() {
            break;
        }
        checker.step(id, step);
    }
    checker.found
}

/// The state of a check.
struct Checker<'a> {
    cx: &'a CheckCx<'a>,
    host: Arc<Rehearsal>,
    machine: Arc<Preview>,
    /// What the steps' own functions are given.
    step: StepCx,
    found: Vec<Finding>,
    node: Option<NodeId>,
    /// The step at hand may be skipped in the run.
    unsure: bool,
    /// The run goes on when the step at hand fails.
    may_fail: bool,
    /// Whether a group's condition was true at its start.
    groups: BTreeMap<NodeId, Option<bool>>,
    /// Bytes that images of this sequence take on volumes.
    applied: BTreeMap<PartitionRef, u64>,
    /// Connections that later steps need, and their letters.
    held: Vec<Box<dyn Mounted>>,
    letters: Vec<char>,
    /// A command, whose effects nobody knows, stands further up.
    commands: bool,
    /// What the computer and its workgroup will be called, as far as steps have said.
    computer: String,
    workgroup: String,
    /// Most bytes that are written to measure a speed.
    sample_bytes: u64,
}

impl<'a> Checker<'a> {
    fn new(cx: &'a CheckCx<'a>) -> Self {
        let actions = cx.planned.defs.iter().filter_map(|def| match def {
            NodeDef::Step(step) => Some(&step.action),
            NodeDef::Group { .. } => None,
        });
        let known = values::known_names(&cx.planned.variables, &cx.planned.inputs, actions);
        let host = Arc::new(Rehearsal::new(cx.variables, known));
        let machine = Arc::new(Preview::new(Arc::clone(cx.machine)));
        // What the first boot will set, when it has not begun.
        let missing = |name: &str| cx.variables.get(name).is_none();
        if missing("_SMSTSInWinPE") {
            host.set("_SMSTSInWinPE", "true");
        }
        if missing("_SMSTSBootUEFI") {
            let uefi = machine.firmware() == Firmware::Uefi;
            host.set("_SMSTSBootUEFI", if uefi { "true" } else { "false" });
        }
        for (name, value) in machine.identity() {
            if missing(&name) {
                host.set(&name, &value);
            }
        }
        if missing("_SMSTSMachineName") {
            host.set("_SMSTSMachineName", "MININT-00000000");
        }
        let step = StepCx {
            host: Arc::clone(&host) as Arc<dyn super::cx::Host>,
            machine: Arc::clone(&machine) as Arc<dyn Machine>,
            cancel: cx.cancel.clone(),
            progress: Arc::new(ProgressCell::default()),
            success_codes: vec![0],
            timeout: None,
            scratch: cx.scratch.to_owned(),
        };
        Self {
            cx,
            host,
            machine,
            step,
            found: Vec::new(),
            node: None,
            unsure: false,
            may_fail: false,
            groups: BTreeMap::new(),
            applied: BTreeMap::new(),
            held: Vec::new(),
            letters: Vec::new(),
            commands: false,
            computer: String::new(),
            workgroup: String::new(),
            sample_bytes: destination::SAMPLE,
        }
    }

    /// Variables that have a value, steer Configuration Manager, and do nothing here.
    fn without_effect(&mut self) {
        for (name, _) in self.cx.variables.iter() {
            if let Some(known) = unsupported(name) {
                self.warn("variable", known.to_string(), known.instead);
            }
        }
    }

    /// Whether the step will run; a finding when it will not.
    fn will_run(&mut self, id: NodeId) -> Option<bool> {
        let planned = self.cx.planned;
        let mut sure = true;
        let mut groups: Vec<NodeId> = planned.groups_above(id).collect();
        groups.reverse();
        for group in groups {
            let known = self.groups.contains_key(&group);
            let is = *self.groups.entry(group).or_insert_with(|| {
                let condition = planned.condition(group);
                condition.map_or(Some(true), |c| ahead::truth(c, &self.host))
            });
            match is {
                Some(false) => {
                    if !known {
                        self.skipped(group);
                    }
                    return Some(false);
                }
                Some(true) => {}
                None => sure = false,
            }
        }
        match planned.condition(id).map(|c| ahead::truth(c, &self.host)) {
            Some(Some(false)) => {
                self.skipped(id);
                Some(false)
            }
            Some(None) => None,
            _ => sure.then_some(true),
        }
    }

    fn skipped(&mut self, id: NodeId) {
        self.node = Some(id);
        if let Some(condition) = self.cx.planned.condition(id) {
            let text = format!("skipped as things stand: {} is false", describe(condition));
            self.fine("condition", text);
        }
    }

    fn step(&mut self, id: NodeId, step: &Step) {
        self.unsure = false;
        self.may_fail = false;
        let will = self.will_run(id);
        if will == Some(false) {
            return;
        }
        self.node = Some(id);
        self.unsure = will.is_none();
        self.may_fail = ahead::may_fail(self.cx.planned, id);
        self.host
            .enter(run::action_variables(&step.action), self.unsure);
        match &step.action {
            Action::SetVariable(settings) => {
                let result = set_variable::run(settings, &self.step);
                self.result("variable", result);
            }
            Action::RunCommandLine(settings) => command::check(settings, self),
            Action::RestartComputer(settings) => {
                let result = restart::run(settings, &self.step);
                self.result("restart", result);
                if self.unsure {
                    self.host.forget_value("_SMSTSInWinPE");
                } else {
                    self.restarted(settings.to);
                }
            }
            Action::Pause(_) => {}
            Action::PartitionDisk(settings) => partition::check(settings, self),
            Action::ApplyOperatingSystem(settings) => apply::check(settings, self),
            Action::ApplyWindowsSettings(settings) => settings::windows(settings, self),
            Action::ApplyNetworkSettings(settings) => settings::network(settings, self),
            Action::ConnectNetworkFolder(settings) => connect::check(settings, self),
            Action::CaptureOperatingSystem(settings) => capture::check(settings, self),
        }
    }

    /// Connections end with a boot.
    fn restarted(&mut self, to: RestartTarget) {
        let in_winpe = to == RestartTarget::WindowsPE;
        let value = if in_winpe { "true" } else { "false" };
        self.host.set("_SMSTSInWinPE", value);
        self.held.clear();
        for letter in std::mem::take(&mut self.letters) {
            self.host.set(&format!("_WimforgeConnection{letter}"), "");
        }
    }

    /// The text of a variable; empty when missing.
    fn text(&self, name: &str) -> String {
        self.step.text(name)
    }

    /// Says what is being looked at.
    fn says(&self, what: &str) {
        (self.cx.progress)(&self.host.redact(what));
    }

    fn cancelled(&self) -> bool {
        self.cx.cancel.is_cancelled()
    }

    /// Whether a variable has a value now.
    fn has(&self, name: &str) -> bool {
        use super::cx::Host as _;
        self.host
            .name(name)
            .is_ok_and(|name| self.host.with(|variables| variables.get(&name).is_some()))
    }
}

#[cfg(test)]
#[path = "check/apply_tests.rs"]
mod apply_tests;
#[cfg(test)]
#[path = "check/bench.rs"]
mod bench;
#[cfg(test)]
#[path = "check/capture_tests.rs"]
mod capture_tests;
#[cfg(test)]
#[path = "check/settings_tests.rs"]
mod settings_tests;
#[cfg(test)]
#[path = "check/tests.rs"]
mod tests;
