//! The open question: confirm a disk, replace a file, decide about a failure, go on after a pause.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

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
            let open = Some((*blocking, word.as_str()));
            super::preflight::draw(model, view, open, frame, area);
            return;
        }
        QuestionKind::Pause { .. } => "The sequence waits for you".to_owned(),
        QuestionKind::Secrets { .. } => "Secrets are needed".to_owned(),
    };
    let inside = panel(frame, look, area, &title, true);
    let columns = usize::from(inside.width);
    let rows = usize::from(inside.height);
    let whole = |role, text: &str| whole(look, role, text, columns);
    let mut all = Vec::new();
    match &question.kind {
        QuestionKind::ConfirmDisk(_) if small(frame) => all.extend(whole(
            Role::Bad,
            "Enlarge the screen: a disk is only confirmed where its facts can be seen.",
        )),
        QuestionKind::ConfirmDisk(facts) => all = disk(look, view, facts, columns, rows),
        QuestionKind::ConfirmReplace {
            path,
            bytes,
            modified,
        } => {
            all.extend(whole(Role::Text, path));
            let size = units::bytes(*bytes);
            let facts = format!("{bytes} bytes ({size}), changed {}", date(model, *modified));
            all.extend(whole(Role::Text, &facts));
            all.push(Line::default());
            let promise = "It stays whole until the new image is complete and verified.";
            all.extend(whole(Role::Text, promise));
            all.extend(whole(
                Role::Title,
                "y replace it    n do not: the step fails",
            ));
        }
        QuestionKind::Failed { failure, .. } => all = failed(model, failure, columns, rows),
        QuestionKind::Pause { message } => {
            for line in message.lines() {
                all.extend(whole(Role::Text, line));
            }
            // However long the message, the way on is seen.
            all.truncate(rows.saturating_sub(2));
            all.push(Line::default());
            all.extend(whole(Role::Title, "Enter go on"));
        }
        QuestionKind::Preflight { .. } => {}
        QuestionKind::Secrets { reason, .. } => all.extend(whole(Role::Text, reason)),
    }
    lines(frame, inside, all);
}

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
    let holds = match partitions {
        0 => "empty: no partitions were found".to_owned(),
        1 => "holds 1 partition".to_owned(),
        _ => format!("holds {partitions} partitions"),
    };
    let mut lines = vec![
        line(Role::Bad, "ALL DATA ON THIS DISK WILL BE LOST"),
        line(
            Role::Title,
            &format!("{}  {}", units::bytes(facts.bytes), facts.path),
        ),
        line(Role::Text, &format!("model  {}", or_none(&facts.model))),
        line(Role::Text, &format!("serial {}", or_none(&facts.serial))),
        line(Role::Text, &format!("{}; {holds}", or_none(&facts.table))),
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
    let typed = match &view.over {
        Over::Wipe(_, input) => input.value().to_owned(),
        _ => String::new(),
    };
    lines.push(line(
        Role::Title,
        &format!("Type {WIPE_WORD} and Enter, F8 for no: {typed}_"),
    ));
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
        let text = format!("h: {} guesses at the cause", model.hints.len());
        return whole(look, Role::Text, &text, columns);
    }
    let mut all = whole(
        look,
        Role::Warning,
        &format!("hint: {}. {}", first.hint.title, first.hint.cause),
        columns,
    );
    if let Some(todo) = first.hint.todo.first() {
        let text = format!("try: {todo} (h: all of it{others})");
        all.extend(whole(look, Role::Warning, &text, columns));
    }
    all
}

fn failed(model: &Model, failure: &Failure, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let look = &model.look;
    let mut all = whole(look, Role::Bad, &failure.message, columns);
    let meaning = codes::meaning(failure.code)
        .map(|m| format!(": {m}"))
        .unwrap_or_default();
    let code = format!("code {}{meaning}", codes::show(failure.code));
    all.extend(whole(look, Role::Text, &code, columns));
    if let Some(hint) = &failure.hint {
        all.extend(whole(
            look,
            Role::Warning,
            &format!("way out: {hint}"),
            columns,
        ));
    }
    all.extend(best_hint(model, columns));
    for cause in &failure.causes {
        all.extend(whole(
            look,
            Role::Text,
            &format!("because: {cause}"),
            columns,
        ));
    }
    all.extend(whole(
        look,
        Role::Dim,
        &format!("log: {}", model.state.folder),
        columns,
    ));
    let room = rows.saturating_sub(all.len());
    if !failure.tail.is_empty() && room > 1 {
        all.push(Line::from(span(
            look,
            Role::Dim,
            fit(look, "last lines of the tool:", columns),
        )));
        let skip = failure.tail.len().saturating_sub(room - 1);
        for line in failure.tail.iter().skip(skip) {
            all.push(Line::from(span(
                look,
                Role::Dim,
                fit(look, &format!("  {line}"), columns),
            )));
        }
    }
    all
}
