//! Every key, on one page.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{clear, fit, lines, panel, span};
use crate::tui::model::Model;
use crate::tui::theme::Role;

/// Lines of the page.
pub const LINES: usize = KEYS.len();

const KEYS: [(&str, &str); 20] = [
    ("Tab, 1 2 3", "next panel; steps, variables, log"),
    ("arrows, PgUp PgDn", "move, scroll; Home and End too"),
    ("Esc", "follow the run again; back; put a question aside"),
    (
        "p / c / n",
        "pause before the next step / continue / one step",
    ),
    ("b", "breakpoint at the chosen step"),
    ("g", "go to the chosen step (paused, or after a failure)"),
    ("e", "set a variable; a secret one stays secret"),
    ("x", "cancel the run (asks first; again: kill what runs)"),
    (
        "q, d",
        "detach: the run goes on; attach with `wimforge attach`",
    ),
    ("after a failure", ""),
    ("r", "retry the failed step"),
    ("v", "change a variable; r then retries with it"),
    (
        "s / a",
        "go on without the step / abort the run (asks first)",
    ),
    ("!", "shell; leave it with exit or Ctrl-D"),
    ("in the panels", ""),
    ("/", "filter variables, search the log; n next hit"),
    ("f", "log: all, warnings, errors"),
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
