//! Every screen of the console as text and styles, at several sizes, in Unicode and ASCII; and what must never happen.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

use std::fmt::Write as _;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use wimforge::event::*;
use wimforge::protocol::*;
use wimforge::tui::model::{Look, Model};
use wimforge::tui::msg::{Effect, Msg};
use wimforge::tui::theme::Theme;
use wimforge::tui::update::{initial, update};
use wimforge::tui::{glyphs, view};

const START: Millis = 1_790_000_000_000;

struct Run {
    seq: u64,
    events: Vec<Event>,
}

impl Run {
    fn say(&mut self, at: i64, body: EventBody) -> &mut Self {
        self.seq += 1;
        self.events.push(Event {
            seq: self.seq,
            at: START + at,
            body,
        });
        self
    }

    fn log(&mut self, at: i64, severity: Severity, text: &str) -> &mut Self {
        self.say(
            at,
            EventBody::Log {
                severity,
                component: "TSManager".to_owned(),
                text: text.to_owned(),
                node: None,
                attempt: 0,
            },
        )
    }
}

fn node(id: u32, parent: Option<u32>, name: &str, kind: Option<&str>) -> PlanNode {
    PlanNode {
        id: NodeId(id),
        parent: parent.map(NodeId),
        depth: u16::from(parent.is_some()),
        name: name.to_owned(),
        kind: kind.map_or(NodeKind::Group, |kind| NodeKind::Step(kind.to_owned())),
        disabled: false,
        continue_on_error: false,
        weight: u32::from(kind.is_some()) * 10,
        repeats: None,
    }
}

/// A run in its third step.
fn run(names: [&str; 3]) -> Run {
    let mut run = Run {
        seq: 0,
        events: Vec::new(),
    };
    let plan = Plan {
        name: names[0].to_owned(),
        description: String::new(),
        nodes: vec![
            node(0, None, "Build the Reference Machine", None),
            node(
                1,
                Some(0),
                "Partition Disk 0 - UEFI",
                Some("Partition Disk"),
            ),
            node(
                2,
                Some(0),
                "Apply Windows Settings",
                Some("Apply Windows Settings"),
            ),
            node(3, Some(0), names[1], Some("Apply Operating System Image")),
            node(4, None, "Capture the Reference Machine", None),
            node(
                5,
                Some(4),
                "Capture to %ImagePath%",
                Some("Capture Operating System Image"),
            ),
        ],
    };
    let variable = |name: &str, value: Shown| EventBody::VariableSet {
        name: name.to_owned(),
        value,
        origin: Origin::Input,
    };
    run.say(
        0,
        EventBody::RunStarted {
            run: "20260921-141320".to_owned(),
            folder: "/run/wimforge/runs/20260921-141320".to_owned(),
            source: "/sequences/build.ron".to_owned(),
            plan,
            unattended: false,
            rehearsal: false,
        },
    )
    .say(
        0,
        variable("OSDComputerName", Shown::Plain("REF-01".to_owned())),
    )
    .say(0, variable("SharePassword", Shown::Masked))
    .say(
        0,
        variable("_SMSTSInWinPE", Shown::Plain("true".to_owned())),
    )
    .say(0, EventBody::GroupStarted { node: NodeId(0) })
    .say(100, started(1, 1, "Partition Disk 0 - UEFI"))
    .log(
        200,
        Severity::Info,
        "Writing a GPT with 4 partitions to /dev/loop0",
    )
    .say(2_300, ended(1, 1, Outcome::Succeeded, 2_200))
    .say(
        2_400,
        EventBody::Skipped {
            node: NodeId(2),
            reason: SkipReason::Condition("the variable is not set".to_owned()),
        },
    )
    .say(
        2_500,
        variable(
            "ImagePath",
            Shown::Plain("/lab/captures/reference.wim".to_owned()),
        ),
    )
    .say(2_600, started(3, 1, names[1]))
    .log(
        2_700,
        Severity::Warning,
        "2 files have reparse points that are kept as they are",
    )
    .log(2_800, Severity::Error, names[2])
    .say(
        3_000,
        EventBody::StepPhase {
            node: NodeId(3),
            attempt: 1,
            phase: "applying files".to_owned(),
            unit: Unit::Bytes,
        },
    );
    run
}

