//! Files that a capture on Linux cannot keep: system-compressed, deduplicated and encrypted ones (facts B), and those whose
//! contents are not on the volume.

use crate::codes;
use crate::sequence::settings::UnsupportedFiles;
use crate::wim::reparse::{
    self, Contents, OFFLINE, RECALL_ON_DATA_ACCESS, RECALL_ON_OPEN, REPARSE_POINT,
};
use crate::wim::{Wim, windows_exclusions};

use super::cx::StepCx;
use super::error::StepError;

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
    elsewhere: Kind,
    unknown: Kind,
    away: Kind,
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
            self.sort(path, attributes, tag);
            true
        })
    }

    /// Notes what attributes and reparse tag of an entry say.
    fn sort(&mut self, path: &str, attributes: u32, tag: u32) {
        let named = || format!("{path} ({})", reparse::name(tag));
        let mut said = false;
        if tag != 0 || attributes & REPARSE_POINT != 0 {
            said = true;
            match reparse::contents(tag) {
                Contents::Overlay => self.wof.add(path),
                Contents::ChunkStore => self.deduplicated.add(path),
                Contents::Elsewhere => self.elsewhere.add(&named()),
                Contents::Unknown => self.unknown.add(&named()),
                Contents::Here | Contents::Link => said = false,
            }
        }
        if !said && attributes & (OFFLINE | RECALL_ON_OPEN | RECALL_ON_DATA_ACCESS) != 0 {
            self.away.add(path);
        }
        if attributes & ENCRYPTED != 0 {
            self.encrypted.add(path);
        }
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
            (
                &self.elsewhere,
                "files or folders whose contents are stored elsewhere (cloud, archive, other layer)",
            ),
            (
                &self.unknown,
                "files or folders with a reparse tag that is not known, whose contents may be elsewhere",
            ),
            (
                &self.away,
                "files or folders marked as offline, whose contents may be elsewhere",
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
            .hint("In Windows, run `compact.exe /CompactOS:never` and `compact /u /s /exe`, decrypt EFS files, bring back what a cloud or an archive holds and sign out of it, shut down fully and try again; or set unsupported_files to List.")
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
    fn what_is_not_on_the_volume_is_listed_under_its_kind() {
        let mut survey = Survey::default();
        let entries: [(&str, u32, u32); 16] = [
            ("/plain", 0x20, 0),
            ("/folder", 0x10, 0),
            ("/link", 0x420, 0xA000_000C),
            ("/junction", 0x410, 0xA000_0003),
            ("/socket", 0x420, 0x8000_0023),
            ("/app", 0x420, 0x8000_001B),
            ("/wof", 0x420, 0x8000_0017),
            ("/dedup", 0x620, 0x8000_0013),
            ("/onedrive", 0x420, 0x9000_601A),
            ("/onedrive/folder", 0x0040_0410, 0x9000_601A),
            ("/hsm", 0x1420, 0xC000_0004),
            ("/vendor", 0x420, 0x0000_0044),
            ("/reserved", 0x420, 0),
            ("/offline", 0x1020, 0),
            ("/recall", 0x0040_0020, 0),
            ("/open", 0x0004_0420, 0x8000_0023),
        ];
        for (path, attributes, tag) in entries {
            survey.sort(path, attributes, tag);
        }
        let paths = |kind: &Kind| kind.paths.clone();
        assert_eq!(paths(&survey.wof), ["/wof"]);
        assert_eq!(paths(&survey.deduplicated), ["/dedup"]);
        assert_eq!(
            paths(&survey.elsewhere),
            [
                "/onedrive (CLOUD_6)",
                "/onedrive/folder (CLOUD_6)",
                "/hsm (HSM)"
            ]
        );
        assert_eq!(
            paths(&survey.unknown),
            ["/vendor (0x00000044)", "/reserved (RESERVED_ZERO)"]
        );
        assert_eq!(paths(&survey.away), ["/offline", "/recall", "/open"]);
    }

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
