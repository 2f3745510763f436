//! Run Command Line (spec 2.13).
//!
//! The command is split into words as a shell would, and run without one unless the document says so. Arguments of a
//! process can be read by everybody on the machine, so a command line that holds a secret is refused.

use std::path::PathBuf;
use std::sync::Arc;

use crate::codes;
use crate::event::Unit;
use crate::platform::PlatformError;
use crate::platform::process::{self, Ended, ProcessRequest, Secrets};
use crate::secret::Secret;
use crate::sequence::settings;
use crate::sequence::variables::{Value, may_hold};
use crate::sequence::words;

use super::cx::{StepCx, StepEnd, StepResult};
use super::error::StepError;

/// Longest command, in characters (spec 2.13).
const LONGEST_COMMAND: usize = 32_000;
/// Longest working directory, in characters (spec 2.13).
const LONGEST_DIRECTORY: usize = 255;
/// How much of a command is shown in a message.
const SHOWN: usize = 200;

/// Runs one attempt.
///
/// # Errors
/// A command that cannot be split, holds a secret, cannot be found, takes too long, or ends with an exit code that
/// is not in the success list (the failure's code is then the exit code).
pub fn run(settings: &settings::RunCommandLine, cx: &StepCx) -> StepResult {
    let command = expand_open(&settings.command, "command line", cx)?;
    let characters = command.chars().count();
    if !(1..=LONGEST_COMMAND).contains(&characters) {
        return Err(invalid(format!(
            "the command line has {characters} characters; 1 to {LONGEST_COMMAND} are allowed"
        )));
    }
    let dir = match settings.working_directory.as_deref() {
        Some(dir) if !dir.trim().is_empty() => {
            let dir = expand_open(dir, "working directory", cx)?;
            if dir.chars().count() > LONGEST_DIRECTORY {
                return Err(invalid(format!(
                    "the working directory has more than {LONGEST_DIRECTORY} characters"
                )));
            }
            Some(PathBuf::from(dir))
        }
        _ => None,
    };

    let hidden = settings.do_not_log || cx.text("OSDDoNotLogCommand").eq_ignore_ascii_case("true");
    let (program, args) = if settings.shell {
        ("/bin/sh".to_owned(), vec!["-c".to_owned(), command.clone()])
    } else {
        let mut words = words::split(&command)
            .map_err(|e| invalid(format!("the command line cannot be split into words: {e}")))?;
        if words.is_empty() || words[0].is_empty() {
            return Err(invalid("the command line names no program".to_owned()));
        }
        // Of what the document says, not of what variables put in: a value may hold anything.
        if let Some(sign) = words::shell_sign(&settings.command) {
            cx.warn(sign.to_string());
        }
        let program = words.remove(0);
        (program, words)
    };
    let shown = if hidden {
        "command (not shown)".to_owned()
    } else {
        format!("command \"{}\"", crate::text::shorten(&command, SHOWN))
    };
    cx.phase(
        if hidden {
            "running the command"
        } else {
            "running"
        },
        Unit::Nothing,
    );
    cx.progress.detail(if hidden { "" } else { &program });
    if hidden {
        cx.info("Executing command line (not logged)");
    } else {
        cx.info(format!("Executing command line: {command}"));
    }

    let request = ProcessRequest {
        program: program.clone().into(),
        args: args.into_iter().map(Into::into).collect(),
        dir,
        timeout: cx.timeout,
        secrets: Some(Secrets({
            let host = Arc::clone(&cx.host);
            Arc::new(move || host.redactor())
        })),
    };
    let done = process::run(&request, &cx.cancel, &mut |line| {
        cx.progress.alive();
        cx.info(line);
    })
    .map_err(|e| not_started(e, if hidden { "the program" } else { &program }, &shown))?;

    if let Some(name) = settings
        .output_variable
        .as_deref()
        .filter(|name| !name.trim().is_empty())
    {
        // Colours and bells of a tool are no part of what it says.
        let text: String = done
            .last_characters
            .chars()
            .filter(|c| may_hold(*c))
            .collect();
        let value = if done.last_is_secret {
            Value::Secret(Secret::new(text))
        } else {
            Value::Plain(text)
        };
        cx.host
            .set_variable(name, value)
            .map_err(|e| invalid(format!("the output cannot be kept in a variable: {e}")))?;
    }
    match done.ended {
        Ended::Cancelled => Err(StepError::Cancelled),
        Ended::TimedOut => Err(StepError::new(
            codes::TIMEOUT,
            format!(
                "{shown} took longer than {} s and was killed with everything it had started",
                cx.timeout.unwrap_or_default().as_secs()
            ),
        )
        .tail(done.tail)
        .hint("Give the step a longer timeout, or find out what the command waits for.")),
        Ended::Signal(signal) => Err(StepError::new(
            // As shells do it: a code that no program chooses lightly.
            128 + signal.unsigned_abs(),
            format!("{shown} was ended by signal {signal}"),
        )
        .tail(done.tail)),
        Ended::Code(code) => {
            let code = code.cast_unsigned();
            cx.info(format!("Process completed with exit code {code}"));
            if cx.success_codes.contains(&code) {
                Ok(StepEnd::Exit(code))
            } else {
                Err(
                    StepError::new(code, format!("{shown} ended with exit code {code}"))
                        .tail(done.tail),
                )
            }
        }
    }
}

fn invalid(message: String) -> StepError {
    StepError::new(codes::INVALID_PARAMETER, message)
}

/// `text` with variables replaced; refused when a secret went in.
fn expand_open(text: &str, what: &str, cx: &StepCx) -> Result<String, StepError> {
    let expanded = cx.host.expand(text);
    if expanded.secret {
        return Err(invalid(format!(
            "the {what} holds a secret variable, and everybody on this machine can read the command lines of processes"
        ))
        .hint("Let the command read the secret from a file that only root may read, and delete the file afterwards."));
    }
    for name in &expanded.unresolved {
        cx.warn(format!(
            "`%{name}%` stays as it is: there is no such variable"
        ));
    }
    Ok(expanded.text)
}

fn not_started(error: PlatformError, program: &str, shown: &str) -> StepError {
    match error {
        PlatformError::Cancelled => StepError::Cancelled,
        PlatformError::MissingTool(_) => StepError::new(
            codes::FILE_NOT_FOUND,
            format!("{shown} cannot be run: there is no program {program}"),
        )
        .hint("Give the whole path, or install the program; pipes, redirection and shell words need `shell: true`."),
        PlatformError::Io { ref source, .. } => {
            let code = codes::from_io(source);
            StepError::because(code, format!("{shown} cannot be run"), error)
        }
        other => StepError::because(codes::E_FAIL, format!("{shown} cannot be run"), other),
    }
}
