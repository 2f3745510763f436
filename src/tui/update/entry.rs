//! The entrance: what concerns every screen; the rest goes to the screen that is open.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;

use super::{closer, form, log, offer, orders, picker, run};
use crate::event::EventBody;
use crate::protocol::{Push, Refusal, Reply, Request};
use crate::tui::model::{Form, Mistakes, Model, Over, Pane, Picker, Screen};
use crate::tui::msg::{Effect, Msg};
use crate::tui::view::last_top_of_help;

/// A model before the engine is connected.
pub fn initial(model: Model) -> Model {
    Model {
        next_request: 1,
        ..model
    }
}

/// One message.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(key) => orders::key(model, key),
        Msg::Noise => orders::noise(model),
        Msg::Clock(now) => orders::clock(model, now),
        Msg::Paste(text) => {
            paste(model, &text);
            Vec::new()
        }
        Msg::Resize(columns, rows) => {
            let changed = model.size != (columns, rows);
            model.size = (columns, rows);
            if changed && let Screen::Run(view) = &mut model.screen {
                // What was read elsewhere is read again from its beginning.
                view.question_top = 0;
                view.read = None;
            }
            if changed && model.connected && model.replay.is_none() {
                return vec![model.send(Request::Resized { columns, rows })];
            }
            Vec::new()
        }
        Msg::Connected => {
            if model.note.starts_with(LOST) {
                model.note = String::from("connected again");
            }
            model.connected = true;
            Vec::new()
        }
        Msg::Push(push) => pushed(model, push),
        Msg::Reply(number, reply) => {
            let reply = match log::replied(model, number, reply) {
                Ok(effects) => return effects,
                Err(reply) => reply,
            };
            if closer::replied(model, number, &reply) {
                return Vec::new();
            }
            replied(model, reply)
        }
        Msg::Lost(why) => {
            model.connected = false;
            model.note = format!("{LOST}; trying again: {why}");
            if let Screen::Run(view) = &mut model.screen {
                // Replies to what was asked never come.
                view.log.wanted = None;
                view.sent = None;
                if matches!(view.over, Over::Step(_) | Over::Explain(_)) {
                    view.uncover(&model.state);
                }
            }
            Vec::new()
        }
        Msg::Tick(now) => {
            // A recording has a time of its own.
            if model.replay.is_none() {
                model.now = now;
            }
            Vec::new()
        }
        Msg::ShellEnded(trouble) => {
            let paused = std::mem::take(&mut model.paused_for_shell) || model.state.paused;
            model.note = match trouble {
                Some(why) => why,
                None if paused => "back from the shell; the run is paused, c goes on".to_owned(),
                None => "back from the shell".to_owned(),
            };
            let mut effects = vec![Effect::Redraw];
            if model.connected {
                effects.push(model.send(Request::Shell { open: false }));
            }
            effects
        }
    }
}

/// Start of the note about a lost connection.
const LOST: &str = "connection lost";

/// Pasted text goes where text is typed, and nowhere else: it must not press the keys of a panel, nor wipe a disk.
fn paste(model: &mut Model, text: &str) {
    let form_input = |form: &mut Form, text: &str| {
        if let Some(field) = form.fields.get_mut(form.at) {
            insert(&mut field.input, text);
        }
    };
    if model.help {
        return;
    }
    match &mut model.screen {
        Screen::Picker(picker) => {
            insert(&mut picker.filter, text);
            picker.row = 0;
        }
        Screen::Form(form) => form_input(form, text),
        Screen::Run(view) => match (&mut view.over, view.pane) {
            (Over::Form(form), _) => {
                form_input(form, text);
                form.mask_like(&model.state);
            }
            (Over::Typing, Pane::Log) => insert(&mut view.log.search, text),
            (Over::Typing, _) => insert(&mut view.variable_filter, text),
            _ => {}
        },
        Screen::Connecting | Screen::Mistakes(_) | Screen::Offer(_) => {}
    }
}

