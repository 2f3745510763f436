//! What clients may ask of the dispatcher: each request is compared with the truth, then done or refused with a reason.

mod answering;

use std::borrow::Cow;
use std::sync::Arc;

use answering::preflight_open;

use super::dispatcher::{Dispatcher, Inner};
use super::log_pages::Pages;
use super::start::HIDDEN_MISTAKE;
use super::waiting::Answer;
use crate::cancel::CancelLevel;
use crate::event::{Answered, EventBody, NodeId, NodeKind, Origin, QuestionKind, Who};
use crate::protocol::{Check, Refusal, Reply, Request, StepChange, StepField, StepText};
use crate::run_state::{RunState, Status};
use crate::secret::{MASK, Redactor};
use crate::sequence::schema::Step;
use crate::sequence::variables::{Value, check_name, check_value};
use crate::sequence::{rewrite, shape};

impl Dispatcher {
    /// Carries out a request about the present run. Starting a run, listing sequences and ending the engine are the server's.
    pub fn request(&self, who: &Who, request: Request) -> Reply {
        self.reply(who, request).unwrap_or_else(Reply::Refused)
    }

    fn reply(&self, who: &Who, request: Request) -> Result<Reply, Refusal> {
        let mut inner = self.lock();
        match request {
            Request::Status => Ok(Reply::Snapshot(Box::new(inner.state.clone()))),
            Request::Explain { name } => Ok(Reply::History(inner.histories.of(&name))),
            Request::DescribeStep { node } => {
                let document = Arc::clone(&inner.document);
                let redactor = inner.redactor.clone();
                let changed = changed(&inner.state, node)?;
                // A long document takes a while to look through: not with the lock.
                drop(inner);
                describe_step(&document.text, changed, &redactor, node)
            }
            Request::ReadLog(query) => {
                let pages = Self::log_pages(&mut inner).ok_or(Refusal::NoRun)?;
                // The journal is read without the lock: a search may take its time.
                drop(inner);
                pages
                    .read(&query)
                    .map(Reply::Log)
                    .map_err(Refusal::BadValue)
            }
            Request::OverrideStep { node, to } => {
                drop(inner);
                self.override_step(who, node, to)?;
                Ok(Reply::Accepted)
            }
            other => {
                goes_on(&inner)?;
                self.change(&mut inner, who, other)?;
                Ok(Reply::Accepted)
            }
        }
    }

    /// The log's pages, up to the latest line.
    fn log_pages(inner: &mut Inner) -> Option<Pages> {
        if let Some(journal) = &mut inner.journal {
            // Trouble is told at the next edge; what was written can be read.
            let _ = journal.write_through();
            inner.pages = Some(Pages::new(journal.path(), journal.index().clone()));
        }
        inner.pages.clone()
    }

