//! Structures of NTFS as bytes: security descriptors and reparse points.

/// Tag of a junction.
pub(super) const MOUNT_POINT: u32 = 0xA000_0003;
/// Tag of a symbolic link.
pub(super) const SYMLINK: u32 = 0xA000_000C;
/// The target of a symbolic link is relative to its folder.
pub(super) const RELATIVE: u32 = 1;

/// A security identifier: authority 5 (NT) and these parts.
fn sid(parts: &[u32]) -> Vec<u8> {
    let count = u8::try_from(parts.len()).unwrap_or(u8::MAX);
    let mut bytes = vec![1, count, 0, 0, 0, 0, 0, 5];
    for part in parts {
        bytes.extend(part.to_le_bytes());
    }
    bytes
}

/// One entry of an access list.
struct Ace {
    deny: bool,
    /// Bit 0 files inherit, bit 1 folders inherit, bit 3 for children only, bit 4 inherited.
    flags: u8,
    mask: u32,
    who: Vec<u8>,
}

const FULL: u32 = 0x001F_01FF;
const READ: u32 = 0x0012_00A9;

/// A self-relative security descriptor (MS-DTYP 2.4.6); `protected` keeps the folder's own entries off it.
fn descriptor(owner: &[u8], group: &[u8], protected: bool, list: &[Ace]) -> Vec<u8> {
    let mut entries = Vec::new();
    for ace in list {
        let length = u16::try_from(8 + ace.who.len()).unwrap_or(u16::MAX);
        entries.extend([u8::from(ace.deny), ace.flags]);
        entries.extend(length.to_le_bytes());
        entries.extend(ace.mask.to_le_bytes());
        entries.extend(&ace.who);
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let acl_bytes = u16::try_from(8 + entries.len()).unwrap_or(u16::MAX);
    let control: u16 = if protected { 0x9004 } else { 0x8404 };
    let mut bytes = vec![1, 0];
    bytes.extend(control.to_le_bytes());
    for offset in [
        20,
        20 + length(owner.len()),
        0,
        20 + length(owner.len() + group.len()),
    ] {
        bytes.extend(offset.to_le_bytes());
    }
    bytes.extend(owner);
    bytes.extend(group);
    bytes.extend([2, 0]);
    bytes.extend(acl_bytes.to_le_bytes());
    bytes.extend(u16::try_from(list.len()).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(entries);
    bytes
}

/// The descriptors of the tree, as Windows sets them up.
pub(super) struct Descriptors {
    pub trusted_installer: Vec<u8>,
    pub administrators: Vec<u8>,
    pub users: Vec<u8>,
    pub deny_listing: Vec<u8>,
}

impl Descriptors {
    pub fn new() -> Self {
        let system = sid(&[18]);
        let administrators = sid(&[32, 544]);
        let users = sid(&[32, 545]);
        let installer = sid(&[
            80,
            956_008_885,
            3_418_522_649,
            1_831_038_044,
            1_853_292_631,
            2_271_478_464,
        ]);
        // Everyone is S-1-1-0: authority 1.
        let mut everyone = sid(&[0]);
        everyone[7] = 1;
        let allow = |who: &[u8], mask, flags| Ace {
            deny: false,
            flags,
            mask,
            who: who.to_vec(),
        };
        Self {
            trusted_installer: descriptor(
                &installer,
                &installer,
                true,
                &[
                    allow(&installer, FULL, 0),
                    allow(&administrators, READ, 0),
                    allow(&system, READ, 0),
                    allow(&users, READ, 0),
                ],
            ),
            administrators: descriptor(
                &administrators,
                &system,
                true,
                &[allow(&system, FULL, 3), allow(&administrators, FULL, 3)],
            ),
            users: descriptor(
                &system,
                &system,
                false,
                &[
                    allow(&system, FULL, 0x13),
                    allow(&administrators, FULL, 0x13),
                    allow(&users, READ, 0x13),
                ],
            ),
            deny_listing: descriptor(
                &system,
                &system,
                true,
                &[
                    Ace {
                        deny: true,
                        flags: 0,
                        mask: 1,
                        who: everyone.clone(),
                    },
                    allow(&everyone, READ, 0),
                    allow(&system, FULL, 0),
                ],
            ),
        }
    }
}

/// The data of a reparse point: a junction, or a symbolic link with flags (MS-FSCC 2.1.2).
pub(super) fn reparse_data(tag: u32, target: &str, flags: u32) -> Vec<u8> {
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let substitute = wide(target);
    let print = wide(target.strip_prefix(r"\??\").unwrap_or(target));
    let short = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX).to_le_bytes();
    let mut body = Vec::new();
    body.extend(short(0));
    body.extend(short(substitute.len()));
    body.extend(short(substitute.len() + 2));
    body.extend(short(print.len()));
    if tag == SYMLINK {
        body.extend(flags.to_le_bytes());
    }
    body.extend(&substitute);
    body.extend([0, 0]);
    body.extend(&print);
    body.extend([0, 0]);
    let mut bytes = Vec::new();
    bytes.extend(tag.to_le_bytes());
    bytes.extend(short(body.len()));
    bytes.extend([0, 0]);
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_junction_is_laid_out_as_windows_does() {
        let data = reparse_data(MOUNT_POINT, r"\??\C:\Users", 0);
        assert_eq!(&data[..4], &[3, 0, 0, 0xA0]);
        assert_eq!(
            usize::from(u16::from_le_bytes([data[4], data[5]])),
            data.len() - 8
        );
        // Substitute name: offset 0, 12 characters; print name behind it, 8 characters.
        assert_eq!(&data[8..16], &[0, 0, 24, 0, 26, 0, 16, 0]);
        assert_eq!(data.len(), 8 + 8 + 24 + 2 + 16 + 2);
        assert_eq!(reparse_data(SYMLINK, "x", RELATIVE)[16], 1);
    }

    #[test]
    fn descriptors_point_at_their_parts() {
        let owner = sid(&[18]);
        let bytes = descriptor(&owner, &owner, true, &[]);
        assert_eq!(bytes.len(), 20 + 12 + 12 + 8);
        assert_eq!(bytes[4], 20);
        assert_eq!(bytes[8], 32);
        assert_eq!(bytes[16], 44);
        assert_eq!(
            sid(&[32, 544]),
            [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]
        );
    }
}
