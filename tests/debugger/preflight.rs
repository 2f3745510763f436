//! The pre-flight page: asked once before the first step that destroys or captures; what blocks is not answered with yes.

use std::sync::Arc;

use wimforge::event::{Answered, EventBody, Gravity, QuestionKind, RunOutcome};
use wimforge::protocol::{Refusal, Reply, Request, StepChange};

use crate::common::{Bench, document};
use crate::live::{Live, RESTART, began, group, ok, slow};
use crate::machine::{Knobs, OneDisk, partition};

fn knobs() -> Arc<Knobs> {
    Arc::new(Knobs::default())
}

fn live(knobs: &Arc<Knobs>, steps: &str, attended: bool) -> Live {
    Live::on(OneDisk(Arc::clone(knobs)), steps, |request| {
        request.unattended = !attended;
        request.confirm_disks = vec![0, 1];
    })
}

/// The open pre-flight question: its id and how many findings block.
fn page(live: &Live) -> (u32, u32) {
    let state = live.wait("the pre-flight page", |state| {
        matches!(&state.question, Some(q) if matches!(q.kind, QuestionKind::Preflight { .. }))
    });
    let question = state.question.unwrap();
    let QuestionKind::Preflight { blocking, word } = question.kind else {
        panic!("another question");
    };
    assert_eq!(word, "override");
    let found = state.preflight.unwrap();
    let blocks = found.iter().filter(|f| f.gravity == Gravity::Blocking);
    assert_eq!(blocks.count(), blocking as usize);
    (question.id, blocking)
}

fn checks(events: &[wimforge::event::Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event.body, EventBody::Preflight { .. }))
        .count()
}

fn answer(live: &Live, question: u32, yes: bool) -> Reply {
    live.ask(Request::Answer { question, yes })
}

#[test]
fn asked_once_and_not_again_after_a_restart_or_by_another_engine() {
    let knobs = knobs();
    let steps = ok("0") + &partition("1", "") + RESTART + &slow("2", 500) + &partition("3", "");
    let live = live(&knobs, &steps, true);
    let (id, blocking) = page(&live);
    assert_eq!((blocking, knobs.written()), (0, 0));
    assert!(!live.state().preflight_passed);
    // Taken up while the page is open: it was not passed.
    let other = live.taken_up();
    let (again, _) = page(&other);
    assert!(again > id, "a stale answer must not fit the new question");
    drop(other);
    assert_eq!(answer(&live, id, true), Reply::Accepted);
    live.wait("the slow step", |state| {
        state.nodes[3].status == wimforge::run_state::Status::Running
    });
    let state = live.state();
    assert!(state.preflight_passed && state.preflight_overridden.is_none());
    let run = live.taken_up().finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(checks(&run.events), 1);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(checks(&run.events), 1);
}

#[test]
fn what_blocks_is_mended_and_checked_again_or_overridden_by_the_word() {
    let knobs = knobs();
    Knobs::set(&knobs.no_rights, true);
    let live = live(&knobs, &(partition("1", "") + &partition("2", "")), true);
    let (id, blocking) = page(&live);
    assert_eq!(blocking, 1);
    let said = live.refused(Request::Answer {
        question: id,
        yes: true,
    });
    assert!(
        said.contains("blocking") && said.contains("override"),
        "{said}"
    );
    let wrong = |word: &str| Request::OverridePreflight {
        question: id,
        word: word.into(),
    };
    for word in ["", "yes", "Override!", "overrid"] {
        let reply = live.ask(wrong(word));
        assert!(
            matches!(reply, Reply::Refused(Refusal::BadValue(_))),
            "{word}"
        );
    }
    let other = Request::OverridePreflight {
        question: id + 1,
        word: "override".into(),
    };
    assert_eq!(live.ask(other), Reply::Refused(Refusal::NotAsked));
    let stale = Request::Recheck { question: id + 1 };
    assert_eq!(live.ask(stale), Reply::Refused(Refusal::NotAsked));
    live.must(Request::Recheck { question: id });
    live.wait("the second page", |state| {
        state.question.as_ref().is_some_and(|q| q.id != id)
    });
    let (id, blocking) = page(&live);
    assert_eq!((blocking, knobs.written()), (1, 0));
    live.must(Request::OverridePreflight {
        question: id,
        word: "override".into(),
    });
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.state.preflight_overridden.unwrap().name, "test");
    assert_eq!(checks(&run.events), 2);
    assert_eq!(knobs.written(), 4);
    let answers: Vec<&Answered> = run
        .events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::QuestionAnswered { answer, by, .. } if by.name == "test" => Some(answer),
            _ => None,
        })
        .collect();
    assert_eq!(answers, [&Answered::Recheck, &Answered::Overridden]);
}

