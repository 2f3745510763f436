//! Apply Network Settings (spec 2.5, 6.1): workgroup or domain, DNS suffixes and adapters into the answer file.

use crate::input::{Check, network, organizational_unit, same_name};
use crate::secret::Secret;
use crate::sequence::settings::{self, Adapter, Join};
use crate::unattend::{DNS, Document, JOIN, NETBT, New, SHELL, TCPIP, UnattendError};

use super::action_variable::ActionVariable;
use super::cx::{StepCx, StepEnd, StepResult};
use super::error::StepError;
use super::target::{invalid, judged, merge, resolved};

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
    let suffix = judged(cx, "OSDDNSDomain", &Check::DnsName, true)?;
    let search = cx.text("OSDDNSSuffixSearchOrder");
    resolved(cx, "OSDDNSSuffixSearchOrder", &search)?;
    for name in search_order(&search) {
        if let Some(why) = Check::DnsName.fault(name) {
            return Err(invalid(format!("OSDDNSSuffixSearchOrder: {why}")));
        }
    }
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

fn search_order(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
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
        if let Joined::Workgroup(name) = &joined {
            let computer = document
                .get(PASS, SHELL, "ComputerName")
                .unwrap_or_default();
            if let Some(why) = same_name(computer.trim(), name) {
                return Err(UnattendError::Refused(why));
            }
        }
        write_join(document, &joined);
        if !suffix.is_empty() {
            document.set(PASS, DNS, "DNSDomain", &suffix);
        }
        if !search.is_empty() {
            let list = values("DNSSuffixSearchOrder", "DomainName", search_order(&search));
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
            let name = judged(cx, "OSDWorkgroupName", &Check::Workgroup, false)?;
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
            let ou = judged(cx, "OSDDomainOUName", &Check::OrganizationalUnit, true)?;
            // The rule above has taken it.
            let ou = organizational_unit(&ou).unwrap_or_default().to_owned();
            Ok(Joined::Domain {
                name: judged(cx, "OSDDomainName", &Check::Domain, false)?,
                ou,
                account: judged(cx, "OSDJoinAccount", &Check::Account, false)?,
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
    let bad = |why: String| invalid(format!("adapter {number}: {why}"));
    let expand = |text: &String| -> Result<String, StepError> {
        let text = cx.host.expand(text).text.trim().to_owned();
        resolved(cx, &format!("adapter {number}"), &text)?;
        Ok(text)
    };
    let mut checked = adapter.clone();
    for list in [
        &mut checked.addresses,
        &mut checked.gateways,
        &mut checked.dns_servers,
    ] {
        for text in list.iter_mut() {
            *text = expand(text)?;
        }
    }
    checked.dns_suffix = adapter.dns_suffix.as_ref().map(expand).transpose()?;
    let identifier = match (&adapter.mac, &adapter.name) {
        (Some(mac), _) => network::mac(&expand(mac)?).map_err(bad)?,
        (None, Some(name)) => expand(name)?,
        (None, None) => {
            return Err(bad("it has neither a MAC address nor a name".to_owned()));
        }
    };
    let dhcp = network::dhcp(checked.dhcp, checked.addresses.len()).map(str::to_owned);
    let suffix = checked.dns_suffix.iter().filter(|text| !text.is_empty());
    let fault = dhcp
        .or_else(|| {
            checked
                .addresses
                .iter()
                .find_map(|text| network::interface(text))
        })
        .or_else(|| checked.gateways.iter().find_map(|text| network::ip(text)))
        .or_else(|| {
            checked
                .dns_servers
                .iter()
                .find_map(|text| network::ip(text))
        })
        .or_else(|| suffix.clone().find_map(|text| Check::DnsName.fault(text)))
        .or_else(|| network::netbios(checked.netbios));
    match fault {
        Some(why) => Err(bad(why)),
        None => Ok((identifier, checked)),
    }
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
    let named = || New::text("Identifier", identifier);
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
    tcpip.push(named());
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

    let mut dns = New::parent("Interface", vec![named()]);
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

    let mut netbt = New::parent("Interface", vec![named()]);
    netbt.push(New::text("NetbiosOptions", &adapter.netbios.to_string()));
    put_interface(document, NETBT, identifier, netbt);
}
