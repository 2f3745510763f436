//! Keys by name.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use wimforge::tui::model::Model;
use wimforge::tui::msg::{Effect, Msg};
use wimforge::tui::update::update;

/// Presses keys as a person does, one after the other, and waits a moment: `<Name>` for those without a sign.
pub fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut rest = keys;
    while let Some(first) = rest.chars().next() {
        let named = rest
            .strip_prefix('<')
            .and_then(|inner| inner.split_once('>'));
        let key = if let Some((name, after)) = named {
            rest = after;
            named_key(name)
        } else {
            rest = &rest[first.len_utf8()..];
            KeyEvent::new(KeyCode::Char(first), KeyModifiers::NONE)
        };
        effects.extend(wait(model));
        effects.extend(update(model, Msg::Key(key)));
    }
    effects.extend(wait(model));
    effects
}

/// Nothing is typed for longer than anything waits.
pub fn wait(model: &mut Model) -> Vec<Effect> {
    let later = model.guard.now() + 200;
    update(model, Msg::Clock(later))
}

/// The key that a name stands for.
pub fn named_key(name: &str) -> KeyEvent {
    let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
    match name {
        "Enter" => plain(KeyCode::Enter),
        "Esc" => plain(KeyCode::Esc),
        "Tab" => plain(KeyCode::Tab),
        "Up" => plain(KeyCode::Up),
        "Down" => plain(KeyCode::Down),
        "Left" => plain(KeyCode::Left),
        "Right" => plain(KeyCode::Right),
        "PageDown" => plain(KeyCode::PageDown),
        "Home" => plain(KeyCode::Home),
        "End" => plain(KeyCode::End),
        "Delete" => plain(KeyCode::Delete),
        "F8" => plain(KeyCode::F(8)),
        "F9" => plain(KeyCode::F(9)),
        "C-r" => KeyEvent::new(KeyCode::Char('r'), KeyModifiers::CONTROL),
        "PageUp" => plain(KeyCode::PageUp),
        "Backspace" => plain(KeyCode::Backspace),
        "F1" => plain(KeyCode::F(1)),
        "F2" => plain(KeyCode::F(2)),
        "F5" => plain(KeyCode::F(5)),
        "C-c" => KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
        "C-l" => KeyEvent::new(KeyCode::Char('l'), KeyModifiers::CONTROL),
        other => panic!("no key is called {other}"),
    }
}
