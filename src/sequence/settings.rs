//! The settings of each step kind, as written in a document (spec section 2). Text fields may hold `%variables%`.
//!
//! Fields that name an action variable in their doc comment are only defaults: a variable set before the step
//! wins over the setting (spec 1.2).

use serde::Deserialize;

use crate::volume_rules;

fn yes() -> bool {
    true
}

/// Set Task Sequence Variable (spec 2.15).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetVariable {
    /// The variable; read-only names (`_...`) are refused.
    pub variable: String,
    /// Its value; empty deletes it.
    pub value: String,
    /// Do not display this value.
    #[serde(default)]
    pub secret: bool,
}

/// Run Command Line (spec 2.13).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunCommandLine {
    /// 1 to 32000 characters, split into words as a shell splits them (quotes, backslash), run without a shell.
    pub command: String,
    /// Give the command to `/bin/sh -c` (Linux) or `cmd.exe /c` (Windows) instead.
    #[serde(default)]
    pub shell: bool,
    /// Up to 255 characters.
    #[serde(default)]
    pub working_directory: Option<String>,
    /// Receives the last 1000 characters of output.
    #[serde(default)]
    pub output_variable: Option<String>,
    /// Do not write the command line to the log (`OSDDoNotLogCommand`).
    #[serde(default)]
    pub do_not_log: bool,
}

/// Restart Computer (spec 2.1).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartComputer {
    /// Where to.
    pub to: RestartTarget,
    /// Up to 512 characters.
    #[serde(default)]
    pub message: String,
    /// Seconds the message is shown; 0 shows none.
    #[serde(default)]
    pub timeout: u64,
}

/// Target of a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum RestartTarget {
    /// The boot image.
    WindowsPE,
    /// The installed default operating system.
    HardDisk,
}

impl RestartTarget {
    /// The target as Configuration Manager names it (spec 2.1).
    pub fn word(self) -> &'static str {
        match self {
            Self::WindowsPE => "WinPE",
            Self::HardDisk => "HD",
        }
    }
}

/// Waits for a technician; not a Configuration Manager step.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// What the technician is told.
    pub message: String,
}

/// Format and Partition Disk (spec 2.2, 6.4).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionDisk {
    /// Disk number, 0 to 10,000 (`OSDDiskIndex`).
    pub disk: u32,
    /// `OSDPartitionStyle`.
    pub style: PartitionStyle,
    /// In order on the disk; at most 128 (GPT) or 4 (MBR).
    pub partitions: Vec<PartitionDef>,
}

/// Kind of partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum PartitionStyle {
    /// GPT, for UEFI.
    Gpt,
    /// MBR, for BIOS; at most 2 TiB.
    Mbr,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionDef {
    /// Name in the GPT and in messages.
    pub name: String,
    /// GPT: Efi, Msr, Basic, Recovery. MBR: Primary, Hidden, Recovery.
    #[serde(default)]
    pub kind: PartitionKind,
    /// Its size.
    pub size: Size,
    /// None leaves it unformatted.
    #[serde(default)]
    pub format: Option<FileSystem>,
    /// Volume label: NTFS up to 32 characters, FAT32 up to 11.
    #[serde(default)]
    pub label: String,
    /// Quick format; false writes zeros to every sector first.
    #[serde(default = "yes")]
    pub quick: bool,
    /// MBR: the active flag.
    #[serde(default)]
    pub bootable: bool,
    /// Further GPT attribute bits by number (0, 60 to 63), beside those of the kind.
    #[serde(default)]
    pub attributes: Vec<u8>,
    /// Give it a drive letter (formatted partitions only).
    #[serde(default = "yes")]
    pub assign_letter: bool,
    /// The variable that receives the letter, e.g. `OSDisk`.
    #[serde(default)]
    pub letter_variable: Option<String>,
}

/// Type of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum PartitionKind {
    /// GPT basic data (Windows).
    #[default]
    Basic,
    /// EFI system.
    Efi,
    /// Microsoft reserved; never formatted.
    Msr,
    /// Recovery: GPT attributes 0x8000000000000001, MBR type 0x27.
    Recovery,
    /// MBR primary.
    Primary,
    /// MBR hidden NTFS, 0x17.
    Hidden,
}

/// Size of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub enum Size {
    /// Bytes.
    Bytes(u64),
    /// Mebibytes (Configuration Manager's "MB").
    MiB(u64),
    /// Gibibytes.
    GiB(u64),
    /// 1 to 100, of the space still free when the partition's turn comes.
    Percent(u8),
}

/// File systems a partition can be formatted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum FileSystem {
    /// NTFS.
    Ntfs,
    /// FAT32.
    Fat32,
}

