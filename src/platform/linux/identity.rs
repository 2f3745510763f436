//! Who this machine is, for `_SMSTSMake` and its kin.

use std::fs;

use super::sysfs;

/// (variable, value) of what is known.
pub(super) fn read() -> Vec<(String, String)> {
    let dmi = |file: &str| sysfs::line(format!("/sys/class/dmi/id/{file}"));
    let mut found: Vec<(String, String)> = [
        ("_SMSTSMake", dmi("sys_vendor")),
        ("_SMSTSModel", dmi("product_name")),
        ("_SMSTSSerialNumber", dmi("product_serial")),
        ("_SMSTSAssetTag", dmi("chassis_asset_tag")),
        ("_SMSTSUUID", dmi("product_uuid").to_uppercase()),
        ("_SMSTSMacAddresses", macs().join(",")),
        ("_SMSTSIPAddresses", addresses().join(",")),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    found.retain(|(_, value)| !value.is_empty());
    found
}

fn macs() -> Vec<String> {
    let mut found: Vec<String> = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten()
        // A real adapter has a device behind it; bridges and tunnels have none.
        .filter(|entry| entry.path().join("device").exists())
        .map(|entry| sysfs::line(entry.path().join("address")).to_uppercase())
        .filter(|mac| !mac.is_empty() && mac != "00:00:00:00:00:00")
        .collect();
    found.sort();
    found
}

/// Local IPv4 addresses from the kernel's routing trie, without loopback.
fn addresses() -> Vec<String> {
    parse_trie(&fs::read_to_string("/proc/net/fib_trie").unwrap_or_default())
}

fn parse_trie(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut last = "";
    for line in text.lines() {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address;
        } else if line == "/32 host LOCAL"
            && !last.starts_with("127.")
            && !found.iter().any(|a| a == last)
        {
            found.push(last.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses_are_told_from_networks_and_broadcasts() {
        let text = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 10.0.2.15\n        /32 host LOCAL\n     |-- 10.0.2.255\n        /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\nLocal:\n     |-- 10.0.2.15\n        /32 host LOCAL\n";
        assert_eq!(parse_trie(text), ["10.0.2.15"]);
    }
}
