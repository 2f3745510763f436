//! What every role needs: troubles and their exit codes, output, the machine.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use wimforge::cli::{FirmwareArg, Look, MachineArgs, Output};
use wimforge::engine::boots::MachineMaker;
use wimforge::engine::error::EngineError;
use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::platform::{Firmware, Machine};
use wimforge::report::follow::Mode;
use wimforge::tui::theme::Theme;

/// A message for people and the exit code that goes with it.
pub struct Trouble {
    /// Exit code.
    pub code: u8,
    /// One sentence or more.
    pub text: String,
}

/// What a role comes to: the exit code.
pub type Outcome = Result<u8, Trouble>;

/// Bad usage.
#[expect(clippy::needless_pass_by_value, reason = "takes what `map_err` gives")]
pub fn usage(text: impl ToString) -> Trouble {
    Trouble {
        code: 2,
        text: text.to_string(),
    }
}

/// Anything else that went wrong.
#[expect(clippy::needless_pass_by_value, reason = "takes what `map_err` gives")]
pub fn failed(text: impl ToString) -> Trouble {
    Trouble {
        code: 1,
        text: text.to_string(),
    }
}

/// For what talks to an engine.
pub fn runtime() -> Result<tokio::runtime::Runtime, Trouble> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)
}

/// Prints; a reader that went away is no trouble.
pub fn say(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(failed(error)),
        _ => Ok(0),
    }
}

/// How a run is printed; none where it is shown on the console.
pub fn printed(output: &Output) -> Option<Mode> {
    if output.json {
        return Some(Mode::Json);
    }
    output.plain.then_some(Mode::Plain)
}

/// Whether there is a terminal and a good theme: asked before an engine is started for nothing.
pub fn can_be_shown(look: &Look) -> Result<(), Trouble> {
    if let Some(theme) = &look.theme {
        Theme::load(theme).map_err(usage)?;
    }
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(failed(
        "the console needs a terminal; use `wimforge run --plain` or `wimforge attach --plain` where there is none",
    ))
}

/// Makes the machine that the command line describes, to work on it.
pub fn machine_maker(args: &MachineArgs) -> MachineMaker {
    maker(args, false)
}

/// The machine that the command line describes, to be looked at beside whoever works on it.
pub fn machine_to_look_at(args: &MachineArgs) -> Result<Arc<dyn Machine>, Trouble> {
    maker(args, true)().map_err(failed)
}

fn maker(args: &MachineArgs, only_look: bool) -> MachineMaker {
    let options = MachineOptions {
        only_look,
        attached: args.disks.clone(),
        allow_real_disks: args.allow_real_disks,
        firmware: args.firmware.map(firmware),
    };
    Arc::new(move || -> Result<Arc<dyn Machine>, EngineError> {
        Ok(Arc::new(LinuxMachine::new(options.clone())?))
    })
}

/// The firmware meant.
pub fn firmware(kind: FirmwareArg) -> Firmware {
    match kind {
        FirmwareArg::Uefi => Firmware::Uefi,
        FirmwareArg::Bios => Firmware::Bios,
    }
}
