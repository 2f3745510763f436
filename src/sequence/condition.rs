//! Whether a step or group runs (spec 1.8).

use std::cmp::Ordering;
use std::path::Path;
use std::time::UNIX_EPOCH;

use thiserror::Error;

use super::schema::{Compare, Condition};
use super::variables::Variables;
use crate::event::Millis;
use crate::text::shorten;

/// What is known about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Modification time.
    pub modified: Millis,
    /// File version, of Windows programs, where it can be read.
    pub version: Option<String>,
}

/// What is known about a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderFacts {
    /// Modification time.
    pub modified: Millis,
}

/// What conditions ask of the machine.
pub trait Facts {
    /// The file, when it exists and is one.
    fn file(&self, path: &str) -> Option<FileFacts>;
    /// The folder, when it exists and is one.
    fn folder(&self, path: &str) -> Option<FolderFacts>;
}

/// The boot environment's own files. Versions of programs are not read.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalFiles;

fn modified(data: &std::fs::Metadata) -> Millis {
    data.modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|age| Millis::try_from(age.as_millis()).ok())
        .unwrap_or(0)
}

impl Facts for LocalFiles {
    fn file(&self, path: &str) -> Option<FileFacts> {
        let data = std::fs::metadata(Path::new(path)).ok()?;
        data.is_file().then(|| FileFacts {
            modified: modified(&data),
            version: None,
        })
    }

    fn folder(&self, path: &str) -> Option<FolderFacts> {
        let data = std::fs::metadata(Path::new(path)).ok()?;
        data.is_dir().then(|| FolderFacts {
            modified: modified(&data),
        })
    }
}

/// Why a condition has no answer: the step fails (spec 1.8).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConditionError {
    /// Needs Windows.
    #[error("the condition `{0}` can only be evaluated in Windows")]
    NeedsWindows(String),
    /// No time.
    #[error("`{0}` is not a time: write YYYY-MM-DDTHH:MM:SSZ")]
    BadTime(String),
}

/// Evaluates a condition with the variables of this moment.
///
/// # Errors
/// It cannot be evaluated here.
pub fn evaluate(
    condition: &Condition,
    variables: &Variables,
    facts: &dyn Facts,
) -> Result<bool, ConditionError> {
    let each = |member: &Condition| evaluate(member, variables, facts);
    let expand = |text: &str| variables.expand(text).text;
    // A missing variable has no value: nothing equals it, everything differs from it.
    let against = |name: &str, value: &str, fits: fn(Ordering) -> bool| {
        let name = expand(name);
        variables
            .get(&name)
            .map(|found| fits(compare(found.reveal(), &expand(value))))
    };
    Ok(match condition {
        Condition::All(members) => {
            for member in members {
                if !each(member)? {
                    return Ok(false);
                }
            }
            true
        }
        Condition::Any(members) => {
            for member in members {
                if each(member)? {
                    return Ok(true);
                }
            }
            members.is_empty()
        }
        Condition::None(members) => {
            for member in members {
                if each(member)? {
                    return Ok(false);
                }
            }
            true
        }
        Condition::Exists(name) => variables.get(&expand(name)).is_some(),
        Condition::NotExists(name) => variables.get(&expand(name)).is_none(),
        Condition::Equals(name, value) => against(name, value, Ordering::is_eq).unwrap_or(false),
        Condition::NotEquals(name, value) => against(name, value, Ordering::is_ne).unwrap_or(true),
        Condition::Greater(name, value) => against(name, value, Ordering::is_gt).unwrap_or(false),
        Condition::GreaterEqual(name, value) => {
            against(name, value, Ordering::is_ge).unwrap_or(false)
        }
        Condition::Less(name, value) => against(name, value, Ordering::is_lt).unwrap_or(false),
        Condition::LessEqual(name, value) => against(name, value, Ordering::is_le).unwrap_or(false),
        Condition::Like(name, pattern) => variables
            .get(&expand(name))
            .is_some_and(|found| like(found.reveal(), &expand(pattern))),
        Condition::NotLike(name, pattern) => !variables
            .get(&expand(name))
            .is_some_and(|found| like(found.reveal(), &expand(pattern))),
        Condition::File {
            path,
            version,
            modified,
        } => {
            let Some(file) = facts.file(&expand(path)) else {
                return Ok(false);
            };
            let version = match version {
                // A file without version is no version at all: only "different" is true of it.
                Some(wanted) => {
                    let (text, fits) = parts(wanted);
                    match file.version {
                        Some(found) => fits(compare(&found, &expand(text))),
                        None => matches!(wanted, Compare::NotEquals(_)),
                    }
                }
                None => true,
            };
            version && at(file.modified, modified.as_ref(), &expand)?
        }
        Condition::Folder { path, modified } => match facts.folder(&expand(path)) {
            Some(folder) => at(folder.modified, modified.as_ref(), &expand)?,
            None => false,
        },
        Condition::Registry { .. }
        | Condition::Wmi { .. }
        | Condition::OperatingSystemVersion(_)
        | Condition::OperatingSystemLanguage(_)
        | Condition::Software { .. } => {
            return Err(ConditionError::NeedsWindows(describe(condition)));
        }
    })
}

