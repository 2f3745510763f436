//! Every screen in every size, with everything hostile that a tool, a file name or a document can hold.

use wimforge::event::{
    Artifact, DiskFacts, EventBody, Failure, NodeId, Outcome, QuestionKind, RunOutcome, Severity,
    Shown, SkipReason, Unit,
};
use wimforge::protocol::{Check, InputInfo, Push, Reply, SequenceInfo};
use wimforge::tui::model::{Mistakes, Model, Picker, Screen};
use wimforge::tui::msg::Msg;
use wimforge::tui::update::update;
use wimforge::tui::view::{draw_text, render};

use crate::fixtures::{self, APPLY, CAPTURE, Story, technician};
use crate::press::press;
use crate::shot::looks;

fn names() -> Vec<String> {
    vec![
        "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}[31mred\u{1b}P+q\u{1b}\\ \u{9b}31m".to_owned(),
        "n".repeat(4000),
        "統合イメージ".repeat(40),
        "invoice\u{202e}fdp.exe \u{2066}x\u{2069}".to_owned(),
        "a\u{200b}\u{200d}\u{feff}\u{fe0f}\u{ad}b".to_owned(),
        format!("e{}", "\u{301}".repeat(500)),
        "two\nlines\r\tand a tab\u{0}\u{85}".to_owned(),
        "👨\u{200d}👩\u{200d}👧\u{200d}👦❤\u{fe0f}🇩🇪".repeat(20),
        String::new(),
        "שלום عليكم ".repeat(10),
    ]
}

fn hostile_story(names: &[String]) -> Story {
    let name = |at: usize| names[at % names.len()].clone();
    let mut plan = fixtures::plan();
    plan.name = name(0);
    plan.description = name(1);
    for (at, node) in plan.nodes.iter_mut().enumerate() {
        node.name = name(at);
    }
    plan.nodes[8].depth = 40;
    let mut story = Story::with(plan);
    for at in 0..names.len() {
        story.set(&format!("V{}", name(at)), Shown::Plain(name(at + 1)));
        let severity = [Severity::Info, Severity::Warning, Severity::Error][at % 3];
        story.log(severity, &name(at));
    }
    story
        .set(&name(3), Shown::Masked)
        .tell(EventBody::GroupStarted { node: NodeId(0) })
        .skipped(1, &name(1))
        .tell(EventBody::Skipped {
            node: NodeId(2),
            reason: SkipReason::Technician(technician()),
        })
        .step(NodeId(3), 1)
        .end(NodeId(3), 1, Outcome::Warned(name(2)), u64::MAX / 2)
        .step(APPLY, 7)
        .phase(APPLY, 1, &name(0), Unit::Bytes)
        .wait(10)
        .sample(APPLY, u64::MAX, u64::MAX, u64::MAX, &name(1));
    story
}

fn failure(names: &[String]) -> Failure {
    Failure {
        code: u32::MAX,
        message: names[0].clone(),
        causes: names.to_vec(),
        tail: names.to_vec(),
        hint: Some(names[1].clone()),
    }
}

fn questions(names: &[String]) -> Vec<QuestionKind> {
    vec![
        QuestionKind::ConfirmDisk(DiskFacts {
            number: u32::MAX,
            path: names[0].clone(),
            model: names[1].clone(),
            serial: names[2].clone(),
            bytes: u64::MAX,
            table: names[3].clone(),
            found: names[0].clone(),
            contents: [names, names, names].concat(),
        }),
        QuestionKind::ConfirmReplace {
            path: names[0].clone(),
            bytes: u64::MAX,
            modified: i64::MAX,
        },
        QuestionKind::Failed {
            attempt: u32::MAX,
            failure: failure(names),
        },
        QuestionKind::Pause {
            message: names[0].clone(),
        },
        QuestionKind::Secrets {
            reason: names[0].clone(),
            variables: names.to_vec(),
        },
    ]
}

