//! Keys of the pre-flight page, and of the failure with its hints.

use wimforge::event::{Answered, EventBody, Gravity, Outcome};
use wimforge::hints::HintAction;
use wimforge::protocol::{Mend, Request};
use wimforge::tui::model::Over;
use wimforge::tui::msg::{Effect, Msg};
use wimforge::tui::update::update;
use wimforge::tui::view::draw_text;

use crate::fixtures::{self, APPLY, Story};
use crate::overlays::{failed_twice, finding, findings, harmless_findings, preflight, requests};
use crate::press::press;

use crate::look::{answered, over, question, run_view, shown};

#[test]
fn the_page_before_the_run_goes_on_with_enter_when_nothing_stops_it() {
    let mut model = preflight(harmless_findings()).model;
    let id = question(&model);
    let yes = Request::Answer {
        question: id,
        yes: true,
    };
    let again = Request::Recheck { question: id };
    assert_eq!(requests(press(&mut model, "<Enter>")), [yes]);
    assert_eq!(
        requests(press(&mut model, "<F5>")),
        std::slice::from_ref(&again)
    );
    assert_eq!(requests(press(&mut model, "r")), [again]);
    // Letters are keys where no word has to be typed.
    assert_eq!(press(&mut model, "x<Esc>"), []);
    assert!(matches!(over(&model), Over::Preflight { .. }));
    assert_eq!(press(&mut model, "q"), [Effect::Quit]);
}

#[test]
fn blocking_findings_are_overridden_by_the_typed_word_only() {
    let mut model = preflight(findings()).model;
    let id = question(&model);
    for keys in ["<Enter>", "y<Enter>", "<Backspace>overrid<Enter>"] {
        assert_eq!(press(&mut model, keys), [], "{keys}");
        assert!(model.note.contains("type override"), "{}", model.note);
    }
    // Not by pasting, and not by a key that means something elsewhere.
    update(&mut model, Msg::Paste("e".to_owned()));
    assert_eq!(press(&mut model, "<Enter>"), []);
    assert!(
        shown(&model).contains("and Enter: overrid_"),
        "{}",
        shown(&model)
    );
    let word = "override".to_owned();
    let wanted = Request::OverridePreflight { question: id, word };
    assert_eq!(
        requests(press(&mut model, "e<Enter>")),
        std::slice::from_ref(&wanted)
    );
    // Caps Lock is no reason.
    let mut model = preflight(findings()).model;
    assert_eq!(requests(press(&mut model, "OVERRIDE<Enter>")), [wanted]);
    assert_eq!(
        requests(press(&mut model, "<F5>")),
        [Request::Recheck { question: id }]
    );
}

#[test]
fn letters_of_the_word_press_no_keys() {
    let mut model = preflight(findings()).model;
    assert_eq!(press(&mut model, "qxdtwrPb!?"), []);
    assert!(!model.help);
    assert!(matches!(over(&model), Over::Preflight { typed, .. } if typed.value() == "qxdtwrPb!?"));
    // Help and cancel are there all the same.
    press(&mut model, "<F1>");
    assert!(model.help);
    press(&mut model, "<Esc><C-c>");
    assert!(matches!(over(&model), Over::Cancel));
    press(&mut model, "<Esc>");
    assert!(matches!(over(&model), Over::Preflight { .. }));
}

