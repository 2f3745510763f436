//! One WIM file: open, look, check, apply, capture, write.

use std::ffi::CString;
use std::io::Read;
use std::path::{Path, PathBuf};

use wimlib_sys as c;

use super::error::{WimError, map, map_write};
use super::ffi::{self, AddNtfs, Handle, Observer};
use super::progress::{Monitor, Silent};
use super::types::{
    Architecture, ImageInfo, WimCompression, WimInfo, WriteOptions, windows_exclusions,
};
use super::xml_guard;

/// Bytes of a record in the master file table.
const MFT_RECORD: u64 = 1024;
/// About what fits into such a record.
const RESIDENT: u64 = 700;
/// Default cluster of NTFS.
const CLUSTER: u64 = 4096;

/// One WIM: opened from a file or to be written.
#[derive(Debug)]
pub struct Wim {
    pub(super) handle: Handle,
    /// The file it came from; empty for a new one.
    pub(super) path: PathBuf,
    compression: Option<WimCompression>,
}

fn observe(monitor: &dyn Monitor) -> Observer<'_> {
    Observer {
        monitor,
        excluded: None,
    }
}

fn text(value: &str, what: &str) -> Result<CString, WimError> {
    ffi::c_text(value).ok_or_else(|| WimError::BadText {
        what: what.to_owned(),
    })
}

fn place(path: &Path) -> Result<CString, WimError> {
    ffi::c_path(path).ok_or_else(|| WimError::BadText {
        what: format!("the path {}", path.display()),
    })
}

/// Whether the header of a WIM names data behind the end of the file.
fn ends_early(path: &Path) -> bool {
    const HEADER: usize = 208;
    // Blob table, XML data, boot metadata, integrity table: 7 bytes of size, flags, 8 bytes of offset, ...
    const RESOURCES: [usize; 4] = [48, 72, 96, 124];
    let mut header = [0; HEADER];
    let Ok(mut file) = std::fs::File::open(path) else {
        return false;
    };
    let length = file.metadata().map_or(0, |meta| meta.len());
    if file.read_exact(&mut header).is_err() {
        return true;
    }
    let number = |from: usize, bytes: usize| {
        header[from..from + bytes]
            .iter()
            .rev()
            .fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte))
    };
    RESOURCES
        .iter()
        .any(|&at| number(at + 8, 8).saturating_add(number(at, 7)) > length)
}

impl Wim {
    /// Opens a WIM for reading. With `check_integrity`, its integrity table (when it has one) is checked against the
    /// whole file. Of a split WIM the first part is named; the others must lie beside it (`install.swm`,
    /// `install2.swm`, ...).
    ///
    /// # Errors
    /// Not there, not a WIM, truncated, damaged, encrypted, a part missing; aborted.
    pub fn open(
        path: &Path,
        check_integrity: bool,
        monitor: &dyn Monitor,
    ) -> Result<Self, WimError> {
        let open = |source| WimError::Open {
            path: path.to_path_buf(),
            source,
        };
        let file = std::fs::File::open(path).map_err(open)?;
        let meta = file.metadata().map_err(open)?;
        if !meta.is_file() {
            return Err(WimError::NotAWim {
                path: path.to_path_buf(),
            });
        }
        drop(file);
        xml_guard::check(path)?;
        let handle =
            Handle::open(&place(path)?, check_integrity, &observe(monitor)).map_err(|failure| {
                let error = map(failure, path, "opening the image file", None);
                match error {
                    // A file cut off behind its header looks damaged to wimlib; its length says more.
                    WimError::Corrupt { path, source } if ends_early(&path) => {
                        WimError::Truncated { path, source }
                    }
                    other => other,
                }
            })?;
        let mut wim = Self {
            handle,
            path: path.to_path_buf(),
            compression: None,
        };
        wim.reference_parts()?;
        Ok(wim)
    }

    /// A new WIM without images.
    ///
    /// # Errors
    /// No memory; a level out of range shows at [`Wim::write`].
    pub fn create(compression: WimCompression) -> Result<Self, WimError> {
        let handle = Handle::create(compression.kind())
            .map_err(|failure| map(failure, Path::new(""), "making a new image file", None))?;
        let mut wim = Self {
            handle,
            path: PathBuf::new(),
            compression: None,
        };
        wim.set_compression(compression)?;
        Ok(wim)
    }

