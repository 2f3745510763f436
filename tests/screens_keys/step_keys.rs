//! Keys of a jump, of a step looked at closely, of its settings, of a variable's history.

use wimforge::event::{NodeId, RunOutcome, Shown};
use wimforge::protocol::{Refusal, Reply, Request, StepChange};
use wimforge::tui::model::{Over, Pane};
use wimforge::tui::msg::{Effect, Msg};
use wimforge::tui::update::update;
use wimforge::tui::view::draw_text;

use crate::fixtures::{self, APPLY, CAPTURE, PARTITION};
use crate::overlays::{
    ask, changes, failed_twice, number, paused, reply, requests, settings_reply,
};
use crate::press::press;

use crate::look::{over, refused, run_view, shown};

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
    assert_eq!(requests_of_jump(&press(&mut story.model, "y")), 0);
}

fn requests_of_jump(effects: &[Effect]) -> usize {
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
    // It begins where the action's settings begin.
    for at in 2..20 {
        let label = match at {
            2 => "action.image".to_owned(),
            3 => "action.index".to_owned(),
            4 => "action.destinat".to_owned(),
            at => format!("action.setting_{at}"),
        };
        let screen = draw_text(&model, 40, 12);
        assert!(screen.contains(&format!("│> {label}")), "{screen}");
        press(&mut model, "<Down>");
    }
    press(&mut model, "<Down>");
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
