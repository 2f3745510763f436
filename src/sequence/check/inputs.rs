//! Inputs: their definition and their defaults.

use std::collections::HashSet;

use super::{Checker, SECRET_WRITTEN};
use crate::input::Check;
use crate::sequence::schema::Sequence;
use crate::sequence::values::check_of_input;
use crate::sequence::variables::check_value;

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
            self.defines(&format!("{path}.variable"), &input.variable);
            self.filled(&format!("{path}.label"), "the label", &input.label, 100);
            match &input.check {
                Check::Number(low, high) if low > high => {
                    self.error(
                        &format!("{path}.check"),
                        format!("no number lies between {low} and {high}"),
                        "",
                    );
                }
                Check::OneOf(values) if values.is_empty() => {
                    self.error(
                        &format!("{path}.check"),
                        "there is nothing to choose from",
                        "",
                    );
                }
                _ => {
                    let check = check_of_input(sequence, input);
                    let reason = match check_value(&input.variable, &input.default) {
                        Err(error) => Some(error.to_string()),
                        Ok(()) => check.mistake(&input.default),
                    };
                    if let Some(reason) = reason.filter(|_| !input.default.is_empty()) {
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
                    SECRET_WRITTEN,
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
