//! The command line: argument types, no behaviour.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod ctl;

pub use ctl::Ctl;

const EXIT_CODES: &str = "Exit codes:\n  0  the task sequence succeeded\n  1  it failed\n  2  bad usage, or mistakes in the document\n  3  cancelled\n  4  interrupted; go on with `wimforge resume`\n  5  left before the end: the run goes on (`wimforge attach`), or none was started";

/// Builds and captures Windows reference images.
#[derive(Debug, Parser)]
#[command(name = "wimforge", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(
    long_about = "Builds and captures Windows reference images.\n\nWithout a command: attach to the running engine, or start one and choose a task sequence."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Look of the console.
    #[command(flatten)]
    pub look: Look,
    /// The machine of an engine started by this command.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a task sequence and watch it
    #[command(after_help = EXIT_CODES)]
    Run(Box<RunArgs>),
    /// Watch and steer the running engine
    #[command(after_help = EXIT_CODES)]
    Attach(AttachArgs),
    /// Go on with an interrupted run; secrets are asked for again
    #[command(after_help = EXIT_CODES)]
    Resume(Box<ResumeArgs>),
    /// Check a task sequence and this machine before anything is done: exit code 1 when something blocks
    Preflight(Box<PreflightArgs>),
    /// Play a recorded run through the console
    Replay(ReplayArgs),
    /// Send one request to the running engine; the answer is JSON
    Ctl {
        /// The request.
        #[command(subcommand)]
        request: Ctl,
    },
    /// Show every mistake of task sequences, with file, line and column
    Check {
        /// Task sequence files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Show the disks of this machine, and why one may not be written to
    Disks {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// The machine.
        #[command(flatten)]
        machine: MachineArgs,
    },
    /// Say what an error code, its name or a log line means, and what to do about it
    #[command(
        after_help = "Examples:\n  wimforge explain 0x80070035\n  wimforge explain -2147024891\n  wimforge explain ENOSPC\n  wimforge explain 'SYSPRP ... hr = 0xc004d307'\n\nExit codes:\n  0  something is known\n  1  nothing is known\n  2  bad usage"
    )]
    Explain {
        /// A code (hexadecimal or decimal), a name like ENOSPC, or any text; several words are one text
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        code: Vec<String>,
    },
    /// Make a disk image and a reference image to try things out on
    Lab {
        /// What to do.
        #[command(subcommand)]
        command: Lab,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// The engine itself; started by the other commands
    #[command(hide = true)]
    Engine(Box<EngineArgs>),
}

/// How the run is shown.
#[derive(Clone, Debug, Default, Args)]
pub struct Output {
    /// Plain lines instead of the console: no terminal needed, no escape sequences
    #[arg(long, conflicts_with = "json")]
    pub plain: bool,
    /// Events as JSON lines instead of the console
    #[arg(long)]
    pub json: bool,
}

/// The console's look.
#[derive(Clone, Debug, Default, Args)]
pub struct Look {
    /// Theme: default, high-contrast, monochrome, or a .ron file
    #[arg(long, value_name = "THEME")]
    pub theme: Option<String>,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub ascii: bool,
}

/// What the machine is.
#[derive(Clone, Debug, Default, Args)]
pub struct MachineArgs {
    /// Make this image file (or block device) disk N; then no other disk exists for the run
    #[arg(long = "disk", value_name = "N=PATH", value_parser = disk)]
    pub disks: Vec<(u32, PathBuf)>,
    /// Allow destructive steps on real disks outside the boot medium
    #[arg(long)]
    pub allow_real_disks: bool,
    /// What the machine says it was started by [default: what it really was]
    #[arg(long, value_name = "KIND")]
    pub firmware: Option<FirmwareArg>,
    /// Folder for run folders: journal, log, report [default: $WIMFORGE_RUNTIME_DIR or /run/wimforge]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// Firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FirmwareArg {
    /// UEFI
    Uefi,
    /// BIOS
    Bios,
}

