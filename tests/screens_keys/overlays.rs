//! Everything that can lie over the panels, as a technician meets it, and as pictures in three sizes.

use wimforge::event::{
    EventBody, Finding, Gravity, NodeId, Origin, Outcome, QuestionKind, RunOutcome, Severity,
    Shown, Who,
};
use wimforge::protocol::{Change, LogPage, Push, ReplayState, Reply, Request, StepField, StepText};
use wimforge::run_state::{Attached, LogLine, People};
use wimforge::tui::model::Model;
use wimforge::tui::msg::{Effect, Msg};
use wimforge::tui::update::update;

use crate::fixtures::{self, APPLY, CAPTURE, START, Story, technician};
use crate::press::press;
use crate::shot::keep_small;

/// The number under which a request was sent.
pub fn number(effects: &[Effect]) -> u64 {
    match effects.last() {
        Some(Effect::Send(number, _)) => *number,
        other => panic!("nothing was sent: {other:?}"),
    }
}

/// The requests among effects.
pub fn requests(effects: Vec<Effect>) -> Vec<Request> {
    effects
        .into_iter()
        .map(|effect| match effect {
            Effect::Send(_, request) => request,
            other => panic!("no request: {other:?}"),
        })
        .collect()
}

pub fn reply(model: &mut Model, number: u64, reply: Reply) -> Vec<Effect> {
    update(model, Msg::Reply(number, reply))
}

/// Presses keys whose last one asks the engine something, and replies.
pub fn ask(model: &mut Model, keys: &str, answer: Reply) -> Vec<Effect> {
    let sent = number(&press(model, keys));
    reply(model, sent, answer)
}

pub fn finding(gravity: Gravity, subject: &str, text: &str, way_out: &str) -> Finding {
    Finding {
        node: Some(APPLY),
        subject: subject.to_owned(),
        text: text.to_owned(),
        gravity,
        way_out: (!way_out.is_empty()).then(|| way_out.to_owned()),
    }
}

/// Fifteen findings, in the order of the steps.
pub fn findings() -> Vec<Finding> {
    let mut all = vec![
        finding(
            Gravity::Fine,
            "disk 0",
            "a disk of 466 GiB can be written to",
            "",
        ),
        finding(
            Gravity::Warning,
            "clock",
            "the clock of this machine is 17 minutes behind the share's",
            "Set the clock: certificates and Kerberos depend on it.",
        ),
        finding(
            Gravity::Blocking,
            "image file",
            "the image file /mnt/images/reference.wim cannot be opened: No such file or directory",
            "Name another image file, or copy it again.",
        ),
        finding(
            Gravity::Blocking,
            "capture destination",
            "12 GiB are free at /mnt/captures and about 21 GiB will be needed",
            "Make room, or choose another destination.",
        ),
    ];
    all.extend((1..=11).map(|at| {
        let text = format!("the tool number {at} is there");
        finding(Gravity::Fine, &format!("tool {at}"), &text, "")
    }));
    all
}

pub fn preflight(findings: Vec<Finding>) -> Story {
    let blocking = findings
        .iter()
        .filter(|finding| finding.gravity == Gravity::Blocking)
        .count();
    let mut story = Story::new();
    story
        .log(Severity::Info, "Pre-flight check of the steps ahead")
        .tell(EventBody::Preflight { findings })
        .ask(
            None,
            QuestionKind::Preflight {
                blocking: u32::try_from(blocking).unwrap(),
                word: "override".to_owned(),
            },
        );
    story
}

pub fn harmless_findings() -> Vec<Finding> {
    let mut all = findings();
    all.retain(|finding| finding.gravity != Gravity::Blocking);
    all
}

/// Paused after the image was applied.
pub fn paused() -> Story {
    let mut story = crate::snapshots::paused();
    story.wait(2);
    story
}

/// What the engine says of the step that failed: so many settings, the second changed.
pub fn settings(node: NodeId, count: usize) -> StepText {
    let field = |path: &str, value: &str, original: &str| StepField {
        path: path.to_owned(),
        value: value.to_owned(),
        original: original.to_owned(),
        ..StepField::default()
    };
    let mut fields = vec![
        field(
            "name",
            "\"Apply Operating System\"",
            "\"Apply Operating System\"",
        ),
        field("timeout", "7200", "3600"),
        field("action.image", "\"%LabImage%\"", "\"%LabImage%\""),
        field("action.index", "Index(1)", "Index(1)"),
        field(
            "action.destination",
            "Variable(\"OSDisk\")",
            "Variable(\"OSDisk\")",
        ),
    ];
    for at in fields.len()..count {
        let value = format!("\"value {at}\"");
        fields.push(field(&format!("action.setting_{at}"), &value, &value));
    }
    StepText {
        node,
        fields,
        original: String::new(),
    }
}

