//! Inputs: their definition and their values.

use std::collections::HashSet;

use super::{Checker, check_computer_name, is_open};
use crate::sequence::schema::{InputCheck, Sequence};
use crate::sequence::variables::LONGEST_VALUE;

/// Checks a value as the form does while it is typed; the error says what is wrong in one sentence.
///
/// # Errors
/// The reason.
pub fn check_value(check: &InputCheck, value: &str) -> Result<(), String> {
    if value.chars().count() > LONGEST_VALUE {
        return Err(format!("at most {LONGEST_VALUE} characters are allowed"));
    }
    if is_open(value) {
        return Ok(());
    }
    match check {
        InputCheck::Text => Ok(()),
        InputCheck::ComputerName => check_computer_name(value),
        InputCheck::ImagePath => super::settings::image_path(value),
        InputCheck::Account => super::settings::account(value),
        InputCheck::Number(low, high) => match value.trim().parse::<u64>() {
            Ok(number) if (*low..=*high).contains(&number) => Ok(()),
            _ => Err(format!("a whole number from {low} to {high} is needed")),
        },
        InputCheck::OneOf(values) if values.iter().any(|known| known == value) => Ok(()),
        InputCheck::OneOf(values) => Err(format!("one of these is needed: {}", values.join(", "))),
        InputCheck::ProductKey => super::settings::plain_key(value),
    }
}

impl Checker<'_> {
    pub(super) fn inputs(&mut self, sequence: &Sequence) {
        let mut seen = HashSet::new();
        // What a step uses shows in its debug form, whichever field it is: names hold nothing that is escaped there.
        let used = format!("{:?} {:?}", sequence.steps, sequence.variables).to_lowercase();
        let used = words(&used);
        for (index, input) in sequence.inputs.iter().enumerate() {
            let path = format!("inputs[{index}]");
            let name = input.variable.trim().to_lowercase();
            if seen.contains(&name) {
                self.error(
                    &format!("{path}.variable"),
                    format!("`{}` is asked for twice", input.variable),
                    "",
                );
            } else if self.sets.contains(&name) {
                self.warning(
                    &format!("{path}.variable"),
                    format!(
                        "`{}` has a value in `variables`: it is never asked for",
                        input.variable
                    ),
                    "",
                );
            }
            seen.insert(name.clone());
            self.writes(&format!("{path}.variable"), &input.variable);
            self.filled(&format!("{path}.label"), "the label", &input.label, 100);
            match &input.check {
                InputCheck::Number(low, high) if low > high => {
                    self.error(
                        &format!("{path}.check"),
                        format!("no number lies between {low} and {high}"),
                        "",
                    );
                }
                InputCheck::OneOf(values) if values.is_empty() => {
                    self.error(
                        &format!("{path}.check"),
                        "there is nothing to choose from",
                        "",
                    );
                }
                check => {
                    if !input.default.is_empty()
                        && let Err(reason) = check_value(check, &input.default)
                    {
                        self.error(
                            &format!("{path}.default"),
                            format!("the default does not fit: {reason}"),
                            "",
                        );
                    }
                }
            }
            if input.secret && !input.default.is_empty() {
                self.warning(
                    &format!("{path}.default"),
                    "this secret stands in the document for everybody to read",
                    "leave the default out",
                );
            }
            if self.complete && is_unused(&name, &used) {
                self.warning(
                    &format!("{path}.variable"),
                    format!("nothing uses `{}`", input.variable),
                    &format!("write %{}% where its value belongs", input.variable),
                );
            }
        }
    }
}

/// Whether nothing names this variable; `used` are the words of everything that may, in lower case.
pub(in crate::sequence) fn is_unused(name: &str, used: &HashSet<&str>) -> bool {
    let name = name.trim().to_lowercase();
    // Action variables are read by their steps without being named in the document.
    let silent = ["osd", "smsts", "ts"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    !silent && !used.contains(name.as_str())
}

/// Everything in a text that may be the name of a variable.
pub(in crate::sequence) fn words(text: &str) -> HashSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
        .filter(|word| !word.is_empty())
        .collect()
}
