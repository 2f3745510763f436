//! Keys of what lies over the panels: a step looked at closely, where a value came from, a jump, the pre-flight page.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use super::{form, log};
use crate::event::{Gravity, NodeId, NodeKind, QuestionKind};
use crate::hints::HintAction;
use crate::protocol::{Mend, Reply, Request, StepChange};
use crate::tui::log_view::Wanted;
use crate::tui::model::{Explained, Model, Over, RunView, Screen, StepCard};
use crate::tui::msg::Effect;

/// Names the image to be captured.
const DESTINATION: &str = "OSDCaptureDestination";

/// Back to the panels, or to the question that was put aside.
fn close(model: &Model, view: &mut RunView) {
    view.over = match &model.state.question {
        Some(question) => Over::Aside(question.id),
        None => Over::Nothing,
    };
}

/// The step that the keys mean: the chosen one, else the one that failed.
pub(super) fn chosen_step(model: &mut Model, view: &RunView) -> Option<NodeId> {
    let failed = || {
        let question = model.state.question.as_ref()?;
        question.node
    };
    let chosen = view
        .step
        .and_then(|at| model.state.plan.nodes.get(at))
        .filter(|node| matches!(node.kind, NodeKind::Step(_)))
        .map(|node| node.id)
        .or_else(failed);
    if chosen.is_none() {
        model.note = String::from("choose a step with the arrow keys first");
    }
    chosen
}