fn started(id: u32, attempt: u32, name: &str) -> EventBody {
    EventBody::StepStarted {
        node: NodeId(id),
        attempt,
        name: name.to_owned(),
    }
}

fn ended(id: u32, attempt: u32, outcome: Outcome, millis: u64) -> EventBody {
    EventBody::StepFinished {
        node: NodeId(id),
        attempt,
        outcome,
        millis,
    }
}

fn sample(at: i64, done: u64, total: u64, silent_millis: u64) -> Msg {
    Msg::Push(Push::Progress(Progress {
        node: NodeId(3),
        attempt: 1,
        at: START + at,
        done,
        total,
        silent_millis,
        detail: "Windows/System32/drivers/etc/hosts".to_owned(),
    }))
}

fn plain_names() -> [&'static str; 3] {
    [
        "Build and capture Windows 11",
        "Apply Windows 11",
        "wimlib: a stream could not be read",
    ]
}

fn empty(ascii: bool, size: (u16, u16)) -> Model {
    let mut model = initial(Model {
        look: Look {
            theme: Theme::load("default").unwrap(),
            glyphs: if ascii {
                glyphs::ASCII
            } else {
                glyphs::UNICODE
            },
        },
        size,
        keyboard: "keyboard layout de".to_owned(),
        ..Model::default()
    });
    update(&mut model, Msg::Connected);
    model
}

fn running(ascii: bool, size: (u16, u16), names: [&str; 3]) -> Model {
    let mut model = empty(ascii, size);
    update(&mut model, Msg::Push(Push::Snapshot(Box::default())));
    for event in run(names).events {
        update(&mut model, Msg::Push(Push::Event(event)));
    }
    update(&mut model, sample(33_000, 600 << 20, 2 << 30, 200));
    model
}

fn say(model: &mut Model, body: EventBody) -> Vec<Effect> {
    let event = Event {
        seq: model.state.seq + 1,
        at: START + 40_000,
        body,
    };
    update(model, Msg::Push(Push::Event(event)))
}

fn ask(model: &mut Model, id: u32, kind: QuestionKind) {
    let question = Question {
        id,
        node: Some(NodeId(3)),
        kind,
    };
    say(model, EventBody::QuestionAsked { question });
}

fn answered(model: &mut Model, id: u32) {
    let by = Who {
        client: 2,
        name: "ctl".to_owned(),
    };
    let answer = Answered::Yes;
    say(model, EventBody::QuestionAnswered { id, answer, by });
}

fn disk(number: u32) -> QuestionKind {
    QuestionKind::ConfirmDisk(DiskFacts {
        number,
        path: format!("/dev/loop{number}"),
        model: "WDC WD10EZEX-08WN4A0".to_owned(),
        serial: "WD-WCC6Y4KH1234".to_owned(),
        bytes: 1_000_204_886_016,
        table: "GPT".to_owned(),
        found: String::new(),
        contents: vec![
            "1  260 MiB  FAT32  SYSTEM".to_owned(),
            "2  16 MiB  Microsoft reserved".to_owned(),
            "3  930 GiB  NTFS  Payroll 2026".to_owned(),
        ],
    })
}

fn failed() -> QuestionKind {
    QuestionKind::Failed {
        attempt: 1,
        failure: Failure {
            code: 0x8007_0070,
            message: "writing /lab/captures/reference.wim.partial: no space left".to_owned(),
            causes: vec!["No space left on device (os error 28)".to_owned()],
            tail: (1..=30).map(|n| format!("tool line {n}")).collect(),
            hint: Some("make room on the share, then retry".to_owned()),
        },
    }
}

fn key(model: &mut Model, code: KeyCode) -> Vec<Effect> {
    pressed(model, KeyEvent::new(code, KeyModifiers::NONE))
}

