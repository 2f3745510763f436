//! The answer file `Windows/Panther/unattend.xml`: read, merge, write, and scrub of secrets (spec 6.1, 6.2).
//!
//! What is there already is kept; only the settings named are replaced. A file is refused when it is larger than
//! [`LARGEST`], nested deeper than [`DEEPEST`] or holds a document type (entities could make it explode).

mod commands;
mod files;
mod pieces;
mod places;
mod scrub;
#[cfg(test)]
mod scrub_cases;
#[cfg(test)]
mod scrub_tests;

use base64::Engine as _;
use thiserror::Error;
use xmltree::{Element, EmitterConfig, XMLNode};

use crate::secret::Secret;

pub(crate) use files::find as find_path;
pub use files::{AnswerFile, Found, look_volume, merge_volume, scrub_volume};
pub use places::Leak;
pub use scrub::{Keys, Scrubbed, scrub};

/// Largest answer file read, in bytes.
pub const LARGEST: u64 = 4 * 1024 * 1024;
/// Deepest nesting read.
pub const DEEPEST: usize = 64;
/// What stands in place of a secret after a scrub, as Windows Setup writes it.
pub const SCRUBBED: &str = "*SENSITIVE*DATA*DELETED*";

const NAMESPACE: &str = "urn:schemas-microsoft-com:unattend";
const WCM: &str = "http://schemas.microsoft.com/WMIConfig/2002/State";

/// Component of names, keys, accounts, time zone.
pub const SHELL: &str = "Microsoft-Windows-Shell-Setup";
/// Component of the locales.
pub const INTERNATIONAL: &str = "Microsoft-Windows-International-Core";
/// Component of the domain join.
pub const JOIN: &str = "Microsoft-Windows-UnattendedJoin";
/// Component of extra commands.
pub const DEPLOYMENT: &str = "Microsoft-Windows-Deployment";
/// Component of addresses and gateways.
pub const TCPIP: &str = "Microsoft-Windows-TCPIP";
/// Component of name servers.
pub const DNS: &str = "Microsoft-Windows-DNS-Client";
/// Component of NetBIOS.
pub const NETBT: &str = "Microsoft-Windows-NetBT";

