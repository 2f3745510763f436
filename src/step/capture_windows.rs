//! What a Windows volume says about itself that a technician must know before it becomes an image.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::regular;
use crate::text::{harmless, shorten};
use crate::unattend::find_path;

use super::hive::{Hive, HiveError};

/// A file larger than this is not read for a line of it.
const LARGEST_STATE: u64 = 64 * 1024;
const WINLOGON: &str = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon";

/// Something to warn of, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    /// What is so.
    pub(super) text: String,
    /// The way out.
    pub(super) way_out: &'static str,
    /// Whether a secret will be in the image.
    pub(super) secret: bool,
}

const GENERALIZE: &str = "In Windows, run `sysprep /generalize /oobe /shutdown` (or the sequence's Prepare Windows for Capture), and capture then.";
const LEAVE_DOMAIN: &str = "A reference machine belongs in a workgroup: build a new one, or leave the domain before Sysprep.";
const CM_CLIENT: &str = "Stop the client, delete Windows\\SMSCFG.ini and its certificates (or let Prepare Configuration Manager Client do it), and run Sysprep again.";
const AUTOLOGON: &str =
    "Delete DefaultPassword and AutoAdminLogon below Winlogon, then run Sysprep again.";
const UNREAD: &str = "Run chkdsk on the volume; start Windows once and shut it down fully.";

fn shown(text: &str) -> String {
    shorten(&harmless(text.trim()), 80).into_owned()
}

/// What there is to warn of on a mounted Windows volume.
pub(super) fn look(root: &Path) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut add = |text: String, way_out: &'static str| {
        notices.push(Notice {
            text,
            way_out,
            secret: false,
        });
    };
    let found = |path: &[&str]| find_path(root, path).ok().flatten();
    let mut software = Facts::open(root, "SOFTWARE");
    let mut system = Facts::open(root, "SYSTEM");

    let mut signs = Vec::new();
    if found(&["Windows", "System32", "Sysprep", "Sysprep_succeeded.tag"]).is_none() {
        signs.push("there is no Sysprep_succeeded.tag".to_owned());
    }
    let in_file = found(&["Windows", "Setup", "State", "State.ini"])
        .as_deref()
        .and_then(image_state);
    let in_hive = software.text(
        "Microsoft\\Windows\\CurrentVersion\\Setup\\State",
        "ImageState",
    );
    let mut states: Vec<String> = [in_hive, in_file].into_iter().flatten().collect();
    states.dedup();
    for state in states {
        if !state.to_uppercase().starts_with("IMAGE_STATE_GENERALIZE") {
            signs.push(format!("its ImageState is {}", shown(&state)));
        }
    }
    if system.good() && system.text("Setup", "CloneTag").is_none() {
        signs.push("its registry has no CloneTag".to_owned());
    }
    if !signs.is_empty() {
        add(
            format!(
                "Windows was not generalized with Sysprep: {}",
                signs.join(", ")
            ),
            GENERALIZE,
        );
    }

    let set = system.number("Select", "Current").unwrap_or(1);
    let parameters = format!("ControlSet{set:03}\\Services\\Tcpip\\Parameters");
    let domain = ["Domain", "NV Domain"]
        .iter()
        .find_map(|name| system.text(&parameters, name));
    if let Some(domain) = domain {
        add(
            format!(
                "Windows is a member of the domain {}, or carries its suffix",
                shown(&domain)
            ),
            LEAVE_DOMAIN,
        );
    }
    if found(&["Windows", "SMSCFG.ini"]).is_some() {
        add(
            "it holds an identity of Configuration Manager (Windows\\SMSCFG.ini), which every machine made from the image would share".to_owned(),
            CM_CLIENT,
        );
    }
    let password = software.text(WINLOGON, "DefaultPassword").is_some();
    let on = software
        .text(WINLOGON, "AutoAdminLogon")
        .is_some_and(|on| on.trim() != "0");
    if password || on {
        let what = match (password, on) {
            (true, true) => "autologon is on, with its password in plain text (DefaultPassword)",
            (true, false) => "a password of autologon stands there in plain text (DefaultPassword)",
            _ => "autologon is on (AutoAdminLogon)",
        };
        add(format!("in its registry, {what}"), AUTOLOGON);
    }
    for facts in [&software, &system] {
        if let Some(error) = &facts.error {
            add(
                format!(
                    "its registry cannot be looked at (Windows\\System32\\config\\{}): {}",
                    facts.name,
                    shown(error)
                ),
                UNREAD,
            );
        }
    }
    for notice in &mut notices {
        notice.secret = password && notice.way_out == AUTOLOGON;
    }
    notices
}

