//! The limits of each step kind (spec section 2).

use super::Checker;
use crate::input::{Check, is_open, network};
use crate::sequence::schema::Action;
use crate::sequence::settings::{
    Adapter, ApplyNetworkSettings, ApplyOperatingSystem, ApplyWindowsSettings,
    CaptureOperatingSystem, ConnectNetworkFolder, Destination, FileSystem, ImageSelect, Join,
    PartitionDef, PartitionDisk, PartitionKind, PartitionStyle, ServerLicense, Size,
};
use crate::sequence::values;

impl Checker<'_> {
    /// A value by its rule; what its rule doubts is a warning.
    fn value(&mut self, path: &str, text: &str, check: &Check) {
        if let Some(reason) = check.mistake(text) {
            self.misfit(path, &reason);
        } else if let Some((doubt, way_out)) = check.doubt(text) {
            self.warning(path, doubt, way_out);
        }
    }

    /// What a rule says against a value; its way out stands on a line of its own.
    fn misfit(&mut self, path: &str, reason: &str) {
        match reason.split_once(": write ") {
            Some((why, how)) => self.error(path, why, &format!("write {how}")),
            None => self.error(path, reason, ""),
        }
    }

    /// The settings that have a rule.
    pub(super) fn values(&mut self, path: &str, action: &Action) {
        for judged in values::of_action(action) {
            if !(judged.optional && judged.text.is_empty()) {
                let path = format!("{path}.{}", judged.field);
                self.value(&path, judged.text, &judged.check);
            }
        }
    }

    pub(super) fn partition_disk(&mut self, path: &str, disk: &PartitionDisk) {
        if disk.disk > 10_000 {
            self.error(
                &format!("{path}.disk"),
                format!("disk {}: 0 to 10000 are possible", disk.disk),
                "",
            );
        }
        let list = format!("{path}.partitions");
        let count = disk.partitions.len();
        let (most, style) = match disk.style {
            PartitionStyle::Gpt => (128, "GPT"),
            PartitionStyle::Mbr => (4, "MBR"),
        };
        if count > most {
            self.error(
                &list,
                format!("{count} partitions: {style} disks hold at most {most}"),
                "",
            );
        } else if count == 0 && self.complete {
            self.error(&list, "the disk is to have no partition", "");
        }
        let mut bootable = false;
        let mut full = false;
        for (index, partition) in disk.partitions.iter().enumerate() {
            let at = format!("{list}[{index}]");
            if full {
                self.error(
                    &format!("{at}.size"),
                    "nothing is left: a partition above takes 100 % of the free space",
                    "",
                );
            }
            full |= partition.size == Size::Percent(100);
            if partition.bootable && bootable {
                self.error(
                    &format!("{at}.bootable"),
                    "only one partition can be the active one",
                    "",
                );
            }
            bootable |= partition.bootable;
            self.partition(&at, partition, disk.style);
        }
        if disk.style == PartitionStyle::Mbr && !bootable && self.complete {
            self.warning(
                &list,
                "no partition is bootable: a BIOS machine will not start from this disk",
                "",
            );
        }
    }

    fn partition(&mut self, at: &str, partition: &PartitionDef, style: PartitionStyle) {
        self.filled(
            &format!("{at}.name"),
            "the name of the partition",
            &partition.name,
            36,
        );
        let size = format!("{at}.size");
        let bytes = match partition.size {
            Size::Percent(share) => {
                if !(1..=100).contains(&share) {
                    self.error(&size, format!("{share} %: 1 to 100 are possible"), "");
                }
                None
            }
            Size::Bytes(bytes) => Some(bytes),
            Size::MiB(count) => Some(count.saturating_mul(crate::units::MIB)),
            Size::GiB(count) => Some(count.saturating_mul(crate::units::GIB)),
        };
        if bytes == Some(0) {
            self.error(&size, "a partition cannot be empty", "");
        }
        if style == PartitionStyle::Mbr
            && bytes.is_some_and(|bytes| bytes > 2048 * crate::units::GIB)
        {
            self.error(&size, "MBR partitions end at 2 TiB", "use `style: Gpt`");
        }
        match (style, partition.kind) {
            (PartitionStyle::Gpt, PartitionKind::Primary | PartitionKind::Hidden) => self.error(
                &format!("{at}.kind"),
                "this kind exists on MBR disks only",
                "GPT knows Efi, Msr, Basic, Recovery",
            ),
            (
                PartitionStyle::Mbr,
                PartitionKind::Basic | PartitionKind::Efi | PartitionKind::Msr,
            ) => self.error(
                &format!("{at}.kind"),
                format!("{:?} partitions exist on GPT disks only", partition.kind),
                "MBR knows Primary, Hidden, Recovery",
            ),
            _ => {}
        }
        if partition.kind == PartitionKind::Msr && partition.format.is_some() {
            self.error(
                &format!("{at}.format"),
                "a Microsoft reserved partition is never formatted",
                "leave `format` out",
            );
        }
        if partition.kind == PartitionKind::Efi && partition.format == Some(FileSystem::Ntfs) {
            self.error(
                &format!("{at}.format"),
                "the EFI system partition must be FAT32",
                "write `format: Fat32`",
            );
        }
        let label = format!("{at}.label");
        match partition.format {
            Some(fs) if !is_open(&partition.label) => {
                if let Err(why) = fs.check_label(&partition.label) {
                    self.error(&label, why, "");
                }
            }
            Some(_) => {}
            None if !partition.label.is_empty() => {
                self.error(
                    &label,
                    "a partition without file system has no label",
                    "add `format`",
                );
            }
            None => {}
        }
        if partition.bootable && style == PartitionStyle::Gpt {
            self.error(
                &format!("{at}.bootable"),
                "GPT disks have no active partition",
                "leave `bootable` out",
            );
        }
        if !partition.attributes.is_empty() && style == PartitionStyle::Mbr {
            self.error(
                &format!("{at}.attributes"),
                "MBR partitions have no attributes",
                "",
            );
        } else if let Some(bad) = partition
            .attributes
            .iter()
            .position(|bit| !matches!(bit, 0 | 60..=63))
        {
            self.error(
                &format!("{at}.attributes[{bad}]"),
                "attribute bits are 0 and 60 to 63",
                "",
            );
        }
        if let Some(variable) = &partition.letter_variable {
            let place = format!("{at}.letter_variable");
            self.writes(&place, variable);
            if partition.format.is_none() || !partition.assign_letter {
                self.error(
                    &place,
                    "this partition gets no drive letter",
                    "letters go to formatted partitions with `assign_letter: true`",
                );
            }
        }
    }

    pub(super) fn apply_os(&mut self, path: &str, apply: &ApplyOperatingSystem) {
        self.filled(
            &format!("{path}.image"),
            "the path of the image",
            &apply.image,
            4096,
        );
        let index = format!("{path}.index");
        match &apply.index {
            ImageSelect::Index(number) if !(1..=2_147_483_647).contains(number) => {
                self.error(
                    &index,
                    format!("image {number}: images are counted from 1"),
                    "",
                );
            }
            ImageSelect::Name(name) => self.filled(&index, "the name of the image", name, 4_000),
            _ => {}
        }
        let destination = format!("{path}.destination");
        match &apply.destination {
            Destination::Partition(disk, partition) => {
                if *disk > 99 {
                    self.error(
                        &format!("{destination}.0"),
                        format!("disk {disk}: 0 to 99 are possible"),
                        "",
                    );
                }
                if !(1..=99).contains(partition) {
                    self.error(
                        &format!("{destination}.1"),
                        format!("partition {partition}: 1 to 99 are possible"),
                        "",
                    );
                }
            }
            Destination::Letter(letter) if !('C'..='Z').contains(&letter.to_ascii_uppercase()) => {
                self.error(
                    &destination,
                    format!("`{letter}` is no drive letter from C to Z"),
                    "",
                );
            }
            Destination::Variable(name) => {
                self.reads(&destination, name);
                if self.complete
                    && !is_open(name)
                    && !self.sets.contains(&name.trim().to_lowercase())
                {
                    self.warning(
                        &destination,
                        format!("nothing above sets `{name}`"),
                        "name it as `letter_variable` of a partition",
                    );
                }
            }
            _ => {}
        }
    }

    pub(super) fn windows_settings(&mut self, path: &str, settings: &ApplyWindowsSettings) {
        let field = |name: &str| format!("{path}.{name}");
        if let Some(ServerLicense::PerServer(count)) = settings.server_license
            && !(5..=9999).contains(&count)
        {
            self.error(
                &field("server_license"),
                format!("{count} connections: 5 to 9999 are possible"),
                "",
            );
        }
        if let Some(variable) = &settings.admin_password_variable {
            self.reads(&field("admin_password_variable"), variable);
            if settings.random_admin_password {
                self.warning(
                    &field("admin_password_variable"),
                    "the password is not used while `random_admin_password` is true",
                    "",
                );
            }
        }
    }

    pub(super) fn network_settings(&mut self, path: &str, settings: &ApplyNetworkSettings) {
        let join = format!("{path}.join");
        if let Join::Domain {
            password_variable, ..
        } = &settings.join
        {
            self.reads_option(
                &format!("{join}.password_variable"),
                password_variable.as_ref(),
            );
        }
        for (index, adapter) in settings.adapters.iter().enumerate() {
            self.adapter(&format!("{path}.adapters[{index}]"), adapter);
        }
    }

    fn adapter(&mut self, at: &str, adapter: &Adapter) {
        let open = |text: &str| is_open(text);
        if let Some(mac) = adapter.mac.as_ref().filter(|mac| !open(mac))
            && let Err(why) = network::mac(mac)
        {
            self.misfit(&format!("{at}.mac"), &why);
        }
        if let Some(why) = network::dhcp(adapter.dhcp, adapter.addresses.len())
            && (adapter.dhcp || self.complete)
        {
            self.misfit(&format!("{at}.dhcp"), why);
        }
        for (name, list, fault) in [
            (
                "addresses",
                &adapter.addresses,
                network::interface as fn(&str) -> Option<String>,
            ),
            ("gateways", &adapter.gateways, network::ip),
            ("dns_servers", &adapter.dns_servers, network::ip),
        ] {
            for (index, text) in list.iter().enumerate().filter(|(_, text)| !open(text)) {
                if let Some(why) = fault(text) {
                    self.misfit(&format!("{at}.{name}[{index}]"), &why);
                }
            }
        }
        if let Some(why) = network::netbios(adapter.netbios) {
            self.misfit(&format!("{at}.netbios"), &why);
        }
    }

    pub(super) fn connect(&mut self, path: &str, connect: &ConnectNetworkFolder) {
        let text = &connect.path;
        let unc = text.strip_prefix(r"\\").is_some_and(|rest| {
            let parts: Vec<&str> = rest.trim_end_matches('\\').split('\\').collect();
            parts.len() >= 2 && parts.iter().all(|part| !part.is_empty())
        });
        if !unc && !text.starts_with("file:/") && !is_open(text) {
            self.error(
                &format!("{path}.path"),
                format!("`{text}` is not a network folder"),
                r#"write r"\\server\share""#,
            );
        }
        if let Some(letter) = connect.letter {
            let upper = letter.to_ascii_uppercase();
            if !('D'..='Z').contains(&upper) || upper == 'X' {
                self.error(
                    &format!("{path}.letter"),
                    format!("`{letter}` cannot be used: letters are D to Z without X"),
                    "",
                );
            }
        }
        self.reads_option(
            &format!("{path}.password_variable"),
            connect.password_variable.as_ref(),
        );
        if let Some(variable) = &connect.folder_variable {
            self.writes(&format!("{path}.folder_variable"), variable);
        }
    }

    pub(super) fn capture(&mut self, path: &str, capture: &CaptureOperatingSystem) {
        let field = |name: &str| format!("{path}.{name}");
        self.reads_option(
            &field("password_variable"),
            capture.password_variable.as_ref(),
        );
        self.optional(
            &field("creator"),
            "the creator",
            capture.creator.as_ref(),
            255,
        );
        self.optional(
            &field("description"),
            "the description",
            capture.description.as_ref(),
            255,
        );
        self.optional(
            &field("version"),
            "the version",
            capture.version.as_ref(),
            32,
        );
        if let Some(version) = &capture.version
            && !is_open(version)
            && !version
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '.')
        {
            self.error(
                &field("version"),
                "a version holds letters, digits and dots only",
                "",
            );
        }
        for (index, pattern) in capture.exclude.iter().enumerate() {
            self.filled(
                &field(&format!("exclude[{index}]")),
                "the pattern",
                pattern,
                4096,
            );
        }
    }
}
