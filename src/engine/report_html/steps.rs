//! The steps: how each ended, its times as bars and in words, and every failure in full.

use std::time::Duration;

use super::markup::Html;
use super::when;
use crate::codes;
use crate::engine::evidence::{Attempt, Evidence};
use crate::event::{Failure, NodeKind, Outcome, PlanNode, SkipReason};
use crate::run_state::{NodeState, RunState, Status};
use crate::units;

fn duration(millis: u64) -> String {
    units::duration(Duration::from_millis(millis))
}

/// How a node ended, in words a person needs no table for.
fn ending(state: &RunState, node: &NodeState) -> String {
    let word = node.status.word();
    match &node.status {
        Status::Skipped(SkipReason::Disabled) => "skipped: disabled".to_owned(),
        Status::Skipped(SkipReason::Condition(text)) => {
            format!("skipped: the condition was false: {text}")
        }
        Status::Skipped(SkipReason::GroupSkipped) => {
            "skipped: the group above was skipped".to_owned()
        }
        Status::Skipped(SkipReason::Technician(who)) => {
            format!("skipped by hand, by {}", who.name)
        }
        Status::Ended(Outcome::Warned(text)) => format!("succeeded with a warning: {text}"),
        Status::Ended(Outcome::Failed { ignored: true, .. }) => {
            "failed, and the sequence went on".to_owned()
        }
        Status::Ended(Outcome::WillNotRun(blame)) => {
            format!("not run, because of \"{}\"", state.title(*blame))
        }
        _ => word.to_owned(),
    }
}

/// The anchor of a failed attempt.
fn anchor(attempt: &Attempt) -> String {
    format!("failure-{}-{}", attempt.node, attempt.attempt)
}

/// The table of groups and steps with its bars.
pub(super) fn table(html: &mut Html, state: &RunState, evidence: &Evidence) {
    let longest = state
        .nodes
        .iter()
        .map(|node| node.spent_millis)
        .max()
        .unwrap_or(0)
        .max(1);
    html.leaf("h2", "Steps and their times");
    let columns = ["Step", "Outcome", "Took", "Time and attempts"];
    let nodes = state.plan.nodes.iter().zip(&state.nodes);
    let attempts = evidence.by_step();
    html.frame(&columns, |html| {
        for (planned, node) in nodes {
            let attempts = attempts.get(&planned.id.0).map_or(&[][..], Vec::as_slice);
            row(html, state, attempts, planned, node, longest);
        }
    });
}

fn row(
    html: &mut Html,
    state: &RunState,
    attempts: &[&Attempt],
    planned: &PlanNode,
    node: &NodeState,
    longest: u64,
) {
    let indent = format!("padding-left:{}em", u32::from(planned.depth) * 5 / 4);
    let title = state.title(planned.id);
    let NodeKind::Step(kind) = &planned.kind else {
        html.element("tr", &[("class", "group")], |html| {
            html.element("td", &[("style", &indent)], |html| {
                html.text(&format!("Group: {title}"));
            });
            html.element("td", &[("colspan", "3")], |html| {
                html.text(&ending(state, node));
            });
        });
        return;
    };
    html.element("tr", &[], |html| {
        html.element("td", &[("style", &indent)], |html| {
            html.text(title);
            html.void("br", &[]);
            html.leaf("small", kind);
        });
        html.leaf("td", &ending(state, node));
        html.element("td", &[("class", "number")], |html| {
            if !attempts.is_empty() {
                html.text(&duration(node.spent_millis));
            }
        });
        html.element("td", &[("class", "bar")], |html| {
            bars(html, attempts, longest);
            for attempt in attempts {
                words(html, attempt, attempts.len() > 1);
            }
        });
    });
}

/// One stretch for each attempt, on the scale of the longest step. The words below say the same.
fn bars(html: &mut Html, attempts: &[&Attempt], longest: u64) {
    if attempts.is_empty() {
        return;
    }
    html.element(
        "div",
        &[("class", "track"), ("aria-hidden", "true")],
        |html| {
            for attempt in attempts {
                let class = match attempt.outcome {
                    "succeeded" | "warned" => "done",
                    "failed" | "failed, ignored" => "failed",
                    _ => "other",
                };
                let share = units::permille(attempt.millis, longest).unwrap_or(0);
                let width = format!("width:{}.{}%", share / 10, share % 10);
                html.element("div", &[("class", class), ("style", &width)], |_| {});
            }
        },
    );
}

fn words(html: &mut Html, attempt: &Attempt, numbered: bool) {
    let mut text = if numbered || attempt.attempt > 1 {
        format!("attempt {}: {}", attempt.attempt, attempt.outcome)
    } else {
        attempt.outcome.to_owned()
    };
    match attempt.ended {
        Some(_) => {
            text.push_str(", ");
            text.push_str(&duration(attempt.millis));
        }
        None => text.push_str(", nobody saw its end"),
    }
    if attempt.waited_millis >= 1_000 {
        text.push_str(", besides waiting for a person for ");
        text.push_str(&duration(attempt.waited_millis));
    }
    if attempt.stalled_seconds > 0 {
        text.push_str(", without a sign of life for ");
        text.push_str(&duration(attempt.stalled_seconds.saturating_mul(1_000)));
    }
    if let Some(seconds) = attempt.retried_after_seconds {
        text.push_str(", tried again after ");
        text.push_str(&duration(seconds.saturating_mul(1_000)));
    }
    html.element("div", &[], |html| {
        if attempt.failure.is_some() {
            let to = format!("#{}", anchor(attempt));
            html.element("a", &[("href", &to)], |html| html.text(&text));
        } else {
            html.text(&text);
        }
    });
}

/// Every attempt that failed, with all that is known.
pub(super) fn failures(html: &mut Html, evidence: &Evidence) {
    let failed: Vec<(&Attempt, &Failure)> = evidence
        .attempts
        .iter()
        .filter_map(|attempt| Some((attempt, attempt.failure.as_ref()?)))
        .collect();
    html.leaf("h2", "Failures");
    if failed.is_empty() {
        html.leaf("p", "No attempt failed.");
        return;
    }
    for (attempt, failure) in failed {
        html.element("h3", &[("id", &anchor(attempt))], |html| {
            html.text(&format!(
                "{}, attempt {}: {}",
                attempt.name, attempt.attempt, attempt.outcome
            ));
        });
        let code = match codes::meaning(failure.code) {
            Some(meaning) => format!("{}: {meaning}", codes::show(failure.code)),
            None => codes::show(failure.code),
        };
        html.element("dl", &[], |html| {
            html.fact("When", &when(attempt.started));
            html.fact("Code", &code);
            html.fact("Message", &failure.message);
            html.fact("Causes", &failure.causes.join("\n"));
            html.fact("Way out", failure.hint.as_deref().unwrap_or_default());
        });
        if !failure.tail.is_empty() {
            html.leaf("p", "Last lines of the tool:");
            html.leaf("pre", &failure.tail.join("\n"));
        }
    }
}
