//! The rules for values, each with what fits and what does not.

use super::*;

#[test]
fn values_that_fit_are_taken_and_others_told_why() {
    let choice = Check::OneOf(vec!["Lab".to_owned(), "Field".to_owned()]);
    for (check, good, bad) in [
        (Check::Text, vec!["", "any % text"], vec![]),
        (
            Check::ComputerName,
            vec!["REF-01", "r_1", "%Make%-1", "%Serial% of a long name"],
            vec![
                "",
                "a.b",
                "a b",
                "a/b",
                "100%",
                "a\tb",
                "a\0b",
                "12345",
                "sixteen-letters-",
            ],
        ),
        (
            Check::ImagePath,
            vec![
                "a.wim",
                "/x/A.WIM",
                r"\\s\i\x.wim",
                r"\\s\i/f/x.wim",
                "%Share%/x",
            ],
            vec![
                "",
                "x",
                "x/",
                r"\\s\x.wim",
                r"\\s\\x.wim",
                r"\\s\i\\x.wim",
                "a*.wim",
                "?.wim",
            ],
        ),
        (
            Check::Account,
            vec![
                r"lab\me",
                "me@lab.example",
                r"lab\me@x",
                r".\me",
                r"192.0.2.7\me",
                r"LAB.EXAMPLE\first last",
                "%a%",
            ],
            vec![
                "",
                "me",
                r"\me",
                r"lab\",
                r"lab\me\x",
                "@lab",
                "me@",
                "lab/me",
                r"lab;x\me",
                r"lab\m*e",
                "me@lab example",
                "me@lab..example",
            ],
        ),
        (
            Check::Number(2, 9),
            vec!["2", " 9 ", "%n%"],
            vec!["", "1", "10", "-2", "2.5", "two"],
        ),
        (
            choice,
            vec!["Lab", "lab", "FIELD", "%where%"],
            vec!["", "la", "Lab "],
        ),
        (
            Check::ProductKey,
            vec![
                "W269N-WFGWX-YVC9B-4J6C9-T83GX",
                "w269n-wfgwx-yvc9b-4j6c9-t83gx",
            ],
            vec![
                "",
                "AAAAA",
                "BBBBB-CCCCC-DDDDD-FFFFF-GGGG",
                "BBBBB-CCCCC-DDDDD-FFFFF-GGGG ",
                "ABCDE",
                "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA",
                "11111-22222-33333-44444-66666",
                "BBBBB-CCCCC-DDDDD-FFFFF-GGGGG-HHHHH",
                "BBBBBCCCCCDDDDDFFFFFGGGGG",
                "an encoded volume key, 30 long",
            ],
        ),
    ] {
        for value in good {
            assert_eq!(check.mistake(value), None, "{check:?} {value:?}");
        }
        for value in bad {
            let why = check.mistake(value);
            assert!(why.is_some(), "{check:?} {value:?}");
            assert_eq!(check.fault(value), why);
        }
    }
    assert!(Check::ComputerName.fault("%Make%").is_some());
    let long = format!("{}.wim", "x".repeat(252));
    assert!(Check::ImagePath.mistake(&long).is_some());
}

#[test]
fn names_of_the_network_fit_windows_own_rules() {
    for (check, good, bad) in [
        (
            Check::Workgroup,
            vec!["WORKGROUP", "MY GROUP", "R&D", "a.b", "%wg%"],
            vec![
                "",
                "SIXTEEN-LETTERS-",
                "A;B",
                "A\\B",
                "A[1]",
                " A",
                "A ",
                "...",
                "a\nb",
                "Users",
                "Büro-Großraum-1",
            ],
        ),
        (
            Check::Domain,
            vec![
                "corp.example",
                "CORP",
                "a_b.example",
                "xn--bro-hoa.example",
                "%d%",
            ],
            vec![
                "",
                "corp..example",
                ".corp",
                "corp.example.",
                "https://corp.example",
                "LDAP://corp",
                "corp/x",
                r"CORP\me",
                "me@corp",
                "corp example",
                "-corp.example",
                "corp-.example",
                "192.0.2.1",
                "SIXTEEN-LETTERS-",
                "NETWORK",
                "a,b",
            ],
        ),
        (
            Check::DnsName,
            vec!["example", "a.b.example"],
            vec!["", "a b", "a..b"],
        ),
        (
            Check::OrganizationalUnit,
            vec![
                "OU=Labs,DC=corp,DC=example",
                "LDAP://OU=Labs,DC=corp,DC=example",
                "ldap://ou=a, ou=b , dc=c",
                r"OU=a\,b\;c,DC=x",
                "OU=R/D,DC=x",
                "CN=Computers,DC=x",
                "%ou%",
            ],
            vec![
                "",
                "Labs",
                "OU=Labs",
                "DC=corp,DC=example",
                "corp.example/Labs",
                "OU=Labs;DC=corp;DC=example",
                "LDAP://dc01.corp.example/OU=Labs,DC=corp,DC=example",
                "LDAP://dc01:389/OU=Labs,DC=corp",
                "dc01.corp.example/OU=Labs,DC=corp",
                "OU=,DC=x",
                "OU=Labs,,DC=x",
                "Labs,DC=x",
                "OU=Labs,DC=x,",
                "XX=Labs,DC=x",
                "OU=a\tb,DC=x",
            ],
        ),
        (
            Check::Owner,
            vec!["Imaging & Co", "%o%"],
            vec!["", " ", "a\nb"],
        ),
    ] {
        for value in good {
            assert_eq!(check.mistake(value), None, "{check:?} {value:?}");
        }
        for value in bad {
            assert!(check.mistake(value).is_some(), "{check:?} {value:?}");
        }
    }
    assert_eq!(organizational_unit(" LDAP://OU=x,DC=y"), Ok("OU=x,DC=y"));
    assert!(Check::Owner.mistake(&"x".repeat(256)).is_some());
    assert!(Check::DnsName.mistake(&"x".repeat(64)).is_some());
    assert!(same_name("Ref-01", "REF-01").is_some());
    assert_eq!(same_name("REF-01", "WORKGROUP"), None);
    assert_eq!(same_name("", ""), None);
}

