//! The whole check, in the order in which one part relies on the other.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::cancel::CancelToken;
use crate::units;

use super::super::fat::FatError;
use super::folders::Walk;
use super::geometry::{BOOT, Geometry, long};
use super::state::FatState;
use super::table::{Table, read_at};

const SIGNATURE: &[u8] = b"FAT32   ";
const UNKNOWN: u32 = u32::MAX;
/// Where Windows and mkfs.fat keep the boot sector again.
const BACKUP: u64 = 6;

/// Checks the volume in a device or image file, which is opened read-only.
///
/// # Errors
/// It cannot be read; cancelled.
pub fn check_node(node: &Path, cancel: &CancelToken) -> Result<FatState, FatError> {
    let checked = File::open(node).and_then(|mut file| check(&mut file, cancel));
    match checked {
        Err(_) if cancel.is_cancelled() => Err(FatError::Cancelled),
        Err(source) => Err(FatError::Io {
            doing: format!("checking {}", node.display()),
            source,
        }),
        Ok(state) => Ok(state),
    }
}

/// Checks a FAT32 volume, which begins at the start of `volume`. Takes one bit of memory a cluster, and one folder's entries.
///
/// # Errors
/// It cannot be read; cancelled.
pub fn check<R: Read + Seek>(volume: &mut R, cancel: &CancelToken) -> io::Result<FatState> {
    let mut state = FatState::default();
    let length = volume.seek(SeekFrom::End(0))?;
    let mut boot = [0; BOOT];
    if length < BOOT as u64 {
        state.damage.add("it has no boot sector".to_owned());
        return Ok(state);
    }
    read_at(volume, 0, &mut boot)?;
    let geometry = match Geometry::read(&boot, length) {
        Ok(geometry) => geometry,
        Err(why) => {
            state.damage.add(why);
            return Ok(state);
        }
    };
    state.dirty = geometry.dirty;
    backup(volume, &geometry, &boot, &mut state)?;
    let mut table = Table::read(volume, &geometry, cancel, &mut state)?;
    Walk::new(&mut table, &mut state, cancel).all()?;
    let (orphans, bad) = (table.unclaimed(), table.bad);
    // With other damage these are what the damage cut off.
    if orphans > 0 && !state.is_hopeless() {
        state.damage.add(format!(
            "{} ({}) are in use and belong to no file",
            units::count(orphans, "cluster"),
            units::bytes(orphans * geometry.cluster)
        ));
    }
    summary(volume, &geometry, bad, &mut state)?;
    Ok(state)
}

fn backup<R: Read + Seek>(
    volume: &mut R,
    geometry: &Geometry,
    boot: &[u8; BOOT],
    state: &mut FatState,
) -> io::Result<()> {
    let Some(at) = geometry.backup_at else {
        return Ok(());
    };
    let mut copy = [0; BOOT];
    read_at(volume, at, &mut copy)?;
    // The dirty mark is set in the first one only.
    (copy[65], copy[66]) = (boot[65], boot[66]);
    if copy != *boot {
        state
            .notes
            .add("boot sector and its backup differ".to_owned());
    }
    Ok(())
}

/// The sum of the free space is a hint only: everybody counts for himself who needs to know.
fn summary<R: Read + Seek>(
    volume: &mut R,
    geometry: &Geometry,
    bad: u64,
    state: &mut FatState,
) -> io::Result<()> {
    let Some(at) = geometry.info_at else {
        return Ok(());
    };
    let mut info = [0; BOOT];
    read_at(volume, at, &mut info)?;
    let signed = info.starts_with(b"RRaA")
        && info[484..488] == *b"rrAa"
        && info[508..] == [0, 0, 0x55, 0xAA];
    if !signed {
        state
            .notes
            .add("the sector that sums up its free space is damaged".to_owned());
        return Ok(());
    }
    let free = long(&info, 488);
    let used = state.used_bytes / geometry.cluster;
    let really = u64::from(geometry.clusters).saturating_sub(used + bad);
    if free != UNKNOWN && u64::from(free) != really {
        state.notes.add(format!(
            "the sum of its free clusters is wrong ({free}, and there are {really})"
        ));
    }
    Ok(())
}

/// What is left of a FAT32 volume where no file system is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// Nothing that can be told.
    Nothing,
    /// The backup of its boot sector, as after a volume that was wiped or overwritten.
    Backup,
    /// Its boot sector, which does not add up.
    Boot,
}

/// Looks for them.
pub fn remains(node: &Path) -> Remains {
    let Ok(mut file) = File::open(node) else {
        return Remains::Nothing;
    };
    let mut signed = |at: u64| {
        let mut boot = [0; BOOT];
        read_at(&mut file, at, &mut boot).is_ok() && boot[82..90] == *SIGNATURE
    };
    if signed(0) {
        Remains::Boot
    } else if signed(BACKUP * 512) || signed(BACKUP * 4096) {
        Remains::Backup
    } else {
        Remains::Nothing
    }
}
