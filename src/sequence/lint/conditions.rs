//! Steps and groups whose condition can never be true.

use super::super::condition::describe;
use super::super::schema::Condition;
use super::contradiction::{Verdict, judge};
use super::outline::{Outline, conditions};
use super::{finding, variables};
use crate::event::{Finding, Gravity, NodeKind};

const WAY_OUT: &str = "Correct the condition, or disable what is not to run.";

/// Names each node whose condition cannot be met: by itself, or together with those of the groups above it. What lies
/// below such a group is left out.
pub(super) fn never_true(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    let planned = outline.planned;
    let mut dead = None;
    for node in &planned.plan.nodes {
        if node.disabled || dead.is_some_and(|end| node.id < end) {
            continue;
        }
        let Some(own) = planned.condition(node.id) else {
            continue;
        };
        let what = match node.kind {
            NodeKind::Group => "group",
            NodeKind::Step(_) => "step",
        };
        let text = match judge(&[own]) {
            Verdict::Never => format!(
                "the condition of this {what} can never be true: {}",
                describe(own)
            ),
            Verdict::NotForNumbers => format!(
                "the condition of this {what} is true for no number: {}",
                describe(own)
            ),
            Verdict::Possible => {
                // Between a group's start and this node, steps may have changed what the group looked at.
                let all: Vec<&Condition> = conditions(planned, node.id)
                    .into_iter()
                    .filter(|condition| variables::is_stable(outline, condition))
                    .collect();
                if judge(&all) != Verdict::Never {
                    continue;
                }
                format!(
                    "the condition of this {what} contradicts that of a group above it: {}",
                    describe(own)
                )
            }
        };
        found.push(finding(
            node.id,
            Gravity::Warning,
            "condition",
            text,
            WAY_OUT,
        ));
        if node.kind == NodeKind::Group {
            dead = Some(planned.end(node.id));
        }
    }
}