/// What may be done without asking.
#[derive(Clone, Debug, Default, Args)]
pub struct GrantArgs {
    /// Wipe disk N without asking; may be given several times
    #[arg(long = "confirm-disk", value_name = "N")]
    pub confirm_disks: Vec<u32>,
    /// Replace an existing image file without asking
    #[arg(long)]
    pub confirm_replace: bool,
    /// With --plain or --json: leave questions and failures open for `wimforge ctl` or a console
    #[arg(long)]
    pub ask: bool,
    /// Give a secret variable from a file, an environment variable or a file descriptor; NAME alone
    /// asks at the terminal. One line: line breaks at its end are left out, a second line is refused.
    /// Under 4 bytes it is not hidden in the output of tools
    #[arg(long = "secret", value_name = SECRET, value_parser = secret)]
    pub secrets: Vec<(String, SecretSource)>,
}

/// How a secret is written on a command line.
const SECRET: &str = "NAME[=file:PATH|env:VAR|fd:N]";

/// Where a secret comes from. It is one line; see [`GrantArgs::secrets`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// An open file descriptor.
    Fd(i32),
    /// Whoever sits at the terminal, without echo.
    Terminal,
}

/// `wimforge run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The task sequence
    pub sequence: PathBuf,
    /// Set a variable before the first step; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// Rehearse: every step plays its part, nothing touches the machine
    #[arg(long)]
    pub rehearse: bool,
    /// Go on in spite of blocking pre-flight findings; the word is the one the check shows
    #[arg(long, value_name = "WORD")]
    pub override_preflight: Option<String>,
    /// After a failed run write a bundle of all evidence to this folder
    #[arg(long, value_name = "DIR")]
    pub bundle_to: Option<PathBuf>,
    /// What may be done without asking.
    #[command(flatten)]
    pub grants: GrantArgs,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Output.
    #[command(flatten)]
    pub output: Output,
    /// Look.
    #[command(flatten)]
    pub look: Look,
}

/// `wimforge preflight`.
#[derive(Clone, Debug, Args)]
pub struct PreflightArgs {
    /// The task sequence
    pub sequence: PathBuf,
    /// Set a variable as the run would; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// Give a secret variable, as for `run`
    #[arg(long = "secret", value_name = SECRET, value_parser = secret)]
    pub secrets: Vec<(String, SecretSource)>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// `wimforge replay`.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The run's folder
    pub folder: PathBuf,
    /// How many times as fast as it was recorded
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
    /// Output.
    #[command(flatten)]
    pub output: Output,
    /// Look.
    #[command(flatten)]
    pub look: Look,
}

/// `wimforge attach`.
#[derive(Clone, Debug, Args)]
pub struct AttachArgs {
    /// Look on only: nothing can be changed from here
    #[arg(long, conflicts_with_all = ["plain", "json"])]
    pub watch: bool,
    /// With --plain: one status line now and then, over restarts of the engine, until interrupted
    #[arg(long, requires = "plain")]
    pub follow: bool,
    /// Output.
    #[command(flatten)]
    pub output: Output,
    /// Look.
    #[command(flatten)]
    pub look: Look,
}

/// `wimforge resume`.
#[derive(Clone, Debug, Args)]
pub struct ResumeArgs {
    /// The run's folder [default: the newest interrupted run]
    pub folder: Option<PathBuf>,
    /// What may be done without asking.
    #[command(flatten)]
    pub grants: GrantArgs,
    /// Folder for run folders [default: $WIMFORGE_RUNTIME_DIR or /run/wimforge]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Output.
    #[command(flatten)]
    pub output: Output,
    /// Look.
    #[command(flatten)]
    pub look: Look,
}

/// `wimforge lab`.
#[derive(Clone, Debug, Subcommand)]
pub enum Lab {
    /// Make DIR/disk.img (sparse) and DIR/reference.wim (Windows-shaped, from this system's /usr)
    Prepare {
        /// The folder
        dir: PathBuf,
        /// Length of the disk
        #[arg(long, default_value = "8G", value_parser = size)]
        size: u64,
        /// What the lab's machine is started by
        #[arg(long, default_value = "uefi")]
        firmware: FirmwareArg,
        /// Images in the WIM: 1 Windows; 2 System and Windows
        #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=2))]
        volumes: u32,
        /// Make everything anew even when it is there
        #[arg(long)]
        force: bool,
    },
}