/// What can go wrong with an answer file.
#[derive(Debug, Error)]
pub enum UnattendError {
    /// Too large, too deep, a document type, not XML, not an answer file.
    #[error("{file} is not a usable answer file: {what}")]
    Bad {
        /// Which file.
        file: String,
        /// Why.
        what: String,
    },
    /// The system said no.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

/// A password as answer files hold it with `PlainText` false: base64 of UTF-16LE of password and suffix. This hides
/// it from nobody; it is what Windows Setup reads.
pub fn encode_password(password: &Secret, suffix: &str) -> Secret {
    let bytes: zeroize::Zeroizing<Vec<u8>> = zeroize::Zeroizing::new(
        password
            .reveal()
            .encode_utf16()
            .chain(suffix.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect(),
    );
    Secret::new(base64::engine::general_purpose::STANDARD.encode(&*bytes))
}

/// An answer file in memory. No `Debug`: it may hold secrets.
pub struct Document {
    root: Element,
    architecture: String,
}

impl Document {
    /// An empty one for images of `architecture` (`amd64`, `x86`, `arm64`).
    pub fn new(architecture: &str) -> Self {
        let mut root = Element::new("unattend");
        declare(&mut root);
        Self {
            root,
            architecture: architecture.to_owned(),
        }
    }

    /// Reads an existing one; `file` names it in errors.
    ///
    /// # Errors
    /// [`UnattendError::Bad`].
    pub fn parse(bytes: &[u8], file: &str, architecture: &str) -> Result<Self, UnattendError> {
        let bad = |what: String| UnattendError::Bad {
            file: file.to_owned(),
            what,
        };
        if bytes.len() as u64 > LARGEST {
            return Err(bad(format!("it has more than {LARGEST} bytes")));
        }
        let text = decode(bytes).ok_or_else(|| bad("it is neither UTF-8 nor UTF-16".to_owned()))?;
        check_shape(&text).map_err(bad)?;
        // The parser's own words may quote the text, secrets included.
        let mut root = Element::parse(text.as_bytes())
            .map_err(|_| bad("it is not well-formed XML".to_owned()))?;
        if root.name != "unattend" {
            return Err(bad("its root element is not `unattend`".to_owned()));
        }
        restore_prefixes(&mut root);
        declare(&mut root);
        Ok(Self {
            root,
            architecture: architecture.to_owned(),
        })
    }

    /// The text to be written.
    ///
    /// # Errors
    /// [`UnattendError::Bad`] when a value holds characters that XML cannot.
    pub fn to_xml(&self) -> Result<Vec<u8>, UnattendError> {
        let mut out = Vec::new();
        self.root
            .write_with_config(&mut out, EmitterConfig::new().perform_indent(true))
            .map_err(|_| UnattendError::Bad {
                file: "unattend.xml".to_owned(),
                what: "a value cannot be written as XML".to_owned(),
            })?;
        Ok(out)
    }

    /// The component of a pass, made when missing.
    pub fn component(&mut self, pass: &str, name: &str) -> &mut Element {
        let settings = find_or_add(&mut self.root, "settings", &[("pass", pass)], &[]);
        let fixed = [
            ("publicKeyToken", "31bf3856ad364e35"),
            ("language", "neutral"),
            ("versionScope", "nonSxS"),
        ];
        find_or_add(
            settings,
            "component",
            &[
                ("name", name),
                ("processorArchitecture", &self.architecture),
            ],
            &fixed,
        )
    }

    /// Sets one setting (`a/b/c` nests); an empty value removes it, since empty elements are not allowed.
    pub fn set(&mut self, pass: &str, component: &str, path: &str, value: &str) {
        let element = self.component(pass, component);
        set_path(element, path, value);
    }

    /// The text of a setting.
    pub fn get(&self, pass: &str, component: &str, path: &str) -> Option<String> {
        let settings = elements(&self.root)
            .find(|e| e.name == "settings" && attribute(e, "pass") == Some(pass))?;
        let mut at = elements(settings)
            .find(|e| e.name == "component" && attribute(e, "name") == Some(component))?;
        for part in path.split('/') {
            at = elements(at).find(|e| e.name == part)?;
        }
        at.get_text().map(std::borrow::Cow::into_owned)
    }
}

/// A new child element with `wcm:action="add"` and, for lists, a `wcm:keyValue`.
pub fn list_entry(name: &str, key: Option<&str>, text: Option<&str>) -> Element {
    let mut element = Element::new(name);
    element
        .attributes
        .insert("wcm:action".to_owned(), "add".to_owned());
    if let Some(key) = key {
        element
            .attributes
            .insert("wcm:keyValue".to_owned(), key.to_owned());
    }
    if let Some(text) = text {
        element.children.push(XMLNode::Text(text.to_owned()));
    }
    element
}

/// Sets the text at `path` below `element`; an empty value removes the last part.
pub fn set_path(element: &mut Element, path: &str, value: &str) {
    if let Some((first, rest)) = path.split_once('/') {
        if value.is_empty() && !elements(element).any(|e| e.name == first) {
            return;
        }
        set_path(find_or_add(element, first, &[], &[]), rest, value);
    } else if value.is_empty() {
        remove(element, path);
    } else {
        find_or_add(element, path, &[], &[]).children = vec![XMLNode::Text(value.to_owned())];
    }
}

/// Removes every child called `name`.
pub fn remove(element: &mut Element, name: &str) {
    element
        .children
        .retain(|node| node.as_element().is_none_or(|e| e.name != name));
}

fn elements(element: &Element) -> impl Iterator<Item = &Element> {
    element.children.iter().filter_map(XMLNode::as_element)
}

fn attribute<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    element.attributes.get(name).map(String::as_str)
}

fn find_or_add<'a>(
    parent: &'a mut Element,
    name: &str,
    keys: &[(&str, &str)],
    fixed: &[(&str, &str)],
) -> &'a mut Element {
    let found = parent.children.iter().position(|node| {
        node.as_element().is_some_and(|e| {
            e.name == name
                && keys
                    .iter()
                    .all(|(key, value)| attribute(e, key) == Some(*value))
        })
    });
    let at = found.unwrap_or_else(|| {
        let mut element = Element::new(name);
        for (key, value) in keys.iter().chain(fixed) {
            element
                .attributes
                .insert((*key).to_owned(), (*value).to_owned());
        }
        parent.children.push(XMLNode::Element(element));
        parent.children.len() - 1
    });
    let XMLNode::Element(element) = &mut parent.children[at] else {
        unreachable!("the position of an element was looked up")
    };
    element
}

fn declare(root: &mut Element) {
    let namespaces = root
        .namespaces
        .get_or_insert_with(xmltree::Namespace::empty);
    if namespaces.get("").is_none() {
        namespaces.put("", NAMESPACE);
    }
    namespaces.put("wcm", WCM);
}

