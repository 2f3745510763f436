//! Passwords in commands, scripts and settings files, found by the ways they are usually written there.
//!
//! A guess, made to miss little: what is found is shown to a person. Only the place is ever said, never the password.

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use regex::Regex;

use super::SCRUBBED;

/// A password in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Where it stands, in bytes.
    pub(super) at: Range<usize>,
    /// What kind of thing it stands in.
    pub(super) what: &'static str,
}

/// Which rules hold for a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Commands only: log files, element texts.
    Commands,
    /// Commands, and lines like `AdminPassword=x`.
    Settings,
}

struct Rule {
    pattern: &'static str,
    what: &'static str,
    kind: Kind,
}

const fn command(pattern: &'static str, what: &'static str) -> Rule {
    Rule {
        pattern,
        what,
        kind: Kind::Commands,
    }
}

/// A word as shells read it, that is no option, variable or placeholder. `&` and `|` end a command.
const WORD: &str = r#"(?P<s>"[^"\r\n]+"|'[^'\r\n]+'|[^\s"'/&|<>*$%!(\-][^\s&|<>]*)"#;
/// A word that may begin as an option does, behind a `:` or `=`.
const ANY: &str = r#"(?P<s>"[^"\r\n]+"|'[^'\r\n]+'|[^\s"'&|<>*$%!(][^\s&|<>"']*)"#;
/// Names that end in a word for a password.
const NAME: &str = r"[\w.-]*(?:password|passwd|passphrase|pwd)";

/// `WORD`, `ANY` and `NAME` stand for the patterns above.
const RULES: &[Rule] = &[
    command(
        r#"\bnet1?(?:\.exe)?"?\s+users?\s+(?:/\S+\s+)*(?:"[^"\r\n]*"|[^\s/&|<>]\S*)\s+(?:/\S+\s+)*WORD"#,
        "`net user` with a password",
    ),
    command(
        r#"\bnet1?(?:\.exe)?"?\s+use\s[^\r\n&|]*?/u(?:ser)?:(?:"[^"\r\n]*"|\S+)\s+WORD"#,
        "`net use` with a password",
    ),
    command(
        r#"\bnet1?(?:\.exe)?"?\s+use\s+(?:[a-z*]:?\s+)?"?\\\\\S+\s+WORD\s[^\r\n&|]*?/u(?:ser)?:"#,
        "`net use` with a password",
    ),
    command(
        r"\bschtasks(?:\.exe)?\b[^\r\n&|]*?\s/r?p(?::|\s+)ANY",
        "`schtasks` with a password",
    ),
    command(
        r"\bcmdkey(?:\.exe)?\b[^\r\n&|]*?\s[/-]p(?:ass(?:word)?)?(?::|\s+)ANY",
        "`cmdkey` with a password",
    ),
    command(
        r#"\breg(?:\.exe)?"?\s+add\b[^\r\n&|]*?\s/v\s+"?NAME"?\s[^\r\n&|]*?/d\s+ANY"#,
        "`reg add` of a password",
    ),
    command(
        r#"\breg(?:\.exe)?"?\s+add\b[^\r\n&|]*?\s/d\s+ANY\s[^\r\n&|]*?/v\s+"?NAME"?"#,
        "`reg add` of a password",
    ),
    command(
        r#"(?m)^\s*"NAME"\s*=\s*(?P<s>"(?:[^"\\\r\n]|\\.)+"|hex\((?:1|2|7)\):[0-9a-f, \\\r\n]+)"#,
        "a password in a registry file",
    ),
    command(
        r#"\bDefaultPassword\b(?:["']\s*,\s*|["']?\s*(?:=\s*|:\s*|-Value\s+|(?:/t\s+\w+\s+)?/d\s+|\s))\s*(?:\w+\(\s*)?WORD"#,
        "autologon with a password",
    ),
    command(
        r#"-Name\s+["']?NAME["']?\s[^\r\n|;]*?-Value\s+WORD"#,
        "a password written into the registry",
    ),
    command(
        r#"\bConvertTo-SecureString\b[^\r\n|;]*?(?P<s>'[^'\r\n]+'|"[^"$\r\n]+")"#,
        "a password in a PowerShell command",
    ),
    command(
        r"\bConvertTo-SecureString\s+(?:-\w+\s+)*WORD[^\r\n|;]*?-AsPlainText",
        "a password in a PowerShell command",
    ),
    command(
        r#"\b(?:Set|Change)Password\(?\s*(?P<s>'[^'\r\n]+'|"[^"$\r\n]+")"#,
        "a password in a script",
    ),
    command(
        r#"\$\w*(?:password|passwd|passphrase|pwd)\w*\s*=\s*(?:\[\w+\])?(?P<s>'[^'\r\n]+'|"[^"$\r\n]+")"#,
        "a password in a script",
    ),
    command(
        r#"(?:^|[\s"'])(?:--?|/)(?:[\w-]*password[dou]?|passwd|passphrase|pwd|pass|pw|p[dou])(?::|=)ANY"#,
        "a command with a password",
    ),
    command(
        r#"(?:^|[\s"'])(?:--?|/)(?:[\w-]*password[dou]?|passwd|passphrase|pwd|pass|pw|p[dou])\s+WORD"#,
        "a command with a password",
    ),
    command(
        r"\b(?:psexec|paexec)\S*\s[^\r\n&|]*?[-/]p\s+ANY",
        "a command with a password",
    ),
    command(
        r#"\bsc(?:\.exe)?"?\s+(?:config|create)\s[^\r\n&|]*?password=\s*ANY"#,
        "a service with a password",
    ),
    command(
        r#"\bautologon(?:64)?\.exe"?\s+(?:[/-]accepteula\s+)?[^\s/-]\S*\s+\S+\s+WORD"#,
        "autologon with a password",
    ),
    command(
        r#"(?m)^\s*@?set\s+"?\w*(?:password|passwd|pwd|pass)=(?P<s>[^\s"%!][^"\r\n&|]*)"#,
        "a password in a script",
    ),
    command(
        r"://[^\s/:@<>]+:(?P<s>[^\s/@<>]+)@",
        "an address with a password",
    ),
    command(
        r"<(?:\w+:)?(?:NAME|keyMaterial)(?:\s[^<>]*)?>\s*(?:<Value>|<!\[CDATA\[)?\s*(?P<s>[^<>\]\s][^<>\]]*)",
        "a password in XML",
    ),
    command(
        r#"<var\s+name="NAME"\s*>\s*(?:<!\[CDATA\[)?(?P<s>[^<>\]\s][^<>\]]*)"#,
        "a password among the variables of a task sequence",
    ),
    command(
        r"\b(?P<s>(?:\d{6}-){7}\d{6})\b",
        "a recovery password of BitLocker",
    ),
    Rule {
        pattern: r"(?m)^\s*NAME\s*[=:]\s*(?P<s>\S[^\r\n]*)",
        what: "a setting with a password",
        kind: Kind::Settings,
    },
];