#[test]
fn locales_keyboards_and_input_methods_are_told_from_other_words() {
    let ime = "0411:{03B5835F-F03C-411B-9CE2-AA23E1171E36}{A76C93D9-5523-4E90-AAFA-4DB112F9AC76}";
    for text in [
        "de-DE",
        "en-US; fr-FR; es-ES",
        "0407:00000407",
        "0409:00000409;de-DE ; 0411:E0010411",
        ime,
        "sr-Latn-RS",
        "ca-ES-valencia",
    ] {
        assert_eq!(Check::InputLocale.mistake(text), None, "{text}");
        assert_eq!(Check::InputLocale.doubt(text), None, "{text}");
    }
    for text in [
        "german",
        "de_DE",
        "de-DE;",
        "407:00000407",
        "0407:407",
        "0411:{03B5835F-F03C-411B-9CE2-AA23E1171E36}",
        "0411:{03B5835F}{A76C93D9}",
        "0411:03B5835F-F03C-411B-9CE2-AA23E1171E36A76C93D9-5523-4E90-AAFA-4DB112F9AC76",
    ] {
        assert!(Check::InputLocale.mistake(text).is_some(), "{text}");
    }
    for (text, known) in [
        ("de-DE", true),
        ("DE-de", true),
        ("zh-hans-cn", false),
        ("zh-CN", true),
        ("sr-latn-rs", true),
        ("de", true),
        ("qps-ploc", true),
        ("es-ES_tradnl", true),
        ("de-XX", false),
        ("xx-DE", false),
    ] {
        assert_eq!(Check::Locale.mistake(text), None, "{text}");
        assert_eq!(Check::Locale.doubt(text).is_none(), known, "{text}");
    }
    for text in ["de-DE;en-US", "0407:00000407", "german", "de DE", ""] {
        assert!(Check::Locale.mistake(text).is_some(), "{text}");
    }
    assert_eq!(Check::TimeZone.doubt("w. europe standard time"), None);
    assert_eq!(Check::TimeZone.doubt("%TZ%"), None);
    let (why, way_out) = Check::TimeZone.doubt("Europe/Berlin").unwrap();
    assert!(why.contains("Europe/Berlin") && way_out.contains("tzutil"));
}

#[test]
fn what_is_left_between_percent_signs_is_named() {
    for (text, names) in [
        ("", vec![]),
        ("100 %", vec![]),
        ("50% of 100%", vec![]),
        ("%Key%", vec!["Key"]),
        ("a%b%c", vec!["b"]),
        ("%a%%b%", vec!["a", "b"]),
        ("10%%a%", vec!["a"]),
        ("%1a%", vec![]),
        (
            "%_SMSTSMachineName%-%x-y%",
            vec!["_SMSTSMachineName", "x-y"],
        ),
    ] {
        assert_eq!(unresolved(text), names, "{text}");
    }
    assert_eq!(only_variable(" %Key% "), Some("Key"));
    for text in ["Key", "%Key", "%a%%b%", "%%", "x%Key%", "%"] {
        assert_eq!(only_variable(text), None, "{text}");
    }
}

#[test]
fn addresses_of_adapters() {
    assert_eq!(
        network::mac("aa:bb:cc:dd:ee:0f").unwrap(),
        "AA-BB-CC-DD-EE-0F"
    );
    assert!(network::mac("aa-bb").is_err());
    assert!(network::mac("zz:bb:cc:dd:ee:0f").is_err());
    for (text, good) in [
        ("192.0.2.10/24", true),
        ("2001:db8::1/64", true),
        ("192.0.2.10", false),
        ("192.0.2.10/33", false),
        ("192.0.2.10/0", false),
        ("2001:db8::1/129", false),
    ] {
        assert_eq!(network::interface(text).is_none(), good, "{text}");
    }
    assert!(network::ip("gate").is_some() && network::ip("::1").is_none());
}
