//! Keys and what they make the console do.

use wimforge::event::{EventBody, NodeId, QuestionKind, RunOutcome, Severity, Shown};
use wimforge::protocol::{Push, Refusal, Reply, Request, StartRun};
use wimforge::tui::model::{Model, Over, Pane, Screen};
use wimforge::tui::msg::{Effect, Msg, shell_variables};
use wimforge::tui::update::update;
use wimforge::tui::view::draw_text;

use crate::fixtures::{self, APPLY, technician};
use crate::look::{question, run_view};
use crate::overlays::requests;
use crate::press::press;
use crate::snapshots::{form, picker, secrets};

fn yes(question: u32) -> Vec<Request> {
    vec![Request::Answer {
        question,
        yes: true,
    }]
}

fn confirmed(question: u32, word: &str) -> Vec<Request> {
    let word = word.to_owned();
    vec![Request::Confirm { question, word }]
}

#[test]
fn decisions_after_a_failure_name_the_attempt() {
    let (node, attempt) = (APPLY, 1);
    for (key, request) in [
        ("ry", Request::Retry { node, attempt }),
        ("sy", Request::Skip { node, attempt }),
        // It ends the whole run: it asks.
        ("ay", Request::Cancel { kill: false }),
    ] {
        let mut model = fixtures::failed().model;
        assert_eq!(requests(press(&mut model, key)), [request], "{key}");
    }
}

#[test]
fn a_variable_is_changed_after_a_failure_and_the_decision_stays_open() {
    let mut model = fixtures::failed().model;
    let sent = requests(press(&mut model, "vLabImage<Enter>lab/other.wim<Enter>"));
    let changed = Request::SetVariable {
        name: "LabImage".to_owned(),
        value: "lab/other.wim".to_owned(),
    };
    assert_eq!(sent, [changed]);
    assert!(draw_text(&model, 80, 24).contains("FAILED: Apply Operating System"));
    let refused = Reply::Refused(Refusal::BadValue("read only".to_owned()));
    update(&mut model, Msg::Reply(2, refused));
    assert!(draw_text(&model, 80, 24).contains("read only"));
    press(&mut model, "v<Esc>");
    let retry = Request::Retry {
        node: APPLY,
        attempt: 1,
    };
    assert_eq!(requests(press(&mut model, "ry")), [retry]);
}

#[test]
fn a_value_for_a_secret_variable_is_masked_and_sent_as_a_secret() {
    let mut model = fixtures::applying().model;
    press(&mut model, "eosdcaptureaccountpassword<Enter>hunter2");
    let screen = draw_text(&model, 80, 24);
    assert!(!screen.contains("hunter2"), "{screen}");
    let sent = press(&mut model, "<Enter>");
    assert!(!format!("{sent:?}").contains("hunter2"), "{sent:?}");
    assert!(matches!(&requests(sent)[..], [Request::SetSecret { .. }]));
}

#[test]
fn a_disk_is_wiped_by_the_typed_word_only() {
    let mut model = fixtures::wipe().model;
    let question = question(&model);
    for keys in ["<Enter>", "y", "<Enter>", "<Backspace>", "wip<Enter>"] {
        assert_eq!(press(&mut model, keys), [], "{keys}");
        press(&mut model, "");
    }
    assert!(model.note.contains("wipe"), "{}", model.note);
    assert_eq!(
        requests(press(&mut model, "e<Enter>")),
        confirmed(question, "wipe")
    );

    let mut model = fixtures::wipe().model;
    update(&mut model, Msg::Paste("wipe".to_owned()));
    assert_eq!(
        press(&mut model, "<Enter>"),
        [],
        "a pasted word is not a typed one"
    );
}

#[test]
fn a_disk_is_not_wiped_where_its_facts_cannot_be_seen() {
    let mut model = fixtures::wipe().model;
    let question = question(&model);
    update(&mut model, Msg::Resize(39, 12));
    assert_eq!(press(&mut model, "wipe<Enter>"), []);
    assert!(model.note.contains("enlarge"));
    update(&mut model, Msg::Resize(40, 12));
    assert_eq!(
        press(&mut model, "<Enter>"),
        [],
        "what was typed unseen does not count"
    );
    assert_eq!(press(&mut model, "wipe<Enter>"), [], "not read to its end");
    assert!(model.note.contains("to its end"), "{}", model.note);
    press(&mut model, "<PageDown>");
    assert_eq!(
        requests(press(&mut model, "wipe<Enter>")),
        confirmed(question, "wipe")
    );
}

