//! What clients may ask of the dispatcher: each request is compared with the truth, then done or refused with a reason.

use super::dispatcher::{Answer, Dispatcher, Inner};
use crate::event::{Answered, EventBody, NodeId, NodeKind, Origin, QuestionKind, Who};
use crate::protocol::{Refusal, Reply, Request};
use crate::secret::Secret;
use crate::sequence::variables::{LONGEST_VALUE, Value, check_name};

impl Dispatcher {
    /// Carries out a request about the present run. Starting a run, listing sequences and ending the engine are the server's.
    pub fn request(&self, who: &Who, request: Request) -> Reply {
        let mut inner = self.lock();
        if matches!(request, Request::Status) {
            return Reply::Snapshot(Box::new(inner.state.clone()));
        }
        if !inner.busy || !inner.state.has_run() {
            return Reply::Refused(Refusal::NoRun);
        }
        match self.change(&mut inner, who, request) {
            Ok(()) => Reply::Accepted,
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    fn change(&self, inner: &mut Inner, who: &Who, request: Request) -> Result<(), Refusal> {
        match request {
            Request::Pause => self.pause(inner, who, true),
            Request::Continue => self.pause(inner, who, false),
            Request::Step => {
                if !inner.state.paused {
                    return Err(Refusal::NotNow("pause first, then step".to_owned()));
                }
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
            Request::Cancel { kill } => {
                self.cancel(inner, who, kill);
                Ok(())
            }
            Request::Answer { question, yes } => {
                let open = inner.state.question.as_ref().filter(|q| q.id == question);
                match open.map(|q| &q.kind) {
                    None => return Err(Refusal::NotAsked),
                    Some(QuestionKind::Failed { .. } | QuestionKind::Secrets { .. }) => {
                        return Err(Refusal::NotNow(
                            "this question is not answered with yes or no".to_owned(),
                        ));
                    }
                    Some(_) => {}
                }
                let (answer, answered) = if yes {
                    (Answer::Yes, Answered::Yes)
                } else {
                    (Answer::No, Answered::No)
                };
                self.answer(inner, who, question, answer, answered);
                Ok(())
            }
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
                step_exists(inner, node)?;
                let by = who.clone();
                self.emit_locked(inner, EventBody::BreakpointChanged { node, set, by });
                Ok(())
            }
            Request::Status
            | Request::ListSequences { .. }
            | Request::Describe { .. }
            | Request::Start(_)
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
        let by = who.clone();
        self.emit_locked(inner, EventBody::PauseChanged { paused, by });
        Ok(())
    }

    fn cancel(&self, inner: &mut Inner, who: &Who, kill: bool) {
        // After a failure "cancel" is "abort": the run has failed, it was not cancelled.
        if let Some(question) = &inner.state.question
            && let (QuestionKind::Failed { .. }, false) = (&question.kind, kill)
        {
            let id = question.id;
            self.answer(inner, who, id, Answer::Abort, Answered::Abort);
        } else {
            self.cancel_locked(inner, kill, who.clone());
        }
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
        let origin = Origin::Technician(who.clone());
        self.set_variable_locked(inner, name.trim(), value, origin);
        Ok(())
    }

    fn jump(&self, inner: &mut Inner, who: &Who, to: NodeId) -> Result<(), Refusal> {
        step_exists(inner, to)?;
        let failed = inner
            .state
            .question
            .as_ref()
            .filter(|q| matches!(q.kind, QuestionKind::Failed { .. }))
            .map(|q| q.id);
        if let Some(id) = failed {
            self.answer(inner, who, id, Answer::Jump(to), Answered::Skip);
        } else if inner.state.paused && inner.state.question.is_none() {
            inner.jump = Some(to);
        } else {
            return Err(Refusal::NotNow(
                "the pointer can be moved while the run is paused or a step has failed".to_owned(),
            ));
        }
        let by = who.clone();
        self.emit_locked(inner, EventBody::Jumped { to, by });
        Ok(())
    }
}

fn check_length(name: &str, value: &str) -> Result<(), Refusal> {
    let characters = value.chars().count();
    if characters > LONGEST_VALUE {
        return Err(Refusal::BadValue(format!(
            "the value of {name} has {characters} characters; at most {LONGEST_VALUE} are allowed"
        )));
    }
    Ok(())
}

fn step_exists(inner: &Inner, node: NodeId) -> Result<(), Refusal> {
    match inner.state.plan.nodes.get(node.index()) {
        Some(found) if matches!(found.kind, NodeKind::Step(_)) => Ok(()),
        _ => Err(Refusal::BadValue(format!("there is no step {}", node.0))),
    }
}

/// Secrets by name, for the start of a run.
pub(super) fn as_values(answer: Answer) -> Vec<(String, Secret)> {
    match answer {
        Answer::Values(values) => values,
        _ => Vec::new(),
    }
}
