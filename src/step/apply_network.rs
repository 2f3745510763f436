//! Apply Network Settings (spec 2.5, 6.1): workgroup or domain, DNS suffixes and adapters into the answer file.

use std::net::IpAddr;

use crate::input::Check;
use crate::secret::Secret;
use crate::sequence::settings::{self, Adapter, Join};
use crate::unattend::{DNS, Document, JOIN, NETBT, New, TCPIP};

use super::action_variable::ActionVariable;
use super::cx::{StepCx, StepEnd, StepResult};
use super::error::StepError;
use super::target::{invalid, limited, merge};

const PASS: &str = "specialize";

/// The settings that are action variables. Adapters are a list in the document and are read from there.
pub fn action_variables(settings: &settings::ApplyNetworkSettings) -> Vec<ActionVariable> {
    let mut list = Vec::new();
    match &settings.join {
        Join::Workgroup(name) => {
            list.push(ActionVariable::plain("OSDNetworkJoinType", "1"));
            list.push(ActionVariable::plain("OSDWorkgroupName", name));
        }
        Join::Domain {
            name, ou, account, ..
        } => {
            list.push(ActionVariable::plain("OSDNetworkJoinType", "0"));
            list.push(ActionVariable::plain("OSDDomainName", name));
            list.extend(
                ou.as_ref()
                    .map(|ou| ActionVariable::plain("OSDDomainOUName", ou)),
            );
            list.push(ActionVariable::plain("OSDJoinAccount", account));
        }
    }
    list.extend(
        settings
            .dns_suffix
            .as_ref()
            .map(|text| ActionVariable::plain("OSDDNSDomain", text)),
    );
    if !settings.dns_suffix_search_order.is_empty() {
        list.push(ActionVariable::plain(
            "OSDDNSSuffixSearchOrder",
            settings.dns_suffix_search_order.join(","),
        ));
    }
    list
}

/// What the machine joins, checked.
pub(super) enum Joined {
    Workgroup(String),
    Domain {
        name: String,
        ou: String,
        account: String,
        password: Secret,
    },
}

/// Every value of the step, checked.
pub(super) struct Wanted {
    pub(super) joined: Joined,
    pub(super) suffix: String,
    pub(super) search: String,
    /// Each with what answer files call it by.
    pub(super) adapters: Vec<(String, Adapter)>,
}

/// Reads every value.
///
/// # Errors
/// One is missing or outside its limits.
pub(super) fn read(
    settings: &settings::ApplyNetworkSettings,
    cx: &StepCx,
) -> Result<Wanted, StepError> {
    let joined = read_join(settings, cx)?;
    let suffix = limited(cx, "OSDDNSDomain", 0, 255)?;
    let search = limited(cx, "OSDDNSSuffixSearchOrder", 0, 4000)?;
    let mut adapters = Vec::new();
    for (number, adapter) in settings.adapters.iter().enumerate() {
        adapters.push(check_adapter(number, adapter, cx)?);
    }
    Ok(Wanted {
        joined,
        suffix,
        search,
        adapters,
    })
}

/// Runs one attempt.
///
/// # Errors
/// A value outside its limits, no Windows volume, an answer file that cannot be read or written.
pub fn run(settings: &settings::ApplyNetworkSettings, cx: &StepCx) -> StepResult {
    let Wanted {
        joined,
        suffix,
        search,
        adapters,
    } = read(settings, cx)?;
    merge(cx, &mut |document| {
        write_join(document, &joined);
        if !suffix.is_empty() {
            document.set(PASS, DNS, "DNSDomain", &suffix);
        }
        if !search.is_empty() {
            let order = search
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            let list = values("DNSSuffixSearchOrder", "DomainName", order);
            document.put(PASS, DNS, "DNSSuffixSearchOrder", &list);
        }
        for adapter in &adapters {
            write_adapter(document, adapter);
        }
        Ok(())
    })?;
    cx.info(match &joined {
        Joined::Workgroup(name) => format!("The computer will be in the workgroup {name}"),
        Joined::Domain { name, .. } => format!("The computer will join the domain {name}"),
    });
    Ok(StepEnd::Done)
}

