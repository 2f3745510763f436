//! Run Command Line: the program, its folder, what is substituted.

use std::path::PathBuf;

use crate::platform::process::find_program;
use crate::sequence::settings::RunCommandLine;
use crate::sequence::words;
use crate::step::cx::Host as _;

use super::Checker;

const SUBJECT: &str = "command";

pub(super) fn check(settings: &RunCommandLine, c: &mut Checker<'_>) {
    command(settings, c);
    c.commands = true;
    if let Some(name) = &settings.output_variable {
        c.host.forget_value(name);
    }
}

fn command(settings: &RunCommandLine, c: &mut Checker<'_>) {
    c.says(SUBJECT);
    let hidden = settings.do_not_log || c.text("OSDDoNotLogCommand").eq_ignore_ascii_case("true");
    let (folder, usable) = folder(settings, c);
    if !usable {
        return;
    }
    c.host.forget();
    let expanded = c.host.expand(&settings.command);
    if expanded.secret {
        c.block(
            SUBJECT,
            "the command line holds a secret variable, which everybody on this machine could read",
            "Let the command read the secret from a file that only root may read.",
        );
        return;
    }
    for name in &expanded.unresolved {
        // One that a step ahead sets has been spoken of already.
        if c.host.is_unknown(name) {
            continue;
        }
        c.warn(
            SUBJECT,
            format!("`%{name}%` stays as it is: there is no such variable"),
            "Correct the name, or set the variable before this step.",
        );
    }
    let program = match program(settings.shell, &expanded.text) {
        Ok(program) => program,
        Err((why, way_out)) => {
            c.block(SUBJECT, why, way_out);
            return;
        }
    };
    match find_program(&program, folder.as_deref()) {
        Some(_) if hidden => {}
        Some(path) => c.fine(SUBJECT, format!("{program} is {}", path.display())),
        None => c.warn(
            SUBJECT,
            if hidden {
                "the program is not there now".to_owned()
            } else {
                format!("there is no program {program} now")
            },
            "Give the whole path, install it, or make sure an earlier step brings it.",
        ),
    }
}

/// The first word, or why there is none and the way out.
fn program(shell: bool, command: &str) -> Result<String, (String, &'static str)> {
    if shell {
        return Ok("/bin/sh".to_owned());
    }
    let words = words::split(command).map_err(|error| {
        (
            format!("cannot be split into words: {error}"),
            "Close the quote, or set `shell: true`.",
        )
    })?;
    words
        .into_iter()
        .next()
        .filter(|word| !word.is_empty())
        .ok_or_else(|| ("names no program".to_owned(), "Write a command line."))
}

/// The working folder, when there is one; false when the step would fail for it.
fn folder(settings: &RunCommandLine, c: &mut Checker<'_>) -> (Option<PathBuf>, bool) {
    let Some(text) = settings
        .working_directory
        .as_deref()
        .filter(|text| !text.trim().is_empty())
    else {
        return (None, true);
    };
    c.host.forget();
    let expanded = c.host.expand(text);
    if expanded.secret {
        c.block(
            "working folder",
            "its name holds a secret variable",
            "Use a variable that is not secret.",
        );
        return (None, false);
    }
    let folder = PathBuf::from(expanded.text);
    if folder.is_dir() {
        c.fine("working folder", format!("{} is there", folder.display()));
        return (Some(folder), true);
    }
    let text = format!("{} does not exist now", folder.display());
    let way_out = "Correct the path, or make the folder in an earlier step.";
    if c.commands {
        c.warn("working folder", text, way_out);
    } else {
        c.block("working folder", text, way_out);
    }
    (Some(folder), c.commands)
}