static COMPILED: LazyLock<Vec<(Regex, &'static str, Kind)>> = LazyLock::new(|| {
    RULES
        .iter()
        .filter_map(|rule| {
            let pattern = rule
                .pattern
                .replace("WORD", WORD)
                .replace("ANY", ANY)
                .replace("NAME", NAME);
            let regex = Regex::new(&format!("(?i){pattern}")).ok()?;
            Some((regex, rule.what, rule.kind))
        })
        .collect()
});

/// What stands in or right before whatever a rule finds. Logs are long: the rules only see the lines about such a word.
const TRIGGER: &str = r#"(?i)passw|passphrase|pwd|securestring|[-/]pass?[:=\s]|pass=|[-/](?:pw|p[dou])[:=\s]|keymaterial|net1?(?:\.exe)?"?\s+us|cmdkey|schtasks|(?:ps|pa)exec|autologon|://[^\s/:@<>]+:|\d{6}-\d{6}-|[-/]e(?:c|nc|n|ncodedcommand)?\s"#;
/// How many lines behind it a rule may reach.
const LINES: usize = 3;

static TRIGGERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(TRIGGER).ok());

static ENCODED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)[-/]e(?:c|nc|n|ncodedcommand)?\s+(?P<s>[a-z0-9+/]{16,}=*)").ok()
});

static PRODUCT_KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b[a-z0-9]{5}(?:-[a-z0-9]{5}){4}\b").ok());

/// A variable, a placeholder or a yes or no: nothing that must be kept from anybody.
fn is_open(word: &str) -> bool {
    let word = word.trim().trim_matches(['"', '\'']).trim();
    let variable = |mark: char| word.len() > 2 && word.starts_with(mark) && word.ends_with(mark);
    word.is_empty()
        || word.starts_with(['*', '$', '<'])
        || word.contains(SCRUBBED)
        || variable('%')
        || variable('!')
        || (word.starts_with('%') && word.len() < 4)
        || [
            "yes", "no", "true", "false", "0", "1", "null", "none", "nul",
        ]
        .iter()
        .any(|open| word.eq_ignore_ascii_case(open))
}

