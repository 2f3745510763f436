//! The limits of each step kind (spec section 2).

use std::net::IpAddr;

use super::Checker;
use crate::input::{Check, is_open};
use crate::sequence::settings::{
    Adapter, ApplyNetworkSettings, ApplyOperatingSystem, ApplyWindowsSettings,
    CaptureOperatingSystem, ConnectNetworkFolder, Destination, FileSystem, ImageSelect, Join,
    PartitionDef, PartitionDisk, PartitionKind, PartitionStyle, ServerLicense, Size,
};

/// Whether the text looks like a locale (`de-DE`) or an input locale (`0407:00000407`), several with `;` between.
pub fn is_locale(text: &str) -> bool {
    let tag = |text: &str| {
        let mut parts = text.split('-');
        parts.next().is_some_and(|part| {
            (2..=3).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphabetic())
        }) && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())
        })
    };
    // Input locales may also be `0407:00000407`.
    let keyboard = |text: &str| {
        text.split_once(':').is_some_and(|(language, layout)| {
            [(language, 4), (layout, 8)].iter().all(|(part, length)| {
                part.len() == *length && part.chars().all(|c| c.is_ascii_hexdigit())
            })
        })
    };
    !text.is_empty() && text.split(';').all(|one| tag(one) || keyboard(one))
}

impl Checker<'_> {
    fn value(&mut self, path: &str, text: &str, check: &Check) {
        if let Some(reason) = check.mistake(text) {
            self.error(path, reason, "");
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
            None if !partition.label.is_empty() => {
                self.error(
                    &label,
                    "a partition without file system has no label",
                    "add `format`",
                );
            }
            _ => {}
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
        if let Some(name) = &settings.computer_name {
            self.value(&field("computer_name"), name, &Check::ComputerName);
        }
        self.filled(&field("user"), "the registered user", &settings.user, 255);
        self.filled(
            &field("organization"),
            "the registered organization",
            &settings.organization,
            255,
        );
        if let Some(key) = &settings.product_key {
            self.value(&field("product_key"), key, &Check::ProductKey);
        }
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
        self.optional(
            &field("time_zone"),
            "the time zone",
            settings.time_zone.as_ref(),
            255,
        );
        for (name, locale) in [
            ("input_locale", &settings.input_locale),
            ("system_locale", &settings.system_locale),
            ("ui_language", &settings.ui_language),
            ("ui_language_fallback", &settings.ui_language_fallback),
            ("user_locale", &settings.user_locale),
        ] {
            if let Some(locale) = locale
                && !is_open(locale)
                && !is_locale(locale)
            {
                self.error(
                    &field(name),
                    format!("`{locale}` is not a locale"),
                    "write for example de-DE",
                );
            }
        }
    }

    pub(super) fn network_settings(&mut self, path: &str, settings: &ApplyNetworkSettings) {
        let join = format!("{path}.join");
        match &settings.join {
            Join::Workgroup(name) => self.filled(&join, "the workgroup", name, 15),
            Join::Domain {
                name,
                ou,
                account,
                password_variable,
            } => {
                self.filled(&format!("{join}.name"), "the domain", name, 255);
                if let Some(ou) = ou {
                    self.at_most(&format!("{join}.ou"), "the OU", ou, 32_767);
                    if !is_open(ou) && !ou.to_uppercase().starts_with("LDAP://") {
                        self.error(
                            &format!("{join}.ou"),
                            "an OU begins with LDAP://",
                            "write LDAP://OU=Computers,DC=example,DC=org",
                        );
                    }
                }
                self.value(&format!("{join}.account"), account, &Check::Account);
                self.reads_option(
                    &format!("{join}.password_variable"),
                    password_variable.as_ref(),
                );
            }
        }
        for (index, adapter) in settings.adapters.iter().enumerate() {
            self.adapter(&format!("{path}.adapters[{index}]"), adapter);
        }
    }

    fn adapter(&mut self, at: &str, adapter: &Adapter) {
        if let Some(mac) = &adapter.mac {
            let good = mac.split(['-', ':']).count() == 6
                && mac
                    .split(['-', ':'])
                    .all(|part| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit()));
            if !good && !is_open(mac) {
                self.error(
                    &format!("{at}.mac"),
                    format!("`{mac}` is not a MAC address"),
                    "write AA-BB-CC-DD-EE-FF",
                );
            }
        }
        if adapter.dhcp && !adapter.addresses.is_empty() {
            self.error(
                &format!("{at}.addresses"),
                "an adapter with DHCP has no addresses of its own",
                "write `dhcp: false`",
            );
        } else if !adapter.dhcp && adapter.addresses.is_empty() && self.complete {
            self.error(
                &format!("{at}.dhcp"),
                "an adapter without DHCP needs an address",
                "add `addresses`",
            );
        }
        for (index, text) in adapter.addresses.iter().enumerate() {
            let good = text.split_once('/').is_some_and(|(ip, prefix)| {
                let most = match ip.parse::<IpAddr>() {
                    Ok(IpAddr::V4(_)) => 32,
                    Ok(IpAddr::V6(_)) => 128,
                    Err(_) => return false,
                };
                prefix
                    .parse::<u8>()
                    .is_ok_and(|prefix| (1..=most).contains(&prefix))
            });
            if !good && !is_open(text) {
                self.error(
                    &format!("{at}.addresses[{index}]"),
                    format!("`{text}` is not an address with prefix length"),
                    "write for example 192.0.2.10/24",
                );
            }
        }
        for (name, list) in [
            ("gateways", &adapter.gateways),
            ("dns_servers", &adapter.dns_servers),
        ] {
            for (index, text) in list.iter().enumerate() {
                if !is_open(text) && text.parse::<IpAddr>().is_err() {
                    self.error(
                        &format!("{at}.{name}[{index}]"),
                        format!("`{text}` is not an IP address"),
                        "",
                    );
                }
            }
        }
        if adapter.netbios > 2 {
            self.error(
                &format!("{at}.netbios"),
                "NetBIOS is 0 (by DHCP), 1 (on) or 2 (off)",
                "",
            );
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
        if !connect.account.is_empty() {
            self.value(
                &format!("{path}.account"),
                &connect.account,
                &Check::Account,
            );
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
        self.value(
            &field("destination"),
            &capture.destination,
            &Check::ImagePath,
        );
        if !capture.account.is_empty() {
            self.value(&field("account"), &capture.account, &Check::Account);
        }
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
