//! An answer file in memory: settings are found and set where they stand, everything else stays byte for byte.
//!
//! A setting may stand in several `settings` blocks of its pass, in components of other processors, and under any
//! prefix of the namespace. Windows reads only what is for its own processor; where a setting stands for another one,
//! it gets the same value, so that no old value is left in the file.

use std::collections::HashSet;

use roxmltree::{Document as Tree, Node, NodeId};
use zeroize::Zeroizing;

use super::lookup::{
    Place, at_path, child, children, components, describe, is_ours, own, text, unit,
};
use super::new::{New, Style};
use super::splice::{self, Splice, append, child_pad, is_blank, replace_content, take_out};
use super::{LARGEST, NAMESPACE, SCRUBBED, UnattendError, WCM, encoding, shape};

/// An answer file in memory. No `Debug`: it may hold secrets.
pub struct Document {
    text: Zeroizing<String>,
    architecture: String,
    /// A value was set that XML cannot hold.
    broken: bool,
}

impl Document {
    /// An empty one for images of `architecture` (`amd64`, `x86`, `arm64`, `arm`).
    pub fn new(architecture: &str) -> Self {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<unattend xmlns=\"{NAMESPACE}\" xmlns:wcm=\"{WCM}\">\n</unattend>\n"
        );
        Self {
            text: Zeroizing::new(text),
            architecture: architecture.to_owned(),
            broken: false,
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
        let mut text = Zeroizing::new(encoding::decode(bytes).map_err(|why| bad(why.to_string()))?);
        shape::check(&text).map_err(bad)?;
        let root = {
            // The parser's own words may quote the text, secrets included; where it stopped is enough.
            let tree = Tree::parse(&text).map_err(|error| {
                let at = error.pos();
                bad(format!(
                    "it is not well-formed XML: look at line {}, column {}",
                    at.row, at.col
                ))
            })?;
            let root = tree.root_element();
            let name = root.tag_name();
            if name.name() != "unattend" || !is_ours(name.namespace()) {
                return Err(bad(format!(
                    "its root element is not `unattend` of the namespace {NAMESPACE}"
                )));
            }
            name.namespace().is_none().then(|| root.range().start)
        };
        if let Some(start) = root {
            let at = start + "<unattend".len();
            text.insert_str(at, &format!(" xmlns=\"{NAMESPACE}\""));
        }
        Ok(Self {
            text,
            architecture: architecture.to_owned(),
            broken: false,
        })
    }

    /// The text to be written, in UTF-8.
    ///
    /// # Errors
    /// [`UnattendError::Bad`] when a value holds characters that XML cannot.
    pub fn to_xml(&self) -> Result<Vec<u8>, UnattendError> {
        if self.broken || Tree::parse(&self.text).is_err() {
            return Err(UnattendError::Bad {
                file: "unattend.xml".to_owned(),
                what: "a value cannot be written as XML".to_owned(),
            });
        }
        Ok(self.text.as_bytes().to_vec())
    }

    /// Sets one setting (`a/b/c` nests) wherever it stands; an empty value removes it, since empty elements are not
    /// allowed.
    pub fn set(&mut self, pass: &str, component: &str, path: &str, value: &str) {
        self.put(pass, component, path, &New::text("", value));
    }

    /// Gives the element at `path` the contents of `new`, and nothing else; removes it when `new` is empty. The name
    /// is that of the path.
    pub fn put(&mut self, pass: &str, component: &str, path: &str, new: &New) {
        let place = Place { pass, component };
        if new.is_empty() {
            self.remove(pass, component, path, |_| true);
            return;
        }
        let architecture = self.architecture.clone();
        self.edit(|tree| {
            let mut splices = Vec::new();
            let mut stands = false;
            for (component, own) in components(tree, place, &architecture) {
                for element in at_path(component, path) {
                    stands |= own;
                    splices.push(with_content(element, new));
                }
            }
            if !stands {
                let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
                let new = New::named(name, new);
                splices.push(insert(tree, place, above, &architecture, new));
            }
            splices
        });
    }