/// A key, as a person presses it: nothing before and behind it for a moment.
fn pressed(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let wait = |model: &mut Model| {
        let later = model.guard.now() + 200;
        update(model, Msg::Clock(later))
    };
    let mut effects = wait(model);
    effects.extend(update(model, Msg::Key(key)));
    effects.extend(wait(model));
    effects
}

fn typed(model: &mut Model, text: &str) -> Vec<Effect> {
    text.chars()
        .flat_map(|c| key(model, KeyCode::Char(c)))
        .collect()
}

fn requests(effects: Vec<Effect>) -> Vec<Request> {
    let requests = effects.into_iter().filter_map(|effect| match effect {
        Effect::Send(_, request) => Some(request),
        _ => None,
    });
    requests.collect()
}

fn sequences() -> Vec<SequenceInfo> {
    let input = |variable: &str, label: &str, secret: bool, check: Check| InputInfo {
        variable: variable.to_owned(),
        label: label.to_owned(),
        secret,
        check,
        ..InputInfo::default()
    };
    vec![
        SequenceInfo {
            path: "/sequences/build.ron".to_owned(),
            name: "Build and capture Windows 11".to_owned(),
            description: "Partition, apply, configure, capture".to_owned(),
            steps: 9,
            disks: vec![0],
            inputs: vec![
                input("OSDComputerName", "Computer name", false, Check::ComputerName),
                input("SharePassword", "Share password", true, Check::Text),
            ],
            ..SequenceInfo::default()
        },
        SequenceInfo {
            path: "/sequences/old.ron".to_owned(),
            name: "old.ron".to_owned(),
            mistakes: "old.ron:3:5: error: unknown field `stepps`\n  |  stepps: [\n  |  ^^^^^^\n  = did you mean `steps`?"
                .to_owned(),
            first_mistake: "line 3: unknown field `stepps`".to_owned(),
            ..SequenceInfo::default()
        },
    ]
}

fn picking(ascii: bool, size: (u16, u16)) -> Model {
    let mut model = empty(ascii, size);
    update(&mut model, Msg::Push(Push::Snapshot(Box::default())));
    update(&mut model, Msg::Reply(1, Reply::Sequences(sequences())));
    model
}

fn summary(model: &mut Model) {
    for artifact in [
        Artifact::CapturedVolume {
            index: 1,
            volume: "disk 0 partition 3, NTFS, Windows".to_owned(),
            bytes: 12 << 30,
            files: 98_412,
        },
        Artifact::SkippedVolume {
            volume: "disk 0 partition 2".to_owned(),
            reason: "Microsoft reserved, holds no files".to_owned(),
        },
        Artifact::File {
            path: "/lab/captures/reference.wim".to_owned(),
            bytes: 4 << 30,
            what: "image".to_owned(),
        },
    ] {
        let node = NodeId(5);
        say(model, EventBody::Produced { node, artifact });
    }
    say(model, ended(3, 1, Outcome::Succeeded, 37_400));
    say(
        model,
        EventBody::RunFinished {
            outcome: RunOutcome::Succeeded,
            code: 0,
            summary: "3 steps, 1 skipped".to_owned(),
        },
    );
}

