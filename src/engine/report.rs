//! `report.json`: what ran, how long it took, what was produced.

use serde::Serialize;

use super::clock;
use super::error::EngineError;
use super::run_folder::{RunFolder, write_atomically};
use crate::event::{Artifact, NodeKind, Outcome, RunOutcome};
use crate::run_state::{NodeState, RunState, Status};

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    run: &'a str,
    sequence: &'a str,
    source: &'a str,
    outcome: Option<RunOutcome>,
    code: u32,
    summary: &'a str,
    started: Option<String>,
    ended: Option<String>,
    millis: i64,
    boots: u32,
    steps: Vec<StepReport<'a>>,
    produced: Vec<&'a Artifact>,
}

#[derive(Serialize)]
struct StepReport<'a> {
    node: u32,
    name: &'a str,
    kind: &'a str,
    status: &'static str,
    attempts: u32,
    millis: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// One word for how a node ended.
pub fn status_word(node: &NodeState) -> &'static str {
    match &node.status {
        Status::Waiting => "waiting",
        Status::Running => "running",
        Status::Undecided => "undecided",
        Status::Skipped(_) => "skipped",
        Status::Ended(outcome) => match outcome {
            Outcome::Succeeded => "succeeded",
            Outcome::Warned(_) => "warned",
            Outcome::Failed { ignored: true, .. } => "failed, ignored",
            Outcome::Failed { .. } => "failed",
            Outcome::Aborted => "aborted",
            Outcome::WillNotRun(_) => "not run",
            Outcome::Interrupted => "interrupted",
        },
    }
}

/// Writes the report of a run.
///
/// # Errors
/// The system's.
pub fn write(folder: &RunFolder, state: &RunState) -> Result<(), EngineError> {
    let time = |at| {
        clock::zoned(at)
            .strftime("%Y-%m-%dT%H:%M:%S%:z")
            .to_string()
    };
    let steps = state
        .plan
        .nodes
        .iter()
        .zip(&state.nodes)
        .filter_map(|(planned, node)| {
            let NodeKind::Step(kind) = &planned.kind else {
                return None;
            };
            let error = match &node.status {
                Status::Ended(Outcome::Failed { failure, .. }) => Some(failure.message.clone()),
                _ => None,
            };
            Some(StepReport {
                node: planned.id.0,
                name: state.title(planned.id),
                kind,
                status: status_word(node),
                attempts: node.attempt,
                millis: node.spent_millis,
                error,
            })
        })
        .collect();
    let end = state.end.as_ref();
    let report = Report {
        version: 1,
        run: &state.run,
        sequence: &state.plan.name,
        source: &state.source,
        outcome: end.map(|end| end.outcome),
        code: end.map_or(0, |end| end.code),
        summary: end.map_or("", |end| &end.summary),
        started: state.started.map(time),
        ended: end.map(|end| time(end.at)),
        millis: match (end, state.started) {
            (Some(end), Some(started)) => end.at.saturating_sub(started).max(0),
            _ => 0,
        },
        boots: state.boot,
        steps,
        produced: state
            .artifacts
            .iter()
            .map(|(_, artifact)| artifact)
            .collect(),
    };
    let path = folder.report();
    let text = serde_json::to_vec_pretty(&report)
        .map_err(std::io::Error::other)
        .map_err(EngineError::file("writing", &path))?;
    write_atomically(&path, &text).map_err(EngineError::file("writing", &path))
}
