//! The control socket on Unix: private folder, private socket.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

use crate::protocol::CONTRACT;

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(PathBuf);

impl Endpoint {
    /// The engine of this machine: `$WIMFORGE_RUNTIME_DIR`, else `/run/wimforge`. The name holds the contract's number.
    pub fn standard() -> Self {
        Self::in_folder(&runtime_folder())
    }

    /// The engine whose socket lies in `folder`.
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.join(format!("engine-v{CONTRACT}.sock")))
    }

    /// The socket.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// `$WIMFORGE_RUNTIME_DIR`, else `/run/wimforge`.
pub fn runtime_folder() -> PathBuf {
    std::env::var_os("WIMFORGE_RUNTIME_DIR")
        .filter(|value| !value.is_empty())
        .map_or_else(|| PathBuf::from("/run/wimforge"), PathBuf::from)
}

/// Makes a folder its owner's alone (0700). A symbolic link or somebody else's folder is refused: whoever can swap the
/// folder could listen in place of the engine.
///
/// # Errors
/// The system's, or the refusal.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let meta = std::fs::symlink_metadata(path)?;
    if !meta.is_dir() {
        return Err(io::Error::other(format!(
            "{} is not a folder",
            path.display()
        )));
    }
    if meta.uid() != nix::unistd::geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} belongs to another user", path.display()),
        ));
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// Accepts clients. The socket is removed when this is dropped.
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Held for as long as this engine lives: two engines started at once cannot both have it.
    _lock: std::fs::File,
}

impl Listener {
    /// Binds the endpoint. A socket that nobody listens at is left over from a killed engine and is replaced.
    ///
    /// # Errors
    /// `AddrInUse` when another engine has it; the system's otherwise.
    pub fn bind(endpoint: &Endpoint) -> io::Result<Self> {
        let path = endpoint.path();
        let folder = path.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder)?;
        private_folder(folder)?;
        let lock = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.with_extension("lock"))?;
        lock.try_lock().map_err(|_| {
            io::Error::new(
                io::ErrorKind::AddrInUse,
                "another engine is running: attach to it with `wimforge attach`",
            )
        })?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self {
            socket,
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The next client.
    ///
    /// # Errors
    /// The system's.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        let (stream, _) = self.socket.accept().await?;
        Ok(Stream(stream))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A connection.
#[derive(Debug)]
pub struct Stream(UnixStream);

impl Stream {
    /// Connects to an engine.
    ///
    /// # Errors
    /// The system's: nobody listens, no right.
    pub async fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        UnixStream::connect(endpoint.path()).await.map(Self)
    }

    /// The user at the other end, as the system knows it: nobody can say to be somebody else.
    pub fn user(&self) -> Option<String> {
        let uid = self.0.peer_cred().ok()?.uid();
        let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid));
        // A boot medium may have no list of users.
        Some(match (user, uid) {
            (Ok(Some(user)), _) => user.name,
            (_, 0) => "root".to_owned(),
            (_, uid) => format!("user {uid}"),
        })
    }

    /// Two ends that are connected, for tests.
    ///
    /// # Errors
    /// The system's.
    pub fn pair() -> io::Result<(Self, Self)> {
        UnixStream::pair().map(|(a, b)| (Self(a), Self(b)))
    }

    /// Reading and writing apart.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.0.into_split()
    }
}
