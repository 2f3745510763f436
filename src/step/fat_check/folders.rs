//! Every folder of a volume: its entries, and the clusters of what they name.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{self, Read, Seek};

use crate::cancel::CancelToken;
use crate::units;

use super::super::fat::DEEPEST;
use super::entry::{BYTES, Entry, Kind};
use super::long_name::{Found, LongName, bad_name};
use super::state::FatState;
use super::table::{Broken, Table, read_at};

/// Longest folder in bytes: 65536 entries.
const LONGEST: u64 = 2 << 20;
const DOT: &[u8] = b".          ";
const DOTS: &[u8] = b"..         ";

/// A folder to be looked through.
struct Folder {
    name: String,
    first: u32,
    parent: u32,
    depth: usize,
}

pub(super) struct Walk<'a, 'b, R> {
    pub(super) table: &'a mut Table<'b, R>,
    pub(super) state: &'a mut FatState,
    pub(super) cancel: &'a CancelToken,
    /// The names on the way to the folder in hand.
    way: Vec<String>,
    hasher: RandomState,
}

/// A name as all that ignores case sees it.
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

impl<'a, 'b, R: Read + Seek> Walk<'a, 'b, R> {
    pub(super) fn new(
        table: &'a mut Table<'b, R>,
        state: &'a mut FatState,
        cancel: &'a CancelToken,
    ) -> Self {
        Self {
            table,
            state,
            cancel,
            way: Vec::new(),
            hasher: RandomState::new(),
        }
    }

    /// Looks through all folders, claims all clusters that belong to something.
    pub(super) fn all(&mut self) -> io::Result<()> {
        let root = self.table.geometry.root;
        let mut open = vec![Folder {
            name: String::new(),
            first: root,
            parent: root,
            depth: 0,
        }];
        while let Some(folder) = open.pop() {
            if self.cancel.is_cancelled() {
                return Err(io::Error::other("cancelled"));
            }
            if self.state.is_hopeless() {
                return Ok(());
            }
            self.way.truncate(folder.depth.saturating_sub(1));
            if folder.depth > 0 {
                self.way.push(folder.name.clone());
            }
            if folder.depth > DEEPEST {
                self.damage("", "folders are nested too deep");
                continue;
            }
            self.folder(&folder, &mut open)?;
        }
        Ok(())
    }

    /// "/EFI/Boot/name".
    fn path(&self, name: &str) -> String {
        let mut path = String::new();
        for part in self.way.iter().map(String::as_str).chain([name]) {
            if !part.is_empty() {
                path.push('/');
                path.push_str(part);
            }
        }
        if path.is_empty() {
            "/".to_owned()
        } else {
            path
        }
    }

    fn damage(&mut self, name: &str, what: impl std::fmt::Display) {
        let line = format!("{}: {what}", self.path(name));
        self.state.damage.add(line);
    }

    fn note(&mut self, name: &str, what: &str) {
        let line = format!("{}: {what}", self.path(name));
        self.state.notes.add(line);
    }

    fn folder(&mut self, folder: &Folder, open: &mut Vec<Folder>) -> io::Result<()> {
        let geometry = self.table.geometry;
        let most = u32::try_from((LONGEST / geometry.cluster).max(1)).unwrap_or(u32::MAX);
        let mut bytes = Vec::new();
        let step = usize::try_from(geometry.cluster).unwrap_or(0);
        let (_, broken) = self
            .table
            .claim(folder.first, most, &mut |volume, cluster| {
                let from = bytes.len();
                bytes.resize(from + step, 0);
                read_at(volume, geometry.place(cluster), &mut bytes[from..])
            })?;
        if let Some(broken) = broken {
            self.damage("", format!("the folder cannot be followed: {broken}"));
            if broken == Broken::TooLong {
                return Ok(());
            }
        }
        let mut names = HashSet::new();
        let mut long = LongName::default();
        let (mut ended, mut behind) = (false, 0_u32);
        let (mut orphans, mut labels) = (0_u64, 0_u32);
        // What an orphaned name waited for, since the last file.
        let mut fresh = None;
        for (number, raw) in bytes.chunks_exact(BYTES).enumerate() {
            let entry = Entry(raw);
            let kind = entry.kind();
            if ended {
                behind += u32::from(!matches!(kind, Kind::End | Kind::Deleted));
                continue;
            }
            if folder.depth > 0 && number < 2 {
                self.dot(folder, entry, number == 1);
                if entry.raw_name() == [DOT, DOTS][number] {
                    continue;
                }
            }
            match kind {
                Kind::LongName => {
                    // A name that begins anew leaves another one behind.
                    if raw[0] & 0x40 != 0
                        && let Some(sum) = long.abandon()
                    {
                        orphans += 1;
                        fresh = Some(sum);
                    }
                    long.add(entry);
                    continue;
                }
                Kind::File | Kind::Folder => {
                    let mut found = long.take(entry);
                    // A part between them is gone.
                    if found == Found::Nothing && fresh == Some(entry.checksum()) {
                        orphans -= 1;
                        found = Found::Orphaned;
                    }
                    fresh = None;
                    self.named(folder, entry, kind, found, &mut names, open)?;
                    if self.state.is_hopeless() {
                        return Ok(());
                    }
                    continue;
                }
                Kind::Impossible => {
                    let name = entry.short_name();
                    self.damage(
                        &name,
                        format!("attributes {:#04x}, which nothing has", raw[11]),
                    );
                }
                Kind::Label => {
                    labels += 1;
                    if entry.first_cluster() != 0 || entry.size() != 0 {
                        let name = entry.short_name();
                        self.damage(&name, "marked as the volume's label, and has contents");
                    } else if folder.depth > 0 || labels > 1 {
                        self.note(&entry.short_name(), "a volume label where none belongs");
                    }
                }
                Kind::End => ended = true,
                Kind::Deleted => {}
            }
            if let Some(sum) = long.abandon() {
                orphans += 1;
                fresh = Some(sum);
            }
        }
        orphans += u64::from(long.abandon().is_some());
        if orphans > 0 {
            let names = units::count(orphans, "long name");
            self.note("", &format!("parts of {names} that belong to no file"));
        }
        if behind > 0 {
            self.damage("", format!("{behind} entries stand behind its end"));
        }
        Ok(())
    }

