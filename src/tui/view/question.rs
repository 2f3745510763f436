//! The open question: confirm a disk, replace a file, decide about a failure, go on after a pause.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{self, fit, panel, span, wrapped};
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
            vec![text_line(
                look,
                Role::Bad,
                "Enlarge the screen: a disk is only confirmed where its facts can be seen.",
            )]
        }
        QuestionKind::ConfirmDisk(facts) => disk(
            look,
            view,
            facts,
            usize::from(inside.width),
            usize::from(inside.height),
        ),
        QuestionKind::ConfirmReplace {
            path,
            bytes,
            modified,
        } => vec![
            text_line(look, Role::Title, path),
            text_line(
                look,
                Role::Text,
                &format!(
                    "{}, written {}",
                    units::bytes(*bytes),
                    text::day(model, *modified)
                ),
            ),
            text_line(
                look,
                Role::Text,
                "It stays whole until the new image is verified.",
            ),
            text_line(
                look,
                Role::Title,
                "y replace it   n do not (the step fails)",
            ),
        ],
        QuestionKind::Failed { failure, .. } => failed(model, failure, inside),
        QuestionKind::Pause { message } => vec![
            text_line(look, Role::Text, message),
            Line::default(),
            text_line(look, Role::Title, "Enter go on"),
        ],
        QuestionKind::Secrets { reason, .. } => vec![text_line(look, Role::Text, reason)],
    };
    wrapped(frame, inside, lines);
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

/// Cause and way out first; the tool's last lines get the rows between them and the keys, which are always in sight.
fn failed(model: &Model, failure: &Failure, inside: Rect) -> Vec<Line<'static>> {
    let look = &model.look;
    let columns = usize::from(inside.width).max(1);
    let rows = usize::from(inside.height);
    let mut top: Vec<Line<'static>> = Vec::new();
    let mut say = |role, text: &str| {
        top.extend(
            text::folded(look, text, columns)
                .into_iter()
                .map(|part| Line::from(span(look, role, part))),
        );
    };
    say(Role::Bad, &failure.message);
    let meaning = codes::meaning(failure.code)
        .map(|m| format!(": {m}"))
        .unwrap_or_default();
    say(
        Role::Text,
        &format!("code {}{meaning}", codes::show(failure.code)),
    );
    for cause in &failure.causes {
        say(Role::Text, &format!("because: {cause}"));
    }
    if let Some(hint) = &failure.hint {
        say(Role::Warning, &format!("way out: {hint}"));
    }
    say(Role::Dim, &format!("log: {}", model.state.folder));
    let choices = "r retry  v change a variable  s skip  a abort  ! shell  Esc look at run";
    let keys = text::folded(look, choices, columns);
    top.truncate(rows.saturating_sub(keys.len()));
    let room = rows.saturating_sub(top.len() + keys.len() + 1);
    if !failure.tail.is_empty() && room > 1 {
        top.push(Line::from(span(
            look,
            Role::Dim,
            fit(look, "last lines of the tool:", columns),
        )));
        let skip = failure.tail.len().saturating_sub(room - 1);
        for line in failure.tail.iter().skip(skip) {
            top.push(Line::from(span(
                look,
                Role::Dim,
                fit(look, &format!("  {line}"), columns),
            )));
        }
    }
    if top.len() + keys.len() < rows {
        top.push(Line::default());
    }
    top.extend(
        keys.into_iter()
            .map(|part| Line::from(span(look, Role::Title, part))),
    );
    top
}
