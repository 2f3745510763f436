//! Keys of the log: search here and in the engine's journal, filter, page, and replies that come late or never.

use wimforge::event::{NodeId, Severity};
use wimforge::protocol::{LogPage, LogQuery, Refusal, Reply, Request};
use wimforge::run_state::LOG_KEPT;
use wimforge::tui::model::Model;
use wimforge::tui::msg::{Effect, Msg};
use wimforge::tui::update::update;

use crate::fixtures::{self, APPLY, Story};
use crate::look::{run_view, shown};
use crate::overlays::{failed_twice, number, page, reply};
use crate::press::press;

fn query(effects: &[Effect]) -> LogQuery {
    match effects {
        [Effect::Send(_, Request::ReadLog(query))] => query.clone(),
        other => panic!("no log is asked for: {other:?}"),
    }
}

/// A run whose log has `count` lines.
fn logged(count: usize) -> Story {
    let mut story = fixtures::applying();
    for at in 0..count {
        story.log(Severity::Info, &format!("noise {at} of the tool"));
    }
    story
}

#[test]
fn enter_goes_to_the_last_hit_and_n_to_those_before() {
    let mut story = logged(30);
    story.log(Severity::Info, "the needle, first");
    for at in 0..30 {
        story.log(Severity::Info, &format!("more {at}"));
    }
    story.log(Severity::Info, "the NEEDLE, second");
    for at in 0..5 {
        story.log(Severity::Info, &format!("end {at}"));
    }
    let mut model = story.model;
    assert_eq!(press(&mut model, "3/needle<Enter>"), []);
    assert!(
        shown(&model).contains(">the NEEDLE, second"),
        "{}",
        shown(&model)
    );
    press(&mut model, "n");
    assert!(
        shown(&model).contains(">the needle, first"),
        "{}",
        shown(&model)
    );
    press(&mut model, "n");
    assert!(
        model.note.contains("no older line holds \"needle\""),
        "{}",
        model.note
    );
    press(&mut model, "N");
    assert!(shown(&model).contains(">the NEEDLE, second"));
    press(&mut model, "N");
    assert!(model.note.contains("no newer line"), "{}", model.note);
    // Letters that are keys elsewhere are letters here.
    assert_eq!(press(&mut model, "/xpcnqfsa"), []);
    assert!(
        shown(&model).contains("3 Log /needlexpcnqfsa_"),
        "{}",
        shown(&model)
    );
    press(&mut model, "<Esc>n");
    assert!(
        shown(&model).contains("step 4 of 9"),
        "n means something else again"
    );
}

#[test]
fn regular_expressions_are_told_and_told_to_be_none() {
    let mut story = logged(3);
    story.log(Severity::Info, "exit code 1603");
    story.log(Severity::Info, "done");
    let mut model = story.model;
    press(&mut model, "3/code [0-9]+<C-r>");
    assert!(
        shown(&model).contains("regex /code [0-9]+_"),
        "{}",
        shown(&model)
    );
    press(&mut model, "<Enter>");
    assert!(shown(&model).contains(">exit code 1603"));
    // A bad one stays open with its text, and says why.
    assert_eq!(press(&mut model, "/<C-r><C-r>(<Enter>"), []);
    assert!(
        shown(&model).contains("regex /code [0-9]+(_"),
        "{}",
        shown(&model)
    );
    assert!(model.note.contains("unclosed group"), "{}", model.note);
    press(&mut model, "<Backspace><Enter>");
    assert!(shown(&model).contains(">exit code 1603"));
    press(&mut model, "/<Esc>");
    assert_eq!(run_view(&model).log.search.value(), "");
}

