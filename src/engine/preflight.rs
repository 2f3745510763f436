//! The pre-flight check: one page of findings before the first step that destroys or captures, asked again until a
//! technician goes on.

use std::sync::Arc;

use super::error::EngineError;
use super::executor::Walk;
use super::start::fits;
use super::waiting::{Answer, AskError};
use super::watched::{Listened, Watched, watched};
use crate::cancel::CancelToken;
use crate::codes;
use crate::event::{EventBody, Failure, Finding, Gravity, NodeId, QuestionKind, Severity};
use crate::platform::Machine;
use crate::secret::Secret;
use crate::sequence::lint::lint;
use crate::sequence::load::Checked;
use crate::sequence::plan::{NodeDef, PlannedSequence};
use crate::sequence::schema::{Action, Step};
use crate::sequence::variables::{Value, Variables};
use crate::step::check::{CheckCx, check_steps};

const COMPONENT: &str = "TSManager";

/// The word that overrides blocking findings.
pub const OVERRIDE_WORD: &str = "override";

/// Why a step does not start.
pub(super) enum Hold {
    /// The run was cancelled.
    Cancelled,
    /// Blocking findings, and nobody to decide.
    Failed(Failure),
}

/// Whether the check must have been passed before a step of this kind.
fn needs_check(action: &Action) -> bool {
    matches!(
        action,
        Action::PartitionDisk(_)
            | Action::ApplyOperatingSystem(_)
            | Action::CaptureOperatingSystem(_)
    )
}

/// The findings for a whole document, before any run of it. `progress` is told what is being looked at.
///
/// # Errors
/// A variable with a bad name; a document that gives no plan.
pub fn of_document(
    checked: &Checked,
    set: &[(String, String)],
    secrets: &[(String, Secret)],
    machine: &Arc<dyn Machine>,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Finding>, EngineError> {
    let Some(sequence) = &checked.sequence else {
        return Err(EngineError::Document(checked.render()));
    };
    let planned =
        PlannedSequence::new(sequence).map_err(|error| EngineError::Document(error.to_string()))?;
    let mut variables = Variables::default();
    for input in sequence.inputs.iter().filter(|input| input.secret) {
        variables.declare_secret(&input.variable);
    }
    let document = sequence.variables.iter();
    let defaults = sequence.inputs.iter().map(|i| (&i.variable, &i.default));
    for (name, value) in document.chain(defaults) {
        variables.set_engine(name, Value::Plain(value.clone()));
    }
    for (name, value) in set {
        fits(sequence, name, value, false)?;
        variables.set_engine(name, Value::Plain(value.clone()));
    }
    for (name, value) in secrets {
        fits(sequence, name, value.reveal(), true)?;
        variables.set_engine(name, Value::Secret(value.clone()));
    }
    let scratch = tempfile::Builder::new()
        .prefix("wimforge-preflight-")
        .tempdir()
        .map_err(EngineError::file("creating", "a scratch folder"))?;
    let steps: Vec<NodeId> = steps(&planned, false).collect();
    let mut findings = lint(&planned);
    findings.extend(check_steps(
        &steps,
        &CheckCx {
            machine,
            cancel: &CancelToken::new(),
            variables: &variables,
            planned: &planned,
            scratch: scratch.path(),
            progress,
        },
    ));
    Ok(findings)
}

/// The steps of a plan that can be looked at beforehand.
fn steps(planned: &PlannedSequence, rehearsal: bool) -> impl Iterator<Item = NodeId> + '_ {
    planned
        .plan
        .nodes
        .iter()
        .filter(|node| !node.disabled)
        .map(|node| node.id)
        .filter(move |id| match planned.def(*id) {
            Some(NodeDef::Step(step)) => step.simulate.is_none() && !rehearsal,
            _ => false,
        })
}