/// At once: sign by sign a long text would take a time that grows with its square.
fn insert(input: &mut Input, text: &str) {
    let room = LONGEST_TEXT.saturating_sub(input.value().chars().count());
    let text: Vec<char> = text
        .chars()
        .filter(|c| !c.is_control())
        .take(room)
        .collect();
    let before = input.value().chars().take(input.cursor());
    let behind = input.value().chars().skip(input.cursor());
    let cursor = input.cursor() + text.len();
    let value: String = before.chain(text).chain(behind).collect();
    *input = Input::new(value).with_cursor(cursor);
}

/// Signs that a field takes: more than the longest value of a variable, so that one that is too long is told as such.
pub(super) const LONGEST_TEXT: usize = 40_000;

impl Model {
    /// A request under a fresh number.
    pub(super) fn send(&mut self, request: Request) -> Effect {
        let number = self.next_request;
        self.next_request += 1;
        Effect::Send(number, request)
    }

    /// Asks for the sequences in the folders that the engine knows.
    pub(super) fn list_sequences(&mut self) -> Effect {
        self.send(Request::ListSequences {
            folders: Vec::new(),
        })
    }
}

fn pushed(model: &mut Model, push: Push) -> Vec<Effect> {
    match push {
        Push::Snapshot(state) => {
            if model.replay.is_none() {
                model.now = model.now.max(state.now);
            }
            let read = line_read(model);
            model.state = *state;
            read_on_at(model, read);
            arrived(model)
        }
        Push::Event(event) => {
            model.now = model.now.max(event.at);
            model.state.apply(&event);
            if model.state.has_run() && !matches!(model.screen, Screen::Run(_)) {
                model.screen = Screen::Run(Box::default());
            }
            match (&mut model.screen, &event.body) {
                (Screen::Run(view), EventBody::Log { .. }) => view.log.line_came(&model.state),
                // What was said to an earlier key has nothing to do with this, and takes the room of its keys.
                (_, EventBody::QuestionAsked { .. } | EventBody::RunFinished { .. }) => {
                    model.note.clear();
                }
                _ => {}
            }
            run::question_changed(model);
            Vec::new()
        }
        Push::Progress(progress) => {
            model.now = model.now.max(progress.at);
            model.state.sample(&progress);
            Vec::new()
        }
        Push::People(people) => {
            model.state.people = people;
            run::question_changed(model);
            Vec::new()
        }
        Push::Replay(replay) => {
            model.replay = Some(replay);
            // It may have been moved back.
            let began = model.state.started.unwrap_or_default();
            model.now = began.saturating_add(replay.at).max(model.state.now);
            run::question_changed(model);
            Vec::new()
        }
        Push::Bye(why) => {
            model.note = why;
            Vec::new()
        }
    }
}

/// The log line that is read: the last one in sight, when it is not the newest.
fn line_read(model: &Model) -> Option<u64> {
    match &model.screen {
        Screen::Run(view) if view.log.back > 0 && view.log.browse.is_none() => view
            .log
            .lines(&model.state)
            .nth(view.log.back)
            .map(|line| line.seq),
        _ => None,
    }
}

/// After a snapshot other lines are here: the one that was read stays in sight.
fn read_on_at(model: &mut Model, read: Option<u64>) {
    if let (Screen::Run(view), Some(seq)) = (&mut model.screen, read) {
        let newer = view.log.lines(&model.state).take_while(|l| l.seq > seq);
        view.log.back = newer.count();
    }
}

/// A snapshot came: open the screen that fits it.
fn arrived(model: &mut Model) -> Vec<Effect> {
    let going = model.state.has_run() && model.state.end.is_none();
    if going && model.start.take().is_some() {
        model.note = String::from("another run is going already: this is it");
    }
    if let Some(start) = &model.start {
        let sequence = start.sequence.clone();
        return vec![model.send(Request::Describe { sequence })];
    }
    if model.state.has_run() {
        if !matches!(model.screen, Screen::Run(_)) {
            model.screen = Screen::Run(Box::default());
        }
        run::question_changed(model);
        return Vec::new();
    }
    if matches!(model.screen, Screen::Connecting | Screen::Run(_)) {
        model.screen = Screen::Picker(Picker::default());
    }
    vec![model.list_sequences()]
}

