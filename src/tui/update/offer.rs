//! Keys while an interrupted run is offered.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::closer::scrolled;
use super::confirm::confirmed;
use super::run::is_chord;
use crate::tui::model::{Model, Offer, Screen};
use crate::tui::msg::Effect;
use crate::tui::offer::{CHOICES, Choice};
use crate::tui::view::last_top_of_offer;

pub(super) fn keys(model: &mut Model, mut offer: Box<Offer>, key: KeyEvent) -> Vec<Effect> {
    let effects = pressed(model, &mut offer, key);
    model.screen = Screen::Offer(offer);
    effects
}

fn pressed(model: &mut Model, offer: &mut Offer, key: KeyEvent) -> Vec<Effect> {
    if offer.asking {
        return match confirmed(model, key) {
            None => Vec::new(),
            Some(sure) => {
                offer.asking = false;
                if sure {
                    vec![Effect::Chosen(Choice::Archive)]
                } else {
                    Vec::new()
                }
            }
        };
    }
    if let Some(top) = offer.looking {
        let last = last_top_of_offer(model, offer);
        offer.looking = match (scrolled(key), key.code) {
            (Some(by), _) => Some(top.min(last).saturating_add_signed(by).min(last)),
            (None, KeyCode::Home) => Some(0),
            (None, KeyCode::End) => Some(last),
            _ => None,
        };
        return Vec::new();
    }
    if is_chord(key) {
        return Vec::new();
    }
    match key.code {
        KeyCode::Up => offer.row = offer.row.saturating_sub(1),
        KeyCode::Down => offer.row = (offer.row + 1).min(CHOICES.len() - 1),
        KeyCode::Esc | KeyCode::Char('q') => return vec![Effect::Quit],
        KeyCode::Char('?') => model.help = true,
        KeyCode::Enter => {
            if let Some((_, choice, _)) = CHOICES.get(offer.row) {
                return chosen(model, offer, *choice);
            }
        }
        KeyCode::Char(letter) => {
            let found = CHOICES.iter().position(|(key, ..)| *key == letter);
            if let Some((row, (_, choice, _))) = found.zip(found.and_then(|at| CHOICES.get(at))) {
                offer.row = row;
                return chosen(model, offer, *choice);
            }
        }
        _ => {}
    }
    Vec::new()
}

fn chosen(model: &mut Model, offer: &mut Offer, choice: Choice) -> Vec<Effect> {
    match choice {
        Choice::Look => {
            // The end is what matters.
            offer.looking = Some(last_top_of_offer(model, offer));
            Vec::new()
        }
        Choice::Archive => {
            offer.asking = true;
            model.asked_at = model.guard.now();
            Vec::new()
        }
        Choice::Resume | Choice::Pick => vec![Effect::Chosen(choice)],
    }
}
