//! Contradictions in a plan: what can be written and read without a mistake, and yet cannot be meant. The limits of a
//! document are [`super::check`]'s; nothing of it is repeated here.

mod commands;
mod conditions;
mod connections;
mod contradiction;
mod disks;
mod images;
mod outline;
mod variables;

use super::plan::PlannedSequence;
use crate::event::{Finding, Gravity, NodeId};

use outline::Outline;

/// Every contradiction, in the order of the plan; those of the document as a whole come first. Disabled steps and those
/// that only pretend do nothing, so nothing is said about them.
pub fn lint(planned: &PlannedSequence) -> Vec<Finding> {
    let outline = Outline::new(planned);
    let mut found = Vec::new();
    disks::percentages(&outline, &mut found);
    images::capture_before_apply(&outline, &mut found);
    images::domain_join(&outline, &mut found);
    images::same_destination(&outline, &mut found);
    disks::letters(&outline, &mut found);
    connections::order(&outline, &mut found);
    commands::shell_signs(&outline, &mut found);
    conditions::never_true(&outline, &mut found);
    variables::disabled_makers(&outline, &mut found);
    variables::plain_secrets(&outline, &mut found);
    variables::without_effect(&outline, &mut found);
    variables::unused_inputs(&outline, &mut found);
    found.sort_by_key(|finding| finding.node);
    found
}

fn finding(
    node: impl Into<Option<NodeId>>,
    gravity: Gravity,
    subject: &str,
    text: String,
    way_out: &str,
) -> Finding {
    Finding {
        node: node.into(),
        subject: subject.to_owned(),
        text,
        gravity,
        way_out: Some(way_out.to_owned()),
    }
}

#[cfg(test)]
#[path = "lint/tests.rs"]
mod tests;
