//! The last two lines: a note for the technician, and the next keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::closer::changeable;
use super::last_top;
use super::text::{fit, lines, pieces, span, width};
use crate::event::QuestionKind;
use crate::tui::model::{Form, Look, Model, Offer, Over, Pane, Picker, Purpose, RunView, Screen};
use crate::tui::theme::Role;

type Keys = Vec<(&'static str, &'static str)>;

fn keys(model: &Model) -> Keys {
    if model.help {
        return vec![("Up/Down", "scroll"), ("any other key", "close the help")];
    }
    match &model.screen {
        Screen::Connecting => vec![("q", "leave")],
        Screen::Picker(picker) => picker_keys(picker).to_vec(),
        Screen::Mistakes(_) => vec![("Up/Down", "scroll"), ("Esc", "back")],
        Screen::Form(form) => form_keys(form).to_vec(),
        Screen::Offer(offer) => offer_keys(offer),
        Screen::Run(view) => run_keys(model, view),
    }
}

type Fixed = &'static [(&'static str, &'static str)];

fn offer_keys(offer: &Offer) -> Keys {
    if offer.asking {
        return vec![("y", "archive"), ("Esc", "back")];
    }
    if offer.looking.is_some() {
        return vec![("Up/Down", "scroll"), ("Esc", "back")];
    }
    vec![
        ("Enter", "do it"),
        ("Up/Down", "choose"),
        ("r l a n", "at once"),
        ("?", "help"),
        ("q", "leave"),
    ]
}

