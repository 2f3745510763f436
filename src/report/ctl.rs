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
    OverridePreflight(String),
    /// Answer this question, or the open one.
    Answer {
        /// Number of the question.
        question: Option<u32>,
        /// Yes or no.
        yes: bool,
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
        Asked::OverridePreflight(word) => {
            let question = open.map(|q| q.id).ok_or("no question is open")?;
            Request::OverridePreflight { question, word }
        }
        Asked::Answer { question, yes } => {
            let question = question
                .or_else(|| open.map(|q| q.id))
                .ok_or("no question is open")?;
            Request::Answer { question, yes }
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