#[test]
fn a_long_list_is_read_to_its_end_before_the_word_is_taken() {
    let mut story = fixtures::wipe();
    let mut facts = fixtures::facts();
    facts.contents = (1..=10)
        .map(|at| format!("partition {at} of ten, 40 GiB NTFS \"Volume number {at}\""))
        .collect();
    story.ask(
        Some(fixtures::PARTITION),
        QuestionKind::ConfirmDisk(facts.clone()),
    );
    let mut model = story.model;
    let question = question(&model);
    update(&mut model, Msg::Resize(40, 12));
    let mut seen = String::new();
    let screen = |model: &Model| draw_text(model, 40, 12);
    assert!(
        screen(&model).contains("Wipe disk 0? (1-5 of "),
        "{}",
        screen(&model)
    );
    for _ in 0..40 {
        seen.push_str(&screen(&model));
        if screen(&model).contains("Type wipe") {
            break;
        }
        assert_eq!(press(&mut model, "wipe<Enter>"), []);
        press(&mut model, "<PageDown>");
    }
    for at in 1..=10 {
        assert!(
            seen.contains(&format!("partition {at} of ten")),
            "{at}: {seen}"
        );
    }
    // On a smaller screen, or another question, it is to be read again; on the same one it was read.
    press(&mut model, "wip");
    update(&mut model, Msg::Resize(50, 12));
    assert_eq!(press(&mut model, "<Home>e<Enter>"), []);
    update(&mut model, Msg::Resize(80, 24));
    press(&mut model, "<PageDown>");
    let sent = requests(press(&mut model, "wipe<Enter>"));
    assert_eq!(sent, confirmed(question, "wipe"));
}

#[test]
fn a_question_is_put_aside_and_comes_back_whole() {
    let mut model = fixtures::wipe().model;
    let question = question(&model);
    assert_eq!(press(&mut model, "<Esc>"), []);
    assert!(draw_text(&model, 80, 24).contains("1 Steps"));
    // A filter and the cancel box in between change nothing.
    assert_eq!(press(&mut model, "2/osd<Enter><Esc>"), []);
    assert!(draw_text(&model, 80, 24).contains("ALL DATA ON THIS DISK"));
    assert_eq!(press(&mut model, "<C-c><Esc>"), []);
    assert!(matches!(run_view(&model).over, Over::Word(..)));
    assert_eq!(
        requests(press(&mut model, "wipe<Enter>")),
        confirmed(question, "wipe")
    );
}

#[test]
fn while_a_question_is_shown_the_keys_of_the_panels_sleep() {
    for story in [fixtures::replace(), fixtures::failed(), fixtures::pause()] {
        let mut model = story.model;
        assert_eq!(press(&mut model, "pckg123/"), []);
        assert_eq!(run_view(&model).pane, Pane::Steps);
    }
}

#[test]
fn yes_and_no_about_an_image_and_enter_after_a_pause() {
    let mut model = fixtures::replace().model;
    let question = question(&model);
    assert_eq!(press(&mut model, "<Enter>"), []);
    assert_eq!(press(&mut model, "yn"), []);
    press(&mut model, "<Backspace><Backspace>");
    let replace = requests(press(&mut model, "replace<Enter>"));
    assert_eq!(replace, confirmed(question, "replace"));
    let mut model = fixtures::replace().model;
    let no = Request::Answer {
        question,
        yes: false,
    };
    assert_eq!(requests(press(&mut model, "<F8>")), [no]);
    let mut model = fixtures::pause().model;
    let yes = yes(crate::look::question(&model));
    assert_eq!(requests(press(&mut model, "<Enter>")), yes);
}

#[test]
fn an_answer_given_elsewhere_closes_what_was_open_here() {
    for mut story in [fixtures::wipe(), secrets()] {
        press(&mut story.model, "v");
        let id = question(&story.model);
        story.tell(EventBody::QuestionAnswered {
            id,
            answer: wimforge::event::Answered::Yes,
            by: technician(),
        });
        assert!(matches!(run_view(&story.model).over, Over::Nothing));
    }
}

