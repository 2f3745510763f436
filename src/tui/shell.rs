//! A shell in the middle of a run: the console steps aside and comes back whole.

use std::io::Write;
use std::process::{Child, Command};

/// Starts `$SHELL` (else `/bin/sh`). The terminal must have been given back.
///
/// # Errors
/// The shell could not be started; one sentence.
pub fn start(variables: &[(String, String)]) -> Result<Child, String> {
    let shell = std::env::var("SHELL")
        .ok()
        .filter(|path| std::path::Path::new(path).is_file())
        .unwrap_or_else(|| "/bin/sh".to_owned());
    let hint = "wimforge waits; leave with exit or Ctrl-D.\nThe run's variables are in the environment, secrets left out.";
    let _ = writeln!(std::io::stdout(), "{hint}");
    let mut command = Command::new(&shell);
    command
        .env_clear()
        .envs(crate::environment::for_shell(variables))
        .spawn()
        .map_err(|error| format!("starting {shell}: {error}"))
}

/// Waits until the shell has ended; every way to leave it is fine, and the code it ends with is that of the last command
/// typed: it says nothing about the shell. The thread is left to itself when nobody waits any more.
pub async fn ended(mut shell: Child) {
    let (tell, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = shell.wait();
        let _ = tell.send(());
    });
    let _ = ended.await;
}
