use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

/// With something of everything that encoders escape.
const CANARY: &str = "Pl4n t\"ed'&<w>\\/+%ß€-😀$x";

fn knowing(secrets: &[&str]) -> Redactor {
    let mut redactor = Redactor::default();
    for secret in secrets {
        redactor.add(&Secret::new(*secret));
    }
    redactor
}

fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

fn each(text: &str, escaped: impl Fn(u8) -> bool, how: impl Fn(u8) -> String) -> String {
    text.bytes()
        .flat_map(|byte| {
            if escaped(byte) {
                how(byte).into_bytes()
            } else {
                vec![byte]
            }
        })
        .map(char::from)
        .collect()
}

/// The forms by encoders of their own, most of them not those of the product.
fn written(secret: &str) -> Vec<(&'static str, String)> {
    let le = wide(secret, u16::to_le_bytes);
    let not_plain = |byte: u8| !byte.is_ascii_alphanumeric();
    let mut all = vec![
        ("plain", secret.to_owned()),
        ("url", each(secret, not_plain, |b| format!("%{b:02X}"))),
        (
            "url, lower",
            each(secret, not_plain, |b| format!("%{b:02x}")),
        ),
        (
            "url, every byte",
            each(secret, |_| true, |b| format!("%{b:02X}")),
        ),
        (
            "form",
            each(secret, not_plain, |b| match b {
                b' ' => "+".to_owned(),
                b => format!("%{b:02X}"),
            }),
        ),
        ("json", serde_json::to_string(secret).unwrap()),
        (
            "json, ascii",
            secret
                .encode_utf16()
                .map(|u| format!("\\u{u:04x}"))
                .collect(),
        ),
        ("debug", format!("{secret:?}")),
        ("rust", secret.escape_unicode().to_string()),
        (
            "xml",
            secret
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&apos;"),
        ),
        (
            "xml, decimal",
            secret
                .chars()
                .map(|c| format!("&#{};", u32::from(c)))
                .collect(),
        ),
        (
            "xml, hexadecimal",
            secret
                .chars()
                .map(|c| format!("&#x{:X};", u32::from(c)))
                .collect(),
        ),
        ("shell", format!("'{}'", secret.replace('\'', r"'\''"))),
        ("python", format!("'{}'", secret.replace('\'', r#"'"'"'"#))),
        ("sql", format!("'{}'", secret.replace('\'', "''"))),
        ("csv", format!("\"{}\"", secret.replace('"', "\"\""))),
        (
            "bash",
            secret
                .chars()
                .map(|c| match c {
                    c if c.is_ascii_alphanumeric() || !c.is_ascii() => c.to_string(),
                    c => format!("\\{c}"),
                })
                .collect(),
        ),
        (
            "octal",
            secret.bytes().map(|b| format!("\\{b:03o}")).collect(),
        ),
        ("hex", secret.bytes().map(|b| format!("{b:02x}")).collect()),
        (
            "hex, upper",
            secret.bytes().map(|b| format!("{b:02X}")).collect(),
        ),
        (
            "hex of utf-16",
            le.iter().map(|b| format!("{b:02x}")).collect(),
        ),
        (
            "registry",
            le.iter()
                .map(|b| format!("{b:02x}"))
                .collect::<Vec<_>>()
                .join(","),
        ),
        ("utf-16le", String::from_utf8_lossy(&le).into_owned()),
        (
            "utf-16be",
            String::from_utf8_lossy(&wide(secret, u16::to_be_bytes)).into_owned(),
        ),
        (
            "colours",
            secret
                .chars()
                .map(|c| format!("\x1b[1;31m{c}\x1b[0m"))
                .collect(),
        ),
    ];
    for (name, suffix) in [
        ("unattend", "Password"),
        ("unattend, administrator", "AdministratorPassword"),
        ("unattend, offline", "OfflineLocalAdministratorPassword"),
    ] {
        let whole = wide(&format!("{secret}{suffix}"), u16::to_le_bytes);
        all.push((name, STANDARD.encode(whole)));
    }
    for before in ["", "x", "xy", "user:"] {
        all.push(("base64", STANDARD.encode(format!("{before}{secret} y"))));
        all.push((
            "base64url",
            URL_SAFE_NO_PAD.encode(format!("{before}{secret}")),
        ));
        let whole = wide(&format!("{before}{secret}"), u16::to_le_bytes);
        all.push(("base64 of utf-16", STANDARD.encode(whole)));
        let whole = wide(&format!("{before}{secret}"), u16::to_be_bytes);
        all.push(("base64 of utf-16be", STANDARD.encode(whole)));
    }
    all
}

#[test]
fn no_form_of_a_secret_stays() {
    for secret in [
        CANARY,
        "hunter22",
        "abcd",
        "pässwörd",
        "1234567890123456789012345678901234567890",
    ] {
        let redactor = knowing(&[secret]);
        for (name, text) in written(secret) {
            let line = format!("before {text} behind");
            let clean = redactor.redact(&line);
            assert!(clean.contains(MASK), "{secret} as {name}: {clean}");
            assert!(clean.starts_with("before "), "{name}: {clean}");
            assert!(clean.ends_with(" behind"), "{name}: {clean}");
            // Nothing is left of it but the quotes, paddings and suffixes around it.
            let kept = clean.len() - "before  behind".len() - MASK.len();
            let around = match name {
                "unattend" => 30,
                "unattend, administrator" => 60,
                "unattend, offline" => 95,
                _ => 14,
            };
            assert!(kept <= around, "{secret} as {name}: {clean}");
        }
    }
}

#[test]
fn escapes_within_escapes_are_read() {
    let redactor = knowing(&[CANARY]);
    for (outer, text) in written(CANARY) {
        for twice in [
            serde_json::to_string(&text).unwrap(),
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('"', "&quot;"),
            each(
                &text,
                |b| !b.is_ascii_alphanumeric(),
                |b| format!("%{b:02x}"),
            ),
        ] {
            assert!(redactor.redact(&twice).contains(MASK), "{outer}: {twice}");
        }
    }
}

#[test]
fn secrets_that_overlap_are_masked_whole() {
    let redactor = knowing(&["abcdef", "defghi"]);
    assert_eq!(redactor.redact("x abcdefghi y"), format!("x {MASK} y"));
    assert_eq!(redactor.redact("abcdef defghi"), format!("{MASK} {MASK}"));
}

#[test]
fn ordinary_lines_stay_as_they_are() {
    let redactor = knowing(&["hunter22", "Geheim-1", CANARY]);
    for line in [
        "",
        "Applied image 1 of 1 (100%), 3 + 4 files, \"C:\\Windows\\System32\" & more",
        "{\"a\": \"b\\n\\u00e4\", \"c\": ''}",
        "\x1b[32mgreen\x1b[0m %41%42 &amp; aGVsbG8gd29ybGQ= 68656c6c6f",
        "hunter2 unter22",
    ] {
        assert!(matches!(redactor.redact(line), Cow::Borrowed(_)), "{line}");
    }
}

#[test]
fn every_line_of_a_secret_is_one() {
    let redactor = knowing(&["-----BEGIN\n  Zm9vYmFyYmF6\r\nab\n"]);
    assert_eq!(redactor.redact("> Zm9vYmFyYmF6"), format!("> {MASK}"));
    assert_eq!(redactor.redact("ab"), "ab");
}

#[test]
fn line_breaks_inside_do_not_hide_it() {
    let redactor = knowing(&["hunter22"]);
    assert!(redactor.is_in("x hunt\ner22"));
    assert!(redactor.is_in("x hunt\r\ner22") && !redactor.is_in("x hunt\ner23"));
}

#[test]
fn a_copy_does_not_learn_what_the_other_learns() {
    let mut one = knowing(&["hunter22"]);
    assert_eq!(one.redact("hunter22 other333"), format!("{MASK} other333"));
    let other = one.clone();
    one.add(&Secret::new("other333"));
    assert_eq!(one.redact("hunter22 other333"), format!("{MASK} {MASK}"));
    assert_eq!(
        other.redact("hunter22 other333"),
        format!("{MASK} other333")
    );
}
