//! Conditions and what they mean (spec 1.8).

use std::cmp::Ordering;
use std::path::Path;

use thiserror::Error;

use super::schema::{Compare, Condition};
use super::variables::Variables;

/// What a condition may ask of the machine.
pub trait Facts {
    /// A file's modification time in milliseconds since 1970 UTC; `None` when there is no such file.
    fn file(&self, path: &str) -> Option<i64>;
    /// A folder's modification time; `None` when there is no such folder.
    fn folder(&self, path: &str) -> Option<i64>;
}

/// Files and folders of the system this runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalFiles;

fn modified(path: &Path) -> i64 {
    std::fs::metadata(path)
        .and_then(|meta| meta.modified())
        .ok()
        .and_then(|time| jiff::Timestamp::try_from(time).ok())
        .map_or(0, jiff::Timestamp::as_millisecond)
}

impl Facts for LocalFiles {
    fn file(&self, path: &str) -> Option<i64> {
        let path = Path::new(path);
        path.is_file().then(|| modified(path))
    }

    fn folder(&self, path: &str) -> Option<i64> {
        let path = Path::new(path);
        path.is_dir().then(|| modified(path))
    }
}

/// Why a condition has no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConditionError {
    /// Needs Windows.
    #[error("{0} can only be asked of a running Windows")]
    NeedsWindows(&'static str),
    /// A literal that is not a time.
    #[error("`{0}` is not a time: write YYYY-MM-DDTHH:MM:SSZ")]
    BadTime(String),
}

/// Evaluates a condition with the environment of this moment. Fields may hold `%variables%`.
///
/// # Errors
/// See [`ConditionError`].
pub fn evaluate(
    condition: &Condition,
    variables: &Variables,
    facts: &dyn Facts,
) -> Result<bool, ConditionError> {
    let all = |members: &[Condition]| -> Result<Vec<bool>, ConditionError> {
        members
            .iter()
            .map(|member| evaluate(member, variables, facts))
            .collect()
    };
    let compare = |name: &str, value: &str| compare(variables, name, value);
    Ok(match condition {
        Condition::All(members) => all(members)?.iter().all(|holds| *holds),
        // An empty member list is true (spec 1.8), for `Any` too.
        Condition::Any(members) => members.is_empty() || all(members)?.contains(&true),
        Condition::None(members) => !all(members)?.contains(&true),
        Condition::Exists(name) => !variables.text(name).is_empty(),
        Condition::NotExists(name) => variables.text(name).is_empty(),
        Condition::Equals(name, value) => compare(name, value) == Some(Ordering::Equal),
        Condition::NotEquals(name, value) => compare(name, value) != Some(Ordering::Equal),
        Condition::Greater(name, value) => compare(name, value) == Some(Ordering::Greater),
        Condition::GreaterEqual(name, value) => {
            matches!(compare(name, value), Some(Ordering::Greater | Ordering::Equal))
        }
        Condition::Less(name, value) => compare(name, value) == Some(Ordering::Less),
        Condition::LessEqual(name, value) => {
            matches!(compare(name, value), Some(Ordering::Less | Ordering::Equal))
        }
        Condition::Like(name, value) => like(variables, name, value),
        Condition::NotLike(name, value) => !like(variables, name, value),
        Condition::File {
            path,
            version,
            modified,
        } => {
            if version.is_some() {
                return Err(ConditionError::NeedsWindows("the version of a file"));
            }
            time_matches(facts.file(&variables.expand(path).text), modified.as_ref())?
        }
        Condition::Folder { path, modified } => {
            time_matches(facts.folder(&variables.expand(path).text), modified.as_ref())?
        }
        Condition::Registry { .. } => return Err(ConditionError::NeedsWindows("the registry")),
        Condition::Wmi { .. } => return Err(ConditionError::NeedsWindows("WMI")),
        Condition::OperatingSystemVersion(_) => {
            return Err(ConditionError::NeedsWindows("the operating system version"));
        }
        Condition::OperatingSystemLanguage(_) => {
            return Err(ConditionError::NeedsWindows("the operating system language"));
        }
        Condition::Software { .. } => {
            return Err(ConditionError::NeedsWindows("installed software"));
        }
    })
}

