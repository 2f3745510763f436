//! What lies over the panels: a jump's consequences, a step and its attempts, where a value came from, who is there.

use std::fmt::Write as _;
use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{
    centred, chosen_row, clear, clock, fit, lines, panel, pieces, span, width as columns_of,
};
use crate::codes;
use crate::event::{NodeId, NodeKind, Origin, Outcome, Shown};
use crate::hints::HintAction;
use crate::protocol::Change;
use crate::secret::MASK;
use crate::tui::jump::consequences;
use crate::tui::model::{Explained, Look, Model, Over, RunView, StepCard};
use crate::tui::theme::Role;
use crate::units;

/// Text in roles, before it is wrapped.
type Said = Vec<(Role, String)>;

/// What is open, before it is laid out.
struct Card {
    title: String,
    said: Said,
    /// The keys that matter, where there is room beside the footer for them.
    keys: String,
    top: usize,
}

/// The open card, if it is one of these.
fn open(model: &Model, view: &RunView) -> Option<Card> {
    let card = |title: &str, said, keys: &str, top| Card {
        title: title.to_owned(),
        said,
        keys: keys.to_owned(),
        top,
    };
    Some(match &view.over {
        Over::Jump { to, top } => card(
            "Go on here?",
            jump(model, *to),
            "y go on there    any other key: back",
            *top,
        ),
        Over::Confirm(open) => {
            let said = vec![(Role::Text, open.text.clone())];
            let keys = format!("y {}    any other key: back", open.does);
            card(&open.title, said, &keys, open.top)
        }
        Over::Step(open) => {
            let changed = model.state.overrides.iter().any(|o| o.node == open.node);
            let keys = match (changeable(model), changed) {
                (false, _) => "l its log   Esc back",
                (true, false) => "o change   l its log   Esc back",
                (true, true) => "o change   z as in the document   l its log   Esc back",
            };
            card(
                model.state.title(open.node),
                step(model, open),
                keys,
                open.top,
            )
        }
        Over::Hints { row, top } => {
            let title = format!("Hint {} of {}", row + 1, model.hints.len());
            let (said, keys) = hint(model, *row);
            card(&title, said, &keys, *top)
        }
        Over::People(top) => {
            let keys = if model.holds_pen() {
                "any key: back"
            } else {
                "t take the pen   any other key: back"
            };
            card("Who is here", people(model), keys, *top)
        }
        _ => return None,
    })
}

/// Whether there is a run that can still be changed.
pub(super) fn changeable(model: &Model) -> bool {
    model.replay.is_none() && model.state.end.is_none()
}

/// Draws what is open, if it is one of these.
pub(super) fn draw(model: &Model, view: &RunView, frame: &mut Frame<'_>, area: Rect) {
    if let Over::Explain(open) = &view.over {
        explain(model, open, frame, area);
    } else if let Some(card) = open(model, view) {
        draw_card(&model.look, frame, area, &card);
    }
}

/// The farthest that the open card can be scrolled to in an area of that size.
pub(super) fn last_top(model: &Model, view: &RunView, area: Rect) -> usize {
    open(model, view).map_or(0, |card| {
        let (_, rows, lines) = layout(&model.look, &card, area);
        lines.len().saturating_sub(usize::from(rows))
    })
}

/// A narrow screen has no columns to spare beside a card, a low one no row for its keys: they are in the footer, too.
fn card_columns(area: Rect) -> u16 {
    if area.width < 60 {
        area.width
    } else {
        (area.width - 4).min(76)
    }
}

fn has_keys(area: Rect) -> bool {
    area.width >= 60 && area.height >= 12
}

/// Columns of the card with its frame, rows for its text, its text.
fn layout(look: &Look, card: &Card, area: Rect) -> (u16, u16, Vec<Line<'static>>) {
    let columns = card_columns(area);
    let inner = usize::from(columns.saturating_sub(2)).max(1);
    let all: Vec<Line<'static>> = card
        .said
        .iter()
        .flat_map(|(role, text)| {
            let role = *role;
            pieces(look, text, inner, LONGEST)
                .into_iter()
                .map(move |part| Line::from(span(look, role, part)))
                .collect::<Vec<_>>()
        })
        .collect();
    let around = 2 + u16::from(has_keys(area));
    let rows = u16::try_from(all.len()).unwrap_or(u16::MAX);
    let rows = rows.min(area.height.saturating_sub(around)).max(1);
    (columns, rows, all)
}

/// A card in the middle, as large as its text; what does not fit is scrolled to, its keys stay.
fn draw_card(look: &Look, frame: &mut Frame<'_>, area: Rect, card: &Card) {
    let (columns, rows, all) = layout(look, card, area);
    let keys = has_keys(area);
    let over = centred(area, columns, rows + 2 + u16::from(keys));
    clear(frame, look, over);
    let room = usize::from(rows);
    let top = card.top.min(all.len().saturating_sub(room));
    let title = titled(look, &card.title, (top, room, all.len()), over);
    let inside = panel(frame, look, over, &title, true);
    let mut shown: Vec<Line<'static>> = all.into_iter().skip(top).take(room).collect();
    if keys {
        shown.push(Line::from(span(
            look,
            Role::Title,
            fit(look, &card.keys, usize::from(inside.width)),
        )));
    }
    lines(frame, inside, shown);
}

