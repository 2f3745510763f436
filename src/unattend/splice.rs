//! Changes to a text of XML that leave every other byte as it is: where things stand, and how new ones look beside them.

use std::ops::Range;

use roxmltree::Node;

/// Replaces this range by this text.
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Splice {
    pub(super) fn new(range: Range<usize>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { range, text }
    }
}

/// The text with the changes made; none may overlap another.
pub(super) fn apply(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|splice| splice.range.start);
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for splice in &splices {
        out.push_str(&text[at..splice.range.start]);
        out.push_str(&splice.text);
        at = splice.range.end;
    }
    out.push_str(&text[at..]);
    out
}

/// `text` as it stands between tags.
pub(super) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // The reader would make a line feed of it.
            '\r' => out.push_str("&#13;"),
            _ => out.push(c),
        }
    }
}

/// The source of a node.
fn source<'a>(node: Node<'a, '_>) -> &'a str {
    &node.document().input_text()[node.range()]
}

/// The prefix that an element's name carries, with its colon.
pub(super) fn prefix<'a>(element: Node<'a, '_>) -> &'a str {
    let source = source(element);
    let end = source.find([':', '>', '/', ' ', '\t', '\r', '\n']);
    match end {
        Some(at) if source[at..].starts_with(':') => &source[1..=at],
        _ => "",
    }
}

/// Length of the start tag, its `>` included.
fn start_tag(source: &str) -> usize {
    let mut quote = None;
    for (at, byte) in source.bytes().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            None if byte == b'"' || byte == b'\'' => quote = Some(byte),
            None if byte == b'>' => return at + 1,
            _ => {}
        }
    }
    source.len()
}

/// Replaces everything between the tags of an element.
pub(super) fn replace_content(element: Node<'_, '_>, content: &str) -> Splice {
    let (range, source) = (element.range(), source(element));
    let start = range.start + start_tag(source);
    if source.ends_with("/>") && start == range.end {
        let name = format!("{}{}", prefix(element), element.tag_name().name());
        return Splice::new(start - 2..start, format!(">{content}</{name}>"));
    }
    let end = source.rfind("</").map_or(range.end, |at| range.start + at);
    Splice::new(start..end, content)
}

/// Line break and blanks before a node, when it stands at the beginning of a line.
fn pad<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    let before = &node.document().input_text()[..node.range().start];
    let blanks = before.trim_end_matches([' ', '\t']);
    let line = blanks
        .strip_suffix("\r\n")
        .or_else(|| blanks.strip_suffix(['\n', '\r']))?;
    Some(&before[line.len()..])
}

/// The line break and blanks that a child of this element gets; nothing in a file that is one line.
pub(super) fn child_pad(element: Node<'_, '_>) -> String {
    if let Some(child) = element.first_element_child() {
        return pad(child).unwrap_or_default().to_owned();
    }
    let Some(own) = pad(element) else {
        // The root may stand in the first line of a file that is written in lines all the same.
        return if element.parent_element().is_none() && element.has_children() {
            "\n  ".to_owned()
        } else {
            String::new()
        };
    };
    // One level is the difference to the element above.
    let above = element.parent_element().and_then(pad);
    let unit = above
        .and_then(|above| own.strip_prefix(above))
        .filter(|unit| !unit.is_empty())
        .unwrap_or("  ");
    format!("{own}{unit}")
}

/// Puts `child` (which begins with its own pad) behind the last element within `parent`.
pub(super) fn append(parent: Node<'_, '_>, child: &str) -> Splice {
    if let Some(last) = parent.last_element_child() {
        let end = last.range().end;
        return Splice::new(end..end, child);
    }
    let closing = if child.starts_with(['\r', '\n']) {
        pad(parent).unwrap_or("\n")
    } else {
        ""
    };
    if parent.children().any(|node| !is_blank(node)) {
        let text = replace_content(parent, "");
        return Splice::new(text.range.end..text.range.end, format!("{child}{closing}"));
    }
    replace_content(parent, &format!("{child}{closing}"))
}

/// Takes a node out, with the line break and blanks before it.
pub(super) fn take_out(node: Node<'_, '_>) -> Splice {
    let range = node.range();
    let before = pad(node).map_or(0, str::len);
    Splice::new(range.start - before..range.end, "")
}

/// Whether a node is white space only.
pub(super) fn is_blank(node: Node<'_, '_>) -> bool {
    node.is_text() && node.text().is_none_or(|text| text.trim().is_empty())
}
