//! Answer files to be planted: places, kinds of secrets, encodings.

use std::fs;
use std::path::Path;

use base64::Engine as _;

use crate::secret::Secret;

pub(super) const CANARY: &str = "HunterCanary7";
pub(super) const KEY: &str = "KKKKK-KKKKK-CANAR-YKEYK-KKKKK";

/// Where Windows Setup looks, where it leaves copies, and where tools and people put them.
pub(super) const PLACES: &[&str] = &[
    "Windows/Panther/unattend.xml",
    "Windows/Panther/Autounattend.xml",
    "Windows/Panther/unattend-original.xml",
    "Windows/Panther/Unattend/unattend.xml",
    "Windows/Panther/Unattend/mine.xml",
    "Windows/Panther/UnattendGC/deep/er/x.xml",
    "Windows/Panther/unattend.xml.bak",
    "Windows/System32/Sysprep/unattend.xml",
    "Windows/System32/Sysprep/Panther/unattend.xml",
    "Windows/System32/unattend.xml",
    "Windows/unattend.xml",
    "Windows/Setup/Scripts/unattend.xml",
    "Windows/Provisioning/Autopilot/answer.xml",
    "Windows/System32/config/systemprofile/x.xml",
    "Windows/Temp/unattend.tmp",
    "WINDOWS.OLD/windows/PANTHER/UNATTEND.XML",
    "$WINDOWS.~BT/Sources/Panther/unattend.xml",
    "unattend.xml",
    "AUTOUNATTEND.XML",
    "$OEM$/$1/unattend.xml",
    "sources/$OEM$/$$/Panther/unattend.xml",
    "Recovery/OEM/unattend.xml",
    "Recovery/AutoApply/unattend.xml",
    "MININT/unattend.xml",
    "Deploy/Control/TS/Unattend.xml",
    "Users/somebody/Desktop/autounattend.xml",
    "Users/somebody/AppData/Local/Temp/x/unattend.xml",
    "Windows/ConfigSetRoot/x/unattend.xml",
    "ProgramData/tool/answers",
];