/// A title that says which of the lines below are in sight, when not all are.
pub(super) fn titled(
    look: &Look,
    title: &str,
    (top, room, all): (usize, usize, usize),
    area: Rect,
) -> String {
    if all <= room {
        return title.to_owned();
    }
    let place = format!(" ({}-{} of {all})", top + 1, (top + room).min(all));
    let columns = usize::from(area.width).saturating_sub(4 + place.len());
    format!("{}{place}", fit(look, title, columns))
}

/// Rows that one text of a card takes at most.
const LONGEST: usize = 12;

/// The names of steps, at most six of them.
pub(super) fn names(model: &Model, nodes: impl Iterator<Item = NodeId>) -> String {
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
    // What may do harm first: a small screen shows the beginning.
    for (node, what) in &all.repeated {
        if let Some(what) = what {
            let title = model.state.title(*node);
            said.push((Role::Bad, format!("Done twice: \"{title}\": {what}.")));
        }
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
    if said.len() == 1 {
        said.push((Role::Text, "Nothing is skipped or done twice.".to_owned()));
    }
    said.push((
        Role::Text,
        "Nothing that was done is undone, nothing that is missing is caught up.".to_owned(),
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
    match (&open.text, &open.trouble) {
        (None, None) => said.push((Role::Dim, "...".to_owned())),
        (None, Some(why)) => said.push((Role::Warning, format!("settings: {why}"))),
        (Some(text), _) => {
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
    let columns = card_columns(area);
    let width = usize::from(columns.saturating_sub(2));
    let keys = has_keys(area);
    // The chosen value as a whole: elsewhere it is cut to one row.
    let chosen = changes
        .and_then(|all| all.iter().rev().nth(open.row))
        .filter(|change| columns_of(&change_text(model, change)) > width.saturating_sub(1))
        .map(|change| pieces(look, &shown(change.value.as_ref()), width, 4))
        .unwrap_or_default();
    let around = 2 + usize::from(keys) + chosen.len();
    let most = usize::from(area.height).saturating_sub(around).max(1);
    let room = count.min(most);
    let rows = u16::try_from(room + around).unwrap_or(u16::MAX);
    let over = centred(area, columns, rows.min(area.height));
    clear(frame, look, over);
    let top = (open.row + 1).saturating_sub(room);
    let title = format!("{}: latest value first", open.name);
    let title = titled(look, &title, (top, room, count), over);
    let inside = panel(frame, look, over, &title, true);
    let mut all = Vec::new();
    match changes {
        None => all.push(Line::from(span(look, Role::Dim, "..."))),
        Some([]) => all.push(Line::from(span(look, Role::Text, "it never had a value"))),
        Some(changes) => {
            for (at, change) in changes.iter().rev().enumerate().skip(top).take(room) {
                let here = at == open.row;
                let mark = if here { look.glyphs.cursor } else { " " };
                let text = format!("{mark}{}", change_text(model, change));
                let line = Line::from(span(look, Role::Text, fit(look, &text, width)));
                all.push(chosen_row(look, line, here));
            }
        }
    }
    let whole = chosen
        .into_iter()
        .map(|part| Line::from(span(look, Role::Dim, part)));
    all.extend(whole);
    if keys {
        let keys = if changeable(model) {
            "Enter see the log there   e change it   Esc back"
        } else {
            "Enter see the log there   Esc back"
        };
        all.push(Line::from(span(look, Role::Title, fit(look, keys, width))));
    }
    lines(frame, inside, all);
}

fn shown(value: Option<&Shown>) -> String {
    match value {
        Some(Shown::Plain(value)) => format!("= {value}"),
        Some(Shown::Masked) => format!("= {MASK}"),
        None => "deleted".to_owned(),
    }
}

/// When, by whom, what: the value last, for it may be long.
fn change_text(model: &Model, change: &Change) -> String {
    format!(
        "{} {}: {}",
        clock(model, change.at),
        origin(&change.origin, &change.step),
        shown(change.value.as_ref())
    )
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

fn hint(model: &Model, row: usize) -> (Said, String) {
    let mut said = Said::new();
    let Some(found) = model.hints.get(row) else {
        return (said, String::new());
    };
    let hint = found.hint;
    said.push((Role::Title, format!("{} ({})", hint.title, hint.number)));
    said.push((Role::Text, hint.cause.clone()));
    for (at, todo) in hint.todo.iter().enumerate() {
        said.push((Role::Text, format!("{}. {todo}", at + 1)));
    }
    said.push((Role::Dim, format!("found by: {}", found.why)));
    let action = match hint.action {
        Some(action) => format!("Enter {}   ", action_words(action)),
        None => String::new(),
    };
    let others = if model.hints.len() > 1 {
        "Up/Down others   "
    } else {
        ""
    };
    (said, format!("{action}{others}Esc back"))
}

fn people(model: &Model) -> Said {
    let people = &model.state.people;
    let mut said = Said::new();
    for attached in &people.attached {
        let mut text = attached.who.name.clone();
        if !attached.from.is_empty() {
            let _ = write!(text, " from {}", attached.from);
        }
        if attached.size.0 > 0 {
            let _ = write!(text, ", {}x{}", attached.size.0, attached.size.1);
        }
        let _ = write!(text, ", since {}", clock(model, attached.since));
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
    said
}
