//! Arguments to a role, an error class to an exit code.

use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use wimforge::cli::{
    AttachArgs, Cli, Command, EngineArgs, FirmwareArg, Lab, Look, MachineArgs, ResumeArgs, RunArgs,
    SecretSource,
};
use wimforge::engine::dispatcher::Dispatcher;
use wimforge::engine::run_folder::{self, RunFolder};
use wimforge::engine::server::Server;
use wimforge::engine::start::{self, EngineOptions};
use wimforge::engine::waiting::Grants;
use wimforge::event::RunOutcome;
use wimforge::lab;
use wimforge::platform::{PlatformError, show};
use wimforge::protocol::{Reply, Request, StartRun, WireSecret};
use wimforge::report::follow::{self, Mode, OnCtrlC};
use wimforge::report::status;
use wimforge::sequence::load;
use wimforge::transport::{Endpoint, Listener, Stream, runtime_folder};
use wimforge::tui::{self, ConsoleEnd, ConsoleOptions};

mod roles;

use roles::common::{
    Outcome, Trouble, can_be_shown, failed, firmware, machine_maker, printed, read_secret,
    read_secrets, runtime, say,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => console(cli.look, &cli.machine, None),
        Some(Command::Run(args)) => run(*args),
        Some(Command::Attach(args)) => attach(args),
        Some(Command::Resume(args)) => resume(*args),
        Some(Command::Preflight(args)) => roles::inspect::check(&args),
        Some(Command::Replay(args)) => roles::inspect::replay(args),
        Some(Command::Ctl { request }) => roles::control::control(request),
        Some(Command::Check { files }) => check(&files),
        Some(Command::Disks { json, machine }) => disks(json, &machine),
        Some(Command::Explain { code }) => roles::inspect::explain(&code.join(" ")),
        Some(Command::Lab { command }) => lab_command(command),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "wimforge",
                &mut std::io::stdout(),
            );
            Ok(0)
        }
        Some(Command::Engine(args)) => engine(*args),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(trouble) => {
            eprintln!("wimforge: {}", trouble.text.trim_end());
            ExitCode::from(trouble.code)
        }
    }
}

/// Starts an engine process of its own session, so that neither Ctrl-C nor the end of this terminal reaches it.
fn spawn_engine(machine: &MachineArgs, more: &[String]) -> Result<Child, Trouble> {
    let program = std::env::current_exe().map_err(failed)?;
    let log = engine_log(machine)?;
    let mut command = Process::new(program);
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
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    command
        .spawn()
        .map_err(|error| failed(format!("starting the engine: {error}")))
}

/// Waits until the engine listens. One that ends instead has said why: nobody needs to wait for it.
fn await_engine(engine: &mut Child, machine: &MachineArgs) -> Result<(), Trouble> {
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
    std::fs::File::create(&path)
        .map_err(|error| failed(format!("creating {}: {error}", path.display())))
}

/// What an engine that did not come up said.
fn engine_said(machine: &MachineArgs) -> String {
    let path = state_folder(machine.state.as_deref()).join("engine.err");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    text.trim().trim_start_matches("wimforge: ").to_owned()
}

fn state_folder(state: Option<&Path>) -> PathBuf {
    state.map_or_else(runtime_folder, Path::to_owned)
}

fn is_running(endpoint: &Endpoint) -> Result<bool, Trouble> {
    let reply = runtime()?.block_on(wimforge::client::ask(endpoint, "start", Request::Status));
    Ok(reply.is_ok())
}

/// Ends an engine that only lingers after its run, so that another one can start; refuses when a run is going on.
fn make_way(endpoint: &Endpoint) -> Result<(), Trouble> {
    let busy = || failed("an engine is running already: attach to it with `wimforge attach`");
    let ask = |request| wimforge::client::ask(endpoint, "start", request);
    runtime()?.block_on(async {
        // Until it is gone: right after a run it is not done yet and refuses to end.
        for _ in 0..300 {
            match ask(Request::Status).await {
                Err(_) => return Ok(()),
                Ok(Reply::Snapshot(state)) if !state.has_run() || state.end.is_some() => {}
                Ok(_) => return Err(busy()),
            }
            let _ = ask(Request::Shutdown).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(busy())
    })
}

fn start_run(args: &RunArgs, unattended: bool) -> Result<StartRun, Trouble> {
    let sequence = std::path::absolute(&args.sequence).map_err(failed)?;
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
            Some(folder) => Some(
                std::path::absolute(folder)
                    .map_err(failed)?
                    .display()
                    .to_string(),
            ),
            None => None,
        },
    })
}

