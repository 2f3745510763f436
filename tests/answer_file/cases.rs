//! Answer files as people have them in their images (public reports), each with what must come of it. The settings steps run
//! on a real volume; what they leave is read by another reader of XML.

use xmltree::{Element, XMLNode};

use super::*;

const NAMESPACE: &str = "urn:schemas-microsoft-com:unattend";
const IDENTITY: &str =
    "publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" versionScope=\"nonSxS\"";
const FILE: &str = "Windows/Panther/unattend.xml";
const EMBEDDED: &str = "<Extensions xmlns=\"https://example.invalid/\"><File><![CDATA[\r\n<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n<Task><a>x]]]]><![CDATA[>y</a></Task>]]></File></Extensions>";

fn shell(processor: &str, content: &str) -> String {
    format!(
        "<component name=\"{}\" processorArchitecture=\"{processor}\" {IDENTITY}>{content}</component>",
        unattend::SHELL
    )
}

fn file(declaration: &str, content: &str) -> String {
    format!(
        "{declaration}\n<unattend xmlns=\"{NAMESPACE}\" xmlns:wcm=\"http://schemas.microsoft.com/WMIConfig/2002/State\">{content}</unattend>"
    )
}

fn specialize(content: &str) -> String {
    format!("<settings pass=\"specialize\">{content}</settings>")
}

/// What is there after both steps.
struct After {
    text: String,
    root: Element,
    log: String,
}

impl After {
    /// Texts at a path of pass, component, and elements, with the processor of the component.
    fn at(&self, pass: &str, component: &str, path: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for settings in named(&self.root, "settings") {
            if settings.attributes.get("pass").map(String::as_str) != Some(pass) {
                continue;
            }
            for element in named(settings, "component") {
                if element.attributes.get("name").map(String::as_str) != Some(component) {
                    continue;
                }
                let processor = element.attributes["processorArchitecture"].clone();
                let mut level = vec![element];
                for part in path.split('/') {
                    level = level.iter().flat_map(|e| named(e, part)).collect();
                }
                for element in level {
                    let text = element.get_text().unwrap_or_default().trim().to_owned();
                    found.push((processor.clone(), text));
                }
            }
        }
        found
    }

    fn texts(&self, pass: &str, component: &str, path: &str) -> Vec<String> {
        let all = self.at(pass, component, path);
        all.into_iter().map(|(_, text)| text).collect()
    }
}

fn named<'a>(element: &'a Element, name: &str) -> Vec<&'a Element> {
    let children = element.children.iter().filter_map(XMLNode::as_element);
    children.filter(|child| child.name == name).collect()
}

/// Runs both steps on a volume with this answer file.
fn settle(machine: &Arc<LinuxMachine>, bytes: &[u8], processor: &str) -> Result<After, String> {
    on_volume(machine, |root| {
        fs::create_dir_all(root.join("Windows/Panther")).unwrap();
        fs::write(root.join(FILE), bytes).unwrap();
    });
    let host = RecordingHost::with(&[
        ("_SMSTSMachineName", "REF-01"),
        ("_WimforgeImageArchitecture", processor),
        ("OSDRandomAdminPassword", "true"),
    ]);
    host.set_engine_variable("OSDJoinPassword", Value::Secret(Secret::new(CANARY)));
    volumes::mark_applied(host.as_ref(), AT);
    let folder = tempfile::tempdir().unwrap();
    let cx = host.cx(machine.clone(), folder.path());
    put_in(&host, apply_windows::action_variables(&windows()));
    let fails = |error: wimforge::step::error::StepError| {
        let failure = error.to_failure();
        format!("{failure:?}")
    };
    apply_windows::run(&windows(), &cx).map_err(fails)?;
    put_in(&host, apply_network::action_variables(&network()));
    apply_network::run(&network(), &cx).map_err(fails)?;
    let text = on_volume(machine, |root| fs::read_to_string(root.join(FILE)).unwrap());
    let root = Element::parse(text.as_bytes()).unwrap();
    let log = host
        .lines()
        .into_iter()
        .map(|(_, line)| line + "\n")
        .collect();
    let after = After { text, root, log };
    // What must hold for every one of them.
    let own = |path: &str| {
        let all = after.at("specialize", unattend::SHELL, path);
        all.into_iter()
            .filter(|(found, _)| found == processor)
            .map(|(_, text)| text)
            .collect::<Vec<_>>()
    };
    assert!(
        own("ComputerName").iter().all(|name| name == "REF-01") && !own("ComputerName").is_empty()
    );
    assert!(!after.text.contains("OLD"), "{}", after.text);
    assert!(!after.text.contains("wasPassProcessed") && !after.text.contains("SENSITIVE"));
    for password in ["oobeSystem"]
        .map(|pass| after.at(pass, unattend::SHELL, "UserAccounts/AdministratorPassword"))
    {
        assert!(
            password.iter().all(|(_, text)| text.is_empty()),
            "{password:?}"
        );
    }
    Ok(after)
}

