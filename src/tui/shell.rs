//! A shell in the middle of a run: the console steps aside and comes back whole.

use std::io::Write;
use std::process::Command;

/// Variables of the console's own environment that a shell needs.
const KEPT: [&str; 7] = ["PATH", "HOME", "TERM", "LANG", "LC_ALL", "USER", "LOGNAME"];

/// Runs `$SHELL` (else `/bin/sh`) until it ends; every way to leave it is fine. The terminal must have been given back.
///
/// # Errors
/// The shell could not be started; one sentence.
pub fn run(variables: &[(String, String)]) -> Result<(), String> {
    let shell = std::env::var("SHELL")
        .ok()
        .filter(|path| std::path::Path::new(path).is_file())
        .unwrap_or_else(|| "/bin/sh".to_owned());
    let hint = "wimforge waits; the run's variables are in the environment, secrets left out. Leave with exit or Ctrl-D.";
    let _ = writeln!(std::io::stdout(), "{hint}");
    let mut command = Command::new(&shell);
    command.env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    for (name, value) in variables {
        if !KEPT.contains(&name.as_str()) {
            command.env(name, value);
        }
    }
    // The code it ends with is that of the last command typed: it says nothing about the shell.
    command
        .status()
        .map(|_| ())
        .map_err(|error| format!("starting {shell}: {error}"))
}