    fn change(&self, inner: &mut Inner, who: &Who, request: Request) -> Result<(), Refusal> {
        match request {
            Request::Pause => self.pause(inner, who, true),
            Request::Continue => self.pause(inner, who, false),
            Request::Step => {
                if !inner.state.paused {
                    return Err(Refusal::NotNow("pause first, then step".to_owned()));
                }
                stands_still(inner, "step")?;
                inner.step_once = true;
                self.changed.notify_all();
                Ok(())
            }
            Request::Retry { node, attempt } => {
                self.settle(inner, who, node, attempt, Answer::Retry, Answered::Retry)
            }
            Request::Skip { node, attempt } => {
                let answer = Answer::Skip(who.clone());
                self.settle(inner, who, node, attempt, answer, Answered::Skip)
            }
            Request::Cancel { kill } => self.cancel(inner, who, kill),
            Request::Answer { question, yes } => self.plain_answer(inner, who, question, yes),
            Request::Confirm { question, word } => self.confirm(inner, who, question, &word),
            Request::GiveSecrets { question, values } => {
                let wanted = match inner.state.question.as_ref().filter(|q| q.id == question) {
                    Some(q) => match &q.kind {
                        QuestionKind::Secrets { variables, .. } => variables.clone(),
                        _ => return Err(Refusal::NotAsked),
                    },
                    None => return Err(Refusal::NotAsked),
                };
                let mut given = Vec::new();
                for (name, value) in values {
                    if !wanted.iter().any(|w| w.eq_ignore_ascii_case(&name)) {
                        return Err(Refusal::BadValue(format!("{name} was not asked for")));
                    }
                    check_length(&name, value.0.reveal())?;
                    given.push((name, value.0));
                }
                let names = given.iter().map(|(name, _)| name.clone()).collect();
                self.answer(
                    inner,
                    who,
                    question,
                    Answer::Values(given),
                    Answered::Values(names),
                );
                Ok(())
            }
            Request::SetVariable { name, value } => {
                self.set(inner, who, &name, Value::Plain(value))
            }
            Request::SetSecret { name, value } => {
                self.set(inner, who, &name, Value::Secret(value.0))
            }
            Request::Jump { to } => self.jump(inner, who, to),
            Request::Break { node, set } => {
                is_step(&inner.state, node)?;
                let by = who.clone();
                self.emit_locked(inner, EventBody::BreakpointChanged { node, set, by });
                Ok(())
            }
            Request::ClearBreaks => {
                for node in inner.state.breakpoints.clone() {
                    let by = who.clone();
                    let set = false;
                    self.emit_locked(inner, EventBody::BreakpointChanged { node, set, by });
                }
                if inner.state.run_to.is_some() {
                    let by = who.clone();
                    self.emit_locked(inner, EventBody::RunTo { node: None, by });
                }
                Ok(())
            }
            Request::RunTo { node } => self.run_to(inner, who, node),
            Request::RestartAndRetry { node, attempt } => {
                let answer = Answer::RestartAndRetry;
                self.settle(inner, who, node, attempt, answer, Answered::RestartAndRetry)
            }
            Request::Mend { node, attempt, how } => self.settle(
                inner,
                who,
                node,
                attempt,
                Answer::Mend(how),
                Answered::Retry,
            ),
            Request::Recheck { question } => {
                preflight_open(inner, question)?;
                self.answer(inner, who, question, Answer::Recheck, Answered::Recheck);
                Ok(())
            }
            Request::OverridePreflight { question, word } => {
                preflight_open(inner, question)?;
                self.confirm(inner, who, question, &word)
            }
            Request::Status
            | Request::ListSequences { .. }
            | Request::Describe { .. }
            | Request::Start(_)
            | Request::Explain { .. }
            | Request::DescribeStep { .. }
            | Request::OverrideStep { .. }
            | Request::ReadLog(_)
            | Request::Bundle { .. }
            | Request::BundleOffers
            | Request::TakePen
            | Request::Shell { .. }
            | Request::Resized { .. }
            | Request::Replay(_)
            | Request::Shutdown => Err(Refusal::AlreadyRunning),
        }
    }

    fn pause(&self, inner: &mut Inner, who: &Who, paused: bool) -> Result<(), Refusal> {
        if inner.state.paused == paused {
            return Err(Refusal::NotNow(if paused {
                "the run is paused already".to_owned()
            } else {
                "the run is not paused".to_owned()
            }));
        }
        // A single step that was wanted before this is not wanted any more.
        inner.step_once = false;
        let by = who.clone();
        self.emit_locked(inner, EventBody::PauseChanged { paused, by });
        Ok(())
    }

    fn cancel(&self, inner: &mut Inner, who: &Who, kill: bool) -> Result<(), Refusal> {
        // After a failure "cancel" is "abort": the run has failed, it was not cancelled.
        if let Some(question) = &inner.state.question
            && let (QuestionKind::Failed { .. }, false) = (&question.kind, kill)
        {
            let id = question.id;
            self.answer(inner, who, id, Answer::Abort, Answered::Abort);
            return Ok(());
        }
        let level = inner.cancel.level();
        if level == CancelLevel::Kill || level == CancelLevel::Asked && !kill {
            // Asking again must not give what hangs more time.
            return Err(Refusal::NotNow(if level == CancelLevel::Kill {
                "the run is being cancelled and what still runs was killed: wait".to_owned()
            } else {
                "the run is being cancelled already: wait, or kill what still runs".to_owned()
            }));
        }
        self.cancel_locked(inner, kill, who.clone());
        Ok(())
    }

