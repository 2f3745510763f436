//! Task sequence variables: names, values, `%substitution%` (spec 1.2, 1.3).

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::secret::{MASK, Secret};

/// Longest value, in characters (spec 1.2).
pub const LONGEST_VALUE: usize = 4_000;

/// A value: plain or secret. Once secret, a variable stays so until it is deleted, see [`Variables::set_engine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// May be shown.
    Plain(String),
    /// Masked in every sink.
    Secret(Secret),
}

impl Value {
    /// The text itself, secret or not.
    pub fn reveal(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.reveal(),
        }
    }

    /// The text for people: the mask for a secret.
    pub fn shown(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(_) => MASK,
        }
    }

    /// Whether it is secret.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }
}

/// Why a variable cannot be set.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum VariableError {
    /// Names are 1 to 256 of letters, digits, `_`, `-`, starting with a letter.
    #[error(
        "`{0}` is not a variable name: use 1 to 256 letters, digits, `_` or `-`, starting with a letter"
    )]
    BadName(String),
    /// `_...` belongs to the engine.
    #[error("`{0}` is read-only: names that begin with `_` belong to the engine")]
    ReadOnly(String),
    /// Over [`LONGEST_VALUE`].
    #[error(
        "the value of `{name}` has {characters} characters; at most {LONGEST_VALUE} are allowed"
    )]
    TooLong {
        /// The variable.
        name: String,
        /// Its length in characters.
        characters: usize,
    },
    /// A control character other than tab and line end.
    #[error(
        "the value of `{name}` holds a control character (U+{code:04X}) at character {at}; only tabs and line ends are allowed"
    )]
    Control {
        /// The variable.
        name: String,
        /// Which character.
        code: u32,
        /// Where, from 1.
        at: usize,
    },
    /// Names are shown everywhere.
    #[error(
        "the variable name `{0}` is made from a secret variable, and names are shown and logged"
    )]
    SecretName(String),
}

/// A text after substitution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expanded {
    /// The text, secrets included.
    pub text: String,
    /// Whether a secret went in.
    pub secret: bool,
    /// Names that stayed as they were because no variable has them.
    pub unresolved: Vec<String>,
}

impl Expanded {
    /// The text as a value that keeps the secrecy of its parts.
    pub fn into_value(self) -> Value {
        if self.secret {
            Value::Secret(Secret::new(self.text))
        } else {
            Value::Plain(self.text)
        }
    }
}

/// The variables of a run. Names keep the case they were first set with; look-up ignores case.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// Lower-case name to (name, value).
    entries: BTreeMap<String, (String, Value)>,
    /// Lower-case names whose values are secret whoever sets them: once set as secrets, or asked for as such.
    secret: BTreeSet<String>,
}

fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Checks a name that an author or technician may set (leading and trailing blanks are dropped).
///
/// # Errors
/// [`VariableError::ReadOnly`] for `_...`, [`VariableError::BadName`] for the rest.
pub fn check_name(name: &str) -> Result<(), VariableError> {
    let name = name.trim();
    if name.starts_with('_') {
        return Err(VariableError::ReadOnly(name.to_owned()));
    }
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 256
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if good {
        Ok(())
    } else {
        Err(VariableError::BadName(name.to_owned()))
    }
}

/// Whether a value may hold this character: no control character but tab and line end.
pub fn may_hold(c: char) -> bool {
    !c.is_control() || matches!(c, '\t' | '\n' | '\r')
}

/// Checks a value that an author, a technician, the command line or a step gives: its length and its characters. The
/// same limits hold wherever a value comes from (spec 1.2).
///
/// # Errors
/// [`VariableError::TooLong`], [`VariableError::Control`]; the value itself is in neither.
pub fn check_value(name: &str, value: &str) -> Result<(), VariableError> {
    let name = || name.trim().to_owned();
    let characters = value.chars().count();
    if characters > LONGEST_VALUE {
        return Err(VariableError::TooLong {
            name: name(),
            characters,
        });
    }
    match value.chars().enumerate().find(|(_, c)| !may_hold(*c)) {
        Some((at, c)) => Err(VariableError::Control {
            name: name(),
            code: u32::from(c),
            at: at + 1,
        }),
        None => Ok(()),
    }
}