/// The passwords in a text, in order, none twice.
pub(super) fn find(text: &str, kind: Kind) -> Vec<Hit> {
    let mut hits = Vec::new();
    for part in about_triggers(text) {
        hits.extend(
            find_in(&text[part.clone()], kind, true)
                .into_iter()
                .map(|hit| Hit {
                    at: hit.at.start + part.start..hit.at.end + part.start,
                    what: hit.what,
                }),
        );
    }
    hits
}

/// The lines about words that a rule may look for, in pieces that do not touch.
fn about_triggers(text: &str) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let Some(triggers) = TRIGGERS.as_ref() else {
        return parts;
    };
    let mut at = 0;
    while let Some(found) = triggers.find_at(text, at) {
        let start = text[..found.start()].rfind('\n').map_or(0, |end| end + 1);
        let mut end = found.end();
        for _ in 0..LINES {
            end = text[end..]
                .find('\n')
                .map_or(text.len(), |more| end + more + 1);
        }
        match parts.last_mut() {
            Some(last) if last.end >= start => last.end = end,
            _ => parts.push(start..end),
        }
        // The rest of the last line but one may hold another word, whose own lines count then.
        at = text[found.end()..]
            .find('\n')
            .map_or(text.len(), |more| found.end() + more + 1);
    }
    parts
}

fn find_in(text: &str, kind: Kind, decode: bool) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for (regex, what, rule) in COMPILED.iter() {
        if *rule == Kind::Settings && kind == Kind::Commands {
            continue;
        }
        for found in regex.captures_iter(text) {
            if let Some(secret) = found.name("s")
                && !is_open(secret.as_str())
            {
                hits.push(Hit {
                    at: secret.range(),
                    what,
                });
            }
        }
    }
    if decode && let Some(regex) = ENCODED.as_ref() {
        for found in regex.captures_iter(text) {
            if let Some(code) = found.name("s")
                && let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(code.as_str())
                && !find_in(&wide(&bytes), Kind::Commands, false).is_empty()
            {
                hits.push(Hit {
                    at: code.range(),
                    what: "an encoded PowerShell command with a password",
                });
            }
        }
    }
    hits.sort_by_key(|hit| (hit.at.start, hit.at.end));
    let mut end = 0;
    hits.retain(|hit| {
        let new = hit.at.start >= end;
        if new {
            end = hit.at.end;
        }
        new
    });
    hits
}

/// The product keys (five times five signs) in a text.
pub(super) fn product_keys(text: &str) -> Vec<Range<usize>> {
    PRODUCT_KEY
        .as_ref()
        .map(|regex| regex.find_iter(text).map(|found| found.range()).collect())
        .unwrap_or_default()
}