/// The hidden engine role.
#[derive(Clone, Debug, Args)]
pub struct EngineArgs {
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Resume this run folder
    #[arg(long)]
    pub resume: Option<PathBuf>,
    /// Disks that may be wiped (resume)
    #[arg(long = "confirm-disk")]
    pub confirm_disks: Vec<u32>,
    /// An image may be replaced (resume)
    #[arg(long)]
    pub confirm_replace: bool,
    /// Nobody answers (resume)
    #[arg(long)]
    pub unattended: bool,
    /// Secrets (resume)
    #[arg(long = "secret", value_parser = secret)]
    pub secrets: Vec<(String, SecretSource)>,
    /// Secrets as JSON on standard input: what started this engine has read them (resume)
    #[arg(long, hide = true)]
    pub secrets_on_stdin: bool,
    /// Milliseconds without run and client after which the engine ends
    #[arg(long, default_value_t = 10_000)]
    pub linger: u64,
}

fn disk(text: &str) -> Result<(u32, PathBuf), String> {
    let (number, path) = text
        .split_once('=')
        .ok_or("write N=PATH, for example 0=lab/disk.img")?;
    let number = number
        .parse()
        .map_err(|_| format!("`{number}` is not a disk number"))?;
    if path.is_empty() {
        return Err("the path is missing".to_owned());
    }
    Ok((number, PathBuf::from(path)))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn secret(text: &str) -> Result<(String, SecretSource), String> {
    let form = "write NAME=file:PATH, NAME=env:VAR, NAME=fd:N, or NAME alone to be asked; a secret itself never stands on the command line";
    let Some((name, source)) = text.split_once('=') else {
        return Ok((text.to_owned(), SecretSource::Terminal));
    };
    let source = match source.split_once(':') {
        Some(("file", path)) if !path.is_empty() => SecretSource::File(PathBuf::from(path)),
        Some(("env", variable)) if !variable.is_empty() => SecretSource::Env(variable.to_owned()),
        Some(("fd", number)) => SecretSource::Fd(
            number
                .parse()
                .map_err(|_| format!("`{number}` is not a file descriptor"))?,
        ),
        _ => return Err(form.to_owned()),
    };
    Ok((name.to_owned(), source))
}

fn size(text: &str) -> Result<u64, String> {
    let form = || format!("`{text}` is not a size: write for example 8G or 512M");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| form())?;
    let factor = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KIB" => 1024,
        "M" | "MIB" => 1024 * 1024,
        "G" | "GIB" => 1024 * 1024 * 1024,
        "T" | "TIB" => 1024 * 1024 * 1024 * 1024,
        _ => return Err(form()),
    };
    number.checked_mul(factor).ok_or_else(form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_help_line_is_wider_than_a_hundred_columns() {
        fn walk(command: &mut clap::Command) {
            let help = command.render_long_help().to_string();
            for line in help.lines() {
                assert!(
                    line.chars().count() <= 100,
                    "{}: {line}",
                    command.get_name()
                );
            }
            let names: Vec<String> = command
                .get_subcommands()
                .map(|c| c.get_name().to_owned())
                .collect();
            for name in names {
                if let Some(sub) = command.find_subcommand_mut(&name) {
                    walk(sub);
                }
            }
        }
        walk(&mut Cli::command().term_width(100));
    }

    #[test]
    fn values_are_read_and_mistakes_explained() {
        assert_eq!(size("8G"), Ok(8 << 30));
        assert!(size("8X").is_err() && size("99999999999T").is_err());
        assert_eq!(disk("0=a=b"), Ok((0, PathBuf::from("a=b"))));
        assert!(disk("x").is_err());
        assert!(secret("P=hunter2").is_err_and(|why| !why.contains("hunter2")));
        assert_eq!(secret("P=fd:3"), Ok(("P".to_owned(), SecretSource::Fd(3))));
        assert_eq!(secret("P"), Ok(("P".to_owned(), SecretSource::Terminal)));
    }
}
