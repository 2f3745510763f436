//! The rules of each step kind's settings (spec 2.1 to 2.5, 2.12, 2.13, 2.15, 2.17, 6.4).

use super::check::{Checker, fixed};
use super::schema::Action;
use super::settings::{
    ApplyNetworkSettings, ApplyOperatingSystem, ApplyWindowsSettings, CaptureOperatingSystem,
    ConnectNetworkFolder, Destination, FileSystem, ImageSelect, Join, PartitionDef, PartitionDisk,
    PartitionKind, PartitionStyle, ServerLicense, Size,
};

pub(super) fn action(checker: &mut Checker<'_>, path: &str, action: &Action) {
    match action {
        Action::SetVariable(settings) => checker.variable(&format!("{path}.variable"), &settings.variable),
        Action::RunCommandLine(settings) => {
            checker.length(&format!("{path}.command"), "the command", &settings.command, 1, 32_000);
            if let Some(folder) = &settings.working_directory {
                checker.length(&format!("{path}.working_directory"), "the folder", folder, 1, 255);
            }
            if let Some(name) = &settings.output_variable {
                checker.variable(&format!("{path}.output_variable"), name);
            }
        }
        Action::RestartComputer(settings) => {
            checker.length(&format!("{path}.message"), "the message", &settings.message, 0, 512);
        }
        Action::Pause(settings) => {
            checker.length(&format!("{path}.message"), "the message", &settings.message, 1, 512);
        }
        Action::PartitionDisk(settings) => partition_disk(checker, path, settings),
        Action::ApplyOperatingSystem(settings) => apply(checker, path, settings),
        Action::ApplyWindowsSettings(settings) => windows(checker, path, settings),
        Action::ApplyNetworkSettings(settings) => network(checker, path, settings),
        Action::ConnectNetworkFolder(settings) => connect(checker, path, settings),
        Action::CaptureOperatingSystem(settings) => capture(checker, path, settings),
    }
}

fn partition_disk(checker: &mut Checker<'_>, path: &str, settings: &PartitionDisk) {
    if settings.disk > 10_000 {
        checker.error(&format!("{path}.disk"), "disk numbers go from 0 to 10000");
    }
    let most = match settings.style {
        PartitionStyle::Gpt => 128,
        PartitionStyle::Mbr => 4,
    };
    let count = settings.partitions.len();
    let all = format!("{path}.partitions");
    if count == 0 {
        checker.error(&all, "a disk needs at least one partition");
    } else if count > most {
        checker.error(&all, format!("{count} partitions; {:?} holds at most {most}", settings.style));
    }
    let mut full = false;
    let mut bootable = false;
    for (at, partition) in settings.partitions.iter().enumerate() {
        let path = format!("{all}[{at}]");
        if full {
            checker.error(&format!("{path}.size"), "nothing is left: a partition before this one takes 100 percent of the rest");
            full = false;
        }
        match partition.size {
            Size::Percent(percent) if !(1..=100).contains(&percent) => {
                checker.error(&format!("{path}.size"), format!("{percent} percent; 1 to 100 are allowed"));
            }
            Size::Percent(100) => full = true,
            Size::Bytes(0) | Size::MiB(0) | Size::GiB(0) => {
                checker.error(&format!("{path}.size"), "a partition needs a size");
            }
            _ => {}
        }
        if partition.bootable {
            if bootable {
                checker.error(&format!("{path}.bootable"), "only one partition can be bootable");
            }
            bootable = true;
        }
        one_partition(checker, &path, settings.style, partition);
    }
}

