//! Keys of a form, and what becomes of it.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use crate::event::QuestionKind;
use crate::protocol::{Request, WireSecret};
use crate::secret::Secret;
use crate::tui::model::{Form, FormField, Model, Picker, Purpose, Screen};
use crate::tui::msg::Effect;

/// What a key did to a form.
pub(super) enum FormEnd {
    /// It stays open.
    Open,
    /// Given up.
    Left,
    /// Complete: the requests that carry it.
    Done(Vec<Request>),
}

/// A form for the secrets that a question asks for.
pub(super) fn for_secrets(question: u32, reason: &str, variables: &[String]) -> Form {
    Form {
        title: "Secrets are needed".to_owned(),
        intro: reason.to_owned(),
        purpose: Purpose::Secrets(question),
        fields: variables
            .iter()
            .map(|variable| FormField {
                variable: variable.clone(),
                label: variable.clone(),
                secret: true,
                ..FormField::default()
            })
            .collect(),
        at: 0,
        reveal: false,
    }
}

/// A form to change one variable.
pub(super) fn for_variable() -> Form {
    let field = |label: &str, optional| FormField {
        label: label.to_owned(),
        optional,
        ..FormField::default()
    };
    Form {
        title: "Change a variable".to_owned(),
        intro: String::new(),
        purpose: Purpose::Variable,
        fields: vec![
            field("Name", false),
            field("Value (empty deletes it)", true),
        ],
        at: 0,
        reveal: false,
    }
}

pub(super) fn keys(form: &mut Form, key: KeyEvent) -> FormEnd {
    let last = form.fields.len().saturating_sub(1);
    match key.code {
        KeyCode::Esc => return FormEnd::Left,
        KeyCode::Up | KeyCode::BackTab => form.at = form.at.saturating_sub(1),
        KeyCode::Down | KeyCode::Tab => form.at = (form.at + 1).min(last),
        KeyCode::F(2) => form.reveal = !form.reveal,
        KeyCode::Enter => {
            if let Some(bad) = form
                .fields
                .iter()
                .position(|field| field.mistake().is_some())
            {
                // On to the next field; from the last one to the first that is not right.
                form.at = if form.at < last && bad > form.at {
                    form.at + 1
                } else {
                    bad
                };
                return FormEnd::Open;
            }
            if form.at < last {
                form.at += 1;
                return FormEnd::Open;
            }
            return FormEnd::Done(requests(form));
        }
        _ => {
            if let Some(field) = form.fields.get_mut(form.at) {
                field.input.handle_event(&Event::Key(key));
            }
        }
    }
    FormEnd::Open
}

fn requests(form: &Form) -> Vec<Request> {
    let value = |at: usize| form.fields.get(at).map_or("", |field| field.input.value());
    match &form.purpose {
        Purpose::Start(start) => {
            let mut start = start.clone();
            for field in &form.fields {
                let text = field.input.value().to_owned();
                if text.is_empty() {
                    continue;
                }
                if field.secret {
                    let secret = WireSecret(Secret::new(text));
                    start.secrets.push((field.variable.clone(), secret));
                } else {
                    start.set.push((field.variable.clone(), text));
                }
            }
            vec![Request::Start(start)]
        }
        Purpose::Secrets(question) => {
            let values = form
                .fields
                .iter()
                .map(|field| {
                    let secret = Secret::new(field.input.value());
                    (field.variable.clone(), WireSecret(secret))
                })
                .collect();
            vec![Request::GiveSecrets {
                question: *question,
                values,
            }]
        }
        Purpose::Variable => {
            let name = value(0).trim().to_owned();
            // Empty deletes it, secret or not.
            let secret = form.fields.get(1).is_some_and(|field| field.secret);
            vec![if secret && !value(1).is_empty() {
                let value = WireSecret(Secret::new(value(1)));
                Request::SetSecret { name, value }
            } else {
                let value = value(1).to_owned();
                Request::SetVariable { name, value }
            }]
        }
    }
}

/// The form before a run.
pub(super) fn start_keys(model: &mut Model, mut form: Form, key: KeyEvent) -> Vec<Effect> {
    match keys(&mut form, key) {
        FormEnd::Open => {
            model.screen = Screen::Form(form);
            Vec::new()
        }
        FormEnd::Left => {
            model.screen = Screen::Picker(Picker::default());
            vec![model.send(Request::ListSequences {
                folders: Vec::new(),
            })]
        }
        FormEnd::Done(requests) => {
            // The form stays until the run has started: a refusal is shown below it.
            model.screen = Screen::Form(form);
            requests
                .into_iter()
                .map(|request| model.send(request))
                .collect()
        }
    }
}

/// Whether an open question wants secrets: then its form.
pub(super) fn wanted(model: &Model) -> Option<Form> {
    let question = model.state.question.as_ref()?;
    match &question.kind {
        QuestionKind::Secrets { reason, variables } => {
            Some(for_secrets(question.id, reason, variables))
        }
        _ => None,
    }
}
