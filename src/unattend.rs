//! The answer file `Windows/Panther/unattend.xml`: read, merge, write, and scrub of secrets (spec 6.1, 6.2).
//!
//! What is there already is kept byte for byte; only the settings named are replaced. A file is refused when it is larger than
//! [`LARGEST`], nested deeper than [`DEEPEST`] or holds a document type (entities could make it explode).

mod commands;
mod document;
pub mod encoding;
mod files;
mod lookup;
mod new;
mod pieces;
mod places;
mod run_synchronous;
mod scrub;
#[cfg(test)]
mod scrub_cases;
#[cfg(test)]
mod scrub_tests;
mod shape;
mod splice;

use base64::Engine as _;
use thiserror::Error;

use crate::secret::Secret;

pub use document::Document;
pub(crate) use files::find as find_path;
pub use files::{AnswerFile, Found, Merged, look_volume, merge_volume, scrub_volume};
pub use new::New;
pub use places::Leak;
pub use run_synchronous::set_command;
pub use scrub::{Keys, Scrubbed, scrub};

/// Largest answer file read, in bytes.
pub const LARGEST: u64 = 4 * 1024 * 1024;
/// Deepest nesting read.
pub const DEEPEST: usize = 64;
/// What stands in place of a secret after a scrub, as Windows Setup writes it.
pub const SCRUBBED: &str = "*SENSITIVE*DATA*DELETED*";

const NAMESPACE: &str = "urn:schemas-microsoft-com:unattend";
const WCM: &str = "http://schemas.microsoft.com/WMIConfig/2002/State";

/// Component of names, keys, accounts, time zone.
pub const SHELL: &str = "Microsoft-Windows-Shell-Setup";
/// Component of the locales.
pub const INTERNATIONAL: &str = "Microsoft-Windows-International-Core";
/// Component of the domain join.
pub const JOIN: &str = "Microsoft-Windows-UnattendedJoin";
/// Component of extra commands.
pub const DEPLOYMENT: &str = "Microsoft-Windows-Deployment";
/// Component of addresses and gateways.
pub const TCPIP: &str = "Microsoft-Windows-TCPIP";
/// Component of name servers.
pub const DNS: &str = "Microsoft-Windows-DNS-Client";
/// Component of NetBIOS.
pub const NETBT: &str = "Microsoft-Windows-NetBT";

/// What can go wrong with an answer file.
#[derive(Debug, Error)]
pub enum UnattendError {
    /// Too large, too deep, a document type, not XML, not an answer file.
    #[error("{file} is not a usable answer file: {what}")]
    Bad {
        /// Which file.
        file: String,
        /// Why.
        what: String,
    },
    /// What was to be written does not go with what is there.
    #[error("{0}")]
    Refused(String),
    /// The system said no.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

/// A password as answer files hold it with `PlainText` false: base64 of UTF-16LE of password and suffix. This hides
/// it from nobody; it is what Windows Setup reads.
pub fn encode_password(password: &Secret, suffix: &str) -> Secret {
    let bytes: zeroize::Zeroizing<Vec<u8>> = zeroize::Zeroizing::new(
        password
            .reveal()
            .encode_utf16()
            .chain(suffix.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect(),
    );
    Secret::new(base64::engine::general_purpose::STANDARD.encode(&*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_encoded_as_windows_does() {
        let encoded = encode_password(&Secret::new("pw"), "AdministratorPassword");
        assert_eq!(
            encoded.reveal(),
            "cAB3AEEAZABtAGkAbgBpAHMAdAByAGEAdABvAHIAUABhAHMAcwB3AG8AcgBkAA=="
        );
    }

    #[test]
    fn existing_content_is_kept_and_secrets_are_scrubbed() {
        let old = br#"<?xml version="1.0"?><unattend xmlns="urn:schemas-microsoft-com:unattend" xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State"><settings pass="specialize"><component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64"><TimeZone>UTC</TimeZone><X wcm:action="add">k&amp;v</X></component></settings></unattend>"#;
        let mut document = Document::parse(old, "x", "amd64").unwrap();
        document.set("specialize", SHELL, "ComputerName", "REF-01");
        document.set("specialize", SHELL, "TimeZone", "");
        document.set(
            "oobeSystem",
            SHELL,
            "UserAccounts/AdministratorPassword/Value",
            "CANARY",
        );
        document.set(
            "oobeSystem",
            SHELL,
            "UserAccounts/AdministratorPassword/PlainText",
            "false",
        );
        let text = String::from_utf8(document.to_xml().unwrap()).unwrap();
        assert!(
            text.contains("wcm:action=\"add\"") && text.contains("k&amp;v"),
            "{text}"
        );
        assert!(text.contains("REF-01") && !text.contains("TimeZone"));
        let again = Document::parse(text.as_bytes(), "x", "amd64").unwrap();
        assert_eq!(
            again.get("specialize", SHELL, "ComputerName").as_deref(),
            Some("REF-01")
        );
        let clean = scrub(text.as_bytes(), "x", Keys::Remove).unwrap();
        assert_eq!(clean.secrets, 1);
        let clean = String::from_utf8(clean.bytes).unwrap();
        assert!(!clean.contains("CANARY") && clean.contains(SCRUBBED) && clean.contains("false"));
    }
}
