//! Names of computers, workgroups, domains, accounts and places in a directory, as Windows takes them (Microsoft: "Naming
//! conventions in Active Directory for computers, domains, sites, and OUs", and the unattend reference).

/// Longest NetBIOS name, in bytes.
const NETBIOS: usize = 15;

/// Words that no computer, workgroup or domain may be called.
const RESERVED: [&str; 32] = [
    "ANONYMOUS",
    "AUTHENTICATED USER",
    "BATCH",
    "BUILTIN",
    "CREATOR GROUP",
    "CREATOR GROUP SERVER",
    "CREATOR OWNER",
    "CREATOR OWNER SERVER",
    "DIALUP",
    "DIGEST AUTH",
    "INTERACTIVE",
    "INTERNET",
    "LOCAL",
    "LOCAL SYSTEM",
    "NETWORK",
    "NETWORK SERVICE",
    "NT AUTHORITY",
    "NT DOMAIN",
    "NTLM AUTH",
    "NULL",
    "PROXY",
    "REMOTE INTERACTIVE",
    "RESTRICTED",
    "SCHANNEL AUTH",
    "SELF",
    "SERVER",
    "SERVICE",
    "SYSTEM",
    "TERMINAL SERVER",
    "THIS ORGANIZATION",
    "USERS",
    "WORLD",
];

/// Why `name` cannot be the name of a computer.
pub(super) fn computer(name: &str) -> Option<String> {
    if let Some(why) = size(name, "a computer name") {
        return Some(why);
    }
    // Microsoft's list of forbidden signs leaves of ASCII only these; emoji are outside the plane of all scripts in use.
    let good = |c: char| c.is_alphanumeric() && u32::from(c) <= 0xFFFF || matches!(c, '-' | '_');
    if let Some(bad) = name.chars().find(|c| !good(*c)) {
        return Some(if bad.is_control() {
            "a control character is not allowed in a computer name".to_owned()
        } else {
            format!("`{bad}` is not allowed in a computer name")
        });
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Some("a computer name does not begin or end with a hyphen".to_owned());
    }
    if name.chars().all(|c| c.is_ascii_digit()) {
        return Some("a computer name cannot consist of digits only".to_owned());
    }
    reserved(name)
}

/// Why `name` cannot be the name of a workgroup.
pub(super) fn workgroup(name: &str) -> Option<String> {
    if let Some(why) = size(name, "the name of a workgroup") {
        return Some(why);
    }
    let bad = |c: &char| c.is_control() || "\\/:*?\"<>|;,+=[]".contains(*c);
    if let Some(bad) = name.chars().find(bad) {
        return Some(if bad.is_control() {
            "a control character is not allowed in the name of a workgroup".to_owned()
        } else {
            format!("`{bad}` is not allowed in the name of a workgroup")
        });
    }
    if name.trim() != name {
        return Some("the name of a workgroup does not begin or end with a blank".to_owned());
    }
    if name.chars().all(|c| c == '.' || c == ' ') {
        return Some("the name of a workgroup has letters or digits".to_owned());
    }
    reserved(name)
}

/// Why a computer of this name cannot be in this workgroup.
pub fn same_name(computer: &str, workgroup: &str) -> Option<String> {
    (!computer.is_empty() && computer.to_lowercase() == workgroup.to_lowercase()).then(|| {
        format!("the workgroup and the computer have the same name, {workgroup}: Windows takes two names")
    })
}

fn size(name: &str, what: &str) -> Option<String> {
    let bytes = name.len();
    if (1..=NETBIOS).contains(&bytes) {
        return None;
    }
    let count = if name.is_ascii() {
        format!("{bytes}")
    } else {
        format!("{bytes} (letters outside ASCII count as several)")
    };
    Some(format!("{what} has 1 to {NETBIOS} bytes, not {count}"))
}

fn reserved(name: &str) -> Option<String> {
    RESERVED
        .iter()
        .any(|word| word.eq_ignore_ascii_case(name))
        .then(|| format!("`{name}` is a word that Windows keeps for itself"))
}

/// Why `name` is neither a DNS name nor a NetBIOS name of a domain.
pub(super) fn domain(name: &str) -> Option<String> {
    if name.contains("://") || name.contains(['/', '\\', '@']) {
        return Some("write the name of the domain alone, for example corp.example".to_owned());
    }
    if let Some(why) = dns(name) {
        return Some(why);
    }
    if !name.contains('.') {
        return size(name, "the NetBIOS name of a domain").or_else(|| reserved(name));
    }
    None
}

