//! Addresses of network adapters.

use std::net::IpAddr;

/// The hardware address as answer files write it: `AA-BB-CC-DD-EE-FF`.
///
/// # Errors
/// Why it is none.
pub fn mac(text: &str) -> Result<String, String> {
    let mac = text.trim().replace(':', "-").to_ascii_uppercase();
    let good = mac.split('-').count() == 6
        && mac
            .split('-')
            .all(|part| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit()));
    if good {
        Ok(mac)
    } else {
        Err(format!(
            "`{text}` is not a MAC address: write AA-BB-CC-DD-EE-FF"
        ))
    }
}

/// Why this is no address with the length of its prefix.
pub fn interface(text: &str) -> Option<String> {
    let good = text.split_once('/').is_some_and(|(ip, prefix)| {
        let most = match ip.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        prefix.bytes().all(|byte| byte.is_ascii_digit())
            && prefix
                .parse::<u8>()
                .is_ok_and(|bits| (1..=most).contains(&bits))
    });
    (!good).then(|| {
        format!("`{text}` is not an address with prefix length: write for example 192.0.2.10/24")
    })
}

/// Why this is no IP address.
pub fn ip(text: &str) -> Option<String> {
    text.parse::<IpAddr>()
        .is_err()
        .then(|| format!("`{text}` is not an IP address"))
}

/// Why this is no choice of NetBIOS over TCP/IP.
pub fn netbios(choice: u8) -> Option<String> {
    (choice > 2).then(|| "NetBIOS is 0 (by DHCP), 1 (on) or 2 (off)".to_owned())
}

/// Why an adapter cannot have this many addresses with or without DHCP.
pub fn dhcp(dhcp: bool, addresses: usize) -> Option<&'static str> {
    match (dhcp, addresses) {
        (true, 1..) => {
            Some("an adapter with DHCP has no addresses of its own: write `dhcp: false`")
        }
        (false, 0) => Some("an adapter without DHCP needs an address: add `addresses`"),
        _ => None,
    }
}
