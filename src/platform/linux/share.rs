//! Shares by the kernel's cifs: name and port are tried first from here, so that "no such server", "refused" and
//! "filtered" can be told apart, then the share is mounted in a thread of its own with a time limit.
//!
//! The password goes to the kernel by `fsconfig` as it is; where that call is missing, in the data of `mount(2)` with
//! commas doubled. It is never in an argument list, an environment or an error.

use std::ffi::{CString, OsString};
use std::fs;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MntFlags, MsFlags, umount2};
use zeroize::Zeroizing;

use crate::cancel::CancelToken;
use crate::codes;
use crate::platform::error::PlatformError;
use crate::platform::machine::{Mounted, Result, ShareRequest};
use crate::platform::process::{self, Ended, ProcessRequest};
use crate::platform::server::{self, Unc, share_error, wait};

const CONNECT: Duration = Duration::from_secs(3);
/// mount(2) was seen to block for 21.5 s on a server that accepts and never answers.
const MOUNT: Duration = Duration::from_secs(40);
/// Soft dependencies that `modprobe cifs` does not pull in; without them mounting fails as if the share were missing.
const MODULES: [&str; 11] = [
    "cifs",
    "cmac",
    "gcm",
    "ccm",
    "ctr",
    "ghash_generic",
    "aes_generic",
    "sha256_generic",
    "sha512_generic",
    "hmac",
    "ecb",
];

/// Name of a share's mount folder, before the random part.
pub(super) const PREFIX: &str = "wimforge-share-";

/// Connects a share below a new folder in the system's temporary folder.
///
/// # Errors
/// [`PlatformError::Share`] with the cases told apart, [`PlatformError::Unsupported`] without cifs in the kernel,
/// [`PlatformError::Cancelled`].
pub fn mount(request: &ShareRequest, cancel: &CancelToken) -> Result<Box<dyn Mounted>> {
    let unc = Unc::parse(&request.unc)?;
    need_cifs(cancel)?;
    let ip = reach(&unc, cancel)?;
    let target = std::env::temp_dir().join(format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()));
    fs::create_dir(&target)
        .map_err(|e| PlatformError::io(format!("making {}", target.display()), e))?;
    let made = in_thread(&unc, ip, request, &target, cancel);
    if made.is_err() {
        let _ = fs::remove_dir(&target);
    }
    made.map(|()| Box::new(Share { path: target }) as Box<dyn Mounted>)
}

/// Takes down the connections at these folders (a restart ends them all); those that would not go are returned.
pub fn disconnect_all(paths: &[PathBuf]) -> Vec<(PathBuf, PlatformError)> {
    paths
        .iter()
        .filter_map(|path| unmount(path).err().map(|e| (path.clone(), e)))
        .collect()
}

struct Share {
    path: PathBuf,
}

impl Mounted for Share {
    fn path(&self) -> &Path {
        &self.path
    }

    fn close(self: Box<Self>) -> Result<()> {
        let path = self.path.clone();
        // The second try, at drop, finds nothing mounted and does no harm.
        unmount(&path)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = unmount(&self.path);
    }
}

fn unmount(path: &Path) -> Result<()> {
    match umount2(path, MntFlags::empty()) {
        // Not mounted, or gone: nothing to do.
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {
            let _ = fs::remove_dir(path);
            Ok(())
        }
        Err(e) => Err(PlatformError::io(
            format!("disconnecting {}", path.display()),
            e.into(),
        )),
    }
}

fn has_cifs() -> bool {
    fs::read_to_string("/proc/filesystems").is_ok_and(|list| {
        list.lines()
            .any(|line| line.split_whitespace().next_back() == Some("cifs"))
    })
}

fn need_cifs(cancel: &CancelToken) -> Result<()> {
    for module in MODULES {
        let request = ProcessRequest {
            program: OsString::from("modprobe"),
            args: vec!["-q".into(), module.into()],
            timeout: Some(Duration::from_secs(10)),
            ..ProcessRequest::default()
        };
        // A kernel with everything built in has nothing to load: the look below decides.
        let done = process::run(&request, cancel, &mut |_| {});
        if matches!(&done, Ok(done) if done.ended == Ended::Cancelled) {
            return Err(PlatformError::Cancelled);
        }
        if module == "cifs" && !has_cifs() {
            break;
        }
    }
    if has_cifs() {
        return Ok(());
    }
    Err(PlatformError::Unsupported(
        "network shares cannot be connected here: this system's kernel has no cifs file system"
            .to_owned(),
    ))
}

/// Finds an address of the server that answers on the port.
fn reach(unc: &Unc, cancel: &CancelToken) -> Result<IpAddr> {
    let addresses = server::resolve(unc, 4 * CONNECT, cancel)?;
    server::knock(unc, &addresses, CONNECT, cancel).map(|address| address.ip())
}