    fn settle(
        &self,
        inner: &mut Inner,
        who: &Who,
        node: NodeId,
        attempt: u32,
        answer: Answer,
        answered: Answered,
    ) -> Result<(), Refusal> {
        let Some(question) = &inner.state.question else {
            return Err(Refusal::StaleAttempt);
        };
        match &question.kind {
            QuestionKind::Failed { attempt: open, .. }
                if question.node == Some(node) && *open == attempt => {}
            _ => return Err(Refusal::StaleAttempt),
        }
        let id = question.id;
        self.answer(inner, who, id, answer, answered);
        Ok(())
    }

    fn answer(&self, inner: &mut Inner, who: &Who, id: u32, answer: Answer, answered: Answered) {
        inner.answer = Some((id, answer));
        let by = who.clone();
        self.emit_locked(
            inner,
            EventBody::QuestionAnswered {
                id,
                answer: answered,
                by,
            },
        );
    }

    fn set(&self, inner: &mut Inner, who: &Who, name: &str, value: Value) -> Result<(), Refusal> {
        check_name(name).map_err(|error| Refusal::BadValue(error.to_string()))?;
        check_length(name, value.reveal())?;
        if let Some(why) = typed_mistake(inner, name, value.reveal()) {
            let secret = inner.variables.as_kept(name, value).is_secret();
            let why = if secret { HIDDEN_MISTAKE } else { &why };
            return Err(Refusal::BadValue(format!("{}: {why}", name.trim())));
        }
        let origin = Origin::Technician(who.clone());
        self.set_variable_locked(inner, name.trim(), value, origin);
        Ok(())
    }

    fn run_to(&self, inner: &mut Inner, who: &Who, node: NodeId) -> Result<(), Refusal> {
        is_step(&inner.state, node)?;
        if inner.state.question.is_some() {
            return Err(Refusal::NotNow(
                "answer the open question first, then run to a step".to_owned(),
            ));
        }
        is_ahead(inner, node)?;
        let by = who.clone();
        let to = Some(node);
        self.emit_locked(inner, EventBody::RunTo { node: to, by });
        if inner.state.paused {
            self.pause(inner, who, false)?;
        }
        Ok(())
    }

    /// Changes the settings of a step for this run. The whole document is checked with the change: not with the lock.
    fn override_step(&self, who: &Who, node: NodeId, to: StepChange) -> Result<(), Refusal> {
        let (document, redactor, before) = {
            let inner = self.lock();
            let before = may_be_changed(&inner, node)?;
            (Arc::clone(&inner.document), inner.redactor.clone(), before)
        };
        // The lines shown with a mistake are the document's, which may hold the default of a secret input.
        let bad = |error: rewrite::RewriteError| {
            Refusal::BadSequence(redactor.redact(&error.to_string()).into_owned())
        };
        let by_settings = match &to {
            StepChange::Settings(changes) => {
                let wrong = changes.iter().find_map(|(path, value)| {
                    rewrite::bad_value(&rewrite::Setting {
                        path: path.clone(),
                        value: value.clone(),
                    })
                });
                if let Some(why) = wrong {
                    return Err(Refusal::BadValue(redactor.redact(&why).into_owned()));
                }
                true
            }
            _ => false,
        };
        let text = text_for(&document.text, before.as_deref(), node, to).map_err(bad)?;
        let step = match &text {
            Some(text) if text.contains(MASK) || redactor.redact(text) != text.as_str() => {
                return Err(Refusal::BadValue(
                    "the settings hold a secret: put it into a secret variable and write %NAME%"
                        .to_owned(),
                ));
            }
            Some(text) => {
                let replaced = rewrite::replaced(&document.text, node.0, text);
                Some(replaced.map_err(|error| {
                    // Who changed settings sees these, and no document.
                    let told = by_settings
                        .then(|| rewrite::told(&document.text, node.0, text))
                        .flatten();
                    match told {
                        Some(told) => Refusal::BadValue(redactor.redact(&told).into_owned()),
                        None => bad(error),
                    }
                })?)
            }
            None => None,
        };
        let mut inner = self.lock();
        if may_be_changed(&inner, node)? != before || !Arc::ptr_eq(&document, &inner.document) {
            return Err(Refusal::NotNow(
                "somebody else has just changed this step: look at it again, then change it"
                    .to_owned(),
            ));
        }
        match step {
            Some(step) => inner.overridden.insert(node, Arc::new(step)),
            None => inner.overridden.remove(&node),
        };
        let by = who.clone();
        self.emit_locked(&mut inner, EventBody::StepOverridden { node, text, by });
        Ok(())
    }

