//! The flat plan: every group and step in order, depth first, parents first (spec 1.1).

use std::collections::BTreeMap;

use thiserror::Error;

use super::schema::{Condition, Input, Node, Sequence, Step};
use crate::event::{NodeId, NodeKind, Plan, PlanNode};

/// Deepest nesting of groups.
pub const DEEPEST: u16 = 32;

/// Why there is no plan.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    /// Groups within groups within groups.
    #[error("group `{0}` is nested too deeply: at most {DEEPEST} levels are allowed")]
    TooDeep(String),
    /// More nodes than a number can tell apart.
    #[error("the sequence has too many steps")]
    TooMany,
}

/// What the engine needs to know about a node beside [`PlanNode`].
#[derive(Clone, Debug, PartialEq)]
pub enum NodeDef {
    /// A group.
    Group {
        /// Whether it runs; none means yes.
        condition: Option<Condition>,
    },
    /// A step.
    Step(Box<Step>),
}

impl NodeDef {
    /// The condition, when there is one.
    pub fn condition(&self) -> Option<&Condition> {
        match self {
            Self::Group { condition } => condition.as_ref(),
            Self::Step(step) => step.condition.as_ref(),
        }
    }
}

/// A plan and the definitions of its nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlannedSequence {
    /// What is announced.
    pub plan: Plan,
    /// What is executed; same index as [`Plan::nodes`].
    pub defs: Vec<NodeDef>,
    /// The document's variables.
    pub variables: BTreeMap<String, String>,
    /// The document's inputs.
    pub inputs: Vec<Input>,
    /// The index after the last descendant of each node.
    ends: Vec<NodeId>,
}

impl PlannedSequence {
    /// Flattens a document.
    ///
    /// # Errors
    /// Too many nodes or too deep nesting.
    pub fn new(sequence: &Sequence) -> Result<Self, PlanError> {
        let mut planned = Self {
            plan: Plan {
                name: sequence.name.clone(),
                description: sequence.description.clone(),
                nodes: Vec::new(),
            },
            defs: Vec::new(),
            ends: Vec::new(),
            variables: sequence.variables.clone(),
            inputs: sequence.inputs.clone(),
        };
        planned.add(&sequence.steps, None, 0, false)?;
        Ok(planned)
    }

    fn add(
        &mut self,
        nodes: &[Node],
        parent: Option<NodeId>,
        depth: u16,
        disabled: bool,
    ) -> Result<(), PlanError> {
        for node in nodes {
            let id = self.next_id()?;
            match node {
                Node::Group(group) => {
                    if depth >= DEEPEST {
                        return Err(PlanError::TooDeep(group.name.clone()));
                    }
                    let disabled = disabled || group.disabled;
                    self.plan.nodes.push(PlanNode {
                        id,
                        parent,
                        depth,
                        name: group.name.clone(),
                        kind: NodeKind::Group,
                        disabled,
                        continue_on_error: group.continue_on_error,
                        weight: 0,
                        repeats: None,
                    });
                    self.defs.push(NodeDef::Group {
                        condition: group.condition.clone(),
                    });
                    // Not known before its nodes are there.
                    self.ends.push(id);
                    self.add(&group.steps, Some(id), depth + 1, disabled)?;
                    self.ends[id.index()] = self.next_id()?;
                }
                Node::Step(step) => {
                    self.plan.nodes.push(PlanNode {
                        id,
                        parent,
                        depth,
                        name: step.name.clone(),
                        kind: NodeKind::Step(step.action.kind().to_owned()),
                        disabled: disabled || step.disabled,
                        continue_on_error: step.continue_on_error,
                        weight: step.action.weight(),
                        repeats: step.repeats(),
                    });
                    self.defs.push(NodeDef::Step(Box::new(step.clone())));
                    self.ends.push(self.next_id()?);
                }
            }
        }
        Ok(())
    }

