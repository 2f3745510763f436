//! One step of a document as settings that can be shown and changed: for the run at hand, the file stays as it is.

use thiserror::Error;

use super::decode::decode;
use super::diagnostic::{Severity, Source, Span};
use super::load;
use super::plan::{NodeDef, PlannedSequence};
use super::schema::Step;
use super::syntax::{self, Body, Field, Tree};

/// Why a step cannot be shown or changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RewriteError {
    /// A group, or no node at all.
    #[error("there is no step {0}")]
    NoStep(u32),
    /// The text has mistakes; rendered with lines and carets.
    #[error("{0}")]
    Mistakes(String),
    /// Nothing, a group, or more than one step.
    #[error("write exactly one Step(...)")]
    NotOne,
    /// Another kind of step.
    #[error("the kind of a step cannot be changed: it is \"{was}\", the text says \"{is}\"")]
    OtherKind {
        /// In the document.
        was: &'static str,
        /// In the text.
        is: &'static str,
    },
}

/// A setting of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `timeout`, or `action.image` for one of the action's own.
    pub path: String,
    /// Its value in the document's format, on one line.
    pub value: String,
}

/// The text of step `node` (its index in the plan) as the document has it.
///
/// # Errors
/// [`RewriteError::NoStep`].
pub fn text_of(document: &str, node: u32) -> Result<String, RewriteError> {
    let Span { start, end } = find(document, node)?.step.span;
    let text = document.get(start..end);
    text.map(str::to_owned).ok_or(RewriteError::NoStep(node))
}

/// The settings of a step, from its text.
///
/// # Errors
/// [`RewriteError::Mistakes`] when it is no `Step(...)`.
pub fn settings(text: &str) -> Result<Vec<Setting>, RewriteError> {
    Ok(take_apart(text)?.1)
}

/// The name of a step's action, as the document writes it.
///
/// # Errors
/// [`RewriteError::Mistakes`] when it is no `Step(...)`.
pub fn action_of(text: &str) -> Result<String, RewriteError> {
    Ok(take_apart(text)?.0)
}

/// Why a value is none that a document could hold, told by the setting's name; `None` when it is one.
pub fn bad_value(setting: &Setting) -> Option<String> {
    if setting.value.trim().is_empty() {
        return None;
    }
    let (_, mistakes) = syntax::parse(&Source::new(&setting.path, &setting.value));
    // The parser takes what it reads for a whole document.
    let why = mistakes
        .first()?
        .message
        .replace("the sequence", "the value");
    Some(format!("{}: {why}; a text stands in quotes", setting.path))
}

/// The first mistake of a changed step in the words of its settings, for somebody who sees these and no document.
pub fn told(document: &str, node: u32, text: &str) -> Option<String> {
    let Span { start, end } = find(document, node).ok()?.step.span;
    let whole = format!("{}{text}{}", document.get(..start)?, document.get(end..)?);
    let checked = load::read_text("the changed step", &whole);
    let first = checked
        .diagnostics
        .iter()
        .find(|d| d.severity == Severity::Error)?;
    let at = first.span.map_or(0, |span| span.start);
    let path = at
        .checked_sub(start)
        .filter(|offset| *offset < text.len())
        .and_then(|offset| setting_at(text, offset));
    let hint = first.hint.as_ref().map(|hint| format!("; {hint}"));
    let hint = hint.unwrap_or_default();
    Some(match path {
        Some(path) => format!("{path}: {}{hint}", first.message),
        None => format!("{}{hint}", first.message),
    })
}

/// The setting that stands at that place of a step's text.
fn setting_at(text: &str, offset: usize) -> Option<String> {
    let (tree, _) = syntax::parse(&Source::new("the step", text));
    let holds = |field: &&Field| {
        (field.name.span.start..field.value.span.end.max(field.name.span.end)).contains(&offset)
    };
    let Body::Fields(fields) = tree?.body else {
        return None;
    };
    let outer = fields.iter().find(holds)?;
    if outer.name.text != "action" {
        return Some(outer.name.text.clone());
    }
    match &outer.value.body {
        Body::Fields(inner) => inner
            .iter()
            .find(holds)
            .map(|field| format!("action.{}", field.name.text)),
        _ => None,
    }
}

/// The name of a step's action, and the settings.
fn take_apart(text: &str) -> Result<(String, Vec<Setting>), RewriteError> {
    let source = Source::new("the step", text);
    let (tree, mistakes) = syntax::parse(&source);
    let (Some(tree), true) = (&tree, mistakes.is_empty()) else {
        return Err(RewriteError::Mistakes(load::render(&source, &mistakes)));
    };
    let Body::Fields(fields) = &tree.body else {
        return Err(RewriteError::Mistakes("this is not a Step(...)".to_owned()));
    };
    let setting = |prefix: &str, field: &Field| Setting {
        path: format!("{prefix}{}", field.name.text),
        value: print(&field.value),
    };
    let mut kind = String::new();
    let mut all = Vec::new();
    for field in fields {
        if field.name.text != "action" {
            all.push(setting("", field));
            continue;
        }
        if let Some(name) = &field.value.name {
            kind.clone_from(&name.text);
        }
        if let Body::Fields(inner) = &field.value.body {
            all.extend(inner.iter().map(|field| setting("action.", field)));
        }
    }
    Ok((kind, all))
}

