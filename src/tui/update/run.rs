//! Keys of the run screen: its panels, the open question, the summary.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::form::{self, FormEnd};
use crate::event::{NodeId, NodeKind, Question, QuestionKind, Severity, Shown};
use crate::protocol::{Request, WireSecret};
use crate::secret::Secret;
use crate::tui::model::{
    CONFIRM_AT_LEAST, Form, Model, Over, Pane, Purpose, RunView, Screen, WIPE_WORD,
};
use crate::tui::msg::{Effect, shell_variables};

/// A question was asked or answered: what lies over the panels must fit it.
pub(super) fn question_changed(model: &mut Model) {
    let form = form::wanted(model);
    let open = model
        .state
        .question
        .as_ref()
        .map(|q| (q.id, matches!(q.kind, QuestionKind::ConfirmDisk(_))));
    let Screen::Run(view) = &mut model.screen else {
        return;
    };
    let stale = match (&view.over, open) {
        (Over::Wipe(id, _), Some((open, true))) | (Over::Aside(id), Some((open, _))) => *id != open,
        (Over::Wipe(..) | Over::Aside(_), _) => true,
        (Over::Form(form), open) => match form.purpose {
            Purpose::Secrets(id) => open.is_none_or(|(open, _)| open != id),
            _ => false,
        },
        _ => false,
    };
    if stale {
        view.over = Over::Nothing;
    }
    if matches!(view.over, Over::Nothing) {
        match (form, open) {
            (Some(form), _) => view.over = Over::Form(form),
            (None, Some((id, true))) => view.over = Over::Wipe(id, Input::default()),
            _ => {}
        }
    }
}

/// A variable whose value is masked stays secret when it is changed: masked while typed, sent as a secret.
fn keep_secret(model: &Model, form: &mut Form) {
    if let (Purpose::Variable, [name, value]) = (&form.purpose, form.fields.as_mut_slice()) {
        value.secret = is_masked(model, name.input.value());
    }
}

fn is_masked(model: &Model, name: &str) -> bool {
    let known = model.state.variables.get(&name.trim().to_lowercase());
    known.is_some_and(|variable| variable.value == Shown::Masked)
}

fn as_secret(model: &Model, request: Request) -> Request {
    match request {
        Request::SetVariable { name, value } if is_masked(model, &name) && !value.is_empty() => {
            let value = WireSecret(Secret::new(value));
            Request::SetSecret { name, value }
        }
        other => other,
    }
}

pub(super) fn keys(model: &mut Model, mut view: RunView, key: KeyEvent) -> Vec<Effect> {
    let effects = match &mut view.over {
        Over::Typing => typing(&mut view, key),
        Over::Cancel => cancel(model, &mut view, key),
        Over::Form(open) => match form::keys(open, key) {
            FormEnd::Open => {
                keep_secret(model, open);
                Vec::new()
            }
            FormEnd::Left => {
                aside(model, &mut view);
                Vec::new()
            }
            FormEnd::Done(requests) => {
                let was_variable = matches!(open.purpose, Purpose::Variable);
                view.over = Over::Nothing;
                if was_variable {
                    back_to_question(model, &mut view);
                }
                requests
                    .into_iter()
                    .map(|request| {
                        let request = as_secret(model, request);
                        model.send(request)
                    })
                    .collect()
            }
        },
        Over::Wipe(..) => wipe(model, &mut view, key),
        Over::Nothing | Over::Aside(_) => free(model, &mut view, key),
    };
    model.screen = Screen::Run(view);
    effects
}

/// Puts the open question aside, so that the run can be looked at.
fn aside(model: &Model, view: &mut RunView) {
    view.over = match &model.state.question {
        Some(question) => Over::Aside(question.id),
        None => Over::Nothing,
    };
}

fn typing(view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let input = match view.pane {
        Pane::Log => &mut view.log_search,
        _ => &mut view.variable_filter,
    };
    match key.code {
        KeyCode::Enter => view.over = Over::Nothing,
        KeyCode::Esc => {
            input.reset();
            view.over = Over::Nothing;
        }
        _ => {
            input.handle_event(&Event::Key(key));
            view.variable_top = 0;
        }
    }
    Vec::new()
}

fn cancel(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let kill = model.state.cancelling.is_some();
    view.over = Over::Nothing;
    match key.code {
        KeyCode::Char('y' | 'Y') => vec![model.send(Request::Cancel { kill })],
        KeyCode::Char('d' | 'D') => vec![Effect::Quit],
        _ => {
            back_to_question(model, view);
            Vec::new()
        }
    }
}

