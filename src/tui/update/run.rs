//! Keys of the run screen: its panels, the open question, the summary.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::form::{self, FormEnd};
use super::{closer, confirm, failure, log, replay, words};
use crate::event::{NodeId, Question, QuestionKind};
use crate::protocol::Request;
use crate::run_state::Status;
use crate::tui::model::{Model, Over, Pane, Purpose, RunView, Screen, Sent};
use crate::tui::msg::{Effect, shell_variables};
use crate::tui::view::last_top;

/// What a question wants typed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Typed {
    Word,
    Preflight,
    Nothing,
}

/// A question was asked or answered: what lies over the panels must fit it.
pub(super) fn question_changed(model: &mut Model) {
    model.look_for_hints();
    // In a recording nothing is typed: the question is only seen.
    let may = model.replay.is_none() && model.cannot_act().is_none();
    let form = form::wanted(model).filter(|_| may);
    let mut open = model.state.question.as_ref().map(|q| {
        let typed = match q.kind {
            QuestionKind::ConfirmDisk(_) | QuestionKind::ConfirmReplace { .. } => Typed::Word,
            QuestionKind::Preflight { .. } => Typed::Preflight,
            _ => Typed::Nothing,
        };
        (q.id, typed)
    });
    let Screen::Run(view) = &mut model.screen else {
        return;
    };
    let asked = open.map(|(id, _)| id);
    // Who may not answer has no field to type into: letters are keys there, `t` takes the pen.
    if !may {
        open = open.map(|(id, _)| (id, Typed::Nothing));
    }
    if view.asked != asked {
        view.asked = asked;
        view.question_top = 0;
        view.read = None;
        view.aside = None;
    }
    let stale = match &view.over {
        Over::Word(id, _) => open != Some((*id, Typed::Word)),
        Over::Confirm(confirm) => asked != Some(confirm.question) || !may,
        Over::Preflight { id, .. } => open != Some((*id, Typed::Preflight)),
        Over::Aside(id) => asked != Some(*id),
        Over::Form(form) => match form.purpose {
            Purpose::Secrets(id) => asked != Some(id) || !may,
            Purpose::Variable | Purpose::Step(_) => model.state.end.is_some(),
            Purpose::Bundle => false,
            Purpose::Start(_) => true,
        },
        Over::Hints { row, .. } => *row >= model.hints.len(),
        Over::Cancel | Over::Jump { .. } => model.state.end.is_some(),
        _ => false,
    };
    if stale {
        view.uncover(&model.state);
    }
    if model.state.end.is_none() {
        view.ended = false;
    } else if !view.ended {
        // The summary is what one comes back to.
        **view = RunView {
            ended: true,
            ..RunView::default()
        };
    }
    if matches!(view.over, Over::Nothing) {
        match (form, open) {
            (Some(form), _) => view.over = Over::Form(form),
            (None, Some((id, Typed::Word))) => view.over = Over::Word(id, Input::default()),
            (None, Some((id, Typed::Preflight))) => {
                let (typed, top) = (Input::default(), 0);
                view.over = Over::Preflight { id, typed, top };
            }
            _ => {}
        }
    }
}

pub(super) fn keys(model: &mut Model, mut view: Box<RunView>, key: KeyEvent) -> Vec<Effect> {
    let effects = dispatch(model, &mut view, key);
    model.screen = Screen::Run(view);
    // Whatever was closed: a question that needs typing gets its field back.
    question_changed(model);
    effects
}

fn dispatch(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    if let Some(effects) = closer::keys(model, view, key) {
        return effects;
    }
    match &mut view.over {
        Over::Typing => typing(model, view, key),
        Over::Cancel => cancel(model, view, key),
        Over::Form(open) => {
            let end = form::keys(open, key);
            open.mask_like(&model.state);
            match end {
                FormEnd::Open => {}
                FormEnd::Nothing(why) => {
                    why.clone_into(&mut model.note);
                    view.uncover(&model.state);
                }
                // The question that was seen before is seen again.
                FormEnd::Left if form::over_panels(&open.purpose) => {
                    view.uncover(&model.state);
                }
                FormEnd::Left => view.put_aside(&model.state),
                FormEnd::Done(request) => {
                    if form::over_panels(&open.purpose) {
                        if let Purpose::Bundle = open.purpose {
                            model.note = String::from("writing the bundle ...");
                        }
                        let form = Box::new(open.clone());
                        view.sent = Some((model.next_request, Sent::Form(form)));
                        view.uncover(&model.state);
                    } else {
                        // It stays out of sight until the engine takes it back, or refuses.
                        view.sent = Some((model.next_request, Sent::Answer));
                        view.put_aside(&model.state);
                    }
                    return vec![model.send(request)];
                }
            }
            Vec::new()
        }
        Over::Word(..) => words::keys(model, view, key),
        _ => free(model, view, key),
    }
}