fn read_join(settings: &settings::ApplyNetworkSettings, cx: &StepCx) -> Result<Joined, StepError> {
    match cx.text("OSDNetworkJoinType").trim() {
        "1" => {
            let name = limited(cx, "OSDWorkgroupName", 1, 15)?;
            if name.contains(|c: char| "\\/:*?\"<>|;,+=[]".contains(c)) {
                return Err(invalid(
                    "OSDWorkgroupName holds a character that is not allowed",
                ));
            }
            Ok(Joined::Workgroup(name))
        }
        "0" => {
            let variable = match &settings.join {
                Join::Domain {
                    password_variable: Some(name),
                    ..
                } => name.as_str(),
                _ => "OSDJoinPassword",
            };
            let password = Secret::new(cx.text(variable));
            cx.host.remember_secret(&password);
            if password.is_empty() {
                cx.warn(format!(
                    "{variable} is empty: the join will be tried with a blank password"
                ));
            }
            let ou = limited(cx, "OSDDomainOUName", 0, 32_767)?;
            // Setup wants the bare distinguished name.
            let bare = ou
                .get(..7)
                .filter(|p| p.eq_ignore_ascii_case("LDAP://"))
                .map_or(&*ou, |_| &ou[7..]);
            let account = limited(cx, "OSDJoinAccount", 1, 255)?;
            if let Some(why) = Check::Account.fault(&account) {
                return Err(invalid(format!("OSDJoinAccount: {why}")));
            }
            Ok(Joined::Domain {
                name: limited(cx, "OSDDomainName", 1, 255)?,
                ou: bare.to_owned(),
                account,
                password,
            })
        }
        _ => Err(invalid(
            "OSDNetworkJoinType must be 0 (domain) or 1 (workgroup)",
        )),
    }
}

/// Domain and workgroup exclude each other, and so do the ways to join: what speaks of another one goes. How long a
/// join is tried and what it writes to its log stays.
fn write_join(document: &mut Document, joined: &Joined) {
    let set = |document: &mut Document, path: &str, value: &str| {
        document.set(PASS, JOIN, &format!("Identification/{path}"), value);
    };
    for other in ["Provisioning", "UnsecureJoin", "MachinePassword"] {
        set(document, other, "");
    }
    match joined {
        Joined::Workgroup(name) => {
            for other in ["Credentials", "JoinDomain", "MachineObjectOU"] {
                set(document, other, "");
            }
            set(document, "JoinWorkgroup", name);
        }
        Joined::Domain {
            name,
            ou,
            account,
            password,
        } => {
            let (domain, user) = account.split_once('\\').unwrap_or(("", account));
            let mut credentials = New::parent("Credentials", Vec::new());
            credentials.push(New::text("Domain", domain));
            credentials.push(New::text("Password", password.reveal()));
            credentials.push(New::text("Username", user));
            set(document, "JoinWorkgroup", "");
            document.put(PASS, JOIN, "Identification/Credentials", &credentials);
            set(document, "JoinDomain", name);
            set(document, "MachineObjectOU", ou);
        }
    }
}

