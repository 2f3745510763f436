//! Starting an engine, and making room for one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wimforge::cli::{FirmwareArg, MachineArgs};
use wimforge::environment;
use wimforge::protocol::{Reply, Request};
use wimforge::transport::{Endpoint, Stream, runtime_folder};

use super::common::{Trouble, failed, runtime};
use super::secrets::{Given, ON_STDIN};

/// Starts an engine process of its own session, so that neither Ctrl-C nor the end of this terminal reaches it.
///
/// Its environment is made for it: whoever may look at a process sees what it was started with. Secrets go through a pipe.
pub fn spawn_engine(
    machine: &MachineArgs,
    more: &[String],
    given: &Given,
) -> Result<Child, Trouble> {
    let program = std::env::current_exe().map_err(failed)?;
    let log = engine_log(machine)?;
    let mut command = Command::new(program);
    command.arg("engine");
    for (number, path) in &machine.disks {
        let path = std::path::absolute(path).map_err(failed)?;
        command
            .arg("--disk")
            .arg(format!("{number}={}", path.display()));
    }
    if machine.allow_real_disks {
        command.arg("--allow-real-disks");
    }
    if let Some(firmware) = machine.firmware {
        command.arg("--firmware").arg(match firmware {
            FirmwareArg::Uefi => "uefi",
            FirmwareArg::Bios => "bios",
        });
    }
    if let Some(state) = &machine.state {
        command
            .arg("--state")
            .arg(std::path::absolute(state).map_err(failed)?);
    }
    command.args(more);
    let handed_over = given.handed_over()?;
    if handed_over.is_some() {
        command.arg(ON_STDIN);
    }
    command
        .env_clear()
        .envs(environment::for_engine(given.variables()))
        .stdin(if handed_over.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::null())
        .stderr(log);
    let mut engine = command
        .spawn()
        .map_err(|error| failed(format!("starting the engine: {error}")))?;
    if let (Some(secrets), Some(mut pipe)) = (handed_over, engine.stdin.take()) {
        // An engine that has ended says why by itself.
        let _ = pipe.write_all(&secrets);
    }
    Ok(engine)
}

/// Waits until the engine listens. One that ends instead has said why: nobody needs to wait for it.
pub fn await_engine(engine: &mut Child, machine: &MachineArgs) -> Result<(), Trouble> {
    let endpoint = Endpoint::standard();
    let runtime = runtime()?;
    // Ten seconds; whoever connects then is patient too.
    for _ in 0..2_000 {
        if matches!(engine.try_wait(), Ok(Some(_))) {
            let said = engine_said(machine);
            return Err(failed(if said.is_empty() {
                "the engine ended as soon as it was started".to_owned()
            } else {
                said
            }));
        }
        if runtime.block_on(Stream::connect(&endpoint)).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Where an engine that cannot start says why.
fn engine_log(machine: &MachineArgs) -> Result<std::fs::File, Trouble> {
    let folder = state_folder(machine.state.as_deref());
    std::fs::create_dir_all(&folder)
        .map_err(|error| failed(format!("creating {}: {error}", folder.display())))?;
    let path = folder.join("engine.err");
    wimforge::regular::create(&path)
        .map_err(|error| failed(format!("creating {}: {error}", path.display())))
}

/// What an engine that did not come up said.
pub fn engine_said(machine: &MachineArgs) -> String {
    let path = state_folder(machine.state.as_deref()).join("engine.err");
    let text = wimforge::regular::read_to_string(&path).unwrap_or_default();
    text.trim().trim_start_matches("wimforge: ").to_owned()
}

/// Where runs are kept.
pub fn state_folder(state: Option<&Path>) -> PathBuf {
    state.map_or_else(runtime_folder, Path::to_owned)
}

/// Whether an engine answers.
pub fn is_running(endpoint: &Endpoint) -> Result<bool, Trouble> {
    let reply = runtime()?.block_on(wimforge::client::ask(endpoint, "start", Request::Status));
    Ok(reply.is_ok())
}

/// How long an engine may be without a run until another run ends it: its own client may be just about to start one.
const ABOUT_TO_START: Duration = Duration::from_secs(2);

/// Ends an engine that only lingers after its run, so that another one can start; refuses when a run is going on, or
/// somebody is at an engine's console.
pub fn make_way(endpoint: &Endpoint) -> Result<(), Trouble> {
    let busy = || failed("an engine is running already: attach to it with `wimforge attach`");
    let ask = |request| wimforge::client::ask(endpoint, "start", request);
    let begun = Instant::now();
    runtime()?.block_on(async {
        // Until it is gone: right after a run it is not done yet and refuses to end.
        while begun.elapsed() < ABOUT_TO_START + Duration::from_secs(3) {
            match ask(Request::Status).await {
                Err(_) => return Ok(()),
                Ok(Reply::Snapshot(state)) if state.end.is_some() => {
                    let _ = ask(Request::Shutdown).await;
                }
                Ok(Reply::Snapshot(state))
                    if !state.has_run() && state.people.attached.is_empty() =>
                {
                    if begun.elapsed() > ABOUT_TO_START {
                        let _ = ask(Request::Shutdown).await;
                    }
                }
                Ok(_) => return Err(busy()),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(busy())
    })
}