fn run(args: RunArgs) -> Outcome {
    // A document with mistakes is told before anything is started.
    let code = check_quietly(&args.sequence);
    if code != 0 {
        return Ok(code);
    }
    let printed = printed(&args.output);
    let start = start_run(&args, printed.is_some() && !args.grants.ask)?;
    if let Some(mode) = printed {
        make_way(&Endpoint::standard())?;
        let linger = ["--linger".to_owned(), "1500".to_owned()];
        let engine = spawn_engine(&args.machine, &linger)?;
        return follow_run(mode, Some(start), &args.machine, engine);
    }
    console(args.look, &args.machine, Some(start))
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

fn attach(args: AttachArgs) -> Outcome {
    let endpoint = Endpoint::standard();
    let out = std::io::stdout();
    if args.follow {
        return runtime()?
            .block_on(status::watch(&endpoint, out))
            .map_err(failed);
    }
    if let Some(mode) = printed(&args.output) {
        let leave = OnCtrlC::Leave;
        return runtime()?
            .block_on(follow::follow(&endpoint, mode, out, None, leave))
            .map_err(failed);
    }
    can_be_shown(&args.look)?;
    if !is_running(&endpoint)? {
        return Err(failed(
            "no engine is running: start one with `wimforge` or `wimforge run`",
        ));
    }
    open_console(args.look, None, args.watch)
}

fn resume(args: ResumeArgs) -> Outcome {
    make_way(&Endpoint::standard())?;
    let state = state_folder(args.state.as_deref());
    let folder = match &args.folder {
        Some(folder) => RunFolder::at(std::path::absolute(folder).map_err(failed)?),
        None => run_folder::interrupted(&state).map_err(failed)?,
    };
    let file = folder.load().map_err(failed)?;
    let printed = printed(&args.output);
    if printed.is_none() {
        can_be_shown(&args.look)?;
    }
    let mut more = vec![
        "--resume".to_owned(),
        folder.path().display().to_string(),
        "--linger".to_owned(),
        "1500".to_owned(),
    ];
    if printed.is_some() && !args.grants.ask && file.unattended {
        more.push("--unattended".to_owned());
    }
    for disk in file.confirm_disks.iter().chain(&args.grants.confirm_disks) {
        more.extend(["--confirm-disk".to_owned(), disk.to_string()]);
    }
    if file.confirm_replace || args.grants.confirm_replace {
        more.push("--confirm-replace".to_owned());
    }
    for (name, source) in &args.grants.secrets {
        // Read here as well, so that a mistake is told at once; the engine reads the same source.
        read_secret(name, source)?;
        more.push("--secret".to_owned());
        more.push(match source {
            SecretSource::File(path) => format!(
                "{name}=file:{}",
                std::path::absolute(path).map_err(failed)?.display()
            ),
            SecretSource::Env(variable) => format!("{name}=env:{variable}"),
            SecretSource::Fd(number) => format!("{name}=fd:{number}"),
        });
    }
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
    let engine = spawn_engine(&machine, &more)?;
    if let Some(mode) = printed {
        return follow_run(mode, None, &machine, engine);
    }
    open_console(args.look, None, false)
}

/// The console: on the running engine, or on one started for it.
fn console(look: Look, machine: &MachineArgs, start: Option<StartRun>) -> Outcome {
    can_be_shown(&look)?;
    let endpoint = Endpoint::standard();
    if start.is_some() {
        make_way(&endpoint)?;
    }
    if start.is_some() || !is_running(&endpoint)? {
        spawn_engine(machine, &[])?;
    }
    open_console(look, start, false)
}

fn open_console(look: Look, start: Option<StartRun>, only_watch: bool) -> Outcome {
    let options = ConsoleOptions {
        endpoint: Endpoint::standard(),
        theme: look.theme,
        ascii: look.ascii,
        start,
        only_watch,
    };
    match runtime()?.block_on(tui::run(options)).map_err(failed)? {
        ConsoleEnd::Detached => Ok(0),
        ConsoleEnd::RunEnded(outcome) => Ok(RunOutcome::exit_code(outcome)),
        ConsoleEnd::Interrupted => Err(Trouble {
            code: 4,
            text: "the engine is gone; go on with `wimforge resume`".to_owned(),
        }),
    }
}

/// Tells the mistakes of a document, if there are any; the exit code.
fn check_quietly(path: &Path) -> u8 {
    let checked = load::read(path);
    if checked.is_good() {
        return 0;
    }
    eprint!("{}", checked.render());
    2
}

fn check(files: &[PathBuf]) -> Outcome {
    let mut bad = false;
    for path in files {
        let checked = load::read(path);
        let text = checked.render();
        if !text.is_empty() {
            say(&text)?;
        }
        if checked.is_good() {
            say(&format!("{}: good", path.display()))?;
        } else {
            bad = true;
        }
    }
    Ok(if bad { 2 } else { 0 })
}

fn disks(json: bool, machine: &MachineArgs) -> Outcome {
    let list = machine_maker(machine)()
        .and_then(|machine| machine.disks().map_err(PlatformError::into))
        .map_err(failed)?;
    if json {
        say(&serde_json::to_string_pretty(&list).map_err(failed)?)
    } else {
        say(&show::disks(&list))
    }
}

fn lab_command(command: Lab) -> Outcome {
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

fn engine(args: EngineArgs) -> Outcome {
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
    let secrets = read_secrets(&args.secrets)?;
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
