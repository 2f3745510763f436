//! An interrupted run that is offered.

use wimforge::event::Severity;
use wimforge::run_state::LogLine;
use wimforge::tui::model::{Model, Offer, Screen};
use wimforge::tui::msg::Effect;
use wimforge::tui::offer::Choice;

use crate::fixtures::{self, START};
use crate::look::shown;
use crate::press::press;
use crate::shot::keep_small;

pub fn offered() -> Model {
    let line = |at: i64| LogLine {
        seq: u64::try_from(at).unwrap(),
        at: START + at * 1000,
        severity: if at == 59 {
            Severity::Error
        } else {
            Severity::Info
        },
        component: "TSManager".to_owned(),
        text: format!("line {at} of what was done"),
        node: None,
        attempt: 0,
    };
    Model {
        screen: Screen::Offer(Box::new(Offer {
            name: "Lab: build and capture (20260314-090001)".to_owned(),
            folder: "/run/wimforge/runs/20260314-090001".to_owned(),
            facts: vec![
                "stopped in step 4 of 9: \"Apply Operating System\"".to_owned(),
                "its folder: /run/wimforge/runs/20260314-090001".to_owned(),
                "its log: wimforge.log".to_owned(),
            ],
            log: (0..60).map(line).collect(),
            ..Offer::default()
        })),
        ..fixtures::console()
    }
}

#[test]
fn it_looks_as_it_should() {
    keep_small("offer", &offered());
    let mut model = offered();
    press(&mut model, "l");
    keep_small("offer_log", &model);
    let mut model = offered();
    press(&mut model, "a");
    keep_small("offer_archive", &model);
}

#[test]
fn arrows_and_letters_choose_and_archiving_asks() {
    assert_eq!(
        press(&mut offered(), "<Enter>"),
        [Effect::Chosen(Choice::Resume)]
    );
    assert_eq!(press(&mut offered(), "r"), [Effect::Chosen(Choice::Resume)]);
    assert_eq!(press(&mut offered(), "n"), [Effect::Chosen(Choice::Pick)]);
    let downs = "<Down><Down><Down><Down><Enter>";
    assert_eq!(press(&mut offered(), downs), [Effect::Chosen(Choice::Pick)]);
    assert_eq!(press(&mut offered(), "q"), [Effect::Quit]);
    assert_eq!(press(&mut offered(), "<Esc>"), [Effect::Quit]);
    for keys in ["a", "an", "a<Esc>", "aa", "<Down><Down><Enter><Enter>"] {
        assert_eq!(press(&mut offered(), keys), [], "{keys}");
    }
    assert_eq!(
        press(&mut offered(), "ay"),
        [Effect::Chosen(Choice::Archive)]
    );
    let mut model = offered();
    press(&mut model, "l");
    assert!(shown(&model).contains("line 59 of"), "{}", shown(&model));
    press(&mut model, "<Home>");
    assert!(shown(&model).contains("line 0 of"), "{}", shown(&model));
    assert_eq!(press(&mut model, "r"), [], "there it only goes back");
    assert!(shown(&model).contains("resume it"), "{}", shown(&model));
}
