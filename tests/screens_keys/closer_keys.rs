//! Keys of what lies over the panels, every reply to them: accepted, refused, late, for something that was closed.

use wimforge::event::{Answered, EventBody, Gravity, NodeId, Outcome, RunOutcome, Shown};
use wimforge::hints::HintAction;
use wimforge::protocol::{Mend, Push, Refusal, ReplayCommand, Reply, Request, StepChange};
use wimforge::tui::model::{Model, Over, Pane, RunView, Screen};
use wimforge::tui::msg::{Effect, Msg};
use wimforge::tui::update::update;
use wimforge::tui::view::draw_text;

use crate::fixtures::{self, APPLY, CAPTURE, PARTITION, Story, technician};
use crate::overlays::{
    ask, changes, failed_twice, finding, findings, harmless_findings, number, paused, preflight,
    recording, reply, requests, settings_reply, with_people,
};
use crate::press::press;

fn run_view(model: &Model) -> &RunView {
    match &model.screen {
        Screen::Run(view) => view,
        other => panic!("not the run screen: {other:?}"),
    }
}

fn over(model: &Model) -> &Over {
    &run_view(model).over
}

fn shown(model: &Model) -> String {
    draw_text(model, 80, 24)
}

fn question(model: &Model) -> u32 {
    model.state.question.as_ref().unwrap().id
}

fn answered(story: &mut Story, answer: Answered) {
    let id = question(&story.model);
    story.tell(EventBody::QuestionAnswered {
        id,
        answer,
        by: technician(),
    });
}

fn refused(text: &str) -> Reply {
    Reply::Refused(Refusal::NotNow(text.to_owned()))
}

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
fn a_jump_says_what_it_means_and_asks() {
    let mut model = paused().model;
    press(&mut model, "<Up>g");
    let screen = shown(&model);
    assert!(
        screen.contains("The next step will be \"Partition Disk 0 - UEFI\"."),
        "{screen}"
    );
    assert!(
        screen.contains("Done twice: \"Apply Operating System\": it is written again."),
        "{screen}"
    );
    for no in ["n", "<Enter>", "<Esc>", "q"] {
        let mut model = model.clone();
        assert_eq!(press(&mut model, no), [], "{no} is no yes");
        assert!(matches!(over(&model), Over::Nothing));
    }
    assert_eq!(
        requests(press(&mut model, "y")),
        [Request::Jump { to: PARTITION }]
    );
}

#[test]
fn a_jump_is_not_offered_where_it_would_be_refused() {
    let mut model = fixtures::applying().model;
    assert_eq!(press(&mut model, "<Down>g"), []);
    assert!(matches!(over(&model), Over::Nothing));
    assert!(model.note.contains("pause first"), "{}", model.note);
    // A group is no step.
    let mut model = paused().model;
    assert_eq!(press(&mut model, "<Up><Up><Up><Up><Up>g"), []);
    assert!(model.note.contains("group"), "{}", model.note);
    // After a failure it is, with the question put aside.
    let mut model = failed_twice().model;
    press(&mut model, "<Esc><Up>g");
    assert!(shown(&model).contains("Go on here?"));
    let jump = Request::Jump { to: PARTITION };
    let sent = press(&mut model, "y");
    let number = number(&sent);
    assert_eq!(requests(sent), [jump]);
    reply(&mut model, number, refused("the step runs"));
    assert!(shown(&model).contains("the step runs"));
}

#[test]
fn a_jump_box_goes_with_the_run() {
    let mut story = paused();
    press(&mut story.model, "<Up>g");
    story.finish(RunOutcome::Cancelled, 0, "cancelled");
    assert!(shown(&story.model).contains("Summary"));
    assert_eq!(requests_of_jump(press(&mut story.model, "y")), 0);
}

fn requests_of_jump(effects: Vec<Effect>) -> usize {
    effects
        .iter()
        .filter(|e| matches!(e, Effect::Send(_, Request::Jump { .. })))
        .count()
}