fn sequences(names: &[String]) -> Vec<SequenceInfo> {
    names
        .iter()
        .enumerate()
        .map(|(at, name)| SequenceInfo {
            path: name.clone(),
            name: name.clone(),
            description: name.clone(),
            steps: u32::MAX,
            disks: (0..50).collect(),
            inputs: names
                .iter()
                .map(|name| InputInfo {
                    variable: name.clone(),
                    label: name.clone(),
                    default: name.clone(),
                    secret: name.len() > 100,
                    optional: false,
                    check: Check::OneOf(names.to_vec()),
                })
                .collect(),
            mistakes: if at % 2 == 1 {
                name.clone()
            } else {
                String::new()
            },
            first_mistake: name.clone(),
        })
        .collect()
}

/// Every screen with these names in every place.
fn screens(names: &[String]) -> Vec<(String, Model)> {
    let mut all: Vec<(String, Model)> = Vec::new();
    all.push(("connecting".to_owned(), Model::default()));
    let mut picker = fixtures::console();
    update(&mut picker, Msg::Push(Push::Snapshot(Box::default())));
    all.push(("picker, empty".to_owned(), picker.clone()));
    update(
        &mut picker,
        Msg::Reply(1, Reply::Sequences(sequences(names))),
    );
    all.push(("picker".to_owned(), picker.clone()));
    let mut form = picker.clone();
    press(&mut form, "<Enter>");
    all.push(("form".to_owned(), form.clone()));
    press(&mut form, "<F2><Down><Down><Left><Left>");
    all.push(("form, shown".to_owned(), form));
    press(&mut picker, "<Down>");
    update(&mut picker, Msg::Paste(names[0].clone()));
    all.push(("picker, filtered".to_owned(), picker));
    let mistakes = Model {
        screen: Screen::Mistakes(Mistakes {
            text: names.join("\n"),
            top: 1,
            back: Picker::default(),
        }),
        note: names[0].clone(),
        ..fixtures::console()
    };
    all.push(("mistakes".to_owned(), mistakes));
    for keys in [
        "",
        "<Down><Down>",
        "2/",
        "3/",
        "3<PageUp>f",
        "e",
        "x",
        "?",
        "<Up><Up><Up><Up><Up>",
    ] {
        let mut story = hostile_story(names);
        press(&mut story.model, keys);
        update(&mut story.model, Msg::Paste(names[2].clone()));
        all.push((format!("run {keys}"), story.model));
    }
    for kind in questions(names) {
        for keys in ["", "<Esc>", "<F1>", "v", "<C-c>"] {
            let mut story = hostile_story(names);
            story.ask(Some(APPLY), kind.clone());
            press(&mut story.model, keys);
            all.push((
                format!(
                    "question {:?} {keys}",
                    story.model.state.question.as_ref().map(|q| q.id)
                ),
                story.model,
            ));
        }
    }
    let mut story = hostile_story(names);
    story.tell(EventBody::CancelRequested {
        kill: true,
        by: technician(),
        waiting_for: names[0].clone(),
        seconds: 30,
    });
    press(&mut story.model, "x");
    all.push(("cancelling".to_owned(), story.model.clone()));
    for name in names {
        story.tell(EventBody::Produced {
            node: CAPTURE,
            artifact: Artifact::SkippedVolume {
                volume: name.clone(),
                reason: name.clone(),
            },
        });
    }
    let outcome = Outcome::Failed {
        failure: failure(names),
        ignored: false,
    };
    story
        .end(APPLY, 7, outcome, 5)
        .finish(RunOutcome::Failed, 5, &names[0]);
    all.push(("summary".to_owned(), story.model.clone()));
    update(&mut story.model, Msg::Lost(names[0].clone()));
    all.push(("lost".to_owned(), story.model));
    all.extend(crate::hostile::overlays(names, &hostile_story(names)));
    all
}

