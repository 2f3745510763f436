//! The open question: confirm a disk, replace a file, decide about a failure, go on after a pause.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::closer::titled;
use super::text::{date, fit, lines, panel, pieces, span};
use crate::codes;
use crate::event::{DiskFacts, Failure, Question, QuestionKind};
use crate::hints::Strength;
use crate::tui::model::{CONFIRM_AT_LEAST, Look, Model, Over, RunView, WIPE_WORD};
use crate::tui::theme::Role;
use crate::units;

pub(super) fn draw(
    model: &Model,
    view: &RunView,
    question: &Question,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let look = &model.look;
    let title = match &question.kind {
        QuestionKind::ConfirmDisk(facts) => format!("Wipe disk {}?", facts.number),
        QuestionKind::ConfirmReplace { .. } => "Replace the image?".to_owned(),
        QuestionKind::Failed { attempt, .. } => {
            let step = question.node.map_or("", |node| model.state.title(node));
            format!("FAILED: {step} (attempt {attempt})")
        }
        QuestionKind::Preflight { blocking, word } => {
            let open = Some((*blocking, word.as_str())).filter(|_| answerable(model));
            super::preflight::draw(model, view, open, frame, area);
            return;
        }
        QuestionKind::Pause { .. } => "The sequence waits for you".to_owned(),
        QuestionKind::Secrets { .. } => "Secrets are needed".to_owned(),
    };
    if let QuestionKind::ConfirmDisk(facts) = &question.kind {
        let inside = panel(frame, look, area, &title, true);
        let (columns, rows) = (usize::from(inside.width), usize::from(inside.height));
        let all = if small(frame) {
            let text = "Enlarge the screen: a disk is only confirmed where its facts can be seen.";
            whole(look, Role::Bad, text, columns)
        } else {
            disk(look, view, facts, columns, rows)
        };
        lines(frame, inside, all);
        return;
    }
    let (columns, rows) = inner(area);
    let (full, keys) = text_of(model, question, columns);
    let keys = if answerable(model) { keys } else { Vec::new() };
    let room = rows.saturating_sub(keys.len());
    let top = view.question_top.min(full.len().saturating_sub(room));
    let place = (top, room, full.len());
    // Unscrolled: what the tool said last matters most.
    let shortened = match &question.kind {
        QuestionKind::Failed { failure, .. } if top == 0 && full.len() > room => {
            Some(failed(model, failure, columns, Some(room))).filter(|all| all.len() <= room)
        }
        _ => None,
    };
    let title = match &shortened {
        Some(_) => title,
        None => titled(look, &title, place, area),
    };
    let inside = panel(frame, look, area, &title, true);
    let mut all = shortened.unwrap_or_else(|| full.into_iter().skip(top).collect());
    // However long the text, the way on is seen.
    all.truncate(room);
    all.extend(keys);
    lines(frame, inside, all);
}

/// A recorded question has no keys, nor has one that another console is to answer.
fn answerable(model: &Model) -> bool {
    model.replay.is_none() && model.cannot_act().is_none()
}

/// Columns and rows inside a panel of that size.
fn inner(area: Rect) -> (usize, usize) {
    (
        usize::from(area.width.saturating_sub(2)),
        usize::from(area.height.saturating_sub(2)),
    )
}

/// The farthest that the open question can be scrolled to in an area of that size.
pub(super) fn last_top(model: &Model, question: &Question, area: Rect) -> usize {
    let (columns, rows) = inner(area);
    let (all, keys) = text_of(model, question, columns.max(1));
    all.len().saturating_sub(rows.saturating_sub(keys.len()))
}

/// The text of a question, and the keys that stay below it; none for those with a page of their own.
fn text_of(
    model: &Model,
    question: &Question,
    columns: usize,
) -> (Vec<Line<'static>>, Vec<Line<'static>>) {
    let look = &model.look;
    let whole = |role, text: &str| whole(look, role, text, columns);
    let mut all = Vec::new();
    let mut keys = Vec::new();
    match &question.kind {
        QuestionKind::ConfirmReplace {
            path,
            bytes,
            modified,
        } => {
            all.extend(whole(Role::Text, path));
            let size = units::bytes(*bytes);
            let facts = format!("{bytes} bytes ({size}), changed {}", date(model, *modified));
            all.extend(whole(Role::Text, &facts));
            let roomy = columns >= 50;
            if roomy {
                all.push(Line::default());
            }
            let promise = "It stays whole until the new image is complete and verified.";
            all.extend(whole(Role::Text, promise));
            let what = if roomy {
                "y replace it    n do not: the step fails"
            } else {
                "y replace   n do not"
            };
            keys = whole(Role::Title, what);
        }
        QuestionKind::Failed { failure, .. } => all = failed(model, failure, columns, None),
        QuestionKind::Pause { message } => {
            for line in message.lines() {
                all.extend(
                    pieces(look, line, columns, LONGEST)
                        .into_iter()
                        .map(|part| Line::from(span(look, Role::Text, part))),
                );
            }
            keys.push(Line::default());
            keys.extend(whole(Role::Title, "Enter go on"));
        }
        QuestionKind::Secrets { reason, .. } => all.extend(whole(Role::Text, reason)),
        QuestionKind::ConfirmDisk(_) | QuestionKind::Preflight { .. } => {}
    }
    (all, keys)
}

/// Rows that one line of a message takes at most.
const LONGEST: usize = 100;

