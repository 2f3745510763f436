//! The commands that Windows Setup runs in a pass (`RunSynchronous`). Each has an order from 1 to 500 that no other has;
//! Setup refuses the whole answer file otherwise.

use super::lookup::{Place, at_path, child, own, text};
use super::splice::{append, child_pad, replace_content};
use super::{DEPLOYMENT, Document, New, UnattendError};

/// Orders that Setup takes.
const LAST_ORDER: usize = 500;
const LIST: &str = "RunSynchronous/RunSynchronousCommand";

/// Makes `command` the only one of this description; none takes it out. Runs after those that are there. Their orders are
/// made anew, one after the other, when they are not what Setup takes or leave no room; then says so.
///
/// # Errors
/// [`UnattendError::Refused`] when the list is full.
pub fn set_command(
    document: &mut Document,
    pass: &str,
    description: &str,
    command: Option<&str>,
) -> Result<Option<String>, UnattendError> {
    document.remove(pass, DEPLOYMENT, LIST, |text| {
        text("Description").is_some_and(|text| text.trim() == description)
    });
    let Some(command) = command else {
        return Ok(None);
    };
    let (orders, note) = settle(document, pass)?;
    let mut entry = New::parent("RunSynchronousCommand", Vec::new()).entry();
    entry.push(New::text("Description", description));
    entry.push(New::text("Order", &(orders + 1).to_string()));
    entry.push(New::text("Path", command));
    document.add(pass, DEPLOYMENT, "RunSynchronous", entry);
    Ok(note)
}

/// The highest order, below the last one that is allowed; and what was changed for that.
fn settle(document: &mut Document, pass: &str) -> Result<(usize, Option<String>), UnattendError> {
    let architecture = document.architecture().to_owned();
    let place = Place {
        pass,
        component: DEPLOYMENT,
    };
    let mut highest = 0;
    let mut result = Ok(None);
    document.edit(|tree| {
        let mut commands: Vec<_> = own(tree, place, &architecture)
            .into_iter()
            .flat_map(|component| at_path(component, LIST))
            .map(|command| {
                let order = child(command, "Order").and_then(|e| text(e).trim().parse().ok());
                (order.unwrap_or(usize::MAX), command)
            })
            .collect();
        let mut orders: Vec<usize> = commands.iter().map(|(order, _)| *order).collect();
        orders.sort_unstable();
        let unique = orders.windows(2).all(|pair| pair[0] != pair[1]);
        let within = orders.iter().all(|order| (1..LAST_ORDER).contains(order));
        if unique && within {
            highest = orders.last().copied().unwrap_or_default();
            return Vec::new();
        }
        if commands.len() >= LAST_ORDER {
            result = Err(UnattendError::Refused(format!(
                "the answer file has {} commands in {LIST} of the pass {pass}; Windows Setup takes {LAST_ORDER}, and one more is needed: take some out",
                commands.len()
            )));
            return Vec::new();
        }
        result = Ok(Some(format!(
            "The orders of the commands in {LIST} were made anew, 1 to {}: Windows Setup takes 1 to {LAST_ORDER}, each once",
            commands.len()
        )));
        highest = commands.len();
        commands.sort_by_key(|(order, _)| *order);
        commands
            .iter()
            .zip(1..)
            .map(|((_, command), order): (_, usize)| {
                if let Some(element) = child(*command, "Order") {
                    return replace_content(element, &order.to_string());
                }
                let prefix = super::splice::prefix(*command);
                let pad = child_pad(*command);
                append(
                    *command,
                    &format!("{pad}<{prefix}Order>{order}</{prefix}Order>"),
                )
            })
            .collect()
    });
    result.map(|note| (highest, note))
}
