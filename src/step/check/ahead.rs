//! Whether a step ahead will run, as far as that can be told now.

use crate::event::NodeId;
use crate::sequence::condition::{LocalFiles, evaluate};
use crate::sequence::plan::PlannedSequence;
use crate::sequence::schema::Condition;

use super::rehearsal::Rehearsal;

/// Whether a condition is true; `None` when only the run can tell.
pub(super) fn truth(condition: &Condition, host: &Rehearsal) -> Option<bool> {
    let all = |members: &[Condition], wanted: bool| {
        let mut sure = true;
        for member in members {
            match truth(member, host) {
                Some(is) if is == wanted => {}
                Some(_) => return Some(false),
                None => sure = false,
            }
        }
        sure.then_some(true)
    };
    match condition {
        Condition::All(members) => all(members, true),
        Condition::None(members) => all(members, false),
        Condition::Any(members) if members.is_empty() => Some(true),
        Condition::Any(members) => all(members, false).map(|none| !none),
        Condition::Exists(name) | Condition::NotExists(name) => known(condition, &[name], host),
        Condition::Equals(name, value)
        | Condition::NotEquals(name, value)
        | Condition::Greater(name, value)
        | Condition::GreaterEqual(name, value)
        | Condition::Less(name, value)
        | Condition::LessEqual(name, value)
        | Condition::Like(name, value)
        | Condition::NotLike(name, value) => known(condition, &[name, value], host),
        // Steps before may make and remove files.
        _ => None,
    }
}

fn known(condition: &Condition, texts: &[&String], host: &Rehearsal) -> Option<bool> {
    use crate::step::cx::Host as _;
    host.forget();
    for text in texts {
        host.expand(text);
    }
    let name = texts.first().map(|name| host.expand(name).text);
    let open = host.touched().is_some() || name.is_some_and(|name| host.is_unknown(&name));
    host.forget();
    if open {
        return None;
    }
    host.with(|variables| evaluate(condition, variables, &LocalFiles).ok())
}

/// Whether the run goes on when the step fails.
pub(super) fn may_fail(planned: &PlannedSequence, id: NodeId) -> bool {
    std::iter::once(id)
        .chain(planned.groups_above(id))
        .any(|id| planned.node(id).is_some_and(|node| node.continue_on_error))
}
