//! How the values of inputs, and the settings and variables like them, are checked: one rule for the document, the form,
//! the start of a run and the steps.

mod locales;
mod names;
pub mod network;
mod time_zones;

pub use names::{organizational_unit, same_name};

use serde::{Deserialize, Serialize};

/// How a value is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Check {
    /// Any text.
    #[default]
    Text,
    /// Computer name: 1 to 15 bytes that NetBIOS, DNS and Windows Setup all take, not digits only.
    ComputerName,
    /// `\\server\share\folder\file.wim`, or a path that ends in `.wim`; relative ones start at the current folder.
    ImagePath,
    /// `domain\user` or `user@domain`.
    Account,
    /// A whole number in this range, both ends included.
    Number(u64, u64),
    /// One of these; upper and lower case are the same, as in conditions.
    OneOf(Vec<String>),
    /// Five groups of five of the characters that Microsoft uses in keys.
    ProductKey,
    /// The name of a workgroup: 1 to 15 bytes.
    Workgroup,
    /// The DNS or NetBIOS name of a domain.
    Domain,
    /// A DNS name or suffix.
    DnsName,
    /// The distinguished name of an organizational unit, with or without `LDAP://`.
    OrganizationalUnit,
    /// The name of a time zone in Windows.
    TimeZone,
    /// A locale, `de-DE`.
    Locale,
    /// Locales, keyboards and input methods, several with `;` between.
    InputLocale,
    /// Whom Windows is registered to: 1 to 255 characters.
    Owner,
}

/// The shape of a variable's name, as [`is_open`] texts hold it between percent signs.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// The names that still stand between percent signs in a text whose variables were substituted.
pub fn unresolved(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut parts = text.split('%').skip(1).peekable();
    while let Some(part) = parts.next() {
        // The sign behind it must be there, too; it may open the next name.
        if parts.peek().is_some() && is_name(part) {
            found.push(part);
            parts.next();
        }
    }
    found
}

/// The variable that a text consists of: `%name%` and nothing else.
pub fn only_variable(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix('%')?.strip_suffix('%')?;
    is_name(name).then_some(name)
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
            "osdworkgroupname" => Self::Workgroup,
            "osddomainname" => Self::Domain,
            "osddomainouname" => Self::OrganizationalUnit,
            "osddnsdomain" => Self::DnsName,
            "osdtimezone" => Self::TimeZone,
            "osdregisteredusername" | "osdregisteredorgname" => Self::Owner,
            "osdwindowssettingsinputlocale" => Self::InputLocale,
            "osdwindowssettingssystemlocale"
            | "osdwindowssettingsuserlocale"
            | "osdwindowssettingsuilanguage"
            | "osdwindowssettingsuilanguagefallback" => Self::Locale,
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
            Self::ComputerName => names::computer(value),
            Self::ImagePath => image_path(value).map(str::to_owned),
            Self::Account => names::account(value),
            Self::Workgroup => names::workgroup(value),
            Self::Domain => names::domain(value),
            Self::DnsName => names::dns(value),
            Self::OrganizationalUnit => organizational_unit(value).err(),
            Self::TimeZone => length(value, "the name of a time zone"),
            Self::Locale => locales::fault(value),
            Self::InputLocale => locales::input_fault(value),
            Self::Owner => length(value, "the name"),
            Self::Number(low, high) => match value.trim().parse::<u64>() {
                Ok(number) if (*low..=*high).contains(&number) => None,
                _ => Some(format!("a whole number from {low} to {high} is needed")),
            },
            Self::OneOf(choices) => (!choices.iter().any(|c| c.eq_ignore_ascii_case(value)))
                .then(|| format!("one of these is needed: {}", choices.join(", "))),
            Self::ProductKey => product_key(value).map(str::to_owned),
        }
    }

    /// Why a value that is taken is likely to be wrong all the same, with a way out: a list of Windows lacks it, and the
    /// Windows that is applied may be newer than the list.
    pub fn doubt(&self, value: &str) -> Option<(String, &'static str)> {
        if is_open(value) || value.is_empty() {
            return None;
        }
        match self {
            Self::TimeZone if !time_zones::is_known(value) => Some((
                format!("\"{value}\" is not the name of a time zone in Windows"),
                "Write it as `tzutil /l` does, for example W. Europe Standard Time.",
            )),
            Self::Locale => locales::doubt(value).map(|why| (why, LOCALE)),
            Self::InputLocale => locales::input_doubt(value).map(|why| (why, LOCALE)),
            _ => None,
        }
    }
}

const LOCALE: &str = "Write a name of Windows' own list, for example de-DE.";

fn length(value: &str, what: &str) -> Option<String> {
    let characters = value.chars().count();
    if value.chars().any(char::is_control) {
        return Some(format!("{what} holds a control character"));
    }
    if value.trim().is_empty() {
        return Some(format!("{what} is empty"));
    }
    (characters > 255)
        .then(|| format!("{what} has {characters} characters; at most 255 are allowed"))
}

fn product_key(key: &str) -> Option<&'static str> {
    // What Microsoft uses in keys: no vowels and nothing that looks like something else.
    const SIGNS: &str = "BCDFGHJKMNPQRTVWXY2346789";
    let groups: Vec<&str> = key.split('-').collect();
    if groups.len() != 5 || groups.iter().any(|group| group.chars().count() != 5) {
        return Some("a product key has five groups of five, joined by `-`");
    }
    groups
        .concat()
        .chars()
        .any(|c| !SIGNS.contains(c.to_ascii_uppercase()))
        .then_some(
            "a product key consists of B C D F G H J K M N P Q R T V W X Y and 2 3 4 6 7 8 9",
        )
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
#[path = "input/tests.rs"]
mod tests;