fn replied(model: &mut Model, reply: Reply) -> Vec<Effect> {
    match reply {
        Reply::Snapshot(state) => {
            model.state = *state;
            Vec::new()
        }
        Reply::Sequences(sequences) => match (model.start.take(), &mut model.screen) {
            (Some(start), _) => {
                let info = sequences.into_iter().next().unwrap_or_default();
                form::begin(model, &info, start)
            }
            (None, Screen::Picker(picker) | Screen::Mistakes(Mistakes { back: picker, .. })) => {
                picker.sequences = sequences;
                picker.loaded = true;
                picker.row = picker.row.min(picker.shown().len().saturating_sub(1));
                Vec::new()
            }
            _ => Vec::new(),
        },
        Reply::Accepted
        | Reply::Step(_)
        | Reply::History(_)
        | Reply::Log(_)
        | Reply::Offers(_)
        | Reply::Written(..) => Vec::new(),
        Reply::Refused(Refusal::BadSequence(text)) if matches!(model.screen, Screen::Run(_)) => {
            // Of a changed step: the first mistake in one line.
            let mistake = text.lines().find(|line| !line.trim().is_empty());
            let mistake = mistake.unwrap_or("the change has mistakes");
            mistake.trim().clone_into(&mut model.note);
            Vec::new()
        }
        Reply::Refused(Refusal::BadSequence(text)) => {
            let back = match std::mem::take(&mut model.screen) {
                Screen::Picker(picker) => picker,
                _ => Picker::default(),
            };
            model.screen = Screen::Mistakes(Mistakes { text, top: 0, back });
            // The list that is asked for now must not be taken for what this run's sequence asks.
            model.start = None;
            vec![model.list_sequences()]
        }
        Reply::Refused(refusal) => {
            model.note = refusal.to_string();
            model.start = None;
            // What was answered is open still: it wants its form again.
            run::question_changed(model);
            if matches!(model.screen, Screen::Connecting) {
                model.screen = Screen::Picker(Picker::default());
                return vec![model.list_sequences()];
            }
            Vec::new()
        }
    }
}

pub(super) fn keys(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if control && key.code == KeyCode::Char('l') {
        return vec![Effect::Redraw];
    }
    if model.help {
        let last = last_top_of_help(model);
        if let Some(by) = closer::scrolled(key) {
            let top = model.help_top.min(last);
            model.help_top = top.saturating_add_signed(by).min(last);
        } else {
            model.help = false;
            model.help_top = 0;
        }
        return Vec::new();
    }
    if control && key.code == KeyCode::Char('c') {
        let refused = model.cannot_act();
        return match &mut model.screen {
            Screen::Run(view)
                if model.state.end.is_none() && model.connected && model.replay.is_none() =>
            {
                if let Some(why) = refused {
                    model.note = why;
                } else {
                    view.over = Over::Cancel;
                    model.asked_at = model.guard.now();
                }
                Vec::new()
            }
            _ => vec![Effect::Quit],
        };
    }
    if key.code == KeyCode::F(1) {
        model.help = true;
        return Vec::new();
    }
    match std::mem::take(&mut model.screen) {
        Screen::Connecting => match key.code {
            // XON of a serial line comes as Ctrl-Q.
            _ if run::is_chord(key) => Vec::new(),
            KeyCode::Char('q') | KeyCode::Esc => vec![Effect::Quit],
            _ => Vec::new(),
        },
        Screen::Picker(view) => picker::keys(model, view, key),
        Screen::Mistakes(view) => picker::mistakes_keys(model, view, key),
        Screen::Form(view) => form::start_keys(model, view, key),
        Screen::Offer(view) => offer::keys(model, view, key),
        Screen::Run(view) => run::keys(model, view, key),
    }
}