fn one_partition(
    checker: &mut Checker<'_>,
    path: &str,
    style: PartitionStyle,
    partition: &PartitionDef,
) {
    checker.length(&format!("{path}.name"), "the name", &partition.name, 1, 36);
    use PartitionKind as Kind;
    let fits = match style {
        PartitionStyle::Gpt => !matches!(partition.kind, Kind::Primary | Kind::Hidden),
        PartitionStyle::Mbr => !matches!(partition.kind, Kind::Efi | Kind::Msr),
    };
    if !fits {
        checker
            .error(&format!("{path}.kind"), format!("{:?} does not exist in a {style:?} table", partition.kind))
            .hint = Some("GPT: Basic, Efi, Msr, Recovery. MBR: Primary, Hidden, Recovery.".to_owned());
    }
    match (partition.kind, partition.format) {
        (Kind::Msr, Some(_)) => {
            checker.error(&format!("{path}.format"), "a Microsoft reserved partition is never formatted");
        }
        (Kind::Efi, None | Some(FileSystem::Ntfs)) => {
            checker.error(&format!("{path}.format"), "an EFI system partition must be formatted with Fat32");
        }
        _ => {}
    }
    if partition.bootable && style == PartitionStyle::Gpt {
        checker.error(&format!("{path}.bootable"), "`bootable` is the active flag of MBR; a GPT disk starts from its EFI system partition");
    }
    let most = match partition.format {
        Some(FileSystem::Fat32) => 11,
        _ => 32,
    };
    checker.length(&format!("{path}.label"), "the label", &partition.label, 0, most);
    if partition.format == Some(FileSystem::Fat32)
        && let Some(c) = partition.label.chars().find(|c| !c.is_ascii() || "*?/\\|,;:+=<>[]\".".contains(*c))
    {
        checker.error(&format!("{path}.label"), format!("`{c}` cannot stand in a FAT32 label"));
    }
    for (at, bit) in partition.attributes.iter().enumerate() {
        if !matches!(bit, 0 | 60..=63) {
            checker.error(&format!("{path}.attributes[{at}]"), format!("attribute bit {bit}; 0 and 60 to 63 are known"));
        }
    }
    if let Some(name) = &partition.letter_variable {
        checker.variable(&format!("{path}.letter_variable"), name);
        if partition.format.is_none() {
            checker.warn(&format!("{path}.letter_variable"), "an unformatted partition gets no letter, so this variable stays empty");
        }
    }
}

fn apply(checker: &mut Checker<'_>, path: &str, settings: &ApplyOperatingSystem) {
    checker.length(&format!("{path}.image"), "the path", &settings.image, 1, 255);
    match &settings.index {
        ImageSelect::Index(0) => {
            checker.error(&format!("{path}.index"), "images are counted from 1");
        }
        ImageSelect::Name(name) => checker.length(&format!("{path}.index"), "the name", name, 1, 255),
        _ => {}
    }
    match &settings.destination {
        Destination::Partition(disk, partition) if *disk > 99 || !(1..=99).contains(partition) => {
            checker.error(&format!("{path}.destination"), "disks go from 0 to 99 and partitions from 1 to 99 here");
        }
        Destination::Letter(letter) if !matches!(letter.to_ascii_uppercase(), 'C'..='Z') => {
            checker.error(&format!("{path}.destination"), format!("`{letter}` is not a drive letter from C to Z"));
        }
        Destination::Variable(name) => checker.variable(&format!("{path}.destination"), name),
        _ => {}
    }
}

fn windows(checker: &mut Checker<'_>, path: &str, settings: &ApplyWindowsSettings) {
    if let Some(name) = &settings.computer_name
        && fixed(name)
        && let Some(why) = computer_name_mistake(name)
    {
        checker.error(&format!("{path}.computer_name"), why);
    }
    checker.length(&format!("{path}.user"), "the user", &settings.user, 1, 255);
    checker.length(&format!("{path}.organization"), "the organisation", &settings.organization, 1, 255);
    if let Some(key) = &settings.product_key {
        checker.length(&format!("{path}.product_key"), "the key", key, 1, 255);
    }
    if let Some(ServerLicense::PerServer(count)) = settings.server_license
        && !(5..=9999).contains(&count)
    {
        checker.error(&format!("{path}.server_license"), format!("{count} connections; 5 to 9999 are allowed"));
    }
    if let Some(name) = &settings.admin_password_variable {
        checker.variable(&format!("{path}.admin_password_variable"), name);
    }
    let locales = [
        ("input_locale", &settings.input_locale),
        ("system_locale", &settings.system_locale),
        ("ui_language", &settings.ui_language),
        ("ui_language_fallback", &settings.ui_language_fallback),
        ("user_locale", &settings.user_locale),
    ];
    for (field, value) in locales {
        if let Some(value) = value
            && fixed(value)
            && (value.is_empty()
                || !value.chars().all(|c| c.is_ascii_alphanumeric() || "-:;".contains(c)))
        {
            checker.error(&format!("{path}.{field}"), format!("`{value}` is not a locale such as de-DE"));
        }
    }
}

/// Why a text is not a NetBIOS computer name (spec 2.4).
pub fn computer_name_mistake(name: &str) -> Option<String> {
    if name.is_empty() || name.chars().count() > 15 {
        return Some(format!(
            "the computer name has {} characters; 1 to 15 are allowed",
            name.chars().count()
        ));
    }
    name.chars()
        .find(|c| c.is_whitespace() || c.is_control() || "\\/:*?\"<>|".contains(*c))
        .map(|c| format!("`{c}` cannot stand in a computer name"))
}

