//! Answers to the open question: what destroys something needs its word, whoever answers.

use crate::engine::dispatcher::{Dispatcher, Inner};
use crate::engine::waiting::Answer;
use crate::event::{Answered, QuestionKind, Who};
use crate::protocol::Refusal;

impl Dispatcher {
    /// A yes or no without a word.
    pub(super) fn plain_answer(
        &self,
        inner: &mut Inner,
        who: &Who,
        question: u32,
        yes: bool,
    ) -> Result<(), Refusal> {
        let open = inner.state.question.as_ref().filter(|q| q.id == question);
        let kind = &open.ok_or(Refusal::NotAsked)?.kind;
        match (kind, kind.word()) {
            (QuestionKind::Failed { .. } | QuestionKind::Secrets { .. }, _) => {
                return Err(Refusal::NotNow(
                    "this question is not answered with yes or no".to_owned(),
                ));
            }
            (QuestionKind::Preflight { blocking, .. }, Some(word)) if yes => {
                return Err(Refusal::NotNow(format!(
                    "{blocking} of the findings are blocking: mend them and check again, or type {word}"
                )));
            }
            (_, Some(word)) if yes => {
                return Err(Refusal::BadValue(format!("type the word {word}")));
            }
            _ => {}
        }
        let (answer, answered) = if yes {
            (Answer::Yes, Answered::Yes)
        } else {
            (Answer::No, Answered::No)
        };
        self.answer(inner, who, question, answer, answered);
        Ok(())
    }

    /// A yes with a word: for what destroys something, and for what overrides a check.
    pub(super) fn confirm(
        &self,
        inner: &mut Inner,
        who: &Who,
        question: u32,
        word: &str,
    ) -> Result<(), Refusal> {
        let open = inner.state.question.as_ref().filter(|q| q.id == question);
        let kind = &open.ok_or(Refusal::NotAsked)?.kind;
        let Some(wanted) = kind.word() else {
            return Err(Refusal::NotNow(
                "this question is not answered with a word".to_owned(),
            ));
        };
        if word.trim() != wanted {
            return Err(Refusal::BadValue(format!("type the word {wanted}")));
        }
        let (answer, answered) = match kind {
            QuestionKind::Preflight { .. } => (Answer::Override, Answered::Overridden),
            _ => (Answer::Yes, Answered::Yes),
        };
        self.answer(inner, who, question, answer, answered);
        Ok(())
    }
}

/// Whether this question is the open one, and about the pre-flight page.
pub(super) fn preflight_open(inner: &Inner, question: u32) -> Result<(), Refusal> {
    let open = inner.state.question.as_ref().filter(|q| q.id == question);
    match open.map(|q| &q.kind) {
        Some(QuestionKind::Preflight { .. }) => Ok(()),
        _ => Err(Refusal::NotAsked),
    }
}
