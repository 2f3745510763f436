//! What the machine and the command line must bring for a document to run.

use super::place;
use crate::sequence::decode::Spans;
use crate::sequence::diagnostic::Diagnostic;
use crate::sequence::load::{Checked, shorten};
use crate::sequence::schema::{Action, Node};
use crate::sequence::settings::Destination;

/// Disks that the machine lacks, and required inputs without a value. `disks` are the numbers that exist (`None`
/// when unknown), `set` the variables that the command line gives.
pub fn check_run(checked: &Checked, disks: Option<&[u32]>, set: &[&str]) -> Vec<Diagnostic> {
    let Some(sequence) = &checked.sequence else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let given = |name: &str| {
        let has = |other: &str| other.trim().eq_ignore_ascii_case(name.trim());
        set.iter().any(|other| has(other))
            || sequence
                .variables
                .iter()
                .any(|(other, value)| has(other) && !value.is_empty())
    };
    for (index, input) in sequence.inputs.iter().enumerate() {
        if !input.optional && input.default.is_empty() && !given(&input.variable) {
            let option = if input.secret { "--secret" } else { "--set" };
            let value = if input.secret { "file:PATH" } else { "VALUE" };
            out.push(
                Diagnostic::error(
                    place(&checked.spans, &format!("inputs[{index}].variable")),
                    format!(
                        "the input `{}` ({}) has no value",
                        input.variable, input.label
                    ),
                )
                .hint(format!("give it with {option} {}={value}", input.variable)),
            );
        }
    }
    if let Some(disks) = disks {
        let by_variable = given("OSDDiskIndex");
        nodes(
            "steps",
            &sequence.steps,
            &checked.spans,
            disks,
            by_variable,
            &mut out,
        );
    }
    shorten(&mut out);
    out
}

fn nodes(
    path: &str,
    list: &[Node],
    spans: &Spans,
    disks: &[u32],
    by_variable: bool,
    out: &mut Vec<Diagnostic>,
) {
    for (index, node) in list.iter().enumerate() {
        let path = format!("{path}[{index}]");
        match node {
            Node::Group(group) if !group.disabled => {
                nodes(
                    &format!("{path}.steps"),
                    &group.steps,
                    spans,
                    disks,
                    by_variable,
                    out,
                );
            }
            Node::Step(step) if !step.disabled => {
                let (field, disk) = match &step.action {
                    Action::PartitionDisk(partition) if !by_variable => {
                        ("action.disk", partition.disk)
                    }
                    Action::ApplyOperatingSystem(apply) => match apply.destination {
                        Destination::Partition(disk, _) => ("action.destination", disk),
                        _ => continue,
                    },
                    _ => continue,
                };
                if !disks.contains(&disk) {
                    let known: Vec<String> = disks.iter().map(ToString::to_string).collect();
                    out.push(
                        Diagnostic::error(
                            place(spans, &format!("{path}.{field}")),
                            format!("the machine has no disk {disk}"),
                        )
                        .hint(if known.is_empty() {
                            "it has no disk at all; --disk N=PATH gives it one".to_owned()
                        } else {
                            format!("it has: {}", known.join(", "))
                        }),
                    );
                }
            }
            _ => {}
        }
    }
}