/// A step's text with some settings changed: an empty value takes the setting away, a new path adds it.
///
/// # Errors
/// [`RewriteError::Mistakes`] when `text` is no `Step(...)`.
pub fn change(text: &str, changes: &[Setting]) -> Result<String, RewriteError> {
    let (kind, mut all) = take_apart(text)?;
    for change in changes {
        match all.iter_mut().find(|other| other.path == change.path) {
            Some(found) => found.value.clone_from(&change.value),
            None => all.push(change.clone()),
        }
    }
    let join = |own: bool| {
        all.iter()
            .filter(|setting| !setting.value.trim().is_empty())
            .filter_map(|setting| {
                let inner = setting.path.strip_prefix("action.");
                let name = match (own, inner) {
                    (true, Some(inner)) => inner,
                    (false, None) => setting.path.as_str(),
                    _ => return None,
                };
                Some(format!("{name}: {}", setting.value))
            })
            .collect::<Vec<_>>()
            .join(", ")
    };
    let before = join(false);
    let comma = if before.is_empty() { "" } else { ", " };
    Ok(format!(
        "Step({before}{comma}action: {kind}({}))",
        join(true)
    ))
}

/// The step that `text` stands for in place of step `node` of the document, checked as part of it.
///
/// # Errors
/// Mistakes in the text or between it and the document; another kind of step.
pub fn replaced(document: &str, node: u32, text: &str) -> Result<Step, RewriteError> {
    let found = find(document, node)?;
    let Span { start, end } = found.step.span;
    let (Some(before), Some(after)) = (document.get(..start), document.get(end..)) else {
        return Err(RewriteError::NoStep(node));
    };
    let whole = format!("{before}{text}{after}");
    let checked = load::read_text("the document with the changed step", &whole);
    let Some(sequence) = checked.sequence.as_ref().filter(|_| checked.is_good()) else {
        return Err(RewriteError::Mistakes(checked.render()));
    };
    let mut planned = PlannedSequence::new(sequence)
        .map_err(|error| RewriteError::Mistakes(error.to_string()))?;
    if planned.defs.len() != found.nodes {
        return Err(RewriteError::NotOne);
    }
    let NodeDef::Step(step) = planned.defs.swap_remove(node as usize) else {
        return Err(RewriteError::NotOne);
    };
    let was = decode::<Step>(&found.step)
        .value
        .ok_or(RewriteError::NoStep(node))?;
    let (was, is) = (was.action.kind(), step.action.kind());
    if was == is {
        Ok(*step)
    } else {
        Err(RewriteError::OtherKind { was, is })
    }
}

fn field<'a>(fields: &'a [Field], name: &str) -> Option<&'a Tree> {
    fields
        .iter()
        .find(|field| field.name.text == name)
        .map(|field| &field.value)
}

/// A step of a document.
struct Found {
    step: Tree,
    /// Groups and steps of the whole document.
    nodes: usize,
}

/// The tree of a step, counted as the plan counts: depth first, parents first.
fn find(document: &str, node: u32) -> Result<Found, RewriteError> {
    fn flatten<'a>(nodes: &'a Tree, all: &mut Vec<&'a Tree>) {
        let Body::List(nodes) = &nodes.body else {
            return;
        };
        for node in nodes {
            all.push(node);
            if let Body::Fields(fields) = &node.body
                && is_group(node)
                && let Some(children) = field(fields, "steps")
            {
                flatten(children, all);
            }
        }
    }
    let source = Source::new("the document", document);
    let tree = syntax::parse(&source).0;
    let mut all = Vec::new();
    if let Some(Body::Fields(fields)) = tree.as_ref().map(|tree| &tree.body)
        && let Some(steps) = field(fields, "steps")
    {
        flatten(steps, &mut all);
    }
    match all.get(node as usize) {
        Some(step) if !is_group(step) => Ok(Found {
            step: (*step).clone(),
            nodes: all.len(),
        }),
        _ => Err(RewriteError::NoStep(node)),
    }
}

fn is_group(node: &Tree) -> bool {
    node.name.as_ref().is_some_and(|name| name.text == "Group")
}

