//! A look at every entry of an image before any of it is written: what cannot be applied is refused here, and what wimlib leaves
//! out with a warning only is said.

use std::collections::HashSet;

use wimlib_sys as c;

use super::Wim;
use super::error::{WimError, map};
use super::ffi::{self, Entry, Handle};
use super::file::{observe, place};
use super::progress::Silent;

/// Bytes of a record in the master file table.
const MFT_RECORD: u64 = 1024;
/// About what fits into such a record.
const RESIDENT: u64 = 700;
/// Default cluster of NTFS.
const CLUSTER: u64 = 4096;
/// Longest name of a file or stream on NTFS, in UTF-16 units.
const LONGEST_NAME: usize = 255;
/// Most bytes of reparse data (`MAXIMUM_REPARSE_DATA_BUFFER_SIZE` of the Windows SDK less the header of 8 bytes).
const LARGEST_REPARSE: u64 = 16 * 1024 - 8;
/// What NTFS keeps in the root for itself ([MS-FSA] and "NTFS Overview"); upper and lower case mean the same there.
const RESERVED: [&str; 11] = [
    "$MFT", "$MFTMirr", "$LogFile", "$Volume", "$AttrDef", "$Bitmap", "$Boot", "$BadClus",
    "$Secure", "$UpCase", "$Extend",
];
/// How wimlib begins a line about an entry that it leaves out; the last two are names that are meant to lead astray.
const LEFT_OUT: [&str; 5] = [
    "Ignoring duplicate file",
    "Ignoring unnamed file",
    "Ignoring children of",
    "Ignoring file named",
    "Ignoring filename",
];
const ASTRAY: [&str; 2] = ["Ignoring file named", "Ignoring filename"];

/// What is known of an image after a look at every entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Bytes of a volume with clusters of 4 KiB that the image will take, sparse and compressed files left out.
    pub bytes: u64,
    /// Entries that will not be applied, one line each with the reason.
    pub left_out: Vec<String>,
}

/// What the look has found so far.
#[derive(Default)]
struct Looker {
    survey: Survey,
    seen: HashSet<u64>,
    hostile: Option<String>,
    unfit: Option<(String, String)>,
    missing: u64,
    first_missing: String,
}

impl Looker {
    /// Whether to look on.
    fn look(&mut self, entry: &Entry<'_>) -> bool {
        let name = entry.name;
        if name == "." || name == ".." || name.contains(['/', '\\', '\0']) {
            self.hostile = Some(entry.path.to_owned());
            return false;
        }
        if let Some(why) = fault_of(entry) {
            self.unfit = Some((entry.path.to_owned(), why));
            return false;
        }
        if entry.streams.iter().any(|stream| stream.missing) {
            if self.missing == 0 {
                entry.path.clone_into(&mut self.first_missing);
            }
            self.missing += 1;
        }
        if is_encrypted(entry) {
            self.survey.left_out.push(format!(
                "the contents of \"{}\": they are encrypted by EFS, and only Windows can write them",
                entry.path
            ));
        }
        if entry.links > 1 && !self.seen.insert(entry.link_group) {
            return true;
        }
        let mut bytes = MFT_RECORD;
        let thin = c::WIMLIB_FILE_ATTRIBUTE_SPARSE_FILE | c::WIMLIB_FILE_ATTRIBUTE_COMPRESSED;
        if entry.attributes & thin == 0 {
            for stream in entry.streams.iter().filter(|s| s.bytes > RESIDENT) {
                let clusters = stream.bytes.div_ceil(CLUSTER).saturating_mul(CLUSTER);
                bytes = bytes.saturating_add(clusters);
            }
        }
        self.survey.bytes = self.survey.bytes.saturating_add(bytes);
        true
    }
}

fn is_encrypted(entry: &Entry<'_>) -> bool {
    entry.attributes & c::WIMLIB_FILE_ATTRIBUTE_ENCRYPTED != 0
        && entry.attributes & c::WIMLIB_FILE_ATTRIBUTE_DIRECTORY == 0
}