#[test]
fn a_step_is_looked_at_and_left() {
    let mut model = paused().model;
    let sent = press(&mut model, "<Up><Down><Enter>");
    let asked = number(&sent);
    assert_eq!(requests(sent), [Request::DescribeStep { node: APPLY }]);
    assert!(shown(&model).contains("attempt 1 at"));
    // Another step's settings that come late are not this one's.
    reply(&mut model, asked + 70, settings_reply(APPLY, 5));
    assert!(!shown(&model).contains("timeout"));
    reply(&mut model, asked, settings_reply(APPLY, 5));
    let screen = shown(&model);
    assert!(
        screen.contains("timeout: 7200   (document: 3600)"),
        "{screen}"
    );
    press(&mut model, "<Esc>");
    reply(&mut model, asked, settings_reply(APPLY, 5));
    assert!(
        matches!(over(&model), Over::Nothing),
        "what was closed stays closed"
    );
}

#[test]
fn a_step_without_settings_shows_its_attempts() {
    let mut model = failed_twice().model;
    ask(
        &mut model,
        "<Esc><Up><Down><Enter>",
        refused("no document is here"),
    );
    let screen = shown(&model);
    assert!(
        screen.contains("settings: no document is here") && screen.contains("attempt 2 at"),
        "{screen}"
    );
    assert_eq!(press(&mut model, "o"), []);
    press(&mut model, "<Esc>");
    assert!(matches!(over(&model), Over::Aside(_)));
}

#[test]
fn a_step_goes_back_to_the_document() {
    let mut model = failed_twice().model;
    ask(
        &mut model,
        "<Esc><Up><Down><Enter>",
        settings_reply(APPLY, 5),
    );
    let original = Request::OverrideStep {
        node: APPLY,
        to: StepChange::Original,
    };
    assert_eq!(requests(press(&mut model, "z")), [original]);
    // One that was not changed has nothing to go back to.
    let mut model = paused().model;
    ask(&mut model, "<Up><Enter>", settings_reply(PARTITION, 5));
    assert_eq!(press(&mut model, "z"), []);
    assert!(model.note.contains("as in the document"), "{}", model.note);
}

#[test]
fn only_what_was_changed_is_sent_and_a_refusal_gives_the_form_back() {
    let mut model = failed_twice().model;
    ask(&mut model, "o", settings_reply(APPLY, 20));
    // It begins where the action's settings begin.
    let sent = press(&mut model, "<Backspace>.wim\"<Up>0<Enter>");
    let number = number(&sent);
    let change = |path: &str, value: &str| (path.to_owned(), value.to_owned());
    let settings = vec![
        change("timeout", "72000"),
        change("action.image", "\"%LabImage%.wim\""),
    ];
    assert_eq!(
        requests(sent),
        [Request::OverrideStep {
            node: APPLY,
            to: StepChange::Settings(settings.clone()),
        }]
    );
    assert!(shown(&model).contains("FAILED: Apply Operating System"));
    let mistake = "the document with the changed step:13:19: error: expected `,`\n   13 | x";
    reply(
        &mut model,
        number,
        Reply::Refused(Refusal::BadSequence(mistake.to_owned())),
    );
    let screen = shown(&model);
    assert!(
        screen.contains("72000") && screen.contains("expected `,`"),
        "{screen}"
    );
    // A second refusal of the same request opens nothing.
    press(&mut model, "<Esc>");
    reply(&mut model, number, refused("too late"));
    assert!(matches!(over(&model), Over::Nothing));
}

