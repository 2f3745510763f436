//! Noise on a line, at every question and speed: nothing is cancelled, skipped, answered, detached or destroyed by it.

use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use wimforge::event::{Answered, EventBody};
use wimforge::protocol::Request;
use wimforge::tui::input::{Input, Parser};
use wimforge::tui::model::{Model, Screen};
use wimforge::tui::msg::{Effect, Msg};
use wimforge::tui::update::update;

use crate::fixtures::{self, technician};
use crate::look::{question, run_view, shown};
use crate::overlays::{findings, harmless_findings, paused, preflight, requests};
use crate::press::{press, wait};
use crate::snapshots::{form, picker, secrets};

/// Seeds of every noise.
const SEEDS: u64 = 20;

/// Numbers that look random and are the same every time (xorshift64*).
struct Random(u64);

impl Random {
    fn byte(&mut self) -> u8 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 56) as u8
    }

    fn bytes(&mut self, count: usize, alphabet: &[u8]) -> Vec<u8> {
        let mut next = || match alphabet.len() {
            0 => self.byte(),
            some => alphabet[usize::from(self.byte()) % some],
        };
        (0..count).map(|_| next()).collect()
    }
}

/// Every place where a key may decide something.
fn places() -> Vec<(&'static str, Model)> {
    let mut all = vec![
        ("a failure", fixtures::failed().model),
        ("a disk to be wiped", fixtures::wipe().model),
        ("an image to be replaced", fixtures::replace().model),
        ("a pause", fixtures::pause().model),
        ("a blocking check", preflight(findings()).model),
        ("a clean check", preflight(harmless_findings()).model),
        ("secrets", secrets().model),
        ("a run", fixtures::applying().model),
        ("a paused run", paused().model),
        ("the picker", picker()),
        ("a form", form()),
        ("an offer", crate::offer_keys::offered()),
    ];
    for (what, keys) in [
        ("a failure put aside", "<Esc>"),
        ("cancel asked", "x"),
        ("skip asked", "s"),
        ("retry asked", "r"),
        ("a jump asked", "<Esc><Up>g"),
        ("hints", "h"),
    ] {
        let mut model = fixtures::failed().model;
        press(&mut model, keys);
        all.push((what, model));
    }
    all
}

/// Lets bytes come in chunks, so many milliseconds apart; the orders that were let through.
fn noise(model: &mut Model, bytes: &[u8], chunk: usize, apart: i64) -> Vec<Effect> {
    let mut parser = Parser::default();
    let mut orders = Vec::new();
    for chunk in bytes.chunks(chunk) {
        let now = model.guard.now() + apart;
        let mut effects = update(model, Msg::Clock(now));
        let gap = Duration::from_millis(apart.unsigned_abs());
        let mut inputs = parser.bytes(chunk, gap);
        if apart >= 25 {
            inputs.extend(parser.pause());
        }
        for input in inputs {
            effects.extend(update(
                model,
                match input {
                    Input::Key(key) => Msg::Key(key),
                    Input::Paste(text) => Msg::Paste(text),
                    Input::Noise => Msg::Noise,
                },
            ));
        }
        orders.extend(effects.into_iter().filter(Effect::is_order));
    }
    // The line is quiet again, for as long as anybody waits.
    for _ in 0..20 {
        orders.extend(wait(model).into_iter().filter(Effect::is_order));
    }
    orders
}

fn every_place(count: usize, alphabet: &[u8], chunk: usize, apart: i64) {
    for (at, (what, model)) in (1u64..).zip(places()) {
        for seed in 1..=SEEDS {
            let bytes = Random(seed * 7919 + at).bytes(count, alphabet);
            let orders = noise(&mut model.clone(), &bytes, chunk, apart);
            assert_eq!(orders, [], "{what}, seed {seed}");
        }
    }
}

#[test]
fn noise_as_fast_as_it_is_read_decides_nothing() {
    every_place(2 * 1024, &[], 512, 4);
}

#[test]
fn four_megabytes_of_noise_decide_nothing() {
    for (at, (what, model)) in (1u64..).zip(places()) {
        let bytes = Random(at).bytes(1 << 20, &[]);
        assert_eq!(
            noise(&mut model.clone(), &bytes, 16 * 1024, 9),
            [],
            "{what}"
        );
    }
}

#[test]
fn noise_at_the_speeds_of_serial_lines_decides_nothing() {
    // 115200, 9600 and 1200 bits a second.
    every_place(1024, &[], 12, 1);
    every_place(1024, &[], 1, 1);
    every_place(512, &[], 1, 8);
}

