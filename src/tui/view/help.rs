//! Every key, on one page.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::closer::titled;
use super::text::{clear, fit, lines, panel, pieces, span};
use crate::tui::model::{Look, Model};
use crate::tui::theme::Role;

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
    (
        "k / K",
        "breakpoint at the chosen step / clear all, and a run-to",
    ),
    ("Enter, on a step", "details: attempts, settings; l its log"),
    ("o", "change the chosen step's settings for this run"),
    ("variables", ""),
    ("Enter", "where the value came from; Enter there: the log"),
    (
        "e / i / Del",
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
    ("i / j", "only lines of the chosen step / of one attempt"),
    ("after a failure, also beneath its page", ""),
    ("r", "retry the failed step (asks first)"),
    ("h", "hints: what it may be, what helps"),
    ("v", "change a variable; r then retries with it"),
    ("s / a", "go on without the step / abort the run (both ask)"),
    ("?, F1", "this page; F1 where letters are typed"),
    ("F2", "forms: show secrets while typing"),
    (
        "Ctrl-L",
        "draw everything anew, ask the terminal for its size",
    ),
];

/// The page in that many columns: what a key does stands beside it, on a narrow screen below it.
fn page(look: &Look, columns: usize) -> Vec<Line<'static>> {
    let beside = columns >= 58;
    let mut all = Vec::new();
    for (key, what) in KEYS {
        if beside {
            let room = columns.saturating_sub(KEY_COLUMNS + 1);
            all.push(Line::from(vec![
                span(look, Role::Key, format!("{key:<KEY_COLUMNS$}")),
                span(look, Role::Text, format!(" {}", fit(look, what, room))),
            ]));
            continue;
        }
        all.push(Line::from(span(look, Role::Key, fit(look, key, columns))));
        if !what.is_empty() {
            let parts = pieces(look, what, columns.saturating_sub(2), 4);
            all.extend(
                parts
                    .into_iter()
                    .map(|part| Line::from(span(look, Role::Text, format!("  {part}")))),
            );
        }
    }
    all
}

const KEY_COLUMNS: usize = 19;

/// The page lies over all but the last row.
fn covered(area: Rect) -> Rect {
    Rect {
        height: area.height.saturating_sub(1),
        ..area
    }
}

/// The farthest that the page can be scrolled to on a screen of that size.
pub(super) fn last_top(look: &Look, area: Rect) -> usize {
    let area = covered(area);
    let rows = usize::from(area.height.saturating_sub(2));
    let columns = usize::from(area.width.saturating_sub(2));
    page(look, columns).len().saturating_sub(rows)
}

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let last = last_top(look, area);
    let area = covered(area);
    clear(frame, look, area);
    let rows = usize::from(area.height.saturating_sub(2));
    let all = page(look, usize::from(area.width.saturating_sub(2)));
    let top = model.help_top.min(last);
    let title = "Help: any key but arrows closes it";
    let title = titled(look, title, (top, rows, all.len()), area);
    let inside = panel(frame, look, area, &title, true);
    lines(
        frame,
        inside,
        all.into_iter().skip(top).take(rows).collect(),
    );
}