/// How a variable compares with a value; a missing variable compares with nothing.
fn compare(variables: &Variables, name: &str, value: &str) -> Option<Ordering> {
    let have = variables.get(name)?.reveal();
    let want = variables.expand(value).text;
    Some(compare_texts(have, &want))
}

/// Whole numbers as numbers, dotted versions part by part, anything else as text without regard to case.
pub fn compare_texts(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim(), b.trim());
    if let (Ok(a), Ok(b)) = (a.parse::<i128>(), b.parse::<i128>()) {
        return a.cmp(&b);
    }
    if let (Some(a), Some(b)) = (version(a), version(b)) {
        let longest = a.len().max(b.len());
        let part = |parts: &[u64], at: usize| parts.get(at).copied().unwrap_or(0);
        return (0..longest)
            .map(|at| part(&a, at).cmp(&part(&b, at)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal);
    }
    a.to_lowercase().cmp(&b.to_lowercase())
}

fn version(text: &str) -> Option<Vec<u64>> {
    text.contains('.')
        .then(|| text.split('.').map(|part| part.parse().ok()).collect())
        .flatten()
}

fn like(variables: &Variables, name: &str, pattern: &str) -> bool {
    let text: Vec<char> = variables.text(name).to_lowercase().chars().collect();
    let pattern: Vec<char> = variables.expand(pattern).text.to_lowercase().chars().collect();
    // The usual two-pointer match: on a mismatch the last `*` takes one character more.
    let (mut at, mut want) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(want) {
            Some('*') => {
                star = Some((want, at));
                want += 1;
            }
            Some(c) if *c == '?' || *c == text[at] => {
                at += 1;
                want += 1;
            }
            _ => match star {
                Some((pattern_at, text_at)) => {
                    star = Some((pattern_at, text_at + 1));
                    at = text_at + 1;
                    want = pattern_at + 1;
                }
                None => return false,
            },
        }
    }
    pattern[want..].iter().all(|c| *c == '*')
}

fn time_matches(found: Option<i64>, wanted: Option<&Compare>) -> Result<bool, ConditionError> {
    let (Some(found), Some(wanted)) = (found, wanted) else {
        return Ok(found.is_some());
    };
    let (text, test): (&String, fn(Ordering) -> bool) = match wanted {
        Compare::Equals(text) => (text, Ordering::is_eq),
        Compare::NotEquals(text) => (text, Ordering::is_ne),
        Compare::Greater(text) => (text, Ordering::is_gt),
        Compare::GreaterEqual(text) => (text, Ordering::is_ge),
        Compare::Less(text) => (text, Ordering::is_lt),
        Compare::LessEqual(text) => (text, Ordering::is_le),
    };
    let wanted: jiff::Timestamp = text
        .parse()
        .map_err(|_| ConditionError::BadTime(text.clone()))?;
    // Whole seconds: the literal has no finer ones.
    Ok(test((found / 1000).cmp(&wanted.as_second())))
}

/// A condition in a few words, for logs and screens.
pub fn describe(condition: &Condition) -> String {
    let list = |word: &str, members: &[Condition]| {
        let members: Vec<String> = members.iter().map(describe).collect();
        format!("{word} of ({})", members.join("; "))
    };
    match condition {
        Condition::All(members) => list("all", members),
        Condition::Any(members) => list("any", members),
        Condition::None(members) => list("none", members),
        Condition::Exists(name) => format!("{name} exists"),
        Condition::NotExists(name) => format!("{name} does not exist"),
        Condition::Equals(name, value) => format!("{name} equals \"{value}\""),
        Condition::NotEquals(name, value) => format!("{name} does not equal \"{value}\""),
        Condition::Greater(name, value) => format!("{name} is greater than \"{value}\""),
        Condition::GreaterEqual(name, value) => format!("{name} is at least \"{value}\""),
        Condition::Less(name, value) => format!("{name} is less than \"{value}\""),
        Condition::LessEqual(name, value) => format!("{name} is at most \"{value}\""),
        Condition::Like(name, value) => format!("{name} is like \"{value}\""),
        Condition::NotLike(name, value) => format!("{name} is not like \"{value}\""),
        Condition::File { path, .. } => format!("file {path}"),
        Condition::Folder { path, .. } => format!("folder {path}"),
        Condition::Registry { key, value, .. } => format!("registry {key}\\{value}"),
        Condition::Wmi { query, .. } => format!("WMI {query}"),
        Condition::OperatingSystemVersion(list) => format!("operating system {}", list.join(" or ")),
        Condition::OperatingSystemLanguage(id) => format!("operating system language {id}"),
        Condition::Software { product_code } => format!("software {product_code}"),
    }
}

