//! Keys of the picker and of the list of mistakes.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use super::form::begin;
use crate::protocol::StartRun;
use crate::tui::model::{Mistakes, Model, Picker, Screen};
use crate::tui::msg::Effect;

pub(super) fn keys(model: &mut Model, mut picker: Picker, key: KeyEvent) -> Vec<Effect> {
    let rows = picker.shown().len();
    match key.code {
        KeyCode::Esc if picker.filter.value().is_empty() => {
            model.screen = Screen::Picker(picker);
            return vec![Effect::Quit];
        }
        KeyCode::Esc => {
            picker.filter.reset();
            picker.row = 0;
        }
        KeyCode::Char('?') => model.help = true,
        KeyCode::Up => picker.row = picker.row.saturating_sub(1),
        KeyCode::Down => picker.row = (picker.row + 1).min(rows.saturating_sub(1)),
        KeyCode::PageUp => picker.row = picker.row.saturating_sub(10),
        KeyCode::PageDown => picker.row = (picker.row + 10).min(rows.saturating_sub(1)),
        KeyCode::Home => picker.row = 0,
        KeyCode::End => picker.row = rows.saturating_sub(1),
        KeyCode::F(5) => {
            model.screen = Screen::Picker(picker);
            return vec![model.list_sequences()];
        }
        KeyCode::Enter => {
            let Some(info) = picker.shown().get(picker.row).map(|info| (*info).clone()) else {
                model.screen = Screen::Picker(picker);
                return Vec::new();
            };
            if !info.mistakes.is_empty() {
                model.screen = Screen::Mistakes(Mistakes {
                    text: info.mistakes,
                    top: 0,
                    back: picker,
                });
                return Vec::new();
            }
            let start = StartRun {
                sequence: info.path.clone(),
                ..StartRun::default()
            };
            model.screen = Screen::Picker(picker);
            return begin(model, &info, start);
        }
        _ => {
            picker.filter.handle_event(&Event::Key(key));
            picker.row = 0;
        }
    }
    model.screen = Screen::Picker(picker);
    Vec::new()
}

pub(super) fn mistakes_keys(model: &mut Model, mut view: Mistakes, key: KeyEvent) -> Vec<Effect> {
    let last = view.text.lines().count().saturating_sub(1);
    match key.code {
        KeyCode::Up => view.top = view.top.saturating_sub(1),
        KeyCode::Down => view.top = (view.top + 1).min(last),
        KeyCode::PageUp => view.top = view.top.saturating_sub(10),
        KeyCode::PageDown => view.top = (view.top + 10).min(last),
        KeyCode::Char('?') => model.help = true,
        _ => {
            model.screen = Screen::Picker(view.back);
            return Vec::new();
        }
    }
    model.screen = Screen::Mistakes(view);
    Vec::new()
}