impl FileSystem {
    /// Refuses a label that a volume of this kind cannot have; the one rule for document, pre-flight and formatting.
    ///
    /// # Errors
    /// One sentence that names what is wrong.
    pub fn check_label(self, label: &str) -> Result<(), String> {
        match self {
            Self::Ntfs => volume_rules::ntfs_label(label),
            Self::Fat32 => volume_rules::fat_label(label).map(drop),
        }
    }

    /// Fewest and most bytes of a volume of this kind.
    pub fn sizes(self, sector_bytes: u32) -> (u64, u64) {
        match self {
            Self::Ntfs => (volume_rules::ntfs_least(), u64::MAX),
            Self::Fat32 => (
                volume_rules::fat32_least(sector_bytes),
                volume_rules::fat32_most(sector_bytes),
            ),
        }
    }
}

/// Apply Operating System Image (spec 2.3).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyOperatingSystem {
    /// Path of the WIM.
    pub image: String,
    /// Which image (`OSDImageIndex` wins when it is set).
    #[serde(default)]
    pub index: ImageSelect,
    /// Where to.
    #[serde(default)]
    pub destination: Destination,
    /// Refuse an image of another architecture; none accepts any. `X64`, `X86`, `Arm64`.
    #[serde(default)]
    pub architecture: Option<Architecture>,
    /// Check the source before the first byte is written: its integrity table when it has one, else every stream.
    #[serde(default = "yes")]
    pub verify: bool,
}

/// Which image of a WIM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ImageSelect {
    /// By number, from 1.
    Index(u32),
    /// By name.
    Name(String),
    /// All of them: the first to the destination, the others to the volumes that follow, in order.
    #[default]
    All,
}

/// Where an image goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Destination {
    /// The next formatted partition that no image was applied to.
    #[default]
    NextAvailable,
    /// Disk 0 to 99, partition 1 to 99.
    Partition(u32, u32),
    /// `C` to `Z`.
    Letter(char),
    /// A variable that holds `c:` or `1,1`.
    Variable(String),
}

/// Processor architecture of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Architecture {
    /// 64-bit x86.
    X64,
    /// 32-bit x86.
    X86,
    /// 64-bit ARM.
    Arm64,
}

/// Apply Windows Settings (spec 2.4). Every field is the default of the variable named.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyWindowsSettings {
    /// `OSDComputerName`; default `%_SMSTSMachineName%`.
    #[serde(default)]
    pub computer_name: Option<String>,
    /// `OSDRegisteredUserName`, 1 to 255 characters.
    pub user: String,
    /// `OSDRegisteredOrgName`, 1 to 255 characters.
    pub organization: String,
    /// `OSDProductKey`.
    #[serde(default)]
    pub product_key: Option<String>,
    /// `OSDServerLicenseMode`.
    #[serde(default)]
    pub server_license: Option<ServerLicense>,
    /// `OSDRandomAdminPassword`: random password, account disabled.
    #[serde(default = "yes")]
    pub random_admin_password: bool,
    /// The variable that holds the administrator password (a secret; `OSDLocalAdminPassword` by default).
    #[serde(default)]
    pub admin_password_variable: Option<String>,
    /// `OSDTimeZone`, the invariant name; default `UTC`.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// `OSDWindowsSettingsInputLocale`.
    #[serde(default)]
    pub input_locale: Option<String>,
    /// `OSDWindowsSettingsSystemLocale`.
    #[serde(default)]
    pub system_locale: Option<String>,
    /// `OSDWindowsSettingsUILanguage`.
    #[serde(default)]
    pub ui_language: Option<String>,
    /// `OSDWindowsSettingsUILanguageFallback`.
    #[serde(default)]
    pub ui_language_fallback: Option<String>,
    /// `OSDWindowsSettingsUserLocale`.
    #[serde(default)]
    pub user_locale: Option<String>,
}

/// Server licensing (marked old in Configuration Manager).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub enum ServerLicense {
    /// Per seat.
    PerSeat,
    /// Per server, with 5 to 9999 connections.
    PerServer(u32),
}

/// Apply Network Settings (spec 2.5).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyNetworkSettings {
    /// Domain or workgroup (`OSDNetworkJoinType` 0 or 1, with the variables of each).
    pub join: Join,
    /// `OSDDNSDomain`, the primary DNS suffix.
    #[serde(default)]
    pub dns_suffix: Option<String>,
    /// `OSDDNSSuffixSearchOrder`.
    #[serde(default)]
    pub dns_suffix_search_order: Vec<String>,
    /// `OSDAdapterN...`.
    #[serde(default)]
    pub adapters: Vec<Adapter>,
}

/// What the machine joins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub enum Join {
    /// A workgroup (`OSDWorkgroupName`), 1 to 15 characters.
    Workgroup(String),
    /// A domain.
    Domain {
        /// `OSDDomainName`.
        name: String,
        /// `OSDDomainOUName`, `LDAP://OU=x,DC=y`.
        #[serde(default)]
        ou: Option<String>,
        /// `OSDJoinAccount`, `domain\user`.
        account: String,
        /// The variable that holds the password (`OSDJoinPassword` by default).
        #[serde(default)]
        password_variable: Option<String>,
    },
}