/// Opens a step, to be looked at or to be changed.
pub(super) fn open_step(model: &mut Model, view: &mut RunView, edit: bool) -> Vec<Effect> {
    let Some(node) = chosen_step(model, view) else {
        return Vec::new();
    };
    view.over = Over::Step(StepCard {
        node,
        edit,
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
    if let Some(to) = chosen_step(model, view) {
        view.over = Over::Jump(to);
    }
    Vec::new()
}

/// Replies for what lies over the panels; false when it is none of them.
pub(super) fn replied(model: &mut Model, reply: &Reply) -> bool {
    let Screen::Run(view) = &mut model.screen else {
        return false;
    };
    match (reply, &mut view.over) {
        (Reply::Step(text), Over::Step(card)) if text.node == card.node => {
            if card.edit {
                view.over = Over::Form(form::for_step(text));
            } else {
                card.text = Some((**text).clone());
            }
            true
        }
        (Reply::History(changes), Over::Explain(explained)) => {
            explained.changes = Some(changes.clone());
            true
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

/// Keys of an overlay; `None` when none of those here is open.
pub(super) fn keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Option<Vec<Effect>> {
    Some(match &mut view.over {
        Over::Jump(to) => {
            let to = *to;
            close(model, view);
            match key.code {
                KeyCode::Char('y' | 'Y') | KeyCode::Enter => {
                    view.step = None;
                    vec![model.send(Request::Jump { to })]
                }
                _ => Vec::new(),
            }
        }
        Over::Step(_) => step_keys(model, view, key),
        Over::Explain(_) => explain_keys(model, view, key),
        Over::People => {
            close(model, view);
            match key.code {
                KeyCode::Char('t') => vec![model.send(Request::TakePen)],
                _ => Vec::new(),
            }
        }
        Over::Findings(top) => {
            match key.code {
                KeyCode::Up => *top = top.saturating_sub(1),
                KeyCode::Down => *top = (*top + 1).min(last_finding(model)),
                _ => close(model, view),
            }
            Vec::new()
        }
        Over::Preflight { .. } => preflight_keys(model, view, key),
        Over::Hints(_) => hint_keys(model, view, key),
        _ => return None,
    })
}

fn last_finding(model: &Model) -> usize {
    model
        .state
        .preflight
        .as_ref()
        .map_or(0, |all| all.len().saturating_sub(1))
}

fn step_keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let Over::Step(card) = &mut view.over else {
        return Vec::new();
    };
    let node = card.node;
    match key.code {
        KeyCode::Up => card.top = card.top.saturating_sub(1),
        KeyCode::Down => card.top += 1,
        KeyCode::PageUp => card.top = card.top.saturating_sub(10),
        KeyCode::PageDown => card.top += 10,
        KeyCode::Char('o') => match &card.text {
            Some(text) => view.over = Over::Form(form::for_step(text)),
            None => card.edit = true,
        },
        KeyCode::Char('z') => {
            close(model, view);
            let to = StepChange::Original;
            return vec![model.send(Request::OverrideStep { node, to })];
        }
        KeyCode::Char('l') => return log_of_step(model, view, node),
        _ => close(model, view),
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
        KeyCode::Char('e') => {
            let form = form::for_variable(&model.state, &explained.name);
            view.over = Over::Form(form);
        }
        KeyCode::Enter | KeyCode::Char('l') => {
            let chosen = changes.iter().rev().nth(explained.row);
            if let Some(seq) = chosen.map(|change| change.seq) {
                return log::show(model, view, Wanted::Around(seq));
            }
        }
        _ => close(model, view),
    }
    Vec::new()
}

fn preflight_keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let wanted = model.state.question.as_ref().and_then(|q| match &q.kind {
        QuestionKind::Preflight { blocking, word } => Some((*blocking, word.clone())),
        _ => None,
    });
    let last = last_finding(model);
    let (Some((blocking, word)), Over::Preflight { id, typed, top }) = (wanted, &mut view.over)
    else {
        return Vec::new();
    };
    let question = *id;
    match key.code {
        KeyCode::Up => *top = top.saturating_sub(1),
        KeyCode::Down => *top = (*top + 1).min(last),
        KeyCode::PageUp => *top = top.saturating_sub(10),
        KeyCode::PageDown => *top = (*top + 10).min(last),
        KeyCode::F(5) => return vec![model.send(Request::Recheck { question })],
        KeyCode::Esc => view.over = Over::Aside(question),
        KeyCode::Enter if blocking == 0 => {
            let yes = true;
            return vec![model.send(Request::Answer { question, yes })];
        }
        KeyCode::Enter if typed.value().trim() == word => {
            return vec![model.send(Request::OverridePreflight { question, word })];
        }
        KeyCode::Enter => {
            model.note = format!("mend what is blocking and press F5, or type {word}");
        }
        KeyCode::Char('r') if blocking == 0 => {
            return vec![model.send(Request::Recheck { question })];
        }
        KeyCode::Char('x') if blocking == 0 => view.over = Over::Cancel,
        KeyCode::Char('q' | 'd') if blocking == 0 => return vec![Effect::Quit],
        KeyCode::Char('?') => model.help = true,
        _ if blocking > 0 => {
            typed.handle_event(&Event::Key(key));
        }
        _ => {}
    }
    Vec::new()
}

fn hint_keys(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let Over::Hints(row) = &mut view.over else {
        return Vec::new();
    };
    match key.code {
        KeyCode::Up => *row = row.saturating_sub(1),
        KeyCode::Down => *row = (*row + 1).min(model.hints.len().saturating_sub(1)),
        KeyCode::Enter => {
            let action = model.hints.get(*row).and_then(|found| found.hint.action);
            view.over = Over::Nothing;
            return act(model, view, action);
        }
        _ => view.over = Over::Nothing,
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
    let mend = |how| Request::Mend { node, attempt, how };
    let request = match action {
        None => {
            model.note = String::from("this one has to be done by hand; r then retries");
            return Vec::new();
        }
        Some(HintAction::NewName) => {
            let mut form = form::for_variable(&model.state, DESTINATION);
            form.intro = String::from("Another name for the image; r then retries.");
            view.over = Over::Form(form);
            return Vec::new();
        }
        Some(HintAction::Retry) => Request::Retry { node, attempt },
        Some(HintAction::RestartAndRetry) => Request::RestartAndRetry { node, attempt },
        Some(HintAction::Reconnect) => mend(Mend::Reconnect),
        Some(HintAction::Rescan) => mend(Mend::Rescan),
        Some(HintAction::ClearAttribute) => mend(Mend::ClearAttribute),
    };
    vec![model.send(request)]
}

/// The first finding that is not fine, to be in sight.
pub(super) fn first_trouble(model: &Model) -> usize {
    let findings = model.state.preflight.as_deref().unwrap_or_default();
    findings
        .iter()
        .position(|finding| finding.gravity != Gravity::Fine)
        .map_or(0, |at| at.saturating_sub(2))
}
