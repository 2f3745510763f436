//! The second key, other than the first and a moment behind it: what noise on a line does not press.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::run::is_chord;
use crate::protocol::Request;
use crate::tui::guard::BETWEEN;
use crate::tui::model::{Confirm, Model, Over, RunView};
use crate::tui::msg::Effect;

/// Whether a key confirms; none when it came too soon to be meant or is no key of ours, and what was asked stays open.
pub(super) fn confirmed(model: &mut Model, key: KeyEvent) -> Option<bool> {
    if is_chord(key) {
        return None;
    }
    if !matches!(key.code, KeyCode::Char('y' | 'Y')) {
        return Some(false);
    }
    if model.guard.now() < model.asked_at.saturating_add(BETWEEN) {
        model.note = String::from("read it first, then press y once more");
        return None;
    }
    Some(true)
}

/// Asks before a request is sent.
pub(super) fn ask(model: &mut Model, view: &mut RunView, confirm: Confirm) {
    if let Some(why) = model.cannot_act() {
        model.note = why;
        return;
    }
    model.asked_at = model.guard.now();
    view.over = Over::Confirm(confirm);
}

/// Keys of such a question.
pub(super) fn keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let Over::Confirm(open) = &view.over else {
        return Vec::new();
    };
    let request: Request = open.request.clone();
    match confirmed(model, key) {
        None => return Vec::new(),
        Some(true) => {
            view.uncover(&model.state);
            return vec![model.send(request)];
        }
        Some(false) => view.uncover(&model.state),
    }
    Vec::new()
}
