//! Connections to network folders, and the steps that need them.

use super::finding;
use super::outline::{Outline, Place};
use super::variables::is_named;
use crate::event::{Finding, Gravity};

/// A step that needs a connection stands before it, or behind the restart that ends it.
pub(super) fn order(outline: &Outline<'_>, found: &mut Vec<Finding>) {
    let offered: Vec<_> = outline
        .running()
        .filter_map(|place| Some((place.id, place.connects()?)))
        .flat_map(|(id, connect)| {
            let needs = needs(connect.letter, connect.folder_variable.as_deref());
            needs.into_iter().map(move |need| (id, need))
        })
        .collect();
    if offered.is_empty() {
        return;
    }
    for user in outline.running() {
        let text = user.text();
        let mut said = Vec::new();
        for (id, need) in &offered {
            if !need.is_in(&text) || said.contains(&need) || user.id == *id {
                continue;
            }
            found.extend(judge(outline, user, need));
            said.push(need);
        }
    }
}

/// What a step may need of a connection.
#[derive(Clone, Debug, PartialEq)]
enum Need {
    Letter(char),
    Variable(String),
}

fn needs(letter: Option<char>, variable: Option<&str>) -> Vec<Need> {
    let variable = variable
        .map(|name| name.trim().to_lowercase())
        .filter(|name| !name.is_empty() && !name.contains('%'));
    letter
        .map(|letter| Need::Letter(letter.to_ascii_lowercase()))
        .into_iter()
        .chain(variable.map(Need::Variable))
        .collect()
}

impl Need {
    /// `text` is the debug form of settings, in lower case: a backslash stands twice there.
    fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Variable(name) => is_named(text, name),
            Self::Letter(letter) => {
                let path = format!("{letter}:");
                is_named(text, &format!("_wimforgeconnection{letter}"))
                    || text.match_indices(&path).any(|(at, _)| {
                        let before = text[..at].chars().next_back();
                        let after = text[at + path.len()..].chars().next();
                        before.is_none_or(|c| !c.is_ascii_alphanumeric())
                            && matches!(after, Some('\\' | '/'))
                    })
            }
        }
    }

    fn made_by(&self, place: &Place<'_>) -> bool {
        match self {
            Self::Letter(letter) => place
                .connects()
                .and_then(|connect| connect.letter)
                .is_some_and(|own| own.eq_ignore_ascii_case(letter)),
            Self::Variable(name) => place.may_write(name),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Letter(letter) => format!("{}:", letter.to_ascii_uppercase()),
            Self::Variable(name) => format!("%{name}%"),
        }
    }
}

fn judge(outline: &Outline<'_>, user: &Place<'_>, need: &Need) -> Option<Finding> {
    if let Need::Variable(name) = need
        && outline.is_given(name)
    {
        return None;
    }
    let gravity = match need {
        Need::Letter(_) => Gravity::Blocking,
        // It may be set by hand or on the command line.
        Need::Variable(_) => Gravity::Warning,
    };
    let maker = outline
        .running()
        .rev()
        .find(|place| place.id < user.id && need.made_by(place));
    let Some(maker) = maker else {
        let later = outline
            .running()
            .find(|place| place.id > user.id && need.made_by(place))?;
        return Some(finding(
            user.id,
            gravity,
            "connection",
            format!(
                "{} is needed here, but only \"{}\" further down connects it",
                need.shown(),
                later.name()
            ),
            "Move Connect to Network Folder before this step.",
        ));
    };
    maker.connects()?;
    let restart = outline
        .between(maker.id, user.id)
        .find(|place| place.restarts() && place.certain)?;
    Some(finding(
        user.id,
        gravity,
        "connection",
        format!(
            "{} is needed here, but the connection made by \"{}\" ends with \"{}\"",
            need.shown(),
            maker.name(),
            restart.name()
        ),
        "Connect the folder again behind the restart.",
    ))
}
