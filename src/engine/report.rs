//! `report.json` and `report.html`: what ran, how long it took, what failed and why, who did what, what was produced.

use serde::Serialize;

use super::digest::Digests;
use super::error::EngineError;
use super::evidence::{Attempt, Boot, Evidence, Intervention, Note, Override, iso};
use super::report_html;
use super::run_folder::{RunFolder, write_atomically};
use crate::event::{Artifact, Event, NodeKind, Outcome, RunOutcome};
use crate::run_state::{RunState, Status};

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    program: &'static str,
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
    skipped_volumes: Vec<SkippedVolume<'a>>,
    files: Vec<FileReport<'a>>,
    boot_history: &'a [Boot],
    overrides: &'a [Override],
    interventions: &'a [Intervention],
    warnings: &'a [Note],
    warnings_left_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal_damage: Option<&'a str>,
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
    history: Vec<&'a Attempt>,
}

#[derive(Serialize)]
struct SkippedVolume<'a> {
    volume: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct FileReport<'a> {
    path: &'a str,
    bytes: u64,
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256_missing: Option<&'a str>,
}

/// `report.json` and `report.html` of a run as texts, also of one that goes on still.
///
/// # Errors
/// None of JSON's can happen with these types; they are passed on all the same.
pub(super) fn texts(
    state: &RunState,
    evidence: &Evidence,
    digests: &Digests,
) -> serde_json::Result<(Vec<u8>, String)> {
    let json = serde_json::to_vec_pretty(&report(state, evidence, digests))?;
    Ok((json, report_html::render(state, evidence, digests)))
}

/// Writes `report.json` and `report.html` of a run. The events are read once and not kept, so that a journal of any length
/// will do; damage among them is told in the report.
///
/// # Errors
/// The system's. `report.json` may be there without `report.html` then, each is whole or not there.
pub fn write(
    folder: &RunFolder,
    state: &RunState,
    events: impl Iterator<Item = Result<Event, EngineError>>,
    digests: &Digests,
) -> Result<(), EngineError> {
    let evidence = Evidence::gather(state, events);
    let path = folder.report();
    let (json, html) = texts(state, &evidence, digests)
        .map_err(std::io::Error::other)
        .map_err(EngineError::file("writing", &path))?;
    write_atomically(&path, &json).map_err(EngineError::file("writing", &path))?;
    let path = folder.report_html();
    write_atomically(&path, html.as_bytes()).map_err(EngineError::file("writing", &path))
}

fn report<'a>(state: &'a RunState, evidence: &'a Evidence, digests: &'a Digests) -> Report<'a> {
    let end = state.end.as_ref();
    let artifacts = || state.artifacts.iter().map(|(_, artifact)| artifact);
    Report {
        version: 1,
        program: env!("CARGO_PKG_VERSION"),
        run: &state.run,
        sequence: &state.plan.name,
        source: &state.source,
        outcome: end.map(|end| end.outcome),
        code: end.map_or(0, |end| end.code),
        summary: end.map_or("", |end| &end.summary),
        started: state.started.map(iso),
        ended: end.map(|end| iso(end.at)),
        millis: end
            .map_or(state.now, |end| end.at)
            .saturating_sub(state.started.unwrap_or_default()),
        boots: state.boot,
        steps: steps(state, evidence),
        produced: artifacts().collect(),
        skipped_volumes: artifacts()
            .filter_map(|artifact| match artifact {
                Artifact::SkippedVolume { volume, reason } => {
                    Some(SkippedVolume { volume, reason })
                }
                _ => None,
            })
            .collect(),
        files: artifacts()
            .filter_map(|artifact| match artifact {
                Artifact::File { path, bytes, what } => {
                    let digest = digests.of(path, *bytes);
                    Some(FileReport {
                        path,
                        bytes: *bytes,
                        what,
                        sha256: digest.and_then(Result::ok),
                        sha256_missing: digest.and_then(Result::err),
                    })
                }
                _ => None,
            })
            .collect(),
        boot_history: &evidence.boots,
        overrides: &evidence.overrides,
        interventions: &evidence.interventions,
        warnings: &evidence.notes,
        warnings_left_out: evidence.notes_dropped,
        journal_damage: evidence.damage.as_deref(),
    }
}

fn steps<'a>(state: &'a RunState, evidence: &'a Evidence) -> Vec<StepReport<'a>> {
    let mut attempts = evidence.by_step();
    state
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
                status: node.status.word(),
                attempts: node.attempt,
                millis: node.spent_millis,
                error,
                history: attempts.remove(&planned.id.0).unwrap_or_default(),
            })
        })
        .collect()
}