    /// The step as it is in force: changed for this run, or none when the document's is.
    pub(super) fn overridden(&self, node: NodeId) -> Option<Arc<Step>> {
        self.lock().overridden.get(&node).cloned()
    }

    /// Whether a node is disabled, in the document or by a change for this run.
    pub(super) fn is_off(&self, node: NodeId) -> bool {
        is_off(&self.lock(), node)
    }

    /// Every step that was changed for this run.
    pub(super) fn all_overridden(&self) -> Vec<(NodeId, Arc<Step>)> {
        let changed = &self.lock().overridden;
        changed
            .iter()
            .map(|(id, step)| (*id, Arc::clone(step)))
            .collect()
    }

    fn jump(&self, inner: &mut Inner, who: &Who, to: NodeId) -> Result<(), Refusal> {
        is_step(&inner.state, to)?;
        not_disabled(inner, to)?;
        let failed = inner
            .state
            .question
            .as_ref()
            .filter(|q| matches!(q.kind, QuestionKind::Failed { .. }))
            .map(|q| q.id);
        if let Some(id) = failed {
            self.answer(inner, who, id, Answer::Jump(to), Answered::Skip);
        } else if inner.state.paused && inner.state.question.is_none() {
            stands_still(inner, "move the pointer")?;
            inner.jump = Some(to);
            inner.held = Some(to);
        } else {
            return Err(Refusal::NotNow(
                "the pointer can be moved while the run is paused or a step has failed".to_owned(),
            ));
        }
        inner.passed_break = None;
        inner.step_once = false;
        let by = who.clone();
        self.emit_locked(inner, EventBody::Jumped { to, by });
        Ok(())
    }
}

/// The check of the input with this name, or of a variable whose form Configuration Manager fixes. Empty deletes.
fn typed_mistake(inner: &Inner, name: &str, value: &str) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    let name = name.trim().to_lowercase();
    let of_input = inner
        .document
        .checks
        .iter()
        .find(|(variable, _)| *variable == name)
        .map(|(_, check)| check.clone());
    of_input
        .or_else(|| Check::of_variable(&name))
        .and_then(|check| check.mistake(value))
}

fn check_length(name: &str, value: &str) -> Result<(), Refusal> {
    check_value(name, value).map_err(|error| Refusal::BadValue(error.to_string()))
}

/// After its end a run is not changed any more, even while its report is still being written.
fn goes_on(inner: &Inner) -> Result<(), Refusal> {
    if inner.busy && inner.state.goes_on() {
        Ok(())
    } else {
        Err(Refusal::NoRun)
    }
}

fn is_step(state: &RunState, node: NodeId) -> Result<(), Refusal> {
    match state.plan.nodes.get(node.index()) {
        Some(found) if matches!(found.kind, NodeKind::Step(_)) => Ok(()),
        _ => Err(Refusal::BadValue(format!("there is no step {}", node.0))),
    }
}

/// Whether a node is disabled, in the document or by a change for this run.
fn is_off(inner: &Inner, node: NodeId) -> bool {
    let nodes = &inner.state.plan.nodes;
    nodes.get(node.index()).is_some_and(|planned| {
        let above = planned.parent.and_then(|group| nodes.get(group.index()));
        match inner.overridden.get(&node) {
            Some(step) => step.disabled || above.is_some_and(|group| group.disabled),
            None => planned.disabled,
        }
    })
}

/// A step that is disabled is passed over: the run would never stand before it.
fn not_disabled(inner: &Inner, node: NodeId) -> Result<(), Refusal> {
    if !is_off(inner, node) {
        return Ok(());
    }
    Err(Refusal::NotNow(format!(
        "\"{}\" is disabled and will not run",
        inner.state.title(node)
    )))
}