#[test]
fn a_search_goes_on_in_the_journal_until_it_is_stopped() {
    let mut story = logged(LOG_KEPT + 50);
    let oldest = story.model.state.log.front().unwrap().seq;
    let sent = press(&mut story.model, "3/needle<Enter>");
    let asked = query(&sent);
    assert_eq!((asked.from, asked.forward, asked.most), (oldest, false, 1));
    assert_eq!(asked.find.unwrap().text, "needle");
    // The engine looked at a part of it and found nothing so far: it is asked to go on.
    let empty = LogPage {
        through: 20,
        ..LogPage::default()
    };
    let more = reply(&mut story.model, number(&sent), Reply::Log(empty.clone()));
    assert_eq!(query(&more).from, 20);
    assert!(
        shown(&story.model).contains("searching \"needle\""),
        "{}",
        shown(&story.model)
    );
    // Esc stops: what comes now changes nothing.
    press(&mut story.model, "<Esc>");
    assert_eq!(
        reply(
            &mut story.model,
            number(&more),
            Reply::Log(page(7, 7, false))
        ),
        []
    );
    assert!(run_view(&story.model).log.browse.is_none());
    // A hit is shown with what is around it.
    let sent = press(&mut story.model, "n");
    let around = reply(
        &mut story.model,
        number(&sent),
        Reply::Log(page(7, 7, false)),
    );
    assert_eq!((query(&around).from, query(&around).forward), (8, false));
    let newer = reply(
        &mut story.model,
        number(&around),
        Reply::Log(page(1, 7, true)),
    );
    assert!(query(&newer).forward);
    reply(
        &mut story.model,
        number(&newer),
        Reply::Log(page(8, 60, false)),
    );
    assert!(shown(&story.model).contains("line 7 from the journal"));
    assert!(!shown(&story.model).contains("line 60 from the journal"));
    assert!(shown(&story.model).contains("not at the end, Esc follows"));
    press(&mut story.model, "<Esc>");
    assert!(!shown(&story.model).contains("from the journal"));
    // Nothing at all.
    let sent = press(&mut story.model, "n");
    let none = LogPage {
        end: true,
        ..LogPage::default()
    };
    assert_eq!(reply(&mut story.model, number(&sent), Reply::Log(none)), []);
    assert!(
        story.model.note.contains("no older line"),
        "{}",
        story.model.note
    );
}

#[test]
fn scrolling_fetches_older_lines_one_request_at_a_time() {
    let mut story = logged(LOG_KEPT + 50);
    assert_eq!(press(&mut story.model, "3<Up>"), []);
    assert!(shown(&story.model).contains("3 Log 1 line back, Esc"));
    assert_eq!(press(&mut story.model, "<PageUp>"), []);
    assert!(shown(&story.model).contains("3 Log 11 lines back, Esc"));
    let sent = press(&mut story.model, "<Home>");
    let asked = query(&sent);
    assert!(!asked.forward && asked.find.is_none());
    assert_eq!(
        press(&mut story.model, "<Up><PageUp><Home>"),
        [],
        "one is on its way"
    );
    assert!(shown(&story.model).contains("3 Log"));
    assert_eq!(
        reply(
            &mut story.model,
            number(&sent),
            Reply::Log(page(1, 30, true))
        ),
        []
    );
    press(&mut story.model, "<Home>");
    assert!(
        shown(&story.model).contains("line 1 from the journal"),
        "{}",
        shown(&story.model)
    );
    // Refused: said, and asked again at the next key.
    let mut story = logged(LOG_KEPT + 50);
    let sent = press(&mut story.model, "3<Home>");
    let refusal = Refusal::BadValue("the journal cannot be read".to_owned());
    reply(&mut story.model, number(&sent), Reply::Refused(refusal));
    assert!(shown(&story.model).contains("the journal cannot be read"));
    assert!(!press(&mut story.model, "<Home>").is_empty());
    // The engine died with the request: the next one is sent to the new engine.
    update(&mut story.model, Msg::Lost("gone".to_owned()));
    update(&mut story.model, Msg::Connected);
    assert!(!press(&mut story.model, "<Home>").is_empty());
}

#[test]
fn what_is_read_stays_while_thousands_of_lines_come() {
    let mut story = logged(LOG_KEPT);
    press(&mut story.model, "3<PageUp><PageUp>");
    let read = |model: &Model| {
        let screen = shown(model);
        screen
            .lines()
            .find(|line| line.contains("noise 1979 "))
            .map(str::to_owned)
    };
    let before = read(&story.model);
    assert!(before.is_some(), "{}", shown(&story.model));
    for at in 0..(2 * LOG_KEPT) {
        story.log(Severity::Warning, &format!("later {at}"));
    }
    assert_eq!(read(&story.model), before, "{}", shown(&story.model));
    // Down from there leads on, by way of the engine.
    let mut sent = Vec::new();
    for _ in 0..400 {
        sent = press(&mut story.model, "<PageDown>");
        if !sent.is_empty() {
            break;
        }
    }
    assert!(query(&sent).forward);
    press(&mut story.model, "<Esc>");
    assert!(
        shown(&story.model).contains("later 3999"),
        "{}",
        shown(&story.model)
    );
}