/// What NTFS cannot hold of an entry.
fn fault_of(entry: &Entry<'_>) -> Option<String> {
    let in_root = entry.path.rfind('/') == Some(0);
    if in_root && RESERVED.iter().any(|r| r.eq_ignore_ascii_case(entry.name)) {
        return Some("NTFS keeps this name for itself".to_owned());
    }
    let named = entry.streams.iter().map(|stream| stream.name.as_str());
    for name in std::iter::once(entry.name).chain(named) {
        let units = name.encode_utf16().count();
        if units > LONGEST_NAME {
            return Some(format!(
                "a name has {units} characters, and NTFS holds at most {LONGEST_NAME}"
            ));
        }
    }
    let reparse = entry.attributes & c::WIMLIB_FILE_ATTRIBUTE_REPARSE_POINT != 0
        && entry.attributes & c::WIMLIB_FILE_ATTRIBUTE_ENCRYPTED == 0;
    if reparse && let Some(data) = entry.streams.first() {
        if data.bytes == 0 && !data.missing {
            return Some("it is a reparse point without data".to_owned());
        }
        if data.bytes > LARGEST_REPARSE {
            return Some(format!(
                "its reparse data have {} bytes, and NTFS holds at most {LARGEST_REPARSE}",
                data.bytes
            ));
        }
    }
    (!entry.security.is_empty() && !ffi::is_security_descriptor(entry.security))
        .then(|| "its security descriptor is damaged".to_owned())
}

impl Wim {
    /// Refuses an image with entries that could lead out of the target or deceive: `.`, `..`, and names with `/`, `\\`
    /// or NUL in them. wimlib itself drops some of these with a warning only.
    ///
    /// # Errors
    /// As [`Wim::survey`].
    pub fn refuse_hostile_names(&self, index: u32) -> Result<(), WimError> {
        self.survey(index, &mut |_| {}).map(drop)
    }

    /// Looks at every entry of an image: refuses what could lead astray and what cannot be applied, and says what will be left
    /// out and how much room it takes. `each` is shown every entry.
    ///
    /// # Errors
    /// [`WimError::BadIndex`], [`WimError::Hostile`], [`WimError::Unfit`], [`WimError::BaseMissing`], or damaged.
    pub fn survey(&self, index: u32, each: &mut dyn FnMut(&Entry<'_>)) -> Result<Survey, WimError> {
        self.check_index(index)?;
        let hostile = |entry: String| WimError::Hostile {
            path: self.path.clone(),
            index,
            entry,
        };
        let doing = "reading the names in the image";
        let failed = |failure| map(failure, &self.path, doing, None);
        // wimlib warns once, when it reads the image's tree: a handle of its own sees that moment.
        let (mut fresh, _) =
            Handle::open(&place(&self.path)?, false, &observe(&Silent)).map_err(failed)?;
        let parts = self.other_parts()?;
        if !parts.is_empty() {
            fresh.reference(&parts).map_err(failed)?;
        }
        let mut looker = Looker::default();
        let messages = fresh
            .walk(index, &mut |entry| {
                let more = looker.look(entry);
                if more {
                    each(entry);
                }
                more
            })
            .map_err(failed)?;
        if let Some(path) = looker.hostile {
            return Err(hostile(path));
        }
        if let Some((entry, why)) = looker.unfit {
            return Err(WimError::Unfit {
                path: self.path.clone(),
                index,
                entry,
                why,
            });
        }
        if !ffi::messages_readable() {
            return Err(hostile(
                "the names cannot be checked: /proc is not mounted".to_owned(),
            ));
        }
        if messages.len() >= ffi::MOST_WARNINGS {
            return Err(hostile("too many of its entries are unusable".to_owned()));
        }
        let mut survey = looker.survey;
        for line in messages {
            if ASTRAY.iter().any(|start| line.starts_with(start)) {
                return Err(hostile(line.trim_start_matches("Ignoring ").to_owned()));
            }
            if LEFT_OUT.iter().any(|start| line.starts_with(start)) {
                let what = line.trim_start_matches("Ignoring ").to_owned();
                survey.left_out.push(what);
            }
        }
        if looker.missing > 0 {
            return Err(WimError::BaseMissing {
                path: self.path.clone(),
                image: format!("image {index}"),
                entry: looker.first_missing,
                count: looker.missing,
            });
        }
        Ok(survey)
    }
}