/// (what it is, what stands in the pass, how many secrets).
pub(super) fn kinds() -> Vec<(&'static str, String, usize)> {
    let hidden = super::encode_password(&Secret::new(CANARY), "AdministratorPassword");
    let hidden = hidden.reveal();
    let encoded = base64::engine::general_purpose::STANDARD.encode(
        format!("net user a {CANARY}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>(),
    );
    let shell = |inner: &str| {
        format!("<component name=\"Microsoft-Windows-Shell-Setup\">{inner}</component>")
    };
    let command = |text: &str| {
        format!(
            "<component name=\"Microsoft-Windows-Deployment\"><RunSynchronous><RunSynchronousCommand wcm:action=\"add\"><Order>1</Order><Path>{text}</Path></RunSynchronousCommand></RunSynchronous></component>"
        )
    };
    vec![
        (
            "plain",
            shell(&format!(
                "<UserAccounts><AdministratorPassword><Value>{CANARY}</Value><PlainText>true</PlainText></AdministratorPassword></UserAccounts>"
            )),
            1,
        ),
        (
            "hidden",
            shell(&format!(
                "<AutoLogon><Password><Value>{hidden}</Value><PlainText>false</PlainText></Password></AutoLogon>"
            )),
            1,
        ),
        (
            "data section",
            shell(&format!(
                "<AutoLogon><Password><Value><![CDATA[{CANARY}]]></Value></Password></AutoLogon>"
            )),
            1,
        ),
        (
            "credentials",
            format!(
                "<component name=\"Microsoft-Windows-Setup\"><ImageInstall><OSImage><InstallFrom><Credentials><Username>u</Username><Password>{CANARY}</Password></Credentials></InstallFrom></OSImage></ImageInstall></component>"
            ),
            1,
        ),
        (
            "machine password",
            format!(
                "<component name=\"Microsoft-Windows-UnattendedJoin\"><Identification><MachinePassword>{CANARY}</MachinePassword></Identification></component>"
            ),
            1,
        ),
        (
            "provisioned account",
            format!(
                "<component name=\"Microsoft-Windows-UnattendedJoin\"><Identification><Provisioning><AccountData>{hidden}</AccountData></Provisioning></Identification></component>"
            ),
            1,
        ),
        (
            "attribute",
            shell(&format!(
                "<AutoLogon><Password Value='{CANARY}'/></AutoLogon>"
            )),
            1,
        ),
        (
            "net user",
            command(&format!("net user local {CANARY} /add")),
            1,
        ),
        (
            "escaped command",
            command(&format!(
                "cmd /c &quot;cmdkey /add:s /user:u /pass:&quot;{CANARY}&quot;&quot;"
            )),
            1,
        ),
        (
            "encoded command",
            command(&format!("powershell -EncodedCommand {encoded}")),
            1,
        ),
        (
            "first logon",
            shell(&format!(
                "<FirstLogonCommands><SynchronousCommand wcm:action=\"add\"><CommandLine>reg add HKLM\\x /v DefaultPassword /d {CANARY} /f</CommandLine></SynchronousCommand></FirstLogonCommands>"
            )),
            1,
        ),
        (
            "known again",
            shell(&format!(
                "<AutoLogon><Password><Value>{CANARY}</Value></Password></AutoLogon><Description>the word is {CANARY}, ask Joe</Description>"
            )),
            2,
        ),
        (
            "hidden, known again",
            format!(
                "{}{}",
                shell(&format!(
                    "<UserAccounts><AdministratorPassword><Value>{hidden}</Value></AdministratorPassword></UserAccounts>"
                )),
                command(&format!("mytool {CANARY} on"))
            ),
            2,
        ),
        (
            "comment",
            shell(&format!(
                "<!-- https://generator.invalid/?AccountPassword0={CANARY}&x=1 -->"
            )),
            1,
        ),
        (
            "put out of use",
            shell(&format!(
                "<!-- <AutoLogon><Password><Value>{CANARY}</Value></Password></AutoLogon> -->"
            )),
            1,
        ),
        (
            "in pieces",
            command(&format!("net user a <![CDATA[{CANARY}]]><!-- x --> /add")),
            1,
        ),
        (
            "script inside",
            format!(
                "<Extensions xmlns=\"urn:x\"><File path=\"a.cmd\"><![CDATA[\r\n@echo off\r\nnet user a {CANARY} /add\r\necho <done>\r\n]]></File></Extensions>"
            ),
            1,
        ),
        ("key", shell(&format!("<ProductKey>{KEY}</ProductKey>")), 1),
        (
            "setup key",
            format!(
                "<component name=\"Microsoft-Windows-Setup\"><UserData><ProductKey><Key>{KEY}</Key><WillShowUI>OnError</WillShowUI></ProductKey><AcceptEula>true</AcceptEula></UserData></component>"
            ),
            1,
        ),
        (
            "key in a command",
            command(&format!("cscript slmgr.vbs /ipk {KEY}")),
            1,
        ),
    ]
}

pub(super) fn answer(pass: &str, declaration: &str, prefix: &str) -> String {
    let (mark, colon) = if prefix.is_empty() {
        ("xmlns", "")
    } else {
        ("xmlns:", ":")
    };
    let (open, inner) = (
        format!("{prefix}{colon}unattend"),
        if prefix.is_empty() { "" } else { prefix },
    );
    format!(
        "{declaration}<!-- Größe -->\r\n<{open} {mark}{inner}=\"urn:schemas-microsoft-com:unattend\" xmlns:wcm=\"http://schemas.microsoft.com/WMIConfig/2002/State\">\
         <settings pass=\"specialize\"><component name=\"Kept\"><ComputerName>K\u{e4}the &amp; Co</ComputerName></component>{pass}</settings></{open}>\r\n"
    )
}

/// (name, how the text becomes bytes).
pub(super) type Encode = fn(&str) -> Vec<u8>;
pub(super) const ENCODINGS: &[(&str, &str, Encode)] = &[
    (
        "UTF-8",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n",
        |text| text.as_bytes().to_vec(),
    ),
    ("UTF-8 with mark", "<?xml version='1.0'?>", |text| {
        [b"\xEF\xBB\xBF", text.as_bytes()].concat()
    }),
    ("no declaration", "", |text| text.as_bytes().to_vec()),
    (
        "windows-1252",
        "<?xml version=\"1.0\" encoding=\"windows-1252\"?>",
        |text| {
            text.chars()
                .map(|c| u8::try_from(u32::from(c)).unwrap())
                .collect()
        },
    ),
    (
        "UTF-16LE",
        "<?xml version=\"1.0\" encoding=\"utf-16\"?>",
        |text| {
            format!("\u{feff}{text}")
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect()
        },
    ),
    (
        "UTF-16BE",
        "<?xml version=\"1.0\" encoding=\"utf-16\"?>",
        |text| {
            format!("\u{feff}{text}")
                .encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect()
        },
    ),
    (
        "UTF-16LE without mark",
        "<?xml version=\"1.0\" encoding=\"utf-16\"?>",
        |text| text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ),
    (
        "a long comment first",
        "<?xml version=\"1.0\"?><!-- ",
        |text| {
            text.replacen("<!-- <!--", &format!("<!-- {}", "long ".repeat(4000)), 1)
                .into_bytes()
        },
    ),
];

/// Whether bytes hold a text as it is, as UTF-16 of either order, or as base64 of it (three ways it can lie).
pub(super) fn holds(bytes: &[u8], text: &str) -> bool {
    let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let mut forms = vec![
        text.as_bytes().to_vec(),
        wide(u16::to_le_bytes),
        wide(u16::to_be_bytes),
    ];
    for form in forms.clone() {
        for shift in 0..3 {
            let padded = [vec![0; shift], form.clone()].concat();
            let code = base64::engine::general_purpose::STANDARD.encode(padded);
            // Without the signs that depend on what stands beside it.
            let whole = code.trim_end_matches('=');
            forms.push(whole.as_bytes()[(shift * 4).div_ceil(3)..whole.len() - 2].to_vec());
        }
    }
    forms.iter().any(|form| {
        bytes
            .windows(form.len())
            .any(|part| part == form.as_slice())
    })
}

pub(super) fn put(root: &Path, place: &str, bytes: &[u8]) {
    let path = root.join(place);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}
