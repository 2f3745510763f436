//! What can happen to the console, and what it wants done.

use ratatui::crossterm::event::KeyEvent;

use crate::event::Millis;
use crate::protocol::{Push, Reply, Request};
use crate::run_state::RunState;

use super::offer::Choice;

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// A key was pressed (releases never get here).
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// Bytes came that no key sends.
    Noise,
    /// The time at which what follows was typed, or at which nothing was: milliseconds of a clock that only goes forward.
    Clock(Millis),
    /// The terminal has this many columns and rows.
    Resize(u16, u16),
    /// The engine is connected (again); its first snapshot follows.
    Connected,
    /// Something from the engine.
    Push(Push),
    /// The reply to the request of that number.
    Reply(u64, Reply),
    /// The engine is gone.
    Lost(String),
    /// Time passes: milliseconds since 1970 UTC.
    Tick(Millis),
    /// The shell came to its end; a message when it could not be started.
    ShellEnded(Option<String>),
}

/// Something to be done by the loop.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a request under this number.
    Send(u64, Request),
    /// Step aside for a shell with these variables in its environment.
    Shell(Vec<(String, String)>),
    /// Ask the terminal for its size and draw everything anew.
    Redraw,
    /// Leave the console; the run goes on.
    Quit,
    /// Leave the offer of an interrupted run with this choice.
    Chosen(Choice),
}

impl Effect {
    /// Whether it ends, destroys, starts or answers something: then nothing may come close behind it.
    pub fn is_grave(&self) -> bool {
        match self {
            Self::Send(_, request) => matches!(
                request,
                Request::Start(_)
                    | Request::Answer { .. }
                    | Request::Confirm { .. }
                    | Request::OverridePreflight { .. }
                    | Request::GiveSecrets { .. }
                    | Request::Cancel { .. }
                    | Request::Retry { .. }
                    | Request::Skip { .. }
                    | Request::RestartAndRetry { .. }
                    | Request::Mend { .. }
                    | Request::Jump { .. }
                    | Request::Shutdown
            ),
            Self::Quit | Self::Chosen(_) | Self::Shell(_) => true,
            Self::Redraw => false,
        }
    }

    /// Whether it changes anything beyond this screen: then it must have been typed by a person.
    pub fn is_order(&self) -> bool {
        match self {
            Self::Send(_, Request::Replay(_)) | Self::Redraw => false,
            // Everyone may tell of a shell; but it goes with the shell, or not at all.
            Self::Send(_, request) => {
                matches!(request, Request::Shell { .. }) || !request.only_reads()
            }
            Self::Shell(_) | Self::Quit | Self::Chosen(_) => true,
        }
    }
}

/// Variables for a shell: plain ones only, secrets are left out.
pub fn shell_variables(state: &RunState) -> Vec<(String, String)> {
    state
        .variables
        .values()
        .filter_map(|variable| match &variable.value {
            crate::event::Shown::Plain(value) if !value.contains('\0') => {
                Some((variable.name.replace('-', "_"), value.clone()))
            }
            _ => None,
        })
        .collect()
}
