//! The boot sector: where everything lies, and whether it adds up.

/// The first sector, whatever the sectors' size.
pub(super) const BOOT: usize = 512;
/// Fewer clusters than these are FAT16 for Windows, whatever the boot sector says.
const LEAST_CLUSTERS: u64 = 65_525;
/// Numbers from 0x0FFFFFF7 mean something else.
const MOST_CLUSTERS: u64 = 0x0FFF_FFF5;
const ENTRY: u64 = 4;
const DIRTY: u8 = 1;

/// Where everything lies. Positions and lengths in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) sector: u64,
    pub(super) cluster: u64,
    /// Clusters are numbered from 2 to `clusters + 1`.
    pub(super) clusters: u32,
    pub(super) root: u32,
    pub(super) fats: u64,
    pub(super) fat_start: u64,
    pub(super) fat_bytes: u64,
    /// The only table that counts, when they are not kept alike.
    pub(super) single: Option<u64>,
    pub(super) data_start: u64,
    pub(super) media: u8,
    pub(super) dirty: bool,
    /// Where the free space is summed up, when it is.
    pub(super) info_at: Option<u64>,
    /// Where the boot sector is kept again, when it is.
    pub(super) backup_at: Option<u64>,
}

pub(super) fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl Geometry {
    /// Reads the boot sector of a volume of `length` bytes.
    ///
    /// # Errors
    /// What does not add up, in words.
    pub(super) fn read(boot: &[u8; BOOT], length: u64) -> Result<Self, String> {
        if boot[510..] != [0x55, 0xAA] {
            return Err("the boot sector does not end in 55 AA".to_owned());
        }
        let sector = u64::from(word(boot, 11));
        if !sector.is_power_of_two() || !(512..=4096).contains(&sector) {
            return Err(format!("{sector} bytes per sector"));
        }
        let per_cluster = u64::from(boot[13]);
        if !per_cluster.is_power_of_two() {
            return Err(format!("{per_cluster} sectors per cluster"));
        }
        let reserved = u64::from(word(boot, 14));
        if reserved == 0 {
            return Err("no reserved sectors".to_owned());
        }
        let fats = u64::from(boot[16]);
        if !(1..=2).contains(&fats) {
            return Err(format!("{fats} file allocation tables"));
        }
        let (fat_sectors, sectors) = (u64::from(long(boot, 36)), u64::from(long(boot, 32)));
        if word(boot, 22) != 0 || fat_sectors == 0 {
            return Err("the length of its file allocation table is not that of FAT32".to_owned());
        }
        if word(boot, 17) != 0 {
            return Err("it has a root folder as FAT16 has it".to_owned());
        }
        if word(boot, 19) != 0 || sectors == 0 {
            return Err("its number of sectors is not where FAT32 has it".to_owned());
        }
        if word(boot, 42) != 0 {
            let version = word(boot, 42);
            return Err(format!(
                "version {}.{} of FAT32 is not known",
                version >> 8,
                version & 0xFF
            ));
        }
        if sectors * sector > length {
            return Err(format!(
                "the volume has {} bytes by its boot sector, and only {length} are there",
                sectors * sector
            ));
        }
        let data = reserved + fats * fat_sectors;
        let clusters = sectors.saturating_sub(data) / per_cluster;
        if clusters == 0 {
            return Err("there is no room for data behind its tables".to_owned());
        }
        if clusters < LEAST_CLUSTERS {
            return Err(format!(
                "{clusters} clusters are too few for FAT32 (at least {LEAST_CLUSTERS}): Windows takes it for FAT16"
            ));
        }
        if clusters > MOST_CLUSTERS {
            return Err(format!("{clusters} clusters are more than FAT32 can have"));
        }
        if fat_sectors * sector < (clusters + 2) * ENTRY {
            return Err(format!(
                "its file allocation table has room for {} clusters, and there are {clusters}",
                (fat_sectors * sector / ENTRY).saturating_sub(2)
            ));
        }
        let flags = word(boot, 40);
        let single = (flags & 0x80 != 0).then_some(u64::from(flags & 0x0F));
        if single.is_some_and(|number| number >= fats) {
            return Err(format!(
                "its file allocation table in use is number {} of {fats}",
                flags & 0x0F
            ));
        }
        let root = long(boot, 44);
        let clusters = u32::try_from(clusters).unwrap_or(u32::MAX);
        if root < 2 || root - 2 >= clusters {
            return Err(format!(
                "its root folder starts at cluster {root}, and clusters go from 2 to {}",
                clusters + 1
            ));
        }
        let reserved_sector = |number: u16| {
            let number = u64::from(number);
            (number > 0 && number < reserved).then_some(number * sector)
        };
        Ok(Self {
            sector,
            cluster: per_cluster * sector,
            clusters,
            root,
            fats,
            fat_start: reserved * sector,
            fat_bytes: fat_sectors * sector,
            single,
            data_start: data * sector,
            media: boot[21],
            dirty: boot[65] & DIRTY != 0,
            info_at: reserved_sector(word(boot, 48)),
            backup_at: reserved_sector(word(boot, 50)),
        })
    }

    /// Whether there is such a cluster.
    pub(super) fn has(&self, cluster: u32) -> bool {
        cluster >= 2 && cluster - 2 < self.clusters
    }

    /// Where a cluster's data lie.
    pub(super) fn place(&self, cluster: u32) -> u64 {
        self.data_start + u64::from(cluster.saturating_sub(2)) * self.cluster
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot() -> [u8; BOOT] {
        let mut boot = [0; BOOT];
        boot[11..13].copy_from_slice(&512_u16.to_le_bytes());
        boot[13] = 1;
        boot[14] = 32;
        boot[16] = 2;
        boot[32..36].copy_from_slice(&100_000_u32.to_le_bytes());
        boot[36..40].copy_from_slice(&800_u32.to_le_bytes());
        boot[44] = 2;
        boot[48] = 1;
        boot[50] = 6;
        boot[510..].copy_from_slice(&[0x55, 0xAA]);
        boot
    }

    #[test]
    fn a_good_boot_sector_says_where_things_are() {
        let geometry = Geometry::read(&boot(), 51_200_000).unwrap();
        assert_eq!(geometry.clusters, 98_368);
        assert_eq!(geometry.data_start, 1632 * 512);
        assert_eq!(geometry.place(3), 1633 * 512);
        assert!(geometry.has(98_369) && !geometry.has(98_370) && !geometry.has(1));
        assert_eq!(
            (geometry.info_at, geometry.backup_at),
            (Some(512), Some(3072))
        );
    }

    #[test]
    fn what_does_not_add_up_is_named() {
        let cases: [(usize, &[u8], &str); 17] = [
            (510, &[0, 0], "55 AA"),
            (11, &[0, 0], "0 bytes per sector"),
            (11, &[1, 2], "513 bytes per sector"),
            (11, &[0, 32], "8192 bytes per sector"),
            (13, &[0], "0 sectors per cluster"),
            (13, &[3], "3 sectors per cluster"),
            (14, &[0, 0], "no reserved"),
            (16, &[0], "0 file allocation"),
            (16, &[3], "3 file allocation"),
            (17, &[0, 2], "as FAT16"),
            (22, &[9, 0], "length of its file"),
            (32, &[0, 0, 0, 0], "number of sectors"),
            (32, &[0xFF, 0xFF, 0xFF, 0xFF], "only 51200000 are there"),
            (36, &[10, 0, 0, 0], "room for 1278 clusters"),
            (42, &[1, 0], "version 0.1"),
            (44, &[0, 0, 0, 0], "starts at cluster 0"),
            (40, &[0x82, 0], "number 2 of 2"),
        ];
        for (at, bytes, wanted) in cases {
            let mut bad = boot();
            bad[at..at + bytes.len()].copy_from_slice(bytes);
            let said = Geometry::read(&bad, 51_200_000).unwrap_err();
            assert!(said.contains(wanted), "{at}: {said}");
        }
        let mut small = boot();
        small[32..36].copy_from_slice(&60_000_u32.to_le_bytes());
        assert!(
            Geometry::read(&small, 51_200_000)
                .unwrap_err()
                .contains("FAT16")
        );
    }
}