    /// Adds an element to the list at `path`, which is made when missing.
    pub fn add(&mut self, pass: &str, component: &str, path: &str, new: New) {
        let place = Place { pass, component };
        let architecture = self.architecture.clone();
        self.edit(|tree| vec![insert(tree, place, path, &architecture, new)]);
    }

    /// Removes every element at `path` that `which` says (given its direct children and their texts), and what is
    /// empty then.
    pub fn remove(
        &mut self,
        pass: &str,
        component: &str,
        path: &str,
        which: impl Fn(&dyn Fn(&str) -> Option<String>) -> bool,
    ) {
        let place = Place { pass, component };
        let architecture = self.architecture.clone();
        self.edit(|tree| {
            let mut out = HashSet::new();
            for (component, _) in components(tree, place, &architecture) {
                for element in at_path(component, path) {
                    let text_of = |name: &str| child(element, name).map(text);
                    if which(&text_of) {
                        out.insert(element.id());
                    }
                }
            }
            removals(tree, out)
        });
    }

    /// The text of a setting, as Windows on this processor reads it; where it stands for others only, theirs.
    pub fn get(&self, pass: &str, component: &str, path: &str) -> Option<String> {
        let place = Place { pass, component };
        let tree = Tree::parse(&self.text).ok()?;
        let mut found = components(&tree, place, &self.architecture);
        found.sort_by_key(|(_, own)| !own);
        found
            .into_iter()
            .find_map(|(component, _)| at_path(component, path).first().map(|e| text(*e)))
    }

    /// Takes the mark `wasPassProcessed` off every pass: Setup would skip it. Says which had it.
    pub fn unmark(&mut self) -> Vec<String> {
        let mut passes = Vec::new();
        self.edit(|tree| {
            let mut splices = Vec::new();
            for settings in children(tree.root_element(), "settings") {
                if let Some(mark) = settings.attribute_node("wasPassProcessed") {
                    passes.push(settings.attribute("pass").unwrap_or_default().to_owned());
                    let range = mark.range();
                    let before = &tree.input_text()[..range.start];
                    let start = before.trim_end().len();
                    splices.push(Splice::new(start..range.end, ""));
                }
            }
            splices
        });
        passes
    }

    /// Takes out what Windows Setup left of secrets ([`SCRUBBED`]): it would be read as a value. A setting that is
    /// worth nothing without its password goes as a whole. Says where they stood.
    pub fn remove_scrubbed(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        self.edit(|tree| {
            let mut out = HashSet::new();
            for element in tree.root_element().descendants() {
                if element.is_element()
                    && element.first_element_child().is_none()
                    && text(element).trim() == SCRUBBED
                {
                    let whole = unit(element);
                    if out.insert(whole.id()) {
                        names.push(describe(whole));
                    }
                }
            }
            removals(tree, out)
        });
        names
    }

    /// Processors that the file has components for, when this one is not among them.
    pub fn foreign_only(&self) -> Vec<String> {
        let Ok(tree) = Tree::parse(&self.text) else {
            return Vec::new();
        };
        let mut found: Vec<String> = Vec::new();
        for settings in children(tree.root_element(), "settings") {
            for component in children(settings, "component") {
                let processor = component
                    .attribute("processorArchitecture")
                    .unwrap_or("none");
                if processor.eq_ignore_ascii_case(&self.architecture) {
                    return Vec::new();
                }
                if !found.iter().any(|known| known == processor) {
                    found.push(processor.to_owned());
                }
            }
        }
        found
    }

