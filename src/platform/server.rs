//! File servers as a UNC path names them: taken apart, resolved and reached by TCP, so that "no such name", "refused"
//! and "no answer" can be told apart before anything is mounted.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::cancel::CancelToken;
use crate::codes;

use super::error::PlatformError;
use super::machine::Result;

/// The port of file sharing.
pub const PORT: u16 = 445;

/// A UNC path in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unc {
    /// Name or address.
    pub server: String,
    /// TCP port; `\\server@port\share` names another than [`PORT`].
    pub port: u16,
    /// The share.
    pub share: String,
    /// With `/`; empty for the share itself.
    pub folder: String,
}

pub(super) fn share_error(code: u32, message: String) -> PlatformError {
    PlatformError::Share { code, message }
}

impl Unc {
    /// Takes `\\server\share\folder` apart; slashes are as good.
    ///
    /// # Errors
    /// [`PlatformError::Share`] for anything else.
    pub fn parse(unc: &str) -> Result<Self> {
        let bad = || {
            share_error(
                codes::INVALID_PARAMETER,
                format!("`{unc}` is not a path like \\\\server\\share"),
            )
        };
        let text = unc.replace('\\', "/");
        let mut parts = text
            .strip_prefix("//")
            .ok_or_else(bad)?
            .trim_end_matches('/')
            .splitn(3, '/');
        let (server, share) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let folder = parts.next().unwrap_or_default();
        let (server, port) = match server.split_once('@') {
            Some((server, port)) => (server, port.parse().map_err(|_| bad())?),
            None => (server, PORT),
        };
        if server.is_empty()
            || share.is_empty()
            || text.contains('\0')
            || folder.split('/').any(|part| part == "..")
        {
            return Err(bad());
        }
        Ok(Self {
            server: server.to_owned(),
            port,
            share: share.to_owned(),
            folder: folder.to_owned(),
        })
    }
}

/// The addresses of a server, asked for no longer than `limit`: the resolver has no time limit of its own.
///
/// # Errors
/// [`PlatformError::Share`] when the name cannot be resolved in time, [`PlatformError::Cancelled`].
pub fn resolve(unc: &Unc, limit: Duration, cancel: &CancelToken) -> Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::channel();
    let name = (unc.server.clone(), unc.port);
    std::thread::spawn(move || {
        let _ = sender.send(
            name.to_socket_addrs()
                .map(Iterator::collect::<Vec<SocketAddr>>),
        );
    });
    match wait(&receiver, limit, cancel)? {
        Some(Ok(list)) if !list.is_empty() => Ok(list),
        _ => Err(share_error(
            codes::BAD_NETPATH,
            format!(
                "the server {} was not found: its name cannot be resolved",
                unc.server
            ),
        )),
    }
}

/// The first of the addresses that takes a connection; all are tried at once, no longer than `limit`.
///
/// # Errors
/// [`PlatformError::Share`] with refused, silent and unreachable told apart, [`PlatformError::Cancelled`].
pub fn knock(
    unc: &Unc,
    addresses: &[SocketAddr],
    limit: Duration,
    cancel: &CancelToken,
) -> Result<SocketAddr> {
    let (sender, receiver) = mpsc::channel();
    for &address in addresses {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let _ = sender.send(TcpStream::connect_timeout(&address, limit).map(|_| address));
        });
    }
    drop(sender);
    let begun = Instant::now();
    let (mut refused, mut silent) = (false, addresses.is_empty());
    for _ in addresses {
        // The attempts end by themselves at the limit; a little more lets them say so.
        let left = (limit + Duration::from_millis(500)).saturating_sub(begun.elapsed());
        match wait(&receiver, left, cancel)? {
            Some(Ok(address)) => return Ok(address),
            Some(Err(error)) => match error.kind() {
                io::ErrorKind::ConnectionRefused => refused = true,
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => silent = true,
                _ => {}
            },
            None => silent = true,
        }
    }
    let Unc { server, port, .. } = unc;
    Err(if refused {
        share_error(
            codes::BAD_NETPATH,
            format!(
                "the server {server} refuses connections to TCP port {port}: file sharing does not run there"
            ),
        )
    } else if silent {
        share_error(
            codes::BAD_NETPATH,
            format!(
                "the server {server} does not answer on TCP port {port} within {} s: it is off, or a firewall is between",
                limit.as_secs()
            ),
        )
    } else {
        share_error(
            codes::NETWORK_UNREACHABLE,
            format!("there is no way through the network to the server {server}"),
        )
    })
}

/// A value from a thread, within a limit; `None` when it did not come.
///
/// # Errors
/// [`PlatformError::Cancelled`].
pub fn wait<T>(
    receiver: &mpsc::Receiver<T>,
    limit: Duration,
    cancel: &CancelToken,
) -> Result<Option<T>> {
    let begun = Instant::now();
    loop {
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(value) => return Ok(Some(value)),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(None),
            Err(mpsc::RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                return Err(PlatformError::Cancelled);
            }
            Err(mpsc::RecvTimeoutError::Timeout) if begun.elapsed() >= limit => return Ok(None),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let unc = Unc::parse(r"\\srv@4450\img$\a\b").unwrap();
        assert_eq!(
            (
                unc.server.as_str(),
                unc.port,
                unc.share.as_str(),
                unc.folder.as_str()
            ),
            ("srv", 4450, "img$", "a/b")
        );
        for bad in [r"\\srv", "/srv/x", r"\\srv@x\y", r"\\srv\s\..\t", r"\\\s"] {
            assert!(Unc::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_without_a_listener_is_refused() {
        let second = Duration::from_secs(1);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let unc = Unc::parse(&format!(r"\\127.0.0.1@{port}\x")).unwrap();
        let addresses = resolve(&unc, second, &CancelToken::new()).unwrap();
        assert!(knock(&unc, &addresses, second, &CancelToken::new()).is_ok());
        drop(listener);
        let error = knock(&unc, &addresses, second, &CancelToken::new()).unwrap_err();
        assert!(
            matches!(&error, PlatformError::Share { code: codes::BAD_NETPATH, message } if message.contains("refuses")),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_name_is_told_from_a_silent_port() {
        let unc = Unc::parse(r"\\no-such-server.invalid\x").unwrap();
        let error = resolve(&unc, Duration::from_secs(3), &CancelToken::new()).unwrap_err();
        assert!(error.to_string().contains("was not found"), "{error}");
    }
}