/// One network adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// Connection name, or the MAC address below decides.
    #[serde(default)]
    pub name: Option<String>,
    /// `AA-BB-CC-DD-EE-FF` or with colons.
    #[serde(default)]
    pub mac: Option<String>,
    /// DHCP; then no addresses.
    #[serde(default = "yes")]
    pub dhcp: bool,
    /// Addresses with prefix length, `192.0.2.10/24`.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Default gateways.
    #[serde(default)]
    pub gateways: Vec<String>,
    /// DNS servers.
    #[serde(default)]
    pub dns_servers: Vec<String>,
    /// DNS suffix of this connection.
    #[serde(default)]
    pub dns_suffix: Option<String>,
    /// Register in DNS.
    #[serde(default = "yes")]
    pub dns_registration: bool,
    /// NetBIOS over TCP/IP: 0 by DHCP, 1 on, 2 off.
    #[serde(default)]
    pub netbios: u8,
}

/// Connect to Network Folder (spec 2.17).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectNetworkFolder {
    /// `\\server\share`, or `file:/folder` for a local folder.
    pub path: String,
    /// `D` to `Z`, not `X`; none gives the connection no letter.
    #[serde(default)]
    pub letter: Option<char>,
    /// `domain\user`.
    #[serde(default)]
    pub account: String,
    /// The variable that holds the password.
    #[serde(default)]
    pub password_variable: Option<String>,
    /// Whether a write right is demanded (a test file is made and deleted).
    #[serde(default)]
    pub writable: bool,
    /// The variable that receives the local folder of the connection.
    #[serde(default)]
    pub folder_variable: Option<String>,
}

/// Capture Operating System Image (spec 2.12).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureOperatingSystem {
    /// `OSDCaptureDestination`: `\\server\share\x.wim` or a path; up to 255 characters.
    pub destination: String,
    /// `OSDCaptureAccount`, for a share.
    #[serde(default)]
    pub account: String,
    /// The variable that holds the account's password (`OSDCaptureAccountPassword` by default).
    #[serde(default)]
    pub password_variable: Option<String>,
    /// `OSDImageCreator`, up to 255 characters.
    #[serde(default)]
    pub creator: Option<String>,
    /// `OSDImageDescription`, up to 255 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// `OSDImageVersion`, up to 32 letters, digits and dots.
    #[serde(default)]
    pub version: Option<String>,
    /// What to do with a file that is already there.
    #[serde(default)]
    pub existing: Existing,
    /// Compression.
    #[serde(default)]
    pub compression: Compression,
    /// How the result is verified before it gets its name.
    #[serde(default)]
    pub verify: Verify,
    /// What to do about files that a Linux capture cannot keep (WOF, deduplicated, EFS) or that hold nothing here (cloud, archive).
    #[serde(default)]
    pub unsupported_files: UnsupportedFiles,
    /// What to do about product keys in the answer files of a captured volume.
    #[serde(default)]
    pub product_keys: ProductKeys,
    /// Keep NAME.partial after a failure, for inspection.
    #[serde(default)]
    pub keep_partial: bool,
    /// Further patterns to leave out, in wimlib's `[ExclusionList]` form (`\Temp\*`).
    #[serde(default)]
    pub exclude: Vec<String>,
}

/// What to do with an existing image file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Existing {
    /// Replace it once the new one is whole (Configuration Manager's way).
    Replace,
    /// Fail before the first byte.
    #[default]
    Refuse,
    /// Write `NAME-YYYYMMDD-HHMMSS.wim` beside it.
    NewName,
    /// Add images to it.
    Append,
}

/// Compression of a captured image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Compression {
    /// XPRESS, 32 KiB chunks.
    Fast,
    /// LZX level 20, 32 KiB chunks: what every Microsoft tool reads, four times as fast as `Max`.
    #[default]
    Balanced,
    /// LZX level 50, 32 KiB chunks.
    Max,
    /// Solid LZMS: smallest; old tools cannot read it, and it needs much memory.
    Smallest,
}

/// Verification of a captured image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Verify {
    /// None.
    None,
    /// The integrity table.
    #[default]
    Integrity,
    /// The integrity table and every stream's hash.
    Full,
}

/// What to do about product keys in answer files. Passwords are always taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ProductKeys {
    /// Take them out: a key is a secret.
    #[default]
    Remove,
    /// Leave them.
    Keep,
}

/// What to do about files that cannot be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum UnsupportedFiles {
    /// Fail before the first byte, and list them.
    #[default]
    Refuse,
    /// List them as warnings and go on.
    List,
}
