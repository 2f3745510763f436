//! Taking the secrets out of an answer file without touching anything else in it.
//!
//! The file is read as marks and text, not as a tree: prefixes, embedded documents, order, blanks and encoding of what is
//! not secret stay byte for byte.

use std::ops::Range;

use aho_corasick::AhoCorasick;
use base64::Engine as _;

use super::commands::{self, Kind};
use super::pieces::{Piece, decode, escape, pieces, unescape};
use super::splice::{self, Splice};
use super::{DEEPEST, LARGEST, SCRUBBED, UnattendError};

/// What a command becomes that held a password: one that does nothing. With the password merely replaced, it would set
/// one that everybody knows.
const NO_COMMAND: &str = "cmd.exe /c rem *SENSITIVE*DATA*DELETED*";
/// Shorter values are too likely to stand for something else as well.
const SHORTEST_KNOWN: usize = 4;

/// What to do about product keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// Take them out.
    #[default]
    Remove,
    /// Leave them.
    Keep,
}

/// An answer file without its secrets.
pub struct Scrubbed {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// How many secrets were taken out; 0: nothing was changed.
    pub secrets: usize,
    /// How many of them were commands, which do nothing any more.
    pub commands: usize,
}

/// Names of elements and attributes that hold secrets, in small letters.
pub(super) fn is_secret(name: &str) -> bool {
    ["password", "passwd", "passphrase", "pwd"]
        .iter()
        .any(|end| name.ends_with(end))
        || matches!(
            name,
            "accountdata" | "keymaterial" | "networkkey" | "wepkey"
        )
}

/// Elements whose text is one command.
fn is_command(name: &str) -> bool {
    matches!(name, "path" | "commandline" | "command" | "arguments")
}

/// The passwords of the file as people type them, to be found again where they do not belong: in commands and comments.
fn known(text: &str, pieces: &[Piece]) -> Vec<String> {
    let mut known = Vec::new();
    let mut open: Vec<bool> = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Open { name, empty, .. } if !empty => {
                let inside = open.last().copied().unwrap_or(false);
                open.push((inside && name != "plaintext") || is_secret(name));
            }
            Piece::Close { .. } => {
                open.pop();
            }
            Piece::Text(at) | Piece::Data(at) if open.last() == Some(&true) => {
                let value = match piece {
                    Piece::Text(_) => unescape(text[at.clone()].trim()),
                    _ => text[at.clone()].to_owned(),
                };
                // Windows' own hiding: base64 of UTF-16LE of the password and the element's name.
                if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(&value) {
                    let plain = commands::wide(&bytes);
                    for end in [
                        "OfflineAdministratorPassword",
                        "AdministratorPassword",
                        "Password",
                    ] {
                        if let Some(plain) = plain.strip_suffix(end) {
                            known.push(plain.to_owned());
                            break;
                        }
                    }
                }
                known.push(value);
            }
            _ => {}
        }
    }
    known.retain(|value| value.chars().count() >= SHORTEST_KNOWN && value != SCRUBBED);
    known.sort();
    known.dedup();
    known
}

/// Where one of the words stands in a text, as a word of its own.
fn words(text: &str, known: &AhoCorasick) -> Vec<Range<usize>> {
    let part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    known
        .find_overlapping_iter(text)
        .map(|found| found.range())
        .filter(|at| {
            !part(text[..at.start].chars().next_back()) && !part(text[at.end..].chars().next())
        })
        .collect()
}

struct Scrubber<'a> {
    text: &'a str,
    keys: Keys,
    /// All passwords of the file at once: there may be many, and much text.
    known: AhoCorasick,
    edits: Vec<Splice>,
    secrets: usize,
    commands: usize,
}

