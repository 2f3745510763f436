//! The last two lines: a note for the technician, and the next keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::text::{fit, lines, pieces, span, width};
use crate::event::QuestionKind;
use crate::tui::model::{Form, Look, Model, Over, Pane, Picker, Purpose, RunView, Screen};
use crate::tui::theme::Role;

type Keys = &'static [(&'static str, &'static str)];

fn keys(model: &Model) -> Keys {
    if model.help {
        return &[("Up/Down", "scroll"), ("any other key", "close the help")];
    }
    match &model.screen {
        Screen::Connecting => &[("q", "leave")],
        Screen::Picker(picker) => picker_keys(picker),
        Screen::Mistakes(_) => &[("Up/Down", "scroll"), ("Esc", "back")],
        Screen::Form(form) => form_keys(form),
        Screen::Run(view) => run_keys(model, view),
    }
}

fn picker_keys(picker: &Picker) -> Keys {
    let broken = picker
        .shown()
        .get(picker.row)
        .is_some_and(|info| !info.mistakes.is_empty());
    match (broken, picker.filter.value().is_empty()) {
        (true, _) => &[
            ("Enter", "show its mistakes"),
            ("Up/Down", "move"),
            ("F5", "look again"),
            ("F1", "help"),
            ("Esc", "back"),
        ],
        (false, true) => &[
            ("Enter", "choose"),
            ("Up/Down", "move"),
            ("letters", "filter"),
            ("F5", "look again"),
            ("F1", "help"),
            ("Esc", "leave"),
        ],
        (false, false) => &[
            ("Enter", "choose"),
            ("Up/Down", "move"),
            ("Esc", "clear the filter"),
            ("F5", "look again"),
            ("F1", "help"),
        ],
    }
}

fn form_keys(form: &Form) -> Keys {
    let last = form.at + 1 >= form.fields.len();
    match (&form.purpose, last, form.has_secrets()) {
        (_, false, true) => &[
            ("Enter", "next field"),
            ("Up", "field before"),
            ("Esc", "back"),
            ("F2", "show secrets"),
            ("F1", "help"),
        ],
        (_, false, false) => &[
            ("Enter", "next field"),
            ("Up", "field before"),
            ("Esc", "back"),
            ("F1", "help"),
        ],
        (Purpose::Start(_), true, true) => &[
            ("Enter", "start"),
            ("Up", "field before"),
            ("Esc", "back"),
            ("F2", "show secrets"),
            ("F1", "help"),
        ],
        (Purpose::Start(_), true, false) => &[
            ("Enter", "start"),
            ("Up", "field before"),
            ("Esc", "back"),
            ("F1", "help"),
        ],
        (Purpose::Secrets(_), true, _) => &[
            ("Enter", "go on"),
            ("Up", "field before"),
            ("Esc", "look at the run"),
            ("F2", "show secrets"),
            ("F1", "help"),
        ],
        (Purpose::Bundle, true, _) => &[("Enter", "write it"), ("Esc", "back"), ("F1", "help")],
        (Purpose::Variable | Purpose::Step(_), true, _) => &[
            ("Enter", "set it"),
            ("Up", "field before"),
            ("Esc", "back"),
            ("F1", "help"),
        ],
    }
}

