//! Arguments to a role, an error class to an exit code.

// Those macros panic when nobody reads standard error any more.
#![deny(clippy::print_stderr)]

use std::process::ExitCode;

use clap::Parser;

use wimforge::cli::{Cli, Command};
use wimforge::report::complain::complain;

mod roles;

use roles::{console, control, inspect, machine, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => console::bare(cli.look, &cli.machine),
        Some(Command::Run(args)) => run::run(*args),
        Some(Command::Attach(args)) => console::attach(args),
        Some(Command::Resume(args)) => run::resume(*args),
        Some(Command::Preflight(args)) => inspect::preflight(&args),
        Some(Command::Replay(args)) => inspect::replay(args),
        Some(Command::Ctl { request }) => control::control(request),
        Some(Command::Check { files }) => inspect::check(&files),
        Some(Command::Disks { json, machine }) => machine::disks(json, &machine),
        Some(Command::Explain { code }) => inspect::explain(&code.join(" ")),
        Some(Command::Lab { command }) => machine::lab(command),
        Some(Command::Completions { shell }) => inspect::completions(shell),
        Some(Command::Engine(args)) => machine::engine(*args),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(trouble) => {
            complain(&format!("wimforge: {}", trouble.text));
            ExitCode::from(trouble.code)
        }
    }
}