#[test]
fn a_snapshot_does_not_move_what_is_read() {
    let mut story = logged(300);
    press(&mut story.model, "3<PageUp><PageUp><PageUp>");
    let line = "noise 269 ";
    assert!(
        shown(&story.model).contains(line),
        "{}",
        shown(&story.model)
    );
    let mut ahead = story.clone();
    for at in 0..100 {
        ahead.log(Severity::Info, &format!("missed {at}"));
    }
    let snapshot = wimforge::protocol::Push::Snapshot(Box::new(ahead.model.state));
    update(&mut story.model, Msg::Push(snapshot));
    assert!(
        shown(&story.model).contains(line),
        "{}",
        shown(&story.model)
    );
}

#[test]
fn severities_steps_and_attempts_are_filtered() {
    let mut story = logged(10);
    story
        .log(Severity::Warning, "a warning")
        .log(Severity::Error, "an error");
    let mut model = story.model;
    press(&mut model, "3f");
    assert!(shown(&model).contains("(warnings and errors)") && !shown(&model).contains("noise 9"));
    press(&mut model, "f");
    assert!(shown(&model).contains("(errors)") && !shown(&model).contains("a warning"));
    press(&mut model, "f");
    assert!(shown(&model).contains("noise 9"));
    press(&mut model, "j");
    assert!(model.note.contains("i first"), "{}", model.note);
    press(&mut model, "i");
    assert!(shown(&model).contains("of \"Apply Operating System\""));
    assert_eq!(run_view(&model).log.node, Some(APPLY));
    press(&mut model, "i");
    assert_eq!(run_view(&model).log.node, None);
    let mut model = failed_twice().model;
    press(&mut model, "<Esc>3i");
    for attempt in [Some(2), Some(1), None] {
        press(&mut model, "j");
        assert_eq!(run_view(&model).log.attempt, attempt);
    }
    // Of a step that was chosen in its panel.
    let mut model = fixtures::applying().model;
    press(&mut model, "<Up>3i");
    assert_eq!(run_view(&model).log.node, Some(NodeId(3)));
}

#[test]
fn the_log_of_a_step_begins_with_its_first_line() {
    let mut model = failed_twice().model;
    let first = model.state.nodes[APPLY.index()].first_seq;
    let sent = press(&mut model, "l");
    assert_eq!((query(&sent).from, query(&sent).forward), (first - 1, true));
    let around = reply(&mut model, number(&sent), Reply::Log(page(40, 40, false)));
    let newer = reply(&mut model, number(&around), Reply::Log(page(1, 40, true)));
    reply(&mut model, number(&newer), Reply::Log(page(41, 90, false)));
    let screen = shown(&model);
    let rows: Vec<&str> = screen.lines().collect();
    let at = rows.iter().position(|row| row.contains("3 Log")).unwrap();
    assert!(rows[at + 1].contains("line 40 from"), "{screen}");
    assert!(rows[at + 2].contains("line 41 from"), "{screen}");
    assert!(screen.contains("Esc back to the question"), "{screen}");
    // One that has not run has none.
    let mut model = fixtures::applying().model;
    assert_eq!(press(&mut model, "<Down>l"), []);
    assert!(model.note.contains("has not run yet"), "{}", model.note);
}

#[test]
fn a_message_of_several_lines_is_shown_as_such() {
    let mut story = logged(3);
    let message = "Waiting for a technician: Plug it in:\n  1. port 4\r\n\n  2. the blue one";
    story.log(Severity::Warning, message);
    let mut model = story.model;
    press(&mut model, "3");
    let screen = shown(&model);
    let at = screen.find("WARNING Waiting for a technician: Plug it in:");
    let rows: Vec<&str> = screen[at.unwrap()..].lines().take(4).collect();
    assert!(rows[1].contains("           1. port 4"), "{screen}");
    assert!(rows[3].contains("           2. the blue one"), "{screen}");
    // Where there are only two rows for it, it is cut at its end.
    press(&mut model, "1");
    assert!(shown(&model).contains("1. port 4"), "{}", shown(&model));
}
