//! A rehearsal: the shipped sequence runs to its end without disks, image or root, and nothing is written but its folder.

use std::path::PathBuf;

use wimforge::engine::start::EngineOptions;
use wimforge::event::{EventBody, QuestionKind, RunOutcome};
use wimforge::protocol::{Request, StartRun};
use wimforge::run_state::Status;

use crate::common::Bench;
use crate::common::system::files_below;
use crate::live::{Live, command, ok};

const SHIPPED: &str = include_str!("../../sequences/lab-build-and-capture.ron");

/// An engine whose machine cannot even be made: there is none.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.options = EngineOptions {
        machine: std::sync::Arc::new(|| panic!("a rehearsal touches the machine")),
        ..bench.options
    };
    bench
}

fn rehearse(text: &str, change: impl FnOnce(&mut StartRun)) -> Live {
    Live::of(bench(), text, |request| {
        request.rehearse = true;
        change(request);
    })
}

/// At the pace of a rehearsal: about ten seconds.
fn rehearse_the_shipped_sequence(firmware: Option<bool>) {
    let mut bench = bench();
    bench.options.uefi = firmware;
    let live = Live::of(bench, SHIPPED, |request| request.rehearse = true);
    assert!(live.state().rehearsal);
    let folder = live.folder();
    let outside = |path: &PathBuf| !path.starts_with(&folder);
    live.wait("the end", |state| state.end.is_some());
    let written: Vec<PathBuf> = files_below(live.bench.folder.path())
        .into_iter()
        .filter(outside)
        .collect();
    assert_eq!(
        written,
        [live.bench.path("sequence.ron")],
        "only what the test made"
    );
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert!(run.state.rehearsal);
    assert_eq!(run.state.boot, 2, "the restart is rehearsed, too");
    let word = |name: &str| run.word(name);
    assert_eq!(word("Apply Operating System"), "succeeded");
    assert_eq!(word("Capture the Reference Machine"), "succeeded");
    let (bios, uefi) = ("Partition Disk 0 - BIOS", "Partition Disk 0 - UEFI");
    let expected = if firmware == Some(false) {
        (bios, uefi)
    } else {
        (uefi, bios)
    };
    assert_eq!(
        (word(expected.0), word(expected.1)),
        ("succeeded", "skipped")
    );
    // Variables are really set, commands only play their part.
    assert_eq!(
        run.variable("OSDImageDescription").as_deref(),
        Some("REF-01, built from lab/reference.wim")
    );
    assert!(!run.state.log.iter().any(|line| line.text == "built REF-01"));
    let began = &run.events[0].body;
    assert!(matches!(
        began,
        EventBody::RunStarted {
            rehearsal: true,
            ..
        }
    ));
}

#[test]
fn the_shipped_sequence_is_rehearsed_without_anything() {
    rehearse_the_shipped_sequence(None);
}

#[test]
fn the_shipped_sequence_is_rehearsed_for_a_bios() {
    rehearse_the_shipped_sequence(Some(false));
}

#[test]
fn a_command_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made");
    let steps = command("make", &format!("touch {}", file.display()), "") + &ok("2");
    let live = rehearse(&crate::common::document(&steps), |_| {});
    let run = live.finish();
    assert_eq!(run.outcome(), RunOutcome::Succeeded);
    assert!(!file.exists());
}

#[test]
fn taken_up_it_is_still_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made");
    let steps = command("make", &format!("touch {}", file.display()), "")
        + &command("again", &format!("touch {}", file.display()), "");
    let live = rehearse(&crate::common::document(&steps), |request| {
        request.set.push(("TSDebugMode".into(), "TRUE".into()));
    });
    live.held_before("make");
    for without_file in [false, true] {
        let mut other = Bench::new();
        other.options = EngineOptions {
            state: other.path("state"),
            ..live.bench.options.clone()
        };
        let copy = other.path("state/runs/1");
        crate::live::copy(&live.folder(), &copy);
        if without_file {
            // Then the journal alone says that it is a rehearsal.
            std::fs::remove_file(copy.join("run.json")).unwrap();
        }
        let second = Live::resume(other, &copy, true);
        second.held_before("make");
        assert!(second.state().rehearsal);
        second.must(Request::Continue);
        let run = second.finish();
        assert_eq!(run.outcome(), RunOutcome::Succeeded);
        assert!(run.state.rehearsal && !file.exists());
    }
}

#[test]
fn a_changed_step_is_rehearsed_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made");
    let live = rehearse(
        &crate::common::document(&command("make", "true", "")),
        |request| {
            request.set.push(("TSDebugMode".into(), "TRUE".into()));
        },
    );
    live.held_before("make");
    let value = format!("\"touch {}\"", file.display());
    let to = wimforge::protocol::StepChange::Settings(vec![("action.command".into(), value)]);
    let node = live.node("make");
    live.must(Request::OverrideStep { node, to });
    live.must(Request::Continue);
    assert_eq!(live.finish().outcome(), RunOutcome::Succeeded);
    assert!(!file.exists());
}

#[test]
fn with_a_technician_it_shows_the_pre_flight_page_and_failures_that_the_document_plays() {
    let failing = "Step(name: \"bad\", simulate: Fail(7, \"as planned\"), action: RunCommandLine(command: \"true\")),";
    let partition = crate::machine::partition("disk", "");
    let live = rehearse(
        &crate::common::document(&(partition + failing)),
        |request| {
            request.unattended = false;
        },
    );
    let state = live.wait("the page", |state| state.question.is_some());
    let question = state.question.unwrap();
    assert!(matches!(question.kind, QuestionKind::Preflight { .. }));
    live.must(Request::Answer {
        question: question.id,
        yes: true,
    });
    live.failed("bad", 1);
    assert_eq!(live.status("bad"), Status::Undecided);
    live.must(live.to_node("bad", |node| Request::Skip { node, attempt: 1 }));
    assert_eq!(live.finish().outcome(), RunOutcome::Succeeded);
}