/// `ImageState` of `State.ini`.
fn image_state(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = regular::open(path).ok()?;
    file.take(LARGEST_STATE).read_to_end(&mut bytes).ok()?;
    // Plain or UTF-16: what lies between its signs is of no matter here.
    let text: String = bytes
        .iter()
        .filter(|byte| byte.is_ascii() && **byte != 0)
        .map(|&byte| char::from(byte))
        .collect();
    text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case("ImageState")
            .then(|| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    })
}

/// A hive of the volume, and the first thing that went wrong with it.
struct Facts {
    name: &'static str,
    hive: Option<Hive<File>>,
    error: Option<String>,
}

impl Facts {
    fn open(root: &Path, name: &'static str) -> Self {
        let mut facts = Self {
            name,
            hive: None,
            error: None,
        };
        let path = match find_path(root, &["Windows", "System32", "config", name]) {
            Ok(Some(path)) => path,
            Ok(None) => {
                facts.error = Some("it is not there".to_owned());
                return facts;
            }
            Err(error) => {
                facts.error = Some(error.to_string());
                return facts;
            }
        };
        let regular = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
        let opened = if regular {
            regular::open(&path)
                .map_err(HiveError::Io)
                .and_then(Hive::open)
        } else {
            Err(HiveError::Bad("it is no file"))
        };
        match opened {
            Ok(hive) => facts.hive = Some(hive),
            Err(error) => facts.error = Some(error.to_string()),
        }
        facts
    }

    /// Whether it could be read until now.
    fn good(&self) -> bool {
        self.hive.is_some() && self.error.is_none()
    }

    fn value(&mut self, key: &str, name: &str) -> Option<super::hive::Value> {
        match self.hive.as_mut()?.value(key, name) {
            Ok(value) => value,
            Err(error) => {
                self.error.get_or_insert_with(|| error.to_string());
                None
            }
        }
    }

    /// A text that says something.
    fn text(&mut self, key: &str, name: &str) -> Option<String> {
        self.value(key, name)
            .map(|value| value.text())
            .filter(|text| !text.trim().is_empty())
    }

