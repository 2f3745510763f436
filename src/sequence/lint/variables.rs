//! Variables: who makes them, who needs them, and those that should be secret.

use std::collections::{BTreeMap, BTreeSet};

use super::super::check::{is_unused, words_of};
use super::super::control::unsupported;
use super::super::schema::{Action, Condition};
use super::super::settings::{Destination, Join};
use super::finding;
use super::outline::{Outline, Written};
use crate::event::{Finding, Gravity};
use crate::input::is_open;

/// Action variables that hold passwords by definition (spec section 2).
const PASSWORDS: [&str; 4] = [
    "osdjoinpassword",
    "osdcaptureaccountpassword",
    "osdlocaladminpassword",
    "smstsconnectpassword",
];

/// Whether `%name%` stands in `text`; both in lower case.
pub(super) fn is_named(text: &str, name: &str) -> bool {
    text.contains(&format!("%{name}%"))
}

/// Whether what a condition looks at stays the same through the whole run, as far as the document decides.
pub(super) fn is_stable(outline: &Outline<'_>, condition: &Condition) -> bool {
    let keeps = |name: &str| {
        let name = name.trim();
        let own = name.starts_with('_') && !name.eq_ignore_ascii_case("_SMSTSBootUEFI");
        !own && !name.contains('%') && !outline.written.may_hold(name)
    };
    match condition {
        Condition::All(members) | Condition::Any(members) | Condition::None(members) => {
            members.iter().all(|member| is_stable(outline, member))
        }
        Condition::Exists(name) | Condition::NotExists(name) => keeps(name),
        Condition::Equals(name, value)
        | Condition::NotEquals(name, value)
        | Condition::Greater(name, value)
        | Condition::GreaterEqual(name, value)
        | Condition::Less(name, value)
        | Condition::LessEqual(name, value)
        | Condition::Like(name, value)
        | Condition::NotLike(name, value) => keeps(name) && !is_open(value),
        _ => false,
    }
}

/// A step needs a variable that only disabled steps make.
pub(super) fn disabled_makers(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    let (idle, others): (Vec<_>, Vec<_>) = outline
        .steps
        .iter()
        .partition(|place| !place.runs && place.step.simulate.is_none());
    let made = Written::by(others.into_iter());
    // By name, the first that makes it.
    let mut missed = BTreeMap::new();
    for maker in idle {
        for name in maker.writes().into_iter().flatten() {
            if !made.may_hold(&name) && !outline.is_given(&name) {
                missed.entry(name).or_insert(maker);
            }
        }
    }
    if missed.is_empty() {
        return;
    }
    for user in outline.running() {
        let text = user.text();
        let destination = match user.applies().map(|apply| &apply.destination) {
            Some(Destination::Variable(name)) => name.trim().to_lowercase(),
            _ => String::new(),
        };
        // Of the debug form no part but what stands between percent signs is a bare name.
        let needed: BTreeSet<&str> = text.split('%').chain([&*destination]).collect();
        for name in needed {
            let Some(maker) = missed.get(name) else {
                continue;
            };
            found.push(finding(
                user.id,
                Gravity::Warning,
                "variable",
                format!(
                    "this step needs `{name}`, which only \"{}\" makes, and that is disabled",
                    maker.name()
                ),
                "Enable that step, disable this one too, or give the variable a value.",
            ));
        }
    }
}

/// Passwords in plain variables: they are shown, logged and kept on disk.
pub(super) fn plain_secrets(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    let mut secret: Vec<String> = PASSWORDS.iter().map(|&name| name.to_owned()).collect();
    let inputs = &outline.planned.inputs;
    secret.extend(
        inputs
            .iter()
            .filter(|input| input.secret)
            .map(|input| input.variable.trim().to_lowercase()),
    );
    for place in outline.running() {
        let named = match &place.step.action {
            Action::ApplyWindowsSettings(windows) => windows.admin_password_variable.as_ref(),
            Action::ApplyNetworkSettings(network) => match &network.join {
                Join::Domain {
                    password_variable, ..
                } => password_variable.as_ref(),
                Join::Workgroup(_) => None,
            },
            Action::ConnectNetworkFolder(connect) => connect.password_variable.as_ref(),
            Action::CaptureOperatingSystem(capture) => capture.password_variable.as_ref(),
            _ => None,
        };
        secret.extend(named.map(|name| name.trim().to_lowercase()));
    }
    let is_secret = |name: &str| secret.contains(&name.trim().to_lowercase());
    for place in outline.running() {
        if let Action::SetVariable(set) = &place.step.action
            && !set.secret
            && is_secret(&set.variable)
            && !set.value.trim().is_empty()
            // What is substituted keeps its own secrecy.
            && !is_open(&set.value)
        {
            found.push(finding(
                place.id,
                Gravity::Warning,
                "secret",
                format!(
                    "the password `{}` is set in plain text: it is shown, logged and kept on disk",
                    set.variable.trim()
                ),
                "Ask for it with an input that has `secret: true`.",
            ));
        }
    }
    for (name, value) in &outline.planned.variables {
        if is_secret(name) && !value.trim().is_empty() && !is_open(value) {
            found.push(finding(
                None,
                Gravity::Warning,
                "secret",
                format!(
                    "the password `{}` stands in the document's variables in plain text",
                    name.trim()
                ),
                "Ask for it with an input that has `secret: true`.",
            ));
        }
    }
}

/// Steps that set a variable which steers Configuration Manager, and nothing here.
pub(super) fn without_effect(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    for place in outline.running() {
        for name in place.writes().into_iter().flatten() {
            if let Some(known) = unsupported(&name) {
                found.push(finding(
                    place.id,
                    Gravity::Warning,
                    "variable",
                    known.to_string(),
                    known.instead,
                ));
            }
        }
    }
}

/// Inputs that nothing uses: the technician is asked in vain.
pub(super) fn unused_inputs(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    let used = format!("{:?} {:?}", outline.planned.defs, outline.planned.variables).to_lowercase();
    let used = words_of(&used);
    for input in &outline.planned.inputs {
        if is_unused(&input.variable, &used) {
            found.push(finding(
                None,
                Gravity::Warning,
                "input",
                format!(
                    "\"{}\" is asked for, but nothing uses `{}`",
                    input.label, input.variable
                ),
                "Remove the input, or write the variable where its value belongs.",
            ));
        }
    }
}
