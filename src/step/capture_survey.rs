//! Files that a capture on Linux cannot keep: system-compressed, deduplicated and encrypted ones (facts B).

use crate::codes;
use crate::sequence::settings::UnsupportedFiles;
use crate::wim::{Wim, windows_exclusions};

use super::cx::StepCx;
use super::error::StepError;

const WOF: u32 = 0x8000_0017;
const DEDUPLICATED: u32 = 0x8000_0013;
const ENCRYPTED: u32 = 0x4000;
/// How many paths of a kind are listed.
const LISTED: usize = 20;

/// Files of one kind.
#[derive(Debug, Default)]
pub(super) struct Kind {
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

/// What was found in one volume.
#[derive(Debug, Default)]
pub(super) struct Survey {
    wof: Kind,
    deduplicated: Kind,
    /// wimlib leaves these out while scanning.
    pub(super) dropped: Kind,
    encrypted: Kind,
}

impl Survey {
    /// Notes a path that wimlib left out although no exclusion names it.
    pub(super) fn drop_path(&mut self, path: &str) {
        self.dropped.add(path);
    }

    /// Looks at every entry of image `index`, scanned but not yet written: free, no second pass over the volume.
    pub(super) fn look(&mut self, wim: &Wim, index: u32) -> Result<(), crate::wim::WimError> {
        wim.entries(index, &mut |path, attributes, tag| {
            match tag {
                WOF => self.wof.add(path),
                DEDUPLICATED => self.deduplicated.add(path),
                _ => {}
            }
            if attributes & ENCRYPTED != 0 {
                self.encrypted.add(path);
            }
            true
        })
    }

    /// Lists what was found; refuses when the setting says so. The number of files that will be missing or useless.
    pub(super) fn judge(
        &self,
        cx: &StepCx,
        volume: &str,
        policy: UnsupportedFiles,
    ) -> Result<u64, StepError> {
        let kinds = [
            (
                &self.wof,
                "system-compressed (WOF) files, whose contents Linux cannot read",
            ),
            (
                &self.deduplicated,
                "deduplicated files, whose contents are stored elsewhere",
            ),
            (&self.encrypted, "encrypted (EFS) files"),
            (
                &self.dropped,
                "files of a kind that cannot be captured (EFS among them), which are left out",
            ),
        ];
        let mut total = 0;
        let mut words = Vec::new();
        for (kind, what) in kinds {
            if kind.count == 0 {
                continue;
            }
            total += kind.count;
            words.push(format!("{} {what}", kind.count));
            cx.warn(format!("{volume} holds {} {what}:", kind.count));
            for path in &kind.paths {
                cx.warn(format!("  {path}"));
            }
            if kind.count > LISTED as u64 {
                cx.warn(format!("  … and {} more", kind.count - LISTED as u64));
            }
        }
        if total > 0 && policy == UnsupportedFiles::Refuse {
            return Err(StepError::new(
                codes::NOT_SUPPORTED,
                format!("{volume} holds {}", words.join(", ")),
            )
            .hint("In Windows, run `compact.exe /CompactOS:never` and `compact /u /s /exe`, decrypt EFS files, shut down fully and try again; or set unsupported_files to List.")
            .tail(kinds.iter().flat_map(|(kind, _)| kind.paths.clone()).take(LISTED).collect()));
        }
        Ok(total)
    }
}

/// Whether one of the patterns in force names `path` (as wimlib matches: without regard to case, `*` and `?`,
/// a pattern without a slash against the last name only).
pub(super) fn is_excluded(path: &str, own: &[String]) -> bool {
    let path = path.to_lowercase();
    let last = path.rsplit('/').next().unwrap_or_default();
    windows_exclusions()
        .iter()
        .copied()
        .chain(own.iter().map(String::as_str))
        .any(|pattern| {
            let pattern = pattern.to_lowercase();
            let subject = if pattern.contains('/') {
                path.as_str()
            } else {
                last
            };
            matches(pattern.as_bytes(), subject.as_bytes())
        })
}

fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            back = Some((p + 1, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star, at)) = back {
            p = star;
            t = at + 1;
            back = Some((star, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_match_as_in_wimlib() {
        let own = vec!["/Temp/*".to_owned(), "*.tmp".to_owned()];
        assert!(is_excluded("/PageFile.sys", &own));
        assert!(is_excluded("/Temp/a", &own));
        assert!(is_excluded("/deep/down/x.TMP", &own));
        assert!(!is_excluded("/deep/pagefile.sys", &own));
        assert!(!is_excluded("/Secret/efs.txt", &own));
    }
}