    /// Sets how file data will be compressed by [`Wim::write`]. Data already in the WIM stays as it is when the type
    /// is the same, and is compressed anew otherwise.
    ///
    /// # Errors
    /// wimlib's.
    pub fn set_compression(&mut self, compression: WimCompression) -> Result<(), WimError> {
        self.handle
            .set_compression(compression.kind(), compression.chunk_bytes())
            .map_err(|failure| map(failure, &self.path, "setting the compression", None))?;
        self.compression = Some(compression);
        Ok(())
    }

    /// Finds the other parts of a split WIM.
    fn reference_parts(&mut self) -> Result<(), WimError> {
        let info = self.handle.info();
        let (part, total) = (info.part_number, info.total_parts);
        if total <= 1 {
            return Ok(());
        }
        if part != 1 {
            return Err(WimError::NotFirstPart {
                path: self.path.clone(),
                part,
                total,
            });
        }
        let stem = self.path.file_stem().unwrap_or_default().to_os_string();
        let mut parts = Vec::new();
        for number in 2..=total {
            let mut name = stem.clone();
            name.push(number.to_string());
            if let Some(extension) = self.path.extension() {
                name.push(".");
                name.push(extension);
            }
            let other = self.path.with_file_name(name);
            let missing = || WimError::SplitPart {
                path: self.path.clone(),
                part: number,
                total,
                missing: other.clone(),
            };
            if !other.is_file() {
                return Err(missing());
            }
            xml_guard::check(&other)?;
            let found = Handle::open(&place(&other)?, false, &observe(&Silent))
                .map_err(|failure| map(failure, &other, "opening a part", None))?
                .info();
            if found.guid != info.guid || found.part_number != number {
                return Err(missing());
            }
            parts.push(place(&other)?);
        }
        self.handle
            .reference(&parts)
            .map_err(|failure| map(failure, &self.path, "opening the other parts", None))
    }

    /// The file it was opened from; empty for a new one.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What header and XML data say.
    pub fn info(&self) -> WimInfo {
        let info = self.handle.info();
        WimInfo {
            image_count: info.image_count,
            has_integrity_table: info.has_integrity_table() != 0,
            part_number: info.part_number,
            total_parts: info.total_parts,
            compression: match info.compression_type.cast_unsigned() {
                c::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_NONE => "none",
                c::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_XPRESS => "XPRESS",
                c::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_LZX => "LZX",
                _ => "LZMS",
            },
            chunk_bytes: info.chunk_size,
            file_bytes: info.total_bytes,
            images: (1..=info.image_count).map(|i| self.image(i)).collect(),
        }
    }

    fn image(&self, index: u32) -> ImageInfo {
        let text = |key| self.image_property(index, key).unwrap_or_default();
        let number = |key| text(key).parse::<u64>().unwrap_or(0);
        let version: Vec<String> = ["MAJOR", "MINOR", "BUILD", "SPBUILD"]
            .iter()
            .map_while(|part| self.image_property(index, &format!("WINDOWS/VERSION/{part}")))
            .collect();
        ImageInfo {
            index,
            name: text("NAME"),
            description: text("DESCRIPTION"),
            flags: text("FLAGS"),
            architecture: text("WINDOWS/ARCH")
                .parse()
                .ok()
                .map(|number| match number {
                    0 => Architecture::X86,
                    5 => Architecture::Arm,
                    9 => Architecture::X64,
                    12 => Architecture::Arm64,
                    other => Architecture::Other(other),
                }),
            total_bytes: number("TOTALBYTES"),
            hard_link_bytes: number("HARDLINKBYTES"),
            files: number("FILECOUNT"),
            dirs: number("DIRCOUNT"),
            version: version.join("."),
            creator: text("CREATOR"),
        }
    }

    /// Refuses numbers of images that do not exist, so that a caller hears of it before anything is written.
    ///
    /// # Errors
    /// [`WimError::BadIndex`] with the number of images and their names.
    pub fn check_index(&self, index: u32) -> Result<(), WimError> {
        let count = self.handle.info().image_count;
        if (1..=count).contains(&index) {
            return Ok(());
        }
        Err(WimError::BadIndex {
            path: self.path.clone(),
            index,
            count,
            names: (1..=count)
                .map(|i| self.image_property(i, "NAME").unwrap_or_default())
                .collect(),
        })
    }

    /// Computes the SHA-1 of every stream of every image, and checks that none is missing.
    ///
    /// # Errors
    /// Damaged, truncated, aborted.
    pub fn verify(&self, monitor: &dyn Monitor) -> Result<(), WimError> {
        self.handle
            .verify(&observe(monitor))
            .map_err(|failure| map(failure, &self.path, "verifying the image file", None))
    }

