//! Keys of a question that wants its word: a disk to be wiped, an image to be replaced.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use super::closer;
use crate::protocol::Request;
use crate::tui::model::{Model, Over, RunView, Sent};
use crate::tui::msg::Effect;
use crate::tui::view::{last_top, page_of_question};

pub(super) fn keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let Over::Word(question, _) = &view.over else {
        return Vec::new();
    };
    let question = *question;
    let word = model.state.question.as_ref().and_then(|q| q.kind.word());
    let word = word.unwrap_or_default().to_owned();
    let last = last_top(model, view);
    if model.facts_in_sight()
        && let Some(by) = closer::scrolled(key)
    {
        // No further than what was in sight: nothing is passed over unread.
        let page = isize::try_from(page_of_question(model)).unwrap_or(1);
        let by = by.clamp(-page, page);
        let top = view.question_top.min(last);
        view.question_top = top.saturating_add_signed(by).min(last);
    }
    // Read on a screen of that size: on a smaller one there may be more to scroll to.
    if model.facts_in_sight() && view.question_top >= last {
        view.read = Some(model.size);
    }
    let read = view.read == Some(model.size);
    let Over::Word(_, typed) = &mut view.over else {
        return Vec::new();
    };
    let request = match key.code {
        KeyCode::F(8) => Request::Answer {
            question,
            yes: false,
        },
        KeyCode::Esc => {
            view.put_aside(&model.state);
            return Vec::new();
        }
        KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => return Vec::new(),
        // Where the facts cannot be seen, nothing can be typed that destroys.
        _ if !model.facts_in_sight() => {
            model.note = String::from("enlarge the screen first: what is lost must be seen");
            typed.reset();
            return Vec::new();
        }
        _ if !read => {
            model.note = String::from("read it to its end first: Down, PgDn");
            typed.reset();
            return Vec::new();
        }
        KeyCode::Enter if typed.value().eq_ignore_ascii_case(&word) => {
            Request::Confirm { question, word }
        }
        KeyCode::Enter => {
            model.note = format!("type the word {word} first, or press Esc");
            return Vec::new();
        }
        _ => {
            typed.handle_event(&Event::Key(key));
            return Vec::new();
        }
    };
    // A refusal brings it back.
    view.sent = Some((model.next_request, Sent::Answer));
    view.put_aside(&model.state);
    vec![model.send(request)]
}
