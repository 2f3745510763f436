//! Keys of the run screen: its panels, the open question, the summary.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::form::{self, FormEnd};
use crate::event::{NodeId, NodeKind, Question, QuestionKind, Severity};
use crate::protocol::Request;
use crate::tui::model::{Model, Over, Pane, Purpose, RunView, Screen, WIPE_WORD};
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
    let asked = open.map(|(id, _)| id);
    let stale = match &view.over {
        Over::Wipe(id, _) => open != Some((*id, true)),
        Over::Aside(id) => asked != Some(*id),
        Over::Form(form) => match form.purpose {
            Purpose::Secrets(id) => asked != Some(id),
            Purpose::Variable => model.state.end.is_some(),
            Purpose::Start(_) => true,
        },
        Over::Cancel => model.state.end.is_some(),
        Over::Nothing | Over::Typing => false,
    };
    if stale {
        view.over = Over::Nothing;
    }
    if model.state.end.is_some() && !view.ended {
        // The summary is what one comes back to.
        *view = RunView {
            ended: true,
            ..RunView::default()
        };
    }
    if matches!(view.over, Over::Nothing) {
        match (form, open) {
            (Some(form), _) => view.over = Over::Form(form),
            (None, Some((id, true))) => view.over = Over::Wipe(id, Input::default()),
            _ => {}
        }
    }
}

pub(super) fn keys(model: &mut Model, mut view: RunView, key: KeyEvent) -> Vec<Effect> {
    let effects = dispatch(model, &mut view, key);
    model.screen = Screen::Run(view);
    // Whatever was closed: a question that needs typing gets its field back.
    question_changed(model);
    effects
}

fn dispatch(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    match &mut view.over {
        Over::Typing => typing(model, view, key),
        Over::Cancel => cancel(model, view, key),
        Over::Form(open) => {
            let end = form::keys(open, key);
            open.mask_like(&model.state);
            match end {
                FormEnd::Open => {}
                // The question that was seen before is seen again.
                FormEnd::Left if matches!(open.purpose, Purpose::Variable) => {
                    view.over = Over::Nothing;
                }
                FormEnd::Left => aside(model, view),
                FormEnd::Done(requests) => {
                    if matches!(open.purpose, Purpose::Variable) {
                        view.over = Over::Nothing;
                    } else {
                        // It stays out of sight until the engine takes it back, or refuses.
                        aside(model, view);
                    }
                    return requests
                        .into_iter()
                        .map(|request| model.send(request))
                        .collect();
                }
            }
            Vec::new()
        }
        Over::Wipe(..) => wipe(model, view, key),
        Over::Nothing | Over::Aside(_) => free(model, view, key),
    }
}

/// Puts the open question aside, so that the run can be looked at.
fn aside(model: &Model, view: &mut RunView) {
    view.over = match &model.state.question {
        Some(question) => Over::Aside(question.id),
        None => Over::Nothing,
    };
}

fn typing(model: &Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let input = match view.pane {
        Pane::Log => &mut view.log_search,
        _ => &mut view.variable_filter,
    };
    match key.code {
        KeyCode::Enter => aside(model, view),
        KeyCode::Esc => {
            input.reset();
            view.variable_top = 0;
            aside(model, view);
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
        _ => Vec::new(),
    }
}

fn wipe(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let Over::Wipe(id, typed) = &mut view.over else {
        return Vec::new();
    };
    let id = *id;
    match key.code {
        KeyCode::F(8) => {
            view.over = Over::Aside(id);
            vec![model.send(Request::Answer {
                question: id,
                yes: false,
            })]
        }
        // Where the facts cannot be seen, nothing can be typed that wipes.
        code if !model.facts_in_sight() && code != KeyCode::Esc => {
            model.note = String::from("enlarge the screen first: the disk's facts must be seen");
            typed.reset();
            Vec::new()
        }
        KeyCode::Enter if typed.value().eq_ignore_ascii_case(WIPE_WORD) => {
            view.over = Over::Aside(id);
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
    if let Some(question) = asked {
        // The panels are out of sight: their keys are, too.
        return question_keys(model, view, &question, key);
    }
    if is_chord(key) {
        return Vec::new();
    }
    match key.code {
        KeyCode::Char('?') => model.help = true,
        KeyCode::Char('q' | 'd') => return vec![Effect::Quit],
        KeyCode::Esc => {
            view.over = Over::Nothing;
            view.step = None;
            view.log_back = 0;
            if model.state.end.is_some() {
                view.pane = Pane::Steps;
            }
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
            view.log_back = 0;
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

/// Keys while the open question covers the panels.
fn question_keys(
    model: &mut Model,
    view: &mut RunView,
    question: &Question,
    key: KeyEvent,
) -> Vec<Effect> {
    let id = question.id;
    if is_chord(key) {
        return Vec::new();
    }
    match (&question.kind, key.code) {
        (_, KeyCode::Esc) => view.over = Over::Aside(id),
        (_, KeyCode::Char('?')) => model.help = true,
        (_, KeyCode::Char('q' | 'd')) => return vec![Effect::Quit],
        (_, KeyCode::Char('x')) => view.over = Over::Cancel,
        (QuestionKind::ConfirmReplace { .. }, KeyCode::Char('y' | 'Y'))
            if !model.facts_in_sight() =>
        {
            model.note = String::from("enlarge the screen first");
        }
        (QuestionKind::Pause { .. }, KeyCode::Enter)
        | (QuestionKind::ConfirmReplace { .. }, KeyCode::Char('y' | 'Y')) => {
            return vec![model.send(Request::Answer {
                question: id,
                yes: true,
            })];
        }
        (QuestionKind::ConfirmReplace { .. }, KeyCode::Char('n' | 'N')) => {
            return vec![model.send(Request::Answer {
                question: id,
                yes: false,
            })];
        }
        (QuestionKind::Failed { attempt, .. }, code) => {
            let Some(node) = question.node else {
                return Vec::new();
            };
            let attempt = *attempt;
            match code {
                KeyCode::Char('r') => return vec![model.send(Request::Retry { node, attempt })],
                KeyCode::Char('s') => return vec![model.send(Request::Skip { node, attempt })],
                // Ends the whole run, beside keys that do not: asks first.
                KeyCode::Char('a') => view.over = Over::Cancel,
                KeyCode::Char('v' | 'e') => {
                    view.over = Over::Form(form::for_variable());
                }
                KeyCode::Char('!') => return vec![Effect::Shell(shell_variables(&model.state))],
                _ => {}
            }
        }
        _ => {}
    }
    Vec::new()
}

/// Letters with Ctrl or Alt are the terminal's or the multiplexer's, not ours.
fn is_chord(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Char(_))
        && key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
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
            let last = view.variables(&model.state).len().saturating_sub(1);
            view.variable_top = moved(view.variable_top, by, last);
        }
        Pane::Log => {
            let last = view.log_lines(&model.state).count().saturating_sub(1);
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
    let found = view
        .log_lines(&model.state)
        .enumerate()
        .skip(view.log_back + 1)
        .find(|(_, line)| line.text.to_lowercase().contains(&wanted));
    match found {
        Some((at, _)) => view.log_back = at,
        None => model.note = format!("no older line holds \"{}\"", view.log_search.value()),
    }
}
