//! This program once more in the place of itself, with another environment.

use std::ffi::OsString;
use std::io::{Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::ftruncate;

use super::error::PlatformError;
use crate::environment::Environment;

/// Empties what [`start_over`] gave as standard input, once it was read: otherwise it could be read again as long as
/// this process lives. A pipe is empty already and refuses.
pub fn forget_input() {
    let _ = ftruncate(std::io::stdin(), 0);
}

/// Becomes this program with these arguments and this environment, and these bytes as its standard input; they stand in
/// memory only. Removing a variable would not do: the system shows what a process was started with as long as it lives.
///
/// # Errors
/// It cannot be done. There is no other way back.
pub fn start_over(
    arguments: &[OsString],
    environment: Environment,
    input: Option<&[u8]>,
) -> PlatformError {
    let failed =
        |error: std::io::Error| PlatformError::io("starting with a clean environment", error);
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return failed(error),
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment);
    if let Some(input) = input {
        let made = memfd_create("input", MFdFlags::MFD_CLOEXEC)
            .map_err(std::io::Error::from)
            .and_then(|descriptor| {
                let mut file = std::fs::File::from(descriptor);
                file.write_all(input)?;
                file.rewind()?;
                Ok(file)
            });
        match made {
            Ok(file) => command.stdin(file),
            Err(error) => return failed(error),
        };
    }
    failed(command.exec())
}
