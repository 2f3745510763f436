//! What lies over the panels, with everything hostile in every place.

use wimforge::event::{
    EventBody, Failure, Finding, Gravity, NodeId, Origin, Outcome, QuestionKind, Severity, Shown,
    Who,
};
use wimforge::protocol::{Change, LogPage, Push, Refusal, ReplayState, Reply, StepField, StepText};
use wimforge::run_state::{Attached, LogLine, People};
use wimforge::tui::model::Model;
use wimforge::tui::msg::Msg;
use wimforge::tui::update::update;

use crate::fixtures::{APPLY, Story, technician};
use crate::press::press;

/// Presses keys and gives the reply to every request they made.
fn replied(mut model: Model, keys: &str, reply: &Reply) -> Model {
    for effect in press(&mut model, keys) {
        if let wimforge::tui::msg::Effect::Send(number, _) = effect {
            update(&mut model, Msg::Reply(number, reply.clone()));
        }
    }
    model
}

fn findings(names: &[String]) -> Vec<Finding> {
    let gravities = [Gravity::Fine, Gravity::Warning, Gravity::Blocking];
    names
        .iter()
        .enumerate()
        .map(|(at, name)| Finding {
            node: (at % 2 == 0).then_some(NodeId(u32::try_from(at * 7).unwrap_or(0))),
            subject: name.clone(),
            text: names[(at + 1) % names.len()].clone(),
            gravity: gravities[at % 3],
            way_out: (at % 3 != 0).then(|| names[(at + 2) % names.len()].clone()),
        })
        .collect()
}

fn settings(names: &[String]) -> Reply {
    let fields = names
        .iter()
        .enumerate()
        .map(|(at, name)| StepField {
            path: name.clone(),
            value: names[(at + 1) % names.len()].clone(),
            original: names[(at + at % 2) % names.len()].clone(),
            ..StepField::default()
        })
        .collect();
    Reply::Step(Box::new(StepText {
        node: APPLY,
        fields,
        original: names[0].clone(),
    }))
}

fn history(names: &[String]) -> Reply {
    let changes = names
        .iter()
        .enumerate()
        .map(|(at, name)| Change {
            seq: u64::MAX - at as u64,
            at: if at % 2 == 0 { i64::MAX } else { i64::MIN },
            value: (at % 3 != 0).then(|| Shown::Plain(name.clone())),
            origin: match at % 3 {
                0 => Origin::Technician(who(name)),
                _ => Origin::Step(NodeId(u32::MAX)),
            },
            step: name.clone(),
        })
        .collect();
    Reply::History(changes)
}

fn who(name: &str) -> Who {
    Who {
        client: 3,
        name: name.to_owned(),
    }
}

fn people(names: &[String], pen: Option<u32>, may_act: bool) -> Push {
    let attached = names
        .iter()
        .zip(0..)
        .map(|(name, client)| Attached {
            who: Who {
                client,
                name: name.clone(),
            },
            from: name.clone(),
            size: (u16::MAX, u16::MAX),
            may_act,
            since: i64::MAX,
        })
        .collect();
    Push::People(People { attached, pen })
}

fn page(names: &[String]) -> Reply {
    let lines = names
        .iter()
        .zip(0..)
        .map(|(name, seq)| LogLine {
            seq,
            at: i64::MAX,
            severity: Severity::Error,
            component: name.clone(),
            text: name.clone(),
            node: None,
            attempt: u32::MAX,
        })
        .collect();
    Reply::Log(LogPage {
        lines,
        through: 0,
        end: true,
    })
}

/// Every overlay with these names in every place; `story` is a run that is full of them already.
pub fn overlays(names: &[String], story: &Story) -> Vec<(String, Model)> {
    let mut all = Vec::new();
    let mut add = |what: &str, model: Model| all.push((what.to_owned(), model));
    let failure = Failure {
        code: 0x8007_0070,
        message: format!("{} no space left on device", names[0]),
        causes: names.to_vec(),
        tail: names.to_vec(),
        hint: Some(names[1].clone()),
    };
    let mut failed = story.clone();
    let outcome = Outcome::Failed {
        failure: failure.clone(),
        ignored: false,
    };
    failed
        .end(APPLY, 7, outcome, u64::MAX / 4)
        .tell(EventBody::StepOverridden {
            node: APPLY,
            text: Some(names[0].clone()),
            by: who(&names[0]),
        })
        .ask(
            Some(APPLY),
            QuestionKind::Failed {
                attempt: 7,
                failure,
            },
        );
    let failed = failed.model;
    let mut paused = story.clone();
    paused
        .end(APPLY, 7, Outcome::Warned(names[3].clone()), 5)
        .tell(EventBody::PauseChanged {
            paused: true,
            by: technician(),
        });
    let paused = paused.model;
    let mut checked = story.clone();
    checked.tell(EventBody::Preflight {
        findings: findings(names),
    });
    let mut asked = checked.clone();
    asked.ask(
        None,
        QuestionKind::Preflight {
            blocking: 3,
            word: names[0].clone(),
        },
    );
    let mut typed = asked.model.clone();
    press(&mut typed, &names[2].replace('<', ""));
    add("pre-flight, typed", typed);
    add("pre-flight", asked.model.clone());
    let mut findings = checked.model;
    press(&mut findings, "P<Down>");
    add("findings", findings);
    let mut hints = failed.clone();
    press(&mut hints, "h<PageDown>");
    add("hints", hints);
    let mut scrolled = failed.clone();
    press(&mut scrolled, "<PageDown>");
    add("failure, scrolled", scrolled);
    let mut jump = paused.clone();
    press(&mut jump, "<Home><Down><Down><Down>g");
    add("jump", jump);
    let card = "<Home><Down><Down><Down><Down><Enter>";
    add("step", replied(paused.clone(), card, &settings(names)));
    let refused = Reply::Refused(Refusal::NotNow(names[0].clone()));
    add("step, refused", replied(paused.clone(), card, &refused));
    add("settings", replied(failed.clone(), "o", &settings(names)));
    add(
        "history",
        replied(paused.clone(), "2<Enter>", &history(names)),
    );
    let mut bundle = failed.clone();
    press(&mut bundle, "b");
    update(&mut bundle, Msg::Paste(names[1].clone()));
    add("bundle", bundle);
    let written = Reply::Written(names[1].clone(), u64::MAX);
    add(
        "bundle, written",
        replied(failed.clone(), "b<Enter>", &written),
    );
    for (what, pen, may_act) in [("watching", Some(1), false), ("looking on", Some(1), true)] {
        let mut model = failed.clone();
        update(&mut model, Msg::Push(people(names, pen, may_act)));
        add(what, model.clone());
        press(&mut model, "w<Down>");
        add(&format!("people, {what}"), model);
    }
    add("log there", replied(failed.clone(), "l", &page(names)));
    let mut one_step = failed.clone();
    press(&mut one_step, "<Esc>3ij");
    add("log of a step", one_step);
    for (what, model) in [
        ("replay", story.model.clone()),
        ("replay, asked", asked.model),
    ] {
        let mut model = model;
        let replay = ReplayState {
            at: i64::MAX,
            length: i64::MAX,
            speed: u32::MAX,
            playing: what == "replay",
        };
        update(&mut model, Msg::Push(Push::Replay(replay)));
        add(what, model);
    }
    all
}
