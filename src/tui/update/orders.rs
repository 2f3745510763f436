//! Keys on their way to what they mean, and orders on their way out: both pass the guard.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::entry::{keys, update};
use crate::event::Millis;
use crate::protocol::{Refusal, Reply};
use crate::tui::guard::{FLOODED, Verdict};
use crate::tui::model::{Model, Over, Screen};
use crate::tui::msg::{Effect, Msg};

/// A key.
pub(super) fn key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    model.note.clear();
    let verdict = model.guard.key(key);
    let mut effects = passed(model, verdict);
    if let Some(why) = model.guard.disarmed() {
        if !types_text(model, key) {
            why.clone_into(&mut model.note);
            forget_words(model);
            return effects;
        }
        if why != FLOODED {
            why.clone_into(&mut model.note);
        }
    }
    let (orders, rest): (Vec<_>, Vec<_>) = keys(model, key).into_iter().partition(Effect::is_order);
    effects.extend(rest);
    model.guard.hold(orders);
    effects
}

/// Bytes that no key sends.
pub(super) fn noise(model: &mut Model) -> Vec<Effect> {
    let verdict = model.guard.noise();
    let effects = passed(model, verdict);
    model
        .guard
        .disarmed()
        .unwrap_or_default()
        .clone_into(&mut model.note);
    forget_words(model);
    effects
}

/// It is so late.
pub(super) fn clock(model: &mut Model, now: Millis) -> Vec<Effect> {
    let verdict = model.guard.clock(now);
    passed(model, verdict)
}

/// What may go; the rest counts as refused, so that what was answered is asked again.
fn passed(model: &mut Model, verdict: Verdict) -> Vec<Effect> {
    let mut effects = verdict.go;
    let Some((dropped, why)) = verdict.dropped else {
        return effects;
    };
    for effect in dropped {
        match effect {
            Effect::Send(number, _) => {
                let refused = Reply::Refused(Refusal::NotNow(why.to_owned()));
                effects.extend(update(model, Msg::Reply(number, refused)));
            }
            Effect::Shell(_) => model.paused_for_shell = false,
            _ => {}
        }
    }
    why.clone_into(&mut model.note);
    effects
}

/// Whether a key is a letter for a field: however fast it came, it is kept. The words that destroy are no such text.
fn types_text(model: &Model, key: KeyEvent) -> bool {
    let letter = match key.code {
        KeyCode::Char(_) => !key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT),
        KeyCode::Backspace => true,
        _ => false,
    };
    let field = match &model.screen {
        Screen::Picker(_) | Screen::Form(_) => true,
        Screen::Run(view) => matches!(view.over, Over::Form(_) | Over::Typing),
        _ => false,
    };
    letter && field && !model.help
}

/// Half a word is not finished by what comes later.
fn forget_words(model: &mut Model) {
    if let Screen::Run(view) = &mut model.screen
        && let Over::Word(_, typed) | Over::Preflight { typed, .. } = &mut view.over
    {
        typed.reset();
    }
}
