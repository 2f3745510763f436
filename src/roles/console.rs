//! The console, and the other ways to look on.

use wimforge::cli::{AttachArgs, GrantArgs, Look, MachineArgs, Output, ResumeArgs};
use wimforge::event::{LEFT, RunOutcome};
use wimforge::protocol::StartRun;
use wimforge::report::complain::complain;
use wimforge::report::follow::{self, OnCtrlC};
use wimforge::report::status;
use wimforge::transport::Endpoint;
use wimforge::tui::{self, ConsoleEnd, ConsoleOptions};

use super::common::{Outcome, Trouble, can_be_shown, failed, printed, runtime};
use super::launch::{is_running, make_way, spawn_engine};
use super::offer::{self, Offered};
use super::run::resume;
use super::secrets::Given;

/// The console: on the running engine, or on one started for it.
pub fn console(
    look: Look,
    machine: &MachineArgs,
    start: Option<StartRun>,
    given: &Given,
) -> Outcome {
    can_be_shown(&look)?;
    let endpoint = Endpoint::standard();
    if start.is_some() {
        make_way(&endpoint)?;
    }
    if start.is_some() || !is_running(&endpoint)? {
        spawn_engine(machine, &[], given)?;
    }
    open_console(look, start, false)
}

/// `wimforge` alone: an interrupted run comes first, while no engine runs.
pub fn bare(look: Look, machine: &MachineArgs) -> Outcome {
    can_be_shown(&look)?;
    if !is_running(&Endpoint::standard())? {
        match offer::offered(&look, machine)? {
            Offered::Nothing => {}
            Offered::Resume(folder) => {
                return resume(ResumeArgs {
                    folder: Some(folder),
                    grants: GrantArgs::default(),
                    state: machine.state.clone(),
                    output: Output::default(),
                    look,
                });
            }
            Offered::Left => return Ok(LEFT),
        }
    }
    console(look, machine, None, &Given::default())
}

/// The console on the engine that runs, or is just coming up.
pub fn open_console(look: Look, start: Option<StartRun>, only_watch: bool) -> Outcome {
    let options = ConsoleOptions {
        endpoint: Endpoint::standard(),
        theme: look.theme,
        ascii: look.ascii,
        start,
        only_watch,
        offer: None,
    };
    match runtime()?.block_on(tui::run(options)).map_err(failed)? {
        ConsoleEnd::Detached => {
            complain("detached; the run goes on; wimforge attach");
            Ok(LEFT)
        }
        ConsoleEnd::Left | ConsoleEnd::Chosen(_) => {
            complain("left; no run was started");
            Ok(LEFT)
        }
        ConsoleEnd::RunEnded(outcome) => Ok(RunOutcome::exit_code(outcome)),
        ConsoleEnd::Interrupted => Err(Trouble {
            code: 4,
            text: "the engine is gone; go on with `wimforge resume`".to_owned(),
        }),
    }
}

/// Looks on.
pub fn attach(args: AttachArgs) -> Outcome {
    if args.follow {
        return runtime()?
            .block_on(status::watch(&Endpoint::standard(), std::io::stdout()))
            .map_err(failed);
    }
    if let Some(mode) = printed(&args.output) {
        let out = std::io::stdout();
        return runtime()?
            .block_on(follow::follow(
                &Endpoint::standard(),
                mode,
                out,
                None,
                OnCtrlC::Leave,
            ))
            .map_err(failed);
    }
    can_be_shown(&args.look)?;
    if !is_running(&Endpoint::standard())? {
        return Err(failed(
            "no engine is running: start one with `wimforge` or `wimforge run`",
        ));
    }
    open_console(args.look, None, args.watch)
}