impl Walk<'_> {
    /// Checks once a run, before the first step that needs it.
    pub(super) fn preflight(&self, id: NodeId, step: &Step) -> Result<(), Hold> {
        if !needs_check(&step.action) || step.simulate.is_some() && !self.rehearsal {
            return Ok(());
        }
        if self.dispatcher.with_state(|state| state.preflight_passed) {
            return Ok(());
        }
        loop {
            let line = "Pre-flight check of the steps ahead";
            self.dispatcher
                .log(Severity::Info, COMPONENT, line, Some(id));
            let findings = self.findings(id)?;
            self.tell(&findings);
            let blocking: Vec<&Finding> = findings
                .iter()
                .filter(|finding| finding.gravity == Gravity::Blocking)
                .collect();
            self.dispatcher.emit(EventBody::Preflight {
                findings: findings.clone(),
            });
            let kind = QuestionKind::Preflight {
                blocking: u32::try_from(blocking.len()).unwrap_or(u32::MAX),
                word: OVERRIDE_WORD.to_owned(),
            };
            match self.dispatcher.ask(None, kind) {
                Ok(Answer::Yes | Answer::Override) => return Ok(()),
                Ok(Answer::Recheck) => {}
                Ok(_) | Err(AskError::Cancelled) => {
                    return Err(Hold::Cancelled);
                }
                Err(AskError::Unattended(why)) => {
                    let causes = blocking.iter().map(|finding| line_of(finding)).collect();
                    return Err(Hold::Failed(Failure {
                        code: codes::READINESS,
                        message: why,
                        causes,
                        ..Failure::default()
                    }));
                }
            }
        }
    }

    /// Every finding for the steps from `from` on. What the machine is asked may hang.
    fn findings(&self, from: NodeId) -> Result<Vec<Finding>, Hold> {
        let planned = self.as_changed();
        let ahead: Vec<NodeId> = steps(&planned, self.rehearsal)
            .filter(|id| *id >= from)
            .collect();
        let mut findings = lint(&planned);
        if ahead.is_empty() {
            return Ok(findings);
        }
        let variables = self.dispatcher.with_variables(Clone::clone);
        let machine = Arc::clone(&self.machine);
        let scratch = self.scratch.clone();
        let dispatcher = Arc::clone(self.dispatcher);
        let cancel = dispatcher.cancel_token();
        let check = move |listened: Listened| {
            let progress = |what: &str| {
                if !listened.is_over() {
                    let line = format!("Pre-flight: {what}");
                    dispatcher.log(Severity::Info, COMPONENT, &line, None);
                }
            };
            check_steps(
                &ahead,
                &CheckCx {
                    machine: &machine,
                    cancel: &cancel,
                    variables: &variables,
                    planned: &planned,
                    scratch: &scratch,
                    progress: &progress,
                },
            )
        };
        match watched(self.dispatcher, "the pre-flight check", check) {
            Watched::Done(found) => findings.extend(found),
            Watched::GivenUp => return Err(Hold::Cancelled),
            Watched::Broken(why) => return Err(Hold::Failed(broken(why))),
        }
        Ok(findings)
    }

    /// The plan with the technicians' changes for this run: what will be done is what is checked.
    fn as_changed(&self) -> PlannedSequence {
        let mut planned = self.planned.clone();
        for (id, step) in self.dispatcher.all_overridden() {
            planned.plan.nodes[id.index()].disabled = self.dispatcher.is_off(id);
            planned.defs[id.index()] = NodeDef::Step(Box::new((*step).clone()));
        }
        planned
    }

    fn tell(&self, findings: &[Finding]) {
        for finding in findings {
            let severity = match finding.gravity {
                Gravity::Fine => Severity::Info,
                Gravity::Warning => Severity::Warning,
                Gravity::Blocking => Severity::Error,
            };
            self.dispatcher
                .log(severity, COMPONENT, &line_of(finding), finding.node);
        }
    }
}

fn broken(why: &str) -> Failure {
    Failure {
        code: codes::E_FAIL,
        message: format!("the pre-flight check was not done: {why}"),
        ..Failure::default()
    }
}

fn line_of(finding: &Finding) -> String {
    let way_out = finding
        .way_out
        .as_ref()
        .map(|way| format!(" Way out: {way}"))
        .unwrap_or_default();
    format!("Pre-flight, {}: {}{way_out}", finding.subject, finding.text)
}