#[test]
fn letters_that_mean_something_decide_nothing_when_they_pour_in() {
    let keys = b"xysrakdqgnevhlowt!byYnN\r\r\x1b";
    every_place(1024, keys, 64, 4);
    every_place(1024, keys, 1, 1);
    every_place(512, b"wipe\r", 64, 4);
    every_place(512, b"wiperalcov\r", 1, 1);
    every_place(512, b"xy", 1, 1);
}

#[test]
fn a_flood_is_told_and_ends_with_a_second_of_rest() {
    let mut model = fixtures::failed().model;
    let bytes = Random(3).bytes(500, b"acdgjkmpqrsux");
    assert_eq!(noise(&mut model.clone(), &bytes, 500, 1), []);
    for byte in &bytes {
        let key = KeyEvent::new(KeyCode::Char(char::from(*byte)), KeyModifiers::NONE);
        let effects = update(&mut model, Msg::Key(key));
        assert!(!effects.iter().any(Effect::is_order), "{effects:?}");
    }
    let screen = shown(&model);
    assert!(screen.contains("faster than anybody types"), "{screen}");
    // Then a person is heard as ever.
    for _ in 0..6 {
        assert_eq!(wait(&mut model), []);
    }
    press(&mut model, "<Esc><Esc>");
    let sent = requests(press(&mut model, "ry"));
    assert!(matches!(sent[..], [Request::Retry { .. }]), "{sent:?}");
    update(&mut model, Msg::Noise);
    let screen = shown(&model);
    assert!(screen.contains("noise on the line"), "{screen}");
    assert_eq!(press(&mut model, "ry"), []);
}

#[test]
fn an_order_that_was_dropped_is_told_and_can_be_given_again() {
    // An answer in a burst: the question is there as before.
    let mut model = fixtures::pause().model;
    let asked = question(&model);
    let key = |code| Msg::Key(KeyEvent::new(code, KeyModifiers::NONE));
    wait(&mut model);
    assert_eq!(update(&mut model, key(KeyCode::Enter)), []);
    assert_eq!(update(&mut model, key(KeyCode::Char('b'))), []);
    assert!(model.note.contains("one burst"), "{}", model.note);
    assert_eq!(wait(&mut model), []);
    let yes = Request::Answer {
        question: asked,
        yes: true,
    };
    assert_eq!(requests(press(&mut model, "<Enter>")), [yes]);
    // What a form held is not typed twice.
    let mut model = fixtures::applying().model;
    press(&mut model, "iFix<Enter>yes");
    let enter = update(&mut model, key(KeyCode::Enter));
    assert_eq!(enter, []);
    for letter in "q".repeat(3).chars() {
        update(&mut model, key(KeyCode::Char(letter)));
    }
    let screen = shown(&model);
    assert!(screen.contains("Change a variable"), "{screen}");
    let sent = requests(press(&mut model, "<Enter>"));
    assert!(matches!(&sent[..], [Request::SetVariable { name, .. }] if name == "Fix"));
}

#[test]
fn a_person_is_heard_at_once_and_twice_the_same_is_no_confirmation() {
    let key = |c| Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
    let mut story = fixtures::failed();
    let model = &mut story.model;
    wait(model);
    update(model, key('s'));
    // In the same moment it was not read.
    assert_eq!(update(model, key('y')), []);
    assert!(shown(model).contains("Skip \"Apply Operating System\"?"));
    let later = model.guard.now() + 120;
    assert_eq!(update(model, Msg::Clock(later)), []);
    assert_eq!(update(model, key('y')), []);
    let sent = requests(wait(model));
    assert!(matches!(sent[..], [Request::Skip { .. }]), "{sent:?}");
    // The same key twice closes what it opened.
    assert_eq!(press(model, "ss"), []);
    assert!(run_view(model).shows_question());
    story.tell(EventBody::QuestionAnswered {
        id: question(&story.model),
        answer: Answered::Skip,
        by: technician(),
    });
    assert_eq!(story.model.state.question, None);
}

#[test]
fn a_text_that_pours_into_a_field_is_kept_whole() {
    let text = "a value pasted key by key, as a terminal without marks does; ".repeat(80);
    let mut model = fixtures::applying().model;
    press(&mut model, "iLong<Enter>");
    assert_eq!(noise(&mut model, text.as_bytes(), 4096, 3), []);
    for _ in 0..10 {
        wait(&mut model);
    }
    let sent = requests(press(&mut model, "<Enter>"));
    let [Request::SetVariable { value, .. }] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!(*value, text);
    // And into the picker.
    let mut model = picker();
    noise(&mut model, text.as_bytes(), 100_000, 1);
    assert!(matches!(&model.screen, Screen::Picker(picker) if picker.filter.value() == text));
}
