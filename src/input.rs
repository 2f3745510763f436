//! How the values of inputs, and the settings and variables like them, are checked: one rule for the document, the form,
//! the start of a run and the steps.

use serde::{Deserialize, Serialize};

/// How a value is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Check {
    /// Any text.
    #[default]
    Text,
    /// Computer name: 1 to 15 characters that NetBIOS, DNS and Windows Setup all take, not digits only.
    ComputerName,
    /// `\\server\share\folder\file.wim`, or a path that ends in `.wim`; relative ones start at the current folder.
    ImagePath,
    /// `domain\user` or `user@domain`.
    Account,
    /// A whole number in this range, both ends included.
    Number(u64, u64),
    /// One of these; upper and lower case are the same, as in conditions.
    OneOf(Vec<String>),
    /// 25 characters in five groups, or an encoded volume key: longer than 29 characters, without groups (spec 2.4).
    ProductKey,
}

/// Whether a text may change when the run substitutes variables.
pub fn is_open(text: &str) -> bool {
    text.matches('%').count() >= 2
}

impl Check {
    /// The form that Configuration Manager fixes for a variable, by its lower-case name (spec 2).
    pub fn of_variable(name: &str) -> Option<Self> {
        let truth = || Self::OneOf(vec!["true".to_owned(), "false".to_owned()]);
        Some(match name {
            "osdcomputername" => Self::ComputerName,
            "osdjoinaccount" | "osdcaptureaccount" => Self::Account,
            "osdcapturedestination" => Self::ImagePath,
            "osdproductkey" => Self::ProductKey,
            "tsdebugmode" | "tsdebugonerror" => truth(),
            _ => return None,
        })
    }

    /// Why `value` is not acceptable; `None` when it is, or when it holds a `%variable%` and is only known in the run.
    /// Whether it may be empty is the caller's business.
    pub fn mistake(&self, value: &str) -> Option<String> {
        if is_open(value) {
            None
        } else {
            self.fault(value)
        }
    }

    /// Why `value` is not acceptable as it stands, all variables substituted.
    pub fn fault(&self, value: &str) -> Option<String> {
        match self {
            Self::Text => None,
            Self::ComputerName => computer_name(value),
            Self::ImagePath => image_path(value).map(str::to_owned),
            Self::Account => {
                let good = match (value.split_once('\\'), value.split_once('@')) {
                    (Some((domain, user)), _) => {
                        !domain.is_empty() && !user.is_empty() && !user.contains('\\')
                    }
                    (None, Some((user, domain))) => !user.is_empty() && !domain.is_empty(),
                    _ => false,
                };
                (!good).then(|| r"write domain\user or user@domain".to_owned())
            }
            Self::Number(low, high) => match value.trim().parse::<u64>() {
                Ok(number) if (*low..=*high).contains(&number) => None,
                _ => Some(format!("a whole number from {low} to {high} is needed")),
            },
            Self::OneOf(choices) => (!choices.iter().any(|c| c.eq_ignore_ascii_case(value)))
                .then(|| format!("one of these is needed: {}", choices.join(", "))),
            Self::ProductKey => product_key(value).map(str::to_owned),
        }
    }
}

fn product_key(key: &str) -> Option<&'static str> {
    match key.chars().count() {
        30..=255 => return None,
        256.. => return Some("a product key has at most 255 characters"),
        _ => {}
    }
    let groups: Vec<&str> = key.split('-').collect();
    let good = groups.len() == 5
        && groups
            .iter()
            .all(|g| g.len() == 5 && g.chars().all(|c| c.is_ascii_alphanumeric()));
    (!good).then_some("a product key has five groups of five, joined by `-`")
}

fn computer_name(name: &str) -> Option<String> {
    let length = name.chars().count();
    if !(1..=15).contains(&length) {
        return Some(format!(
            "a computer name has 1 to 15 characters, not {length}"
        ));
    }
    let bad =
        |c: &char| c.is_whitespace() || c.is_control() || "\\/:*?\"<>|.,~!@#$%^&'(){}".contains(*c);
    if let Some(bad) = name.chars().find(bad) {
        return Some(if bad.is_control() {
            "a control character is not allowed in a computer name".to_owned()
        } else {
            format!("`{bad}` is not allowed in a computer name")
        });
    }
    name.chars()
        .all(|c| c.is_ascii_digit())
        .then(|| "a computer name cannot consist of digits only".to_owned())
}

fn image_path(path: &str) -> Option<&'static str> {
    let lacks_a_part = |rest: &str| {
        let mut parts = rest.split(['\\', '/']);
        parts.clone().count() < 3 || parts.any(str::is_empty)
    };
    if path.ends_with(['\\', '/']) {
        Some("name a file, not a folder")
    } else if path.chars().count() > 255 {
        Some("a path has at most 255 characters")
    } else if !path.to_lowercase().ends_with(".wim") {
        Some("the path must end with .wim")
    } else if path.strip_prefix(r"\\").is_some_and(lacks_a_part) {
        Some(r"write \\server\share\folder\file.wim")
    } else if path.contains(['*', '?']) {
        Some("wildcards are not allowed")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_fit_are_taken_and_others_told_why() {
        let choice = Check::OneOf(vec!["Lab".to_owned(), "Field".to_owned()]);
        for (check, good, bad) in [
            (Check::Text, vec!["", "any % text"], vec![]),
            (
                Check::ComputerName,
                vec!["REF-01", "r_1", "%Make%-1", "%Serial% of a long name"],
                vec![
                    "",
                    "a.b",
                    "a b",
                    "a/b",
                    "100%",
                    "a\tb",
                    "a\0b",
                    "12345",
                    "sixteen-letters-",
                ],
            ),
            (
                Check::ImagePath,
                vec![
                    "a.wim",
                    "/x/A.WIM",
                    r"\\s\i\x.wim",
                    r"\\s\i/f/x.wim",
                    "%Share%/x",
                ],
                vec![
                    "",
                    "x",
                    "x/",
                    r"\\s\x.wim",
                    r"\\s\\x.wim",
                    r"\\s\i\\x.wim",
                    "a*.wim",
                    "?.wim",
                ],
            ),
            (
                Check::Account,
                vec![r"lab\me", "me@lab.example", r"lab\me@x", "%a%"],
                vec!["", "me", r"\me", r"lab\", r"lab\me\x", "@lab", "me@"],
            ),
            (
                Check::Number(2, 9),
                vec!["2", " 9 ", "%n%"],
                vec!["", "1", "10", "-2", "2.5", "two"],
            ),
            (
                choice,
                vec!["Lab", "lab", "FIELD", "%where%"],
                vec!["", "la", "Lab "],
            ),
            (
                Check::ProductKey,
                vec![
                    "AAAAA-bbbbb-11111-22222-33333",
                    "an encoded volume key, 30 long",
                ],
                vec![
                    "",
                    "AAAAA",
                    "AAAAA-BBBBB-CCCCC-DDDDD-EEEE",
                    "AAAAA-BBBBB-CCCCC-DDDDD-EEEE ",
                ],
            ),
        ] {
            for value in good {
                assert_eq!(check.mistake(value), None, "{check:?} {value:?}");
            }
            for value in bad {
                let why = check.mistake(value);
                assert!(why.is_some(), "{check:?} {value:?}");
                assert_eq!(check.fault(value), why);
            }
        }
        assert!(Check::ComputerName.fault("%Make%").is_some());
        let long = format!("{}.wim", "x".repeat(252));
        assert!(Check::ImagePath.mistake(&long).is_some());
    }
}
