use super::*;
use crate::event::{DiskFacts, NodeKind, Plan, PlanNode};

fn who() -> Who {
    Who {
        client: 3,
        name: "console on /dev/pts/3".to_owned(),
    }
}

fn state() -> RunState {
    let nodes = ["Partition", "Apply"]
        .iter()
        .zip(0..)
        .map(|(name, id)| PlanNode {
            id: NodeId(id),
            parent: None,
            depth: 0,
            name: (*name).to_owned(),
            kind: NodeKind::Step("Step".to_owned()),
            disabled: false,
            continue_on_error: false,
            weight: 1,
            repeats: None,
        })
        .collect();
    RunState {
        plan: Plan {
            nodes,
            ..Plan::default()
        },
        ..RunState::default()
    }
}

fn gather(bodies: Vec<EventBody>) -> Evidence {
    let events = bodies.into_iter().zip(1..).map(|(body, seq)| {
        Ok(Event {
            seq,
            at: i64::try_from(seq).unwrap() * 1_000,
            body,
        })
    });
    Evidence::gather(&state(), events)
}

fn asked(id: u32, kind: QuestionKind) -> EventBody {
    EventBody::QuestionAsked {
        question: Question {
            id,
            node: Some(NodeId(1)),
            kind,
        },
    }
}

fn answered(id: u32, answer: Answered, by: Who) -> EventBody {
    EventBody::QuestionAnswered { id, answer, by }
}

fn failed_question(id: u32) -> EventBody {
    asked(
        id,
        QuestionKind::Failed {
            attempt: 1,
            failure: Failure::default(),
        },
    )
}

#[test]
fn attempts_keep_their_failures_and_interrupted_ones_have_no_end() {
    let started = |attempt| EventBody::StepStarted {
        node: NodeId(1),
        attempt,
        name: "Apply x".to_owned(),
    };
    let finished = |attempt, outcome| EventBody::StepFinished {
        node: NodeId(1),
        attempt,
        outcome,
        millis: 700,
    };
    let evidence = gather(vec![
        started(1),
        finished(
            1,
            Outcome::Failed {
                failure: Failure {
                    code: 5,
                    ..Failure::default()
                },
                ignored: false,
            },
        ),
        EventBody::RetryScheduled {
            node: NodeId(1),
            attempt: 1,
            of: 3,
            delay_seconds: 9,
        },
        started(2),
        finished(2, Outcome::Interrupted),
        started(3),
        // What will not run has no attempt.
        EventBody::StepFinished {
            node: NodeId(0),
            attempt: 0,
            outcome: Outcome::WillNotRun(NodeId(1)),
            millis: 0,
        },
    ]);
    let all: Vec<_> = evidence.by_step()[&1]
        .iter()
        .map(|a| (a.attempt, a.outcome, a.millis, a.ended))
        .collect();
    assert_eq!(
        all,
        [
            (1, "failed", 700, Some(2_000)),
            (2, "interrupted", 0, None),
            (3, "not ended", 0, None)
        ]
    );
    assert_eq!(evidence.attempts.len(), 3);
    assert_eq!(evidence.attempts[0].failure.as_ref().unwrap().code, 5);
    assert_eq!(evidence.attempts[0].retried_after_seconds, Some(9));
}

#[test]
fn what_technicians_did_is_kept_and_what_the_engine_did_is_not() {
    let set = |origin| EventBody::VariableSet {
        name: "Folder".to_owned(),
        value: Shown::Masked,
        origin,
    };
    let evidence = gather(vec![
        set(Origin::Engine),
        set(Origin::Technician(who())),
        failed_question(1),
        answered(1, Answered::Retry, who()),
        failed_question(2),
        answered(2, Answered::Skip, who()),
        EventBody::Jumped {
            to: NodeId(0),
            by: who(),
        },
        failed_question(3),
        answered(3, Answered::Skip, who()),
        failed_question(4),
        answered(
            4,
            Answered::Abort,
            Who {
                client: 0,
                name: "cancel".to_owned(),
            },
        ),
        // An answer to a question nobody asked says nothing.
        answered(9, Answered::Retry, who()),
    ]);
    let all: Vec<_> = evidence
        .interventions
        .iter()
        .map(|i| (i.kind, i.text.as_str(), i.by.as_str()))
        .collect();
    let by = "console on /dev/pts/3";
    assert_eq!(
        all,
        [
            ("variable", "set Folder to a secret value", by),
            ("retry", "retried \"Apply\" after attempt 1 failed", by),
            ("jump", "moved the pointer to \"Partition\"", by),
            (
                "skip",
                "went on without \"Apply\" after attempt 1 failed",
                by
            ),
        ]
    );
}

#[test]
fn a_wiped_disk_names_who_allowed_it_and_what_it_held() {
    let disk = DiskFacts {
        number: 2,
        path: "/dev/sdb".to_owned(),
        serial: "S9".to_owned(),
        contents: vec!["1: 63 GiB NTFS".to_owned()],
        ..DiskFacts::default()
    };
    let flag = Who {
        client: 0,
        name: "--confirm-disk 2".to_owned(),
    };
    let evidence = gather(vec![
        asked(1, QuestionKind::ConfirmDisk(disk.clone())),
        answered(1, Answered::Yes, flag),
        asked(2, QuestionKind::ConfirmDisk(disk)),
        answered(2, Answered::No, who()),
    ]);
    assert_eq!(evidence.overrides.len(), 1);
    let only = &evidence.overrides[0];
    assert_eq!(
        (only.by.as_str(), only.subject.as_str()),
        ("--confirm-disk 2", "disk 2")
    );
    assert!(only.text.contains("serial S9") && only.text.contains("it held 1: 63 GiB NTFS"));
    assert_eq!(evidence.interventions[0].text, "answered no at \"Apply\"");
}

#[test]
fn notes_do_not_grow_with_the_log() {
    let line = |severity| EventBody::Log {
        severity,
        component: "T".to_owned(),
        text: "x".to_owned(),
        node: None,
        attempt: 0,
    };
    let mut lines = vec![line(Severity::Info); 5];
    lines.extend(vec![line(Severity::Warning); NOTES_KEPT + 7]);
    let evidence = gather(lines);
    assert_eq!(
        (evidence.notes.len(), evidence.notes_dropped),
        (NOTES_KEPT, 7)
    );
}

#[test]
fn a_damaged_journal_gives_what_stood_before_the_damage() {
    let good = Event {
        seq: 1,
        at: 0,
        body: EventBody::BootStarted {
            boot: 1,
            in_winpe: true,
            unplanned: false,
        },
    };
    let damage = EngineError::Busy("line 7 is damaged".to_owned());
    let evidence = Evidence::gather(
        &state(),
        [Ok(good.clone()), Err(damage), Ok(good)].into_iter(),
    );
    assert_eq!(evidence.boots.len(), 1);
    assert_eq!(evidence.damage.as_deref(), Some("line 7 is damaged"));
}