/// The part of a condition that only a running Windows can answer, if any.
pub fn needs_windows(condition: &Condition) -> Option<&'static str> {
    match condition {
        Condition::All(members) | Condition::Any(members) | Condition::None(members) => {
            members.iter().find_map(needs_windows)
        }
        Condition::File {
            version: Some(_), ..
        } => Some("the version of a file"),
        Condition::Registry { .. } => Some("the registry"),
        Condition::Wmi { .. } => Some("WMI"),
        Condition::OperatingSystemVersion(_) => Some("the operating system version"),
        Condition::OperatingSystemLanguage(_) => Some("the operating system language"),
        Condition::Software { .. } => Some("installed software"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::variables::Value;

    fn holds(condition: &Condition) -> bool {
        let mut variables = Variables::default();
        for (name, value) in [("Ten", "10"), ("Text", "True"), ("Version", "10.0.22631.1")] {
            variables.set_engine(name, Value::Plain(value.to_owned()));
        }
        evaluate(condition, &variables, &LocalFiles).unwrap()
    }

    fn two(make: fn(String, String) -> Condition, name: &str, value: &str) -> bool {
        holds(&make(name.to_owned(), value.to_owned()))
    }

    #[test]
    fn a_missing_variable_differs_from_everything_and_equals_nothing() {
        assert!(two(Condition::NotEquals, "Missing", "YES"));
        assert!(!two(Condition::Equals, "Missing", ""));
        assert!(!two(Condition::Less, "Missing", "5"));
        assert!(holds(&Condition::NotExists("Missing".to_owned())));
    }

    #[test]
    fn texts_ignore_case_and_numbers_compare_as_numbers() {
        assert!(two(Condition::Equals, "text", "TRUE"));
        assert!(two(Condition::Greater, "Ten", "9"));
        assert!(two(Condition::Less, "Version", "10.0.22631.02"));
        assert!(two(Condition::GreaterEqual, "Version", "10.0.22631.01"));
        assert!(two(Condition::Equals, "Ten", "%Ten%"));
    }

    #[test]
    fn patterns_know_star_and_question_mark() {
        for (pattern, expected) in [("t*e", true), ("t?u?", true), ("*", true), ("tru", false), ("**x*", false)] {
            assert_eq!(two(Condition::Like, "Text", pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn groups_nest_and_empty_ones_are_true() {
        let no = || Condition::Exists("Missing".to_owned());
        let yes = || Condition::Exists("Ten".to_owned());
        assert!(holds(&Condition::Any(vec![no(), yes()])));
        assert!(!holds(&Condition::All(vec![no(), yes()])));
        assert!(!holds(&Condition::None(vec![no(), yes()])));
        assert!(holds(&Condition::None(vec![no(), Condition::All(vec![no()])])));
        for empty in [Condition::All(vec![]), Condition::Any(vec![]), Condition::None(vec![])] {
            assert!(holds(&empty));
        }
    }

    #[test]
    fn files_and_folders_are_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, "x").unwrap();
        let path = file.display().to_string();
        let with = |modified| Condition::File { path: path.clone(), version: None, modified };
        assert!(holds(&with(None)));
        assert!(holds(&with(Some(Compare::Greater("2001-01-01T00:00:00Z".to_owned())))));
        assert!(!holds(&with(Some(Compare::Less("2001-01-01T00:00:00Z".to_owned())))));
        assert!(!holds(&Condition::Folder { path: path.clone(), modified: None }));
        let bad = with(Some(Compare::Less("yesterday".to_owned())));
        assert!(evaluate(&bad, &Variables::default(), &LocalFiles).is_err());
    }
}