    /// The id of the node that is added next.
    fn next_id(&self) -> Result<NodeId, PlanError> {
        u32::try_from(self.defs.len())
            .map(NodeId)
            .map_err(|_| PlanError::TooMany)
    }

    /// The announced node.
    pub fn node(&self, id: NodeId) -> Option<&PlanNode> {
        self.plan.nodes.get(id.index())
    }

    /// The definition of a node.
    pub fn def(&self, id: NodeId) -> Option<&NodeDef> {
        self.defs.get(id.index())
    }

    /// The condition of a node, when it has one.
    pub fn condition(&self, id: NodeId) -> Option<&Condition> {
        self.def(id).and_then(NodeDef::condition)
    }

    /// The groups above a node, innermost first.
    pub fn groups_above(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let above = |id: NodeId| self.node(id).and_then(|node| node.parent);
        std::iter::successors(above(id), move |&group| above(group))
    }

    /// The direct children of a group, in order; `None` stands for the top level.
    pub fn children(&self, parent: Option<NodeId>) -> impl Iterator<Item = NodeId> + '_ {
        let first = parent.map_or(0, |id| id.index() + 1);
        let last = parent
            .map_or(self.plan.nodes.len(), |id| self.end(id).index())
            .min(self.plan.nodes.len());
        self.plan.nodes[first.min(last)..last]
            .iter()
            .filter(move |node| node.parent == parent)
            .map(|node| node.id)
    }

    /// The index after the last descendant of a node: where the run goes on when it is passed over.
    pub fn end(&self, id: NodeId) -> NodeId {
        self.ends.get(id.index()).copied().unwrap_or(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::load::parse;

    fn planned(steps: &str) -> PlannedSequence {
        let text = format!("(schema: 1, name: \"x\", steps: [{steps}])");
        let loaded = parse("x", &text);
        PlannedSequence::new(&loaded.sequence.expect("a document")).expect("a plan")
    }

    #[test]
    fn nodes_are_depth_first_and_know_their_end() {
        let step = "Step(name: \"s\", action: Pause(message: \"m\"))";
        let planned = planned(&format!(
            "Group(name: \"a\", disabled: true, steps: [{step}, Group(name: \"b\", steps: [{step}])]), {step}"
        ));
        let depths: Vec<u16> = planned.plan.nodes.iter().map(|node| node.depth).collect();
        assert_eq!(depths, [0, 1, 1, 2, 0]);
        assert_eq!(planned.end(NodeId(0)), NodeId(4));
        assert_eq!(planned.end(NodeId(2)), NodeId(4));
        assert_eq!(planned.end(NodeId(4)), NodeId(5));
        let above: Vec<u32> = planned.groups_above(NodeId(3)).map(|id| id.0).collect();
        assert_eq!(above, [2, 0]);
        assert_eq!(planned.groups_above(NodeId(99)).count(), 0);
        let children: Vec<u32> = planned.children(Some(NodeId(0))).map(|id| id.0).collect();
        assert_eq!(children, [1, 2]);
        let top: Vec<u32> = planned.children(None).map(|id| id.0).collect();
        assert_eq!(top, [0, 4]);
        let disabled: Vec<bool> = planned
            .plan
            .nodes
            .iter()
            .map(|node| node.disabled)
            .collect();
        assert_eq!(disabled, [true, true, true, true, false]);
        assert_eq!(planned.children(Some(NodeId(1))).count(), 0);
        assert_eq!(planned.children(Some(NodeId(99))).count(), 0);
    }

    #[test]
    fn depth_is_limited() {
        let mut steps = String::new();
        for _ in 0..=DEEPEST {
            steps = format!("Group(name: \"g\", steps: [{steps}])");
        }
        let text = format!("(schema: 1, name: \"x\", steps: [{steps}])");
        let sequence = parse("x", &text).sequence.expect("a document");
        assert_eq!(
            PlannedSequence::new(&sequence),
            Err(PlanError::TooDeep("g".into()))
        );
    }
}