/// `domain\user`, `user@domain` or `user` as (user, domain).
fn account(text: &str) -> (&str, &str) {
    if let Some((domain, user)) = text.split_once('\\') {
        (user, domain)
    } else {
        (text, "")
    }
}

type Options = Vec<(&'static str, Zeroizing<String>)>;

fn options(unc: &Unc, ip: IpAddr, request: &ShareRequest) -> Options {
    let (user, domain) = account(&request.account);
    let mut list: Options = Vec::new();
    let mut push = |name, value: &str| list.push((name, Zeroizing::new(value.to_owned())));
    push("ip", &ip.to_string());
    push("port", &unc.port.to_string());
    push("username", user);
    push("password", request.password.reveal());
    if !domain.is_empty() {
        push("domain", domain);
    }
    push("echo_interval", "10");
    if request.writable {
        push("cache", "none");
    }
    list
}

/// The data of mount(2): options with commas, those inside values doubled.
fn data(options: &Options) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::from("soft"));
    for (name, value) in options {
        text.push(',');
        text.push_str(name);
        text.push('=');
        text.push_str(&value.replace(',', ",,"));
    }
    text
}

fn in_thread(
    unc: &Unc,
    ip: IpAddr,
    request: &ShareRequest,
    target: &Path,
    cancel: &CancelToken,
) -> Result<()> {
    let (sender, receiver) = mpsc::channel();
    let source = |folder: &str| {
        let tail = if folder.is_empty() {
            String::new()
        } else {
            format!("/{folder}")
        };
        format!("//{}/{}{tail}", unc.server, unc.share)
    };
    let (whole, root) = (source(&unc.folder), source(""));
    let (list, at) = (options(unc, ip, request), target.to_owned());
    let has_folder = !unc.folder.is_empty();
    std::thread::spawn(move || {
        let result = attach(&whole, &list, &at);
        // "Not found" may be the share or the folder in it: the share alone tells which.
        let share_exists =
            matches!(result, Err(Errno::ENOENT)) && has_folder && attach(&root, &list, &at).is_ok();
        if share_exists {
            let _ = umount2(&at, MntFlags::empty());
        }
        if sender.send((result, share_exists)).is_err() && result.is_ok() {
            // Nobody waits any more.
            let _ = umount2(&at, MntFlags::MNT_DETACH);
            let _ = fs::remove_dir(&at);
        }
    });
    match wait(&receiver, MOUNT, cancel)? {
        Some((Ok(()), _)) => Ok(()),
        Some((Err(errno), share_exists)) => Err(explain(errno, unc, share_exists)),
        None => Err(share_error(
            codes::TIMEOUT,
            format!(
                "the server {} accepted the connection and then did not answer for {} s",
                unc.server,
                MOUNT.as_secs()
            ),
        )),
    }
}

fn attach(source: &str, options: &Options, target: &Path) -> std::result::Result<(), Errno> {
    match by_fsconfig(source, options, target) {
        Err(Errno::ENOSYS) => {
            let text = data(options);
            nix::mount::mount(
                Some(source),
                target,
                Some("cifs"),
                MsFlags::empty(),
                Some(text.as_str()),
            )
        }
        other => other,
    }
}

#[expect(unsafe_code, reason = "system calls without a safe wrapper")]
fn by_fsconfig(source: &str, options: &Options, target: &Path) -> std::result::Result<(), Errno> {
    const SET_FLAG: libc::c_long = 0;
    const SET_STRING: libc::c_long = 1;
    const CREATE: libc::c_long = 6;
    const CLOEXEC: libc::c_long = 1;
    const EMPTY_PATH: libc::c_long = 4;
    let text = |value: &str| CString::new(value).map_err(|_| Errno::EINVAL);
    let null: *const libc::c_char = std::ptr::null();
    let new_fd = |result: libc::c_long| -> std::result::Result<OwnedFd, Errno> {
        let fd = i32::try_from(Errno::result(result)?).map_err(|_| Errno::EBADF)?;
        // SAFETY: the kernel just made this descriptor for us; nobody else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    };
    // SAFETY: the argument is a zero-terminated text that outlives the call.
    let context = new_fd(unsafe { libc::syscall(libc::SYS_fsopen, c"cifs".as_ptr(), CLOEXEC) })?;
    let fd = libc::c_long::from(context.as_raw_fd());
    let config = |command: libc::c_long, key: *const libc::c_char, value: *const libc::c_char| {
        // SAFETY: key and value are null or zero-terminated texts that outlive the call; the kernel copies them.
        let result = unsafe { libc::syscall(libc::SYS_fsconfig, fd, command, key, value, 0_i64) };
        Errno::result(result).map(drop)
    };
    let source = text(source)?;
    config(SET_STRING, c"source".as_ptr(), source.as_ptr())?;
    config(SET_FLAG, c"soft".as_ptr(), null)?;
    for (name, value) in options {
        let name = text(name)?;
        let mut value = text(value)?.into_bytes_with_nul();
        let result = config(SET_STRING, name.as_ptr(), value.as_ptr().cast());
        zeroize::Zeroize::zeroize(&mut value);
        result?;
    }
    config(CREATE, null, null)?;
    // SAFETY: numbers only.
    let mount = new_fd(unsafe { libc::syscall(libc::SYS_fsmount, fd, CLOEXEC, 0_i64) })?;
    let to = text(target.to_str().ok_or(Errno::EINVAL)?)?;
    let from = libc::c_long::from(mount.as_raw_fd());
    let here = libc::c_long::from(libc::AT_FDCWD);
    // SAFETY: both texts are zero-terminated and outlive the call.
    let moved = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            from,
            c"".as_ptr(),
            here,
            to.as_ptr(),
            EMPTY_PATH,
        )
    };
    Errno::result(moved).map(drop)
}