#[test]
fn answer_files_as_people_have_them_are_set_right() {
    if system::skip_lab() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let machine = volume(folder.path());
    let utf8 = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
    let old = "<ComputerName>OLD</ComputerName>";

    // The image is for another processor than the file.
    for processor in ["arm64", "x86", "arm"] {
        let text = file(utf8, &specialize(&shell("amd64", old)));
        let after = settle(&machine, text.as_bytes(), processor).unwrap();
        for settings in named(&after.root, "settings") {
            for component in named(settings, "component") {
                let found = &component.attributes["processorArchitecture"];
                assert!(
                    found == processor
                        || found == "amd64"
                            && after
                                .at("specialize", unattend::SHELL, "ComputerName")
                                .len()
                                == 2
                );
            }
        }
        assert!(after.log.contains("made for amd64 only"), "{}", after.log);
    }

    // As Windows Setup leaves it.
    let text = file(
        utf8,
        &format!(
            "<settings pass=\"specialize\" wasPassProcessed=\"true\">{}</settings><settings pass=\"oobeSystem\" wasPassProcessed=\"true\">{}</settings>",
            shell("amd64", old),
            shell(
                "amd64",
                "<UserAccounts><AdministratorPassword>*SENSITIVE*DATA*DELETED*</AdministratorPassword><LocalAccounts>*SENSITIVE*DATA*DELETED*</LocalAccounts></UserAccounts>"
            ),
        ),
    );
    let after = settle(&machine, text.as_bytes(), "amd64").unwrap();
    assert!(
        after.log.contains("LocalAccounts held") && after.log.contains("specialize and oobeSystem"),
        "{}",
        after.log
    );
    let accounts = "UserAccounts/AdministratorPassword";
    assert_eq!(
        after.texts(
            "oobeSystem",
            unattend::SHELL,
            &format!("{accounts}/PlainText")
        ),
        ["false"]
    );
    assert_eq!(
        after
            .texts("oobeSystem", unattend::SHELL, &format!("{accounts}/Value"))
            .len(),
        1
    );

    // Every encoding; what is embedded stays.
    let declared = |name: &str| {
        file(
            &format!("<?xml version=\"1.0\" encoding=\"{name}\"?>"),
            &format!(
                "{}{EMBEDDED}<!-- J\u{fc}rgen -->",
                specialize(&shell("amd64", old))
            ),
        )
    };
    let wide = |mark: &[u8], write: fn(u16) -> [u8; 2]| {
        let units = declared("UTF-16");
        [
            mark,
            &units.encode_utf16().flat_map(write).collect::<Vec<_>>(),
        ]
        .concat()
    };
    let latin = |name: &str| {
        declared(name)
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect::<Vec<_>>()
    };
    for bytes in [
        declared("utf-8").into_bytes(),
        [b"\xEF\xBB\xBF", declared("utf-8").as_bytes()].concat(),
        wide(b"\xFF\xFE", u16::to_le_bytes),
        wide(b"", u16::to_le_bytes),
        wide(b"\xFE\xFF", u16::to_be_bytes),
        wide(b"", u16::to_be_bytes),
        latin("windows-1252"),
        latin("iso-8859-1"),
    ] {
        let after = settle(&machine, &bytes, "amd64").unwrap();
        assert!(
            after.text.contains(EMBEDDED) && after.text.contains("<!-- J\u{fc}rgen -->"),
            "{}",
            after.text
        );
    }
    let why = settle(&machine, &latin("utf-8"), "amd64").err().unwrap();
    assert_eq!(why.matches(FILE).count(), 2, "cause and way out: {why}");
    assert!(
        why.contains("save it as UTF-8") && !why.contains("/tmp"),
        "{why}"
    );

    // Components of another processor, and two blocks of one pass.
    let text = file(
        utf8,
        &format!(
            "{}{}",
            specialize(&shell("x86", &format!("{old}<ProductKey>OLD</ProductKey>"))),
            specialize(&shell("amd64", old)),
        ),
    );
    let after = settle(&machine, text.as_bytes(), "amd64").unwrap();
    assert_eq!(
        after.texts("specialize", unattend::SHELL, "ComputerName"),
        ["REF-01", "REF-01"]
    );
    assert!(
        after
            .texts("specialize", unattend::SHELL, "ProductKey")
            .is_empty()
    );

    // Orders of commands.
    let command = |order: &str| {
        format!(
            "<RunSynchronousCommand wcm:action=\"add\"><Order>{order}</Order><Path>x</Path></RunSynchronousCommand>"
        )
    };
    let text = file(
        utf8,
        &specialize(
            &shell("amd64", old)
                .replace(unattend::SHELL, unattend::DEPLOYMENT)
                .replace(
                    old,
                    &format!(
                        "<RunSynchronous>{}{}</RunSynchronous>",
                        command("500"),
                        command(" 501 ")
                    ),
                ),
        ),
    );
    let after = settle(&machine, text.as_bytes(), "amd64").unwrap();
    assert_eq!(
        after.texts(
            "specialize",
            unattend::DEPLOYMENT,
            "RunSynchronous/RunSynchronousCommand/Order"
        ),
        ["1", "2", "3"]
    );

    // Other prefixes.
    let text = file(utf8, &specialize(&shell("amd64", old)))
        .replace("xmlns=", "xmlns:u=")
        .replace("xmlns:wcm=", "xmlns:w=")
        .replace("</", "</u:")
        .replace("<unattend", "<u:unattend")
        .replace("<settings", "<u:settings")
        .replace("<component", "<u:component")
        .replace("<ComputerName", "<u:ComputerName");
    let after = settle(&machine, text.as_bytes(), "amd64").unwrap();
    assert!(
        !after.text.contains("<settings") && after.text.contains("<u:Interface w:action=\"add\">"),
        "{}",
        after.text
    );

    // The order that Setup wants in an interface, and what is not ours in the list.
    let interface = "<Interfaces><Interface wcm:action=\"add\"><Identifier>aa-bb-cc-dd-ee-ff</Identifier><UnicastIpAddresses/></Interface><Interface wcm:action=\"add\"><Identifier>Kept</Identifier></Interface></Interfaces>";
    let text = file(
        utf8,
        &specialize(&shell("amd64", interface).replace(unattend::SHELL, unattend::TCPIP)),
    );
    let after = settle(&machine, text.as_bytes(), "amd64").unwrap();
    let identifiers = after.texts(
        "specialize",
        unattend::TCPIP,
        "Interfaces/Interface/Identifier",
    );
    assert_eq!(identifiers, ["Kept", "AA-BB-CC-DD-EE-FF"]);
    let tcpip = after
        .text
        .split("<Identifier>Kept</Identifier>")
        .nth(1)
        .unwrap();
    let mut at = 0;
    for name in [
        "<Ipv4Settings>",
        "<Identifier>",
        "<UnicastIpAddresses>",
        "<Routes>",
    ] {
        at += tcpip[at..]
            .find(name)
            .unwrap_or_else(|| panic!("{name} behind the others: {tcpip}"));
    }
}
