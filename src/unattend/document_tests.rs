//! Answer files as people have them: what is set, what goes, and that every other byte stays.

use super::*;
use crate::unattend::{DEPLOYMENT, DNS, SHELL, TCPIP, set_command};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

fn component(name: &str, processor: &str, content: &str) -> String {
    format!(
        "<component name=\"{name}\" processorArchitecture=\"{processor}\" publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" versionScope=\"nonSxS\">{content}</component>"
    )
}

fn pass(name: &str, content: &str) -> String {
    format!("<settings pass=\"{name}\">{content}</settings>")
}

fn answer(content: &str) -> String {
    format!("{HEAD}<unattend xmlns=\"{NAMESPACE}\" xmlns:wcm=\"{WCM}\">{content}</unattend>")
}

fn read(text: &str, processor: &str) -> Document {
    Document::parse(text.as_bytes(), "x", processor).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn written(document: &Document) -> String {
    let bytes = document.to_xml().unwrap();
    // By another reader.
    xmltree::Element::parse(&*bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn an_answer_file_of_our_own_is_laid_out_in_lines() {
    let mut document = Document::new("arm64");
    document.set("specialize", SHELL, "ComputerName", "A&B<C>\r");
    document.set("specialize", SHELL, "TimeZone", "UTC");
    document.set("oobeSystem", SHELL, "OOBE/HideEULAPage", "true");
    document.set("oobeSystem", SHELL, "OOBE/HideEULAPage", "");
    let list = New::parent(
        "L",
        vec![New::text("E", "a").keyed(1), New::text("E", "b").keyed(2)],
    );
    document.put("specialize", DNS, "L", &list);
    let common = "publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" versionScope=\"nonSxS\"";
    assert_eq!(
        written(&document),
        format!(
            "{HEAD}<unattend xmlns=\"{NAMESPACE}\" xmlns:wcm=\"{WCM}\">
  <settings pass=\"specialize\">
    <component name=\"{SHELL}\" processorArchitecture=\"arm64\" {common}>
      <ComputerName>A&amp;B&lt;C&gt;&#13;</ComputerName>
      <TimeZone>UTC</TimeZone>
    </component>
    <component name=\"{DNS}\" processorArchitecture=\"arm64\" {common}>
      <L>
        <E wcm:action=\"add\" wcm:keyValue=\"1\">a</E>
        <E wcm:action=\"add\" wcm:keyValue=\"2\">b</E>
      </L>
    </component>
  </settings>
  <settings pass=\"oobeSystem\">
    <component name=\"{SHELL}\" processorArchitecture=\"arm64\" {common}>
    </component>
  </settings>
</unattend>
"
        )
    );
    assert_eq!(
        document.get("specialize", SHELL, "ComputerName").as_deref(),
        Some("A&B<C>\r")
    );
}

#[test]
fn only_what_is_set_changes_in_any_file() {
    let shell = |name: &str, rest: &str| {
        component(
            SHELL,
            "amd64",
            &format!("<ComputerName>{name}</ComputerName>{rest}"),
        )
    };
    let around = "<!-- a > b --><X a='1 > 0' b=\"&quot;&#65;\">  mixed <b/> text </X>\r\n\t<?pi x?><![CDATA[ <ComputerName>OLD</ComputerName> ]]><e  />";
    for (before, after) in [
        (
            answer(&pass("specialize", &shell("OLD", around))),
            answer(&pass("specialize", &shell("REF-01", around))),
        ),
        // The name of a pass and of a component may have blanks around; two blocks of one pass.
        (
            answer(&format!(
                "{}<settings\n pass=' specialize '>{}</settings>",
                pass("specialize", &component(TCPIP, "amd64", around)),
                shell("OLD", around)
            )),
            answer(&format!(
                "{}<settings\n pass=' specialize '>{}</settings>",
                pass("specialize", &component(TCPIP, "amd64", around)),
                shell("REF-01", around)
            )),
        ),
        // Twice: Setup reads both.
        (
            answer(&pass(
                "specialize",
                &format!("{}{}", shell("OLD", ""), shell("OLDER", "")),
            )),
            answer(&pass(
                "specialize",
                &format!("{}{}", shell("REF-01", ""), shell("REF-01", "")),
            )),
        ),
        // An element without content, and one with a comment and markup in it.
        (
            answer(&pass(
                "specialize",
                &component(SHELL, "amd64", "<ComputerName />"),
            )),
            answer(&pass(
                "specialize",
                &component(SHELL, "amd64", "<ComputerName >REF-01</ComputerName>"),
            )),
        ),
        (
            answer(&pass(
                "specialize",
                &shell("<!-- OLD --><![CDATA[OLD]]>&#79;LD", ""),
            )),
            answer(&pass("specialize", &shell("REF-01", ""))),
        ),
        // No declaration, no namespace.
        (
            format!(
                "<unattend>{}</unattend>",
                pass("specialize", &shell("OLD", ""))
            ),
            format!(
                "<unattend xmlns=\"{NAMESPACE}\">{}</unattend>",
                pass("specialize", &shell("REF-01", ""))
            ),
        ),
    ] {
        let mut document = read(&before, "amd64");
        document.set("specialize", SHELL, "ComputerName", "REF-01");
        assert_eq!(written(&document), after);
        // Once more changes nothing.
        document.set("specialize", SHELL, "ComputerName", "REF-01");
        assert_eq!(written(&document), after);
    }
}

#[test]
fn an_element_of_another_namespace_is_no_setting() {
    let text = answer(&pass(
        "specialize",
        &component(
            SHELL,
            "amd64",
            "<x:ComputerName xmlns:x=\"urn:x\">X</x:ComputerName>",
        ),
    ));
    let mut document = read(&text, "amd64");
    document.set("specialize", SHELL, "ComputerName", "REF-01");
    let text = written(&document);
    assert!(
        text.contains(">X</x:ComputerName><ComputerName>REF-01</ComputerName>"),
        "{text}"
    );
}

#[test]
fn other_prefixes_are_used_as_they_are() {
    let text = format!(
        "<u:unattend xmlns:u=\"{NAMESPACE}\" xmlns:w=\"{WCM}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"a b\">\n \
         <u:settings pass=\"specialize\"><u:component name=\"{SHELL}\" processorArchitecture=\"amd64\"><u:ComputerName>OLD</u:ComputerName></u:component>\n \
         <u:component name=\"{DEPLOYMENT}\" processorArchitecture=\"amd64\"><u:RunSynchronous><u:RunSynchronousCommand w:action=\"add\"><u:Order>7</u:Order><u:Path>a</u:Path></u:RunSynchronousCommand></u:RunSynchronous></u:component></u:settings>\n</u:unattend>\n"
    );
    let mut document = read(&text, "amd64");
    document.set("specialize", SHELL, "ComputerName", "REF-01");
    document.set("specialize", SHELL, "TimeZone", "UTC");
    document.set("oobeSystem", SHELL, "TimeZone", "UTC");
    assert_eq!(
        set_command(&mut document, "specialize", "D", Some("b")).unwrap(),
        None
    );
    let expected = text
        .replace("OLD</u:ComputerName>", "REF-01</u:ComputerName><u:TimeZone>UTC</u:TimeZone>")
        .replace(
            "</u:RunSynchronousCommand>",
            "</u:RunSynchronousCommand><u:RunSynchronousCommand w:action=\"add\"><u:Description>D</u:Description><u:Order>8</u:Order><u:Path>b</u:Path></u:RunSynchronousCommand>",
        );
    let found = written(&document);
    let (start, rest) = found
        .split_once("\n <u:settings pass=\"oobeSystem\">")
        .unwrap();
    assert_eq!(format!("{start}\n</u:unattend>\n"), expected);
    assert!(
        rest.contains("<u:TimeZone>UTC</u:TimeZone>") && !found.contains("<settings"),
        "{found}"
    );
    // A prefix that means something else within, and none for the attributes at all.
    for (declared, wanted) in [
        (
            format!(" xmlns:wcm=\"{WCM}\""),
            "<L wcm:action=\"add\">".to_owned(),
        ),
        (
            format!(" xmlns:wcm=\"urn:other\" xmlns:o=\"{WCM}\""),
            "<L o:action=\"add\">".to_owned(),
        ),
        (
            " xmlns:wcm=\"urn:other\"".to_owned(),
            format!("<L xmlns:wcm=\"{WCM}\" wcm:action=\"add\">"),
        ),
        (
            String::new(),
            format!("<L xmlns:wcm=\"{WCM}\" wcm:action=\"add\">"),
        ),
    ] {
        let text = format!("<unattend xmlns=\"{NAMESPACE}\"{declared}/>");
        let mut document = read(&text, "amd64");
        document.add("specialize", SHELL, "", New::text("L", "x").entry());
        let text = written(&document);
        assert!(text.contains(&wanted), "{text}");
    }
}

#[test]
fn a_component_of_another_processor_gets_the_same_value_and_its_own_is_made() {
    let old = "<ComputerName>OLD</ComputerName><ProductKey>K</ProductKey>";
    let text = answer(&pass("specialize", &component(SHELL, "x86", old)));
    let mut document = read(&text, "amd64");
    assert_eq!(document.foreign_only(), ["x86"]);
    document.set("specialize", SHELL, "ComputerName", "REF-01");
    document.set("specialize", SHELL, "ProductKey", "");
    document.set("specialize", SHELL, "TimeZone", "UTC");
    let set = "<ComputerName>REF-01</ComputerName>";
    let own = component(SHELL, "amd64", &format!("{set}<TimeZone>UTC</TimeZone>"));
    let both = format!("{}{own}", component(SHELL, "x86", set));
    assert_eq!(written(&document), answer(&pass("specialize", &both)));
    assert_eq!(document.foreign_only(), [""; 0]);
    assert_eq!(
        document.get("specialize", SHELL, "TimeZone").as_deref(),
        Some("UTC")
    );
}

#[test]
fn marks_and_placeholders_of_an_earlier_setup_go() {
    let text = answer(&format!(
        "<settings pass=\"specialize\" wasPassProcessed=\"true\">{}</settings><settings wasPassProcessed='true' pass=\"oobeSystem\">{}</settings>",
        component(SHELL, "amd64", "<ComputerName>OLD</ComputerName>"),
        component(
            SHELL,
            "amd64",
            &format!(
                "<UserAccounts><AdministratorPassword>{SCRUBBED}</AdministratorPassword><LocalAccounts>{SCRUBBED}</LocalAccounts></UserAccounts>\
                 <AutoLogon><Username>me</Username><Password><Value> {SCRUBBED} </Value><PlainText>true</PlainText></Password></AutoLogon><TimeZone>UTC</TimeZone>"
            )
        ),
    ));
    let mut document = read(&text, "amd64");
    let password = New::parent(
        "",
        vec![New::text("Value", "pw"), New::text("PlainText", "false")],
    );
    document.put(
        "oobeSystem",
        SHELL,
        "UserAccounts/AdministratorPassword",
        &password,
    );
    assert_eq!(
        document.remove_scrubbed(),
        [
            format!("oobeSystem/{SHELL}/UserAccounts/LocalAccounts"),
            format!("oobeSystem/{SHELL}/AutoLogon")
        ]
    );
    assert_eq!(document.unmark(), ["specialize", "oobeSystem"]);
    assert_eq!(
        written(&document),
        answer(&format!(
            "{}{}",
            pass(
                "specialize",
                &component(SHELL, "amd64", "<ComputerName>OLD</ComputerName>")
            ),
            pass(
                "oobeSystem",
                &component(
                    SHELL,
                    "amd64",
                    "<UserAccounts><AdministratorPassword><Value>pw</Value><PlainText>false</PlainText></AdministratorPassword></UserAccounts><TimeZone>UTC</TimeZone>"
                )
            )
        ))
    );
}

#[test]
fn orders_of_commands_are_from_1_to_500_and_each_once() {
    let command = |order: &str| {
        format!(
            "<RunSynchronousCommand wcm:action=\"add\">{order}<Path>x</Path></RunSynchronousCommand>"
        )
    };
    let orders_of = |document: &Document| -> Vec<String> {
        written(document)
            .split("<Order>")
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap_or_default().to_owned())
            .collect()
    };
    let many: Vec<String> = (1..=499).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let numbers = |last: usize| -> Vec<String> { (1..=last).map(|n| n.to_string()).collect() };
    for (orders, wanted) in [
        (vec![], Some(vec!["1".to_owned()])),
        (
            vec![" 3 ", "7"],
            Some(vec![" 3 ".to_owned(), "7".into(), "8".into()]),
        ),
        (
            vec!["500", " 501 "],
            Some(vec!["1".to_owned(), "2".into(), "3".into()]),
        ),
        (
            vec!["9", "500"],
            Some(vec!["1".to_owned(), "2".into(), "3".into()]),
        ),
        (
            vec!["4", "4", "2"],
            Some(vec!["2".to_owned(), "3".into(), "1".into(), "4".into()]),
        ),
        (vec!["0", "", "-1", "two"], Some(numbers(5))),
        (many.clone(), Some(numbers(500))),
        ([many, vec!["500"]].concat(), None),
    ] {
        let list: String = orders
            .iter()
            .map(|o| command(&format!("<Order>{o}</Order>")))
            .collect();
        let list = format!("<RunSynchronous>{list}</RunSynchronous>");
        let text = answer(&pass("specialize", &component(DEPLOYMENT, "amd64", &list)));
        let mut document = read(&text, "amd64");
        let result = set_command(&mut document, "specialize", "ours", Some("y"));
        let Some(wanted) = wanted else {
            assert!(result.unwrap_err().to_string().contains("500"));
            continue;
        };
        let first = orders_of(&document);
        assert_eq!(first, wanted, "{orders:?}");
        assert_eq!(
            result.unwrap().is_some(),
            first[..orders.len()] != orders[..],
            "{orders:?}"
        );
        // Again: it is replaced.
        set_command(&mut document, "specialize", "ours", Some("z")).unwrap();
        assert_eq!(orders_of(&document), wanted, "{orders:?}");
        assert!(
            written(&document).contains("<Path>z</Path>")
                && !written(&document).contains("<Path>y</Path>")
        );
        set_command(&mut document, "specialize", "ours", None).unwrap();
        assert!(!written(&document).contains("ours"));
    }
    // A command without an order gets one; a list that was only ours goes with it.
    let text = answer(&pass(
        "specialize",
        &component(
            DEPLOYMENT,
            "amd64",
            &format!("<RunSynchronous>{}</RunSynchronous>", command("")),
        ),
    ));
    let mut document = read(&text, "amd64");
    set_command(&mut document, "specialize", "ours", Some("y")).unwrap();
    assert_eq!(orders_of(&document), ["1", "2"]);
    let mut document = Document::new("amd64");
    set_command(&mut document, "specialize", "ours", Some("y")).unwrap();
    set_command(&mut document, "specialize", "ours", None).unwrap();
    assert!(!written(&document).contains("RunSynchronous"));
}

#[test]
fn hostile_files_are_refused_without_quoting_them() {
    let attributes: Vec<String> = (0..300).map(|n| format!("a{n}=''")).collect();
    let attributes = attributes.join(" ");
    for text in [
        "<!DOCTYPE x []><unattend/>".to_owned(),
        "<a>".repeat(100),
        "<unattend".to_owned(),
        "<unattend><CANARY></unattend>".to_owned(),
        "<unattend CANARY='1' CANARY='2'/>".to_owned(),
        "<CANARY/>".to_owned(),
        "<unattend xmlns='urn:CANARY'/>".to_owned(),
        format!("<unattend {attributes}/>"),
        "<unattend>&CANARY;</unattend>".to_owned(),
        String::new(),
        "CANARY".to_owned(),
        " ".repeat(5 << 20),
    ] {
        let refused = Document::parse(text.as_bytes(), "Windows/Panther/unattend.xml", "amd64");
        let why = refused.err().map(|error| error.to_string()).unwrap();
        assert!(
            why.starts_with("Windows/Panther/unattend.xml is not a usable"),
            "{why}"
        );
        assert!(!why.contains("CANARY"), "{why}");
    }
    // What XML cannot hold is not written.
    let mut document = Document::new("amd64");
    document.set("specialize", SHELL, "ComputerName", "\u{1}");
    assert!(document.to_xml().is_err());
}

/// Bits of answer files, well-formed or not when they come together.
const BITS: [&str; 34] = [
    "<settings pass=\"specialize\">",
    "<settings pass='oobeSystem' wasPassProcessed=\"true\">",
    "</settings>",
    "<component name=\"Microsoft-Windows-Shell-Setup\" processorArchitecture=\"amd64\">",
    "<component name=\"Microsoft-Windows-Shell-Setup\" processorArchitecture=\"x86\"/>",
    "<component name=\"Microsoft-Windows-Deployment\" processorArchitecture=\"amd64\">",
    "</component>",
    "<ComputerName>",
    "</ComputerName>",
    "<ComputerName/>",
    "<ComputerName a='>'\n/>",
    "<UserAccounts>",
    "</UserAccounts>",
    "<AdministratorPassword>*SENSITIVE*DATA*DELETED*</AdministratorPassword>",
    "<AdministratorPassword><Value>*SENSITIVE*DATA*DELETED*</Value></AdministratorPassword>",
    "<LocalAccounts><LocalAccount><Password><Value>*SENSITIVE*DATA*DELETED*</Value></Password></LocalAccount></LocalAccounts>",
    "<RunSynchronous>",
    "</RunSynchronous>",
    "<RunSynchronousCommand><Order>500</Order></RunSynchronousCommand>",
    "<RunSynchronousCommand><Order/><Description>other</Description></RunSynchronousCommand>",
    "<RunSynchronousCommand/>",
    "<![CDATA[<a>]]>",
    "<!-- Password -->",
    "<?pi ?>",
    "\n  ",
    "\r\n\t",
    " ",
    "text \u{e4}\u{1f600}",
    "&amp;",
    "<x:y xmlns:x='urn:x'>",
    "</x:y>",
    "<ProductKey>K</ProductKey>",
    "<Value>v</Value>",
    "/>",
];

proptest::proptest! {
    #[test]
    fn whatever_is_read_can_be_set_and_written(bits in proptest::collection::vec(0..BITS.len(), 0..24), prefix in 0..3_usize) {
        let content: String = bits.iter().map(|at| BITS[*at]).collect();
        let text = match prefix {
            0 => format!("{HEAD}<unattend xmlns=\"{NAMESPACE}\">{content}</unattend>"),
            1 => format!("<unattend>\n{content}\n</unattend>"),
            _ => answer(&pass("specialize", &component(SHELL, "amd64", &content))),
        };
        let Ok(mut document) = Document::parse(text.as_bytes(), "x", "amd64") else {
            return Ok(());
        };
        document.set("specialize", SHELL, "ComputerName", "REF-01 & <co>");
        document.set("specialize", SHELL, "ProductKey", "");
        let password = New::parent("", vec![New::text("Value", "x"), New::text("PlainText", "false")]);
        document.put("oobeSystem", SHELL, "UserAccounts/AdministratorPassword", &password);
        set_command(&mut document, "specialize", "fuzz", Some("x")).unwrap();
        for _ in 0..2 {
            let found = document.get("specialize", SHELL, "ComputerName");
            proptest::prop_assert_eq!(found.as_deref(), Some("REF-01 & <co>"));
            proptest::prop_assert_eq!(document.get("specialize", SHELL, "ProductKey"), None);
            let value = "UserAccounts/AdministratorPassword/Value";
            let found = document.get("oobeSystem", SHELL, value);
            proptest::prop_assert_eq!(found.as_deref(), Some("x"));
            let bytes = document.to_xml().unwrap();
            proptest::prop_assert_eq!(written(&document).matches("<Description>fuzz<").count(), 1);
            // What was read twice is the same.
            document = Document::parse(&bytes, "again", "amd64").unwrap();
            document.unmark();
            document.remove_scrubbed();
        }
        let clean = written(&document);
        let root = xmltree::Element::parse(clean.as_bytes()).unwrap();
        let mut passes = root.children.iter().filter_map(xmltree::XMLNode::as_element);
        proptest::prop_assert!(passes.all(|pass| !pass.attributes.contains_key("wasPassProcessed")));
        let clean = crate::unattend::scrub(clean.as_bytes(), "clean", crate::unattend::Keys::Remove);
        proptest::prop_assert!(clean.is_ok());
    }
}
