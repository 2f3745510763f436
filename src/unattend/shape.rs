//! Bounds of what the parser will see.

use super::DEEPEST;

/// Most attributes and declarations of one tag: the parser compares each with each.
const MOST_ATTRIBUTES: usize = 256;

/// Refuses document types (entities could make the text explode), deep nesting and tags with very many attributes.
///
/// # Errors
/// Why it is refused.
pub(super) fn check(text: &str) -> Result<(), String> {
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
            return Err("it holds a document type: take the <!DOCTYPE ...> out".to_owned());
        } else if rest.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else {
            let (mut quote, mut attributes, mut end) = (None, 0, None);
            for (at, byte) in rest.bytes().enumerate() {
                match quote {
                    Some(open) if byte == open => quote = None,
                    None if byte == b'"' || byte == b'\'' => quote = Some(byte),
                    None if byte == b'=' => attributes += 1,
                    None if byte == b'>' => {
                        end = Some(at);
                        break;
                    }
                    _ => {}
                }
            }
            let Some(end) = end else {
                return Err("it is not well-formed XML: a tag is not closed".to_owned());
            };
            if attributes > MOST_ATTRIBUTES {
                return Err(format!("a tag has more than {MOST_ATTRIBUTES} attributes"));
            }
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