/// A value in the document's format, on one line and without comments.
pub fn print(tree: &Tree) -> String {
    let name = tree.name.as_ref().map_or("", |name| name.text.as_str());
    let list = |items: &[Tree]| items.iter().map(print).collect::<Vec<_>>().join(", ");
    match &tree.body {
        Body::Nothing | Body::Broken => name.to_owned(),
        Body::Bool(value) => value.to_string(),
        Body::Number(text) => text.clone(),
        Body::Char(c) => format!("'{}'", escape(&c.to_string(), '\'')),
        Body::Text(text) => format!("\"{}\"", escape(text, '"')),
        Body::Tuple(items) => format!("{name}({})", list(items)),
        Body::List(items) => format!("[{}]", list(items)),
        Body::Fields(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{}: {}", field.name.text, print(&field.value)))
                .collect();
            format!("{name}({})", fields.join(", "))
        }
        Body::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", print(key), print(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// As the lexer reads it back.
fn escape(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                use std::fmt::Write;
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"Sequence(
    schema: 1,
    name: "Two",
    steps: [
        Group(name: "a", steps: [
            // A comment that must not swallow the line.
            Step(
                name: "say \"hi\"",
                timeout: 5, // seconds
                action: RunCommandLine(command: "echo C:\\x %Y%"),
            ),
        ]),
        Step(name: "set", action: SetVariable(variable: "Y", value: "1")),
    ],
)"#;

    fn setting(path: &str, value: &str) -> Setting {
        Setting {
            path: path.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn a_step_is_found_shown_and_changed() {
        assert_eq!(text_of(DOCUMENT, 0), Err(RewriteError::NoStep(0)));
        let text = text_of(DOCUMENT, 1).unwrap();
        let all = settings(&text).unwrap();
        assert_eq!(
            all,
            [
                setting("name", r#""say \"hi\"""#),
                setting("timeout", "5"),
                setting("action.command", r#""echo C:\\x %Y%""#),
            ]
        );
        let changes = [
            setting("timeout", ""),
            setting("action.command", "\"true\""),
            setting("continue_on_error", "true"),
        ];
        let rewritten = change(&text, &changes).unwrap();
        let step = replaced(DOCUMENT, 1, &rewritten).unwrap();
        assert!(step.timeout.is_none() && step.continue_on_error);
        assert_eq!(step.name, "say \"hi\"");
        assert_eq!(
            text_of(DOCUMENT, 2).unwrap(),
            "Step(name: \"set\", action: SetVariable(variable: \"Y\", value: \"1\"))"
        );
        assert_eq!(text_of(DOCUMENT, 3), Err(RewriteError::NoStep(3)));
    }

    #[test]
    fn mistakes_and_other_kinds_are_refused() {
        let bad = r#"Step(name: "x", action: RunCommandLine(comand: "true"))"#;
        let Err(RewriteError::Mistakes(text)) = replaced(DOCUMENT, 1, bad) else {
            panic!("taken");
        };
        assert!(text.contains("command"), "{text}");
        let other = r#"Step(name: "x", action: SetVariable(variable: "A", value: "1"))"#;
        assert!(matches!(
            replaced(DOCUMENT, 1, other),
            Err(RewriteError::OtherKind { .. })
        ));
        let two = r#"Step(name: "x", action: RunCommandLine(command: "true")), Step(name: "y", action: RunCommandLine(command: "true"))"#;
        assert_eq!(replaced(DOCUMENT, 1, two), Err(RewriteError::NotOne));
        let none = replaced(DOCUMENT, 2, "");
        assert!(matches!(none, Err(RewriteError::Mistakes(_))));
        let group = r#"Group(name: "g", steps: [])"#;
        assert_eq!(replaced(DOCUMENT, 1, group), Err(RewriteError::NotOne));
        let out = r#"Step(name: "x", action: RunCommandLine(command: "true")), ]), Group(name: "b", steps: ["#;
        assert!(replaced(DOCUMENT, 1, out).is_err());
    }

    #[test]
    fn a_mistake_is_told_by_the_setting_it_is_in() {
        let change_of = |path: &str, value: &str| {
            let setting = Setting {
                path: path.to_owned(),
                value: value.to_owned(),
            };
            bad_value(&setting).or_else(|| {
                let text = text_of(DOCUMENT, 1).unwrap();
                told(DOCUMENT, 1, &change(&text, &[setting]).unwrap())
            })
        };
        for (path, value, what) in [
            ("timeout", "soon", "soon"),
            ("timeout", "\"600\"", "number"),
            ("disabled", "maybe", "maybe"),
            ("action.command", "true", "text"),
            ("action.command", "\"true", "quote"),
            ("action.shell", "1", "1"),
            ("comand", "1", "comand"),
            ("name", "\"\"", "name"),
        ] {
            let told = change_of(path, value).unwrap_or_default();
            assert!(told.starts_with(path), "{path}: {value}: {told}");
            assert!(told.contains(what), "{path}: {value}: {told}");
            for word in ["line ", "column", "document", ":1:"] {
                assert!(!told.contains(word), "{path}: {value}: {told}");
            }
        }
        assert_eq!(change_of("timeout", "600"), None);
    }

    #[test]
    fn every_setting_of_the_shipped_sequence_prints_back_to_itself() {
        let document = include_str!("../../sequences/lab-build-and-capture.ron");
        let loaded = load::parse("x", document).sequence.unwrap();
        let planned = PlannedSequence::new(&loaded).unwrap();
        let mut steps = 0;
        for (at, def) in planned.defs.iter().enumerate() {
            if let NodeDef::Step(step) = def {
                let node = u32::try_from(at).unwrap();
                let text = change(&text_of(document, node).unwrap(), &[]).unwrap();
                assert_eq!(&replaced(document, node, &text).unwrap(), &**step);
                steps += 1;
            }
        }
        assert!(steps > 3);
    }
}