    /// Refuses an image with entries that could lead out of the target or deceive: `.`, `..`, and names with `/`, `\\`
    /// or NUL in them. wimlib itself drops some of these with a warning only.
    ///
    /// # Errors
    /// [`WimError::BadIndex`], [`WimError::Hostile`], or damaged.
    pub fn refuse_hostile_names(&self, index: u32) -> Result<(), WimError> {
        self.survey(index).map(drop)
    }

    /// Looks at every entry of an image: refuses hostile names (see [`Wim::refuse_hostile_names`]) and says how many
    /// bytes of a volume with clusters of 4 KiB the image will take, sparse and compressed files left out.
    ///
    /// # Errors
    /// As [`Wim::refuse_hostile_names`].
    pub fn survey(&self, index: u32) -> Result<u64, WimError> {
        self.check_index(index)?;
        let hostile = |entry: String| WimError::Hostile {
            path: self.path.clone(),
            index,
            entry,
        };
        // wimlib warns once, when it reads the image's tree: a handle of its own sees that moment.
        let doing = "reading the names in the image";
        let fresh = Handle::open(&place(&self.path)?, false, &observe(&Silent))
            .map_err(|failure| map(failure, &self.path, doing, None))?;
        let mut bad = None;
        let mut bytes = 0_u64;
        let mut seen = std::collections::HashSet::new();
        let messages = fresh
            .walk(index, &mut |entry| {
                let name = entry.name;
                if name == "." || name == ".." || name.contains(['/', '\\', '\0']) {
                    bad = Some(entry.path.to_owned());
                    return false;
                }
                if entry.links > 1 && !seen.insert(entry.link_group) {
                    return true;
                }
                bytes = bytes.saturating_add(MFT_RECORD);
                let thin =
                    c::WIMLIB_FILE_ATTRIBUTE_SPARSE_FILE | c::WIMLIB_FILE_ATTRIBUTE_COMPRESSED;
                if entry.attributes & thin == 0 {
                    for &size in entry.streams.iter().filter(|&&size| size > RESIDENT) {
                        let clusters = size.div_ceil(CLUSTER).saturating_mul(CLUSTER);
                        bytes = bytes.saturating_add(clusters);
                    }
                }
                true
            })
            .map_err(|failure| map(failure, &self.path, doing, None))?;
        if let Some(path) = bad {
            return Err(hostile(path));
        }
        if let Some(line) = messages
            .iter()
            .find(|line| line.starts_with("Ignoring file"))
        {
            return Err(hostile(line.trim_start_matches("Ignoring ").to_owned()));
        }
        if ffi::messages_readable() {
            Ok(bytes)
        } else {
            Err(hostile(
                "the names cannot be checked: /proc is not mounted".to_owned(),
            ))
        }
    }

    /// Applies an image to an unmounted, empty NTFS volume (device or image file). Keeps security descriptors,
    /// attributes, streams, short names, links, reparse points, sparse files and 100 ns times.
    ///
    /// # Errors
    /// [`WimError::BadIndex`]; and once writing has begun: full, damaged source, NTFS trouble, aborted.
    pub fn apply_ntfs(
        &self,
        index: u32,
        node: &Path,
        monitor: &dyn Monitor,
    ) -> Result<(), WimError> {
        self.extract(index, node, true, monitor)
    }

    /// Applies an image to a folder, as far as the folder's file system can keep what the image holds.
    ///
    /// # Errors
    /// As [`Wim::apply_ntfs`].
    pub fn apply_dir(&self, index: u32, dir: &Path, monitor: &dyn Monitor) -> Result<(), WimError> {
        self.extract(index, dir, false, monitor)
    }

    fn extract(
        &self,
        index: u32,
        target: &Path,
        ntfs: bool,
        monitor: &dyn Monitor,
    ) -> Result<(), WimError> {
        self.check_index(index)?;
        self.handle
            .extract(index, &place(target)?, ntfs, &observe(monitor))
            .map(drop)
            .map_err(|failure| map(failure, &self.path, "applying the image", Some(target)))
    }