/// Every screen by name.
fn screens(ascii: bool, size: (u16, u16), names: [&str; 3]) -> Vec<(&'static str, Model)> {
    let running = || running(ascii, size, names);
    let with = |change: &dyn Fn(&mut Model)| {
        let mut model = running();
        change(&mut model);
        model
    };
    let picked = |change: &dyn Fn(&mut Model)| {
        let mut model = picking(ascii, size);
        change(&mut model);
        model
    };
    vec![
        ("connecting", empty(ascii, size)),
        ("picker", picking(ascii, size)),
        (
            "mistakes",
            picked(&|model| {
                key(model, KeyCode::Down);
                key(model, KeyCode::Enter);
            }),
        ),
        (
            "inputs",
            picked(&|model| {
                key(model, KeyCode::Enter);
                typed(model, "REF/01");
                key(model, KeyCode::Tab);
                typed(model, "hunter2");
            }),
        ),
        ("run", running()),
        (
            "stalled",
            with(&|model| {
                update(model, sample(70_000, 600 << 20, 2 << 30, 37_000));
                let (node, seconds) = (NodeId(3), 37);
                say(model, EventBody::Stalled { node, seconds });
            }),
        ),
        (
            "log",
            with(&|model| {
                typed(model, "3f/stream");
            }),
        ),
        (
            "cancel",
            with(&|model| {
                typed(model, "x");
            }),
        ),
        ("disk", with(&|model| ask(model, 1, disk(0)))),
        (
            "replace",
            with(&|model| {
                let path = "/lab/captures/reference.wim".to_owned();
                let (bytes, modified) = (4 << 30, START);
                ask(
                    model,
                    1,
                    QuestionKind::ConfirmReplace {
                        path,
                        bytes,
                        modified,
                    },
                );
            }),
        ),
        (
            "pause",
            with(&|model| {
                let message = "Install the line-of-business program now.".to_owned();
                ask(model, 1, QuestionKind::Pause { message });
            }),
        ),
        (
            "secrets",
            with(&|model| {
                let reason = "the run was resumed".to_owned();
                let variables = vec!["SharePassword".to_owned()];
                ask(model, 1, QuestionKind::Secrets { reason, variables });
                typed(model, "hunter2");
            }),
        ),
        ("failure", with(&|model| ask(model, 1, failed()))),
        ("summary", with(&summary)),
        (
            "help",
            with(&|model| {
                typed(model, "?");
            }),
        ),
        (
            "lost",
            with(&|model| {
                update(model, Msg::Lost("the socket closed".to_owned()));
            }),
        ),
    ]
}

fn drawn(model: &Model, (columns, rows): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal
        .draw(|frame| view::draw(model, frame))
        .unwrap()
        .buffer
        .clone()
}

/// The text of a screen, and below it the styles of each row as runs: first column, colour, modifiers.
fn picture(buffer: &Buffer) -> String {
    let (columns, rows) = (buffer.area.width, buffer.area.height);
    let mut text = String::new();
    let mut styles = String::new();
    for y in 0..rows {
        let row: String = (0..columns).map(|x| buffer[(x, y)].symbol()).collect();
        writeln!(text, "|{row}|").unwrap();
        let mut last = String::new();
        let mut runs = String::new();
        for x in 0..columns {
            let cell = &buffer[(x, y)];
            let look = format!("{:?} {:?}", cell.fg, cell.modifier);
            let look = look.replace("Reset NONE", "-").replace(" NONE", "");
            if look != last {
                if !(look == "-" && last.is_empty()) {
                    write!(runs, " {x}:{}", look.replace(' ', "+")).unwrap();
                }
                last = look;
            }
        }
        if !runs.is_empty() {
            writeln!(styles, "{y:2}{runs}").unwrap();
        }
    }
    format!("{text}styles\n{styles}")
}

fn snapshots(ascii: bool, size: (u16, u16)) {
    let signs = if ascii { "ascii" } else { "unicode" };
    for (name, model) in screens(ascii, size, plain_names()) {
        let buffer = drawn(&model, size);
        if ascii {
            let strange = buffer.content.iter().find(|cell| !cell.symbol().is_ascii());
            assert!(strange.is_none(), "{name}: {strange:?}");
        }
        let picture = picture(&buffer);
        assert!(!picture.contains("hunter2"), "{name} shows a secret");
        insta::assert_snapshot!(format!("{name}-{}x{}-{signs}", size.0, size.1), picture);
    }
}

#[test]
fn screens_80x24_unicode() {
    snapshots(false, (80, 24));
}

#[test]
fn screens_80x24_ascii() {
    snapshots(true, (80, 24));
}

#[test]
fn screens_120x40_unicode() {
    snapshots(false, (120, 40));
}

#[test]
fn screens_120x40_ascii() {
    snapshots(true, (120, 40));
}