pub fn settings_reply(node: NodeId, count: usize) -> Reply {
    Reply::Step(Box::new(settings(node, count)))
}

/// A failed step with two attempts and changed settings.
pub fn failed_twice() -> Story {
    let mut story = fixtures::failed();
    let id = story.model.state.question.as_ref().unwrap().id;
    let outcome = Outcome::Failed {
        failure: fixtures::failure(),
        ignored: false,
    };
    story
        .tell(EventBody::StepOverridden {
            node: APPLY,
            text: Some("Step(...)".to_owned()),
            by: technician(),
        })
        .tell(EventBody::QuestionAnswered {
            id,
            answer: wimforge::event::Answered::Retry,
            by: technician(),
        })
        .step(APPLY, 2)
        .wait(61)
        .end(APPLY, 2, outcome, 61_000)
        .ask(
            Some(APPLY),
            QuestionKind::Failed {
                attempt: 2,
                failure: fixtures::failure(),
            },
        );
    story
}

fn who(client: u32, name: &str) -> Who {
    Who {
        client,
        name: name.to_owned(),
    }
}

/// Two consoles and one that only watches; this one is number 1.
pub fn people(pen: Option<u32>, may_act: bool) -> People {
    let attached = |client, name: &str, from: &str, size, may_act| Attached {
        who: who(client, name),
        from: from.to_owned(),
        size,
        may_act,
        since: START,
    };
    People {
        attached: vec![
            attached(1, "console on /dev/tty1", "", (80, 24), may_act),
            attached(4, "console on /dev/pts/7", "10.0.0.17", (132, 43), true),
            attached(9, "console on /dev/pts/9", "192.0.2.240", (60, 20), false),
        ],
        pen,
    }
}

pub fn with_people(mut story: Story, pen: Option<u32>, may_act: bool) -> Story {
    story.model.client = 1;
    let push = Push::People(people(pen, may_act));
    update(&mut story.model, Msg::Push(push));
    story
}

pub fn changes() -> Vec<Change> {
    let change = |seq, seconds: i64, value: Option<Shown>, origin, step: &str| Change {
        seq,
        at: START + seconds * 1000,
        value,
        origin,
        step: step.to_owned(),
    };
    let plain = |text: &str| Some(Shown::Plain(text.to_owned()));
    vec![
        change(5, 0, plain("REF-01"), Origin::Document, ""),
        change(9, 4, None, Origin::Technician(technician()), ""),
        change(
            12,
            9,
            plain(
                "a name that is much too long for a computer and that no row of this card can hold as a whole",
            ),
            Origin::Step(APPLY),
            "Apply Operating System",
        ),
        change(14, 12, Some(Shown::Masked), Origin::CommandLine, ""),
    ]
}

/// Log lines as the engine sends them.
pub fn page(from: u64, to: u64, end: bool) -> LogPage {
    let line = |seq| LogLine {
        seq,
        at: START + i64::try_from(seq).unwrap() * 100,
        severity: Severity::Info,
        component: "TSManager".to_owned(),
        text: format!("line {seq} from the journal"),
        node: Some(APPLY),
        attempt: 1,
    };
    LogPage {
        lines: (from..=to).map(line).collect(),
        through: from,
        end,
    }
}

pub fn recording(mut story: Story, playing: bool) -> Story {
    let replay = ReplayState {
        at: 113_000,
        length: 1_260_000,
        speed: 800,
        playing,
    };
    update(&mut story.model, Msg::Push(Push::Replay(replay)));
    story
}

pub fn rehearsal() -> Story {
    let mut story = Story::new();
    story
        .tell(EventBody::RunStarted {
            run: "20260314-090001".to_owned(),
            folder: "/var/lib/wimforge/runs/20260314-090001".to_owned(),
            source: "/srv/sequences/lab.ron".to_owned(),
            plan: fixtures::plan(),
            unattended: false,
            rehearsal: true,
        })
        .step(APPLY, 1);
    story
}

