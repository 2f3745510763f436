//! Keys of a form, and what becomes of it.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use crate::event::{QuestionKind, Shown};
use crate::protocol::{Check, Request, SequenceInfo, StartRun, StepChange, StepText, WireSecret};
use crate::run_state::RunState;
use crate::secret::Secret;
use crate::tui::model::{Form, FormField, Model, Picker, Purpose, Screen};
use crate::tui::msg::Effect;

/// What a key did to a form.
pub(super) enum FormEnd {
    /// It stays open.
    Open,
    /// Given up.
    Left,
    /// Complete, but there is nothing to be done; why.
    Nothing(&'static str),
    /// Complete: the request that carries it.
    Done(Request),
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

/// Whether a form lies over the panels by the technician's wish, not the engine's.
pub(super) fn over_panels(purpose: &Purpose) -> bool {
    matches!(
        purpose,
        Purpose::Variable | Purpose::Step(_) | Purpose::Bundle
    )
}

fn field(label: &str, value: &str, optional: bool) -> FormField {
    FormField {
        label: label.to_owned(),
        input: tui_input::Input::new(value.to_owned()),
        before: value.to_owned(),
        optional,
        ..FormField::default()
    }
}

/// A form to change one variable, the named one when there is a name.
pub(super) fn for_variable(state: &RunState, name: &str) -> Form {
    let value = match state.variables.get(&name.to_lowercase()).map(|v| &v.value) {
        Some(Shown::Plain(value)) => value.as_str(),
        _ => "",
    };
    let mut form = Form {
        title: "Change a variable".to_owned(),
        intro: String::new(),
        purpose: Purpose::Variable,
        fields: vec![
            field("Name", name, false),
            field("Value (empty deletes it)", value, true),
        ],
        at: usize::from(!name.is_empty()),
        reveal: false,
    };
    form.mask_like(state);
    form
}

/// A form to change the settings of a step for this run.
pub(super) fn for_step(text: &StepText) -> Form {
    let mut fields: Vec<FormField> = text
        .fields
        .iter()
        .map(|setting| {
            let mut changed = field(&setting.path, &setting.value, true);
            changed.variable.clone_from(&setting.path);
            changed.allowed.clone_from(&setting.allowed);
            if setting.value != setting.original {
                changed.document = Some(setting.original.clone());
            }
            changed
        })
        .collect();
    fields.push(field(NEW_SETTING, "", true));
    // The name is the first setting and the one that nobody wants to change after a failure.
    let at = text
        .fields
        .iter()
        .position(|setting| setting.path.starts_with("action."));
    Form {
        title: "Change this step for this run".to_owned(),
        intro: "A text stands in quotes; an empty value takes a setting away. It holds for this run only.".to_owned(),
        purpose: Purpose::Step(text.node),
        fields,
        at: at.unwrap_or(0),
        reveal: false,
    }
}

/// Label of the last field of a step's form.
const NEW_SETTING: &str = "New setting, as name: value";

/// A form for the place of a bundle.
pub(super) fn for_bundle() -> Form {
    Form {
        title: "Write a bundle".to_owned(),
        intro: "Journal, log, report, sequence and what is known of the machine, in one archive without secrets.".to_owned(),
        purpose: Purpose::Bundle,
        fields: vec![field("Folder or share (empty: own)", "", true)],
        at: 0,
        reveal: false,
    }
}

/// Names the first stick in the form of a bundle, unless something was typed already.
pub(super) fn offer(form: &mut Form, offers: &[(String, String)]) {
    if let (Purpose::Bundle, Some((folder, what)), [field, ..]) =
        (&form.purpose, offers.first(), &mut form.fields[..])
        && field.input.value().is_empty()
    {
        form.intro = format!("Plugged in: {what}");
        field.input = tui_input::Input::new(folder.clone());
    }
}

pub(super) fn keys(form: &mut Form, key: KeyEvent) -> FormEnd {
    let last = form.fields.len().saturating_sub(1);
    match key.code {
        KeyCode::Esc => return FormEnd::Left,
        KeyCode::Up | KeyCode::BackTab => form.at = form.at.saturating_sub(1),
        KeyCode::Down | KeyCode::Tab => form.at = (form.at + 1).min(last),
        KeyCode::PageUp => form.at = form.at.saturating_sub(5),
        KeyCode::PageDown => form.at = (form.at + 5).min(last),
        KeyCode::F(2) => form.reveal = !form.reveal,
        KeyCode::Enter => {
            if let Some(bad) = (0..form.fields.len()).find(|at| form.mistake(*at).is_some()) {
                // On to the next field; from the last one to the first that is not right.
                form.at = if form.at < last && bad > form.at {
                    form.at + 1
                } else {
                    bad
                };
                return FormEnd::Open;
            }
            // A step has many settings: one is changed, not all are walked through.
            if form.at < last && !matches!(form.purpose, Purpose::Step(_)) {
                form.at += 1;
                return FormEnd::Open;
            }
            return match request(form) {
                Some(request) => FormEnd::Done(request),
                None => FormEnd::Nothing("nothing was changed"),
            };
        }
        _ => {
            if let Some(field) = form.fields.get_mut(form.at) {
                field.input.handle_event(&Event::Key(key));
            }
        }
    }
    FormEnd::Open
}

/// The request that carries a form; none when nothing was changed.
fn request(form: &Form) -> Option<Request> {
    let value = |at: usize| form.fields.get(at).map_or("", |field| field.input.value());
    Some(match &form.purpose {
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
            Request::Start(start)
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
            Request::GiveSecrets {
                question: *question,
                values,
            }
        }
        Purpose::Step(node) => {
            // Only what was changed: a value that is shown masked must not be sent back.
            let mut settings: Vec<(String, String)> = form
                .fields
                .iter()
                .filter(|field| !field.variable.is_empty() && field.input.value() != field.before)
                .map(|field| (field.variable.clone(), field.input.value().to_owned()))
                .collect();
            let new = form.fields.last().map_or("", |f| f.input.value());
            if let Some((name, value)) = new.split_once(':') {
                settings.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            if settings.is_empty() {
                return None;
            }
            Request::OverrideStep {
                node: *node,
                to: StepChange::Settings(settings),
            }
        }
        Purpose::Bundle => Request::Bundle {
            to: value(0).trim().to_owned(),
        },
        Purpose::Variable => {
            let name = value(0).trim().to_owned();
            // Empty deletes it, secret or not.
            let secret = form.fields.get(1).is_some_and(|field| field.secret);
            if secret && !value(1).is_empty() {
                let value = WireSecret(Secret::new(value(1)));
                Request::SetSecret { name, value }
            } else {
                let value = value(1).to_owned();
                Request::SetVariable { name, value }
            }
        }
    })
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
            vec![model.list_sequences()]
        }
        FormEnd::Nothing(_) => Vec::new(),
        FormEnd::Done(request) => {
            // The form stays until the run has started: a refusal is shown below it.
            model.screen = Screen::Form(form);
            vec![model.send(request)]
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

/// A sequence was chosen: ask for its inputs, or start it when there are none to ask.
pub(super) fn begin(model: &mut Model, info: &SequenceInfo, start: StartRun) -> Vec<Effect> {
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
            allowed: match &input.check {
                Check::OneOf(words) => words.clone(),
                _ => Vec::new(),
            },
            ..FormField::default()
        })
        .collect();
    if fields.is_empty() {
        return vec![model.send(Request::Start(start))];
    }
    model.screen = Screen::Form(Form {
        title: info.name.clone(),
        intro: String::new(),
        purpose: Purpose::Start(start),
        fields,
        at: 0,
        reveal: false,
    });
    Vec::new()
}