impl Variables {
    /// A variable's name as a document writes it, `%variables%` in it replaced (spec 1.3): `OSDPartitions%I%Size`. The
    /// values of `below` count for names that have none here.
    ///
    /// # Errors
    /// [`VariableError::SecretName`]. Whether the result is a name, is the setter's business.
    pub fn name_over(&self, below: &Self, written: &str) -> Result<String, VariableError> {
        if !written.contains('%') {
            return Ok(written.trim().to_owned());
        }
        let expanded = self.expand_over(below, written);
        if expanded.secret {
            return Err(VariableError::SecretName(written.trim().to_owned()));
        }
        Ok(expanded.text.trim().to_owned())
    }

    /// The value of `name`; a variable with an empty value does not exist.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.get(&key(name)).map(|(_, value)| value)
    }

    /// The text of `name`, secret or not; empty when it does not exist.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).map_or("", Value::reveal)
    }

    /// Sets a variable on behalf of an author, a step setting or a technician. Empty deletes.
    ///
    /// # Errors
    /// Bad or read-only name, a value past the limits.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), VariableError> {
        check_name(name)?;
        check_value(name, value.reveal())?;
        self.set_engine(name, value);
        Ok(())
    }

    /// The value as [`Self::set_engine`] keeps it: plain becomes secret where the variable is.
    pub fn as_kept(&self, name: &str, value: Value) -> Value {
        match value {
            Value::Plain(text) if !text.is_empty() && self.secret.contains(&key(name)) => {
                Value::Secret(Secret::new(text))
            }
            other => other,
        }
    }

    /// From now on every value of this variable is secret, until it is deleted.
    pub fn declare_secret(&mut self, name: &str) {
        self.secret.insert(key(name));
    }

    /// Sets any variable, read-only ones included: the engine's own way. Empty deletes. A variable that is secret stays
    /// so, whoever sets it and how, until it is deleted and set anew (spec 1.2).
    pub fn set_engine(&mut self, name: &str, value: Value) {
        let value = self.as_kept(name, value);
        if value.reveal().is_empty() {
            self.remove(name);
        } else {
            if value.is_secret() {
                self.declare_secret(name);
            }
            self.entries
                .entry(key(name))
                .and_modify(|entry| entry.1 = value.clone())
                .or_insert_with(|| (name.trim().to_owned(), value));
        }
    }

    /// Removes a variable; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.secret.remove(&key(name));
        self.entries.remove(&key(name)).is_some()
    }

    /// Names and values in order of the lower-case name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries
            .values()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// Replaces `%name%` once, left to right, without recursion; what cannot be resolved stays literally,
    /// percent signs included (spec 1.3).
    pub fn expand(&self, text: &str) -> Expanded {
        self.expand_over(&Self::default(), text)
    }

    /// The same with the values of `below` for names that have none here.
    pub fn expand_over(&self, below: &Self, text: &str) -> Expanded {
        let mut out = Expanded {
            text: String::with_capacity(text.len()),
            secret: false,
            unresolved: Vec::new(),
        };
        let mut rest = text;
        while let Some(start) = rest.find('%') {
            out.text.push_str(&rest[..start]);
            let after = &rest[start + 1..];
            let Some(end) = after.find('%') else {
                out.text.push_str(&rest[start..]);
                return out;
            };
            let name = &after[..end];
            let value = self.get(name).or_else(|| below.get(name));
            if let Some(value) = value.filter(|_| !name.is_empty()) {
                out.text.push_str(value.reveal());
                out.secret |= value.is_secret();
                rest = &after[end + 1..];
            } else {
                // The second sign may open the next name: `LIKE "%HP%Model%"`.
                out.text.push('%');
                out.text.push_str(name);
                if !name.is_empty() && !name.contains(char::is_whitespace) {
                    out.unresolved.push(name.to_owned());
                }
                rest = &after[end..];
            }
        }
        out.text.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Variables {
        let mut variables = Variables::default();
        for (name, value) in pairs {
            variables.set_engine(name, Value::Plain((*value).to_owned()));
        }
        variables
    }

    #[test]
    fn names_are_found_without_regard_to_case_and_blanks() {
        let variables = with(&[("OSDComputerName", "REF-01")]);
        assert_eq!(variables.text(" osdcomputername "), "REF-01");
    }

    #[test]
    fn empty_deletes_and_read_only_is_refused() {
        let mut variables = with(&[("A", "1")]);
        assert!(variables.set("A", Value::Plain(String::new())).is_ok());
        assert_eq!(variables.get("A"), None);
        assert_eq!(
            variables.set("_SMSTSInWinPE", Value::Plain("x".into())),
            Err(VariableError::ReadOnly("_SMSTSInWinPE".into()))
        );
        assert!(variables.set("1x", Value::Plain("x".into())).is_err());
        assert!(variables.set("x", Value::Plain("ä".repeat(4000))).is_ok());
        assert!(variables.set("x", Value::Plain("ä".repeat(4001))).is_err());
    }

    #[test]
    fn substitution_is_once_and_leaves_the_unknown_alone() {
        let variables = with(&[("a", "%b%"), ("b", "2"), ("HP", "")]);
        assert_eq!(variables.expand("x%A%y%b%").text, "x%b%y2");
        assert_eq!(variables.expand("LIKE \"%HP%\"").text, "LIKE \"%HP%\"");
        assert_eq!(variables.expand("100% %b%").text, "100% 2");
        assert_eq!(variables.expand("%%b%").text, "%2");
        assert_eq!(variables.expand("50%").text, "50%");
        let below = with(&[("B", "below"), ("C", "3")]);
        assert_eq!(variables.expand_over(&below, "%b%%c%%d%").text, "23%d%");
    }

    #[test]
    fn values_have_the_same_limits_for_everybody() {
        assert_eq!(check_value("A", "two\nlines\tand a tab\r\n"), Ok(()));
        assert_eq!(check_value("A", &"ä".repeat(LONGEST_VALUE)), Ok(()));
        for (value, said) in [
            ("x".repeat(LONGEST_VALUE + 1), "4001 characters"),
            ("a\u{1b}[31m".to_owned(), "U+001B) at character 2"),
            ("\0".to_owned(), "U+0000"),
            ("\u{7f}".to_owned(), "U+007F"),
            ("\u{9b}".to_owned(), "U+009B"),
        ] {
            let why = check_value(" A ", &value).unwrap_err().to_string();
            assert!(why.contains(said) && why.contains("`A`"), "{why}");
            let set = Variables::default().set("A", Value::Plain(value));
            assert!(set.is_err());
        }
    }

    #[test]
    fn names_may_be_made_from_variables_but_not_from_secrets() {
        let mut variables = with(&[("I", "0")]);
        let none = Variables::default();
        assert_eq!(
            variables.name_over(&none, " OSDPartitions%I%Size "),
            Ok("OSDPartitions0Size".to_owned())
        );
        assert_eq!(none.name_over(&variables, "A%i%"), Ok("A0".to_owned()));
        assert_eq!(variables.name_over(&none, "A%J%"), Ok("A%J%".to_owned()));
        variables.set_engine("P", Value::Secret(Secret::new("hush")));
        assert_eq!(
            variables.name_over(&none, "A%P%"),
            Err(VariableError::SecretName("A%P%".to_owned()))
        );
    }

    #[test]
    fn a_secret_stays_one_until_it_is_deleted() {
        let plain = |text: &str| Value::Plain(text.to_owned());
        let mut variables = Variables::default();
        variables.set_engine("P", Value::Secret(Secret::new("one")));
        variables.set_engine(" p ", plain("two"));
        assert_eq!(variables.get("P"), Some(&Value::Secret(Secret::new("two"))));
        assert!(variables.set("p", plain("three")).is_ok());
        assert!(variables.get("P").is_some_and(Value::is_secret));
        variables.set_engine("P", plain(""));
        variables.set_engine("P", plain("four"));
        assert_eq!(variables.get("P"), Some(&plain("four")));
        variables.declare_secret("Q");
        variables.set_engine("q", plain("five"));
        assert!(variables.get("Q").is_some_and(Value::is_secret));
        assert!(variables.remove("Q"));
        variables.set_engine("Q", plain("six"));
        assert!(!variables.get("Q").is_some_and(Value::is_secret));
    }

    #[test]
    fn secrecy_is_contagious() {
        let mut variables = Variables::default();
        variables.set_engine("p", Value::Secret(Secret::new("pw")));
        let expanded = variables.expand("-p %p%");
        assert!(expanded.secret);
        assert!(expanded.into_value().is_secret());
    }
}