/// The library forgets the prefixes of attributes; in answer files only these carry one.
fn restore_prefixes(element: &mut Element) {
    for name in ["action", "keyValue"] {
        if let Some(value) = element.attributes.remove(name) {
            element.attributes.insert(format!("wcm:{name}"), value);
        }
    }
    if element.prefix.as_deref() == Some("cpi")
        && let Some(value) = element.attributes.remove("source")
    {
        element.attributes.insert("cpi:source".to_owned(), value);
    }
    for node in &mut element.children {
        if let Some(child) = node.as_mut_element() {
            restore_prefixes(child);
        }
    }
}

fn decode(bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| read([pair[0], pair[1]]))
            .collect();
        // The declaration would still say UTF-16, and the parser believe it.
        String::from_utf16(&units).ok().map(|text| {
            text.replacen("utf-16", "utf-8", 1)
                .replacen("UTF-16", "utf-8", 1)
        })
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

/// Bounds what the parser will see: it is recursive, and it expands entities.
fn check_shape(text: &str) -> Result<(), String> {
    let (mut depth, mut rest) = (0_usize, text);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let skip = |end: &str| rest.find(end).map_or("", |at| &rest[at + end.len()..]);
        if rest.starts_with("!--") {
            rest = skip("-->");
        } else if rest.starts_with("![CDATA[") {
            rest = skip("]]>");
        } else if rest.starts_with('?') {
            rest = skip("?>");
        } else if rest.starts_with('!') {
            return Err("it holds a document type".to_owned());
        } else if rest.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else {
            let mut quote = None;
            let end = rest.char_indices().find(|&(_, c)| match quote {
                Some(q) => {
                    if c == q {
                        quote = None;
                    }
                    false
                }
                None if c == '"' || c == '\'' => {
                    quote = Some(c);
                    false
                }
                None => c == '>',
            });
            let Some((end, _)) = end else {
                return Err("a tag is not closed".to_owned());
            };
            if !rest[..end].ends_with('/') {
                depth += 1;
            }
            if depth > DEEPEST {
                return Err(format!("it is nested deeper than {DEEPEST}"));
            }
            rest = &rest[end..];
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_encoded_as_windows_does() {
        let encoded = encode_password(&Secret::new("pw"), "AdministratorPassword");
        assert_eq!(
            encoded.reveal(),
            "cAB3AEEAZABtAGkAbgBpAHMAdAByAGEAdABvAHIAUABhAHMAcwB3AG8AcgBkAA=="
        );
    }

    #[test]
    fn existing_content_is_kept_and_secrets_are_scrubbed() {
        let old = br#"<?xml version="1.0"?><unattend xmlns="urn:schemas-microsoft-com:unattend" xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State"><settings pass="specialize"><component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64"><TimeZone>UTC</TimeZone><X wcm:action="add">k&amp;v</X></component></settings></unattend>"#;
        let mut document = Document::parse(old, "x", "amd64").unwrap();
        document.set("specialize", SHELL, "ComputerName", "REF-01");
        document.set("specialize", SHELL, "TimeZone", "");
        document.set(
            "oobeSystem",
            SHELL,
            "UserAccounts/AdministratorPassword/Value",
            "CANARY",
        );
        document.set(
            "oobeSystem",
            SHELL,
            "UserAccounts/AdministratorPassword/PlainText",
            "false",
        );
        let text = String::from_utf8(document.to_xml().unwrap()).unwrap();
        assert!(
            text.contains("wcm:action=\"add\"") && text.contains("k&amp;v"),
            "{text}"
        );
        assert!(text.contains("REF-01") && !text.contains("TimeZone"));
        let again = Document::parse(text.as_bytes(), "x", "amd64").unwrap();
        assert_eq!(
            again.get("specialize", SHELL, "ComputerName").as_deref(),
            Some("REF-01")
        );
        let clean = scrub(text.as_bytes(), "x", Keys::Remove).unwrap();
        assert_eq!(clean.secrets, 1);
        let clean = String::from_utf8(clean.bytes).unwrap();
        assert!(!clean.contains("CANARY") && clean.contains(SCRUBBED) && clean.contains("false"));
    }

    #[test]
    fn hostile_files_are_refused() {
        for text in [
            "<!DOCTYPE x []><unattend/>".to_owned(),
            "<a>".repeat(100),
            "<unattend".to_owned(),
            "<other/>".to_owned(),
        ] {
            assert!(
                Document::parse(text.as_bytes(), "x", "amd64").is_err(),
                "{text}"
            );
        }
    }
}