fn run_keys(model: &Model, view: &RunView) -> Keys {
    let state = &model.state;
    match &view.over {
        Over::Typing if view.pane == Pane::Log => {
            return &[
                ("Enter", "search"),
                ("Ctrl-R", "regular expression"),
                ("Esc", "clear"),
            ];
        }
        Over::Typing => return &[("Enter", "keep"), ("Esc", "clear")],
        Over::Cancel if state.cancelling.is_some() => {
            return &[("y", "kill"), ("d", "detach"), ("Esc", "wait")];
        }
        Over::Cancel => return &[("y", "cancel"), ("d", "detach"), ("Esc", "back")],
        Over::Form(form) => return form_keys(form),
        Over::Jump(_) => return &[("y", "go on there"), ("Esc", "back")],
        Over::Step(_) => {
            return &[
                ("o", "change"),
                ("z", "as in the document"),
                ("l", "its log"),
                ("Esc", "back"),
            ];
        }
        Over::Explain(_) => {
            return &[("Enter", "log there"), ("e", "change"), ("Esc", "back")];
        }
        Over::People => return &[("t", "take the pen"), ("Esc", "back")],
        Over::Hints(_) => return &[("Enter", "do it"), ("Up/Down", "choose"), ("Esc", "back")],
        Over::Findings(_) => return &[("Up/Down", "scroll"), ("Esc", "back")],
        Over::Preflight { .. } => {
            return &[
                ("Enter", "go on"),
                ("F5", "check again"),
                ("Up/Down", "scroll"),
                ("Esc", "look at the run"),
                ("Ctrl-C", "cancel"),
                ("F1", "help"),
            ];
        }
        Over::Wipe(..) | Over::Nothing | Over::Aside(_) => {}
    }
    if model.replay.is_some() {
        return &[
            ("Space", "stop/go"),
            ("+ -", "speed"),
            ("Left/Right", "10 s"),
            ("g", "to the chosen step"),
            ("Tab", "panel"),
            ("?", "help"),
            ("q", "leave"),
        ];
    }
    if !model.connected {
        return &[
            ("q", "leave"),
            ("Tab", "panel"),
            ("arrows", "scroll"),
            ("?", "help"),
        ];
    }
    if state.end.is_some() && (view.pane != Pane::Steps || view.step.is_some()) {
        return &[
            ("q", "leave"),
            ("Enter", "closer"),
            ("Tab", "panel"),
            ("Esc", "summary"),
            ("?", "help"),
        ];
    }
    if state.end.is_some() {
        return &[
            ("Enter", "leave"),
            ("Tab", "variables, log"),
            ("b", "bundle"),
            ("Esc", "summary"),
            ("?", "help"),
        ];
    }
    match (
        &view.over,
        state.question.as_ref().map(|question| &question.kind),
    ) {
        (Over::Aside(_), _) => &[
            ("Esc", "back to the question"),
            ("Tab", "panel"),
            ("e", "set"),
            ("o", "settings"),
            ("g", "go to"),
            ("x", "cancel"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (Over::Wipe(..), _) => &[
            ("wipe Enter", "go on"),
            ("F8", "no"),
            ("Esc", "look at the run"),
            ("Ctrl-C", "cancel"),
            ("F1", "help"),
        ],
        (_, Some(QuestionKind::Failed { .. })) => &[
            ("r", "retry"),
            ("v", "variable"),
            ("s", "skip"),
            ("a", "abort"),
            ("h", "hints"),
            ("o", "settings"),
            ("!", "shell"),
            ("b", "bundle"),
            ("Esc", "see the run"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (_, Some(QuestionKind::ConfirmReplace { .. })) => &[
            ("y", "replace"),
            ("n", "do not"),
            ("Esc", "look at the run"),
            ("x", "cancel"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (_, Some(QuestionKind::Pause { .. })) => &[
            ("Enter", "go on"),
            ("Esc", "look at the run"),
            ("x", "cancel"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (_, Some(_)) => &[
            ("Esc", "look at the run"),
            ("x", "cancel"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (_, None) => free_keys(model, view),
    }
}

fn free_keys(model: &Model, view: &RunView) -> Keys {
    match (view.pane, model.state.paused) {
        (Pane::Steps, true) => &[
            ("c", "continue"),
            ("n", "one step"),
            ("g", "go to"),
            ("u", "run to"),
            ("k", "break"),
            ("o", "settings"),
            ("Enter", "closer"),
            ("x", "cancel"),
            ("Tab", "panel"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (Pane::Steps, false) => &[
            ("p", "pause"),
            ("x", "cancel"),
            ("Tab", "panel"),
            ("arrows", "choose"),
            ("Enter", "closer"),
            ("k", "break"),
            ("u", "run to"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (Pane::Variables, true) => &[
            ("Enter", "where from"),
            ("e", "change"),
            ("a", "add"),
            ("Del", "delete"),
            ("/", "filter"),
            ("Tab", "panel"),
            ("c", "continue"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (Pane::Variables, false) => &[
            ("Enter", "where from"),
            ("e", "change"),
            ("a", "add"),
            ("Del", "delete"),
            ("/", "filter"),
            ("Tab", "panel"),
            ("p", "pause"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (Pane::Log, _) if view.log.search.value().is_empty() => &[
            ("/", "search"),
            ("f", "severity"),
            ("s", "one step"),
            ("Tab", "panel"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (Pane::Log, _) => &[
            ("/", "search"),
            ("n N", "older, newer hit"),
            ("f", "severity"),
            ("s", "one step"),
            ("Tab", "panel"),
            ("?", "help"),
            ("q", "detach"),
        ],
    }
}

/// Rows it needs: a note that is longer than a row gets a second one.
pub(super) fn rows(model: &Model, area: Rect) -> u16 {
    let long = width(&model.note) > usize::from(area.width);
    if long && area.height > 12 { 3 } else { 2 }
}

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let columns = usize::from(area.width);
    let note_rows = usize::from(area.height.saturating_sub(1));
    if note_rows > 0 && !model.note.is_empty() {
        let note = pieces(look, &model.note, columns, note_rows)
            .into_iter()
            .map(|part| Line::from(span(look, Role::Warning, part)))
            .collect();
        lines(frame, area, note);
    }
    // Without a note its row takes the keys that do not fit into the last one.
    let key_rows = if model.note.is_empty() {
        area.height
    } else {
        area.height.min(1)
    };
    let all = flow(look, keys(model), columns, usize::from(key_rows));
    let used = u16::try_from(all.len()).unwrap_or(1).min(area.height);
    let bottom = Rect {
        y: area.y + area.height - used,
        height: used,
        ..area
    };
    lines(frame, bottom, all);
}

/// Keys side by side in at most `rows` rows; what does not fit is left out, from the end.
fn flow(look: &Look, keys: Keys, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let mut all: Vec<Vec<Span<'static>>> = vec![Vec::new()];
    let mut used = 0;
    for (key, what) in keys {
        let needed = width(key) + 1 + width(what);
        if used > 0 && used + needed > columns {
            if all.len() >= rows {
                break;
            }
            all.push(Vec::new());
            used = 0;
        }
        if needed > columns {
            break;
        }
        used += needed + 2;
        if let Some(row) = all.last_mut() {
            row.push(span(look, Role::Key, *key));
            row.push(span(look, Role::Text, format!(" {what}  ")));
        }
    }
    all.retain(|row| !row.is_empty());
    if all.is_empty() {
        all.push(vec![span(look, Role::Key, fit(look, "? help", columns))]);
    }
    all.into_iter().map(Line::from).collect()
}