    fn number(&mut self, key: &str, name: &str) -> Option<u32> {
        match self.value(key, name)? {
            super::hive::Value::Number(number) => Some(number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hive::Value;
    use super::super::hive_maker::hive;
    use super::*;

    const STATE: &str = "Microsoft\\Windows\\CurrentVersion\\Setup\\State";
    const TCPIP: &str = "ControlSet002\\Services\\Tcpip\\Parameters";

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    /// A volume as Sysprep leaves it, names in another case.
    fn volume() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        for folder in [
            "WINDOWS/system32/CONFIG",
            "WINDOWS/system32/sysprep",
            "WINDOWS/Setup/State",
        ] {
            fs::create_dir_all(at.join(folder)).unwrap();
        }
        fs::write(
            at.join("WINDOWS/system32/sysprep/sysprep_succeeded.TAG"),
            "",
        )
        .unwrap();
        state(at, "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE");
        software(
            at,
            &[
                (
                    STATE,
                    "ImageState",
                    text("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"),
                ),
                (WINLOGON, "AutoAdminLogon", text("0")),
            ],
        );
        system(at, &[("Setup", "CloneTag", text("Fri Nov 27 2026"))]);
        root
    }

    fn state(at: &Path, value: &str) {
        let text = format!("[State]\r\nImageState={value}\r\n");
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(at.join("WINDOWS/Setup/State/State.ini"), wide).unwrap();
    }

    fn software(at: &Path, values: &[(&str, &str, Value)]) {
        fs::write(at.join("WINDOWS/system32/CONFIG/software"), hive(values)).unwrap();
    }

    fn system(at: &Path, values: &[(&str, &str, Value)]) {
        let mut all = vec![
            ("Select", "Current", Value::Number(2)),
            (TCPIP, "Hostname", text("REF")),
        ];
        all.extend_from_slice(values);
        fs::write(at.join("WINDOWS/system32/CONFIG/system"), hive(&all)).unwrap();
    }

    #[test]
    fn a_generalized_machine_has_nothing_to_warn_of() {
        let root = volume();
        assert_eq!(look(root.path()), []);
    }

    #[test]
    fn each_sign_is_named_with_its_way_out() {
        type Change = fn(&Path);
        let tag = |at: &Path| {
            fs::remove_file(at.join("WINDOWS/system32/sysprep/sysprep_succeeded.TAG")).unwrap();
        };
        let cases: [(&str, Change, &[&str]); 10] = [
            ("tag", tag, &["not generalized", "no Sysprep_succeeded.tag"]),
            (
                "file",
                |at| state(at, "IMAGE_STATE_COMPLETE"),
                &["not generalized", "IMAGE_STATE_COMPLETE"],
            ),
            (
                "hive",
                |at| {
                    software(
                        at,
                        &[(STATE, "ImageState", text("IMAGE_STATE_UNDEPLOYABLE"))],
                    );
                },
                &["not generalized", "IMAGE_STATE_UNDEPLOYABLE"],
            ),
            (
                "clone",
                |at| system(at, &[("Setup", "x", text("y"))]),
                &["not generalized", "CloneTag"],
            ),
            (
                "domain",
                |at| {
                    system(
                        at,
                        &[
                            ("Setup", "CloneTag", text("x")),
                            (TCPIP, "Domain", text("corp.example")),
                        ],
                    );
                },
                &["domain corp.example"],
            ),
            (
                "next domain",
                |at| {
                    system(
                        at,
                        &[
                            ("Setup", "CloneTag", text("x")),
                            (TCPIP, "Domain", text("")),
                            (TCPIP, "NV Domain", text("corp.example")),
                        ],
                    );
                },
                &["domain corp.example"],
            ),
            (
                "identity",
                |at| {
                    fs::write(
                        at.join("WINDOWS/smscfg.INI"),
                        "SMS Unique Identifier=GUID:x",
                    )
                    .unwrap();
                },
                &["SMSCFG.ini"],
            ),
            (
                "autologon",
                |at| {
                    software(
                        at,
                        &[
                            (WINLOGON, "AutoAdminLogon", text("1")),
                            (WINLOGON, "DefaultPassword", text("HUNTERCANARY")),
                        ],
                    );
                },
                &["autologon is on, with its password"],
            ),
            (
                "password",
                |at| software(at, &[(WINLOGON, "DefaultPassword", text("HUNTERCANARY"))]),
                &["DefaultPassword"],
            ),
            (
                "damage",
                |at| fs::write(at.join("WINDOWS/system32/CONFIG/software"), "no hive").unwrap(),
                &["cannot be looked at", "SOFTWARE"],
            ),
        ];
        for (name, change, words) in cases {
            let root = volume();
            change(root.path());
            let notices = look(root.path());
            assert_eq!(notices.len(), 1, "{name}: {notices:?}");
            for word in words {
                assert!(notices[0].text.contains(word), "{name}: {notices:?}");
            }
            assert!(!notices[0].text.contains("HUNTERCANARY"));
            assert!(!notices[0].way_out.is_empty());
            assert_eq!(notices[0].secret, ["autologon", "password"].contains(&name));
        }
    }
}