#[test]
fn typing_filters_the_picker_and_the_variables() {
    let mut model = picker();
    press(&mut model, "CAPTURE ONLY");
    let screen = draw_text(&model, 80, 24);
    assert!(
        screen.contains("(1 of 3)") && !screen.contains("new.ron"),
        "{screen}"
    );
    assert_eq!(press(&mut model, "<Esc>"), []);
    assert!(draw_text(&model, 80, 24).contains("(3 of 3)"));
    assert_eq!(press(&mut model, "<Esc>"), [Effect::Quit]);

    let mut model = fixtures::applying().model;
    press(&mut model, "2<Down><Down>/COMPUTER");
    let screen = draw_text(&model, 80, 24);
    assert!(
        screen.contains("OSDComputerName") && !screen.contains("LabImage"),
        "{screen}"
    );
    // While a word is typed, letters are letters.
    assert_eq!(press(&mut model, "xqpc"), []);
    press(&mut model, "<Esc>");
    assert!(draw_text(&model, 80, 24).contains("LabImage"));
}

#[test]
fn pasted_text_is_typed_text_and_presses_no_keys() {
    let mut model = fixtures::failed().model;
    assert_eq!(update(&mut model, Msg::Paste("rsaq".to_owned())), []);
    let mut model = fixtures::applying().model;
    assert_eq!(update(&mut model, Msg::Paste("xyq".to_owned())), []);
    let mut model = picker();
    update(&mut model, Msg::Paste("capture\u{1b}? only\r\n".to_owned()));
    assert!(
        matches!(&model.screen, Screen::Picker(picker) if picker.filter.value() == "capture? only")
    );
}

#[test]
fn a_form_starts_only_when_every_value_is_right() {
    let mut model = form();
    assert_eq!(
        press(&mut model, "<Down>reference.img<Down>hunter2<Down><Enter>"),
        []
    );
    let screen = draw_text(&model, 80, 24);
    assert!(screen.contains("end with .wim"), "{screen}");
    assert!(!screen.contains("hunter2"), "{screen}");
    // The field that is not right has the keys now.
    press(&mut model, &"<Backspace>".repeat("reference.img".len()));
    press(&mut model, "/mnt/reference.wim<Enter>");
    let effects = press(&mut model, "<Enter><Enter>");
    assert!(!format!("{effects:?}").contains("hunter2"), "{effects:?}");
    let [Request::Start(start)] = &requests(effects)[..] else {
        panic!("not started");
    };
    assert_eq!(
        start.sequence,
        "/srv/sequences/build-and-capture-windows-11.ron"
    );
    let given = |name: &str| {
        start
            .set
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(given("OSDComputerName"), Some("REF-01"));
    assert_eq!(given("OSDCaptureDestination"), Some("/mnt/reference.wim"));
    assert_eq!(given("OSDProductKey"), None, "left empty");
    assert_eq!(
        given("OSDCaptureAccountPassword"),
        None,
        "never among plain values"
    );
    let [(name, secret)] = &start.secrets[..] else {
        panic!("one secret");
    };
    assert_eq!(
        (name.as_str(), secret.0.reveal()),
        ("OSDCaptureAccountPassword", "hunter2")
    );
}

#[test]
fn a_secret_is_shown_on_demand_only() {
    let mut model = form();
    press(&mut model, "<Down><Down>hunter2");
    assert!(!draw_text(&model, 80, 24).contains("hunter2"));
    press(&mut model, "<F2>");
    assert!(draw_text(&model, 80, 24).contains("hunter2"));
    press(&mut model, "<F2>");
    assert!(!draw_text(&model, 80, 24).contains("hunter2"));
}

#[test]
fn what_the_output_of_tools_will_not_hide_is_said_while_it_is_typed() {
    let mut model = form();
    press(&mut model, "<Down><Down>abc");
    let screen = draw_text(&model, 120, 40);
    assert!(
        screen.contains("under 4 bytes: it is not hidden in the output of tools"),
        "{screen}"
    );
    press(&mut model, "d");
    assert!(!draw_text(&model, 120, 40).contains("under 4 bytes"));
}

#[test]
fn secrets_asked_for_in_the_run_answer_that_question() {
    let mut model = secrets().model;
    let asked = question(&model);
    let effects = press(&mut model, "swordfish<Enter>opensesame<Enter>");
    assert!(!format!("{effects:?}").contains("swordfish"));
    let [Request::GiveSecrets { question, values }] = &requests(effects)[..] else {
        panic!("not given");
    };
    assert_eq!(*question, asked);
    let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["OSDCaptureAccountPassword", "OSDJoinPassword"]);
    assert_eq!(values[1].1.0.reveal(), "opensesame");
}