#[test]
fn a_recheck_sees_what_was_mended() {
    let knobs = knobs();
    Knobs::set(&knobs.small, true);
    let live = live(&knobs, &partition("1", ""), true);
    let (id, blocking) = page(&live);
    assert!(blocking > 0);
    Knobs::set(&knobs.small, false);
    live.must(Request::Recheck { question: id });
    live.wait("the second page", |state| {
        state.question.as_ref().is_some_and(|q| q.id != id)
    });
    let (id, blocking) = page(&live);
    assert_eq!(blocking, 0);
    assert_eq!(answer(&live, id, true), Reply::Accepted);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(run.state.preflight_overridden, None);
}

#[test]
fn no_and_cancel_end_the_run_untouched() {
    for cancel in [false, true] {
        let knobs = knobs();
        let live = live(
            &knobs,
            &group("G", "", &(partition("1", "") + &ok("2"))),
            true,
        );
        let (id, _) = page(&live);
        if cancel {
            live.must(Request::Cancel { kill: false });
        } else {
            assert_eq!(answer(&live, id, false), Reply::Accepted);
        }
        let run = live.finish();
        assert_eq!(run.outcome(), RunOutcome::Cancelled);
        assert_eq!(knobs.written(), 0);
        assert_eq!((run.word("1"), run.word("2")), ("not run", "not run"));
        assert_eq!(began(&run), Vec::<&str>::new());
    }
}

#[test]
fn unattended_what_blocks_fails_the_step_and_touches_nothing() {
    let knobs = knobs();
    Knobs::set(&knobs.no_rights, true);
    let steps = partition("1", "continue_on_error: true,") + &partition("2", "") + &ok("3");
    let run = live(&knobs, &steps, false).finish();
    assert_eq!(run.outcome(), RunOutcome::Failed);
    assert_eq!(knobs.written(), 0);
    assert_eq!(
        (run.word("1"), run.word("2"), run.word("3")),
        ("failed, ignored", "failed", "not run")
    );
    let (_, failure) = run.state.last_failure.unwrap();
    assert!(failure.message.contains("--override-preflight override"));
    assert!(failure.causes.iter().any(|cause| cause.contains("root")));
    assert!(!run.state.preflight_passed);
}

#[test]
fn unattended_a_retry_by_the_debugger_does_not_go_round_the_check() {
    let knobs = knobs();
    Knobs::set(&knobs.no_rights, true);
    let live = Live::on(
        OneDisk(Arc::clone(&knobs)),
        &partition("1", ""),
        |request| {
            request.confirm_disks = vec![0];
            request.set.push(("TSDebugOnError".into(), "TRUE".into()));
        },
    );
    live.failed("1", 1);
    live.retry("1", 1);
    live.failed("1", 2);
    assert_eq!(knobs.written(), 0);
    // Also not by another engine, nor by automatic attempts.
    let other = live.taken_up();
    other.failed("1", 2);
    other.retry("1", 2);
    other.failed("1", 3);
    assert_eq!(knobs.written(), 0);
    drop(other);
    Knobs::set(&knobs.no_rights, false);
    live.retry("1", 2);
    assert_eq!(live.finish().outcome(), RunOutcome::Succeeded);
    assert_eq!(knobs.written(), 2);
    Knobs::set(&knobs.no_rights, true);
    let retried = partition("1", "retry: Retry(attempts: 3, delay: 0),");
    let run = self::live(&knobs, &retried, false).finish();
    assert_eq!(run.outcome(), RunOutcome::Failed);
    assert_eq!((run.state.nodes[0].attempt, knobs.written()), (3, 2));
}