fn facts_in_sight((columns, rows): (u16, u16)) -> bool {
    columns >= CONFIRM_AT_LEAST.0 && rows >= CONFIRM_AT_LEAST.1
}

fn wipe(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let Over::Wipe(id, typed) = &mut view.over else {
        return Vec::new();
    };
    let id = *id;
    // Where the facts cannot be seen, nothing can be typed that wipes.
    let seen = facts_in_sight(model.size);
    match key.code {
        KeyCode::F(8) => {
            view.over = Over::Nothing;
            vec![model.send(Request::Answer {
                question: id,
                yes: false,
            })]
        }
        _ if !seen && key.code != KeyCode::Esc => {
            typed.reset();
            Vec::new()
        }
        KeyCode::Enter if typed.value().eq_ignore_ascii_case(WIPE_WORD) => {
            view.over = Over::Nothing;
            vec![model.send(Request::Answer {
                question: id,
                yes: true,
            })]
        }
        KeyCode::Enter => {
            model.note = format!("type the word {WIPE_WORD} first, or press Esc");
            Vec::new()
        }
        KeyCode::Esc => {
            view.over = Over::Aside(id);
            Vec::new()
        }
        _ => {
            typed.handle_event(&Event::Key(key));
            Vec::new()
        }
    }
}

/// No panel has taken the keys over.
fn free(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    if model.state.end.is_some() && matches!(key.code, KeyCode::Enter | KeyCode::Char('q')) {
        return vec![Effect::Quit];
    }
    let asked = match (&view.over, &model.state.question) {
        (Over::Nothing, Some(question)) => Some(question.clone()),
        _ => None,
    };
    if let Some(question) = asked
        && let Some(effects) = question_keys(model, view, &question, key)
    {
        return effects;
    }
    match key.code {
        // Letters with Ctrl or Alt are the terminal's or the multiplexer's, not ours.
        KeyCode::Char(_)
            if key
                .modifiers
                .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {}
        KeyCode::Char('?') => model.help = true,
        KeyCode::Char('q' | 'd') => return vec![Effect::Quit],
        KeyCode::Esc => {
            if matches!(view.over, Over::Aside(_)) {
                view.over = Over::Nothing;
                back_to_question(model, view);
            }
            view.step = None;
            view.log_back = 0;
        }
        KeyCode::Tab => view.pane = view.pane.next(),
        KeyCode::Char('1') => view.pane = Pane::Steps,
        KeyCode::Char('2') => view.pane = Pane::Variables,
        KeyCode::Char('3') => view.pane = Pane::Log,
        KeyCode::Char('/') if view.pane != Pane::Steps => view.over = Over::Typing,
        KeyCode::Char('f') => {
            view.log_severity = match view.log_severity {
                None => Some(Severity::Warning),
                Some(Severity::Warning) => Some(Severity::Error),
                Some(_) => None,
            };
        }
        KeyCode::Char('n') if view.pane == Pane::Log && !view.log_search.value().is_empty() => {
            search(model, view);
        }
        KeyCode::Char('x') if model.state.end.is_none() => view.over = Over::Cancel,
        KeyCode::Char('e') if model.state.end.is_none() => {
            view.over = Over::Form(form::for_variable());
        }
        KeyCode::Char('p') => return vec![model.send(Request::Pause)],
        KeyCode::Char('c') => return vec![model.send(Request::Continue)],
        KeyCode::Char('n') => return vec![model.send(Request::Step)],
        KeyCode::Char('g') => return jump(model, view),
        KeyCode::Char('!') => return vec![Effect::Shell(shell_variables(&model.state))],
        KeyCode::Char('b') => return breakpoint(model, view),
        KeyCode::Up => scroll(model, view, -1),
        KeyCode::Down => scroll(model, view, 1),
        KeyCode::PageUp => scroll(model, view, -10),
        KeyCode::PageDown => scroll(model, view, 10),
        KeyCode::Home => scroll(model, view, isize::MIN / 2),
        KeyCode::End => scroll(model, view, isize::MAX / 2),
        _ => {}
    }
    Vec::new()
}

fn back_to_question(model: &mut Model, view: &mut RunView) {
    model.screen = Screen::Run(std::mem::take(view));
    question_changed(model);
    if let Screen::Run(changed) = std::mem::take(&mut model.screen) {
        *view = changed;
    }
}