#[test]
fn a_new_setting_has_a_name_and_a_value() {
    let mut model = failed_twice().model;
    ask(&mut model, "o", settings_reply(APPLY, 5));
    assert_eq!(press(&mut model, "<PageDown><PageDown>retry<Enter>"), []);
    assert!(
        shown(&model).contains("write it as name: value"),
        "{}",
        shown(&model)
    );
    let sent = requests(press(&mut model, ": (attempts: 3)<Enter>"));
    let new = ("retry".to_owned(), "(attempts: 3)".to_owned());
    assert_eq!(
        sent,
        [Request::OverrideStep {
            node: APPLY,
            to: StepChange::Settings(vec![new]),
        }]
    );
}

#[test]
fn settings_left_as_they_are_are_not_sent() {
    let mut model = failed_twice().model;
    ask(&mut model, "o", settings_reply(APPLY, 5));
    assert_eq!(press(&mut model, "<Enter>"), []);
    assert!(model.note.contains("nothing was changed"), "{}", model.note);
    assert!(shown(&model).contains("FAILED: Apply Operating System"));
    // Emptied means taken away.
    ask(&mut model, "o", settings_reply(APPLY, 5));
    let sent = requests(press(
        &mut model,
        "<Up><Backspace><Backspace><Backspace><Backspace><Enter>",
    ));
    let gone = ("timeout".to_owned(), String::new());
    assert_eq!(
        sent,
        [Request::OverrideStep {
            node: APPLY,
            to: StepChange::Settings(vec![gone]),
        }]
    );
}

#[test]
fn twenty_settings_scroll_on_the_smallest_screen() {
    let mut model = failed_twice().model;
    update(&mut model, Msg::Resize(40, 12));
    ask(&mut model, "o", settings_reply(APPLY, 20));
    for at in 3..20 {
        let screen = draw_text(&model, 40, 12);
        let chosen = screen.lines().find(|line| line.starts_with("│> "));
        let wanted = match at {
            3 => "action.index".to_owned(),
            4 => "action.destinat".to_owned(),
            at => format!("action.setting_{at}"),
        };
        press(&mut model, "<Down>");
        if at == 3 {
            continue;
        }
        let before = match at {
            4 => "action.index".to_owned(),
            5 => "action.destinat".to_owned(),
            _ => format!("action.setting_{}", at - 1),
        };
        assert!(
            chosen.is_some_and(|line| line.contains(&before)),
            "{before} then {wanted}:\n{screen}"
        );
    }
    press(&mut model, "<Down><Down>");
    assert!(draw_text(&model, 40, 12).contains("> New setting"));
}

#[test]
fn where_a_value_came_from() {
    let mut model = fixtures::applying().model;
    let sent = press(&mut model, "2<Down><Enter>");
    let asked = number(&sent);
    let name = "OSDCaptureAccount".to_owned();
    assert_eq!(requests(sent), [Request::Explain { name }]);
    reply(&mut model, asked, Reply::History(changes()));
    assert!(shown(&model).contains("OSDCaptureAccount: latest value first"));
    // The latest first: the third one down is the second oldest.
    let sent = requests(press(&mut model, "<Down><Down><Enter>"));
    let [Request::ReadLog(query)] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!((query.from, query.forward), (10, false));
    assert_eq!(run_view(&model).pane, Pane::Log);
    assert!(matches!(over(&model), Over::Nothing));
}

#[test]
fn a_history_that_comes_late_is_not_another_variables() {
    let mut model = fixtures::applying().model;
    let first = number(&press(&mut model, "2<Enter>"));
    let second = number(&press(&mut model, "<Esc><Down><Enter>"));
    reply(&mut model, first, Reply::History(changes()));
    assert!(!shown(&model).contains("REF-01 "), "{}", shown(&model));
    assert!(shown(&model).contains("│..."), "{}", shown(&model));
    reply(&mut model, second, Reply::History(Vec::new()));
    assert!(shown(&model).contains("it never had a value"));
    press(&mut model, "<Esc>");
    reply(&mut model, second, Reply::History(changes()));
    assert!(matches!(over(&model), Over::Nothing));
    // A refusal takes the card away and says why.
    ask(&mut model, "<Enter>", refused("no history is kept"));
    assert!(shown(&model).contains("no history is kept"));
    assert!(matches!(over(&model), Over::Nothing));
}

