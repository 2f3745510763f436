//! A WIM that keeps its images and gets more. As with `wimlib-imagex append`, what belongs to the file stays: its GUID, the image it
//! boots, the flags of its header, its compression and chunk size, whether it can be read from a pipe, and the XML data of its images.

use std::path::Path;

use super::error::WimError;
use super::file::Wim;
use super::kept_xml;
use super::progress::Monitor;
use super::types::WimCompression;

impl Wim {
    /// Opens a WIM to which images will be added; [`Wim::write`] makes a new file of it, and the old one must live until then.
    ///
    /// # Errors
    /// As [`Wim::open`]; marked read-only, a part of a split WIM.
    pub fn open_to_append(
        path: &Path,
        check_integrity: bool,
        monitor: &dyn Monitor,
    ) -> Result<Self, WimError> {
        let refused = |why: &str| WimError::NotAppendable {
            path: path.to_path_buf(),
            why: why.to_owned(),
        };
        let mut wim = Self::open(path, check_integrity, monitor)?;
        let info = wim.handle.info();
        if info.total_parts > 1 {
            return Err(refused(
                "it is split into parts; `wimlib-imagex join` makes one file of them",
            ));
        }
        if info.is_marked_readonly() != 0 {
            return Err(refused("it is marked read-only"));
        }
        wim.keeps_guid = true;
        wim.kept_xml = kept_xml::read(path);
        Ok(wim)
    }

    /// Sets how the data that are added will be compressed: as the file is, at the level of `wanted`. Whether that is what was
    /// wanted.
    pub fn compress_alike(&mut self, wanted: WimCompression) -> bool {
        let info = self.handle.info();
        let solid = self.is_solid();
        let kind = info.compression_type.cast_unsigned();
        let level = match wanted {
            WimCompression::Lzx { level } => level,
            WimCompression::Xpress | WimCompression::LzmsSolid => 20,
        };
        let known = [
            WimCompression::Xpress,
            WimCompression::Lzx { level },
            WimCompression::LzmsSolid,
        ];
        // What is neither (not compressed, LZMS without solid blocks) goes on at wimlib's own level.
        self.compression = known
            .into_iter()
            .find(|one| one.kind() == kind && (*one == WimCompression::LzmsSolid) == solid);
        self.compression == Some(wanted)
    }

    /// Whether data in the file lie in solid blocks.
    pub fn is_solid(&self) -> bool {
        self.handle.has_solid_blocks().unwrap_or(false)
    }

    /// The image that the file boots, from 1.
    pub fn boot_index(&self) -> Option<u32> {
        Some(self.handle.info().boot_index).filter(|&index| index > 0)
    }
}
