//! Unix sockets.
#![allow(missing_docs)]
use std::path::{Path, PathBuf};
use std::os::unix::fs::PermissionsExt;
#[derive(Clone, Debug)]
pub struct Endpoint { pub path: PathBuf }
pub struct Listener(tokio::net::UnixListener);
pub struct Stream(tokio::net::UnixStream);
pub fn private_folder(path: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}
impl Listener { pub async fn accept(&mut self) -> std::io::Result<Stream> { self.0.accept().await.map(|(s, _)| Stream(s)) } }
impl Stream { pub fn into_split(self) -> (tokio::net::unix::OwnedReadHalf, tokio::net::unix::OwnedWriteHalf) { self.0.into_split() } }