#[test]
fn the_page_is_put_aside_and_checked_again() {
    let mut story = preflight(findings());
    press(&mut story.model, "<Down><Down>over<Esc>");
    assert!(shown(&story.model).contains("1 Steps"));
    press(&mut story.model, "<Esc>");
    // What was typed before is not there: the word is typed in one go.
    assert!(
        shown(&story.model).contains("and Enter: _"),
        "{}",
        shown(&story.model)
    );
    // The next check finds less.
    answered(&mut story, Answered::Recheck);
    assert!(shown(&story.model).contains("1 Steps"));
    story
        .tell(EventBody::Preflight {
            findings: harmless_findings(),
        })
        .ask(
            None,
            wimforge::event::QuestionKind::Preflight {
                blocking: 0,
                word: "override".to_owned(),
            },
        );
    assert!(shown(&story.model).contains("0 blocking, 1 warning, 12 fine"));
    let plain = wimforge::report::plain::preflight_text(&harmless_findings());
    assert!(plain.starts_with("pre-flight: 12 fine, 1 warning, 0 blocking"));
    assert!(shown(&story.model).contains("Enter go on"));
}

#[test]
fn every_line_of_the_page_can_be_reached_on_the_smallest_screen() {
    let mut all = findings();
    all.push(finding(
        Gravity::Blocking,
        "share",
        &"a sentence that goes on ".repeat(12),
        "the very last word",
    ));
    let mut model = preflight(all).model;
    update(&mut model, Msg::Resize(40, 12));
    let mut seen = String::new();
    for _ in 0..200 {
        seen.push_str(&draw_text(&model, 40, 12));
        press(&mut model, "<Down>");
    }
    for text in ["very last word", "tool 11: the tool", "capture", "number 7"] {
        assert!(seen.contains(text), "{text}");
    }
    // The end is the end: one key back is felt at once.
    let last = draw_text(&model, 40, 12);
    press(&mut model, "<Down><PageDown>");
    assert_eq!(draw_text(&model, 40, 12), last);
    press(&mut model, "<Up>");
    assert_ne!(draw_text(&model, 40, 12), last);
    assert!(last.contains("or type override: _"), "{last}");
    press(&mut model, "overrid");
    assert!(draw_text(&model, 40, 12).contains("overrid_"));
}

#[test]
fn the_findings_are_seen_once_more() {
    let mut model = fixtures::applying().model;
    press(&mut model, "P");
    assert!(model.note.contains("no pre-flight check"), "{}", model.note);
    let mut story = preflight(findings());
    answered(&mut story, Answered::Overridden);
    assert_eq!(press(&mut story.model, "P<Down><Up><PageDown>"), []);
    assert!(matches!(over(&story.model), Over::Findings(_)));
    press(&mut story.model, "x");
    assert!(
        matches!(over(&story.model), Over::Nothing),
        "any key closes it, and only that"
    );
    // From the failure, too, and back to it.
    story.step(APPLY, 1).ask(
        Some(APPLY),
        wimforge::event::QuestionKind::Failed {
            attempt: 1,
            failure: fixtures::failure(),
        },
    );
    press(&mut story.model, "P");
    assert!(shown(&story.model).contains("2 blocking"));
    press(&mut story.model, "<Esc>");
    assert!(shown(&story.model).contains("FAILED: Apply Operating System"));
}

#[test]
fn hints_are_chosen_and_done() {
    let story = fixtures::failed();
    let (node, attempt) = (APPLY, 1);
    let mut model = story.model.clone();
    press(&mut model, "h");
    assert!(shown(&model).contains("The destination is full (39)"));
    assert_eq!(press(&mut model, "<Enter>"), [], "it asks first");
    assert!(shown(&model).contains("Retry \"Apply Operating System\"?"));
    assert_eq!(
        requests(press(&mut model, "y")),
        [Request::Retry { node, attempt }]
    );
    assert!(shown(&model).contains("FAILED: Apply Operating System"));
    // Left without doing anything.
    let mut model = story.model.clone();
    assert_eq!(press(&mut model, "h<Esc>"), []);
    assert!(shown(&model).contains("FAILED: Apply Operating System"));
    // Answered elsewhere, they go.
    let mut story = story;
    press(&mut story.model, "h");
    answered(&mut story, Answered::Skip);
    assert!(matches!(over(&story.model), Over::Nothing));
}

