//! Any bytes are an answer file or none: nothing stops the reader, what is set can be read again, everything else is as it was,
//! and without its secrets it holds none.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wimforge::unattend::{
    DEPLOYMENT, Document, INTERNATIONAL, Keys, New, SHELL, encoding, scrub, set_command,
};

const NAME: &str = "Unattend-fuzz.xml";

fn clean(bytes: &[u8]) {
    let clean = match scrub(bytes, NAME, Keys::Remove) {
        Ok(clean) => clean,
        Err(error) => {
            assert!(error.to_string().contains(NAME), "{error}");
            return;
        }
    };
    let again = scrub(&clean.bytes, NAME, Keys::Remove).expect("what was written can be read");
    assert_eq!(again.secrets, 0, "a secret was left");
}

fuzz_target!(|bytes: &[u8]| {
    clean(bytes);
    let text = encoding::decode(bytes);
    let Ok(mut document) = Document::parse(bytes, "fuzz", "amd64") else {
        return;
    };
    let text = text.expect("a document has a text");
    let before = document.to_xml().expect("it was read");
    // Only a namespace may have been added.
    assert!(before.len() >= text.len());
    document.set("specialize", SHELL, "ComputerName", "REF-01 & <co>");
    document.set("specialize", SHELL, "ProductKey", "");
    document.set("oobeSystem", INTERNATIONAL, "UILanguage", "de-DE");
    let password = vec![New::text("Value", "x"), New::text("PlainText", "false")];
    let password = New::parent("AdministratorPassword", password);
    document.put(
        "oobeSystem",
        SHELL,
        "UserAccounts/AdministratorPassword",
        &password,
    );
    let full = set_command(&mut document, "specialize", "fuzz", Some("x")).is_err();
    let get = |document: &Document, path: &str| document.get("specialize", SHELL, path);
    let check = |document: &Document| {
        assert_eq!(
            get(document, "ComputerName").as_deref(),
            Some("REF-01 & <co>")
        );
        assert_eq!(get(document, "ProductKey"), None);
        let order = document.get(
            "specialize",
            DEPLOYMENT,
            "RunSynchronous/RunSynchronousCommand/Order",
        );
        assert!(full || order.is_some());
        let language = document.get("oobeSystem", INTERNATIONAL, "UILanguage");
        assert_eq!(language.as_deref(), Some("de-DE"));
    };
    check(&document);
    let written = document.to_xml().expect("what was set can be written");
    check(&Document::parse(&written, "again", "amd64").expect("what was written can be read"));
    document.unmark();
    document.remove_scrubbed();
    let clean = document.to_xml().expect("what is left can be written");
    Document::parse(&clean, "clean", "amd64").expect("what is left can be read");
});
