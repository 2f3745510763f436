//! The open question: confirm a disk, replace a file, decide about a failure, go on after a pause.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{clock, fit, panel, span, wrapped};
use crate::codes;
use crate::event::{DiskFacts, Failure, Question, QuestionKind};
use crate::tui::model::{CONFIRM_AT_LEAST, Look, Model, Over, RunView, WIPE_WORD};
use crate::tui::theme::Role;
use crate::units;

fn text_line(look: &Look, role: Role, text: &str) -> Line<'static> {
    Line::from(span(look, role, fit(look, text, 400)))
}

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
        QuestionKind::Pause { .. } => "The sequence waits for you".to_owned(),
        QuestionKind::Secrets { .. } => "Secrets are needed".to_owned(),
    };
    let inside = panel(frame, look, area, &title, true);
    let small = frame.area().width < CONFIRM_AT_LEAST.0 || frame.area().height < CONFIRM_AT_LEAST.1;
    let lines = match &question.kind {
        QuestionKind::ConfirmDisk(_) if small => {
            vec![text_line(look, Role::Bad, "Enlarge the screen: a disk is only confirmed where its facts can be seen.")]
        }
        QuestionKind::ConfirmDisk(facts) => disk(look, view, facts, usize::from(inside.height)),
        QuestionKind::ConfirmReplace {
            path,
            bytes,
            modified,
        } => vec![
            text_line(look, Role::Text, path),
            text_line(
                look,
                Role::Text,
                &format!("{} bytes ({}), changed at {}", bytes, units::bytes(*bytes), clock(model, *modified)),
            ),
            Line::default(),
            text_line(look, Role::Text, "It stays whole until the new image is complete and verified."),
            text_line(look, Role::Title, "y replace it    n do not (the step fails)"),
        ],
        QuestionKind::Failed { failure, .. } => failed(look, failure, usize::from(inside.height)),
        QuestionKind::Pause { message } => vec![
            text_line(look, Role::Text, message),
            Line::default(),
            text_line(look, Role::Title, "Enter go on"),
        ],
        QuestionKind::Secrets { reason, .. } => vec![text_line(look, Role::Text, reason)],
    };
    wrapped(frame, inside, lines);
}

fn disk(look: &Look, view: &RunView, facts: &DiskFacts, rows: usize) -> Vec<Line<'static>> {
    let mut lines = vec![
        text_line(look, Role::Bad, "EVERYTHING ON THIS DISK WILL BE LOST."),
        text_line(look, Role::Title, &format!("{}   {}", facts.path, units::bytes(facts.bytes))),
        text_line(
            look,
            Role::Text,
            &format!(
                "model {}   serial {}   {}",
                facts.model,
                if facts.serial.is_empty() { "(none)" } else { &facts.serial },
                facts.table
            ),
        ),
    ];
    if facts.contents.is_empty() {
        lines.push(text_line(look, Role::Text, "It is empty: no partitions were found."));
    }
    let room = rows.saturating_sub(6);
    for content in facts.contents.iter().take(room) {
        lines.push(text_line(look, Role::Text, &format!("  {content}")));
    }
    if facts.contents.len() > room {
        let more = facts.contents.len() - room;
        lines.push(text_line(look, Role::Warning, &format!("  and {more} more partitions")));
    }
    let typed = match &view.over {
        Over::Wipe(input) => input.value().to_owned(),
        _ => String::new(),
    };
    lines.push(Line::default());
    lines.push(text_line(
        look,
        Role::Title,
        &format!("Type {WIPE_WORD} and press Enter to go on: {typed}_"),
    ));
    lines
}

fn failed(look: &Look, failure: &Failure, rows: usize) -> Vec<Line<'static>> {
    let mut lines = vec![text_line(look, Role::Bad, &failure.message)];
    for cause in &failure.causes {
        lines.push(text_line(look, Role::Text, &format!("because: {cause}")));
    }
    let meaning = codes::meaning(failure.code).map(|m| format!(": {m}")).unwrap_or_default();
    lines.push(text_line(look, Role::Text, &format!("code {}{meaning}", codes::show(failure.code))));
    if let Some(hint) = &failure.hint {
        lines.push(text_line(look, Role::Warning, &format!("way out: {hint}")));
    }
    let keys = "r retry   v change a variable   s skip   a abort   ! shell   Esc look at the run";
    let room = rows.saturating_sub(lines.len() + 3);
    if !failure.tail.is_empty() && room > 1 {
        lines.push(text_line(look, Role::Dim, "last lines of the tool:"));
        let skip = failure.tail.len().saturating_sub(room - 1);
        for line in failure.tail.iter().skip(skip) {
            lines.push(text_line(look, Role::Dim, &format!("  {line}")));
        }
    }
    lines.push(Line::default());
    lines.push(text_line(look, Role::Title, keys));
    lines
}