    /// Captures an unmounted NTFS volume (device or image file) as a new image named `name`: scans it now, its data
    /// is read by [`Wim::write`]. Left out are [`windows_exclusions`] and `exclude`, patterns like `/folder` or
    /// `*.tmp`; each path left out (or of a kind that cannot be captured) is told to `on_excluded`.
    ///
    /// # Errors
    /// The name is taken, NTFS trouble, aborted.
    pub fn add_ntfs(
        &mut self,
        node: &Path,
        name: &str,
        exclude: &[String],
        on_excluded: &dyn Fn(&str),
        monitor: &dyn Monitor,
    ) -> Result<u32, WimError> {
        let mut config = String::from("[ExclusionList]\n");
        for pattern in windows_exclusions() {
            config.push_str(pattern);
            config.push('\n');
        }
        for pattern in exclude {
            if pattern.contains(['\n', '\r', '\0']) {
                return Err(WimError::BadText {
                    what: format!("the exclusion {pattern:?}"),
                });
            }
            // Quotes keep blanks, and a leading [ or # from being read as a section or a comment.
            for piece in ["\"", pattern, "\"\n"] {
                config.push_str(piece);
            }
        }
        let add = AddNtfs {
            node: &place(node)?,
            name: &text(name, "the image name")?,
            config: &config,
        };
        let observer = Observer {
            monitor,
            excluded: Some(on_excluded),
        };
        self.handle
            .add_ntfs(&add, &observer)
            .map_err(|failure| map(failure, &self.path, "capturing the volume", Some(node)))?;
        Ok(self.handle.info().image_count)
    }

    /// Shows every entry of an image (path, attributes, reparse tag) until `each` says `false`; reads no file data.
    ///
    /// # Errors
    /// [`WimError::BadIndex`]; wimlib's.
    pub fn entries(
        &self,
        index: u32,
        each: &mut dyn FnMut(&str, u32, u32) -> bool,
    ) -> Result<(), WimError> {
        self.check_index(index)?;
        self.handle
            .walk(index, &mut |entry| {
                each(entry.path, entry.attributes, entry.reparse_tag)
            })
            .map(drop)
            .map_err(|failure| map(failure, &self.path, "reading the names in the image", None))
    }

    /// Sets a value in the XML data: `DESCRIPTION`, `DISPLAYNAME`, `FLAGS`, `CREATOR`, `WINDOWS/ARCH`, ... Empty removes it.
    ///
    /// # Errors
    /// [`WimError::BadIndex`], a name or value that XML cannot hold.
    pub fn set_image_property(
        &mut self,
        index: u32,
        key: &str,
        value: &str,
    ) -> Result<(), WimError> {
        self.check_index(index)?;
        self.handle
            .set_property(index, &text(key, "the property")?, &text(value, key)?)
            .map_err(|failure| map(failure, &self.path, "describing the image", None))
    }

    /// A value from the XML data; `None` when it is not there.
    pub fn image_property(&self, index: u32, key: &str) -> Option<String> {
        self.handle.property(index, &ffi::c_text(key)?)
    }

    /// Takes over the images of another WIM (one, or all), with names and descriptions. Both must live until
    /// [`Wim::write`] is over, so the other one is kept here.
    ///
    /// # Errors
    /// A name is taken; wimlib's.
    pub fn append_from(&mut self, other: &Self, index: Option<u32>) -> Result<(), WimError> {
        if let Some(index) = index {
            other.check_index(index)?;
        }
        self.handle
            .export_from(&other.handle, index)
            .map_err(|failure| map(failure, &other.path, "taking over an image", None))
    }

    /// Writes all images to `path`, which is made or overwritten; never the file this WIM was opened from.
    ///
    /// # Errors
    /// Full, write trouble, aborted: what is at `path` then is no WIM.
    pub fn write(
        &mut self,
        path: &Path,
        options: &WriteOptions,
        monitor: &dyn Monitor,
    ) -> Result<(), WimError> {
        let mut flags = if options.integrity {
            c::WIMLIB_WRITE_FLAG_CHECK_INTEGRITY
        } else {
            c::WIMLIB_WRITE_FLAG_NO_CHECK_INTEGRITY
        };
        if options.fsync {
            flags |= c::WIMLIB_WRITE_FLAG_FSYNC;
        }
        let level = match self.compression {
            Some(compression) => {
                if compression == WimCompression::LzmsSolid {
                    flags |= c::WIMLIB_WRITE_FLAG_SOLID;
                }
                (compression.kind(), compression.level())
            }
            None => (self.handle.info().compression_type.cast_unsigned(), 0),
        };
        self.handle
            .write(
                &place(path)?,
                flags,
                options.threads,
                level,
                &observe(monitor),
            )
            .map_err(|failure| map_write(failure, path))
    }
}