/// Text of UTF-16LE bytes.
pub(super) fn wide(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_a_pattern() {
        assert_eq!(COMPILED.len(), RULES.len());
        assert!(ENCODED.is_some() && PRODUCT_KEY.is_some() && TRIGGERS.is_some());
    }

    #[test]
    fn passwords_are_found_where_people_write_them() {
        let encoded = base64::engine::general_purpose::STANDARD.encode(
            "net user a CANARY9 /add"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>(),
        );
        let lines = [
            "net user local CANARY9 /add",
            "NET.EXE USER \"a b\" \"CANARY9 x\" /add /y",
            "cmd /c \"net user a CANARY9\"",
            "net1 user a /add CANARY9",
            "net use Z: \\\\s\\share CANARY9 /user:d\\u",
            "net use \\\\s\\share /user:d\\u CANARY9 /persistent:no",
            "cmdkey /add:srv /user:u /pass:CANARY9",
            "cmdkey /generic:srv /user:u /pass CANARY9",
            "schtasks /create /tn x /ru u /rp CANARY9 /sc once",
            "schtasks /create /s h /u a /p CANARY9 /tn x",
            "reg add \"HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon\" /v DefaultPassword /t REG_SZ /d CANARY9 /f",
            "reg.exe add HKLM\\X /d \"CANARY9\" /t REG_SZ /v DefaultPassword /f",
            "\"DefaultPassword\"=\"CANARY9\"",
            "\"AltDefaultPassword\"=hex(1):43,00,41,00",
            "Set-ItemProperty -Path $p -Name DefaultPassword -Value CANARY9",
            "New-ItemProperty $p 'DefaultPassword' -Value 'CANARY9' -Force",
            "WshShell.RegWrite \"HKLM\\Winlogon\\DefaultPassword\", \"CANARY9\", \"REG_SZ\"",
            "$s = ConvertTo-SecureString 'CANARY9' -AsPlainText -Force",
            "ConvertTo-SecureString -AsPlainText -Force -String \"CANARY9\"",
            "ConvertTo-SecureString CANARY9 -AsPlainText",
            "$AdminPassword = 'CANARY9'",
            "([adsi]'WinNT://./a').SetPassword('CANARY9')",
            "netdom join %computername% /domain:d /userd:u /passwordd:CANARY9",
            "netdom join x /domain:d /ud:u /pd:CANARY9",
            "djoin.ps1 -Password CANARY9",
            "tool --password=CANARY9",
            "psexec \\\\h -u u -p CANARY9 cmd",
            "sc config svc obj= .\\u password= CANARY9",
            "Autologon64.exe /accepteula user domain CANARY9",
            "set ADMINPASS=CANARY9",
            "curl https://user:CANARY9@example.invalid/x",
            "<Password><Value>CANARY9</Value></Password>",
            "<keyMaterial>CANARY9</keyMaterial>",
            "<var name=\"OSDJOINPASSWORD\"><![CDATA[CANARY9]]></var>",
            &format!("powershell -enc {encoded}"),
            "manage-bde -unlock D: -rp 111111-222222-333333-444444-555555-666666-777777-888888",
        ];
        for line in lines {
            assert_eq!(find(line, Kind::Commands).len(), 1, "{line}");
        }
        for line in [
            "AdminPassword=CANARY9",
            "  UserPassword = CANARY9",
            "DomainAdminPassword: CANARY9",
        ] {
            assert_eq!(find(line, Kind::Settings).len(), 1, "{line}");
            assert!(find(line, Kind::Commands).is_empty(), "{line}");
        }
        let all = lines.join("\r\n");
        let hits = find(&all, Kind::Settings);
        assert!(
            hits.len() >= lines.len(),
            "{} of {}",
            hits.len(),
            lines.len()
        );
    }

    #[test]
    fn a_password_is_found_on_its_line_in_a_long_log() {
        let noise = "2026-11-27 12:00:00, Info  [setup.exe] nothing to see here\r\n".repeat(20_000);
        let line = "2026-11-27, Info Running: net user a CANARY9 /add\r\n";
        let folded = "\"DefaultPassword\"=hex(1):43,00,\\\r\n  41,00\r\n";
        let text = format!("{noise}{line}{noise}{folded}{noise}{line}");
        let started = std::time::Instant::now();
        let hits = find(&text, Kind::Commands);
        let words: Vec<&str> = hits.iter().map(|hit| &text[hit.at.clone()]).collect();
        assert_eq!(words.len(), 3, "{words:?}");
        assert_eq!((words[0], words[2]), ("CANARY9", "CANARY9"));
        assert!(words[1].starts_with("hex(1):43,00"), "{words:?}");
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn what_holds_no_password_is_left_alone() {
        for line in [
            "net user local /add",
            "net user local * /add",
            "net user %USER% %PASSWORD% /add",
            "net user",
            "net user administrator /active:yes",
            "net use Z: \\\\s\\share",
            "net accounts /maxpwage:unlimited",
            "schtasks /create /tn x /tr y /sc onlogon",
            "schtasks /run /tn \"\\Microsoft\\x\"",
            "reg add HKLM\\X /v LimitBlankPasswordUse /t REG_DWORD /d 0 /f",
            "reg add HKLM\\X /v NoPassword /t REG_DWORD /d 1 /f",
            "\"DisablePasswordChange\"=dword:00000001",
            "ConvertTo-SecureString $plain -AsPlainText -Force",
            "$password = Read-Host -AsSecureString",
            "$password = \"$env:PW\"",
            "tool /password:%PW%",
            "EncryptedAdminPassword=NO",
            "AdminPassword=*",
            "UserPassword=",
            "<Password><Value>*SENSITIVE*DATA*DELETED*</Value></Password>",
            "<Password></Password>",
            "The password must be changed at the next logon.",
            "https://example.invalid:8080/a@b",
            "powershell.exe New-LocalUser kiosk -NoPassword -AccountNeverExpires",
            "setup.exe /po /quiet",
            "Enable AutoLogon for one session",
            "Remove-ItemProperty -Path $w -Name DefaultUserName,DefaultPassword,AutoAdminLogon",
        ] {
            assert_eq!(find(line, Kind::Settings), [], "{line}");
        }
        assert!(product_keys("{00000000-0000-0000-0000-000000000000}").is_empty());
        assert_eq!(
            product_keys("slmgr /ipk abcde-12345-ABCDE-12345-ABCDE").len(),
            1
        );
    }
}