#[test]
fn unattended_the_word_given_beforehand_passes_also_after_an_interruption() {
    for word in ["override", "overide"] {
        let knobs = knobs();
        Knobs::set(&knobs.no_rights, true);
        let steps = slow("0", 500) + &partition("1", "") + &partition("2", "");
        let live = Live::on(OneDisk(Arc::clone(&knobs)), &steps, |request| {
            request.confirm_disks = vec![0];
            request.override_preflight = Some(word.into());
        });
        live.wait("the first step", |state| state.current.is_some());
        let other = live.taken_up();
        for live in [live, other] {
            let run = live.finish();
            if word != "override" {
                assert_eq!(run.outcome(), RunOutcome::Failed);
                assert_eq!(knobs.written(), 0);
                continue;
            }
            assert_eq!(run.outcome(), RunOutcome::Succeeded);
            let by = run.state.preflight_overridden.unwrap();
            assert_eq!(by.name, "--override-preflight");
            assert_eq!(checks(&run.events), 1);
        }
    }
}

#[test]
fn unattended_with_nothing_that_blocks_goes_on_and_says_so_once() {
    let knobs = knobs();
    let steps = partition("1", "") + &partition("2", "");
    let run = live(&knobs, &steps, false).finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(knobs.written(), 4);
    assert_eq!(checks(&run.events), 1);
    assert!(run.state.preflight_passed);
    assert_eq!(run.state.preflight_overridden, None);
}

#[test]
fn steps_that_only_pretend_and_steps_that_destroy_nothing_need_no_check() {
    let knobs = knobs();
    Knobs::set(&knobs.no_rights, true);
    let steps = ok("0") + &partition("1", "simulate: Succeed(0),") + &slow("2", 0);
    let run = live(&knobs, &steps, true).finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!((checks(&run.events), knobs.written()), (0, 0));
    let off = partition("1", "disabled: true,")
        + &partition("2", "condition: Exists(\"Nothing\"),")
        + &ok("3");
    let run = live(&knobs, &off, true).finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!((checks(&run.events), knobs.written()), (0, 0));
}

#[test]
fn what_was_changed_for_this_run_is_what_is_checked() {
    let knobs = knobs();
    let live = Live::on(
        OneDisk(Arc::clone(&knobs)),
        &(ok("0") + &partition("1", "")),
        |request| {
            request.unattended = false;
            request.confirm_disks = vec![0, 1];
            request.set.push(("TSDebugMode".into(), "TRUE".into()));
        },
    );
    live.held_before("0");
    let node = live.node("1");
    let to = StepChange::Settings(vec![("action.disk".into(), "1".into())]);
    live.must(Request::OverrideStep { node, to });
    live.must(Request::Continue);
    let (id, _) = page(&live);
    let found = live.state().preflight.unwrap();
    let about = |disk: &str| found.iter().any(|finding| finding.subject == disk);
    assert!(about("disk 1") && !about("disk 0"), "{found:#?}");
    assert_eq!(answer(&live, id, true), Reply::Accepted);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(*knobs.disks_written.lock().unwrap(), [1]);
}

#[test]
fn what_is_changed_while_the_page_is_open_is_what_is_done() {
    let knobs = knobs();
    let live = live(&knobs, &(partition("1", "") + &partition("2", "")), true);
    let (id, _) = page(&live);
    let change = |name: &str, path: &str, value: &str| {
        let to = StepChange::Settings(vec![(path.into(), value.into())]);
        live.must(live.to_node(name, |node| Request::OverrideStep { node, to }));
    };
    change("1", "action.disk", "1");
    change("2", "condition", "Exists(\"Nothing\")");
    assert_eq!(answer(&live, id, true), Reply::Accepted);
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert_eq!(*knobs.disks_written.lock().unwrap(), [1]);
    assert_eq!(run.word("2"), "skipped");
}

#[test]
fn a_step_that_is_disabled_while_the_page_is_open_does_nothing() {
    let knobs = knobs();
    let live = live(&knobs, &(partition("1", "") + &ok("2")), true);
    let (id, _) = page(&live);
    let to = StepChange::Settings(vec![("disabled".into(), "true".into())]);
    live.must(live.to_node("1", |node| Request::OverrideStep { node, to }));
    assert_eq!(answer(&live, id, true), Reply::Accepted);
    let run = live.finish();
    assert_eq!((run.word("1"), run.word("2")), ("skipped", "succeeded"));
    assert_eq!(knobs.written(), 0);
}

#[test]
fn a_document_is_not_started_when_its_disk_is_not_there() {
    let bench = Bench::new();
    let request = bench.request(&document(&partition("1", "")));
    let error = wimforge::engine::start::start(&bench.dispatcher, &bench.options, request)
        .unwrap_err()
        .to_string();
    assert!(error.contains("disk 0"), "{error}");
    assert!(!bench.dispatcher.run().1, "the engine is free again");
}
