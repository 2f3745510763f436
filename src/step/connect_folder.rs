//! Connect to Network Folder (spec 2.17). A share stays connected when the step is over, until the engine ends the
//! boot: `_WimforgeConnections` lists the folders, one a line; `_WimforgeConnectionZ` is the folder behind a letter.

use std::fs;
use std::path::{Path, PathBuf};

use crate::codes;
use crate::platform::PlatformError;
use crate::platform::machine::ShareRequest;
use crate::secret::Secret;
use crate::sequence::settings;
use crate::sequence::variables::Value;

use super::cx::{StepCx, StepEnd, StepResult};
use super::error::StepError;
use super::rights;
use super::target::invalid;

/// The variable that lists the connected folders, one a line.
pub const CONNECTIONS: &str = "_WimforgeConnections";

/// Runs one attempt.
///
/// # Errors
/// Bad path or letter; the server, share, log-on or right, told apart; no cifs on this system.
pub fn run(settings: &settings::ConnectNetworkFolder, cx: &StepCx) -> StepResult {
    let (letter, path) = place(settings, cx)?;
    let folder = if is_share(&path) {
        connect(settings, &path, cx)?
    } else {
        local(&path, settings.writable, &cx.scratch)?
    };
    publish(settings, letter, &folder, cx)?;
    cx.info(format!("{path} is connected as {}", folder.display()));
    Ok(StepEnd::Done)
}

/// Letter and path, checked.
pub(super) fn place(
    settings: &settings::ConnectNetworkFolder,
    cx: &StepCx,
) -> Result<(Option<char>, String), StepError> {
    let letter = settings.letter.map(|letter| letter.to_ascii_uppercase());
    if letter.is_some_and(|letter| !('D'..='Z').contains(&letter) || letter == 'X') {
        return Err(invalid(
            "the letter of a connection must be D to Z, and not X",
        ));
    }
    let expanded = cx.host.expand(&settings.path);
    if expanded.secret {
        return Err(invalid(
            "the path of a network folder must not hold a secret",
        ));
    }
    Ok((letter, expanded.text))
}

/// Whether the path names a share, else a local folder.
pub(super) fn is_share(path: &str) -> bool {
    path.starts_with(r"\\") || path.starts_with("//")
}

/// Tells the steps that follow where the folder is.
pub(super) fn publish(
    settings: &settings::ConnectNetworkFolder,
    letter: Option<char>,
    folder: &Path,
    cx: &StepCx,
) -> Result<(), StepError> {
    let shown = folder.display().to_string();
    if let Some(letter) = letter {
        cx.host.set_engine_variable(
            &format!("_WimforgeConnection{letter}"),
            Value::Plain(shown.clone()),
        );
    }
    if let Some(name) = settings
        .folder_variable
        .as_deref()
        .filter(|name| !name.trim().is_empty())
    {
        cx.host
            .set_variable(name, Value::Plain(shown))
            .map_err(|e| invalid(format!("the folder cannot be kept in a variable: {e}")))?;
    }
    Ok(())
}

/// The local folder, proved fit.
pub(super) fn local(path: &str, writable: bool, scratch: &Path) -> Result<PathBuf, StepError> {
    let folder = PathBuf::from(path.strip_prefix("file:").unwrap_or(path));
    if !folder.is_absolute() {
        return Err(invalid(format!(
            "`{path}` is neither \\\\server\\share nor the whole path of a folder"
        )));
    }
    let meta = fs::metadata(&folder)
        .map_err(|e| StepError::io(format!("the folder {} cannot be used", folder.display()), e))?;
    if !meta.is_dir() {
        return Err(StepError::new(
            codes::PATH_NOT_FOUND,
            format!("{} is not a folder", folder.display()),
        ));
    }
    if writable {
        write_test(&folder, path, scratch)?;
    }
    Ok(folder)
}

/// Who connects to what.
pub(super) fn request(
    settings: &settings::ConnectNetworkFolder,
    path: &str,
    cx: &StepCx,
) -> ShareRequest {
    let password = settings
        .password_variable
        .as_deref()
        .map(|name| cx.text(name))
        .unwrap_or_default();
    let password = Secret::new(password);
    cx.host.remember_secret(&password);
    ShareRequest {
        unc: path.to_owned(),
        account: cx.host.expand(&settings.account).text,
        password,
        writable: settings.writable,
    }
}

fn connect(
    settings: &settings::ConnectNetworkFolder,
    path: &str,
    cx: &StepCx,
) -> Result<PathBuf, StepError> {
    let request = request(settings, path, cx);
    let mounted = cx
        .machine
        .mount_share(&request, &cx.cancel)
        .map_err(|e| refused(path, e))?;
    if settings.writable {
        write_test(mounted.path(), path, &cx.scratch)?;
    }
    let folder = mounted.path().to_owned();
    let mut list = cx.text(CONNECTIONS);
    if !list.is_empty() {
        list.push('\n');
    }
    list.push_str(&folder.display().to_string());
    cx.host.set_engine_variable(CONNECTIONS, Value::Plain(list));
    // The connection outlives the step by design; the variable says what the engine has to take down.
    std::mem::forget(mounted);
    Ok(folder)
}

fn refused(path: &str, error: PlatformError) -> StepError {
    match error {
        PlatformError::Cancelled => StepError::Cancelled,
        PlatformError::Share { code, message } => StepError::new(code, message),
        PlatformError::Unsupported(message) => StepError::new(codes::NOT_SUPPORTED, message)
            .hint("Use a local folder (`file:/folder`) instead, or start from a system whose kernel has cifs."),
        PlatformError::Io { ref source, .. } => {
            let code = codes::from_io(source);
            StepError::because(code, format!("{path} cannot be connected"), error)
        }
        other => StepError::because(codes::E_FAIL, format!("{path} cannot be connected"), other),
    }
}

fn write_test(folder: &Path, shown: &str, scratch: &Path) -> Result<(), StepError> {
    rights::try_out(folder, scratch)
        .map(drop)
        .map_err(|e| StepError::io(format!("{shown} cannot be written to"), e))
}
