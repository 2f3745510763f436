//! Answer files in every place, with every kind of secret, in every encoding: what is planted must be nowhere afterwards.

use std::fs;
use std::path::Path;

use base64::Engine as _;

use super::scrub::Keys;
use super::{SCRUBBED, look_volume, scrub, scrub_volume};

const CANARY: &str = "HunterCanary7";
const KEY: &str = "KKKKK-KKKKK-CANAR-YKEYK-KKKKK";

/// Where Windows Setup looks, where it leaves copies, and where tools and people put them.
const PLACES: &[&str] = &[
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
    "ProgramData/tool/answers",
];

/// (what it is, what stands in the pass, how many secrets).
fn kinds() -> Vec<(&'static str, String, usize)> {
    let hidden = super::encode_password(&CANARY.into_secret(), "AdministratorPassword");
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

trait IntoSecret {
    fn into_secret(self) -> crate::secret::Secret;
}

impl IntoSecret for &str {
    fn into_secret(self) -> crate::secret::Secret {
        crate::secret::Secret::new(self)
    }
}

fn answer(pass: &str, declaration: &str, prefix: &str) -> String {
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
type Encode = fn(&str) -> Vec<u8>;
const ENCODINGS: &[(&str, &str, Encode)] = &[
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
fn holds(bytes: &[u8], text: &str) -> bool {
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

fn put(root: &Path, place: &str, bytes: &[u8]) {
    let path = root.join(place);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn nothing_planted_is_left_in_any_place() {
    let root = tempfile::tempdir().unwrap();
    for (index, place) in PLACES.iter().enumerate() {
        // All kinds in one file; encodings and prefixes take turns.
        let all: String = kinds().iter().map(|(_, inner, _)| inner.as_str()).collect();
        let (_, declaration, encode) = ENCODINGS[index % ENCODINGS.len()];
        let prefix = ["", "u", "ns0"][index % 3];
        put(
            root.path(),
            place,
            &encode(&answer(&all, declaration, prefix)),
        );
    }
    let before = look_volume(root.path(), Keys::Remove, &|| false).unwrap();
    let found = scrub_volume(root.path(), Keys::Remove, &|| false).unwrap();
    assert_eq!(before, found);
    // Files, not secrets, are counted; and in each at least what was planted.
    assert_eq!(found.answers.len(), PLACES.len(), "{:#?}", found.answers);
    let planted: usize = kinds().iter().map(|(_, _, count)| count).sum();
    for (path, count) in &found.answers {
        assert!(*count >= planted, "{path}: {count}");
    }
    for place in PLACES {
        let bytes = fs::read(root.path().join(place)).unwrap();
        for canary in [CANARY, KEY] {
            assert!(
                !holds(&bytes, canary),
                "{place}: {}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
    assert!(
        !look_volume(root.path(), Keys::Remove, &|| false)
            .unwrap()
            .must_be_scrubbed()
    );
}

#[test]
fn each_kind_goes_alone_in_each_encoding_and_the_rest_stays() {
    for (name, inner, count) in kinds() {
        for (encoding, declaration, encode) in ENCODINGS {
            for prefix in ["", "u"] {
                let bytes = encode(&answer(&inner, declaration, prefix));
                let empty = encode(&answer("", declaration, prefix));
                let clean = scrub(&bytes, "x", Keys::Remove).unwrap();
                let at = format!("{name}, {encoding}, {prefix:?}");
                assert_eq!(clean.secrets, count, "{at}");
                assert!(
                    !holds(&clean.bytes, CANARY) && !holds(&clean.bytes, KEY),
                    "{at}"
                );
                // What surrounds it is the same to the byte.
                let same = empty
                    .iter()
                    .zip(&clean.bytes)
                    .take_while(|(a, b)| a == b)
                    .count();
                let behind = empty
                    .iter()
                    .rev()
                    .zip(clean.bytes.iter().rev())
                    .take_while(|(a, b)| a == b)
                    .count();
                assert!(
                    same + behind + 40 >= empty.len(),
                    "{at}: {same} + {behind} of {}",
                    empty.len()
                );
                let again = scrub(&clean.bytes, "x", Keys::Remove).unwrap();
                assert_eq!(
                    (again.secrets, again.bytes == clean.bytes),
                    (0, true),
                    "{at}"
                );
            }
        }
    }
}

#[test]
fn keys_stay_by_choice_and_passwords_never() {
    let inner = format!(
        "<component><ProductKey>{KEY}</ProductKey><Password>{CANARY}</Password></component>"
    );
    let text = answer(&inner, "", "");
    let kept = scrub(text.as_bytes(), "x", Keys::Keep).unwrap();
    assert_eq!(
        (
            kept.secrets,
            holds(&kept.bytes, KEY),
            holds(&kept.bytes, CANARY)
        ),
        (1, true, false)
    );
    let clean = scrub(text.as_bytes(), "x", Keys::Remove).unwrap();
    let clean = String::from_utf8(clean.bytes).unwrap();
    // Setup would refuse a key that is none: the element is gone.
    assert!(
        !clean.contains("ProductKey") && clean.contains(&format!("<Password>{SCRUBBED}<")),
        "{clean}"
    );
}

#[test]
fn a_command_with_a_password_does_nothing_afterwards() {
    let inner = format!(
        "<RunSynchronousCommand><Path>net user a {CANARY} /add</Path><Order>3</Order></RunSynchronousCommand>"
    );
    let clean = scrub(answer(&inner, "", "").as_bytes(), "x", Keys::Remove).unwrap();
    let clean = String::from_utf8(clean.bytes).unwrap();
    assert!(
        clean.contains(&format!(
            "<Path>cmd.exe /c rem {SCRUBBED}</Path><Order>3</Order>"
        )),
        "{clean}"
    );
}

#[test]
fn what_is_no_answer_file_is_left_and_what_cannot_be_read_is_named() {
    let root = tempfile::tempdir().unwrap();
    let other = format!("<LibraryDescription><Password>{CANARY}</Password></LibraryDescription>");
    put(root.path(), "Windows/Panther/other.xml", other.as_bytes());
    put(
        root.path(),
        "Windows/WinSxS/x/unattend.xml",
        answer("", "", "").as_bytes(),
    );
    put(
        root.path(),
        "Windows/Setup/Scripts/SetupComplete.cmd",
        format!("@echo off\r\n\r\nnet user a {CANARY} /add\r\n").as_bytes(),
    );
    put(
        root.path(),
        "Windows/Setup/Scripts/logon.REG",
        &ENCODINGS[4].2(&format!(
            "Windows Registry Editor Version 5.00\r\n[x]\r\n\"DefaultPassword\"=\"{CANARY}\"\r\n"
        )),
    );
    put(
        root.path(),
        "MININT/CustomSettings.ini",
        format!("[Default]\nAdminPassword={CANARY}\nSkipAdminPassword=YES\n").as_bytes(),
    );
    let harmless = [
        answer("", "", ""),
        answer(
            "<component><AdministratorPassword><Value>*SENSITIVE*DATA*DELETED*</Value></AdministratorPassword></component>",
            "",
            "",
        ),
    ];
    for (index, text) in harmless.iter().enumerate() {
        put(
            root.path(),
            &format!("Windows/Panther/{index}.xml"),
            text.as_bytes(),
        );
    }
    let found = scrub_volume(root.path(), Keys::Remove, &|| false).unwrap();
    assert_eq!(found.answers, []);
    let mut leaks: Vec<(&str, usize)> = found
        .leaks
        .iter()
        .map(|leak| (leak.path.as_str(), leak.line))
        .collect();
    leaks.sort_unstable();
    assert_eq!(
        leaks,
        [
            ("/MININT/CustomSettings.ini", 2),
            ("/Windows/Panther/other.xml", 1),
            ("/Windows/Setup/Scripts/SetupComplete.cmd", 3),
            ("/Windows/Setup/Scripts/logon.REG", 3),
        ]
    );
    assert!(!format!("{found:?}").contains(CANARY));
    assert_eq!(
        fs::read_to_string(root.path().join("Windows/Panther/other.xml")).unwrap(),
        other
    );

    for bad in [
        "<unattend><a>".to_owned(),
        "<!DOCTYPE x [<!ENTITY p \"x\">]><unattend/>".to_owned(),
        format!("<unattend>{}</unattend>", "<a>".repeat(100)),
        "<unattend><a></b></unattend>".to_owned(),
        "<unattend".to_owned() + " a='",
        format!("<unattend>{}</unattend>", "x".repeat(4 << 20)),
    ] {
        put(root.path(), "Recovery/OEM/bad.xml", bad.as_bytes());
        let error = look_volume(root.path(), Keys::Remove, &|| false)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("/Recovery/OEM/bad.xml"), "{error}");
    }
}

#[test]
fn every_name_of_a_file_is_cleaned_and_links_are_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let text = answer(
        &format!("<component><Password>{CANARY}</Password></component>"),
        "",
        "",
    );
    put(root.path(), "Windows/Panther/unattend.xml", text.as_bytes());
    fs::create_dir_all(root.path().join("Windows/WinSxS")).unwrap();
    fs::hard_link(
        root.path().join("Windows/Panther/unattend.xml"),
        root.path().join("Windows/WinSxS/copy"),
    )
    .unwrap();
    put(outside.path(), "unattend.xml", text.as_bytes());
    std::os::unix::fs::symlink(outside.path(), root.path().join("Windows/Setup")).unwrap();
    std::os::unix::fs::symlink(
        outside.path().join("unattend.xml"),
        root.path().join("unattend.xml"),
    )
    .unwrap();
    let found = scrub_volume(root.path(), Keys::Remove, &|| false).unwrap();
    assert_eq!(found.answers.len(), 1);
    assert!(!holds(
        &fs::read(root.path().join("Windows/WinSxS/copy")).unwrap(),
        CANARY
    ));
    assert!(holds(
        &fs::read(outside.path().join("unattend.xml")).unwrap(),
        CANARY
    ));
    let error = look_volume(root.path(), Keys::Remove, &|| true)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("reading"), "{error}");
}