#[test]
fn screens_40x12_unicode() {
    snapshots(false, (40, 12));
}

#[test]
fn no_size_and_no_name_breaks_a_screen_or_reaches_the_terminal() {
    let long = "界".repeat(500);
    let hostile = [
        "\x1b[2J\x1b]0;owned\x07name\r\n",
        "a\u{202e}b\u{0}c\u{9b}31m 界界界 e\u{301} \u{200d} 👩‍👩‍👧",
        long.as_str(),
    ];
    let widths = [1, 2, 3, 7, 19, 20, 21, 39, 40, 59, 60, 79, 80, 119, 120];
    let heights = [1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 14, 20, 23, 24, 39, 40];
    for (name, model) in screens(false, (80, 24), hostile) {
        for columns in widths {
            for rows in heights {
                let buffer = drawn(&model, (columns, rows));
                let bad = buffer
                    .content
                    .iter()
                    .find(|cell| cell.symbol().chars().any(char::is_control));
                assert!(bad.is_none(), "{name} at {columns}x{rows}: {bad:?}");
            }
        }
    }
}

#[test]
fn the_next_key_and_what_a_question_is_about_are_in_sight_down_to_40x12() {
    for size in [(40, 12), (60, 20), (80, 24), (120, 40)] {
        for (name, wanted) in [
            (
                "disk",
                vec![
                    "ALL DATA",
                    "932 GiB",
                    "/dev/loop0",
                    "WDC WD10EZEX",
                    "WD-WCC6Y4KH1234",
                    if size == (40, 12) {
                        "read it to its end first"
                    } else {
                        "Type wipe"
                    },
                ],
            ),
            ("failure", vec!["r retry", "0x80070070"]),
            ("run", vec!["pause", "Apply Windows 11"]),
            ("replace", vec!["reference.wim", "Type replace"]),
            ("lost", vec!["connection lost"]),
        ] {
            let all = screens(false, size, plain_names());
            let (_, model) = all.iter().find(|(other, _)| *other == name).unwrap();
            let picture = picture(&drawn(model, size));
            for text in wanted {
                assert!(
                    picture.contains(text),
                    "{text} in {name} at {size:?}\n{picture}"
                );
            }
        }
    }
}

#[test]
fn what_was_typed_for_one_disk_does_not_wipe_another() {
    let mut model = running(false, (80, 24), plain_names());
    ask(&mut model, 1, disk(0));
    typed(&mut model, "wipe");
    answered(&mut model, 1);
    ask(&mut model, 2, disk(1));
    assert_eq!(requests(key(&mut model, KeyCode::Enter)), []);
    typed(&mut model, "wipe");
    let yes = Request::Confirm {
        question: 2,
        word: "wipe".to_owned(),
    };
    assert_eq!(requests(key(&mut model, KeyCode::Enter)), [yes]);
}

#[test]
fn a_disk_is_not_wiped_on_a_screen_too_small_for_its_facts_nor_by_pasting() {
    let mut model = running(false, (39, 12), plain_names());
    ask(&mut model, 1, disk(0));
    typed(&mut model, "wipe");
    assert_eq!(requests(key(&mut model, KeyCode::Enter)), []);
    update(&mut model, Msg::Resize(80, 24));
    assert_eq!(
        requests(key(&mut model, KeyCode::Enter)),
        [],
        "typed while nothing could be seen"
    );
    update(&mut model, Msg::Paste("wipe".to_owned()));
    assert_eq!(requests(key(&mut model, KeyCode::Enter)), []);
    typed(&mut model, "wip");
    assert_eq!(requests(key(&mut model, KeyCode::Enter)), []);
    typed(&mut model, "e");
    assert_eq!(requests(key(&mut model, KeyCode::Enter)).len(), 1);
}

