use super::*;
use crate::engine::evidence::Attempt;
use crate::event::{
    Artifact, Failure, NodeId, NodeKind, Origin, Outcome, Plan, PlanNode, SkipReason, Who,
};
use crate::run_state::{NodeState, RunEnd, Status, VariableState};

const HOSTILE: &str =
    "<script>alert('x')</script> \" & \u{202e}gnp.exe \u{1b}[31m\u{0}\u{7}\nline 2";

fn node(id: u32, kind: NodeKind, depth: u16) -> PlanNode {
    PlanNode {
        id: NodeId(id),
        parent: None,
        depth,
        name: format!("{HOSTILE} {id}"),
        kind,
        disabled: false,
        continue_on_error: false,
        weight: 1,
        repeats: None,
    }
}

fn hostile() -> (RunState, Evidence) {
    let failure = Failure {
        code: 0x8007_0005,
        message: HOSTILE.to_owned(),
        causes: vec![HOSTILE.to_owned(); 2],
        tail: vec![HOSTILE.to_owned()],
        hint: Some(HOSTILE.to_owned()),
    };
    let who = Who {
        client: 1,
        name: HOSTILE.to_owned(),
    };
    let step = || NodeKind::Step(HOSTILE.to_owned());
    let ended = |outcome| NodeState {
        status: Status::Ended(outcome),
        attempt: 1,
        spent_millis: 10,
        ..NodeState::default()
    };
    let failed = Outcome::Failed {
        failure: failure.clone(),
        ignored: false,
    };
    let skipped = NodeState {
        status: Status::Skipped(SkipReason::Technician(who.clone())),
        ..NodeState::default()
    };
    let mut state = RunState {
        run: "20261123-094538".to_owned(),
        folder: HOSTILE.to_owned(),
        source: HOSTILE.to_owned(),
        plan: Plan {
            name: HOSTILE.to_owned(),
            description: HOSTILE.to_owned(),
            nodes: vec![
                node(0, NodeKind::Group, 0),
                node(1, step(), 1),
                node(2, step(), 1),
                node(3, step(), 0),
            ],
        },
        nodes: vec![
            ended(failed.clone()),
            ended(failed),
            ended(Outcome::WillNotRun(NodeId(1))),
            skipped,
        ],
        started: Some(1_000),
        end: Some(RunEnd {
            outcome: RunOutcome::Failed,
            code: failure.code,
            summary: HOSTILE.to_owned(),
            at: 9_000,
        }),
        artifacts: vec![
            (
                NodeId(1),
                Artifact::CapturedVolume {
                    index: 1,
                    volume: HOSTILE.to_owned(),
                    bytes: 5,
                    files: 6,
                },
            ),
            (
                NodeId(1),
                Artifact::SkippedVolume {
                    volume: HOSTILE.to_owned(),
                    reason: HOSTILE.to_owned(),
                },
            ),
            (
                NodeId(1),
                Artifact::File {
                    path: HOSTILE.to_owned(),
                    bytes: 7,
                    what: HOSTILE.to_owned(),
                },
            ),
        ],
        ..RunState::default()
    };
    for (name, value, origin) in [
        (
            "Plain",
            Shown::Plain(HOSTILE.to_owned()),
            Origin::Technician(who.clone()),
        ),
        ("Password", Shown::Masked, Origin::Step(NodeId(1))),
        (
            "_SMSTSMake",
            Shown::Plain(HOSTILE.to_owned()),
            Origin::Engine,
        ),
    ] {
        let variable = VariableState {
            name: name.to_owned(),
            value,
            origin,
            seq: 1,
            at: 0,
        };
        state.variables.insert(name.to_lowercase(), variable);
    }
    let evidence = Evidence {
        attempts: vec![Attempt {
            waited_millis: 312_000,
            node: 1,
            attempt: 1,
            name: HOSTILE.to_owned(),
            boot: 1,
            started: 1_000,
            ended: Some(1_010),
            millis: 10,
            outcome: "failed",
            warning: Some(HOSTILE.to_owned()),
            failure: Some(failure),
            stalled_seconds: 31,
            retried_after_seconds: Some(2),
        }],
        damage: Some(HOSTILE.to_owned()),
        ..Evidence::default()
    };
    (state, evidence)
}

/// All text below an element.
fn text_of(element: &xmltree::Element, into: &mut String) {
    for child in &element.children {
        match child {
            xmltree::XMLNode::Element(element) => text_of(element, into),
            xmltree::XMLNode::Text(text) => into.push_str(text),
            _ => {}
        }
    }
}

fn names_of(element: &xmltree::Element, into: &mut Vec<String>) {
    into.push(element.name.clone());
    for child in &element.children {
        if let xmltree::XMLNode::Element(element) = child {
            names_of(element, into);
        }
    }
}

#[test]
fn a_page_full_of_hostile_names_is_well_formed_and_harmless() {
    let (state, evidence) = hostile();
    let page = render(&state, &evidence, &Digests::default());
    let root = xmltree::Element::parse(page.as_bytes()).unwrap();
    let mut names = Vec::new();
    names_of(&root, &mut names);
    for bad in ["script", "link", "img", "iframe", "object", "form"] {
        assert!(!names.iter().any(|name| name == bad), "{bad}");
    }
    let mut text = String::new();
    text_of(&root, &mut text);
    assert!(text.contains("<script>alert('x')</script> \" & ?gnp.exe"));
    let control = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!page.contains(control));
    for wanted in [
        "Failed",
        "0x80070005 (2147942405): access denied",
        "not run, because of",
        "skipped by hand, by",
        "besides waiting for a person for 5:12",
        "without a sign of life for 31 s",
        "tried again after 2.0 s",
        "\u{2022}\u{2022}\u{2022}\u{2022}",
        "Way out",
    ] {
        assert!(text.contains(wanted), "{wanted}");
    }
}

#[test]
fn nothing_comes_from_outside() {
    let (state, evidence) = hostile();
    let page = render(&state, &evidence, &Digests::default());
    for bad in [
        "http:",
        "https:",
        "//",
        "src=",
        "@import",
        "url(",
        "onload",
        "javascript",
    ] {
        // Names may hold anything; the hostile one holds none of these.
        assert!(!page.replace("</", "").contains(bad), "{bad}");
    }
    assert!(page.contains("default-src &#39;none&#39;"));
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("@media print"));
    assert!(!style::SHEET.contains(['<', '&']));
}

#[test]
fn outcomes_are_words_and_an_engine_without_a_run_has_a_page_too() {
    let (mut state, evidence) = hostile();
    for (outcome, word) in [
        (RunOutcome::Succeeded, "Succeeded"),
        (RunOutcome::Failed, "Failed"),
        (RunOutcome::Cancelled, "Cancelled"),
    ] {
        state.end.as_mut().unwrap().outcome = outcome;
        let page = render(&state, &evidence, &Digests::default());
        assert!(page.contains(&format!("<dt>Outcome</dt>\n<dd>{word}</dd>")));
    }
    let page = render(
        &RunState::default(),
        &Evidence::default(),
        &Digests::default(),
    );
    xmltree::Element::parse(page.as_bytes()).unwrap();
    assert!(page.contains("Not ended"));
}
