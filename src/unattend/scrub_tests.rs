//! Answer files in every place, with every kind of secret, in every encoding: what is planted must be nowhere afterwards.

use std::fs;

use super::scrub::Keys;
use super::scrub_cases::{CANARY, ENCODINGS, KEY, PLACES, answer, holds, kinds, put};
use super::{SCRUBBED, look_volume, scrub, scrub_volume};

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
    for answer in &found.answers {
        assert!(answer.secrets >= planted, "{answer:?}");
        assert!(answer.commands >= 6, "{answer:?}");
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
fn what_is_left_of_a_text_is_still_well_formed_and_holds_no_piece_of_the_secret() {
    for inner in [
        r#"<X cmd="net user a CANARY9 /add&#10;echo &quot;hi&quot;"/>"#,
        r"<Password><Value>CANARY9</Value></Password><Path>C:\t\join.exe;CANARY9</Path>",
        "<Password><Value>CANARY9</Value></Password><Param>/k:CANARY9</Param><!-- CANARY9 -->",
    ] {
        let bytes = answer(inner, r#"<?xml version="1.0"?>"#, "");
        let clean = scrub(bytes.as_bytes(), "x", Keys::Remove).unwrap();
        let text = String::from_utf8(clean.bytes).unwrap();
        assert!(!text.contains("CANARY9"), "{text}");
        assert!(roxmltree::Document::parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn what_is_written_is_read_as_it_was_meant() {
    // Wide, without a mark: with the comment goes what tells so.
    let text = "<!-- passwd -->\u{4e00}\u{4e00}<unattend/>";
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let refused = scrub(&bytes, "x.xml", Keys::Remove).map(|clean| clean.bytes);
    assert!(refused.is_err_and(|error| error.to_string().contains("another encoding")));
}

#[test]
fn many_passwords_and_much_text_take_no_more_than_both() {
    let parts: Vec<String> = (0..40_000)
        .map(|number| format!("<pwd>secret{number}</pwd><d>some text {number}</d>"))
        .collect();
    let inner = parts.concat();
    let bytes = answer(&inner, r#"<?xml version="1.0"?>"#, "");
    let clean = scrub(bytes.as_bytes(), "x", Keys::Remove).unwrap();
    assert_eq!(clean.secrets, 40_000);
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
fn spoilt_files_end_in_an_error_or_without_the_password() {
    let all: String = kinds().iter().map(|(_, inner, _)| inner.as_str()).collect();
    let mut seed = 7_u64;
    let mut dice = |sides: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % sides
    };
    for (_, declaration, encode) in ENCODINGS {
        let good = encode(&answer(&all, declaration, "u"));
        for _ in 0..40 {
            let mut bad = good.clone();
            for _ in 0..=dice(6) {
                let (at, length) = (dice(bad.len()), dice(30));
                match dice(4) {
                    0 => bad[at] = b"<>&\"'/!-]=\0\xFF"[dice(12)],
                    1 => bad.truncate(at.max(1)),
                    2 => drop(bad.drain(at..(at + length).min(bad.len()))),
                    _ => {
                        let copy = bad[at..(at + length).min(bad.len())].to_vec();
                        let to = dice(bad.len());
                        bad.splice(to..to, copy);
                    }
                }
            }
            // Whatever it says: it ends, and a second look finds nothing that the first one left.
            if let Ok(clean) = scrub(&bad, "x", Keys::Remove)
                && let Ok(again) = scrub(&clean.bytes, "x", Keys::Remove)
            {
                assert_eq!(
                    again.secrets,
                    0,
                    "{}",
                    String::from_utf8_lossy(&clean.bytes)
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
        "Windows/Setup/Scripts/key.ps1",
        format!("slmgr /ipk {KEY}").as_bytes(),
    );
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
            ("/Windows/Setup/Scripts/key.ps1", 1),
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
