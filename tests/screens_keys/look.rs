//! What a console shows, for tests that press keys.

use wimforge::event::{Answered, EventBody};
use wimforge::protocol::{Refusal, Reply};
use wimforge::tui::model::{Model, Over, RunView, Screen};
use wimforge::tui::view::draw_text;

use crate::fixtures::{Story, technician};

pub fn run_view(model: &Model) -> &RunView {
    match &model.screen {
        Screen::Run(view) => view,
        other => panic!("not the run screen: {other:?}"),
    }
}

pub fn over(model: &Model) -> &Over {
    &run_view(model).over
}

pub fn shown(model: &Model) -> String {
    draw_text(model, 80, 24)
}

pub fn question(model: &Model) -> u32 {
    model.state.question.as_ref().unwrap().id
}

pub fn answered(story: &mut Story, answer: Answered) {
    let id = question(&story.model);
    story.tell(EventBody::QuestionAnswered {
        id,
        answer,
        by: technician(),
    });
}

pub fn refused(text: &str) -> Reply {
    Reply::Refused(Refusal::NotNow(text.to_owned()))
}