#[test]
fn a_question_comes_back_after_cancel_was_thought_better_of() {
    let mut model = running(false, (80, 24), plain_names());
    ask(&mut model, 1, disk(0));
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    pressed(&mut model, control);
    key(&mut model, KeyCode::Esc);
    assert_eq!(
        requests(typed(&mut model, "pex")),
        [],
        "letters go into the word, not to commands"
    );
    assert!(picture(&drawn(&model, (80, 24))).contains("pex_"));
}

#[test]
fn retry_and_skip_name_the_attempt_and_a_refusal_is_shown() {
    let mut model = running(false, (80, 24), plain_names());
    ask(&mut model, 1, failed());
    let (node, attempt) = (NodeId(3), 1);
    assert_eq!(requests(typed(&mut model, "r")), [], "it asks first");
    let asked = picture(&drawn(&model, (80, 24)));
    assert!(asked.contains("Retry \"Apply Windows 11"), "{asked}");
    assert_eq!(
        requests(typed(&mut model, "y")),
        [Request::Retry { node, attempt }]
    );
    update(
        &mut model,
        Msg::Reply(9, Reply::Refused(Refusal::StaleAttempt)),
    );
    assert!(picture(&drawn(&model, (80, 24))).contains("no longer waiting for a decision"));
    assert_eq!(requests(typed(&mut model, "s")), [], "it asks first");
    let asked = picture(&drawn(&model, (80, 24)));
    assert!(asked.contains("Skip \"Apply Windows 11"), "{asked}");
    assert_eq!(
        requests(typed(&mut model, "y")),
        [Request::Skip { node, attempt }]
    );
    let control = KeyEvent::new(KeyCode::Char('a'), KeyModifiers::CONTROL);
    assert_eq!(pressed(&mut model, control), []);
    assert_eq!(requests(typed(&mut model, "a")), [], "abort asks first");
    assert_eq!(
        requests(typed(&mut model, "y")),
        [Request::Cancel { kill: false }]
    );
}

#[test]
fn the_key_for_one_step_never_skips_a_failed_one() {
    let mut model = running(false, (80, 24), plain_names());
    assert_eq!(requests(typed(&mut model, "n")), [Request::Step]);
    ask(&mut model, 1, failed());
    let skips = requests(typed(&mut model, "n"))
        .into_iter()
        .any(|r| matches!(r, Request::Skip { .. }));
    assert!(!skips);
}

#[test]
fn a_masked_variable_stays_secret_when_it_is_changed() {
    let mut model = running(false, (80, 24), plain_names());
    typed(&mut model, "e");
    typed(&mut model, "sharepassword");
    key(&mut model, KeyCode::Tab);
    typed(&mut model, "hunter2");
    assert!(!picture(&drawn(&model, (80, 24))).contains("hunter2"));
    assert!(!format!("{model:?}").contains("hunter2"));
    let sent = requests(key(&mut model, KeyCode::Enter));
    assert!(
        matches!(&sent[..], [Request::SetSecret { value, .. }] if value.0.reveal() == "hunter2")
    );
}

#[test]
fn a_secrets_form_closes_when_another_client_has_answered() {
    let mut model = running(false, (80, 24), plain_names());
    let variables = vec!["SharePassword".to_owned()];
    let reason = "the run was resumed".to_owned();
    ask(&mut model, 1, QuestionKind::Secrets { reason, variables });
    typed(&mut model, "hunter");
    answered(&mut model, 1);
    assert_eq!(requests(typed(&mut model, "p")), [Request::Pause]);
}

#[test]
fn inputs_are_checked_while_typing_and_start_the_run() {
    let mut model = picking(false, (80, 24));
    key(&mut model, KeyCode::Enter);
    typed(&mut model, "REF/01");
    assert!(picture(&drawn(&model, (80, 24))).contains("`/` is not allowed"));
    for _ in 0..3 {
        key(&mut model, KeyCode::Backspace);
    }
    key(&mut model, KeyCode::Enter);
    typed(&mut model, "pa$$ wörd");
    let sent = requests(key(&mut model, KeyCode::Enter));
    let [Request::Start(start)] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!(
        start.set,
        [("OSDComputerName".to_owned(), "REF".to_owned())]
    );
    assert_eq!(start.secrets[0].1.0.reveal(), "pa$$ wörd");
    assert!(!format!("{start:?}").contains("pa$$"));
}