/// Why `name` is not a DNS name or suffix.
pub(super) fn dns(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("a domain name is needed, for example corp.example".to_owned());
    }
    if name.len() > 255 {
        return Some("a domain name has at most 255 bytes".to_owned());
    }
    if name.parse::<std::net::IpAddr>().is_ok() {
        return Some("this is an address, not the name of a domain".to_owned());
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Some(format!(
                "`{name}` has nothing between two dots or at an end"
            ));
        }
        if label.len() > 63 {
            return Some("a part of a domain name has at most 63 bytes".to_owned());
        }
        let good = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        if let Some(bad) = label.chars().find(|c| !good(*c)) {
            return Some(format!(
                "`{}` is not allowed in a domain name",
                bad.escape_debug()
            ));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Some(format!("`{label}` begins or ends with a hyphen"));
        }
    }
    None
}

/// Why this is no account of a domain or server: `domain\user` or `user@domain`.
pub(super) fn account(text: &str) -> Option<String> {
    const FORM: &str = r"write domain\user or user@domain";
    let backslash = text.split_once('\\');
    let parts = backslash.or_else(|| text.rsplit_once('@').map(|(user, domain)| (domain, user)));
    let Some((domain, user)) = parts else {
        return Some(FORM.to_owned());
    };
    if domain.is_empty() || user.is_empty() {
        return Some(FORM.to_owned());
    }
    // Microsoft: what the name of a user cannot hold. The sign `@` may stand in one.
    let bad = |c: &char| c.is_control() || "\"/\\[]:;|=,+*?<>".contains(*c);
    if let Some(bad) = user.chars().find(bad) {
        return Some(format!(
            "`{}` is not allowed in the name of a user; {FORM}",
            bad.escape_debug()
        ));
    }
    if user.trim() != user || user.ends_with('.') {
        return Some(
            "the name of a user does not begin with a blank, or end with a blank or a dot"
                .to_owned(),
        );
    }
    // A dot stands for the server itself; servers are also named by their addresses.
    if domain == "." || domain.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    dns(domain).map(|why| format!("{why}; {FORM}"))
}

/// The bare distinguished name of an organizational unit: `LDAP://` before it is dropped, since Windows Setup wants
/// none (Microsoft: `MachineObjectOU`).
///
/// # Errors
/// Why it is no distinguished name.
pub fn organizational_unit(text: &str) -> Result<&str, String> {
    const FORM: &str = "write OU=Computers,DC=example,DC=org";
    let text = text.trim();
    let prefixed = text
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("LDAP://"));
    let bare = if prefixed { &text[7..] } else { text };
    let parts = parts(bare);
    let slash = bare.find('/');
    let equals = bare.find('=').unwrap_or(bare.len());
    if prefixed && slash.is_some_and(|at| at < equals) {
        return Err(format!("an OU names no server: leave it out and {FORM}"));
    }
    if bare.chars().any(char::is_control) {
        return Err("an OU holds no control character".to_owned());
    }
    let mut last = "";
    for part in &parts {
        let Some((kind, value)) = part.split_once('=') else {
            return Err(format!("an OU is a distinguished name: {FORM}"));
        };
        let kind = kind.trim();
        let known = ["OU", "CN", "DC", "O", "L", "ST", "C"]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(kind));
        if !known || value.trim().is_empty() {
            return Err(format!(
                "`{}` is no part of a distinguished name: {FORM}",
                part.trim()
            ));
        }
        if let Some(bad) = unescaped(value) {
            return Err(format!(
                "`{bad}` in `{}` must be written `\\{bad}`; parts are joined by commas: {FORM}",
                part.trim()
            ));
        }
        last = kind;
    }
    if !last.eq_ignore_ascii_case("DC")
        || parts[0]
            .trim_start()
            .to_ascii_uppercase()
            .starts_with("DC=")
    {
        return Err(format!("an OU is named up to the domain: {FORM}"));
    }
    Ok(bare)
}

/// The parts of a distinguished name, at commas that no backslash goes before.
fn parts(name: &str) -> Vec<&str> {
    let (mut list, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in name.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                list.push(&name[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    list.push(&name[start..]);
    list
}

/// A sign that stands for itself only behind a backslash.
fn unescaped(value: &str) -> Option<char> {
    let mut escaped = false;
    for c in value.chars() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if matches!(c, ';' | '"' | '<' | '>' | '+' | '=') {
            return Some(c);
        }
    }
    escaped.then_some('\\')
}