    /// Makes changes that are found on the tree of the text.
    pub(super) fn edit(&mut self, plan: impl FnOnce(&Tree<'_>) -> Vec<Splice>) {
        let Ok(splices) = Tree::parse(&self.text).map(|tree| plan(&tree)) else {
            self.broken = true;
            return;
        };
        self.text = Zeroizing::new(splice::apply(&self.text, splices));
    }

    /// The processor of the image.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }
}

/// How new children of this element are written.
fn style<'a>(element: Node<'a, '_>, pad: &'a str) -> Style<'a> {
    let wcm = element
        .lookup_prefix(WCM)
        .filter(|prefix| element.lookup_namespace_uri(Some(prefix)) == Some(WCM));
    Style {
        prefix: splice::prefix(element),
        wcm,
        pad,
    }
}

fn with_content(element: Node<'_, '_>, new: &New) -> Splice {
    let own = child_pad(element.parent_element().unwrap_or(element));
    let inner = if own.is_empty() {
        String::new()
    } else {
        format!("{own}  ")
    };
    replace_content(element, &style(element, &inner).content(new, &own))
}

/// Puts an element below the deepest element of `path` that is there; what is missing is made.
fn insert(
    tree: &Tree<'_>,
    place: Place<'_>,
    path: &str,
    architecture: &str,
    mut new: New,
) -> Splice {
    let own = own(tree, place, architecture);
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut missing = Vec::new();
    let parent = loop {
        let path = parts.join("/");
        let found = own.iter().find_map(|component| {
            if path.is_empty() {
                Some(*component)
            } else {
                at_path(*component, &path).first().copied()
            }
        });
        match (found, parts.pop()) {
            (Some(found), _) => break found,
            (None, Some(part)) => missing.push(part),
            (None, None) => {
                new = missing
                    .into_iter()
                    .fold(new, |inner, name| New::parent(name, vec![inner]));
                return insert_component(tree, place, architecture, new);
            }
        }
    };
    new = missing
        .into_iter()
        .fold(new, |inner, name| New::parent(name, vec![inner]));
    let pad = child_pad(parent);
    append(parent, &style(parent, &pad).element(&new))
}

fn insert_component(tree: &Tree<'_>, place: Place<'_>, architecture: &str, new: New) -> Splice {
    let component = New::parent("component", vec![new]).attributes(&[
        ("name", place.component),
        ("processorArchitecture", architecture),
        ("publicKeyToken", "31bf3856ad364e35"),
        ("language", "neutral"),
        ("versionScope", "nonSxS"),
    ]);
    let root = tree.root_element();
    let block = children(root, "settings").find(|settings| {
        settings
            .attribute("pass")
            .is_some_and(|pass| pass.trim().eq_ignore_ascii_case(place.pass))
    });
    let (parent, new) = match block {
        Some(block) => (block, component),
        None => (
            root,
            New::parent("settings", vec![component]).attributes(&[("pass", place.pass)]),
        ),
    };
    let pad = child_pad(parent);
    append(parent, &style(parent, &pad).element(&new))
}

/// Takes elements out, and every element below a component that has nothing left in it.
fn removals(tree: &Tree<'_>, mut out: HashSet<NodeId>) -> Vec<Splice> {
    // Each parent is judged once, however many of its children go.
    let mut level: HashSet<NodeId> = out.clone();
    while !level.is_empty() {
        let parents: HashSet<NodeId> = level
            .iter()
            .filter_map(|id| tree.get_node(*id)?.parent_element())
            .filter(|parent| {
                let name = parent.tag_name().name();
                !matches!(name, "component" | "settings" | "unattend")
            })
            .map(|parent| parent.id())
            .collect();
        level = parents
            .into_iter()
            .filter(|id| {
                let mut children = tree.get_node(*id).into_iter().flat_map(|n| n.children());
                children.all(|node| out.contains(&node.id()) || is_blank(node))
            })
            .collect();
        level.retain(|id| out.insert(*id));
    }
    out.iter()
        .filter_map(|id| tree.get_node(*id))
        .filter(|node| {
            !node
                .ancestors()
                .skip(1)
                .any(|above| out.contains(&above.id()))
        })
        .map(take_out)
        .collect()
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
