//! Where settings stand in an answer file.

use roxmltree::{Document as Tree, Node};

use super::{NAMESPACE, scrub};

/// Where a setting belongs.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) pass: &'a str,
    pub(super) component: &'a str,
}

pub(super) fn is_ours(namespace: Option<&str>) -> bool {
    namespace.is_none_or(|namespace| namespace == NAMESPACE)
}

/// The children of this name in the answer file's namespace.
pub(super) fn children<'a, 'i: 'a>(
    element: Node<'a, 'i>,
    name: &str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    element.children().filter(move |node| {
        node.is_element() && node.tag_name().name() == name && is_ours(node.tag_name().namespace())
    })
}

/// The first child of this name.
pub(super) fn child<'a, 'i: 'a>(element: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    children(element, name).next()
}

/// The text within an element, whatever it is split into.
pub(super) fn text(element: Node<'_, '_>) -> String {
    element
        .children()
        .filter(Node::is_text)
        .filter_map(|node| node.text())
        .collect()
}

/// Every element at `a/b/c` below another one.
pub(super) fn at_path<'a, 'i: 'a>(element: Node<'a, 'i>, path: &str) -> Vec<Node<'a, 'i>> {
    let mut level = vec![element];
    for part in path.split('/') {
        level = level.iter().flat_map(|e| children(*e, part)).collect();
    }
    level
}

/// The components of this name in every block of the pass, and whether they are for this processor.
pub(super) fn components<'a, 'i>(
    tree: &'a Tree<'i>,
    place: Place<'_>,
    architecture: &str,
) -> Vec<(Node<'a, 'i>, bool)> {
    let is = |node: &Node<'_, '_>, attribute: &str, value: &str| {
        node.attribute(attribute)
            .is_some_and(|text| text.trim().eq_ignore_ascii_case(value))
    };
    children(tree.root_element(), "settings")
        .filter(|settings| is(settings, "pass", place.pass))
        .flat_map(|settings| children(settings, "component"))
        .filter(|component| is(component, "name", place.component))
        .map(|component| {
            let own = is(&component, "processorArchitecture", architecture);
            (component, own)
        })
        .collect()
}

/// What Windows on this processor reads of a component, block by block.
pub(super) fn own<'a, 'i>(
    tree: &'a Tree<'i>,
    place: Place<'_>,
    architecture: &str,
) -> Vec<Node<'a, 'i>> {
    components(tree, place, architecture)
        .into_iter()
        .filter_map(|(component, own)| own.then_some(component))
        .collect()
}

/// The setting that is worth nothing without this secret.
pub(super) fn unit<'a, 'i>(secret: Node<'a, 'i>) -> Node<'a, 'i> {
    const WHOLE: [&str; 4] = ["LocalAccount", "DomainAccount", "AutoLogon", "Credentials"];
    secret
        .ancestors()
        .find(|node| WHOLE.contains(&node.tag_name().name()))
        .or_else(|| {
            secret.parent_element().filter(|parent| {
                secret.tag_name().name() == "Value" && is_secret(parent.tag_name().name())
            })
        })
        .unwrap_or(secret)
}

/// Pass, component and path of an element.
pub(super) fn describe(element: Node<'_, '_>) -> String {
    let mut parts: Vec<&str> = element
        .ancestors()
        .filter(Node::is_element)
        .filter_map(|node| match node.tag_name().name() {
            "unattend" => None,
            "settings" => node.attribute("pass"),
            "component" => node.attribute("name"),
            name => Some(name),
        })
        .collect();
    parts.reverse();
    parts.join("/")
}

/// Whether an element of this name holds a secret, in its text or below it.
pub(super) fn is_secret(name: &str) -> bool {
    scrub::is_secret(&name.to_ascii_lowercase())
}
