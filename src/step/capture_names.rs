//! Names that a captured volume may have and Windows cannot hold, tell apart or open.

use std::collections::HashSet;

use crate::codes;
use crate::sequence::settings::UnsupportedFiles;
use crate::wim::{Wim, WimError};

use super::cx::StepCx;
use super::error::StepError;

/// How many paths of a kind are listed.
const LISTED: usize = 20;

#[derive(Debug, Default)]
struct Kind {
    count: u64,
    paths: Vec<String>,
}

impl Kind {
    fn add(&mut self, path: &str) {
        self.count += 1;
        if self.paths.len() < LISTED {
            self.paths.push(path.to_owned());
        }
    }
}

/// What was found in one image.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Windows can neither make nor read them, and wimlib leaves some out when it reads the image.
    forbidden: Kind,
    /// Of two names that differ only in case Windows finds one.
    twins: Kind,
    /// What the scan left out, in wimlib's words: it does not say where.
    ignored: Vec<String>,
    /// Only programs that go round the usual rules can open them.
    awkward: Kind,
    /// The names of each folder on the way to the entry in hand, without regard to case.
    beside: Vec<HashSet<String>>,
}

/// What is wrong with one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Forbidden,
    Awkward,
}

/// Names of devices, with or without an extension.
fn is_device(name: &str) -> bool {
    let stem = name.split(['.', ' ']).next().unwrap_or_default();
    let stem = stem.to_ascii_uppercase();
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str()) {
        return true;
    }
    let rest = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"));
    let mut signs = rest.unwrap_or_default().chars();
    matches!(
        (signs.next(), signs.next()),
        (Some('1'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'), None)
    )
}

/// By the naming rules of Win32.
fn fault(name: &str) -> Option<Fault> {
    if name.is_empty() || name.contains(|c: char| c < ' ' || "\\/:*?\"<>|".contains(c)) {
        Some(Fault::Forbidden)
    } else if name.ends_with(['.', ' ']) || is_device(name) {
        Some(Fault::Awkward)
    } else {
        None
    }
}

/// As NTFS compares: sign by sign.
fn folded(name: &str) -> String {
    name.chars()
        .map(|c| {
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        })
        .collect()
}

impl Names {
    /// Looks at every name of image `index`, scanned but not yet written.
    pub(super) fn look(wim: &Wim, index: u32) -> Result<Self, WimError> {
        let mut names = Self {
            ignored: wim.ignored().to_vec(),
            ..Self::default()
        };
        wim.entries(index, &mut |path, _, _| {
            names.entry(path);
            true
        })?;
        names.beside = Vec::new();
        Ok(names)
    }

    /// One path from the root; a folder comes before what is in it.
    fn entry(&mut self, path: &str) {
        let Some((folder, name)) = path.rsplit_once('/').filter(|_| path != "/") else {
            return;
        };
        match fault(name) {
            Some(Fault::Forbidden) => self.forbidden.add(path),
            Some(Fault::Awkward) => self.awkward.add(path),
            None => {}
        }
        let depth = folder.matches('/').count();
        self.beside.truncate(depth + 1);
        self.beside.resize_with(depth + 1, HashSet::new);
        if !self.beside[depth].insert(folded(name)) {
            self.twins.add(path);
        }
    }

    /// Lists what was found; refuses names that get lost when the setting says so. How many names there are of all kinds.
    pub(super) fn judge(
        &self,
        cx: &StepCx,
        volume: &str,
        policy: UnsupportedFiles,
    ) -> Result<u64, StepError> {
        const FORBIDDEN: &str =
            "names that Windows cannot hold, which get lost when the image is applied";
        let mut total = self.ignored.len() as u64;
        for line in &self.ignored {
            cx.warn(format!("{volume}: left out of the image: {line}"));
        }
        for (kind, what) in [
            (&self.forbidden, FORBIDDEN),
            (
                &self.twins,
                "names that differ from another one in their folder only in case, of which Windows shows one",
            ),
            (
                &self.awkward,
                "names that Windows programs cannot open (a device, or a point or blank at the end)",
            ),
        ] {
            if kind.count == 0 {
                continue;
            }
            total += kind.count;
            cx.warn(format!("{volume} holds {} {what}:", kind.count));
            for path in &kind.paths {
                cx.warn(format!("  {path:?}"));
            }
            let more = kind.count - kind.paths.len() as u64;
            if more > 0 {
                cx.warn(format!("  … and {more} more"));
            }
        }
        let lost = self.forbidden.count + self.ignored.len() as u64;
        if lost > 0 && policy == UnsupportedFiles::Refuse {
            return Err(StepError::new(
                codes::NOT_SUPPORTED,
                format!("{volume} holds {lost} {FORBIDDEN}"),
            )
            .hint("Rename these files (chkdsk /f mends names that are none), or set unsupported_files to List.")
            .tail([&self.forbidden.paths[..], &self.ignored].concat()));
        }
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_the_rules_of_win32() {
        for name in ["a\\b", "a:b", "", "what?", "a\u{1}b", "a|b", "\"x\""] {
            assert_eq!(fault(name), Some(Fault::Forbidden), "{name:?}");
        }
        for name in [
            "end.",
            "end ",
            "con",
            "NUL.txt",
            "Com1",
            "lpt9.log",
            "COM\u{b9}",
            "aux .c",
        ] {
            assert_eq!(fault(name), Some(Fault::Awkward), "{name:?}");
        }
        for name in [
            "console",
            "com10",
            "com0",
            "lpt",
            ".bashrc",
            "naïve €.efi",
            "a.b. c",
        ] {
            assert_eq!(fault(name), None, "{name:?}");
        }
    }

    #[test]
    fn twins_are_found_in_one_folder_only() {
        let mut names = Names::default();
        for path in [
            "/", "/A", "/A/x", "/A/y", "/A/Y", "/B", "/B/X", "/B/x2", "/B/c", "/B/c/x", "/a", "/C",
            "/C/é", "/C/É",
        ] {
            names.entry(path);
        }
        assert_eq!(names.twins.paths, ["/A/Y", "/a", "/C/É"]);
        assert_eq!((names.forbidden.count, names.awkward.count), (0, 0));
    }
}
