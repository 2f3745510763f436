//! What can happen to the console, and what it wants done.

use ratatui::crossterm::event::KeyEvent;

use crate::event::Millis;
use crate::protocol::{Push, Reply, Request};
use crate::run_state::RunState;

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// A key was pressed (releases never get here).
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
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
