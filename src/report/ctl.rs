//! `wimforge ctl`: one request, its answer as JSON, an exit code.

use crate::client::{self, ClientError};
use crate::event::{NodeId, Question, QuestionKind};
use crate::protocol::{LogPage, LogQuery, Reply, Request, WireSecret};
use crate::run_state::RunState;
use crate::secret::Secret;
use crate::transport::Endpoint;

/// What is asked, before the state is known: a retry must name the attempt that is open.
#[derive(Clone, Debug)]
pub enum Asked {
    /// As it stands.
    Plain(Request),
    /// Retry whatever step has failed.
    Retry,
    /// Skip whatever step has failed.
    Skip,
    /// Restart the machine, then retry whatever step has failed.
    RestartAndRetry,
    /// Check again.
    Recheck,
    /// Go on in spite of blocking findings.
    OverridePreflight {
        /// Number of the question.
        question: Option<u32>,
        /// The word that it shows.
        word: String,
    },
    /// Answer this question, or the open one.
    Answer {
        /// Number of the question; needed where something is destroyed.
        question: Option<u32>,
        /// Yes, no, or the word that the question shows.
        word: String,
    },
    /// Secrets for the open question.
    Secrets(Vec<(String, Secret)>),
}

/// Sends it. The result is the exit code: 0 done, 1 refused, 2 no engine.
///
/// # Errors
/// No engine, connection lost.
pub async fn ask(endpoint: &Endpoint, asked: Asked) -> Result<(u8, String), ClientError> {
    let request = match asked {
        Asked::Plain(Request::ReadLog(query)) => {
            return Ok(answer(&read_log(endpoint, query).await?));
        }
        Asked::Plain(request) => request,
        other => {
            let Reply::Snapshot(state) = client::ask(endpoint, "ctl", Request::Status).await?
            else {
                return Err(ClientError::Lost("no state came".to_owned()));
            };
            match resolve(other, &state) {
                Ok(request) => request,
                Err(why) => return Ok((1, json(&serde_json::json!({ "Refused": why })))),
            }
        }
    };
    Ok(answer(&client::ask(endpoint, "ctl", request).await?))
}

/// Exit code and text of a reply.
fn answer(reply: &Reply) -> (u8, String) {
    match reply {
        Reply::Refused(refusal) => (
            1,
            json(&serde_json::json!({ "Refused": refusal, "reason": refusal.to_string() })),
        ),
        other => (0, json(other)),
    }
}

/// Asks for page after page: the engine gives back what it has after a while, even when that is nothing yet.
async fn read_log(endpoint: &Endpoint, query: LogQuery) -> Result<Reply, ClientError> {
    let mut all = LogPage::default();
    let mut from = query.from;
    loop {
        let most = query.most.saturating_sub(lines(&all));
        let next = LogQuery {
            from,
            most,
            ..query.clone()
        };
        let page = match client::ask(endpoint, "ctl", Request::ReadLog(next)).await? {
            Reply::Log(page) => page,
            other => return Ok(other),
        };
        let stands = page.through == from;
        from = page.through;
        append(&mut all, page, query.forward);
        if all.end || stands || lines(&all) >= query.most {
            return Ok(Reply::Log(all));
        }
    }
}

fn lines(page: &LogPage) -> u32 {
    u32::try_from(page.lines.len()).unwrap_or(u32::MAX)
}

