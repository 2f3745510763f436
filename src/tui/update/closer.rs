//! Keys of what lies over the panels: a step looked at closely, where a value came from, a jump, the pre-flight page.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use super::{confirm, failure, form, log, run};
use crate::event::{NodeId, NodeKind, QuestionKind};
use crate::hints::HintAction;
use crate::protocol::{Mend, Refusal, Reply, Request, StepChange};
use crate::tui::log_view::Wanted;
use crate::tui::model::{Confirm, Explained, Model, Over, RunView, Screen, Sent, StepCard};
use crate::tui::msg::Effect;
use crate::tui::view::last_top;

/// Why what has run stays as it was.
const ENDED: &str = "the run has ended: nothing can be changed any more";

/// Names the image to be captured.
const DESTINATION: &str = "OSDCaptureDestination";

/// The step that the keys mean: the chosen one, else the one that failed.
pub(super) fn chosen_step(model: &mut Model, view: &RunView) -> Option<NodeId> {
    let plan = &model.state.plan;
    let chosen = view.step.and_then(|at| plan.nodes.get(at));
    match chosen {
        Some(node) if node.kind == NodeKind::Group => {
            model.note = String::from("that is a group: choose one of its steps");
            None
        }
        Some(node) => Some(node.id),
        None => {
            let failed = model.state.question.as_ref().and_then(|q| q.node);
            if failed.is_none() {
                model.note = String::from("choose a step with the arrow keys first");
            }
            failed
        }
    }
}

/// Opens a step, to be looked at or to be changed.
pub(super) fn open_step(model: &mut Model, view: &mut RunView, edit: bool) -> Vec<Effect> {
    match chosen_step(model, view) {
        Some(node) => open_step_at(model, view, node, edit),
        None => Vec::new(),
    }
}

/// Opens this step.
pub(super) fn open_step_at(
    model: &mut Model,
    view: &mut RunView,
    node: NodeId,
    edit: bool,
) -> Vec<Effect> {
    if edit && let Some(why) = model.cannot_act() {
        model.note = why;
        return Vec::new();
    }
    view.over = Over::Step(StepCard {
        node,
        request: model.next_request,
        // After the end there is nothing left to change.
        edit: edit && model.state.end.is_none(),
        ..StepCard::default()
    });
    vec![model.send(Request::DescribeStep { node })]
}

/// Asks where the chosen variable's value came from.
pub(super) fn explain(model: &mut Model, view: &mut RunView) -> Vec<Effect> {
    let Some(variable) = view.variable(&model.state) else {
        return Vec::new();
    };
    let name = variable.name.clone();
    view.over = Over::Explain(Explained {
        name: name.clone(),
        request: model.next_request,
        ..Explained::default()
    });
    vec![model.send(Request::Explain { name })]
}

/// Asks where a bundle is to go; a stick that is plugged in is offered.
pub(super) fn open_bundle(model: &mut Model, view: &mut RunView) -> Vec<Effect> {
    view.over = Over::Form(form::for_bundle());
    vec![model.send(Request::BundleOffers)]
}

/// Asks before the pointer is moved.
pub(super) fn ask_to_jump(model: &mut Model, view: &mut RunView) -> Vec<Effect> {
    let Some(to) = chosen_step(model, view) else {
        return Vec::new();
    };
    let state = &model.state;
    let failed = matches!(
        state.question.as_ref().map(|question| &question.kind),
        Some(QuestionKind::Failed { .. })
    );
    if let Some(why) = model.cannot_act() {
        model.note = why;
    } else if !failed && (!state.paused || state.question.is_some()) {
        // Told before a yes that would be refused.
        model.note = String::from("pause first: p; then g goes to the chosen step");
    } else {
        model.asked_at = model.guard.now();
        view.over = Over::Jump { to, top: 0 };
    }
    Vec::new()
}

/// Replies for what lies over the panels; false when it is none of them. A reply that comes after its overlay was closed,
/// or while another one of its kind is open, changes nothing.
pub(super) fn replied(model: &mut Model, number: u64, reply: &Reply) -> bool {
    let Screen::Run(view) = &mut model.screen else {
        return matches!(reply, Reply::Step(_) | Reply::History(_));
    };
    let sent = view.sent.take_if(|(sent, _)| *sent == number);
    match (reply, &mut view.over) {
        (Reply::Step(text), Over::Step(card)) if card.request == number => {
            if card.edit {
                view.over = Over::Form(form::for_step(text));
            } else {
                card.text = Some((**text).clone());
            }
            true
        }
        (Reply::History(changes), Over::Explain(explained)) if explained.request == number => {
            explained.changes = Some(changes.clone());
            true
        }
        (Reply::Refused(refusal), Over::Step(card)) if card.request == number => {
            // Its attempts can be looked at all the same.
            card.trouble = Some(refusal.to_string());
            card.edit = false;
            true
        }
        (Reply::Refused(refusal), Over::Explain(explained)) if explained.request == number => {
            model.note = refusal.to_string();
            view.uncover(&model.state);
            true
        }
        (Reply::Refused(refusal), Over::Nothing | Over::Aside(_)) => {
            match sent {
                // The way out is a key, not a letter in a form.
                Some((_, Sent::Form(_)))
                    if matches!(refusal, Refusal::NoPen(_) | Refusal::OnlyWatching) => {}
                Some((_, Sent::Form(form))) => view.over = Over::Form(*form),
                Some((_, Sent::Answer)) => {
                    view.aside = None;
                    view.over = Over::Nothing;
                }
                None => {}
            }
            false
        }
        (Reply::Written(path, bytes), _) => {
            model.note = format!("{path} was written, {}", crate::units::bytes(*bytes));
            true
        }
        (Reply::Offers(offers), Over::Form(open)) => {
            form::offer(open, offers);
            true
        }
        (Reply::Step(_) | Reply::History(_) | Reply::Offers(_), _) => true,
        _ => false,
    }
}

