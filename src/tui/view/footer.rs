//! The last two lines: a note for the technician, and the next keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{fit, line, lines, span, width};
use crate::event::QuestionKind;
use crate::tui::model::{Model, Over, Pane, RunView, Screen};
use crate::tui::theme::Role;

type Keys = &'static [(&'static str, &'static str)];

fn keys(model: &Model) -> Keys {
    match &model.screen {
        Screen::Connecting => &[("q", "leave")],
        Screen::Picker(_) => &[
            ("Enter", "choose"),
            ("Up/Down", "move"),
            ("F5", "look again"),
            ("F1", "help"),
            ("Esc", "leave"),
        ],
        Screen::Mistakes(_) => &[("Up/Down", "scroll"), ("Esc", "back")],
        Screen::Form(_) => FORM,
        Screen::Run(view) => run_keys(model, view),
    }
}

const FORM: Keys = &[
    ("Enter", "next, start"),
    ("Tab", "next field"),
    ("F2", "show secrets"),
    ("Esc", "back"),
    ("F1", "help"),
];

fn run_keys(model: &Model, view: &RunView) -> Keys {
    match &view.over {
        Over::Typing => return &[("Enter", "keep"), ("Esc", "clear")],
        Over::Cancel => return &[("y", "yes"), ("d", "detach"), ("Esc", "back")],
        Over::Form(_) => return FORM,
        Over::Wipe(..) => {
            return &[
                ("wipe Enter", "go on"),
                ("F8", "no"),
                ("Esc", "look at the run"),
            ];
        }
        Over::Aside(_) => {
            return &[
                ("Esc", "back to the question"),
                ("Tab", "panel"),
                ("?", "help"),
                ("q", "detach"),
            ];
        }
        Over::Nothing => {}
    }
    if model.state.end.is_some() {
        return &[
            ("Enter", "leave"),
            ("Tab", "look at steps, variables, log"),
            ("?", "help"),
        ];
    }
    if matches!(
        model.state.question.as_ref().map(|q| &q.kind),
        Some(QuestionKind::Failed { .. })
    ) {
        return &[
            ("r", "retry"),
            ("v", "variable"),
            ("s", "skip"),
            ("a", "abort"),
            ("!", "shell"),
            ("Esc", "look at the run"),
            ("?", "help"),
            ("q", "detach"),
        ];
    }
    if model.state.question.is_some() {
        return &[("Esc", "look at the run"), ("?", "help"), ("q", "detach")];
    }
    if model.state.paused {
        return &[
            ("c", "continue"),
            ("n", "one step"),
            ("e", "set variable"),
            ("g", "go to"),
            ("b", "break"),
            ("x", "cancel"),
            ("?", "help"),
            ("q", "detach"),
        ];
    }
    match view.pane {
        Pane::Steps => &[
            ("p", "pause"),
            ("x", "cancel"),
            ("Tab", "panel"),
            ("b", "break"),
            ("?", "help"),
            ("q", "detach"),
        ],
        Pane::Variables => &[
            ("/", "filter"),
            ("e", "set"),
            ("Tab", "panel"),
            ("p", "pause"),
            ("?", "help"),
            ("q", "detach"),
        ],
        Pane::Log => &[
            ("/", "search"),
            ("n", "older hit"),
            ("f", "severity"),
            ("Tab", "panel"),
            ("?", "help"),
            ("q", "detach"),
        ],
    }
}

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    line(frame, look, area, Role::Warning, &model.note);
    let row = Rect {
        y: area.y + area.height.saturating_sub(1),
        height: area.height.min(1),
        ..area
    };
    let mut spans = Vec::new();
    let mut used = 0;
    for (key, what) in keys(model) {
        let columns = width(key) + 1 + width(what) + 2;
        if used + columns > usize::from(area.width) + 2 {
            break;
        }
        used += columns;
        spans.push(span(look, Role::Key, *key));
        spans.push(span(look, Role::Text, format!(" {what}  ")));
    }
    if spans.is_empty() {
        spans.push(span(
            look,
            Role::Key,
            fit(look, "? help", usize::from(area.width)),
        ));
    }
    lines(frame, row, vec![Line::from(spans)]);
}
