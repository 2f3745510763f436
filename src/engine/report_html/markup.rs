//! Building blocks of the page: every text is escaped, every element is closed, so that the page is XML as well as HTML.

use crate::text::harmless;

/// A page that is being written.
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self("<!DOCTYPE html>\n".to_owned())
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn open(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.line(value);
            self.0.push('"');
        }
    }

    /// An element with what `inside` writes.
    pub(super) fn element(
        &mut self,
        tag: &str,
        attributes: &[(&str, &str)],
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(tag, attributes);
        self.0.push('>');
        inside(self);
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
        if !matches!(tag, "a" | "strong" | "code" | "span" | "small") {
            self.0.push('\n');
        }
    }

    /// An element without contents, such as `meta`.
    pub(super) fn void(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.open(tag, attributes);
        self.0.push_str("/>");
    }

    /// An element that holds a text.
    pub(super) fn leaf(&mut self, tag: &str, text: &str) {
        self.element(tag, &[], |html| html.text(text));
    }

    /// Text from anywhere: line breaks stay, whatever could harm or deceive does not.
    pub(super) fn text(&mut self, text: &str) {
        for (at, line) in text.lines().enumerate() {
            if at > 0 {
                self.void("br", &[]);
            }
            self.line(line);
        }
    }

    fn line(&mut self, line: &str) {
        for c in harmless(line).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // No characters of XML.
                '\u{fffe}' | '\u{ffff}' => self.0.push('?'),
                other => self.0.push(other),
            }
        }
    }

    /// Our own style sheet: no text from outside, and neither `<` nor `&`.
    pub(super) fn style(&mut self, sheet: &'static str) {
        self.0.push_str("<style>");
        self.0.push_str(sheet);
        self.0.push_str("</style>\n");
    }

    /// A table with its heading; `rows` writes the rows.
    pub(super) fn frame(&mut self, columns: &[&str], rows: impl FnOnce(&mut Self)) {
        self.element("div", &[("class", "wide")], |html| {
            html.element("table", &[], |html| {
                html.element("thead", &[], |html| {
                    html.element("tr", &[], |html| {
                        for column in columns {
                            html.element("th", &[("scope", "col")], |html| html.text(column));
                        }
                    });
                });
                html.element("tbody", &[], rows);
            });
        });
    }

    /// A table with a row for each item.
    pub(super) fn table<T>(
        &mut self,
        columns: &[&str],
        rows: impl IntoIterator<Item = T>,
        mut row: impl FnMut(&mut Self, T),
    ) {
        self.frame(columns, |html| {
            for item in rows {
                html.element("tr", &[], |html| row(html, item));
            }
        });
    }

    /// A name and what it is, in a `dl`.
    pub(super) fn fact(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.leaf("dt", name);
            self.leaf("dd", value);
        }
    }
}

/// A text as it stands in the page: what must be looked for when the text must not be there.
pub(in crate::engine) fn escaped(text: &str) -> String {
    let mut html = Html(String::new());
    html.text(text);
    html.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup_and_no_attribute_ends_early() {
        let mut html = Html(String::new());
        html.element("p", &[("title", "\" onclick='x' <&>")], |html| {
            html.text("<script>alert(1)</script>\r\na \u{202e}b \u{1b}[31mred\u{ffff}\u{0}");
        });
        let text = html.finish();
        assert_eq!(
            text,
            "<p title=\"&quot; onclick=&#39;x&#39; &lt;&amp;&gt;\">&lt;script&gt;alert(1)&lt;/script&gt;<br/>a ?b red?</p>\n"
        );
        xmltree::Element::parse(text.as_bytes()).unwrap();
    }
}