#[test]
fn a_value_is_changed_where_it_is_explained() {
    let mut model = fixtures::applying().model;
    ask(&mut model, "2<Enter>", Reply::History(changes()));
    press(&mut model, "e");
    assert!(shown(&model).contains("> Value (empty deletes it): lab/reference.wim_"));
    // The engine's own are only read.
    let mut model = fixtures::applying().model;
    ask(&mut model, "2<End><Enter>", Reply::History(changes()));
    press(&mut model, "e");
    assert!(model.note.contains("engine's own"), "{}", model.note);
    assert!(matches!(over(&model), Over::Explain(_)));
    press(&mut model, "<Esc>e");
    assert!(model.note.contains("engine's own"), "{}", model.note);
}

#[test]
fn hints_are_chosen_and_done() {
    let story = fixtures::failed();
    let (node, attempt) = (APPLY, 1);
    let mut model = story.model.clone();
    press(&mut model, "h");
    assert!(shown(&model).contains("The destination is full (39)"));
    assert_eq!(
        requests(press(&mut model, "<Enter>")),
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
        assert_eq!(requests(press(&mut model, "<Enter>")), [wanted], "{line}");
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

#[test]
fn people_and_the_pen() {
    let mut model = with_people(fixtures::applying(), Some(4), true).model;
    assert!(shown(&model).contains("3 here, you look on"));
    press(&mut model, "w");
    assert!(shown(&model).contains("132x43, since 09:00:00 HOLDS THE PEN"));
    assert_eq!(requests(press(&mut model, "t")), [Request::TakePen]);
    assert!(matches!(over(&model), Over::Nothing));
    assert_eq!(requests(press(&mut model, "t")), [Request::TakePen]);
    assert_eq!(press(&mut model, "w<Esc>"), []);
    // From the failure and back to it.
    let mut model = with_people(fixtures::failed(), Some(1), true).model;
    assert_eq!(press(&mut model, "w<Esc>"), []);
    assert!(shown(&model).contains("FAILED: Apply Operating System"));
    assert!(shown(&model).contains("3 here, you hold the pen"));
}

#[test]
fn who_has_no_pen_is_told_before_anything_is_typed() {
    for keys in ["e", "a", "x", "b", "<Down>o", "2e", "<C-c>"] {
        let mut model = with_people(fixtures::applying(), Some(4), true).model;
        assert_eq!(press(&mut model, keys), [], "{keys}");
        assert!(matches!(over(&model), Over::Nothing), "{keys}");
        let screen = shown(&model);
        assert!(
            screen.contains("/dev/pts/7 holds the pen: press t"),
            "{keys}\n{screen}"
        );
        assert!(screen.contains("t take the pen"), "{keys}\n{screen}");
    }
    for keys in ["v", "a", "b", "o", "x"] {
        let mut model = with_people(fixtures::failed(), Some(4), false).model;
        assert_eq!(press(&mut model, keys), [], "{keys}");
        assert!(shown(&model).contains("only looks on (--watch)"), "{keys}");
        assert!(!shown(&model).contains("take the pen"), "{keys}");
    }
}

#[test]
fn a_word_is_typed_only_by_who_holds_the_pen() {
    let mut story = with_people(fixtures::wipe(), Some(4), true);
    assert!(
        !shown(&story.model).contains("Type wipe"),
        "{}",
        shown(&story.model)
    );
    assert_eq!(requests(press(&mut story.model, "t")), [Request::TakePen]);
    let pen = |client| EventBody::PenTaken {
        by: wimforge::event::Who {
            client,
            name: "console".to_owned(),
        },
    };
    story.tell(pen(1));
    assert!(shown(&story.model).contains("Type wipe and Enter"));
    press(&mut story.model, "wip");
    // It is taken away in the middle of the word: the rest presses no key, nothing is answered.
    story.tell(pen(4));
    assert_eq!(press(&mut story.model, "e<Enter>"), []);
    assert!(!shown(&story.model).contains("Type wipe"));
    story.tell(pen(1));
    assert!(
        shown(&story.model).contains("F8 for no: _"),
        "{}",
        shown(&story.model)
    );
}

#[test]
fn a_refused_answer_brings_its_question_back() {
    let mut model = fixtures::wipe().model;
    let sent = number(&press(&mut model, "wipe<Enter>"));
    assert!(shown(&model).contains("1 Steps"));
    reply(
        &mut model,
        sent,
        Reply::Refused(Refusal::NoPen("console on /dev/tty2".to_owned())),
    );
    let screen = shown(&model);
    assert!(
        screen.contains("Type wipe and Enter, F8 for no: _") && screen.contains("holds the pen"),
        "{screen}"
    );
    let no = Request::Answer {
        question: question(&model),
        yes: false,
    };
    assert_eq!(requests(press(&mut model, "<F8>")), [no]);
}

#[test]
fn a_bundle_goes_where_it_is_wanted() {
    let mut model = fixtures::failed().model;
    let sent = press(&mut model, "b/media/usb<Enter>");
    let asked = number(&sent);
    let to = "/media/usb".to_owned();
    assert_eq!(requests(sent), [Request::Bundle { to }]);
    assert!(shown(&model).contains("writing the bundle ..."));
    let written = Reply::Written("/media/usb/wimforge.tar.gz".to_owned(), 26 * 1024);
    reply(&mut model, asked, written);
    assert!(shown(&model).contains("/media/usb/wimforge.tar.gz was written, 26 KiB"));
    // The run's own folder, and a refusal that gives the form back.
    let sent = press(&mut model, "b<Enter>");
    let asked = number(&sent);
    assert_eq!(requests(sent), [Request::Bundle { to: String::new() }]);
    reply(&mut model, asked, refused("the disk is full"));
    assert!(shown(&model).contains("Write a bundle") && shown(&model).contains("the disk is full"));
    // After the end, too.
    let mut model = fixtures::succeeded().model;
    press(&mut model, "b");
    assert!(shown(&model).contains("Write a bundle"));
    assert_eq!(
        requests(press(&mut model, "<Enter>")),
        [Request::Bundle { to: String::new() }]
    );
}

#[test]
fn a_step_that_was_passed_is_not_run_to() {
    let mut model = paused().model;
    assert_eq!(press(&mut model, "<Up>u"), []);
    assert!(model.note.contains("passed"), "{}", model.note);
    let node = CAPTURE;
    let keys = "<Down><Down><Down><Down><Down><Down><Down><Down>u";
    assert_eq!(requests(press(&mut model, keys)), [Request::RunTo { node }]);
    // A breakpoint that is there is cleared.
    let node = NodeId(6);
    let mut model = paused().model;
    assert_eq!(
        requests(press(&mut model, "<Down><Down>k<F9>")),
        [
            Request::Break { node, set: false },
            Request::Break { node, set: false }
        ]
    );
}

#[test]
fn an_overlay_is_closed_back_to_where_it_was_opened() {
    for (keys, close) in [
        ("<Up>", "<Esc>"),
        ("w", "<Esc>"),
        ("2/x", "<Enter>"),
        ("e", "<Esc>"),
    ] {
        // From the panels, with the question put aside.
        let mut model = fixtures::failed().model;
        press(&mut model, "<Esc>");
        press(&mut model, keys);
        if keys != "<Up>" {
            press(&mut model, close);
            assert!(matches!(over(&model), Over::Aside(_)), "{keys}");
        }
        press(&mut model, "<Esc>");
        assert!(shown(&model).contains("FAILED: Apply"), "{keys}");
    }
    // A question that is asked while something is open is seen when it is closed.
    let mut story = fixtures::applying();
    press(&mut story.model, "w");
    let outcome = Outcome::Failed {
        failure: fixtures::failure(),
        ignored: false,
    };
    story.end(APPLY, 1, outcome, 1).ask(
        Some(APPLY),
        wimforge::event::QuestionKind::Failed {
            attempt: 1,
            failure: fixtures::failure(),
        },
    );
    assert!(shown(&story.model).contains("Who is here"));
    assert!(shown(&story.model).contains("WAITING FOR YOU"));
    press(&mut story.model, "<Esc>");
    assert!(shown(&story.model).contains("FAILED: Apply"));
}

#[test]
fn the_shell_pauses_a_run_that_moves() {
    let mut model = fixtures::applying().model;
    let effects = press(&mut model, "!");
    assert!(
        matches!(
            &effects[..],
            [Effect::Send(_, Request::Pause), Effect::Shell(_)]
        ),
        "{effects:?}"
    );
    let effects = update(&mut model, Msg::ShellEnded(None));
    assert_eq!(effects, [Effect::Redraw]);
    assert!(model.note.contains("paused, c goes on"), "{}", model.note);
    // One that rests already is left alone.
    for mut model in [
        paused().model,
        fixtures::failed().model,
        fixtures::succeeded().model,
    ] {
        assert!(matches!(&press(&mut model, "!")[..], [Effect::Shell(_)]));
    }
    update(
        &mut model,
        Msg::ShellEnded(Some("starting /bin/zsh: not found".to_owned())),
    );
    assert!(shown(&model).contains("starting /bin/zsh: not found"));
    // Who cannot pause it gets no shell that says the run waits.
    let mut model = with_people(fixtures::applying(), Some(4), true).model;
    assert_eq!(press(&mut model, "!"), []);
    assert!(model.note.contains("cannot be paused"), "{}", model.note);
}

#[test]
fn a_recording_is_steered_and_never_changed() {
    let sent = |model: &mut Model, keys: &str| requests(press(model, keys));
    let replay = |command| vec![Request::Replay(command)];
    let mut model = recording(paused(), true).model;
    for key in [" ", "p", "c"] {
        assert_eq!(
            sent(&mut model, key),
            replay(ReplayCommand::Toggle),
            "{key}"
        );
    }
    assert_eq!(sent(&mut model, "+"), replay(ReplayCommand::Speed(1600)));
    assert_eq!(sent(&mut model, "-"), replay(ReplayCommand::Speed(400)));
    assert_eq!(
        sent(&mut model, "<Left>"),
        replay(ReplayCommand::Move(-10_000))
    );
    assert_eq!(
        sent(&mut model, "<Right>"),
        replay(ReplayCommand::Move(10_000))
    );
    assert_eq!(press(&mut model, "g"), []);
    assert!(model.note.contains("choose a step"), "{}", model.note);
    let node = PARTITION;
    assert_eq!(
        sent(&mut model, "<Up>g"),
        replay(ReplayCommand::ToStep(node))
    );
    for key in [
        "x", "e", "a", "n", "k", "K", "u", "o", "!", "t", "b", "r", "s", "<Delete>",
    ] {
        let mut model = recording(fixtures::applying(), true).model;
        assert_eq!(press(&mut model, key), [], "{key}");
        assert!(model.note.contains("a recording"), "{key}: {}", model.note);
    }
    let mut model = recording(paused(), true).model;
    assert_eq!(press(&mut model, "<C-c>"), [Effect::Quit]);
    assert_eq!(
        press(&mut recording(fixtures::succeeded(), false).model, "q"),
        [Effect::Quit]
    );
}

#[test]
fn a_recorded_question_is_looked_at_and_stops_nothing() {
    let preflight = preflight(findings());
    for story in [
        fixtures::wipe(),
        fixtures::failed(),
        preflight,
        crate::snapshots::secrets(),
    ] {
        let mut model = recording(story, false).model;
        let screen = shown(&model);
        assert!(
            screen.contains("REPLAY, stopped") && !screen.contains("1 Steps"),
            "{screen}"
        );
        assert!(!screen.contains("WAITING FOR YOU"), "{screen}");
        assert_eq!(
            requests(press(&mut model, " ")),
            [Request::Replay(ReplayCommand::Toggle)]
        );
        assert_eq!(press(&mut model, "rsy<Enter>"), []);
        press(&mut model, "<Esc>");
        assert!(shown(&model).contains("1 Steps"), "{}", shown(&model));
        press(&mut model, "<Esc>");
        assert!(!shown(&model).contains("1 Steps"));
    }
}

#[test]
fn a_recording_has_its_own_time() {
    let mut model = recording(fixtures::applying(), true).model;
    update(&mut model, Msg::Tick(fixtures::START + 900 * 86_400_000));
    assert!(
        shown(&model).contains("step 4 of 9  1:53"),
        "{}",
        shown(&model)
    );
    // Moved back, it goes back.
    let earlier = fixtures::at_partition().model.state;
    update(&mut model, Msg::Push(Push::Snapshot(Box::new(earlier))));
    let replay = wimforge::protocol::ReplayState {
        at: 2_000,
        length: 1_260_000,
        speed: 100,
        playing: true,
    };
    update(&mut model, Msg::Push(Push::Replay(replay)));
    assert!(
        shown(&model).contains("x1.00 2 of 1260 s"),
        "{}",
        shown(&model)
    );
    assert!(shown(&model).contains("  2.0 s"), "{}", shown(&model));
}

#[test]
fn what_was_asked_of_a_lost_engine_is_not_waited_for() {
    for keys in ["2<Enter>", "<Up><Enter>"] {
        let mut model = paused().model;
        press(&mut model, keys);
        assert!(shown(&model).contains("│..."), "{}", shown(&model));
        update(&mut model, Msg::Lost("gone".to_owned()));
        assert!(matches!(over(&model), Over::Nothing), "{keys}");
    }
    // A change that cannot be sent is not lost, either.
    let mut model = fixtures::failed().model;
    let sent = number(&press(&mut model, "vFix<Enter>yes<Enter>"));
    reply(&mut model, sent, refused("the engine is not connected"));
    let screen = shown(&model);
    assert!(
        screen.contains("not connected") && screen.contains("yes"),
        "{screen}"
    );
}

#[test]
fn after_the_end_nothing_can_be_changed_but_all_be_seen() {
    let mut model = fixtures::succeeded().model;
    for key in ["e", "a"] {
        assert_eq!(press(&mut model, key), [], "{key}");
        assert!(model.note.contains("has ended"), "{key}: {}", model.note);
    }
    ask(&mut model, "<End><Up>o", settings_reply(CAPTURE, 5));
    assert!(matches!(over(&model), Over::Step(_)));
    assert!(
        !shown(&model).contains("o change"),
        "{}",
        shown(&model).lines().last().unwrap()
    );
    press(&mut model, "o");
    assert!(model.note.contains("has ended"), "{}", model.note);
    press(&mut model, "<Esc>");
    ask(&mut model, "2<Enter>", Reply::History(changes()));
    assert!(shown(&model).contains("latest value first"));
}

#[test]
fn a_masked_value_is_never_sent_back() {
    let mut text = crate::overlays::settings(APPLY, 5);
    text.fields[3].value = "\"********\"".to_owned();
    text.fields[3].original = "\"********\"".to_owned();
    let mut model = failed_twice().model;
    ask(&mut model, "o", Reply::Step(Box::new(text)));
    let sent = press(&mut model, "<Up>0<Enter>");
    assert!(!format!("{sent:?}").contains("****"), "{sent:?}");
    let story = fixtures::applying();
    let masked = &story.model.state.variables["osdcaptureaccountpassword"].value;
    assert_eq!(*masked, Shown::Masked);
}