/// Keys that answer the open question; none when the key is not one of them.
fn question_keys(
    model: &mut Model,
    view: &mut RunView,
    question: &Question,
    key: KeyEvent,
) -> Option<Vec<Effect>> {
    let id = question.id;
    if key
        .modifiers
        .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
    {
        return None;
    }
    match (&question.kind, key.code) {
        (_, KeyCode::Esc) => {
            view.over = Over::Aside(id);
            Some(Vec::new())
        }
        (QuestionKind::ConfirmReplace { .. }, KeyCode::Char('y' | 'Y'))
            if facts_in_sight(model.size) =>
        {
            Some(vec![model.send(Request::Answer {
                question: id,
                yes: true,
            })])
        }
        (QuestionKind::Pause { .. }, KeyCode::Enter) => Some(vec![model.send(Request::Answer {
            question: id,
            yes: true,
        })]),
        (QuestionKind::ConfirmReplace { .. }, KeyCode::Char('y' | 'Y')) => {
            model.note = String::from("enlarge the screen first");
            Some(Vec::new())
        }
        (QuestionKind::ConfirmReplace { .. }, KeyCode::Char('n' | 'N')) => {
            Some(vec![model.send(Request::Answer {
                question: id,
                yes: false,
            })])
        }
        (QuestionKind::Failed { attempt, .. }, code) => {
            let (node, attempt) = (question.node?, *attempt);
            match code {
                KeyCode::Char('r') => Some(vec![model.send(Request::Retry { node, attempt })]),
                KeyCode::Char('s') => Some(vec![model.send(Request::Skip { node, attempt })]),
                // Ends the whole run, beside keys that do not: asks first.
                KeyCode::Char('a') => {
                    view.over = Over::Cancel;
                    Some(Vec::new())
                }
                KeyCode::Char('v' | 'e') => {
                    view.over = Over::Form(form::for_variable());
                    Some(Vec::new())
                }
                KeyCode::Char('!') => Some(vec![Effect::Shell(shell_variables(&model.state))]),
                _ => None,
            }
        }
        _ => None,
    }
}

fn chosen_step(model: &mut Model, view: &RunView) -> Option<NodeId> {
    let chosen = view
        .step
        .and_then(|at| model.state.plan.nodes.get(at))
        .filter(|node| matches!(node.kind, NodeKind::Step(_)))
        .map(|node| node.id);
    if chosen.is_none() {
        model.note = String::from("choose a step with the arrow keys first");
    }
    chosen
}

/// The chosen step becomes the next one; the engine refuses while something runs.
fn jump(model: &mut Model, view: &RunView) -> Vec<Effect> {
    match chosen_step(model, view) {
        Some(to) => vec![model.send(Request::Jump { to })],
        None => Vec::new(),
    }
}

fn breakpoint(model: &mut Model, view: &RunView) -> Vec<Effect> {
    let Some(node) = chosen_step(model, view) else {
        return Vec::new();
    };
    let set = !model.state.breakpoints.contains(&node);
    vec![model.send(Request::Break { node, set })]
}

fn moved(at: usize, by: isize, last: usize) -> usize {
    at.saturating_add_signed(by).min(last)
}

fn scroll(model: &Model, view: &mut RunView, by: isize) {
    match view.pane {
        Pane::Steps => {
            let last = model.state.plan.nodes.len().saturating_sub(1);
            let at = view
                .step
                .or(model.state.current.map(NodeId::index))
                .unwrap_or(0);
            view.step = Some(moved(at, by, last));
        }
        Pane::Variables => {
            let last = model.state.variables.len().saturating_sub(1);
            view.variable_top = moved(view.variable_top, by, last);
        }
        Pane::Log => {
            let last = model.state.log.len().saturating_sub(1);
            view.log_back = moved(view.log_back, by.saturating_neg(), last);
        }
    }
}

/// The next older line that holds what is searched for.
fn search(model: &mut Model, view: &mut RunView) {
    let wanted = view.log_search.value().to_lowercase();
    if wanted.is_empty() {
        model.note = String::from("nothing to search for: type / and a word");
        return;
    }
    let found = model
        .state
        .log
        .iter()
        .rev()
        .filter(|line| view.log_severity.is_none_or(|least| line.severity >= least))
        .enumerate()
        .skip(view.log_back + 1)
        .find(|(_, line)| line.text.to_lowercase().contains(&wanted));
    match found {
        Some((at, _)) => view.log_back = at,
        None => model.note = format!("no older line holds \"{}\"", view.log_search.value()),
    }
}