fn network(checker: &mut Checker<'_>, path: &str, settings: &ApplyNetworkSettings) {
    match &settings.join {
        Join::Workgroup(name) => {
            checker.length(&format!("{path}.join"), "the workgroup", name, 1, 15);
        }
        Join::Domain {
            name,
            ou,
            account,
            password_variable,
        } => {
            checker.length(&format!("{path}.join.name"), "the domain", name, 1, 255);
            checker.length(&format!("{path}.join.account"), "the account", account, 1, 255);
            if let Some(ou) = ou
                && fixed(ou)
                && !ou.to_uppercase().starts_with("LDAP://")
            {
                checker
                    .error(&format!("{path}.join.ou"), "an organisational unit begins with LDAP://")
                    .hint = Some("for example LDAP://OU=Images,DC=example,DC=com".to_owned());
            }
            if let Some(variable) = password_variable {
                checker.variable(&format!("{path}.join.password_variable"), variable);
            }
        }
    }
    for (at, adapter) in settings.adapters.iter().enumerate() {
        let path = format!("{path}.adapters[{at}]");
        if adapter.name.is_none() && adapter.mac.is_none() {
            checker.error(&path, "an adapter needs a name or a MAC address");
        }
        if !adapter.dhcp && adapter.addresses.is_empty() {
            checker.error(&path, "an adapter without DHCP needs an address");
        }
        if adapter.netbios > 2 {
            checker.error(&format!("{path}.netbios"), "0 by DHCP, 1 on, 2 off");
        }
        for (n, address) in adapter.addresses.iter().enumerate() {
            let good = address
                .split_once('/')
                .and_then(|(ip, prefix)| Some((ip.parse::<std::net::IpAddr>().ok()?, prefix.parse::<u8>().ok()?)))
                .is_some_and(|(ip, prefix)| prefix <= if ip.is_ipv4() { 32 } else { 128 });
            if fixed(address) && !good {
                checker.error(&format!("{path}.addresses[{n}]"), format!("`{address}` is not an address with prefix length such as 192.0.2.10/24"));
            }
        }
        for (field, list) in [("gateways", &adapter.gateways), ("dns_servers", &adapter.dns_servers)] {
            for (n, address) in list.iter().enumerate() {
                if fixed(address) && address.parse::<std::net::IpAddr>().is_err() {
                    checker.error(&format!("{path}.{field}[{n}]"), format!("`{address}` is not an IP address"));
                }
            }
        }
    }
}

fn connect(checker: &mut Checker<'_>, path: &str, settings: &ConnectNetworkFolder) {
    let at = format!("{path}.path");
    checker.length(&at, "the path", &settings.path, 1, 255);
    if fixed(&settings.path) && !settings.path.starts_with("\\\\") && !settings.path.starts_with("file:") {
        checker
            .error(&at, "a network folder is \\\\server\\share, a local one file:/folder")
            .hint = Some("in a document every backslash is written twice, or the text as r\"\\\\server\\share\"".to_owned());
    }
    if let Some(letter) = settings.letter
        && !matches!(letter.to_ascii_uppercase(), 'D'..='W' | 'Y' | 'Z')
    {
        checker.error(&format!("{path}.letter"), format!("`{letter}` is not a letter from D to Z other than X"));
    }
    for (field, name) in [
        ("password_variable", &settings.password_variable),
        ("folder_variable", &settings.folder_variable),
    ] {
        if let Some(name) = name {
            checker.variable(&format!("{path}.{field}"), name);
        }
    }
}

fn capture(checker: &mut Checker<'_>, path: &str, settings: &CaptureOperatingSystem) {
    let at = format!("{path}.destination");
    checker.length(&at, "the destination", &settings.destination, 1, 255);
    let ends = settings.destination.to_lowercase().ends_with(".wim");
    if fixed(&settings.destination) && !ends {
        checker.error(&at, "the destination must end in .wim");
    }
    for (field, what, value, most) in [
        ("creator", "the creator", &settings.creator, 255),
        ("description", "the description", &settings.description, 255),
        ("version", "the version", &settings.version, 32),
    ] {
        if let Some(value) = value {
            checker.length(&format!("{path}.{field}"), what, value, 0, most);
        }
    }
    if let Some(version) = &settings.version
        && fixed(version)
        && let Some(c) = version.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '.')
    {
        checker.error(&format!("{path}.version"), format!("`{c}` cannot stand in a version: letters, digits and dots can"));
    }
    if let Some(name) = &settings.password_variable {
        checker.variable(&format!("{path}.password_variable"), name);
    }
}