fn typing(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let in_log = view.pane == Pane::Log;
    let input = if in_log {
        &mut view.log.search
    } else {
        &mut view.variable_filter
    };
    match key.code {
        KeyCode::Char('r') if in_log && key.modifiers.contains(KeyModifiers::CONTROL) => {
            view.log.regex = !view.log.regex;
        }
        KeyCode::Enter => {
            let searched = in_log && !input.value().is_empty();
            if let Some(why) = view.log.mistake().filter(|_| searched) {
                model.note = format!("{why}; mend it, or Ctrl-R for plain text");
                return Vec::new();
            }
            view.uncover(&model.state);
            if searched {
                return log::search_from_here(model, view);
            }
        }
        KeyCode::Esc => {
            input.reset();
            view.variable_row = 0;
            view.uncover(&model.state);
        }
        _ => {
            input.handle_event(&Event::Key(key));
            view.variable_row = 0;
        }
    }
    Vec::new()
}

fn cancel(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    if is_chord(key) {
        return Vec::new();
    }
    let kill = model.state.cancelling.is_some();
    let confirmed = match key.code {
        KeyCode::Char('d' | 'D') => {
            view.uncover(&model.state);
            return vec![Effect::Quit];
        }
        _ => confirm::confirmed(model, key),
    };
    if confirmed.is_some() {
        view.uncover(&model.state);
    }
    match confirmed {
        Some(true) => vec![model.send(Request::Cancel { kill })],
        _ => Vec::new(),
    }
}

/// No panel has taken the keys over.
fn free(model: &mut Model, view: &mut RunView, key: KeyEvent) -> Vec<Effect> {
    let summary = view.pane == Pane::Steps && view.step.is_none();
    let leaves = key.code == KeyCode::Char('q') || (key.code == KeyCode::Enter && summary);
    if model.state.end.is_some() && leaves && model.replay.is_none() {
        return vec![Effect::Quit];
    }
    let asked = match (&view.over, &model.state.question) {
        (Over::Nothing, Some(question)) => Some(question.clone()),
        _ => None,
    };
    if let Some(question) = asked {
        // The panels are out of sight: their keys are, too.
        return match model.replay {
            Some(_) => recorded_keys(model, view, &question, key),
            None => question_keys(model, view, &question, key),
        };
    }
    if is_chord(key) {
        return Vec::new();
    }
    if let Some(effects) = replay::keys(model, view, key) {
        return effects;
    }
    if matches!(view.over, Over::Aside(_))
        && let Some(effects) = failure::beneath(model, view, key)
    {
        return effects;
    }
    if view.pane == Pane::Log
        && let Some(effects) = log::keys(model, view, key)
    {
        return effects;
    }
    match key.code {
        KeyCode::Char('?') => model.help = true,
        KeyCode::Char('q' | 'd') => return vec![Effect::Quit],
        KeyCode::Esc => {
            view.aside = None;
            view.over = Over::Nothing;
            view.step = None;
            view.log.follow();
            if model.state.end.is_some() {
                view.pane = Pane::Steps;
            }
        }
        KeyCode::Tab => view.pane = view.pane.next(),
        KeyCode::Char('1') => view.pane = Pane::Steps,
        KeyCode::Char('2') => view.pane = Pane::Variables,
        KeyCode::Char('3') => view.pane = Pane::Log,
        KeyCode::Char('/') if view.pane != Pane::Steps => view.over = Over::Typing,
        KeyCode::Char('x') if model.state.end.is_none() => ask_to_cancel(model, view),
        KeyCode::Char('e') => {
            let chosen = view
                .variable(&model.state)
                .filter(|_| view.pane == Pane::Variables);
            let name = chosen.map(|v| v.name.clone()).unwrap_or_default();
            closer::change_variable(model, view, &name);
        }
        KeyCode::Char('i') => closer::change_variable(model, view, ""),
        KeyCode::Delete if view.pane == Pane::Variables => return delete(model, view),
        KeyCode::Enter if view.pane == Pane::Variables => return closer::explain(model, view),
        KeyCode::Enter if view.pane == Pane::Steps => {
            return closer::open_step(model, view, false);
        }
        KeyCode::Char('o') => return closer::open_step(model, view, true),
        KeyCode::Char('l') => {
            return match closer::chosen_step(model, view) {
                Some(node) => closer::log_of_step(model, view, node),
                None => Vec::new(),
            };
        }
        KeyCode::Char('k') | KeyCode::F(9) => return breakpoint(model, view),
        KeyCode::Char('K') => return vec![model.send(Request::ClearBreaks)],
        KeyCode::Char('u') => return run_to(model, view),
        KeyCode::Char('w') => view.over = Over::People(0),
        KeyCode::Char('t') => return vec![model.send(Request::TakePen)],
        KeyCode::Char('b') => return ask_for_bundle(model, view),
        KeyCode::Char('P') => show_findings(model, view),
        KeyCode::Char('p') => return vec![model.send(Request::Pause)],
        KeyCode::Char('c') => return vec![model.send(Request::Continue)],
        KeyCode::Char('n') => return vec![model.send(Request::Step)],
        KeyCode::Char('g') => return closer::ask_to_jump(model, view),
        KeyCode::Char('!') => return shell(model),
        KeyCode::Up => return scroll(model, view, -1),
        KeyCode::Down => return scroll(model, view, 1),
        KeyCode::PageUp => return scroll(model, view, -10),
        KeyCode::PageDown => return scroll(model, view, 10),
        KeyCode::Home => return scroll(model, view, isize::MIN / 2),
        KeyCode::End => return scroll(model, view, isize::MAX / 2),
        _ => {}
    }
    Vec::new()
}