fn check(what: &str, model: &Model, width: u16, height: u16) {
    let ascii = model.look.glyphs.ellipsis.is_ascii();
    let buffer = render(model, width, height);
    for cell in buffer.content() {
        let symbol = cell.symbol();
        let bad = symbol.chars().find(|c| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        });
        assert_eq!(bad, None, "{what} at {width}x{height}: {symbol:?}");
        assert!(symbol.len() <= 32, "{what} at {width}x{height}: {symbol:?}");
        assert!(
            !ascii || symbol.is_ascii(),
            "{what} at {width}x{height}: {symbol:?}"
        );
    }
    // From the smallest size that is meant to work, the last row names a key.
    if width >= 20 && height >= 6 {
        let mut last = (0..width).map(|x| buffer[(x, height - 1)].symbol());
        assert!(
            last.any(|symbol| !symbol.trim().is_empty()),
            "{what} at {width}x{height} names no key:\n{}",
            draw_text(model, width, height)
        );
    }
}

#[test]
fn no_size_and_no_name_breaks_a_screen() {
    let names = names();
    let widths = [1, 2, 5, 14, 19, 20, 21, 39, 40, 59, 60, 80, 130];
    let heights = [1, 2, 3, 5, 6, 7, 8, 11, 12, 16, 24, 45];
    let looks = looks();
    for (at, (what, mut model)) in screens(&names).into_iter().enumerate() {
        for width in widths {
            for height in heights {
                (_, model.look) = looks[(at + usize::from(width + height)) % 2];
                check(&what, &model, width, height);
            }
        }
    }
}

#[test]
fn every_name_in_every_place() {
    let names = names();
    let looks = looks();
    for turn in 1..names.len() {
        let mut turned = names.clone();
        turned.rotate_left(turn);
        for (what, mut model) in screens(&turned) {
            for (at, (width, height)) in [(20, 6), (40, 12), (60, 20), (80, 24)]
                .into_iter()
                .enumerate()
            {
                (_, model.look) = looks[(turn + at) % 2];
                check(&what, &model, width, height);
            }
        }
    }
}

#[test]
fn no_key_breaks_a_screen() {
    let named = [
        "<Enter>",
        "<Esc>",
        "<Tab>",
        "<Up>",
        "<Down>",
        "<Left>",
        "<Right>",
        "<PageUp>",
        "<PageDown>",
        "<Home>",
        "<End>",
        "<Backspace>",
        "<Delete>",
        "<F1>",
        "<F2>",
        "<F5>",
        "<F8>",
        "<F9>",
        "<C-l>",
        "<C-c>",
        "<C-r>",
    ];
    let letters = "abcdefghklnopqrstuvwxyzKNP/?!123+- ü"
        .chars()
        .map(String::from);
    let keys: Vec<String> = named
        .map(str::to_owned)
        .into_iter()
        .chain(letters)
        .collect();
    let mut pressed = 0;
    for (what, model) in screens(&names()) {
        for first in &keys {
            let mut model = model.clone();
            press(&mut model, first);
            check(&format!("{what} {first}"), &model, 80, 24);
            // And one more, another one each time.
            pressed += 1;
            let second = &keys[pressed % keys.len()];
            for second in [second, "<Enter>", "<Esc>"] {
                press(&mut model, second);
            }
            check(&format!("{what} {first} {second}"), &model, 40, 12);
        }
    }
}

#[test]
fn what_is_shown_of_hostile_text_is_still_legible() {
    let mut story = fixtures::applying();
    story.log(
        Severity::Error,
        "\u{1b}[31mcannot open\u{1b}[0m \u{202e}gpj.exe 統合 e\u{301}",
    );
    let text = draw_text(&story.model, 80, 24);
    assert!(
        text.contains("ERROR cannot open ?gpj.exe 統合 e\u{301}"),
        "{text}"
    );
    let (_, ascii) = looks()[1];
    story.model.look = ascii;
    let text = draw_text(&story.model, 80, 24);
    assert!(text.contains("ERROR cannot open ?gpj.exe ???? e"), "{text}");
}