impl Scrubber<'_> {
    fn replace(&mut self, at: Range<usize>, new: String) {
        self.edits.push(Splice::new(at, new));
        self.secrets += 1;
    }

    /// Where secrets stand in text that is not one itself.
    fn within(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = commands::find(text, Kind::Commands)
            .into_iter()
            .map(|hit| hit.at)
            .collect();
        // A whole text may be a user's name that is the password, too.
        let whole = text.trim();
        found.extend(
            words(text, &self.known)
                .into_iter()
                .filter(|at| text[at.clone()] != *whole),
        );
        if self.keys == Keys::Remove {
            found.extend(commands::product_keys(text));
        }
        found.sort_by_key(|at| (at.start, at.end));
        let mut end = 0;
        found.retain(|at| {
            let new = at.start >= end;
            end = end.max(at.end);
            new
        });
        found
    }

    fn value(&mut self, at: Range<usize>, raw: bool, element: &str, secret: bool) {
        let shown = &self.text[at.clone()];
        if shown.trim().is_empty() || shown.trim() == SCRUBBED {
            return;
        }
        if secret {
            self.replace(at, SCRUBBED.to_owned());
            return;
        }
        let plain = if raw {
            shown.to_owned()
        } else {
            unescape(shown)
        };
        let found = self.within(&plain);
        if found.is_empty() {
            return;
        }
        // An attribute goes whole: what is left of it would have to be quoted anew.
        let new = if !element.is_empty() && plain.trim().contains('\n') {
            let mut new = plain;
            for part in found.iter().rev() {
                new.replace_range(part.clone(), SCRUBBED);
            }
            if raw { new } else { escape(&new) }
        } else if is_command(element) {
            self.commands += 1;
            NO_COMMAND.to_owned()
        } else {
            SCRUBBED.to_owned()
        };
        self.replace(at, new);
    }

    /// An element whose text is in several parts, with sections and comments between: a secret may lie across them.
    fn whole(&mut self, inside: Range<usize>, texts: &[(Range<usize>, bool)], element: &str) {
        let joined: String = texts
            .iter()
            .map(|(at, raw)| {
                let part = &self.text[at.clone()];
                if *raw {
                    part.to_owned()
                } else {
                    unescape(part)
                }
            })
            .collect();
        if self.within(&joined).is_empty() {
            return;
        }
        // Those within the element are the last ones.
        while self
            .edits
            .last()
            .is_some_and(|edit| edit.range.start >= inside.start)
        {
            self.edits.pop();
            self.secrets -= 1;
        }
        let new = if is_command(element) {
            self.commands += 1;
            NO_COMMAND
        } else {
            SCRUBBED
        };
        self.replace(inside, new.to_owned());
    }

    /// Comments and instructions mean nothing to Windows Setup: one that may hold a secret goes whole. One may be an
    /// answer file that somebody put out of use.
    fn aside(&mut self, at: Range<usize>) {
        let shown = &self.text[at.clone()];
        let small = shown.to_ascii_lowercase();
        let named = ["passw", "passphrase", "pwd", "keymaterial", "accountdata"]
            .iter()
            .any(|word| small.contains(word));
        let key = self.keys == Keys::Remove
            && (small.contains("productkey") || !commands::product_keys(shown).is_empty());
        if named
            || key
            || !commands::find(shown, Kind::Commands).is_empty()
            || self.known.is_match(shown)
        {
            self.replace(at, String::new());
        }
    }

    fn attributes(&mut self, attributes: &[(String, Range<usize>)], secret: bool) {
        for (name, at) in attributes {
            if is_secret(name) || (secret && name == "value") {
                self.value(at.clone(), false, "", true);
            } else {
                self.value(at.clone(), false, "", false);
            }
        }
    }

    fn run(&mut self, pieces: &[Piece]) -> Result<(), String> {
        struct Open {
            name: String,
            secret: bool,
            /// Where its contents begin, and those of its texts; other elements are not in it.
            from: usize,
            texts: Vec<(Range<usize>, bool)>,
            leaf: bool,
            /// Of a product key: where it begins, the edits and secrets before it, and whether it holds anything.
            key: Option<(usize, usize, usize)>,
            full: bool,
        }
        let mut open: Vec<Open> = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Open {
                    at,
                    name,
                    attributes,
                    empty,
                } => {
                    let inside = open.last().is_some_and(|open| open.secret);
                    let secret = (inside && name != "plaintext") || is_secret(name);
                    let before = (at.start, self.edits.len(), self.secrets);
                    self.attributes(attributes, secret);
                    if let Some(above) = open.last_mut() {
                        above.leaf = false;
                    }
                    if *empty {
                        continue;
                    }
                    if open.len() >= DEEPEST {
                        return Err(format!("it is nested deeper than {DEEPEST}"));
                    }
                    let key = name == "productkey" && self.keys == Keys::Remove;
                    open.push(Open {
                        name: name.clone(),
                        secret,
                        from: at.end,
                        texts: Vec::new(),
                        leaf: true,
                        key: key.then_some(before),
                        full: false,
                    });
                }
                Piece::Close { at, name } => {
                    let Some(closed) = open.pop().filter(|open| open.name == *name) else {
                        return Err("it is not well-formed XML".to_owned());
                    };
                    if closed.leaf && closed.texts.len() > 1 && !closed.secret {
                        self.whole(closed.from..at.start, &closed.texts, name);
                    }
                    // Setup refuses a key that is none, so the element goes, and not its text only.
                    if let Some((start, edits, secrets)) = closed.key.filter(|_| closed.full) {
                        self.edits.truncate(edits);
                        self.secrets = secrets;
                        self.replace(start..at.end, String::new());
                    }
                }
                Piece::Text(at) | Piece::Data(at) => {
                    let name = open.last().map_or("", |open| open.name.as_str()).to_owned();
                    let shown = self.text[at.clone()].trim();
                    if !shown.is_empty()
                        && shown != SCRUBBED
                        && matches!(name.as_str(), "productkey" | "key")
                    {
                        for above in open.iter_mut().filter(|above| above.key.is_some()) {
                            above.full = true;
                        }
                    }
                    let secret = open.last().is_some_and(|open| open.secret);
                    if let Some(open) = open.last_mut() {
                        open.texts
                            .push((at.clone(), matches!(piece, Piece::Data(_))));
                    }
                    self.value(at.clone(), matches!(piece, Piece::Data(_)), &name, secret);
                }
                Piece::Aside(at) => self.aside(at.clone()),
            }
        }
        if open.is_empty() {
            Ok(())
        } else {
            Err("it is not well-formed XML".to_owned())
        }
    }
}