#[test]
fn control_c_asks_before_it_cancels_and_kills_only_the_second_time() {
    let mut story = fixtures::applying();
    assert_eq!(press(&mut story.model, "<C-c>"), []);
    assert!(draw_text(&story.model, 80, 24).contains("Cancel the run?"));
    assert_eq!(press(&mut story.model, "<Enter>"), [], "only y cancels");
    assert_eq!(
        requests(press(&mut story.model, "<C-c>y")),
        [Request::Cancel { kill: false }]
    );
    story.tell(EventBody::CancelRequested {
        kill: false,
        by: technician(),
        waiting_for: "the step".to_owned(),
        seconds: 30,
    });
    assert_eq!(
        requests(press(&mut story.model, "xy")),
        [Request::Cancel { kill: true }]
    );
    assert_eq!(press(&mut picker(), "<C-c>"), [Effect::Quit]);
}

#[test]
fn a_broken_sequence_shows_its_mistakes_and_is_not_started() {
    let mut model = picker();
    assert_eq!(press(&mut model, "<Down><Down><Enter>"), []);
    let screen = draw_text(&model, 80, 24);
    assert!(
        screen.contains("unknown field `partitons`") && screen.contains("^^^^"),
        "{screen}"
    );
    assert_eq!(press(&mut model, "<Esc>"), []);
    assert!(matches!(&model.screen, Screen::Picker(picker) if picker.row == 2));
}

#[test]
fn a_refused_sequence_of_the_command_line_does_not_start_another_one() {
    let mut model = fixtures::console();
    model.start = Some(StartRun {
        sequence: "/srv/broken.ron".to_owned(),
        ..StartRun::default()
    });
    let empty = Push::Snapshot(Box::default());
    let asked = requests(update(&mut model, Msg::Push(empty)));
    assert!(matches!(&asked[..], [Request::Describe { .. }]));
    let refused = Reply::Refused(Refusal::BadSequence("broken.ron:1:1: error: x".to_owned()));
    update(&mut model, Msg::Reply(1, refused));
    assert!(matches!(model.screen, Screen::Mistakes(_)));
    let mut list = fixtures::sequences();
    list.remove(0);
    assert_eq!(
        update(&mut model, Msg::Reply(2, Reply::Sequences(list))),
        []
    );
    press(&mut model, "<Esc>");
    assert!(matches!(&model.screen, Screen::Picker(picker) if picker.sequences.len() == 2));
}

#[test]
fn the_shell_gets_plain_variables_only() {
    let mut model = fixtures::failed().model;
    let effects = press(&mut model, "!");
    let [
        Effect::Send(_, Request::Shell { open: true }),
        Effect::Shell(variables),
    ] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!(variables, &shell_variables(&model.state));
    assert!(variables.contains(&("OSDComputerName".to_owned(), "REF-01".to_owned())));
    assert!(
        variables
            .iter()
            .all(|(name, _)| name != "OSDCaptureAccountPassword")
    );
    assert!(
        model
            .state
            .variables
            .values()
            .any(|variable| variable.value == Shown::Masked)
    );
}

#[test]
fn pause_continue_step_and_breakpoint() {
    let mut model = fixtures::applying().model;
    assert_eq!(
        requests(press(&mut model, "pcn")),
        [Request::Pause, Request::Continue, Request::Step]
    );
    assert_eq!(press(&mut model, "k"), [], "no step is chosen");
    assert!(model.note.contains("choose a step"));
    let node = NodeId(5);
    assert_eq!(
        requests(press(&mut model, "<Down>kuK")),
        [
            Request::Break { node, set: true },
            Request::RunTo { node },
            Request::ClearBreaks
        ]
    );
}

