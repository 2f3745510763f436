//! Keys while a recorded run is shown: they steer the recording, not the run.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::closer::chosen_step;
use crate::protocol::{ReplayCommand, Request};
use crate::tui::model::{Model, RunView};
use crate::tui::msg::Effect;

const SLOWEST: u32 = 25;
const FASTEST: u32 = 102_400;

/// `None` for keys that look at the run, as ever.
pub(super) fn keys(model: &mut Model, view: &RunView, key: KeyEvent) -> Option<Vec<Effect>> {
    let replay = model.replay?;
    let command = match key.code {
        KeyCode::Char(' ' | 'p' | 'c') => ReplayCommand::Toggle,
        KeyCode::Char('+') => ReplayCommand::Speed(replay.speed.saturating_mul(2).min(FASTEST)),
        KeyCode::Char('-') => ReplayCommand::Speed((replay.speed / 2).max(SLOWEST)),
        KeyCode::Left => ReplayCommand::Move(-10_000),
        KeyCode::Right => ReplayCommand::Move(10_000),
        KeyCode::Char('g') => match chosen_step(model, view) {
            Some(node) => ReplayCommand::ToStep(node),
            None => return Some(Vec::new()),
        },
        // Whatever would change a run.
        KeyCode::Char(
            'x' | 'e' | 'a' | 'n' | 'k' | 'K' | 'u' | 'o' | '!' | 't' | 'b' | 'r' | 's',
        )
        | KeyCode::Delete => {
            model.note = String::from("this is a recording: it can be looked at, not changed");
            return Some(Vec::new());
        }
        _ => return None,
    };
    Some(vec![model.send(Request::Replay(command))])
}
