//! An element to be put into an answer file.

use std::fmt::Write as _;

use super::WCM;
use super::splice::escape;

/// A new element: its name, and text or children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct New {
    name: String,
    entry: bool,
    key: Option<String>,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<New>,
}

impl New {
    /// An element with children.
    pub fn parent(name: &str, children: Vec<Self>) -> Self {
        Self {
            name: name.to_owned(),
            children,
            ..Self::default()
        }
    }

    /// An element with text.
    pub fn text(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            ..Self::default()
        }
    }

    /// Makes it an entry of a list: `wcm:action="add"`.
    #[must_use]
    pub fn entry(mut self) -> Self {
        self.entry = true;
        self
    }

    /// Makes it an entry of a list of values: `wcm:action="add"` and a `wcm:keyValue`.
    #[must_use]
    pub fn keyed(mut self, key: usize) -> Self {
        self.key = Some(key.to_string());
        self.entry()
    }

    /// The same contents under another name.
    pub(super) fn named(name: &str, new: &Self) -> Self {
        Self {
            name: name.to_owned(),
            ..new.clone()
        }
    }

    /// With these attributes, without a namespace.
    pub(super) fn attributes(mut self, list: &[(&'static str, &str)]) -> Self {
        let owned = list
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        self.attributes = owned.collect();
        self
    }

    /// Whether there is anything in it; empty elements are not allowed in answer files.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.children.is_empty()
    }

    /// Adds a child, unless that is empty.
    pub fn push(&mut self, child: Self) {
        if !child.is_empty() {
            self.children.push(child);
        }
    }
}

/// How new elements are written at a place.
pub(super) struct Style<'a> {
    /// The prefix of the answer file's own elements, with its colon.
    pub(super) prefix: &'a str,
    /// The prefix of `wcm:action`, where it is declared.
    pub(super) wcm: Option<&'a str>,
    /// Line break and blanks before the element; nothing in a file that is one line.
    pub(super) pad: &'a str,
}

impl Style<'_> {
    /// The element, its own pad first.
    pub(super) fn element(&self, new: &New) -> String {
        let mut out = String::new();
        write(new, self.prefix, self.wcm, self.pad, &mut out);
        out
    }

    /// What stands between the tags of `new`, in an element whose children have this style.
    pub(super) fn content(&self, new: &New, closing: &str) -> String {
        let mut out = String::new();
        escape(&new.text, &mut out);
        for child in &new.children {
            write(child, self.prefix, self.wcm, self.pad, &mut out);
        }
        if !new.children.is_empty() {
            out.push_str(closing);
        }
        out
    }
}

fn write(new: &New, prefix: &str, wcm: Option<&str>, pad: &str, out: &mut String) {
    out.push_str(pad);
    let _ = write!(out, "<{prefix}{}", new.name);
    for (name, value) in &new.attributes {
        let _ = write!(out, " {name}=\"{value}\"");
    }
    let mut wcm = wcm;
    if new.entry {
        if wcm.is_none() {
            let _ = write!(out, " xmlns:wcm=\"{WCM}\"");
        }
        let name = *wcm.get_or_insert("wcm");
        let _ = write!(out, " {name}:action=\"add\"");
        if let Some(key) = &new.key {
            let _ = write!(out, " {name}:keyValue=\"{key}\"");
        }
    }
    out.push('>');
    escape(&new.text, out);
    if !new.children.is_empty() {
        let deeper = if pad.is_empty() {
            String::new()
        } else {
            format!("{pad}  ")
        };
        for child in &new.children {
            write(child, prefix, wcm, &deeper, out);
        }
        out.push_str(pad);
    }
    let _ = write!(out, "</{prefix}{}>", new.name);
}
