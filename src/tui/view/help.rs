//! Every key, on one page.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{clear, fit, lines, panel, span};
use crate::tui::model::Model;
use crate::tui::theme::Role;

/// Lines of the page.
pub const LINES: usize = KEYS.len();

const KEYS: [(&str, &str); 34] = [
    ("Tab, 1 2 3", "next panel; steps, variables, log"),
    ("arrows, PgUp PgDn", "move, scroll; Home and End too"),
    ("Esc", "follow the run again; back; put a question aside"),
    (
        "q, d",
        "detach: the run goes on; `wimforge attach` comes back",
    ),
    ("x", "cancel the run (asks first; again: kill what runs)"),
    ("b", "write a bundle: the evidence in one archive"),
    ("!", "shell, the run paused; leave with exit or Ctrl-D"),
    ("w / t", "who is here / take the pen"),
    ("P", "the pre-flight page once more"),
    ("debugger", ""),
    ("p / c", "pause before the next step / continue"),
    ("n", "paused: run one step"),
    (
        "g",
        "go to the chosen step; says what that means, asks first",
    ),
    ("u", "run to the chosen step"),
    ("k / K", "breakpoint at the chosen step / clear all"),
    ("Enter, on a step", "closer: attempts, settings; l its log"),
    ("o", "change the chosen step's settings for this run"),
    ("variables", ""),
    ("Enter", "where the value came from; Enter there: the log"),
    (
        "e / a / Del",
        "change / add / delete; a secret stays secret",
    ),
    ("/", "filter"),
    ("log", ""),
    ("/, n, N", "search; older hit, newer hit"),
    (
        "Ctrl-R",
        "while searching: regular expression or plain text",
    ),
    ("f", "all, warnings, errors"),
    ("s / a", "only lines of the chosen step / of one attempt"),
    ("after a failure", ""),
    ("r", "retry the failed step"),
    ("h", "hints: what it may be, what helps"),
    ("v", "change a variable; r then retries with it"),
    (
        "s / a",
        "go on without the step / abort the run (asks first)",
    ),
    ("?, F1", "this page; F1 where letters are typed"),
    ("F2", "forms: show secrets while typing"),
    (
        "Ctrl-L",
        "draw everything anew, ask the terminal for its size",
    ),
];

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    clear(frame, look, area);
    let rows = usize::from(area.height.saturating_sub(2));
    let title = if KEYS.len() > rows {
        let from = model.help_top + 1;
        format!(
            "Help: any key but arrows closes it ({from} of {})",
            KEYS.len()
        )
    } else {
        "Help: any key but arrows closes it".to_owned()
    };
    let inside = panel(frame, look, area, &title, true);
    let columns = usize::from(inside.width);
    let key_columns = 19.min(columns / 2);
    let all = KEYS
        .iter()
        .skip(model.help_top)
        .map(|(key, what)| {
            let key = format!("{key:<key_columns$}");
            let room = columns.saturating_sub(key.chars().count() + 1);
            Line::from(vec![
                span(look, Role::Key, fit(look, &key, columns)),
                span(look, Role::Text, format!(" {}", fit(look, what, room))),
            ])
        })
        .collect();
    lines(frame, inside, all);
}
