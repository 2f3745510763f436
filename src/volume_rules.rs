//! What FAT32 and NTFS volumes can be: labels and sizes. The document's check, the pre-flight check and what makes the volumes
//! ask here, so that no rule is found out after the disk was wiped.

use crate::units::MIB;

/// Characters of a FAT label, as Windows' `label` command allows them.
pub const FAT_LABEL: usize = 11;
/// Characters of an NTFS label (`SetVolumeLabel`).
pub const NTFS_LABEL: usize = 32;
/// What no FAT label can hold (Windows' `label` command; `mkfs.fat` refuses the same but for `"`, which it misses).
const NOT_IN_FAT_LABEL: &str = "\"*+,./:;<=>?[\\]|";
/// A FAT32 volume has at least so many clusters ("FAT: General Overview of On-Disk Format"), and a margin for rounding.
const FAT32_CLUSTERS: u64 = 66_000;
/// Most clusters of a FAT32 volume: entries have 28 bits, and 0x0FFFFFF5 and above mean something else.
const FAT32_MOST_CLUSTERS: u64 = 0x0FFF_FFF4;
/// Largest cluster that Windows reads everywhere, in bytes.
const FAT32_CLUSTER: u64 = 32 * 1024;

/// A label for FAT32 as it is stored: eleven bytes in upper case, filled up with blanks. `None` for an empty one.
///
/// Only ASCII: other characters are stored in the code page of the machine that reads them, which nobody knows here.
///
/// # Errors
/// One sentence that names what is wrong.
pub fn fat_label(text: &str) -> Result<Option<[u8; FAT_LABEL]>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let count = text.chars().count();
    if let Some(bad) = text.chars().find(|c| NOT_IN_FAT_LABEL.contains(*c)) {
        return Err(format!("a FAT32 label cannot hold `{bad}`"));
    }
    if let Some(bad) = text.chars().find(|c| c.is_control()) {
        return Err(format!(
            "a FAT32 label cannot hold control characters (U+{:04X})",
            u32::from(bad)
        ));
    }
    if let Some(bad) = text.chars().find(|c| !c.is_ascii()) {
        return Err(format!(
            "a FAT32 label cannot hold `{bad}`: only ASCII characters mean the same on every machine"
        ));
    }
    if count > FAT_LABEL {
        return Err(format!(
            "a FAT32 label has {count} characters; at most {FAT_LABEL} are allowed"
        ));
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err("a FAT32 label cannot begin or end with a blank".to_owned());
    }
    let upper = text.to_ascii_uppercase();
    if upper == "NO NAME" {
        return Err("the FAT32 label `NO NAME` means that there is none".to_owned());
    }
    let mut raw = [b' '; FAT_LABEL];
    raw[..upper.len()].copy_from_slice(upper.as_bytes());
    Ok(Some(raw))
}

/// Why NTFS cannot have this label.
///
/// # Errors
/// One sentence that names what is wrong.
pub fn ntfs_label(text: &str) -> Result<(), String> {
    if let Some(bad) = text.chars().find(|c| c.is_control()) {
        return Err(format!(
            "an NTFS label cannot hold control characters (U+{:04X})",
            u32::from(bad)
        ));
    }
    // Windows counts UTF-16 units.
    let count = text.encode_utf16().count();
    if count > NTFS_LABEL {
        return Err(format!(
            "an NTFS label has {count} characters; at most {NTFS_LABEL} are allowed"
        ));
    }
    Ok(())
}

/// Cluster size for FAT32 in bytes by volume size: Windows' own table, made smaller until there are the 65,525 clusters that
/// FAT32 needs.
pub fn fat32_cluster(bytes: u64, sector_bytes: u32) -> u32 {
    const GIB: u64 = 1024 * MIB;
    let mut cluster: u32 = match bytes {
        b if b <= 8 * GIB => 4096,
        b if b <= 16 * GIB => 8192,
        b if b <= 32 * GIB => 16_384,
        _ => 32_768,
    };
    // Some room for the tables themselves.
    while cluster > sector_bytes && bytes / u64::from(cluster) < FAT32_CLUSTERS {
        cluster /= 2;
    }
    cluster.max(sector_bytes)
}

/// Fewest bytes that make a FAT32 volume: its clusters of one sector each, two tables of four bytes a cluster, reserved sectors.
pub fn fat32_least(sector_bytes: u32) -> u64 {
    FAT32_CLUSTERS * u64::from(sector_bytes) + MIB
}

/// Most bytes of a FAT32 volume: its boot sector counts sectors in 32 bits, its table clusters in 28.
pub fn fat32_most(sector_bytes: u32) -> u64 {
    let by_sectors = u64::from(u32::MAX) * u64::from(sector_bytes);
    by_sectors.min(FAT32_MOST_CLUSTERS * FAT32_CLUSTER.max(u64::from(sector_bytes)))
}

/// Fewest bytes that make an NTFS volume with a log of a size that Windows accepts. `mkntfs` itself is content with 1 MiB.
pub fn ntfs_least() -> u64 {
    8 * MIB
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fat_labels_are_upper_case_and_judged() {
        assert_eq!(fat_label("System").unwrap(), Some(*b"SYSTEM     "));
        assert_eq!(fat_label("").unwrap(), None);
        assert_eq!(fat_label("A&B^(1)'~@#").unwrap(), Some(*b"A&B^(1)'~@#"));
        for (bad, why) in [
            ("twelve chars", "12 characters"),
            ("a/b", "`/`"),
            ("sÿstem", "`ÿ`"),
            ("a\tb", "U+0009"),
            ("a\u{7f}", "U+007F"),
            (" a", "blank"),
            ("a ", "blank"),
            ("no name", "NO NAME"),
        ] {
            let error = fat_label(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
        for bad in NOT_IN_FAT_LABEL.chars() {
            assert!(fat_label(&bad.to_string()).is_err(), "{bad}");
        }
    }

    #[test]
    fn ntfs_labels_have_thirty_two_units_of_any_script() {
        assert!(ntfs_label(&"x".repeat(32)).is_ok());
        assert!(ntfs_label(&"x".repeat(33)).is_err());
        assert!(ntfs_label(&"\u{1F600}".repeat(16)).is_ok());
        assert!(ntfs_label(&"\u{1F600}".repeat(17)).is_err());
        assert!(ntfs_label("Größe 日本: a*b").is_ok());
        assert!(ntfs_label("a\nb").is_err());
        assert!(ntfs_label("a\0b").is_err());
    }

    #[test]
    fn clusters_are_small_enough_for_fat32_and_large_for_large_volumes() {
        assert_eq!(fat32_cluster(34 * MIB, 512), 512);
        assert_eq!(fat32_cluster(100 * MIB, 512), 1024);
        assert_eq!(fat32_cluster(260 * MIB, 512), 4096);
        assert_eq!(fat32_cluster(260 * MIB, 4096), 4096);
        assert_eq!(fat32_cluster(20 * 1024 * MIB, 512), 16_384);
    }

    #[test]
    fn fat32_ends_where_its_counters_do() {
        // 2 TiB less a sector, and 8 TiB by the number of clusters.
        assert_eq!(fat32_most(512), (2 << 40) - 512);
        assert!(fat32_most(4096) < 8 << 40);
        for sector in [512, 4096] {
            let clusters = |bytes: u64| bytes / u64::from(fat32_cluster(bytes, sector));
            assert!(clusters(fat32_least(sector)) > 65_525);
            assert!(clusters(fat32_most(sector)) <= FAT32_MOST_CLUSTERS);
        }
    }
}
