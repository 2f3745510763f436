//! Secrets that stand in the document itself: the reader is warned of them, and they are masked like those that are given.

use super::schema::{Action, Node, Sequence};
use super::settings::SetVariable;
use crate::secret::{Redactor, Secret};

impl Sequence {
    /// Whether an input asks for this variable as a secret.
    pub fn is_secret_input(&self, name: &str) -> bool {
        self.inputs
            .iter()
            .any(|input| input.secret && same(&input.variable, name))
    }

    /// Whether the value that a step sets is a secret that stands in the document. One that is put together from variables
    /// is not: what it will be is not known yet.
    pub(super) fn writes_secret(&self, settings: &SetVariable) -> bool {
        let secret = settings.secret || self.is_secret_input(&settings.variable);
        secret && !settings.value.is_empty() && !settings.value.contains('%')
    }

    /// Every secret that stands in the document: defaults and values of secret inputs, values that steps set.
    pub fn written_secrets(&self) -> Vec<Secret> {
        let defaults = self
            .inputs
            .iter()
            .filter(|input| input.secret)
            .map(|input| input.default.as_str());
        let values = self
            .variables
            .iter()
            .filter(|(name, _)| self.is_secret_input(name))
            .map(|(_, value)| value.as_str());
        let mut all: Vec<Secret> = defaults
            .chain(values)
            .filter(|text| !text.is_empty())
            .map(Secret::new)
            .collect();
        let mut nodes: Vec<&Node> = self.steps.iter().collect();
        while let Some(node) = nodes.pop() {
            match node {
                Node::Group(group) => nodes.extend(&group.steps),
                Node::Step(step) => {
                    if let Action::SetVariable(settings) = &step.action
                        && self.writes_secret(settings)
                    {
                        all.push(Secret::new(settings.value.as_str()));
                    }
                }
            }
        }
        all
    }

    /// What masks them.
    pub fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        for secret in self.written_secrets() {
            redactor.add(&secret);
        }
        redactor
    }
}

fn same(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

#[cfg(test)]
mod tests {
    use crate::sequence::load::read_text;

    const DOCUMENT: &str = r#"Sequence(schema: 1, name: "x",
        variables: { "p": "InVariables1", "Open": "OpenOmega2" },
        inputs: [
            Input(variable: "P", label: "p", secret: true),
            Input(variable: "Def", label: "d", secret: true, default: "DefaultTau5"),
        ],
        steps: [Group(name: "g", steps: [
            Step(name: "a", action: SetVariable(variable: "P", value: "OverSigma4")),
            Step(name: "b", action: SetVariable(variable: "Q", value: "FlagPi3", secret: true)),
            Step(name: "c", action: SetVariable(variable: "Q", value: "<%P%%Def%>", secret: true)),
            Step(name: "d", action: SetVariable(variable: "R", value: "%Open%")),
        ])])"#;

    #[test]
    fn each_secret_of_the_document_is_found_and_told_without_being_shown() {
        let checked = read_text("x", DOCUMENT);
        let sequence = checked.sequence.as_ref().unwrap();
        let secrets = sequence.written_secrets();
        let mut found: Vec<&str> = secrets.iter().map(|secret| secret.reveal()).collect();
        found.sort_unstable();
        assert_eq!(
            found,
            ["DefaultTau5", "FlagPi3", "InVariables1", "OverSigma4"]
        );
        let text = checked.render();
        let warned = text.matches("this secret stands in the document").count();
        assert_eq!(warned, 4, "{text}");
        for secret in found {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn a_mistake_in_the_line_of_a_secret_does_not_show_it() {
        let bad = DOCUMENT.replace("label: \"d\"", "label: \"\"");
        let checked = read_text("x", &bad);
        assert!(!checked.is_good());
        let text = checked.render();
        assert!(
            text.contains("the label is empty") && !text.contains("DefaultTau5"),
            "{text}"
        );
    }
}