/// A name for each overlay, and a console on which it is open.
pub fn all() -> Vec<(&'static str, Model)> {
    let mut all: Vec<(&'static str, Model)> = Vec::new();
    let pressed = |story: Story, keys: &str| {
        let mut model = story.model;
        press(&mut model, keys);
        model
    };
    let asked = |story: Story, keys: &str, answer: Reply| {
        let mut model = story.model;
        ask(&mut model, keys, answer);
        model
    };
    all.push((
        "preflight_blocking",
        pressed(preflight(findings()), "overr"),
    ));
    all.push(("preflight_clean", preflight(harmless_findings()).model));
    all.push(("findings", {
        let mut story = preflight(harmless_findings());
        let id = story.model.state.question.as_ref().unwrap().id;
        story.tell(EventBody::QuestionAnswered {
            id,
            answer: wimforge::event::Answered::Yes,
            by: technician(),
        });
        pressed(story, "P<Down><Down>")
    }));
    all.push(("jump_back", pressed(paused(), "<Up><Up>g")));
    all.push((
        "jump_forward",
        pressed(paused(), "<Down><Down><Down><Down><Down><Down>g"),
    ));
    all.push((
        "step_card",
        asked(
            failed_twice(),
            "<Esc><Up><Down><Enter>",
            settings_reply(APPLY, 5),
        ),
    ));
    all.push(("step_card_waiting", pressed(paused(), "<Down><Enter>")));
    all.push((
        "settings",
        asked(failed_twice(), "o", settings_reply(APPLY, 5)),
    ));
    all.push(("settings_many", {
        let mut model = asked(failed_twice(), "o", settings_reply(APPLY, 20));
        press(&mut model, "<PageDown><PageDown><Down>x");
        model
    }));
    all.push((
        "explain",
        asked(
            fixtures::applying(),
            "2<Down><Enter>",
            Reply::History(changes()),
        ),
    ));
    all.push(("explain_long", {
        let mut model = asked(fixtures::applying(), "2<Enter>", Reply::History(changes()));
        press(&mut model, "<Down>");
        model
    }));
    all.push((
        "people",
        pressed(with_people(fixtures::applying(), Some(4), true), "w"),
    ));
    all.push((
        "looks_on",
        with_people(fixtures::wipe(), Some(4), true).model,
    ));
    all.push((
        "only_watching",
        with_people(fixtures::failed(), Some(4), false).model,
    ));
    all.push(("hints", pressed(fixtures::failed(), "h")));
    all.push(("failure_with_hints", fixtures::failed().model));
    all.push((
        "failure_scrolled",
        pressed(fixtures::failed(), "<Down><Down><Down>"),
    ));
    all.push(("confirm_retry", pressed(fixtures::failed(), "r")));
    all.push(("confirm_skip", pressed(fixtures::failed(), "<Esc>s")));
    all.push(("failure_beneath", pressed(fixtures::failed(), "<Esc>")));
    all.push(("bundle", pressed(fixtures::failed(), "b/media/usb")));
    all.push(("log_typing", pressed(fixtures::applying(), "3ff/part")));
    all.push(("log_one_step", pressed(failed_twice(), "<Esc>3ij")));
    all.push(("log_there", {
        let mut model = asked(failed_twice(), "l", Reply::Log(page(40, 40, false)));
        let sent = model.next_request - 1;
        reply(&mut model, sent, Reply::Log(page(1, 40, true)));
        let sent = model.next_request - 1;
        reply(&mut model, sent, Reply::Log(page(41, 90, false)));
        model
    }));
    all.push(("stops", {
        let mut story = paused();
        story
            .tell(EventBody::RunTo {
                node: Some(CAPTURE),
                by: technician(),
            })
            .tell(EventBody::StepOverridden {
                node: CAPTURE,
                text: Some("Step(...)".to_owned()),
                by: technician(),
            });
        pressed(story, "<Down><Down><Down><Down><Down><Down><Down>")
    }));
    all.push(("replay", recording(fixtures::applying(), true).model));
    all.push(("replay_stopped", recording(paused(), false).model));
    all.push(("replay_question", recording(fixtures::wipe(), false).model));
    all.push(("rehearsal", rehearsal().model));
    all.push(("rehearsal_ended", {
        let mut story = rehearsal();
        story.end(APPLY, 1, Outcome::Succeeded, 90).finish(
            RunOutcome::Succeeded,
            0,
            "\"Lab: build and capture\" completed",
        );
        story.model
    }));
    all
}

#[test]
fn every_overlay_looks_as_it_should() {
    for (name, model) in all() {
        keep_small(&format!("over_{name}"), &model);
    }
}