fn at(
    found: Millis,
    wanted: Option<&Compare>,
    expand: &dyn Fn(&str) -> String,
) -> Result<bool, ConditionError> {
    let Some(wanted) = wanted else {
        return Ok(true);
    };
    let (text, fits) = parts(wanted);
    let text = expand(text);
    let wanted = time(&text).ok_or(ConditionError::BadTime(text))?;
    // The document names seconds.
    Ok(fits(found.div_euclid(1000).cmp(&wanted.div_euclid(1000))))
}

/// A time as documents write it, `YYYY-MM-DDTHH:MM:SSZ`.
pub fn time(text: &str) -> Option<Millis> {
    text.trim()
        .parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_millisecond)
}

fn parts(wanted: &Compare) -> (&str, fn(Ordering) -> bool) {
    match wanted {
        Compare::Equals(text) => (text, Ordering::is_eq),
        Compare::NotEquals(text) => (text, Ordering::is_ne),
        Compare::Greater(text) => (text, Ordering::is_gt),
        Compare::GreaterEqual(text) => (text, Ordering::is_ge),
        Compare::Less(text) => (text, Ordering::is_lt),
        Compare::LessEqual(text) => (text, Ordering::is_le),
    }
}

/// Whole numbers and dotted versions compare as such, however long they are, everything else as text without regard to
/// case.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim(), right.trim());
    if let (Some(left), Some(right)) = (Whole::of(left), Whole::of(right)) {
        return left.cmp(&right);
    }
    if let (Some(mut left), Some(mut right)) = (version(left), version(right)) {
        // 10.0 is 10.0.0: what is not written is 0.
        let length = left.len().max(right.len());
        left.resize(length, Digits::default());
        right.resize(length, Digits::default());
        return left.cmp(&right);
    }
    left.to_lowercase().cmp(&right.to_lowercase())
}

/// How a text takes part in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A whole number without a minus: compares with whole numbers and with dotted versions.
    Whole,
    /// Numbers with dots between them.
    Dotted,
    /// A negative number: compares with whole numbers only.
    Negative,
    /// Anything else.
    Text,
}

impl Form {
    /// The form of `text`, blanks around it left out.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        if Digits::of(text).is_some() {
            Self::Whole
        } else if version(text).is_some() {
            Self::Dotted
        } else if Whole::of(text).is_some() {
            Self::Negative
        } else {
            Self::Text
        }
    }
}

/// The digits of a number of any length, without zeros in front. The longer number is the larger one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Digits<'a> {
    length: usize,
    digits: &'a str,
}

impl<'a> Digits<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = digits.trim_start_matches('0');
        Some(Self {
            length: digits.len(),
            digits,
        })
    }
}

/// A whole number of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Whole<'a> {
    negative: bool,
    digits: Digits<'a>,
}

impl<'a> Whole<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let bare = text.strip_prefix('-').filter(|rest| !rest.starts_with('+'));
        let digits = Digits::of(bare.unwrap_or(text))?;
        Some(Self {
            // There is one zero only.
            negative: bare.is_some() && digits.length > 0,
            digits,
        })
    }
}

