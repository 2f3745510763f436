//! Runs: a new one, and one that was interrupted.

use std::path::absolute;
use std::process::Child;
use std::time::Duration;

use wimforge::cli::{FirmwareArg, MachineArgs, ResumeArgs, RunArgs};
use wimforge::engine::run_folder::{self, RunFolder};
use wimforge::protocol::{StartRun, WireSecret};
use wimforge::report::complain::complain;
use wimforge::report::follow::{self, Mode, OnCtrlC};
use wimforge::sequence::load;
use wimforge::transport::Endpoint;

use super::common::{Outcome, Trouble, can_be_shown, failed, printed, runtime};
use super::console::{console, open_console};
use super::launch::{await_engine, engine_said, make_way, spawn_engine, state_folder};
use super::secrets::{Given, read_secrets};

/// Starts a run and shows it.
pub fn run(args: RunArgs) -> Outcome {
    // A document with mistakes is told before anything is started.
    let checked = load::read(&args.sequence);
    if !checked.is_good() {
        complain(&checked.render());
        return Ok(2);
    }
    let printed = printed(&args.output);
    let start = start_run(&args, printed.is_some() && !args.grants.ask)?;
    if let Some(mode) = printed {
        make_way(&Endpoint::standard())?;
        let linger = ["--linger".to_owned(), "1500".to_owned()];
        let given = Given::named(&args.grants.secrets);
        let engine = spawn_engine(&args.machine, &linger, &given)?;
        return follow_run(mode, Some(start), &args.machine, engine);
    }
    let given = Given::named(&args.grants.secrets);
    console(args.look, &args.machine, Some(start), &given)
}

/// Goes on with an interrupted run and shows it.
pub fn resume(args: ResumeArgs) -> Outcome {
    make_way(&Endpoint::standard())?;
    let state = state_folder(args.state.as_deref());
    let folder = match &args.folder {
        Some(folder) => RunFolder::at(absolute(folder).map_err(failed)?),
        None => run_folder::interrupted(&state).map_err(failed)?,
    };
    let file = folder.load().map_err(failed)?;
    let printed = printed(&args.output);
    if printed.is_none() {
        can_be_shown(&args.look)?;
    }
    let mut arguments = vec![
        "--resume".to_owned(),
        folder.path().display().to_string(),
        "--linger".to_owned(),
        "1500".to_owned(),
    ];
    if printed.is_some() && !args.grants.ask && file.unattended {
        arguments.push("--unattended".to_owned());
    }
    for disk in file.confirm_disks.iter().chain(&args.grants.confirm_disks) {
        arguments.extend(["--confirm-disk".to_owned(), disk.to_string()]);
    }
    if file.confirm_replace || args.grants.confirm_replace {
        arguments.push("--confirm-replace".to_owned());
    }
    let given = Given::read(&args.grants.secrets)?;
    let machine = MachineArgs {
        disks: file.disks.clone(),
        allow_real_disks: file.allow_real_disks,
        firmware: file.uefi.map(|uefi| {
            if uefi {
                FirmwareArg::Uefi
            } else {
                FirmwareArg::Bios
            }
        }),
        state: Some(state),
    };
    std::env::set_current_dir(&file.working_directory).map_err(|error| {
        failed(format!(
            "entering {}: {error}",
            file.working_directory.display()
        ))
    })?;
    let engine = spawn_engine(&machine, &arguments, &given)?;
    if let Some(mode) = printed {
        return follow_run(mode, None, &machine, engine);
    }
    open_console(args.look, None, false)
}

fn start_run(args: &RunArgs, unattended: bool) -> Result<StartRun, Trouble> {
    let sequence = absolute(&args.sequence).map_err(failed)?;
    let secrets = read_secrets(&args.grants.secrets)?
        .into_iter()
        .map(|(name, secret)| (name, WireSecret(secret)))
        .collect();
    Ok(StartRun {
        sequence: sequence.display().to_string(),
        set: args.set.clone(),
        secrets,
        confirm_disks: args.grants.confirm_disks.clone(),
        confirm_replace: args.grants.confirm_replace,
        unattended,
        rehearse: args.rehearse,
        override_preflight: args.override_preflight.clone(),
        bundle_to: match &args.bundle_to {
            Some(folder) => Some(absolute(folder).map_err(failed)?.display().to_string()),
            None => None,
        },
    })
}

fn follow_run(
    mode: Mode,
    start: Option<StartRun>,
    machine: &MachineArgs,
    mut engine: Child,
) -> Outcome {
    await_engine(&mut engine, machine)?;
    let on_ctrl_c = OnCtrlC::Cancel;
    let out = std::io::stdout();
    let endpoint = Endpoint::standard();
    runtime()?
        .block_on(follow::follow(&endpoint, mode, out, start, on_ctrl_c))
        .map_err(|error| {
            // An engine that cannot go on hangs up a moment before it says why.
            for _ in 0..200 {
                if matches!(engine.try_wait(), Ok(Some(_))) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            let said = engine_said(machine);
            failed(if said.is_empty() {
                error.to_string()
            } else {
                said
            })
        })
}