fn check_adapter(
    number: usize,
    adapter: &Adapter,
    cx: &StepCx,
) -> Result<(String, Adapter), StepError> {
    let expand = |text: &String| cx.host.expand(text).text.trim().to_owned();
    let mut checked = adapter.clone();
    for list in [
        &mut checked.addresses,
        &mut checked.gateways,
        &mut checked.dns_servers,
    ] {
        for text in list.iter_mut() {
            *text = expand(text);
        }
    }
    checked.dns_suffix = adapter.dns_suffix.as_ref().map(expand);
    let identifier = match (&adapter.mac, &adapter.name) {
        (Some(mac), _) => {
            let mac = expand(mac).replace(':', "-").to_ascii_uppercase();
            let good = mac.split('-').count() == 6
                && mac
                    .split('-')
                    .all(|part| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit()));
            if !good {
                return Err(invalid(format!(
                    "adapter {number}: `{mac}` is not a MAC address"
                )));
            }
            mac
        }
        (None, Some(name)) => expand(name),
        (None, None) => {
            return Err(invalid(format!(
                "adapter {number} has neither a MAC address nor a name"
            )));
        }
    };
    if checked.dhcp && !checked.addresses.is_empty() {
        return Err(invalid(format!(
            "adapter {number} has addresses and DHCP; choose one"
        )));
    }
    if !checked.dhcp && checked.addresses.is_empty() {
        return Err(invalid(format!(
            "adapter {number} has neither DHCP nor an address"
        )));
    }
    for address in &checked.addresses {
        let good = address.split_once('/').is_some_and(|(ip, prefix)| {
            let most = match ip.parse() {
                Ok(IpAddr::V4(_)) => 32,
                Ok(IpAddr::V6(_)) => 128,
                Err(_) => return false,
            };
            prefix
                .parse::<u8>()
                .is_ok_and(|bits| (1..=most).contains(&bits))
        });
        if !good {
            return Err(invalid(format!(
                "adapter {number}: `{address}` is not an address like 192.0.2.10/24"
            )));
        }
    }
    for ip in checked.gateways.iter().chain(&checked.dns_servers) {
        if ip.parse::<IpAddr>().is_err() {
            return Err(invalid(format!(
                "adapter {number}: `{ip}` is not an IP address"
            )));
        }
    }
    if checked.netbios > 2 {
        return Err(invalid(format!(
            "adapter {number}: netbios must be 0, 1 or 2"
        )));
    }
    Ok((identifier, checked))
}

/// A list of values, each with the number that Setup orders them by.
fn values<'a>(name: &str, entry: &str, values: impl IntoIterator<Item = &'a str>) -> New {
    let entries = values.into_iter().zip(1..);
    let entries = entries.map(|(value, number)| New::text(entry, value).keyed(number));
    New::parent(name, entries.collect())
}

/// Replaces the interface of this identifier; others stay.
fn put_interface(document: &mut Document, component: &str, identifier: &str, interface: New) {
    document.remove(PASS, component, "Interfaces/Interface", |text| {
        text("Identifier").is_some_and(|text| text.trim().eq_ignore_ascii_case(identifier))
    });
    document.add(PASS, component, "Interfaces", interface.entry());
}

/// The elements stand in the order of Microsoft's reference.
fn write_adapter(document: &mut Document, (identifier, adapter): &(String, Adapter)) {
    let truth = |is: bool| if is { "true" } else { "false" };
    let identified = || New::text("Identifier", identifier);
    let dhcp = |name: &str| {
        let enabled = New::text("DhcpEnabled", truth(adapter.dhcp));
        New::parent(name, vec![enabled])
    };
    let mut tcpip = New::parent("Interface", vec![dhcp("Ipv4Settings")]);
    if adapter
        .addresses
        .iter()
        .any(|address| address.contains(':'))
    {
        tcpip.push(dhcp("Ipv6Settings"));
    }
    tcpip.push(identified());
    let addresses = adapter.addresses.iter().map(String::as_str);
    tcpip.push(values("UnicastIpAddresses", "IpAddress", addresses));
    let mut routes = New::parent("Routes", Vec::new());
    for (gateway, number) in adapter.gateways.iter().zip(1..) {
        let prefix = if gateway.contains(':') {
            "::/0"
        } else {
            "0.0.0.0/0"
        };
        let route = vec![
            New::text("Identifier", &i32::to_string(&number)),
            New::text("NextHopAddress", gateway),
            New::text("Prefix", prefix),
        ];
        routes.push(New::parent("Route", route).entry());
    }
    tcpip.push(routes);
    put_interface(document, TCPIP, identifier, tcpip);

    let mut dns = New::parent("Interface", vec![identified()]);
    dns.push(New::text(
        "DNSDomain",
        adapter.dns_suffix.as_deref().unwrap_or_default(),
    ));
    let servers = adapter.dns_servers.iter().map(String::as_str);
    dns.push(values("DNSServerSearchOrder", "IpAddress", servers));
    dns.push(New::text(
        "EnableAdapterDomainNameRegistration",
        truth(adapter.dns_registration),
    ));
    put_interface(document, DNS, identifier, dns);

    let mut netbt = New::parent("Interface", vec![identified()]);
    netbt.push(New::text("NetbiosOptions", &adapter.netbios.to_string()));
    put_interface(document, NETBT, identifier, netbt);
}