#[test]
fn the_log_stays_where_it_is_read() {
    let mut story = fixtures::applying();
    for at in 0..40 {
        story.log(Severity::Info, &format!("line {at} of forty"));
    }
    press(&mut story.model, "3<PageUp>");
    let seen = |model: &Model| draw_text(model, 80, 24).contains("line 29 of forty");
    assert!(seen(&story.model));
    for at in 0..30 {
        story.log(Severity::Warning, &format!("later {at}"));
    }
    assert!(seen(&story.model));
    press(&mut story.model, "<Esc>");
    assert!(draw_text(&story.model, 80, 24).contains("later 29"));
}

#[test]
fn the_end_of_the_run_shows_the_summary_wherever_one_is() {
    for keys in ["3/word", "2", "<Down>", "x", "e"] {
        let mut story = fixtures::applying();
        press(&mut story.model, keys);
        story.finish(
            RunOutcome::Cancelled,
            0x8007_04C7,
            "cancelled by the technician",
        );
        let screen = draw_text(&story.model, 80, 24);
        assert!(
            screen.contains("Summary") && screen.contains("CANCELLED after"),
            "{keys}\n{screen}"
        );
        // The panels can still be read, and left again.
        press(&mut story.model, "3");
        assert!(!draw_text(&story.model, 80, 24).contains("Summary"));
        press(&mut story.model, "<Esc>");
        assert!(draw_text(&story.model, 80, 24).contains("Summary"));
        assert_eq!(press(&mut story.model, "<Enter>"), [Effect::Quit]);
    }
}

#[test]
fn a_lost_connection_says_so_and_a_new_one_takes_it_back() {
    let mut model = fixtures::applying().model;
    update(&mut model, Msg::Lost("gone".to_owned()));
    assert!(draw_text(&model, 80, 24).contains("NOT CONNECTED"));
    update(&mut model, Msg::Connected);
    let screen = draw_text(&model, 80, 24);
    assert!(
        !screen.contains("NOT CONNECTED") && !screen.contains("lost"),
        "{screen}"
    );
}

#[test]
fn the_next_key_stands_on_every_screen_of_forty_columns() {
    let mut asked = fixtures::wipe();
    asked.model.size = (40, 12);
    for (model, words) in vec![
        (picker(), "Enter choose"),
        (form(), "Enter next field"),
        (fixtures::applying().model, "p pause"),
        (asked.model, "read it to its end"),
        (
            fixtures::failed().model,
            "r retry  v variable  s skip  a abort",
        ),
        (fixtures::failed().model, "h hints  o settings"),
        (fixtures::succeeded().model, "log, journal, report"),
        (fixtures::replace().model, "replace Enter go on  F8 no"),
        (fixtures::pause().model, "Enter go on"),
        (fixtures::succeeded().model, "Enter leave"),
    ] {
        let screen = draw_text(&model, 40, 12);
        assert!(screen.contains(words), "{words}:\n{screen}");
    }
    let kind = QuestionKind::Pause {
        message: "word ".repeat(400),
    };
    let mut story = fixtures::applying();
    story.ask(Some(APPLY), kind);
    assert!(draw_text(&story.model, 40, 12).contains("Enter go on"));
}

#[test]
fn a_long_label_does_not_cut_what_is_said_below_it() {
    let mut model = form();
    model.keyboard.clear();
    let Screen::Form(open) = &mut model.screen else {
        panic!("no form");
    };
    open.at = open.fields.iter().position(|field| field.secret).unwrap();
    open.fields[open.at].label = "Password of the share for the captured image".to_owned();
    let screen = crate::look::shown(&model);
    assert!(
        screen.contains("a value is needed; F2 shows it; keyboard layout unknown"),
        "{screen}"
    );
}

#[test]
fn a_question_and_the_end_are_not_shown_with_an_old_note() {
    let mut story = fixtures::applying();
    press(&mut story.model, "o");
    assert!(story.model.note.contains("choose a step"));
    story.ask(
        Some(APPLY),
        QuestionKind::Pause {
            message: "Look.".to_owned(),
        },
    );
    assert_eq!(story.model.note, "");
    press(&mut story.model, "P");
    assert!(story.model.note.contains("no pre-flight check"));
    story.finish(RunOutcome::Succeeded, 0, "completed");
    assert_eq!(story.model.note, "");
}
