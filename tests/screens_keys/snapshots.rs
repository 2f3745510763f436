//! Screens in two sizes and two looks, beside the plain ones that `tests/screens.rs` keeps.

use wimforge::event::{EventBody, QuestionKind};
use wimforge::protocol::{Push, Reply};
use wimforge::tui::model::Model;
use wimforge::tui::msg::Msg;
use wimforge::tui::update::update;

use crate::fixtures::{self, APPLY, Story, console, sequences, technician};
use crate::press::press;
use crate::shot::keep;

/// The picker with its list.
pub fn picker() -> Model {
    let mut model = console();
    let empty = Push::Snapshot(Box::default());
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
            variables: vec![
                "OSDCaptureAccountPassword".to_owned(),
                "OSDJoinPassword".to_owned(),
            ],
        },
    );
    story
}

pub fn stalled() -> Story {
    let mut story = fixtures::applying();
    story
        .wait(42)
        .sample(
            APPLY,
            2_500_000_000,
            8_589_934_592,
            42_000,
            "Windows/System32/config/SOFTWARE",
        )
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
fn picker_at_a_broken_sequence_and_filtered() {
    let mut model = picker();
    press(&mut model, "<Down><Down>");
    keep("picker_broken", &model);
    press(&mut model, "<Up><Up>capt");
    keep("picker_filtered", &model);
}

#[test]
fn form_with_a_mistake_and_a_masked_secret() {
    let mut model = form();
    press(&mut model, "<Down>reference.img<Down>hunter2");
    keep("form_mistake", &model);
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
fn failure_and_a_look_at_the_run() {
    let mut model = fixtures::failed().model;
    press(&mut model, "<Esc>");
    keep("failure_aside", &model);
    press(&mut model, "<Esc>v");
    keep("failure_variable", &model);
}

#[test]
fn cancel_box() {
    let mut story = fixtures::applying();
    press(&mut story.model, "x");
    press(&mut story.model, "y");
    story.tell(EventBody::CancelRequested {
        kill: false,
        by: technician(),
        waiting_for: "Apply Operating System to leave a whole volume behind".to_owned(),
        seconds: 30,
    });
    press(&mut story.model, "x");
    keep("cancel_again", &story.model);
}

#[test]
fn summary_of_a_failed_run() {
    keep("summary_failed", &fixtures::run_failed().model);
}
