//! Every screen as it stands, in two sizes and two looks.

use wimforge::event::{EventBody, QuestionKind};
use wimforge::protocol::{Push, Reply};
use wimforge::run_state::RunState;
use wimforge::tui::model::Model;
use wimforge::tui::msg::Msg;
use wimforge::tui::update::update;

use crate::fixtures::{self, APPLY, Story, console, sequences, technician};
use crate::press::press;
use crate::shot::keep;

/// The picker with its list.
pub fn picker() -> Model {
    let mut model = console();
    let empty = Push::Snapshot(Box::new(RunState::default()));
    update(&mut model, Msg::Push(empty));
    update(&mut model, Msg::Reply(1, Reply::Sequences(sequences())));
    model
}

/// The form of the first sequence.
pub fn form() -> Model {
    let mut model = picker();
    press(&mut model, "<Enter>");
    model
}

pub fn secrets() -> Story {
    let mut story = fixtures::applying();
    story.ask(
        None,
        QuestionKind::Secrets {
            reason: "the run was interrupted and secrets are never kept on disk".to_owned(),
            variables: vec!["OSDCaptureAccountPassword".to_owned(), "OSDJoinPassword".to_owned()],
        },
    );
    story
}

pub fn stalled() -> Story {
    let mut story = fixtures::applying();
    story
        .wait(42)
        .sample(APPLY, 2_500_000_000, 8_589_934_592, 42_000, "Windows/System32/config/SOFTWARE")
        .tell(EventBody::Stalled {
            node: APPLY,
            seconds: 42,
        });
    story
}

pub fn paused() -> Story {
    let mut story = fixtures::applying();
    story
        .wait(100)
        .end(APPLY, 1, wimforge::event::Outcome::Succeeded, 198_000)
        .tell(EventBody::BreakpointChanged {
            node: wimforge::event::NodeId(6),
            set: true,
            by: technician(),
        })
        .tell(EventBody::PauseChanged {
            paused: true,
            by: technician(),
        });
    story
}

#[test]
fn connecting() {
    let model = Model { connected: false, ..console() };
    keep("connecting", &model);
}

#[test]
fn picker_with_a_good_and_a_broken_sequence() {
    keep("picker", &picker());
    let mut model = picker();
    press(&mut model, "<Down><Down>");
    keep("picker_broken", &model);
    press(&mut model, "<Up><Up>capt");
    keep("picker_filtered", &model);
}

#[test]
fn mistakes() {
    let mut model = picker();
    press(&mut model, "<Down><Down><Enter>");
    keep("mistakes", &model);
}

#[test]
fn form_with_a_mistake_and_a_masked_secret() {
    let mut model = form();
    press(&mut model, "<Down>reference.wim<Down>hunter2");
    keep("form", &model);
}

#[test]
fn run_in_the_middle_of_applying() {
    keep("run", &fixtures::applying().model);
}

#[test]
fn run_at_its_log_and_its_variables() {
    let mut model = fixtures::applying().model;
    press(&mut model, "2/osd");
    keep("run_filter", &model);
    press(&mut model, "<Enter>3/partition<Enter>n");
    keep("run_search", &model);
    press(&mut model, "1<Down><Down>");
    keep("run_chosen", &model);
}

#[test]
fn stalled_step() {
    keep("stalled", &stalled().model);
}

#[test]
fn paused_and_pausing() {
    keep("paused", &paused().model);
    let mut story = fixtures::applying();
    story.tell(EventBody::PauseChanged {
        paused: true,
        by: technician(),
    });
    keep("pausing", &story.model);
}

#[test]
fn wipe_question() {
    let mut model = fixtures::wipe().model;
    press(&mut model, "wip");
    keep("wipe", &model);
}

#[test]
fn replace_question() {
    keep("replace", &fixtures::replace().model);
}

#[test]
fn failure_and_a_look_at_the_run() {
    let mut model = fixtures::failed().model;
    keep("failure", &model);
    press(&mut model, "<Esc>");
    keep("failure_aside", &model);
    press(&mut model, "<Esc>v");
    keep("failure_variable", &model);
}

#[test]
fn pause_question() {
    keep("pause", &fixtures::pause().model);
}

#[test]
fn secrets_form_over_the_run() {
    let mut model = secrets().model;
    press(&mut model, "swordfish");
    keep("secrets", &model);
}

#[test]
fn cancel_box() {
    let mut story = fixtures::applying();
    press(&mut story.model, "x");
    keep("cancel", &story.model);
    press(&mut story.model, "y");
    story.tell(EventBody::CancelRequested {
        kill: false,
        by: technician(),
        waiting_for: "Apply Operating System to leave a whole volume behind".to_owned(),
    });
    press(&mut story.model, "x");
    keep("cancel_again", &story.model);
}

#[test]
fn summaries() {
    keep("succeeded", &fixtures::succeeded().model);
    keep("failed", &fixtures::run_failed().model);
}

#[test]
fn connection_lost() {
    let mut model = fixtures::applying().model;
    update(&mut model, Msg::Lost("the engine closed the connection".to_owned()));
    keep("lost", &model);
}

#[test]
fn help() {
    let mut model = fixtures::applying().model;
    press(&mut model, "?");
    keep("help", &model);
}

#[test]
fn readme() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let text = wimforge::tui::view::render_text(&fixtures::applying().model, 100, 28);
    settings.bind(|| insta::assert_snapshot!("readme", text));
}