/// A recorded question is looked at and put aside, no more; the recording goes on as ever.
fn recorded_keys(
    model: &mut Model,
    view: &mut RunView,
    question: &Question,
    key: KeyEvent,
) -> Vec<Effect> {
    if is_chord(key) {
        return Vec::new();
    }
    if let Some(effects) = replay::keys(model, view, key) {
        return effects;
    }
    let looks = matches!(
        key.code,
        KeyCode::Esc | KeyCode::Char('?' | 'q' | 'd' | 'P')
    );
    if looks || closer::scrolled(key).is_some() {
        return question_keys(model, view, question, key);
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
        (_, KeyCode::Esc) => view.put_aside(&model.state),
        (_, KeyCode::Char('?')) => model.help = true,
        (_, KeyCode::Char('q' | 'd')) => return vec![Effect::Quit],
        (_, KeyCode::Char('x')) => ask_to_cancel(model, view),
        (_, KeyCode::Char('t')) => return vec![model.send(Request::TakePen)],
        (_, KeyCode::Char('w')) => view.over = Over::People(0),
        (_, KeyCode::Char('P')) => show_findings(model, view),
        (_, KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown) => {
            let last = last_top(model, view);
            let by = closer::scrolled(key).unwrap_or(0);
            view.question_top = moved(view.question_top.min(last), by, last);
        }
        (QuestionKind::Pause { .. }, KeyCode::Enter) => {
            return vec![model.send(Request::Answer {
                question: id,
                yes: true,
            })];
        }
        (QuestionKind::Failed { .. }, code) => {
            return failure::keys(model, view, question, code).unwrap_or_default();
        }
        _ => {}
    }
    Vec::new()
}

/// Letters with Ctrl or Alt are the terminal's or the multiplexer's, not ours.
pub(super) fn is_chord(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Char(_))
        && key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
}

fn breakpoint(model: &mut Model, view: &RunView) -> Vec<Effect> {
    let Some(node) = closer::chosen_step(model, view) else {
        return Vec::new();
    };
    let set = !model.state.breakpoints.contains(&node);
    vec![model.send(Request::Break { node, set })]
}

fn run_to(model: &mut Model, view: &RunView) -> Vec<Effect> {
    let Some(node) = closer::chosen_step(model, view) else {
        return Vec::new();
    };
    let waits = model
        .state
        .node(node)
        .is_some_and(|n| n.status == Status::Waiting);
    if !waits {
        // It would never be reached: the run would go on to its end.
        model.note = String::from("that step has been passed: g goes back to it");
        return Vec::new();
    }
    vec![model.send(Request::RunTo { node })]
}

/// The pre-flight page once more.
fn show_findings(model: &mut Model, view: &mut RunView) {
    if model.state.preflight.is_some() {
        view.over = Over::Findings(0);
    } else {
        model.note = String::from("there was no pre-flight check yet");
    }
}

/// Asks before the run is cancelled.
pub(super) fn ask_to_cancel(model: &mut Model, view: &mut RunView) {
    if let Some(why) = model.cannot_act() {
        model.note = why;
        return;
    }
    view.over = Over::Cancel;
    model.asked_at = model.guard.now();
}

/// Asks where a bundle goes.
pub(super) fn ask_for_bundle(model: &mut Model, view: &mut RunView) -> Vec<Effect> {
    match model.cannot_act() {
        Some(why) => {
            model.note = why;
            Vec::new()
        }
        None => closer::open_bundle(model, view),
    }
}

/// The console steps aside; the run is paused meanwhile, so that nothing changes under the technician's hands.
pub(super) fn shell(model: &mut Model) -> Vec<Effect> {
    let state = &model.state;
    let rests = state.paused || state.question.is_some() || state.end.is_some();
    let mut effects = Vec::new();
    if !rests && state.has_run() && model.connected {
        if let Some(why) = model.cannot_act() {
            model.note = format!("the run cannot be paused for a shell: {why}");
            return Vec::new();
        }
        effects.push(model.send(Request::Pause));
        model.paused_for_shell = true;
    }
    if model.connected {
        effects.push(model.send(Request::Shell { open: true }));
    }
    effects.push(Effect::Shell(shell_variables(&model.state)));
    effects
}

/// Deletes the chosen variable.
fn delete(model: &mut Model, view: &RunView) -> Vec<Effect> {
    let Some(variable) = view.variable(&model.state) else {
        return Vec::new();
    };
    let name = variable.name.clone();
    let value = String::new();
    vec![model.send(Request::SetVariable { name, value })]
}

fn moved(at: usize, by: isize, last: usize) -> usize {
    at.saturating_add_signed(by).min(last)
}

fn scroll(model: &mut Model, view: &mut RunView, by: isize) -> Vec<Effect> {
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
            view.variable_row = moved(view.variable_row, by, last);
        }
        Pane::Log => return log::scroll(model, view, by),
    }
    Vec::new()
}
