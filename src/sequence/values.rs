//! Which settings are judged by which rule of [`crate::input`], and what follows for the variables in them.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{Action, Input, Node, Sequence};
use super::settings::{ApplyNetworkSettings, ApplyWindowsSettings, Join};
use crate::input::{Check, only_variable};

/// A setting with its rule.
pub struct Judged<'a> {
    /// The field below the action, as documents write it.
    pub field: String,
    /// What stands there.
    pub text: &'a str,
    /// The rule.
    pub check: Check,
    /// Nothing is as good as a value.
    pub optional: bool,
}

fn judged<'a>(field: &str, text: &'a str, check: Check, optional: bool) -> Judged<'a> {
    Judged {
        field: field.to_owned(),
        text,
        check,
        optional,
    }
}

/// The settings of an action that are judged by a rule.
pub fn of_action(action: &Action) -> Vec<Judged<'_>> {
    match action {
        Action::ApplyWindowsSettings(settings) => of_windows(settings),
        Action::ApplyNetworkSettings(settings) => of_network(settings),
        Action::ConnectNetworkFolder(settings) => {
            vec![judged("account", &settings.account, Check::Account, true)]
        }
        Action::CaptureOperatingSystem(settings) => vec![
            judged(
                "destination",
                &settings.destination,
                Check::ImagePath,
                false,
            ),
            judged("account", &settings.account, Check::Account, true),
        ],
        _ => Vec::new(),
    }
}

fn of_windows(settings: &ApplyWindowsSettings) -> Vec<Judged<'_>> {
    let mut list = vec![
        judged("user", &settings.user, Check::Owner, false),
        judged("organization", &settings.organization, Check::Owner, false),
    ];
    let computer = settings.computer_name.as_deref();
    list.extend(computer.map(|text| judged("computer_name", text, Check::ComputerName, false)));
    for (field, text, check) in [
        ("product_key", &settings.product_key, Check::ProductKey),
        ("time_zone", &settings.time_zone, Check::TimeZone),
        ("input_locale", &settings.input_locale, Check::InputLocale),
        ("system_locale", &settings.system_locale, Check::Locale),
        ("ui_language", &settings.ui_language, Check::Locale),
        (
            "ui_language_fallback",
            &settings.ui_language_fallback,
            Check::Locale,
        ),
        ("user_locale", &settings.user_locale, Check::Locale),
    ] {
        list.extend(text.as_deref().map(|text| judged(field, text, check, true)));
    }
    list
}

fn of_network(settings: &ApplyNetworkSettings) -> Vec<Judged<'_>> {
    let mut list = match &settings.join {
        Join::Workgroup(name) => vec![judged("join", name, Check::Workgroup, false)],
        Join::Domain {
            name, ou, account, ..
        } => {
            let mut list = vec![
                judged("join.name", name, Check::Domain, false),
                judged("join.account", account, Check::Account, false),
            ];
            let ou = ou.as_deref();
            list.extend(ou.map(|ou| judged("join.ou", ou, Check::OrganizationalUnit, true)));
            list
        }
    };
    let suffix = settings.dns_suffix.as_deref();
    list.extend(suffix.map(|text| judged("dns_suffix", text, Check::DnsName, true)));
    for (number, text) in settings.dns_suffix_search_order.iter().enumerate() {
        let field = format!("dns_suffix_search_order[{number}]");
        list.push(judged(&field, text, Check::DnsName, false));
    }
    for (number, adapter) in settings.adapters.iter().enumerate() {
        let field = format!("adapters[{number}].dns_suffix");
        let suffix = adapter.dns_suffix.as_deref();
        list.extend(suffix.map(|text| judged(&field, text, Check::DnsName, true)));
    }
    list
}

fn actions<'a>(nodes: &'a [Node], into: &mut Vec<&'a Action>) {
    for node in nodes {
        match node {
            Node::Group(group) => actions(&group.steps, into),
            Node::Step(step) => into.push(&step.action),
        }
    }
}

/// The rule for a variable of a document: that of the settings which consist of it, else the one that Configuration
/// Manager fixes for its name.
pub fn check_of_variable(sequence: &Sequence, name: &str) -> Option<Check> {
    let name = name.trim();
    if let Some(check) = Check::of_variable(&name.to_lowercase()) {
        return Some(check);
    }
    let mut all = Vec::new();
    actions(&sequence.steps, &mut all);
    all.into_iter().flat_map(of_action).find_map(|judged| {
        only_variable(judged.text)
            .is_some_and(|variable| variable.eq_ignore_ascii_case(name))
            .then_some(judged.check)
    })
}

/// How the value of an input is checked: as it says, else by the rule for its variable.
pub fn check_of_input(sequence: &Sequence, input: &Input) -> Check {
    if input.check == Check::Text {
        check_of_variable(sequence, &input.variable).unwrap_or_default()
    } else {
        input.check.clone()
    }
}

/// The names, in lower case, that a document knows a variable by: it gives it a value, empty or not, or asks for it.
pub fn known_names<'a>(
    variables: &BTreeMap<String, String>,
    inputs: &[Input],
    actions: impl IntoIterator<Item = &'a Action>,
) -> BTreeSet<String> {
    let given = variables.keys().map(String::as_str);
    let asked = inputs.iter().map(|input| input.variable.as_str());
    let set = actions.into_iter().filter_map(|action| match action {
        Action::SetVariable(set) => Some(set.variable.as_str()),
        Action::RunCommandLine(command) => command.output_variable.as_deref(),
        _ => None,
    });
    given
        .chain(asked)
        .chain(set)
        .map(|name| name.trim().to_lowercase())
        .collect()
}

/// The same for a whole document.
pub fn known_in(sequence: &Sequence) -> BTreeSet<String> {
    let mut all = Vec::new();
    actions(&sequence.steps, &mut all);
    known_names(&sequence.variables, &sequence.inputs, all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::load::read_text;

    const DOCUMENT: &str = r#"Sequence(schema: 1, name: "x", variables: {"TZ": "UTC"},
        inputs: [(variable: "CN", label: "Name"), (variable: "OSDProductKey", label: "Key"), (variable: "Any", label: "Any"),
            (variable: "N", label: "Number", check: Number(1, 2))],
        steps: [Group(name: "g", steps: [
            Step(name: "w", action: ApplyWindowsSettings(computer_name: "%cn%", user: "x%Any%", organization: "%N%", time_zone: "%TZ%")),
            Step(name: "s", action: SetVariable(variable: "Set", value: "1")),
            Step(name: "n", action: ApplyNetworkSettings(join: Domain(name: "%D%", ou: "%OU%", account: "%A%"))),
        ])])"#;

    #[test]
    fn a_variable_is_judged_as_the_setting_that_it_fills() {
        let sequence = read_text("x", DOCUMENT).sequence.unwrap();
        let checks: Vec<Check> = sequence
            .inputs
            .iter()
            .map(|input| check_of_input(&sequence, input))
            .collect();
        let wanted = [
            Check::ComputerName,
            Check::ProductKey,
            Check::Text,
            Check::Number(1, 2),
        ];
        assert_eq!(checks, wanted);
        for (name, check) in [
            ("TZ", Some(Check::TimeZone)),
            ("d", Some(Check::Domain)),
            ("OU", Some(Check::OrganizationalUnit)),
            ("A", Some(Check::Account)),
            ("Set", None),
        ] {
            assert_eq!(check_of_variable(&sequence, name), check, "{name}");
        }
        let known = known_in(&sequence);
        assert_eq!(
            known.into_iter().collect::<Vec<_>>(),
            ["any", "cn", "n", "osdproductkey", "set", "tz"]
        );
    }
}