/// How far a key scrolls, in lines.
pub(super) fn scrolled(key: KeyEvent) -> Option<isize> {
    Some(match key.code {
        KeyCode::Up => -1,
        KeyCode::Down => 1,
        KeyCode::PageUp => -10,
        KeyCode::PageDown => 10,
        _ => return None,
    })
}

/// Scrolls what is open, if it can be and the key is one for it.
fn scroll(model: &Model, view: &mut RunView, key: KeyEvent) -> bool {
    let Some(by) = scrolled(key) else {
        return false;
    };
    let last = last_top(model, view);
    match &mut view.over {
        Over::Jump { top, .. }
        | Over::People(top)
        | Over::Findings(top)
        | Over::Hints { top, .. }
        | Over::Preflight { top, .. }
        | Over::Confirm(Confirm { top, .. })
        | Over::Step(StepCard { top, .. }) => {
            *top = (*top).min(last).saturating_add_signed(by).min(last);
            true
        }
        _ => false,
    }
}

/// Keys of an overlay; `None` when none of those here is open.
pub(super) fn keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Option<Vec<Effect>> {
    let chooses = matches!(view.over, Over::Hints { .. }) && model.hints.len() > 1;
    let moves = matches!(key.code, KeyCode::Up | KeyCode::Down);
    if !(chooses && moves) && scroll(model, view, key) {
        return Some(Vec::new());
    }
    Some(match &mut view.over {
        Over::Jump { to, .. } => {
            let to = *to;
            match confirm::confirmed(model, key) {
                None => Vec::new(),
                Some(false) => {
                    view.uncover(&model.state);
                    Vec::new()
                }
                Some(true) => {
                    view.uncover(&model.state);
                    view.step = None;
                    vec![model.send(Request::Jump { to })]
                }
            }
        }
        Over::Confirm(_) => confirm::keys(model, view, key),
        Over::Step(_) => step_keys(model, view, key),
        Over::Explain(_) => explain_keys(model, view, key),
        Over::People(_) => {
            view.uncover(&model.state);
            match key.code {
                KeyCode::Char('t') => vec![model.send(Request::TakePen)],
                _ => Vec::new(),
            }
        }
        Over::Findings(_) => {
            view.uncover(&model.state);
            Vec::new()
        }
        Over::Preflight { .. } => preflight_keys(model, view, key),
        Over::Hints { .. } => hint_keys(model, view, key),
        _ => return None,
    })
}

fn step_keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let Over::Step(card) = &mut view.over else {
        return Vec::new();
    };
    let node = card.node;
    match key.code {
        KeyCode::Char('o') if model.state.end.is_some() => {
            model.note = String::from(ENDED);
        }
        KeyCode::Char('o') => match (model.cannot_act(), &card.text) {
            (Some(why), _) => model.note = why,
            (None, Some(text)) => view.over = Over::Form(form::for_step(text)),
            (None, None) => card.edit = true,
        },
        KeyCode::Char('z') => {
            if !model.state.overrides.iter().any(|o| o.node == node) {
                model.note = String::from("it is as in the document");
                return Vec::new();
            }
            view.uncover(&model.state);
            let to = StepChange::Original;
            return vec![model.send(Request::OverrideStep { node, to })];
        }
        KeyCode::Char('l') => return log_of_step(model, view, node),
        _ => view.uncover(&model.state),
    }
    Vec::new()
}

/// The first line of a step.
pub(super) fn log_of_step(model: &mut Model, view: &mut RunView, node: NodeId) -> Vec<Effect> {
    let first = model.state.node(node).map_or(0, |node| node.first_seq);
    if first == 0 {
        model.note = String::from("the step has not run yet");
        return Vec::new();
    }
    log::show(model, view, Wanted::FirstAfter(first))
}

