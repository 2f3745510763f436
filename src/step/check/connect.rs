//! Connect to Network Folder: server, log-on, right to write.

use std::path::Path;
use std::time::SystemTime;

use crate::sequence::settings::ConnectNetworkFolder;
use crate::step::{connect_folder, rights};

use super::Checker;
use super::share;

const SUBJECT: &str = "network folder";

pub(super) fn check(settings: &ConnectNetworkFolder, c: &mut Checker<'_>) {
    if connect(settings, c).is_none() {
        // The folder will be somewhere, if the step succeeds.
        if let Some(name) = &settings.folder_variable {
            c.host.forget_value(name);
        }
        if let Some(letter) = settings.letter {
            c.host.forget_value(&format!("_WimforgeConnection{letter}"));
        }
    }
}

fn connect(settings: &ConnectNetworkFolder, c: &mut Checker<'_>) -> Option<()> {
    let step = c.step.clone();
    let (letter, path) = match connect_folder::place(settings, &step) {
        Ok(place) => place,
        Err(error) => {
            c.fail(SUBJECT, &error, "Correct the settings of the step.");
            return None;
        }
    };
    c.says(&path);
    let folder = if connect_folder::is_share(&path) {
        let request = connect_folder::request(settings, &path, &step);
        let why_not = lacking(&request.account, settings.password_variable.as_deref(), c);
        let mounted = share::connect(SUBJECT, &request, why_not.as_deref(), c)?;
        if settings.writable {
            written(mounted.path(), c)?;
        }
        let folder = mounted.path().to_owned();
        c.held.push(mounted);
        folder
    } else {
        match connect_folder::local(&path, settings.writable, c.cx.scratch) {
            Ok(folder) => {
                let rights = if settings.writable {
                    " and can be written"
                } else {
                    ""
                };
                c.fine(SUBJECT, format!("{} is there{rights}", folder.display()));
                folder
            }
            Err(error) => {
                c.fail(SUBJECT, &error, "Name a folder that exists.");
                return None;
            }
        }
    };
    if let Err(error) = connect_folder::publish(settings, letter, &folder, &step) {
        c.fail(SUBJECT, &error, "Correct the name in `folder_variable`.");
    }
    c.letters.extend(letter);
    Some(())
}

/// What a log-on still lacks.
pub(super) fn lacking(
    account: &str,
    password_variable: Option<&str>,
    c: &Checker<'_>,
) -> Option<String> {
    if account.is_empty() {
        return None;
    }
    let name = password_variable.unwrap_or_default();
    (!c.has(name)).then(|| {
        if name.is_empty() {
            format!("the step names no password for {account}")
        } else {
            format!("`{name}`, the password of {account}, has no value yet")
        }
    })
}

fn written(folder: &Path, c: &mut Checker<'_>) -> Option<()> {
    match rights::try_out(folder, c.cx.scratch) {
        Ok(server) => {
            c.fine(SUBJECT, "a test file was made, renamed and deleted");
            share::clock(server, SystemTime::now(), c);
            Some(())
        }
        Err(error) => {
            c.block(
                SUBJECT,
                format!("cannot be written to: {error}"),
                "Give the account the right to change files there.",
            );
            None
        }
    }
}
