//! Keys while a recorded run is shown: they steer the recording, not the run.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::closer::chosen_step;
use crate::protocol::{ReplayCommand, Request};
use crate::tui::model::{Model, Pane, RunView};
use crate::tui::msg::Effect;

const RECORDING: &str = "this is a recording: it can be looked at, not changed";
const SLOWEST: u32 = 25;
const FASTEST: u32 = 102_400;

/// `None` for keys that look at the run, as ever.
pub(super) fn keys(model: &mut Model, view: &RunView, key: KeyEvent) -> Option<Vec<Effect>> {
    let replay = model.replay.as_mut()?;
    let before = replay.speed;
    let mut at_speed = |speed: u32| {
        // Pressed again before the engine has told: it counts from here.
        replay.speed = speed.clamp(SLOWEST, FASTEST);
        ReplayCommand::Speed(replay.speed)
    };
    let command = match key.code {
        KeyCode::Char(' ' | 'p' | 'c') => ReplayCommand::Toggle,
        KeyCode::Char('+') => at_speed(before.saturating_mul(2)),
        KeyCode::Char('-') => at_speed(before / 2),
        KeyCode::Left => ReplayCommand::Move(-10_000),
        KeyCode::Right => ReplayCommand::Move(10_000),
        KeyCode::Char('g') => match chosen_step(model, view) {
            Some(node) => ReplayCommand::ToStep(node),
            None => return Some(Vec::new()),
        },
        // Whatever would change a run.
        KeyCode::Char('i') if view.pane != Pane::Log => {
            model.note = String::from(RECORDING);
            return Some(Vec::new());
        }
        KeyCode::Char(
            'x' | 'e' | 'a' | 'n' | 'k' | 'K' | 'u' | 'o' | '!' | 't' | 'b' | 'r' | 's',
        )
        | KeyCode::Delete => {
            model.note = String::from(RECORDING);
            return Some(Vec::new());
        }
        _ => return None,
    };
    Some(vec![model.send(Request::Replay(command))])
}
