//! What lies over the panels: a jump's consequences, a step and its attempts, where a value came from, who is there.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{centred, clear, clock, fit, lines, panel, pieces, selected, span};
use crate::codes;
use crate::event::{NodeId, NodeKind, Origin, Outcome, Shown};
use crate::hints::HintAction;
use crate::secret::MASK;
use crate::tui::jump::consequences;
use crate::tui::model::{Explained, Model, Over, RunView, StepCard};
use crate::tui::theme::Role;
use crate::units;

/// Text in roles, before it is wrapped.
type Said = Vec<(Role, String)>;

/// Draws what is open, if it is one of these.
pub(super) fn draw(model: &Model, view: &RunView, frame: &mut Frame<'_>, area: Rect) {
    match &view.over {
        Over::Jump(to) => card(model, frame, area, "Go on here?", &jump(model, *to), 0),
        Over::Step(open) => {
            let title = model.state.title(open.node).to_owned();
            card(model, frame, area, &title, &step(model, open), open.top);
        }
        Over::Explain(open) => explain(model, open, frame, area),
        Over::Hints(row) => {
            let title = format!("Hint {} of {}", row + 1, model.hints.len());
            card(model, frame, area, &title, &hint(model, *row), 0);
        }
        Over::People => card(model, frame, area, "Who is here", &people(model), 0),
        _ => {}
    }
}

/// A card in the middle, as large as its text.
fn card(model: &Model, frame: &mut Frame<'_>, area: Rect, title: &str, said: &Said, top: usize) {
    let look = &model.look;
    let columns = area.width.saturating_sub(4).min(76);
    let inner = usize::from(columns.saturating_sub(2)).max(1);
    let all: Vec<Line<'static>> = said
        .iter()
        .flat_map(|(role, text)| {
            let parts = pieces(look, text, inner, 4);
            let role = *role;
            parts
                .into_iter()
                .map(move |part| Line::from(span(look, role, part)))
                .collect::<Vec<_>>()
        })
        .collect();
    let rows = u16::try_from(all.len() + 2).unwrap_or(u16::MAX);
    let over = centred(area, columns, rows.min(area.height));
    clear(frame, look, over);
    let inside = panel(frame, look, over, title, true);
    let room = usize::from(inside.height);
    let top = top.min(all.len().saturating_sub(room));
    lines(frame, inside, all.into_iter().skip(top).collect());
}

fn names(model: &Model, nodes: impl Iterator<Item = NodeId>) -> String {
    let all: Vec<String> = nodes
        .map(|node| format!("\"{}\"", model.state.title(node)))
        .collect();
    match all.len() {
        0..=6 => all.join(", "),
        more => format!("{} and {} more", all[..5].join(", "), more - 5),
    }
}

fn jump(model: &Model, to: NodeId) -> Said {
    let all = consequences(&model.state, to);
    let mut said = vec![(
        Role::Title,
        format!("The next step will be \"{}\".", model.state.title(to)),
    )];
    if !all.skipped.is_empty() {
        let names = names(model, all.skipped.iter().copied());
        said.push((Role::Warning, format!("Will be skipped: {names}.")));
    }
    let safe: Vec<NodeId> = all
        .repeated
        .iter()
        .filter(|(_, what)| what.is_none())
        .map(|(node, _)| *node)
        .collect();
    if !safe.is_empty() {
        let names = names(model, safe.into_iter());
        let text = format!("Done twice, safe to repeat: {names}.");
        said.push((Role::Text, text));
    }
    for (node, what) in &all.repeated {
        if let Some(what) = what {
            let title = model.state.title(*node);
            said.push((Role::Bad, format!("Done twice: \"{title}\": {what}.")));
        }
    }
    if said.len() == 1 {
        said.push((Role::Text, "Nothing is skipped or done twice.".to_owned()));
    }
    said.push((
        Role::Text,
        "Nothing that was done is undone, nothing that is missing is caught up.".to_owned(),
    ));
    said.push((
        Role::Title,
        "y go on there    any other key: back".to_owned(),
    ));
    said
}

fn step(model: &Model, open: &StepCard) -> Said {
    let state = &model.state;
    let mut said = Said::new();
    let Some(planned) = state.plan.nodes.get(open.node.index()) else {
        return said;
    };
    if let NodeKind::Step(kind) = &planned.kind {
        let repeat = match &planned.repeats {
            Some(what) => format!("repeating it: {what}"),
            None => "safe to repeat".to_owned(),
        };
        said.push((Role::Text, format!("{kind}; {repeat}")));
    }
    if let Some(node) = state.node(open.node) {
        for attempt in &node.attempts {
            let time = units::duration(Duration::from_millis(attempt.millis));
            let at = attempt
                .started
                .map(|at| clock(model, at))
                .unwrap_or_default();
            let (role, fate) = fate(&attempt.outcome);
            said.push((
                role,
                format!("attempt {} at {at}, {time}: {fate}", attempt.number),
            ));
        }
        if node.attempts.is_empty() {
            said.push((Role::Dim, "no attempt has ended yet".to_owned()));
        }
    }
    if let Some(changed) = state.overrides.iter().find(|o| o.node == open.node) {
        let at = clock(model, changed.at);
        said.push((
            Role::Warning,
            format!("changed for this run by {} at {at}", changed.by.name),
        ));
    }
    match &open.text {
        None => said.push((Role::Dim, "...".to_owned())),
        Some(text) => {
            for field in &text.fields {
                if field.value == field.original {
                    said.push((Role::Text, format!("{}: {}", field.path, field.value)));
                } else {
                    let was = if field.original.is_empty() {
                        "not set".to_owned()
                    } else {
                        field.original.clone()
                    };
                    let now = if field.value.is_empty() {
                        "not set"
                    } else {
                        &field.value
                    };
                    said.push((
                        Role::Warning,
                        format!("{}: {now}   (document: {was})", field.path),
                    ));
                }
            }
        }
    }
    said.push((
        Role::Title,
        "o change   z as in the document   l its log   Esc back".to_owned(),
    ));
    said
}

