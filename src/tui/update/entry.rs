//! The entrance: what concerns every screen; the rest goes to the screen that is open.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{form, picker, run};
use crate::event::EventBody;
use crate::protocol::{Push, Refusal, Reply, Request, SequenceInfo};
use crate::tui::model::{Form, FormField, Mistakes, Model, Over, Picker, Purpose, RunView, Screen};
use crate::tui::msg::{Effect, Msg};

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
        Msg::Key(key) => {
            model.note.clear();
            keys(model, key)
        }
        Msg::Paste(text) => {
            // Only where text is typed: pasted letters are no commands, and no answer to what destroys.
            if !takes_text(model) {
                return Vec::new();
            }
            text.chars()
                .filter(|c| !c.is_control())
                .collect::<Vec<_>>()
                .into_iter()
                .flat_map(|c| keys(model, KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)))
                .collect()
        }
        Msg::Resize(columns, rows) => {
            model.size = (columns, rows);
            Vec::new()
        }
        Msg::Connected => {
            model.connected = true;
            Vec::new()
        }
        Msg::Push(push) => pushed(model, push),
        Msg::Reply(_, reply) => replied(model, reply),
        Msg::Lost(why) => {
            model.connected = false;
            model.note = format!("connection lost ({why}); trying again");
            Vec::new()
        }
        Msg::Tick(now) => {
            model.now = now;
            Vec::new()
        }
        Msg::ShellEnded(trouble) => {
            model.note = trouble.unwrap_or_else(|| "back from the shell".to_owned());
            vec![Effect::Redraw]
        }
    }
}

fn takes_text(model: &Model) -> bool {
    !model.help
        && match &model.screen {
            Screen::Picker(_) | Screen::Form(_) => true,
            Screen::Run(view) => matches!(view.over, Over::Form(_) | Over::Typing),
            Screen::Connecting | Screen::Mistakes(_) => false,
        }
}

impl Model {
    /// A request under a fresh number.
    pub(super) fn send(&mut self, request: Request) -> Effect {
        let number = self.next_request;
        self.next_request += 1;
        Effect::Send(number, request)
    }
}

fn pushed(model: &mut Model, push: Push) -> Vec<Effect> {
    match push {
        Push::Snapshot(state) => {
            model.now = model.now.max(state.now);
            model.state = *state;
            arrived(model)
        }
        Push::Event(event) => {
            model.now = model.now.max(event.at);
            model.state.apply(&event);
            if model.state.has_run() && !matches!(model.screen, Screen::Run(_)) {
                model.screen = Screen::Run(RunView::default());
            }
            if matches!(event.body, EventBody::RunFinished { .. }) {
                // Whatever was looked at: the summary comes, and the panels are a key away.
                model.screen = Screen::Run(RunView::default());
            }
            run::question_changed(model);
            Vec::new()
        }
        Push::Progress(progress) => {
            model.now = model.now.max(progress.at);
            model.state.sample(&progress);
            Vec::new()
        }
        Push::Bye(why) => {
            model.note = why;
            Vec::new()
        }
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
            model.screen = Screen::Run(RunView::default());
        }
        run::question_changed(model);
        return Vec::new();
    }
    if matches!(model.screen, Screen::Connecting) {
        model.screen = Screen::Picker(Picker::default());
    }
    vec![model.send(Request::ListSequences {
        folders: Vec::new(),
    })]
}

fn replied(model: &mut Model, reply: Reply) -> Vec<Effect> {
    match reply {
        Reply::Accepted => Vec::new(),
        Reply::Snapshot(state) => {
            model.state = *state;
            Vec::new()
        }
        Reply::Sequences(sequences) => match (model.start.take(), &mut model.screen) {
            (Some(start), _) => {
                let info = sequences.into_iter().next().unwrap_or_default();
                begin(model, &info, start)
            }
            (None, Screen::Picker(picker)) => {
                picker.sequences = sequences;
                picker.loaded = true;
                Vec::new()
            }
            _ => Vec::new(),
        },
        Reply::Refused(Refusal::BadSequence(text)) => {
            let back = match std::mem::take(&mut model.screen) {
                Screen::Picker(picker) => picker,
                _ => Picker::default(),
            };
            model.screen = Screen::Mistakes(Mistakes { text, top: 0, back });
            vec![model.send(Request::ListSequences {
                folders: Vec::new(),
            })]
        }
        Reply::Refused(refusal) => {
            model.note = refusal.to_string();
            // What was answered is open still: it wants its form again.
            run::question_changed(model);
            if matches!(model.screen, Screen::Connecting) {
                model.screen = Screen::Picker(Picker::default());
                return vec![model.send(Request::ListSequences {
                    folders: Vec::new(),
                })];
            }
            Vec::new()
        }
    }
}

/// A sequence was chosen: ask for its inputs, or start it when there are none to ask.
pub(super) fn begin(
    model: &mut Model,
    info: &SequenceInfo,
    start: crate::protocol::StartRun,
) -> Vec<Effect> {
    let given = |name: &str| {
        start
            .set
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
            || start
                .secrets
                .iter()
                .any(|(other, _)| other.eq_ignore_ascii_case(name))
    };
    let fields: Vec<FormField> = info
        .inputs
        .iter()
        .filter(|input| !given(&input.variable))
        .map(|input| FormField {
            variable: input.variable.clone(),
            label: input.label.clone(),
            input: tui_input::Input::new(input.default.clone()),
            secret: input.secret,
            optional: input.optional,
            check: input.check.clone(),
        })
        .collect();
    if fields.is_empty() {
        return vec![model.send(Request::Start(start))];
    }
    model.screen = Screen::Form(Form {
        title: info.name.clone(),
        purpose: Purpose::Start(start),
        fields,
        at: 0,
        reveal: false,
    });
    Vec::new()
}

fn keys(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if control && key.code == KeyCode::Char('l') {
        return vec![Effect::Redraw];
    }
    if model.help {
        model.help = false;
        return Vec::new();
    }
    if control && key.code == KeyCode::Char('c') {
        return match &mut model.screen {
            Screen::Run(view) if model.state.end.is_none() && model.connected => {
                view.over = Over::Cancel;
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
            KeyCode::Char('q') | KeyCode::Esc => vec![Effect::Quit],
            _ => Vec::new(),
        },
        Screen::Picker(view) => picker::keys(model, view, key),
        Screen::Mistakes(view) => picker::mistakes_keys(model, view, key),
        Screen::Form(view) => form::start_keys(model, view, key),
        Screen::Run(view) => run::keys(model, view, key),
    }
}