/// Joins a page to those before it; the lines stay oldest first.
fn append(all: &mut LogPage, page: LogPage, forward: bool) {
    let at = if forward { all.lines.len() } else { 0 };
    all.lines.splice(at..at, page.lines);
    all.through = page.through;
    all.end = page.end;
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn resolve(asked: Asked, state: &RunState) -> Result<Request, String> {
    let open = state.question.as_ref();
    let failed = || -> Result<(NodeId, u32), String> {
        match open {
            Some(Question {
                node: Some(node),
                kind: QuestionKind::Failed { attempt, .. },
                ..
            }) => Ok((*node, *attempt)),
            _ => Err("no failed step waits for a decision".to_owned()),
        }
    };
    Ok(match asked {
        Asked::Plain(request) => request,
        Asked::Retry => {
            let (node, attempt) = failed()?;
            Request::Retry { node, attempt }
        }
        Asked::Skip => {
            let (node, attempt) = failed()?;
            Request::Skip { node, attempt }
        }
        Asked::RestartAndRetry => {
            let (node, attempt) = failed()?;
            Request::RestartAndRetry { node, attempt }
        }
        Asked::Recheck => {
            let question = open.map(|q| q.id).ok_or("no question is open")?;
            Request::Recheck { question }
        }
        Asked::OverridePreflight { question, word } => {
            let open = open.ok_or("no question is open")?;
            if !matches!(open.kind, QuestionKind::Preflight { .. }) {
                return Err(format!(
                    "no pre-flight override is asked for; question {} is open: {}",
                    open.id,
                    open.about()
                ));
            }
            answered(open, question, word)?
        }
        Asked::Answer { question, word } => {
            answered(open.ok_or("no question is open")?, question, word)?
        }
        Asked::Secrets(values) => {
            let question = open.map(|q| q.id).ok_or("no question is open")?;
            let values = values
                .into_iter()
                .map(|(name, secret)| (name, WireSecret(secret)))
                .collect();
            Request::GiveSecrets { question, values }
        }
    })
}

/// The request that answers the open question. What destroys something is only answered by who names the question and
/// its word: a script that is late must not say yes to another question.
fn answered(open: &Question, question: Option<u32>, word: String) -> Result<Request, String> {
    let now = format!(
        "question {} is open: {} Answer it with wimforge {}",
        open.id,
        open.about(),
        open.answers()
    );
    match (question, open.kind.word()) {
        (Some(number), _) if number != open.id => {
            return Err(format!("question {number} is not open; {now}"));
        }
        (None, Some(_)) => return Err(format!("the number of the question is missing; {now}")),
        _ => {}
    }
    let question = open.id;
    let plain = |yes| Ok(Request::Answer { question, yes });
    match (open.kind.word(), word.to_ascii_lowercase().as_str()) {
        (_, "no") => plain(false),
        (None, "yes") => plain(true),
        (Some(wanted), _) if word == wanted => Ok(Request::Confirm { question, word }),
        _ => Err(format!("`{word}` is no answer; {now}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::DiskFacts;

    fn ask(kind: QuestionKind, number: Option<u32>, word: &str) -> Result<Request, String> {
        let open = Question {
            id: 12,
            node: None,
            kind,
        };
        answered(&open, number, word.to_owned())
    }

    #[test]
    fn an_override_that_comes_late_answers_nothing_else() {
        let mut state = RunState::default();
        let late = |word: &str, question| Asked::OverridePreflight {
            question,
            word: word.to_owned(),
        };
        for kind in [
            QuestionKind::Pause {
                message: "hold".to_owned(),
            },
            QuestionKind::ConfirmDisk(DiskFacts::default()),
        ] {
            state.question = Some(Question {
                id: 12,
                node: None,
                kind,
            });
            for (word, number) in [("yes", None), ("wipe", Some(12)), ("no", Some(12))] {
                let why = resolve(late(word, number), &state).unwrap_err();
                assert!(why.contains("question 12 is open"), "{why}");
            }
        }
    }

    #[test]
    fn what_destroys_something_needs_its_number_and_its_word() {
        let question = 12;
        for (kind, word) in [
            (
                QuestionKind::ConfirmDisk(DiskFacts {
                    path: "/dev/sda".to_owned(),
                    ..DiskFacts::default()
                }),
                "wipe",
            ),
            (
                QuestionKind::ConfirmReplace {
                    path: "/x.wim".to_owned(),
                    bytes: 1,
                    modified: 0,
                },
                "replace",
            ),
            (
                QuestionKind::Preflight {
                    blocking: 2,
                    word: "override".to_owned(),
                },
                "override",
            ),
        ] {
            let said = ask(kind.clone(), Some(12), word);
            let confirmed = Request::Confirm {
                question,
                word: word.to_owned(),
            };
            assert_eq!(said, Ok(confirmed));
            for (number, text) in [
                (None, word),
                (None, "yes"),
                (None, "no"),
                (Some(11), word),
                (Some(11), "no"),
                (Some(12), "yes"),
                (Some(12), ""),
                (Some(12), "WIPE!"),
            ] {
                let why = ask(kind.clone(), number, text).unwrap_err();
                let way = format!("ctl answer 12 {word}");
                assert!(
                    why.contains("question 12 is open: ") && why.contains(&way),
                    "{why}"
                );
            }
            let no = Request::Answer {
                question,
                yes: false,
            };
            assert_eq!(ask(kind, Some(12), "no"), Ok(no));
        }
    }

    #[test]
    fn what_destroys_nothing_is_answered_without_a_number() {
        let pause = || QuestionKind::Pause {
            message: "Plug it in.".to_owned(),
        };
        let yes = Request::Answer {
            question: 12,
            yes: true,
        };
        assert_eq!(ask(pause(), None, "yes"), Ok(yes.clone()));
        assert_eq!(ask(pause(), Some(12), "yes"), Ok(yes));
        let stale = ask(pause(), Some(3), "yes").unwrap_err();
        assert!(
            stale.contains("question 3 is not open; question 12 is open: Plug it in."),
            "{stale}"
        );
        assert!(ask(pause(), None, "wipe").is_err());
    }
}
