//! What concerns this machine: the engine on it, its disks, a lab on it.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use wimforge::cli::{EngineArgs, FirmwareArg, Lab, MachineArgs};
use wimforge::engine::dispatcher::Dispatcher;
use wimforge::engine::run_folder::RunFolder;
use wimforge::engine::server::Server;
use wimforge::engine::start::{self, EngineOptions};
use wimforge::engine::waiting::Grants;
use wimforge::environment;
use wimforge::lab;
use wimforge::platform::{PlatformError, clean, show};
use wimforge::transport::{Endpoint, Listener};

use super::common::{
    Outcome, Trouble, failed, firmware, machine_maker, machine_to_look_at, runtime, say,
};
use super::launch::state_folder;
use super::secrets::{Given, ON_STDIN};

/// The engine process: serves until nobody needs it any more.
pub fn engine(args: EngineArgs) -> Outcome {
    let given = Given::of_engine(&args)?;
    if !environment::is_clean(given.variables()) {
        return Err(failed(start_over(&given)?));
    }
    // Started by hand from a shell it may lead a process group already: then it stays where it is.
    let _ = wimforge::platform::process::leave_session();
    let endpoint = Endpoint::standard();
    let options = EngineOptions {
        state: state_folder(args.machine.state.as_deref()),
        disks: args.machine.disks.clone(),
        allow_real_disks: args.machine.allow_real_disks,
        uefi: args.machine.firmware.map(|kind| kind == FirmwareArg::Uefi),
        machine: machine_maker(&args.machine),
    };
    let secrets = given.into_secrets();
    runtime()?.block_on(async {
        let listener = Listener::bind(&endpoint)
            .map_err(|error| failed(format!("opening {}: {error}", endpoint.path().display())))?;
        let dispatcher = Arc::new(Dispatcher::default());
        let run = match args.resume {
            Some(folder) => {
                let grants = Grants {
                    confirm_disks: args.confirm_disks,
                    confirm_replace: args.confirm_replace,
                    unattended: args.unattended,
                    ..Grants::default()
                };
                let folder = RunFolder::at(folder);
                let thread = start::resume(&dispatcher, &options, folder, secrets, grants);
                Some(thread.map_err(failed)?)
            }
            None => None,
        };
        let server = Arc::new(Server::new(dispatcher, options, run));
        server
            .serve(listener, Duration::from_millis(args.linger))
            .await
            .map_err(failed)
    })?;
    Ok(0)
}

/// The same engine in its own place, with an environment made for it; what comes back is why not.
fn start_over(given: &Given) -> Result<PlatformError, Trouble> {
    let handed_over = given.handed_over()?;
    let mut arguments: Vec<OsString> = Vec::new();
    let mut all = std::env::args_os().skip(1);
    while let Some(argument) = all.next() {
        if argument == "--secret" {
            all.next();
        } else if !argument.to_string_lossy().starts_with("--secret") {
            arguments.push(argument);
        }
    }
    if handed_over.is_some() {
        arguments.push(ON_STDIN.into());
    }
    let environment = environment::for_engine(given.variables());
    let input = handed_over.as_ref().map(|secrets| secrets.as_slice());
    Ok(clean::start_over(&arguments, environment, input))
}

/// Lists the disks.
pub fn disks(json: bool, machine: &MachineArgs) -> Outcome {
    let list = machine_to_look_at(machine)?.disks().map_err(failed)?;
    if json {
        say(&serde_json::to_string_pretty(&list).map_err(failed)?)
    } else {
        say(&show::disks(&list))
    }
}

/// Makes a lab.
pub fn lab(command: Lab) -> Outcome {
    let Lab::Prepare {
        dir,
        size,
        firmware: kind,
        volumes,
        force,
    } = command;
    lab::command(&dir, size, firmware(kind), volumes, force)
        .map(|()| 0)
        .map_err(|error| Trouble {
            code: error.exit_code(),
            text: error.to_string(),
        })
}