impl Ord for Whole<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.digits.cmp(&other.digits),
            (true, true) => other.digits.cmp(&self.digits),
            (negative, _) => {
                if negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }
}

impl PartialOrd for Whole<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn version(text: &str) -> Option<Vec<Digits<'_>>> {
    text.split('.').map(Digits::of).collect()
}

/// `*` is any text, `?` any character; without regard to case.
pub fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let (mut t, mut p) = (0, 0);
    // Where the last star stood and how much text it has taken: on a mismatch it takes one more.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// A condition in a few words, for logs and skip reasons. Values of variables do not appear.
pub fn describe(condition: &Condition) -> String {
    shorten(&words(condition), 300).into_owned()
}

fn words(condition: &Condition) -> String {
    let list = |members: &[Condition]| members.iter().map(words).collect::<Vec<_>>().join(", ");
    let compared = |what: &str, wanted: Option<&Compare>| {
        wanted.map_or(String::new(), |wanted| {
            let (operator, text) = match wanted {
                Compare::Equals(text) => ("equals", text),
                Compare::NotEquals(text) => ("notEquals", text),
                Compare::Greater(text) => ("greater", text),
                Compare::GreaterEqual(text) => ("greaterEqual", text),
                Compare::Less(text) => ("less", text),
                Compare::LessEqual(text) => ("lessEqual", text),
            };
            format!(" with {what} {operator} \"{text}\"")
        })
    };
    match condition {
        Condition::All(members) => format!("all of ({})", list(members)),
        Condition::Any(members) => format!("any of ({})", list(members)),
        Condition::None(members) => format!("none of ({})", list(members)),
        Condition::Exists(name) => format!("{name} exists"),
        Condition::NotExists(name) => format!("{name} notExists"),
        Condition::Equals(name, value) => format!("{name} equals \"{value}\""),
        Condition::NotEquals(name, value) => format!("{name} notEquals \"{value}\""),
        Condition::Greater(name, value) => format!("{name} greater \"{value}\""),
        Condition::GreaterEqual(name, value) => format!("{name} greaterEqual \"{value}\""),
        Condition::Less(name, value) => format!("{name} less \"{value}\""),
        Condition::LessEqual(name, value) => format!("{name} lessEqual \"{value}\""),
        Condition::Like(name, value) => format!("{name} like \"{value}\""),
        Condition::NotLike(name, value) => format!("{name} notLike \"{value}\""),
        Condition::File {
            path,
            version,
            modified,
        } => format!(
            "file {path} exists{}{}",
            compared("version", version.as_ref()),
            compared("time", modified.as_ref())
        ),
        Condition::Folder { path, modified } => {
            format!(
                "folder {path} exists{}",
                compared("time", modified.as_ref())
            )
        }
        Condition::Registry { key, value, data } => {
            format!(
                "registry {key} value \"{value}\"{}",
                compared("data", data.as_ref())
            )
        }
        Condition::Wmi { query, .. } => format!("WMI query {query}"),
        Condition::OperatingSystemVersion(platforms) => {
            format!("operating system is {}", platforms.join(" or "))
        }
        Condition::OperatingSystemLanguage(language) => {
            format!("operating system language is {language}")
        }
        Condition::Software { product_code } => format!("software {product_code} is installed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::variables::Value;

    fn is(condition: &Condition) -> bool {
        let mut variables = Variables::default();
        for (name, value) in [
            ("A", "Yes"),
            ("N", "10"),
            ("V", "10.0.19045"),
            ("Name", "N"),
        ] {
            variables.set_engine(name, Value::Plain(value.into()));
        }
        evaluate(condition, &variables, &LocalFiles).expect("an answer")
    }

    fn s(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn missing_variables_differ_from_everything() {
        assert!(!is(&Condition::Equals(s("Z"), s("x"))));
        assert!(is(&Condition::NotEquals(s("Z"), s("x"))));
        assert!(is(&Condition::NotLike(s("Z"), s("*"))));
        assert!(!is(&Condition::Less(s("Z"), s("1"))));
        assert!(is(&Condition::NotExists(s("Z"))));
    }

    #[test]
    fn numbers_versions_and_text_compare_in_their_own_way() {
        assert!(is(&Condition::Equals(s("a"), s("YES"))));
        assert!(is(&Condition::Greater(s("N"), s("9"))));
        assert!(is(&Condition::Less(s("V"), s("10.0.20000"))));
        assert!(is(&Condition::Greater(s("V"), s("9"))));
        assert!(is(&Condition::Greater(s("%Name%"), s("9"))));
        assert_eq!(compare("10.0", "10.0.0"), Ordering::Equal);
        assert_eq!(compare("9x", "10"), Ordering::Greater);
    }

    #[test]
    fn numbers_of_any_length_compare_as_numbers() {
        let huge = format!("1{}", "0".repeat(41));
        let larger = format!("1{}1", "0".repeat(40));
        for (left, right, expected) in [
            (&*huge, "9", Ordering::Greater),
            ("9", &*huge, Ordering::Less),
            (&*huge, &*larger, Ordering::Less),
            (&*huge, &*format!("000{huge}"), Ordering::Equal),
            (&*format!("-{huge}"), "-9", Ordering::Less),
            (&*format!("-{huge}"), "0", Ordering::Less),
            (&*format!("1.{huge}"), "1.9", Ordering::Greater),
            (&*huge, "10.0", Ordering::Greater),
            ("-0", "0", Ordering::Equal),
            ("+5", "5", Ordering::Equal),
            ("-+5", "5", Ordering::Less),
        ] {
            assert_eq!(compare(left, right), expected, "{left} {right}");
            assert_eq!(compare(right, left), expected.reverse(), "{right} {left}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whole_numbers_compare_as_the_processor_compares_them(left in proptest::prelude::any::<i128>(), right in proptest::prelude::any::<i128>(), shift in 0_u32..127) {
            let (left, right) = (left >> shift, right >> shift);
            proptest::prop_assert_eq!(compare(&left.to_string(), &right.to_string()), left.cmp(&right));
        }
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (text, pattern, expected) in [
            ("Latitude 7490", "lat*74?0", true),
            ("abc", "ab", false),
            ("abc", "*", true),
            ("", "*", true),
            ("", "?", false),
            ("aXbXc", "a*x?", true),
        ] {
            assert_eq!(like(text, pattern), expected, "{text} {pattern}");
        }
        assert!(!like(&"a".repeat(5000), &format!("{}b", "*a".repeat(50))));
    }

    #[test]
    fn empty_groups_are_true_and_members_combine() {
        let yes = Condition::Exists(s("A"));
        let no = Condition::Exists(s("Z"));
        assert!(
            is(&Condition::All(vec![]))
                && is(&Condition::Any(vec![]))
                && is(&Condition::None(vec![]))
        );
        assert!(!is(&Condition::All(vec![yes.clone(), no.clone()])));
        assert!(is(&Condition::Any(vec![no.clone(), yes.clone()])));
        assert!(!is(&Condition::None(vec![no.clone(), yes])));
        assert!(is(&Condition::None(vec![no])));
    }

    #[test]
    fn files_and_times() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f");
        std::fs::write(&path, "x").expect("a file");
        let path = path.display().to_string();
        let with = |modified| Condition::File {
            path: path.clone(),
            version: None,
            modified,
        };
        assert!(is(&with(None)));
        assert!(is(&with(Some(Compare::Greater(s("2001-01-01T00:00:00Z"))))));
        assert!(!is(&with(Some(Compare::Less(s("2001-01-01T00:00:00Z"))))));
        let here = folder.path().display().to_string();
        assert!(is(&Condition::Folder {
            path: here.clone(),
            modified: None
        }));
        assert!(!is(&Condition::File {
            path: here,
            version: None,
            modified: None
        }));
        let bad = with(Some(Compare::Less(s("soon"))));
        assert_eq!(
            evaluate(&bad, &Variables::default(), &LocalFiles),
            Err(ConditionError::BadTime(s("soon")))
        );
    }

    #[test]
    fn windows_conditions_say_so() {
        let wmi = Condition::Wmi {
            namespace: None,
            query: s("select *"),
        };
        assert!(evaluate(&wmi, &Variables::default(), &LocalFiles).is_err());
        assert_eq!(
            describe(&Condition::None(vec![wmi])),
            "none of (WMI query select *)"
        );
    }
}
