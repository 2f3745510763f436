//! The steps of a plan in order, with what decides whether they run.

use std::collections::BTreeSet;

use super::super::plan::{NodeDef, PlannedSequence};
use super::super::schema::{Action, Condition, Input, Step};
use super::super::settings::{
    ApplyNetworkSettings, ApplyOperatingSystem, CaptureOperatingSystem, ConnectNetworkFolder,
    PartitionDisk,
};
use crate::event::NodeId;

/// A step of the plan.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) id: NodeId,
    pub(super) step: &'a Step,
    /// Enabled, with every group above it, and not only pretending.
    pub(super) runs: bool,
    /// Neither it nor a group above it has a condition.
    pub(super) certain: bool,
}

/// Every step, in order.
pub(super) struct Outline<'a> {
    pub(super) planned: &'a PlannedSequence,
    pub(super) steps: Vec<Place<'a>>,
    /// What the steps that may run give a value.
    pub(super) written: Written,
}

/// The variables that steps give a value.
pub(super) struct Written(BTreeSet<Option<String>>);

impl Written {
    /// By these steps.
    pub(super) fn by<'p, 'a: 'p>(places: impl Iterator<Item = &'p Place<'a>>) -> Self {
        Self(places.flat_map(Place::writes).collect())
    }

    /// Whether one of the steps may give `name` a value.
    pub(super) fn may_hold(&self, name: &str) -> bool {
        self.0.contains(&None) || self.0.contains(&Some(name.trim().to_lowercase()))
    }
}

impl<'a> Outline<'a> {
    pub(super) fn new(planned: &'a PlannedSequence) -> Self {
        let steps: Vec<Place<'a>> = planned
            .plan
            .nodes
            .iter()
            .zip(&planned.defs)
            .filter_map(|(node, def)| match def {
                NodeDef::Group { .. } => None,
                NodeDef::Step(step) => Some(Place {
                    id: node.id,
                    step,
                    runs: !node.disabled && step.simulate.is_none(),
                    certain: conditions(planned, node.id).is_empty(),
                }),
            })
            .collect();
        let written = Written::by(steps.iter().filter(|place| place.runs));
        Self {
            planned,
            steps,
            written,
        }
    }

    /// The steps that may run, in order.
    pub(super) fn running(&self) -> impl DoubleEndedIterator<Item = &Place<'a>> + Clone {
        self.steps.iter().filter(|place| place.runs)
    }

    /// The steps that may run between two others, both left out.
    pub(super) fn between(
        &self,
        first: NodeId,
        last: NodeId,
    ) -> impl Iterator<Item = &Place<'a>> + Clone {
        self.running()
            .filter(move |place| place.id > first && place.id < last)
    }

    /// Whether the document gives the variable a value before the first step, or asks for one.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.has(name, |_| true)
    }

    /// Whether the variable has a value for certain when the first step starts.
    pub(super) fn always_has(&self, name: &str) -> bool {
        self.has(name, |input| !input.optional || !input.default.is_empty())
    }

    /// Whether the document gives the variable a value, or has such an input for it.
    fn has(&self, name: &str, fits: impl Fn(&Input) -> bool) -> bool {
        let same = |other: &str| other.trim().eq_ignore_ascii_case(name.trim());
        let planned = self.planned;
        let mut values = planned.variables.iter();
        values.any(|(other, value)| same(other) && !value.is_empty())
            || planned.inputs.iter().any(|i| same(&i.variable) && fits(i))
    }
}

/// The conditions of a node and of the groups above it, outermost first.
pub(super) fn conditions(planned: &PlannedSequence, id: NodeId) -> Vec<&Condition> {
    let mut list: Vec<&Condition> = std::iter::once(id)
        .chain(planned.groups_above(id))
        .filter_map(|id| planned.condition(id))
        .collect();
    list.reverse();
    list
}

impl<'a> Place<'a> {
    pub(super) fn name(&self) -> &'a str {
        &self.step.name
    }

    pub(super) fn partitions(&self) -> Option<&'a PartitionDisk> {
        match &self.step.action {
            Action::PartitionDisk(disk) => Some(disk),
            _ => None,
        }
    }

    pub(super) fn applies(&self) -> Option<&'a ApplyOperatingSystem> {
        match &self.step.action {
            Action::ApplyOperatingSystem(apply) => Some(apply),
            _ => None,
        }
    }

    pub(super) fn captures(&self) -> Option<&'a CaptureOperatingSystem> {
        match &self.step.action {
            Action::CaptureOperatingSystem(capture) => Some(capture),
            _ => None,
        }
    }

    pub(super) fn network(&self) -> Option<&'a ApplyNetworkSettings> {
        match &self.step.action {
            Action::ApplyNetworkSettings(network) => Some(network),
            _ => None,
        }
    }

    pub(super) fn connects(&self) -> Option<&'a ConnectNetworkFolder> {
        match &self.step.action {
            Action::ConnectNetworkFolder(connect) => Some(connect),
            _ => None,
        }
    }

    pub(super) fn restarts(&self) -> bool {
        matches!(self.step.action, Action::RestartComputer(_))
    }

    /// The variables the step gives a value, in lower case; `None` when a name is only known in the run.
    pub(super) fn writes(&self) -> Vec<Option<String>> {
        let name = |text: &str| (!text.contains('%')).then(|| text.trim().to_lowercase());
        match &self.step.action {
            Action::SetVariable(set) => vec![name(&set.variable)],
            Action::RunCommandLine(command) => {
                command.output_variable.iter().map(|n| name(n)).collect()
            }
            Action::ConnectNetworkFolder(connect) => {
                connect.folder_variable.iter().map(|n| name(n)).collect()
            }
            Action::PartitionDisk(disk) => disk
                .partitions
                .iter()
                .filter_map(|partition| partition.letter_variable.as_ref())
                .map(|n| name(n))
                .collect(),
            Action::ApplyOperatingSystem(_) => vec![Some("osdtargetsystemdrive".to_owned())],
            _ => Vec::new(),
        }
    }

    /// Whether the step may give `name` a value.
    pub(super) fn may_write(&self, name: &str) -> bool {
        let name = name.trim().to_lowercase();
        self.writes()
            .iter()
            .any(|written| written.as_ref().is_none_or(|written| *written == name))
    }

    /// Everything written in the step's settings, in lower case: what it uses shows there, whichever field it is.
    pub(super) fn text(&self) -> String {
        format!("{:?}", self.step.action).to_lowercase()
    }
}
