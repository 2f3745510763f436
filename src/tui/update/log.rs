//! Keys of the log: scroll beyond what is here, search both ways, filter.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use crate::event::{NodeId, Severity};
use crate::protocol::{LogPage, Reply, Request};
use crate::tui::log_view::{Arrived, Wanted};
use crate::tui::model::{Model, Pane, RunView, Screen};
use crate::tui::msg::Effect;

/// Asks the engine for lines; one such request at a time.
fn ask(model: &mut Model, view: &mut RunView, wanted: Wanted, from: u64) -> Vec<Effect> {
    let query = view.log.query(wanted, from);
    let number = model.next_request;
    view.log.wanted = Some((number, wanted));
    vec![model.send(Request::ReadLog(query))]
}

/// A reply came; given back when it is not the log's.
pub(super) fn replied(model: &mut Model, number: u64, reply: Reply) -> Result<Vec<Effect>, Reply> {
    let mut screen = std::mem::take(&mut model.screen);
    let asked = match &mut screen {
        Screen::Run(view) => {
            let wanted = view.log.wanted.take_if(|(asked, _)| *asked == number);
            wanted.map(|(_, wanted)| (view, wanted))
        }
        _ => None,
    };
    let answered = match (asked, reply) {
        (Some((view, wanted)), Reply::Log(page)) => Ok(came(model, view, wanted, page)),
        (Some(_), Reply::Refused(refusal)) => {
            model.note = refusal.to_string();
            Ok(Vec::new())
        }
        // Given up meanwhile.
        (None, Reply::Log(_)) => Ok(Vec::new()),
        (_, other) => Err(other),
    };
    model.screen = screen;
    answered
}

fn came(model: &mut Model, view: &mut RunView, wanted: Wanted, page: LogPage) -> Vec<Effect> {
    let through = page.through;
    match view.log.take(wanted, page, &model.state) {
        Arrived::Shown => Vec::new(),
        Arrived::Ask(next, from) => {
            if let Wanted::Find { .. } = next {
                model.note = format!(
                    "searching \"{}\" ... event {through} of {}; Esc stops",
                    view.log.search.value(),
                    model.state.seq
                );
            } else if matches!(wanted, Wanted::Find { .. }) {
                model.note.clear();
            }
            ask(model, view, next, from)
        }
        Arrived::Nothing => {
            model.note = match wanted {
                Wanted::Find { forward } => not_found(view, forward),
                _ => String::from("there is no such line"),
            };
            Vec::new()
        }
    }
}

fn not_found(view: &RunView, forward: bool) -> String {
    let side = if forward { "newer" } else { "older" };
    format!("no {side} line holds \"{}\"", view.log.search.value())
}

/// After what is searched for was typed: the line in sight counts, too.
pub(super) fn search_from_here(model: &mut Model, view: &mut RunView) -> Vec<Effect> {
    let pattern = view.log.pattern();
    let here = view.log.lines(&model.state).nth(view.log.back);
    if here.is_some_and(|line| pattern.is_some_and(|p| p.is_match(&line.text))) {
        return Vec::new();
    }
    search(model, view, false)
}

/// The next older or newer line that holds what is searched for: here first, then in the engine's journal.
fn search(model: &mut Model, view: &mut RunView, forward: bool) -> Vec<Effect> {
    if let Some(why) = view.log.mistake() {
        model.note = format!("not a regular expression: {why}");
        return Vec::new();
    }
    let Some(pattern) = view.log.pattern() else {
        model.note = String::from("nothing to search for: type / and a word");
        return Vec::new();
    };
    let here: Vec<bool> = view
        .log
        .lines(&model.state)
        .map(|line| pattern.is_match(&line.text))
        .collect();
    let found = if forward {
        here.iter().take(view.log.back).rposition(|hit| *hit)
    } else {
        let from = view.log.back + 1;
        here.iter()
            .skip(from)
            .position(|hit| *hit)
            .map(|at| at + from)
    };
    view.log.from_top = false;
    if let Some(at) = found {
        view.log.back = at;
        return Vec::new();
    }
    let beyond = if forward {
        view.log.browse.as_ref().is_some_and(|browse| !browse.end)
    } else {
        view.log.has_older(&model.state)
    };
    if !beyond {
        model.note = not_found(view, forward);
        return Vec::new();
    }
    let from = view.log.edge(&model.state, forward);
    ask(model, view, Wanted::Find { forward }, from)
}

/// Scrolls, and fetches what lies beyond.
pub(super) fn scroll(model: &mut Model, view: &mut RunView, by: isize) -> Vec<Effect> {
    let there = view.log.lines(&model.state).count();
    let last = there.saturating_sub(1);
    let wanted = view.log.back.saturating_add_signed(by.saturating_neg());
    view.log.back = wanted.min(last);
    if view.log.wanted.is_some() {
        return Vec::new();
    }
    if by < 0 && wanted >= last && view.log.has_older(&model.state) {
        let from = view.log.edge(&model.state, false);
        return ask(model, view, Wanted::Older, from);
    }
    if by > 0 && view.log.back == 0 {
        match &view.log.browse {
            Some(browse) if !browse.end => {
                let from = view.log.edge(&model.state, true);
                return ask(model, view, Wanted::Newer, from);
            }
            Some(_) => view.log.follow(),
            None => {}
        }
    }
    Vec::new()
}

/// Shows the log at an event, or the first line of a step.
pub(super) fn show(model: &mut Model, view: &mut RunView, wanted: Wanted) -> Vec<Effect> {
    view.pane = Pane::Log;
    view.put_aside(&model.state);
    view.log.from_top = true;
    let from = match wanted {
        Wanted::Around(seq) => seq.saturating_add(1),
        Wanted::FirstAfter(seq) => seq.saturating_sub(1),
        _ => u64::MAX,
    };
    ask(model, view, wanted, from)
}

/// Keys of the log panel; `None` for those that are not its own.
pub(super) fn keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Option<Vec<Effect>> {
    let searching = !view.log.search.value().is_empty();
    match key.code {
        KeyCode::Char('n') if searching => return Some(search(model, view, false)),
        KeyCode::Char('N') if searching => return Some(search(model, view, true)),
        KeyCode::Char('f') => {
            view.log.severity = match view.log.severity {
                None => Some(Severity::Warning),
                Some(Severity::Warning) => Some(Severity::Error),
                Some(_) => None,
            };
        }
        KeyCode::Char('i') => {
            let chosen = view
                .step
                .or(model.state.current.map(NodeId::index))
                .and_then(|at| model.state.plan.nodes.get(at))
                .map(|node| node.id);
            view.log.attempt = None;
            view.log.node = match view.log.node {
                Some(_) => None,
                None => chosen,
            };
            if view.log.node.is_none() && chosen.is_none() {
                model.note = String::from("choose a step in panel 1 first");
            }
        }
        KeyCode::Char('j') => {
            let Some(node) = view.log.node else {
                model.note = String::from("i first: show the lines of one step");
                return Some(Vec::new());
            };
            let attempts = model.state.node(node).map_or(0, |node| node.attempt);
            view.log.attempt = match view.log.attempt {
                None => Some(attempts).filter(|n| *n > 0),
                Some(n) if n > 1 => Some(n - 1),
                Some(_) => None,
            };
        }
        _ => return None,
    }
    // Another filter: what was fetched no longer fits.
    view.log.follow();
    // What is here may hold nothing of it: the rest is with the engine.
    if view.log.has_older(&model.state) && view.log.lines(&model.state).count() < 50 {
        let from = view.log.edge(&model.state, false);
        return Some(ask(model, view, Wanted::Older, from));
    }
    Some(Vec::new())
}