fn small(frame: &Frame<'_>) -> bool {
    frame.area().width < CONFIRM_AT_LEAST.0 || frame.area().height < CONFIRM_AT_LEAST.1
}

/// A text in as many rows as it takes, within reason.
fn whole(look: &Look, role: Role, text: &str, columns: usize) -> Vec<Line<'static>> {
    pieces(look, text, columns, 6)
        .into_iter()
        .map(|part| Line::from(span(look, role, part)))
        .collect()
}

/// The facts take five rows, the answer one: as many as there are on the smallest screen that may confirm. What the disk
/// holds gets the rows in between.
fn disk(
    look: &Look,
    view: &RunView,
    facts: &DiskFacts,
    columns: usize,
    rows: usize,
) -> Vec<Line<'static>> {
    let line = |role, text: &str| Line::from(span(look, role, fit(look, text, columns)));
    let or_none = |text: &str| {
        if text.is_empty() {
            "(none)".to_owned()
        } else {
            text.to_owned()
        }
    };
    let partitions = facts.contents.len();
    let holds = match (partitions, facts.found.as_str()) {
        (0, "") => "no partitions were found".to_owned(),
        (some, "") => format!("holds {}", units::count(some as u64, "partition")),
        (_, found) => found.to_owned(),
    };
    let mut lines = vec![
        line(Role::Bad, "ALL DATA ON THIS DISK WILL BE LOST"),
        line(
            Role::Title,
            &format!("{}  {}", units::bytes(facts.bytes), facts.path),
        ),
        line(Role::Text, &format!("model  {}", or_none(&facts.model))),
        line(Role::Text, &format!("serial {}", or_none(&facts.serial))),
        line(
            Role::Text,
            &format!("table  {}; {holds}", or_none(&facts.table)),
        ),
    ];
    let room = rows.saturating_sub(lines.len() + 1);
    let shown = if partitions > room {
        room.saturating_sub(1)
    } else {
        partitions
    };
    for content in facts.contents.iter().take(shown) {
        lines.push(line(Role::Text, &format!("  {content}")));
    }
    if partitions > shown && room > 0 {
        lines.push(line(
            Role::Warning,
            &format!("  and {} more", partitions - shown),
        ));
    }
    if lines.len() + 2 <= rows {
        lines.push(Line::default());
    }
    if let Over::Wipe(_, input) = &view.over {
        let typed = input.value();
        lines.push(line(
            Role::Title,
            &format!("Type {WIPE_WORD} and Enter, F8 for no: {typed}_"),
        ));
    }
    lines
}

/// What the catalogue knows best, next to the error; the rest under `h`.
fn best_hint(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let look = &model.look;
    let Some(first) = model.hints.first() else {
        return Vec::new();
    };
    let others = match model.hints.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    if first.strength < Strength::Code {
        let guesses = match model.hints.len() {
            1 => "a guess".to_owned(),
            some => format!("{some} guesses"),
        };
        let text = format!("h: {guesses} at the cause");
        return whole(look, Role::Text, &text, columns);
    }
    let mut all = whole(
        look,
        Role::Title,
        &format!("hint: {}. {}", first.hint.title, first.hint.cause),
        columns,
    );
    if let Some(todo) = first.hint.todo.first() {
        let text = format!("try: {todo} (h: all of it{others})");
        all.extend(whole(look, Role::Text, &text, columns));
    }
    all
}

/// The code and what it means. What a tool ended with is the tool's own: the same number means something else in Windows.
pub(super) fn code_text(number: u32, message: &str) -> String {
    let code = codes::show(number);
    let of_tool = format!("exit code {number}");
    match codes::meaning(number) {
        Some(meaning) if message.contains(&of_tool) => {
            format!("code {code}, the tool's own (of Windows it would mean: {meaning})")
        }
        Some(meaning) => format!("code {code}: {meaning}"),
        None => format!("code {code}"),
    }
}

/// All there is to say about a failure; within `rows`, when they are given, of the tool's output the last lines only.
fn failed(
    model: &Model,
    failure: &Failure,
    columns: usize,
    rows: Option<usize>,
) -> Vec<Line<'static>> {
    let look = &model.look;
    let mut all = whole(look, Role::Bad, &failure.message, columns);
    let code = code_text(failure.code, &failure.message);
    all.extend(whole(look, Role::Text, &code, columns));
    let say = |role, text: &str| whole(look, role, text, columns);
    if let Some(hint) = &failure.hint {
        all.extend(say(Role::Warning, &format!("way out: {hint}")));
    }
    all.extend(best_hint(model, columns));
    for cause in &failure.causes {
        all.extend(say(Role::Text, &format!("because: {cause}")));
    }
    all.extend(say(Role::Text, &format!("log: {}", model.state.folder)));
    let room = rows.map_or(usize::MAX, |rows| rows.saturating_sub(all.len()));
    if !failure.tail.is_empty() && room > 1 {
        let skip = failure.tail.len().saturating_sub(room - 1);
        let said = if skip > 0 {
            "last lines of the tool (Up/Down: all of them):"
        } else {
            "last lines of the tool:"
        };
        all.push(Line::from(span(look, Role::Dim, fit(look, said, columns))));
        for line in failure.tail.iter().skip(skip) {
            let text = fit(look, &format!("  {line}"), columns);
            all.push(Line::from(span(look, Role::Text, text)));
        }
    }
    all
}