/// Whether the run will come to this step.
fn is_ahead(inner: &Inner, node: NodeId) -> Result<(), Refusal> {
    not_disabled(inner, node)?;
    let title = inner.state.title(node);
    if inner.held == Some(node) {
        return Err(Refusal::NotNow(format!(
            "the run stands before \"{title}\" already"
        )));
    }
    match inner.state.node(node).map(|state| &state.status) {
        Some(Status::Waiting) => Ok(()),
        _ => Err(Refusal::NotNow(format!(
            "\"{title}\" is not ahead of the run: move the pointer to it instead"
        ))),
    }
}

/// Whether nothing is going on that a technician's next word would come too early for.
fn stands_still(inner: &Inner, then: &str) -> Result<(), Refusal> {
    if inner.state.question.is_some() {
        return Err(Refusal::NotNow(format!(
            "answer the open question first, then {then}"
        )));
    }
    match inner.released {
        Some(node) => Err(Refusal::NotNow(format!(
            "\"{}\" runs: wait until it has ended, then {then}",
            inner.state.title(node)
        ))),
        None => Ok(()),
    }
}

/// The text of a step after a change; `None` for the document's.
fn text_for(
    document: &str,
    before: Option<&str>,
    node: NodeId,
    to: StepChange,
) -> Result<Option<String>, rewrite::RewriteError> {
    let changes = match to {
        StepChange::Original => return Ok(None),
        StepChange::Text(text) => return Ok(Some(text)),
        StepChange::Settings(changes) => changes,
    };
    let text = match before {
        Some(before) => Cow::Borrowed(before),
        None => Cow::Owned(rewrite::text_of(document, node.0)?),
    };
    let changes: Vec<rewrite::Setting> = changes
        .into_iter()
        .map(|(path, value)| rewrite::Setting { path, value })
        .collect();
    rewrite::change(&text, &changes).map(Some)
}

/// The text of a step that was changed before and may be changed (again) now.
fn may_be_changed(inner: &Inner, node: NodeId) -> Result<Option<String>, Refusal> {
    goes_on(inner)?;
    let before = changed(&inner.state, node)?;
    match inner.state.node(node).map(|state| &state.status) {
        Some(Status::Running) => Err(Refusal::NotNow(
            "the step is running: pause or wait until it has ended".to_owned(),
        )),
        _ => Ok(before),
    }
}

/// The text of a step that was changed for this run.
///
/// # Errors
/// There is no such step.
pub(super) fn changed(state: &RunState, node: NodeId) -> Result<Option<String>, Refusal> {
    is_step(state, node)?;
    let changed = state.overrides.iter().find(|o| o.node == node);
    Ok(changed.map(|changed| changed.text.clone()))
}

/// The settings of a step, those in force beside the document's.
pub(super) fn describe_step(
    document: &str,
    changed: Option<String>,
    redactor: &Redactor,
    node: NodeId,
) -> Result<Reply, Refusal> {
    let refused = |error: rewrite::RewriteError| Refusal::NotNow(error.to_string());
    let original = rewrite::text_of(document, node.0).map_err(refused)?;
    let first = rewrite::settings(&original).map_err(refused)?;
    let action = rewrite::action_of(&original).map_err(refused)?;
    let now = match changed {
        Some(text) => rewrite::settings(&text).map_err(refused)?,
        None => first.clone(),
    };
    let value = |all: &[rewrite::Setting], path: &str| {
        all.iter()
            .find(|setting| setting.path == path)
            .map(|setting| redactor.redact(&setting.value).into_owned())
            .unwrap_or_default()
    };
    let mut paths: Vec<&String> = first.iter().chain(&now).map(|s| &s.path).collect();
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(*path));
    let fields = paths
        .into_iter()
        .map(|path| StepField {
            path: path.clone(),
            value: value(&now, path),
            original: value(&first, path),
            allowed: shape::allowed(&action, path),
        })
        .collect();
    Ok(Reply::Step(Box::new(StepText {
        node,
        fields,
        original: redactor.redact(&original).into_owned(),
    })))
}