fn explain_keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let Over::Explain(explained) = &mut view.over else {
        return Vec::new();
    };
    let changes = explained.changes.as_deref().unwrap_or_default();
    match key.code {
        KeyCode::Up => explained.row = explained.row.saturating_sub(1),
        KeyCode::Down => {
            explained.row = (explained.row + 1).min(changes.len().saturating_sub(1));
        }
        KeyCode::PageUp => explained.row = explained.row.saturating_sub(10),
        KeyCode::PageDown => {
            explained.row = (explained.row + 10).min(changes.len().saturating_sub(1));
        }
        KeyCode::Char('e') => {
            let name = explained.name.clone();
            change_variable(model, view, &name);
        }
        KeyCode::Enter | KeyCode::Char('l') => {
            let chosen = changes.iter().rev().nth(explained.row);
            if let Some(seq) = chosen.map(|change| change.seq) {
                return log::show(model, view, Wanted::Around(seq));
            }
        }
        _ => view.uncover(&model.state),
    }
    Vec::new()
}

/// Opens the form for a variable, the named one when there is a name.
pub(super) fn change_variable(model: &mut Model, view: &mut RunView, name: &str) {
    if model.state.end.is_some() {
        model.note = String::from(ENDED);
    } else if name.starts_with('_') {
        model.note = format!("{name} is the engine's own: it can be read, not changed");
    } else if let Some(why) = model.cannot_act() {
        model.note = why;
    } else {
        view.over = Over::Form(form::for_variable(&model.state, name));
    }
}

fn preflight_keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let wanted = model.state.question.as_ref().and_then(|q| match &q.kind {
        QuestionKind::Preflight { blocking, word } => Some((*blocking, word.clone())),
        _ => None,
    });
    let (Some((blocking, word)), Over::Preflight { id, typed, .. }) = (wanted, &mut view.over)
    else {
        return Vec::new();
    };
    let question = *id;
    if blocking == 0 && run::is_chord(key) {
        return Vec::new();
    }
    match key.code {
        KeyCode::F(5) => return vec![model.send(Request::Recheck { question })],
        KeyCode::Esc => view.put_aside(&model.state),
        KeyCode::Enter if blocking == 0 => {
            let yes = true;
            return vec![model.send(Request::Answer { question, yes })];
        }
        KeyCode::Enter if typed.value().trim().eq_ignore_ascii_case(&word) => {
            return vec![model.send(Request::OverridePreflight { question, word })];
        }
        KeyCode::Enter => {
            model.note = format!("type {word}, or mend it and press F5");
        }
        KeyCode::Char('r') if blocking == 0 => {
            return vec![model.send(Request::Recheck { question })];
        }
        KeyCode::Char('x') if blocking == 0 => run::ask_to_cancel(model, view),
        KeyCode::Char('q' | 'd') if blocking == 0 => return vec![Effect::Quit],
        KeyCode::Char('?') if blocking == 0 => model.help = true,
        _ if blocking > 0 => {
            typed.handle_event(&Event::Key(key));
        }
        _ => {}
    }
    Vec::new()
}

fn hint_keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let Over::Hints { row, top } = &mut view.over else {
        return Vec::new();
    };
    let before = *row;
    match key.code {
        KeyCode::Up => *row = row.saturating_sub(1),
        KeyCode::Down => *row = (*row + 1).min(model.hints.len().saturating_sub(1)),
        KeyCode::Enter => {
            let action = model.hints.get(*row).and_then(|found| found.hint.action);
            view.uncover(&model.state);
            return act(model, view, action);
        }
        _ => {
            view.uncover(&model.state);
            return Vec::new();
        }
    }
    if before != *row {
        *top = 0;
    }
    Vec::new()
}

/// Does what a hint offers.
fn act(model: &mut Model, view: &mut RunView, action: Option<HintAction>) -> Vec<Effect> {
    let asked = model.state.question.as_ref();
    let Some((QuestionKind::Failed { attempt, .. }, Some(node))) =
        asked.map(|question| (&question.kind, question.node))
    else {
        return Vec::new();
    };
    let attempt = *attempt;
    let Some(question) = asked.map(|question| question.id) else {
        return Vec::new();
    };
    let mend = |how| Request::Mend { node, attempt, how };
    let (text, does, request) = match action {
        None => {
            model.note = String::from("this one has to be done by hand; r then retries");
            return Vec::new();
        }
        Some(HintAction::NewName) => {
            change_variable(model, view, DESTINATION);
            if let Over::Form(form) = &mut view.over {
                form.intro = String::from("Another name for the image; r then retries.");
            }
            return Vec::new();
        }
        Some(HintAction::Retry) => (
            "The step runs again.",
            "retry",
            Request::Retry { node, attempt },
        ),
        Some(HintAction::RestartAndRetry) => (
            "The machine restarts, then the step runs again.",
            "restart",
            Request::RestartAndRetry { node, attempt },
        ),
        Some(HintAction::Reconnect) => (
            "The step connects anew and runs again.",
            "connect",
            mend(Mend::Reconnect),
        ),
        Some(HintAction::Rescan) => (
            "The partition tables are read again, then the step runs again.",
            "rescan",
            mend(Mend::Rescan),
        ),
        Some(HintAction::ClearAttribute) => (
            "The attribute is cleared on the machine's NTFS partitions, then the step runs again.",
            "clear it",
            mend(Mend::ClearAttribute),
        ),
    };
    failure::ask(
        model,
        view,
        (question, node),
        ("Retry", does),
        text,
        request,
    );
    Vec::new()
}
