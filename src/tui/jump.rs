//! What moving the pointer means, told before it is moved: what is passed over, what is done a second time.

use crate::event::{NodeId, NodeKind, Outcome};
use crate::run_state::{RunState, Status};

/// What a jump would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consequences {
    /// Steps that will not run.
    pub skipped: Vec<NodeId>,
    /// Steps that run again, with what that does; none where it is safe.
    pub repeated: Vec<(NodeId, Option<String>)>,
}

/// The consequences of going on at `to`.
pub fn consequences(state: &RunState, to: NodeId) -> Consequences {
    let mut all = Consequences::default();
    for (planned, node) in state.plan.nodes.iter().zip(&state.nodes) {
        if planned.disabled || planned.kind == NodeKind::Group {
            continue;
        }
        let ran = match &node.status {
            Status::Ended(Outcome::WillNotRun(_)) | Status::Skipped(_) | Status::Waiting => false,
            Status::Ended(_) | Status::Running | Status::Undecided => true,
        };
        // A failed step that is left behind is passed over, too.
        let open = matches!(node.status, Status::Waiting | Status::Undecided);
        if planned.id < to && open {
            all.skipped.push(planned.id);
        } else if planned.id >= to && ran {
            all.repeated.push((planned.id, planned.repeats.clone()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Plan, PlanNode};
    use crate::run_state::NodeState;

    fn state(statuses: &[Status]) -> RunState {
        let node = |at: usize| PlanNode {
            id: NodeId(u32::try_from(at).unwrap()),
            parent: None,
            depth: 0,
            name: format!("step {at}"),
            kind: NodeKind::Step("Run Command Line".to_owned()),
            disabled: false,
            continue_on_error: false,
            weight: 1,
            repeats: (at == 0).then(|| "the command runs again".to_owned()),
        };
        RunState {
            plan: Plan {
                nodes: (0..statuses.len()).map(node).collect(),
                ..Plan::default()
            },
            nodes: statuses
                .iter()
                .map(|status| NodeState {
                    status: status.clone(),
                    ..NodeState::default()
                })
                .collect(),
            ..RunState::default()
        }
    }

    #[test]
    fn forwards_skips_and_backwards_repeats() {
        let done = Status::Ended(Outcome::Succeeded);
        let state = state(&[done.clone(), done, Status::Undecided, Status::Waiting]);
        let forward = consequences(&state, NodeId(3));
        assert_eq!(forward.skipped, [NodeId(2)]);
        assert!(forward.repeated.is_empty());
        let back = consequences(&state, NodeId(0));
        assert!(back.skipped.is_empty());
        let again: Vec<(u32, bool)> = back
            .repeated
            .iter()
            .map(|(n, r)| (n.0, r.is_none()))
            .collect();
        assert_eq!(again, [(0, false), (1, true), (2, true)]);
    }
}