/// What a failed mount means (measured, see the errno table of the facts on boot media).
fn explain(errno: Errno, unc: &Unc, share_exists: bool) -> PlatformError {
    let Unc {
        server,
        share,
        folder,
        ..
    } = unc;
    match errno {
        Errno::ENOENT if share_exists => share_error(
            codes::PATH_NOT_FOUND,
            format!("the share {share} on {server} has no folder {folder}"),
        ),
        Errno::ENOENT | Errno::ENXIO | Errno::ENODEV => share_error(
            codes::BAD_NET_NAME,
            format!("the server {server} has no share {share}"),
        ),
        Errno::EACCES | Errno::EKEYREJECTED | Errno::EKEYEXPIRED => share_error(
            codes::LOGON_FAILURE,
            format!(
                "the server {server} refused the log-on: user name or password is wrong, or the account may not use the share {share}"
            ),
        ),
        Errno::EPERM | Errno::EROFS => share_error(
            codes::ACCESS_DENIED,
            format!("the account has no right to the share {share} on {server}"),
        ),
        Errno::ECONNREFUSED | Errno::EHOSTDOWN | Errno::EINPROGRESS | Errno::ETIMEDOUT => {
            share_error(
                codes::BAD_NETPATH,
                format!("the server {server} does not answer"),
            )
        }
        Errno::EHOSTUNREACH | Errno::ENETUNREACH => share_error(
            codes::NETWORK_UNREACHABLE,
            format!("there is no way through the network to the server {server}"),
        ),
        Errno::EOPNOTSUPP => share_error(
            codes::NOT_SUPPORTED,
            format!(
                "the server {server} speaks no SMB dialect that this system may use (SMB 1 is refused)"
            ),
        ),
        other => PlatformError::io(format!("connecting \\\\{server}\\{share}"), other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn request(password: &str) -> ShareRequest {
        ShareRequest {
            unc: r"\\srv\img".into(),
            account: r"DOM\user".into(),
            password: Secret::new(password),
            writable: true,
        }
    }

    /// Reads mount data as the kernel does: a doubled comma belongs to the value.
    fn read_back(data: &str) -> Vec<String> {
        let mut list = vec![String::new()];
        let mut chars = data.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ',' && chars.next_if_eq(&',').is_none() {
                list.push(String::new());
            } else if let Some(last) = list.last_mut() {
                last.push(c);
            }
        }
        list
    }

    proptest::proptest! {
        #[test]
        fn every_password_survives(password in "[ -~]{0,40}") {
            let unc = Unc::parse(r"\\srv\img").unwrap();
            let list = options(&unc, IpAddr::from([192, 0, 2, 1]), &request(&password));
            let raw = list.iter().find(|(name, _)| *name == "password").unwrap();
            proptest::prop_assert_eq!(&*raw.1, &password);
            let back = read_back(&data(&list));
            proptest::prop_assert!(back.contains(&format!("password={password}")), "lost");
            proptest::prop_assert!(back.contains(&"domain=DOM".to_owned()) && back.contains(&"cache=none".to_owned()));
        }
    }

    #[test]
    fn causes_are_told_apart() {
        let unc = Unc::parse(r"\\srv\img\sub").unwrap();
        let code = |errno, exists| match explain(errno, &unc, exists) {
            PlatformError::Share { code, .. } => code,
            _ => 0,
        };
        assert_eq!(code(Errno::ENOENT, false), codes::BAD_NET_NAME);
        assert_eq!(code(Errno::ENOENT, true), codes::PATH_NOT_FOUND);
        assert_eq!(code(Errno::EACCES, false), codes::LOGON_FAILURE);
        assert_eq!(code(Errno::EHOSTDOWN, false), codes::BAD_NETPATH);
    }

    #[test]
    fn without_cifs_one_sentence_says_so() {
        if has_cifs() {
            return;
        }
        let error = mount(&request("pw,1"), &CancelToken::new()).err().unwrap();
        assert!(
            matches!(&error, PlatformError::Unsupported(text) if text.contains("no cifs")),
            "{error}"
        );
    }
}
