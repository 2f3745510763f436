//! One key, one meaning; what is chosen is seen on every theme; a setting says what it may be.

use ratatui::style::Modifier;
use wimforge::protocol::{Reply, Request, StepField, StepText};
use wimforge::tui::glyphs;
use wimforge::tui::model::{Look, Model, Over};
use wimforge::tui::theme::Theme;
use wimforge::tui::view::{draw_text, render};

use crate::fixtures::{self, APPLY};
use crate::look::{over, run_view, shown};
use crate::overlays::{ask, changes, requests};
use crate::press::press;
use crate::snapshots::picker;

/// What a key has opened or sent, without what lies below it.
fn done(model: &mut Model, key: &str) -> String {
    let sent = requests(press(model, key));
    let open = match over(model) {
        Over::Aside(_) | Over::Nothing => "nothing".to_owned(),
        Over::Confirm(open) => open.title.clone(),
        Over::Form(open) => open.title.clone(),
        Over::Step(card) => format!("step {} {}", card.node.0, card.edit),
        other => format!("{other:?}"),
    };
    format!("{open} {sent:?} {}", model.note)
}

#[test]
fn letters_mean_the_same_on_the_failure_page_and_beneath_it() {
    for key in ["r", "s", "a", "o", "v", "h", "x", "b", "w", "t"] {
        let on_page = done(&mut fixtures::failed().model, key);
        for pane in ["1", "2", "3"] {
            let mut model = fixtures::failed().model;
            press(&mut model, "<Esc>");
            press(&mut model, pane);
            assert_eq!(
                done(&mut model, key),
                on_page,
                "{key} beneath, panel {pane}"
            );
        }
        assert_ne!(on_page, "nothing [] ", "{key}");
    }
    // And it is told there what they mean.
    for pane in ["1", "2", "3"] {
        let mut model = fixtures::failed().model;
        press(&mut model, "<Esc>");
        press(&mut model, pane);
        let screen = shown(&model);
        for told in ["r retry", "s skip", "a abort", "v variable", "h hints"] {
            assert!(screen.contains(told), "{told}: {screen}");
        }
    }
}

#[test]
fn on_the_failure_page_settings_are_those_of_the_failed_step() {
    // Another one was chosen beneath.
    let mut model = fixtures::failed().model;
    press(&mut model, "<Esc><Home><Esc><Esc>");
    if matches!(over(&model), Over::Aside(_)) {
        press(&mut model, "<Esc>");
    }
    assert!(shown(&model).contains("FAILED: "), "{}", shown(&model));
    let sent = requests(press(&mut model, "o"));
    assert_eq!(sent, [Request::DescribeStep { node: APPLY }]);
}

#[test]
fn the_chosen_row_is_seen_on_every_theme_and_not_by_colour_alone() {
    let explained = {
        let mut model = fixtures::applying().model;
        ask(&mut model, "2<Enter>", Reply::History(changes()));
        model
    };
    let pressed = |keys: &str| {
        let mut model = fixtures::applying().model;
        press(&mut model, keys);
        model
    };
    for theme in ["default", "high-contrast", "monochrome"] {
        for (what, model, text) in [
            ("steps", pressed("<Up>"), "Partition Disk 0 - UEFI"),
            ("variables", pressed("2<Down>"), "OSDCaptureAccount"),
            ("the picker", picker(), "("),
            ("where from", explained.clone(), "="),
        ] {
            let mut model = model;
            model.look = Look {
                theme: Theme::load(theme).unwrap(),
                glyphs: glyphs::ASCII,
            };
            let buffer = render(&model, 80, 24);
            let chosen = |y: u16| {
                let cells = (0..80).map(|x| &buffer[(x, y)]);
                let reversed = cells.filter(|cell| cell.modifier.contains(Modifier::REVERSED));
                reversed
                    .map(ratatui::buffer::Cell::symbol)
                    .collect::<String>()
            };
            let rows: Vec<String> = (0..24).map(chosen).filter(|row| row.len() > 10).collect();
            // What lies over a panel is the last.
            let last = rows.last().cloned().unwrap_or_default();
            assert!(
                last.starts_with('>') && last.contains(text),
                "{what}, {theme}: {rows:?}"
            );
        }
    }
}

#[test]
fn a_setting_says_what_it_may_be() {
    let field = |path: &str, value: &str, allowed: &[&str]| StepField {
        path: path.to_owned(),
        value: value.to_owned(),
        original: value.to_owned(),
        allowed: allowed.iter().map(|word| (*word).to_owned()).collect(),
    };
    let text = StepText {
        node: APPLY,
        fields: vec![
            field("disabled", "false", &["true", "false"]),
            field("action.style", "Gpt", &["Gpt", "Mbr", "Raw"]),
            field("action.index", "Index(1)", &["Index(...)", "All"]),
        ],
        original: String::new(),
    };
    let mut model = fixtures::failed().model;
    ask(&mut model, "o", Reply::Step(Box::new(text)));
    for (width, height) in [(80, 24), (40, 12)] {
        let screen = draw_text(&model, width, height);
        assert!(screen.contains("one of Gpt, Mbr, Raw"), "{screen}");
        assert!(!screen.contains("document"), "{screen}");
    }
    press(&mut model, "<Up>");
    assert!(shown(&model).contains("true or false"), "{}", shown(&model));
    press(&mut model, "<Down><Backspace><Backspace><Backspace>mbr");
    assert!(shown(&model).contains("one of Gpt"), "{}", shown(&model));
    assert_eq!(press(&mut model, "<Enter>"), [], "it is not one of them");
    press(
        &mut model,
        "<Backspace><Backspace><Backspace>Mbr<Down><Backspace><Backspace>2)",
    );
    let sent = requests(press(&mut model, "<Enter>"));
    assert!(
        matches!(sent[..], [Request::OverrideStep { .. }]),
        "{sent:?}"
    );
    assert!(run_view(&model).sent.is_some());
}