/// A failure whose best hint offers this.
fn failing(message: &str, line: &str) -> Story {
    let mut story = fixtures::applying();
    let failure = wimforge::event::Failure {
        code: 32,
        message: message.to_owned(),
        tail: vec![line.to_owned()],
        ..wimforge::event::Failure::default()
    };
    let outcome = Outcome::Failed {
        failure: failure.clone(),
        ignored: false,
    };
    story.end(APPLY, 1, outcome, 5).ask(
        Some(APPLY),
        wimforge::event::QuestionKind::Failed {
            attempt: 1,
            failure,
        },
    );
    story
}

#[test]
fn every_action_of_a_hint_becomes_its_request() {
    let (node, attempt) = (APPLY, 1);
    let mend = |how| Request::Mend { node, attempt, how };
    let cases = [
        (
            "NT_STATUS_LOGON_FAILURE",
            HintAction::Reconnect,
            mend(Mend::Reconnect),
        ),
        (
            "the ntfs volume holds no known file system",
            HintAction::Rescan,
            mend(Mend::Rescan),
        ),
        (
            "no default drive letter",
            HintAction::ClearAttribute,
            mend(Mend::ClearAttribute),
        ),
        (
            "reserved storage is in use",
            HintAction::RestartAndRetry,
            Request::RestartAndRetry { node, attempt },
        ),
    ];
    for (line, action, wanted) in cases {
        let mut model = failing("the step gave up", line).model;
        press(&mut model, "h");
        let at = model
            .hints
            .iter()
            .position(|hint| hint.hint.action == Some(action))
            .unwrap_or_else(|| panic!("{line}: {:?}", model.hints));
        press(&mut model, &"<Down>".repeat(at));
        assert_eq!(press(&mut model, "<Enter>"), [], "{line}");
        assert_eq!(requests(press(&mut model, "y")), [wanted], "{line}");
    }
    // Another name is typed.
    let mut model = failing("the step gave up", "destination file already exists").model;
    press(&mut model, "h<Enter>");
    let screen = shown(&model);
    assert!(
        screen.contains("Another name for the image; r then retries."),
        "{screen}"
    );
    assert!(screen.contains("lab/captures/reference.wim_"), "{screen}");
    let set = Request::SetVariable {
        name: "OSDCaptureDestination".to_owned(),
        value: "lab/captures/reference.wim2".to_owned(),
    };
    assert_eq!(requests(press(&mut model, "2<Enter>")), [set]);
}

#[test]
fn a_failure_without_hints_offers_none() {
    let mut model = failing("nobody has ever seen this", "").model;
    assert!(model.hints.is_empty(), "{:?}", model.hints);
    assert!(!shown(&model).contains("h hints"), "{}", shown(&model));
    assert_eq!(press(&mut model, "h"), []);
    assert!(model.note.contains("nothing is known"), "{}", model.note);
}

#[test]
fn a_long_failure_is_read_to_its_end_on_the_smallest_screen() {
    let mut model = fixtures::failed().model;
    update(&mut model, Msg::Resize(40, 12));
    let mut seen = String::new();
    for _ in 0..40 {
        seen.push_str(&draw_text(&model, 40, 12));
        press(&mut model, "<Down>");
    }
    for text in [
        "try: Make room",
        "no space left",
        "/var/lib/wimforge",
        "line 12 of what",
    ] {
        assert!(seen.contains(text), "{text}");
    }
    press(&mut model, "<PageUp><PageUp><PageUp><PageUp>");
    assert!(draw_text(&model, 40, 12).contains("applying image 1"));
    // Another question begins at its beginning.
    press(&mut model, "<Down><Down>");
    assert_eq!(run_view(&model).question_top, 2);
    let mut story = failed_twice();
    assert_eq!(run_view(&story.model).question_top, 0);
    press(&mut story.model, "<Down>");
    answered(&mut story, Answered::Retry);
    assert_eq!(run_view(&story.model).question_top, 0);
}