fn picker_keys(picker: &Picker) -> Fixed {
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

fn form_keys(form: &Form) -> Fixed {
    let last = form.at + 1 >= form.fields.len();
    if let Purpose::Step(_) = form.purpose {
        return &[
            ("Enter", "set it"),
            ("Up/Down", "other settings"),
            ("Esc", "back"),
            ("F1", "help"),
        ];
    }
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
    if let Some(keys) = over_keys(model, view) {
        return keys;
    }
    let state = &model.state;
    if model.replay.is_some() {
        let mut keys = vec![
            ("Space", "stop/go"),
            ("+ -", "speed"),
            ("Left/Right", "10 s"),
            ("g", "to the chosen step"),
        ];
        match (&view.over, &state.question) {
            (Over::Nothing, Some(_)) => keys.push(("Esc", "look at the run")),
            (Over::Aside(_), _) => {
                keys.extend([("Esc", "back to the question"), ("Tab", "panel")]);
            }
            _ => keys.push(("Tab", "panel")),
        }
        keys.extend([("?", "help"), ("q", "leave")]);
        return keys;
    }
    if !model.connected {
        return vec![
            ("q", "leave"),
            ("Tab", "panel"),
            ("arrows", "scroll"),
            ("?", "help"),
        ];
    }
    if state.end.is_some() {
        return ended_keys(view);
    }
    if model.cannot_act().is_some() {
        return watching_keys(model, view);
    }
    if let (Over::Aside(_), _) | (_, None) = (&view.over, &state.question) {
        return panel_keys(model, view);
    }
    let fixed: Fixed = match state.question.as_ref().map(|question| &question.kind) {
        Some(QuestionKind::ConfirmDisk(_)) => return word_keys(model, view, "wipe Enter"),
        Some(QuestionKind::ConfirmReplace { .. }) => {
            return word_keys(model, view, "replace Enter");
        }
        Some(QuestionKind::Failed { .. }) => return failed_keys(model),
        Some(QuestionKind::Pause { .. }) => &[
            ("Enter", "go on"),
            ("Esc", "look at the run"),
            ("x", "cancel"),
            ("?", "help"),
            ("q", "detach"),
        ],
        _ => &[
            ("Esc", "look at the run"),
            ("x", "cancel"),
            ("?", "help"),
            ("q", "detach"),
        ],
    };
    fixed.to_vec()
}

/// Keys of a question that wants a word; until it was read to its end, the way there instead.
fn word_keys(model: &Model, view: &RunView, word: &'static str) -> Keys {
    let mut keys = Vec::new();
    let scrolls = last_top(model, view) > 0;
    // On a screen that is too small there is nothing to be read or typed.
    if model.facts_in_sight() {
        if !scrolls || view.read == Some(model.size) {
            keys.push((word, "go on"));
        }
        if scrolls {
            keys.push(("Up/Down", "scroll"));
        }
    }
    keys.extend([
        ("F8", "no"),
        ("Esc", "look at the run"),
        ("Ctrl-C", "cancel"),
        ("F1", "help"),
    ]);
    keys
}

/// Keys of a console that only looks on, or that has to take the pen first.
fn watching_keys(model: &Model, view: &RunView) -> Keys {
    let mut keys = Vec::new();
    if !model.only_watches() {
        keys.push(("t", "take the pen"));
    }
    match (&view.over, &model.state.question) {
        (Over::Nothing, Some(_)) => {
            keys.push(("Esc", "look at the run"));
            if last_top(model, view) > 0 {
                keys.push(("Up/Down", "scroll"));
            }
        }
        (Over::Aside(_), _) => keys.push(("Esc", "back to the question")),
        _ => {}
    }
    let asked = matches!(view.over, Over::Nothing) && model.state.question.is_some();
    if !asked {
        let of_panel: Fixed = match view.pane {
            Pane::Steps => &[("arrows", "choose"), ("Enter", "details")],
            Pane::Variables => &[("Enter", "where from"), ("/", "filter")],
            Pane::Log => &[("/", "search"), ("f", "severity"), ("i", "one step")],
        };
        keys.extend(of_panel);
        keys.push(("Tab", "panel"));
    }
    keys.extend([("w", "who is here"), ("?", "help"), ("q", "detach")]);
    keys
}

fn failed_keys(model: &Model) -> Keys {
    let mut keys = vec![
        ("r", "retry"),
        ("v", "variable"),
        ("s", "skip"),
        ("a", "abort"),
    ];
    if !model.hints.is_empty() {
        keys.push(("h", "hints"));
    }
    keys.extend([
        ("o", "settings"),
        ("!", "shell"),
        ("b", "bundle"),
        ("Esc", "see the run"),
        ("?", "help"),
        ("q", "detach"),
    ]);
    keys
}

fn ended_keys(view: &RunView) -> Keys {
    if view.pane == Pane::Steps && view.step.is_none() {
        return vec![
            ("Enter", "leave"),
            ("Tab", "variables, log"),
            ("arrows", "steps"),
            ("b", "bundle"),
            ("?", "help"),
        ];
    }
    let mut keys = vec![("q", "leave")];
    match view.pane {
        Pane::Steps | Pane::Variables => keys.push(("Enter", "details")),
        Pane::Log => keys.extend([("/", "search"), ("f", "severity")]),
    }
    keys.extend([("Esc", "summary"), ("Tab", "panel"), ("?", "help")]);
    keys
}

/// Keys of what lies over the panels; none when nothing does, or a question.
fn over_keys(model: &Model, view: &RunView) -> Option<Keys> {
    let state = &model.state;
    let scrolls = || last_top(model, view) > 0;
    let mut keys: Keys = match &view.over {
        Over::Typing if view.pane == Pane::Log => vec![
            ("Enter", "search"),
            ("Ctrl-R", "regular expression"),
            ("Esc", "clear"),
        ],
        Over::Typing => vec![("Enter", "keep"), ("Esc", "clear")],
        Over::Cancel if state.cancelling.is_some() => {
            vec![("y", "kill"), ("d", "detach"), ("Esc", "wait")]
        }
        Over::Cancel => vec![("y", "cancel"), ("d", "detach"), ("Esc", "back")],
        Over::Form(form) => return Some(form_keys(form).to_vec()),
        Over::Jump { .. } => vec![("y", "go on there"), ("Esc", "back")],
        Over::Confirm(open) => vec![("y", open.does), ("Esc", "back")],
        Over::Step(card) => {
            let mut keys = Vec::new();
            if changeable(model) {
                keys.push(("o", "change"));
                if state.overrides.iter().any(|o| o.node == card.node) {
                    keys.push(("z", "as in the document"));
                }
            }
            keys.extend([("l", "its log"), ("Esc", "back")]);
            keys
        }
        Over::Explain(_) => {
            let mut keys = vec![("Enter", "log there"), ("Up/Down", "choose")];
            if changeable(model) {
                keys.push(("e", "change"));
            }
            keys.push(("Esc", "back"));
            return Some(keys);
        }
        Over::People(_) if model.holds_pen() || model.only_watches() || model.replay.is_some() => {
            vec![("Esc", "back")]
        }
        Over::People(_) => vec![("t", "take the pen"), ("Esc", "back")],
        Over::Hints { row, .. } => {
            let acts = model
                .hints
                .get(*row)
                .is_some_and(|h| h.hint.action.is_some());
            let mut keys = Vec::new();
            if acts {
                keys.push(("Enter", "do it"));
            }
            if model.hints.len() > 1 {
                keys.push(("Up/Down", "others"));
                if scrolls() {
                    keys.push(("PgUp/PgDn", "scroll"));
                }
                keys.push(("Esc", "back"));
                return Some(keys);
            }
            keys.push(("Esc", "back"));
            keys
        }
        Over::Findings(_) => vec![("Esc", "back")],
        Over::Preflight { .. } => {
            let blocking = match state.question.as_ref().map(|q| &q.kind) {
                Some(QuestionKind::Preflight { blocking, .. }) => *blocking,
                _ => 0,
            };
            let mut keys = vec![("F5", "check again"), ("Esc", "look at the run")];
            if blocking == 0 {
                keys.insert(0, ("Enter", "go on"));
            }
            if scrolls() {
                keys.insert(1, ("Up/Down", "scroll"));
            }
            keys.extend([("Ctrl-C", "cancel"), ("F1", "help")]);
            return Some(keys);
        }
        Over::Word(..) | Over::Nothing | Over::Aside(_) => return None,
    };
    if !matches!(view.over, Over::Typing | Over::Cancel) && scrolls() {
        keys.push(("Up/Down", "scroll"));
    }
    Some(keys)
}

/// Keys of the panels; with a question put aside its way back comes first, and what needs a run that moves is left out.
fn panel_keys(model: &Model, view: &RunView) -> Keys {
    let Over::Aside(_) = view.over else {
        return free_keys(model, view).to_vec();
    };
    let mut keys = vec![("Esc", "back to the question")];
    let of_panel: Fixed = match view.pane {
        Pane::Steps => &[("Enter", "details"), ("o", "settings"), ("k", "break")],
        Pane::Variables => &[("Enter", "where from"), ("e", "change"), ("/", "filter")],
        Pane::Log => &[("/", "search"), ("f", "severity"), ("i", "one step")],
    };
    let failed = matches!(
        model.state.question.as_ref().map(|q| &q.kind),
        Some(QuestionKind::Failed { .. })
    );
    if failed {
        // They mean what they mean on the page above.
        keys.extend([
            ("r", "retry"),
            ("v", "variable"),
            ("s", "skip"),
            ("a", "abort"),
        ]);
        if !model.hints.is_empty() {
            keys.push(("h", "hints"));
        }
    }
    keys.extend(of_panel);
    if failed && view.pane == Pane::Steps {
        keys.push(("g", "go to"));
    }
    keys.extend([
        ("Tab", "panel"),
        ("x", "cancel"),
        ("?", "help"),
        ("q", "detach"),
    ]);
    keys
}

fn free_keys(model: &Model, view: &RunView) -> Fixed {
    if model.state.cancelling.is_some() {
        return &[
            ("x", "kill"),
            ("Tab", "panel"),
            ("arrows", "choose"),
            ("Enter", "details"),
            ("?", "help"),
            ("q", "detach"),
        ];
    }
    match (view.pane, model.state.paused) {
        (Pane::Steps, true) => &[
            ("c", "continue"),
            ("n", "one step"),
            ("g", "go to"),
            ("u", "run to"),
            ("k", "break"),
            ("o", "settings"),
            ("Enter", "details"),
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
            ("Enter", "details"),
            ("k", "break"),
            ("u", "run to"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (Pane::Variables, true) => &[
            ("Enter", "where from"),
            ("e", "change"),
            ("i", "add"),
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
            ("i", "add"),
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
            ("i", "one step"),
            ("Tab", "panel"),
            ("?", "help"),
            ("q", "detach"),
        ],
        (Pane::Log, _) => &[
            ("/", "search"),
            ("n N", "older, newer hit"),
            ("f", "severity"),
            ("i", "one step"),
            ("Tab", "panel"),
            ("?", "help"),
            ("q", "detach"),
        ],
    }
}

/// Rows it needs: a note that is longer than a row gets more of them, as far as the screen has them to spare.
pub(super) fn rows(model: &Model, area: Rect) -> u16 {
    let spare = match area.height {
        0..=12 => 1,
        13..=19 => 2,
        _ => 3,
    };
    let columns = usize::from(area.width).max(1);
    let note = pieces(&model.look, &model.note, columns, spare).len();
    1 + u16::try_from(note).unwrap_or(1).max(1)
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
    let all = flow(look, &keys(model), columns, usize::from(key_rows));
    let used = u16::try_from(all.len()).unwrap_or(1).min(area.height);
    let bottom = Rect {
        y: area.y + area.height - used,
        height: used,
        ..area
    };
    lines(frame, bottom, all);
}

/// Keys side by side in at most `rows` rows; what does not fit is left out, from the end.
fn flow(look: &Look, keys: &Keys, columns: usize, rows: usize) -> Vec<Line<'static>> {
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
