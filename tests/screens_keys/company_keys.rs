//! Keys of what concerns others: people, the pen, a bundle, the shell, a recording, a lost engine, the end.

use wimforge::event::{EventBody, Outcome};
use wimforge::protocol::{Push, Refusal, ReplayCommand, Reply, Request};
use wimforge::tui::model::{Model, Over};
use wimforge::tui::msg::{Effect, Msg};
use wimforge::tui::update::update;

use crate::fixtures::{self, APPLY, CAPTURE, PARTITION};
use crate::overlays::{
    ask, changes, findings, number, paused, preflight, recording, reply, requests, settings_reply,
    with_people,
};
use crate::press::press;

use crate::look::{over, question, refused, shown};

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
    for keys in ["e", "i", "x", "b", "<Down>o", "2e", "<C-c>"] {
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
    assert_eq!(
        requests(sent),
        [Request::BundleOffers, Request::Bundle { to }]
    );
    assert!(shown(&model).contains("writing the bundle ..."));
    let written = Reply::Written("/media/usb/wimforge.tar.gz".to_owned(), 26 * 1024);
    reply(&mut model, asked, written);
    assert!(shown(&model).contains("/media/usb/wimforge.tar.gz was written, 26 KiB"));
    // The run's own folder, and a refusal that gives the form back.
    let sent = press(&mut model, "b<Enter>");
    let asked = number(&sent);
    assert_eq!(
        requests(sent),
        [Request::BundleOffers, Request::Bundle { to: String::new() }]
    );
    reply(&mut model, asked, refused("the disk is full"));
    assert!(shown(&model).contains("Write a bundle") && shown(&model).contains("the disk is full"));
    // After the end, too.
    let mut model = fixtures::succeeded().model;
    press(&mut model, "b");
    assert!(shown(&model).contains("Write a bundle"));
    assert!(shown(&model).contains("empty: into the run's own folder"));
    assert_eq!(
        requests(press(&mut model, "<Enter>")),
        [Request::Bundle { to: String::new() }]
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
            [
                Effect::Send(_, Request::Pause),
                Effect::Send(_, Request::Shell { open: true }),
                Effect::Shell(_)
            ]
        ),
        "{effects:?}"
    );
    let effects = update(&mut model, Msg::ShellEnded(None));
    assert!(
        matches!(
            &effects[..],
            [
                Effect::Redraw,
                Effect::Send(_, Request::Shell { open: false })
            ]
        ),
        "{effects:?}"
    );
    assert!(model.note.contains("paused, c goes on"), "{}", model.note);
    // One that rests already is left alone.
    for mut model in [
        paused().model,
        fixtures::failed().model,
        fixtures::succeeded().model,
    ] {
        assert!(matches!(
            &press(&mut model, "!")[..],
            [
                Effect::Send(_, Request::Shell { open: true }),
                Effect::Shell(_)
            ]
        ));
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
    assert_eq!(sent(&mut model, "-"), replay(ReplayCommand::Speed(800)));
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
        "x", "e", "a", "i", "n", "k", "K", "u", "o", "!", "t", "b", "r", "s", "<Delete>",
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
    for key in ["e", "i"] {
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
fn a_held_run_names_the_step_it_goes_on_with() {
    let mut story = paused();
    let second = |model: &Model| shown(model).lines().nth(1).unwrap().to_owned();
    let group = "Build the Reference Machine";
    assert_eq!(
        second(&story.model),
        format!("next: {group}: Apply Windows Settings")
    );
    // Gone back: what was done is ahead again.
    story.tell(EventBody::Jumped {
        to: PARTITION,
        by: fixtures::technician(),
    });
    assert_eq!(
        second(&story.model),
        format!("next: {group}: Partition Disk 0 - UEFI")
    );
    // While a step runs, and while somebody is asked, that is what counts.
    let going = fixtures::applying().model;
    assert_eq!(second(&going), format!("{group}: Apply Operating System"));
    assert!(!second(&fixtures::failed().model).contains("next"));
    assert!(!second(&fixtures::succeeded().model).contains("next"));
}

#[test]
fn a_cancel_says_what_it_waits_for_and_which_key_kills() {
    let mut story = fixtures::applying();
    story.tell(EventBody::CancelRequested {
        kill: false,
        by: fixtures::technician(),
        waiting_for: "the step \"Apply Operating System\"".to_owned(),
        seconds: 30,
    });
    let screen = shown(&story.model);
    let waits = "killed in 30 s: waits for the step \"Apply Operating System\"";
    assert_eq!(screen.lines().nth(1), Some(waits), "{screen}");
    let keys = screen.lines().last().unwrap();
    assert!(
        keys.starts_with("x kill") && !keys.contains("pause"),
        "{screen}"
    );
    assert_eq!(
        requests(press(&mut story.model, "xy")),
        [Request::Cancel { kill: true }]
    );
}

#[test]
fn who_holds_the_pen_is_not_offered_it() {
    let mut model = with_people(fixtures::applying(), Some(1), true).model;
    press(&mut model, "w");
    assert!(!shown(&model).contains("take the pen"), "{}", shown(&model));
}

#[test]
fn the_summary_names_what_failed_or_was_left_out() {
    let mut story = fixtures::applying();
    let failed = Outcome::Failed {
        failure: fixtures::failure(),
        ignored: true,
    };
    story
        .end(APPLY, 1, failed, 1)
        .tell(EventBody::Skipped {
            node: CAPTURE,
            reason: wimforge::event::SkipReason::Technician(fixtures::technician()),
        })
        .finish(wimforge::event::RunOutcome::Succeeded, 0, "completed");
    let screen = shown(&story.model);
    assert!(
        screen.contains("failed, ignored: \"Apply Operating System\"")
            && screen.contains("skipped by hand: \"Capture Operating System\""),
        "{screen}"
    );
    assert!(!shown(&fixtures::succeeded().model).contains("skipped by hand"));
}