    /// The entries of a folder for itself and for the folder around it.
    fn dot(&mut self, folder: &Folder, entry: Entry<'_>, outer: bool) {
        let (name, wanted) = if outer {
            (DOTS, folder.parent)
        } else {
            (DOT, folder.first)
        };
        let shown = if outer { ".." } else { "." };
        if entry.raw_name() != name || entry.kind() != Kind::Folder {
            self.damage(
                "",
                format!("its entry {shown} is missing: this is no folder"),
            );
            return;
        }
        let root = self.table.geometry.root;
        let first = entry.first_cluster();
        // The root folder is 0 there; some write its cluster.
        let right = first == wanted || outer && wanted == root && first == 0;
        if !right {
            self.damage(
                "",
                format!("its entry {shown} leads to cluster {first}, not {wanted}"),
            );
        }
    }

    /// An entry for a file or folder.
    fn named(
        &mut self,
        folder: &Folder,
        entry: Entry<'_>,
        kind: Kind,
        found: Found,
        names: &mut HashSet<u64>,
        open: &mut Vec<Folder>,
    ) -> io::Result<()> {
        let short = entry.short_name();
        if let Some(why) = entry.bad_name() {
            self.damage(&short, format!("its short name is none: {why}"));
            if short == "." || short == ".." {
                return Ok(());
            }
        }
        let name = match found {
            Found::Nothing => short.clone(),
            Found::Orphaned => {
                let line = format!(
                    "{}: its long name is damaged, and it has this name only",
                    self.path(&short)
                );
                self.state.left_out.add(line);
                short.clone()
            }
            Found::Name(units, clean) => {
                let name = String::from_utf16_lossy(&units);
                if let Some(why) = bad_name(&units) {
                    self.damage(&name, format!("its name is none: {why}"));
                } else if !clean {
                    self.damage(&name, "its name goes on behind its end");
                }
                name
            }
        };
        let (long, short) = (folded(&name), folded(&short));
        let mut twice = !names.insert(self.hasher.hash_one(&long));
        if short != long {
            twice |= !names.insert(self.hasher.hash_one(&short));
        }
        if twice {
            self.damage(&name, "this name stands twice in its folder");
        }
        let (first, size) = (entry.first_cluster(), entry.size());
        if kind == Kind::Folder {
            if size != 0 {
                self.note(&name, "a folder with a length");
            }
            if first == 0 {
                self.damage(&name, "a folder without clusters");
            } else {
                open.push(Folder {
                    name,
                    first,
                    parent: folder.first,
                    depth: folder.depth + 1,
                });
            }
            return Ok(());
        }
        self.file(&name, first, size)
    }

    fn file(&mut self, name: &str, first: u32, size: u32) -> io::Result<()> {
        let wanted = u64::from(size).div_ceil(self.table.geometry.cluster);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        if first == 0 {
            if size != 0 {
                self.damage(name, format!("{size} bytes long, and has no clusters"));
            }
            return Ok(());
        }
        let cancel = self.cancel;
        let mut steps = 0_u32;
        let (count, broken) = self.table.claim(first, wanted, &mut |_, _| {
            steps = steps.wrapping_add(1);
            if steps % 4096 == 0 && cancel.is_cancelled() {
                return Err(io::Error::other("cancelled"));
            }
            Ok(())
        })?;
        match broken {
            Some(Broken::TooLong) => self.damage(
                name,
                format!("{size} bytes long, and has more clusters than the {wanted} for them"),
            ),
            Some(broken) => self.damage(name, broken),
            None if count < wanted => self.damage(
                name,
                format!("{size} bytes long, and has {count} clusters of the {wanted} for them"),
            ),
            None => {}
        }
        Ok(())
    }
}