/// `bytes`, an answer file, without its secrets; `file` names it in errors. What is not secret stays byte for byte.
///
/// # Errors
/// [`UnattendError::Bad`]: too large, too deep, not well-formed, a document type. Its secrets cannot be found then.
pub fn scrub(bytes: &[u8], file: &str, keys: Keys) -> Result<Scrubbed, UnattendError> {
    let bad = |what: String| UnattendError::Bad {
        file: file.to_owned(),
        what,
    };
    if bytes.len() as u64 > LARGEST {
        return Err(bad(format!("it has more than {LARGEST} bytes")));
    }
    let read = decode(bytes);
    if read.encode(&read.text) != bytes {
        return Err(bad(
            "its bytes are not the text that they begin as: save it as UTF-8".to_owned(),
        ));
    }
    let pieces = pieces(&read.text).map_err(bad)?;
    let mut scrubber = Scrubber {
        text: &read.text,
        keys,
        known: AhoCorasick::new(known(&read.text, &pieces))
            .map_err(|error| bad(format!("its passwords cannot be looked for: {error}")))?,
        edits: Vec::new(),
        secrets: 0,
        commands: 0,
    };
    scrubber.run(&pieces).map_err(bad)?;
    if scrubber.secrets == 0 {
        return Ok(Scrubbed {
            bytes: bytes.to_vec(),
            secrets: 0,
            commands: 0,
        });
    }
    let Scrubber {
        edits,
        secrets,
        commands,
        ..
    } = scrubber;
    let text = splice::apply(&read.text, edits);
    let bytes = read.encode(&text);
    // The encoding of a file without a mark is told by its first signs, which may be gone now.
    if decode(&bytes).text != text {
        return Err(bad(
            "without its secrets it would be read in another encoding: save it as UTF-8".to_owned(),
        ));
    }
    Ok(Scrubbed {
        bytes,
        secrets,
        commands,
    })
}