fn fate(outcome: &Outcome) -> (Role, String) {
    match outcome {
        Outcome::Succeeded => (Role::Good, "succeeded".to_owned()),
        Outcome::Warned(what) => (Role::Warning, format!("warning: {what}")),
        Outcome::Failed { failure, .. } => (
            Role::Bad,
            format!("FAILED {}: {}", codes::show(failure.code), failure.message),
        ),
        Outcome::Aborted => (Role::Warning, "aborted".to_owned()),
        Outcome::Interrupted => (Role::Warning, "interrupted".to_owned()),
        Outcome::WillNotRun(_) => (Role::Dim, "did not run".to_owned()),
    }
}

/// Where a value came from, in words.
pub(super) fn origin(origin: &Origin, step: &str) -> String {
    match origin {
        Origin::Engine => "the engine".to_owned(),
        Origin::Document => "the document".to_owned(),
        Origin::Input => "the form (input)".to_owned(),
        Origin::CommandLine => "the command line".to_owned(),
        Origin::Technician(who) => who.name.clone(),
        Origin::Step(node) if step.is_empty() => format!("step {}", node.0),
        Origin::Step(_) => format!("step \"{step}\""),
    }
}

fn explain(model: &Model, open: &Explained, frame: &mut Frame<'_>, area: Rect) {
    let look = &model.look;
    let changes = open.changes.as_deref();
    let count = changes.map_or(1, |all| all.len().max(1));
    let columns = area.width.saturating_sub(4).min(76);
    let rows = u16::try_from(count + 4).unwrap_or(u16::MAX);
    let over = centred(area, columns, rows.min(area.height));
    clear(frame, look, over);
    let title = format!("{}: latest value first", open.name);
    let inside = panel(frame, look, over, &title, true);
    let room = usize::from(inside.height).saturating_sub(1);
    let width = usize::from(inside.width);
    let mut all = Vec::new();
    match changes {
        None => all.push(Line::from(span(look, Role::Dim, "..."))),
        Some([]) => all.push(Line::from(span(look, Role::Text, "it never had a value"))),
        Some(changes) => {
            let top = (open.row + 1).saturating_sub(room);
            for (at, change) in changes.iter().rev().enumerate().skip(top).take(room) {
                let value = match &change.value {
                    Some(Shown::Plain(value)) => format!("= {value}"),
                    Some(Shown::Masked) => format!("= {MASK}"),
                    None => "deleted".to_owned(),
                };
                let chosen = at == open.row;
                let mark = if chosen { look.glyphs.cursor } else { " " };
                let text = format!(
                    "{mark}{} {} by {}",
                    clock(model, change.at),
                    value,
                    origin(&change.origin, &change.step)
                );
                let line = Line::from(span(look, Role::Text, fit(look, &text, width)));
                all.push(if chosen {
                    let style = selected(look, line.style);
                    line.patch_style(style)
                } else {
                    line
                });
            }
        }
    }
    let keys = "Enter see the log there   e change it   Esc back";
    all.truncate(room);
    all.push(Line::from(span(look, Role::Title, fit(look, keys, width))));
    lines(frame, inside, all);
}

/// What Enter does on a hint.
fn action_words(action: HintAction) -> &'static str {
    match action {
        HintAction::RestartAndRetry => "restart the machine and retry",
        HintAction::NewName => "give the image another name",
        HintAction::ClearAttribute => "clear the attribute and retry",
        HintAction::Rescan => "read the partition tables again and retry",
        HintAction::Reconnect => "connect again and retry",
        HintAction::Retry => "retry",
    }
}

fn hint(model: &Model, row: usize) -> Said {
    let mut said = Said::new();
    let Some(found) = model.hints.get(row) else {
        return said;
    };
    let hint = found.hint;
    said.push((Role::Title, format!("{} ({})", hint.title, hint.number)));
    said.push((Role::Text, hint.cause.clone()));
    for (at, todo) in hint.todo.iter().enumerate() {
        said.push((Role::Warning, format!("{}. {todo}", at + 1)));
    }
    said.push((Role::Dim, format!("found by: {}", found.why)));
    let action = hint
        .action
        .map(|action| format!("Enter {}   ", action_words(action)))
        .unwrap_or_default();
    said.push((Role::Title, format!("{action}Up/Down others   Esc back")));
    said
}

fn people(model: &Model) -> Said {
    let people = &model.state.people;
    let mut said = Said::new();
    for attached in &people.attached {
        let mut text = attached.who.name.clone();
        if !attached.from.is_empty() {
            text.push_str(&format!(" from {}", attached.from));
        }
        if attached.size.0 > 0 {
            text.push_str(&format!(", {}x{}", attached.size.0, attached.size.1));
        }
        text.push_str(&format!(", since {}", clock(model, attached.since)));
        if attached.who.client == model.client {
            text.push_str(" (you)");
        }
        let pen = people.pen == Some(attached.who.client);
        if pen {
            text.push_str(" HOLDS THE PEN");
        } else if !attached.may_act {
            text.push_str(", looks on");
        }
        said.push((if pen { Role::Active } else { Role::Text }, text));
    }
    if people.attached.is_empty() {
        said.push((Role::Text, "nobody".to_owned()));
    }
    said.push((
        Role::Title,
        "t take the pen   any other key: back".to_owned(),
    ));
    said
}