#[test]
fn pasted_letters_are_no_commands() {
    let mut model = running(false, (80, 24), plain_names());
    assert_eq!(update(&mut model, Msg::Paste("xyq!d".to_owned())), []);
    assert!(!picture(&drawn(&model, (80, 24))).contains("Cancel the run?"));
}

#[test]
fn bars_never_shrink_nor_say_100_before_the_end() {
    let mut model = running(false, (80, 24), plain_names());
    let bar = |model: &Model| {
        let buffer = drawn(model, (80, 24));
        buffer
            .content
            .iter()
            .filter(|cell| cell.symbol() == glyphs::UNICODE.full)
            .count()
    };
    let mut last = bar(&model);
    for (step, (done, total)) in [(1, 3), (9, 10), (10, 20), (20, 20), (20, 0), (5, 20)]
        .into_iter()
        .enumerate()
    {
        let at = 40_000 + 1_000 * i64::try_from(step).unwrap();
        update(&mut model, sample(at, done << 28, total << 28, 0));
        let now = bar(&model);
        assert!(now >= last, "{done} of {total}: {now} after {last}");
        assert!(!picture(&drawn(&model, (80, 24))).contains("100%"));
        last = now;
    }
}

#[test]
fn a_shell_gets_plain_variables_only() {
    let mut model = running(false, (80, 24), plain_names());
    let effects = typed(&mut model, "!");
    // Nothing may change under the technician's hands.
    let [
        Effect::Send(_, Request::Pause),
        Effect::Send(_, Request::Shell { open: true }),
        Effect::Shell(variables),
    ] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert!(variables.iter().any(|(name, _)| name == "OSDComputerName"));
    assert!(!variables.iter().any(|(name, _)| name == "SharePassword"));
}

/// Bytes that a crossterm terminal gets for one model after another.
fn bytes(models: &[&Model], (columns, rows): (u16, u16)) -> Vec<usize> {
    use ratatui::backend::CrosstermBackend;
    use ratatui::{TerminalOptions, Viewport};
    let mut out = Shared::default();
    let viewport = Viewport::Fixed(ratatui::layout::Rect::new(0, 0, columns, rows));
    let backend = CrosstermBackend::new(out.clone());
    let mut terminal = Terminal::with_options(backend, TerminalOptions { viewport }).unwrap();
    models
        .iter()
        .map(|model| {
            terminal.draw(|frame| view::draw(model, frame)).unwrap();
            out.take()
        })
        .collect()
}

#[derive(Clone, Default)]
struct Shared(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

impl Shared {
    fn take(&mut self) -> usize {
        std::mem::take(&mut *self.0.borrow_mut()).len()
    }
}

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_line_gets_few_bytes() {
    let size = (80, 24);
    let first = running(false, size, plain_names());
    let mut moved = first.clone();
    update(&mut moved, sample(34_000, 640 << 20, 2 << 30, 100));
    let mut ticked = moved.clone();
    update(&mut ticked, Msg::Tick(START + 35_000));
    let counts = bytes(&[&first, &moved, &ticked, &ticked], size);
    assert!(counts[0] <= 6 * 1024, "first paint: {}", counts[0]);
    assert!(counts[1] <= 200, "progress: {}", counts[1]);
    assert!(counts[2] <= 100, "clock: {}", counts[2]);
    assert!(counts[3] <= 30, "nothing: {}", counts[3]);
    for (name, model) in screens(false, size, plain_names()) {
        let count = bytes(&[&model], size)[0];
        assert!(count <= 6 * 1024, "{name}: {count}");
    }
}

#[test]
fn a_run_can_be_drawn_as_text() {
    let model = running(false, (80, 24), plain_names());
    let text = wimforge::tui::render_text(&model.state, 100, 30);
    assert_eq!(text.lines().count(), 30);
    insta::assert_snapshot!("text-100x30", text);
}
