//! A share, from the name of its server to the log-on: each part a line of its own.

use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use crate::cancel::{CancelLevel, CancelToken};
use crate::platform::PlatformError;
use crate::platform::machine::{Mounted, ShareRequest};
use crate::platform::server::{self, Unc};
use crate::units;

use super::Checker;

/// For the name and for the port.
const PROBE: Duration = Duration::from_secs(3);
/// For negotiation and log-on: a slow domain controller needs a while.
const LOGON: Duration = Duration::from_secs(12);
/// Kerberos refuses tickets from clocks further apart.
const FAR: Duration = Duration::from_secs(5 * 60);
const OFF: Duration = Duration::from_secs(60);

/// Connects the share, when everything about it is in order. `why_not` names what the log-on still lacks.
pub(super) fn connect(
    subject: &str,
    request: &ShareRequest,
    why_not: Option<&str>,
    c: &mut Checker<'_>,
) -> Option<Box<dyn Mounted>> {
    let unc = match Unc::parse(&request.unc) {
        Ok(unc) => unc,
        Err(error) => {
            c.block(subject, error.to_string(), r"Write \\server\share.");
            return None;
        }
    };
    reach(subject, &unc, c)?;
    if let Some(why) = why_not {
        c.warn(
            subject,
            format!("the log-on to {} was not tried: {why}", request.unc),
            "Make sure that the account and its password are there when the step starts.",
        );
        return None;
    }
    c.says(&format!("log-on to {}", request.unc));
    match in_time(request, c) {
        Ok(mounted) => {
            let who = if request.account.is_empty() {
                "without an account".to_owned()
            } else {
                format!("as {}", request.account)
            };
            c.fine(subject, format!("logged on to {} {who}", request.unc));
            Some(mounted)
        }
        Err(PlatformError::Cancelled) => None,
        Err(error) => {
            let way_out = match &error {
                PlatformError::Unsupported(_) => {
                    "Use a local folder, or start from a system whose kernel has cifs."
                }
                _ => "Check share, account and password.",
            };
            c.block(subject, error.to_string(), way_out);
            None
        }
    }
}

/// The server's name and its port.
fn reach(subject: &str, unc: &Unc, c: &mut Checker<'_>) -> Option<()> {
    let server = &unc.server;
    c.says(&format!("name of the server {server}"));
    let addresses = match server::resolve(unc, PROBE, c.cx.cancel) {
        Ok(addresses) => addresses,
        Err(PlatformError::Cancelled) => return None,
        Err(error) => {
            c.block(
                subject,
                error.to_string(),
                "Check the name, the network cable and the name server, or write the server's address.",
            );
            return None;
        }
    };
    if let Some(first) = addresses.first() {
        let address = first.ip().to_string();
        if address == *server {
            c.fine(
                subject,
                format!("the server is named by its address {address}"),
            );
        } else {
            c.fine(subject, format!("the server {server} is {address}"));
        }
    }
    c.says(&format!("port {} of {server}", unc.port));
    match server::knock(unc, &addresses, PROBE, c.cx.cancel) {
        Ok(_) => c.fine(
            subject,
            format!("{server} answers on TCP port {}", unc.port),
        ),
        Err(PlatformError::Cancelled) => return None,
        Err(error) => {
            c.block(
                subject,
                error.to_string(),
                "Check that the server is on and that no firewall stands between.",
            );
            return None;
        }
    }
    Some(())
}

/// Mounts with a limit. The mount itself obeys its token; one that comes too late is taken down where it ends.
fn in_time(request: &ShareRequest, c: &Checker<'_>) -> Result<Box<dyn Mounted>, PlatformError> {
    let token = CancelToken::new();
    let (sender, receiver) = mpsc::channel();
    let (machine, own, theirs) = (c.machine.real(), request.clone(), token.clone());
    std::thread::spawn(move || {
        let _ = sender.send(machine.mount_share(&own, &theirs));
    });
    let error = match server::wait(&receiver, LOGON, c.cx.cancel) {
        Ok(Some(result)) => return result,
        Ok(None) => PlatformError::Unsupported(format!(
            "the server did not finish the log-on within {} s",
            LOGON.as_secs()
        )),
        Err(cancelled) => cancelled,
    };
    token.raise(CancelLevel::Asked);
    Err(error)
}

/// The server's clock, by the time it gave a file that was written `now`.
pub(super) fn clock(server: SystemTime, now: SystemTime, c: &mut Checker<'_>) {
    const WAY_OUT: &str = "Set this machine's clock (date -s, hwclock -w), or that of the server.";
    let (apart, behind) = match now.duration_since(server) {
        Ok(apart) => (apart, false),
        Err(error) => (error.duration(), true),
    };
    let which = if behind { "behind" } else { "ahead of" };
    let text = format!(
        "this machine is {} {which} the server",
        units::duration(apart)
    );
    if apart > FAR {
        let text = format!("{text}: over 5 minutes, log-ons by Kerberos are refused");
        c.block("clock", text, WAY_OUT);
    } else if apart > OFF {
        c.warn("clock", text, WAY_OUT);
    } else {
        c.fine("clock", "agrees with the server's within a minute");
    }
}
