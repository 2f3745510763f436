//! Keys after a failure. They mean the same whether the failure's page is open or put aside.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::{closer, confirm, run};
use crate::event::{NodeId, Question, QuestionKind};
use crate::protocol::Request;
use crate::tui::model::{Confirm, Model, Over, RunView};
use crate::tui::msg::Effect;

/// Keys of the page; none for those that are not its own.
pub(super) fn keys(
    model: &mut Model,
    view: &mut RunView,
    question: &Question,
    code: KeyCode,
) -> Option<Vec<Effect>> {
    if let Some(effects) = decided(model, view, question, code) {
        return Some(effects);
    }
    let node = question.node?;
    Some(match code {
        KeyCode::Char('e') => {
            closer::change_variable(model, view, "");
            Vec::new()
        }
        KeyCode::Char('o') => closer::open_step_at(model, view, node, true),
        KeyCode::Char('l') => closer::log_of_step(model, view, node),
        KeyCode::Char('b') => run::ask_for_bundle(model, view),
        KeyCode::Char('!') => run::shell(model),
        _ => return None,
    })
}

/// Keys beneath the page, while it is put aside.
pub(super) fn beneath(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Option<Vec<Effect>> {
    let question = model.state.question.clone()?;
    decided(model, view, &question, key.code)
}

/// What the failed step itself is about: the same keys everywhere.
fn decided(
    model: &mut Model,
    view: &mut RunView,
    question: &Question,
    code: KeyCode,
) -> Option<Vec<Effect>> {
    let (QuestionKind::Failed { attempt, .. }, Some(node)) = (&question.kind, question.node) else {
        return None;
    };
    let attempt = *attempt;
    match code {
        KeyCode::Char('r') => {
            let request = Request::Retry { node, attempt };
            let repeats = model.state.plan.nodes.get(node.index());
            let repeats = repeats.and_then(|planned| planned.repeats.clone());
            let text = match repeats {
                Some(what) => format!("The step runs again: {what}."),
                None => "The step runs again; that is safe.".to_owned(),
            };
            ask(
                model,
                view,
                (question.id, node),
                ("Retry", "retry"),
                &text,
                request,
            );
        }
        KeyCode::Char('s') => {
            let request = Request::Skip { node, attempt };
            let text = "The run goes on without what this step was to do.";
            ask(
                model,
                view,
                (question.id, node),
                ("Skip", "skip it"),
                text,
                request,
            );
        }
        // Ends the whole run, beside keys that do not.
        KeyCode::Char('a') => run::ask_to_cancel(model, view),
        KeyCode::Char('v') => closer::change_variable(model, view, ""),
        KeyCode::Char('h') if model.hints.is_empty() => {
            model.note = String::from("nothing is known about this failure");
        }
        KeyCode::Char('h') => view.over = Over::Hints { row: 0, top: 0 },
        _ => return None,
    }
    Some(Vec::new())
}

/// Asks for the second key, with the step's name.
pub(super) fn ask(
    model: &mut Model,
    view: &mut RunView,
    (question, node): (u32, NodeId),
    (what, does): (&str, &'static str),
    text: &str,
    request: Request,
) {
    let title = format!("{what} \"{}\"?", model.state.title(node));
    let confirm = Confirm {
        question,
        title,
        text: text.to_owned(),
        does,
        request,
        top: 0,
    };
    confirm::ask(model, view, confirm);
}
