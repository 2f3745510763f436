//! The open question: confirm a disk, replace a file, decide about a failure, go on after a pause.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::closer::titled;
use super::text::{date, fit, lines, panel, pieces, span};
use crate::codes;
use crate::event::{DiskFacts, Failure, Question, QuestionKind};
use crate::hints::Strength;
use crate::tui::model::{CONFIRM_AT_LEAST, Look, Model, Over, RunView};
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
    if question.kind.word().is_some() && small(frame) {
        let inside = panel(frame, look, area, &title, true);
        let text = "Enlarge the screen: this is only answered where it can be read.";
        let columns = usize::from(inside.width);
        lines(frame, inside, whole(look, Role::Bad, text, columns));
        return;
    }
    let (columns, rows) = inner(area);
    let (full, mut keys) = text_of(model, question, columns);
    if let (Over::Word(_, input), Some(word)) = (&view.over, question.kind.word()) {
        keys = word_row(
            model,
            view,
            word,
            input.value(),
            columns,
            full.len() >= rows,
        );
    }
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
            if columns >= 50 {
                all.push(Line::default());
            }
            let promise = "It stays whole until the new image is complete and verified.";
            all.extend(whole(Role::Text, promise));
            keys.push(Line::default());
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
        QuestionKind::ConfirmDisk(facts) => {
            all = disk(look, facts, columns);
            keys.push(Line::default());
        }
        QuestionKind::Preflight { .. } => {}
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

/// Everything that is known of a disk; what it holds last, however much that is.
fn disk(look: &Look, facts: &DiskFacts, columns: usize) -> Vec<Line<'static>> {
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
    let mut all = whole(
        look,
        Role::Bad,
        "ALL DATA ON THIS DISK WILL BE LOST",
        columns,
    );
    for (role, text) in [
        (
            Role::Title,
            format!("{}  {}", units::bytes(facts.bytes), facts.path),
        ),
        (Role::Text, format!("model  {}", or_none(&facts.model))),
        (Role::Text, format!("serial {}", or_none(&facts.serial))),
        (
            Role::Text,
            format!("table  {}; {holds}", or_none(&facts.table)),
        ),
    ] {
        all.extend(whole(look, role, &text, columns));
    }
    for content in &facts.contents {
        all.extend(whole(look, Role::Text, &format!("  {content}"), columns));
    }
    all
}

/// The row in which the word is typed; before the question was read to its end, the way there.
fn word_row(
    model: &Model,
    view: &RunView,
    word: &str,
    typed: &str,
    columns: usize,
    scrolls: bool,
) -> Vec<Line<'static>> {
    let look = &model.look;
    let text = if scrolls && view.read != Some(model.size) {
        "Down, PgDn: read it to its end first".to_owned()
    } else {
        format!("Type {word} and Enter, F8 for no: {typed}_")
    };
    vec![Line::from(span(
        look,
        Role::Title,
        fit(look, &text, columns),
    ))]
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
