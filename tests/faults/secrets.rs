//! A planted secret, by each way in which one gets into a run, printed by a tool in each form in which one leaves it: then
//! everything that a run writes, says and starts is searched for pieces of it.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::common::system::shoot;
use crate::common::system::{files_below, text, tool, wait};
use crate::machine::{children, engine_of};
use crate::plain::wimforge;

/// With something of everything that encoders escape, and nothing that the document's own language reads as its own.
const CANARY: &str = "Pl4n+ed \"S3<cr>&t'/\\ö€-Zebra$7";
/// A piece of this many bytes of a form is a leak.
const PIECE: usize = 12;

fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

fn percent(text: &str, upper: bool, blank: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' if !blank.is_empty() => blank.to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte if upper => format!("%{byte:02X}"),
            byte => format!("%{byte:02x}"),
        })
        .collect()
}

fn numeric(text: &str, hexadecimal: bool) -> String {
    text.chars()
        .map(|c| match (u32::from(c), hexadecimal) {
            (code, true) => format!("&#x{code:X};"),
            (code, false) => format!("&#{code};"),
        })
        .collect()
}

fn named(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
}

/// The encodings, each with the lines that a tool prints.
fn encodings() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let lines = |lines: &[String]| lines.iter().map(|l| l.as_bytes().to_vec()).collect();
    let le = wide(CANARY, u16::to_le_bytes);
    let be = wide(CANARY, u16::to_be_bytes);
    let suffixed =
        |suffix: &str| STANDARD.encode(wide(&format!("{CANARY}{suffix}"), u16::to_le_bytes));
    vec![
        (
            "as it is",
            lines(&[CANARY.to_owned(), format!("--password={CANARY}")]),
        ),
        (
            "base64",
            lines(&[
                STANDARD.encode(CANARY),
                STANDARD.encode(format!("x{CANARY}")),
                STANDARD.encode(format!("xy{CANARY}!")),
                URL_SAFE_NO_PAD.encode(format!("user:{CANARY}")),
            ]),
        ),
        ("utf-16", vec![le.clone(), be.clone()]),
        (
            "base64 of utf-16",
            lines(&[
                STANDARD.encode(&le),
                STANDARD.encode(&be),
                suffixed("Password"),
                suffixed("AdministratorPassword"),
                suffixed("OfflineLocalAdministratorPassword"),
            ]),
        ),
        (
            "url",
            lines(&[
                percent(CANARY, true, ""),
                percent(CANARY, false, ""),
                percent(CANARY, true, "+"),
            ]),
        ),
        (
            "json",
            lines(&[
                serde_json::to_string(CANARY).unwrap(),
                CANARY
                    .encode_utf16()
                    .map(|u| format!("\\u{u:04x}"))
                    .collect::<Vec<_>>()
                    .concat(),
                serde_json::to_string(&serde_json::to_string(CANARY).unwrap()).unwrap(),
            ]),
        ),
        (
            "xml",
            lines(&[named(CANARY), numeric(CANARY, false), numeric(CANARY, true)]),
        ),
        (
            "hexadecimal",
            lines(&[
                hex(CANARY.as_bytes()),
                hex(CANARY.as_bytes()).to_uppercase(),
                hex(&le),
            ]),
        ),
        (
            "shell",
            lines(&[
                format!("'{}'", CANARY.replace('\'', r"'\''")),
                format!("'{}'", CANARY.replace('\'', r#"'"'"'"#)),
            ]),
        ),
        (
            "broken over lines",
            lines(&[CANARY[..11].to_owned(), CANARY[11..].to_owned()]),
        ),
    ]
}

/// Every piece of every form: nothing of them may be anywhere.
struct Pieces {
    found: aho_corasick::AhoCorasick,
    names: Vec<&'static str>,
}

impl Pieces {
    fn new() -> Self {
        let mut all: Vec<(&'static str, Vec<u8>)> = Vec::new();
        let mut add = |name, bytes: &[u8]| {
            all.extend(bytes.windows(PIECE).map(|piece| (name, piece.to_vec())));
        };
        for (name, lines) in encodings() {
            for line in lines {
                // What stands before the secret and behind it is no piece of it.
                let line = line.strip_prefix(b"--password=").unwrap_or(&line).to_vec();
                let end = match name {
                    "base64" => line.len() - 4,
                    "base64 of utf-16" => STANDARD.encode(wide(CANARY, u16::to_le_bytes)).len() - 4,
                    _ => line.len(),
                };
                let start = if name == "base64" { 8 } else { 0 };
                add(name, &line[start..end]);
                // Read as text and written again.
                let lossy = String::from_utf8_lossy(&line[start..end]).into_owned();
                add(name, lossy.as_bytes());
            }
        }
        all.retain(|(_, piece)| piece.iter().any(|b| !matches!(b, 0 | 0xef | 0xbf | 0xbd)));
        Self {
            found: aho_corasick::AhoCorasick::new(all.iter().map(|(_, piece)| piece)).unwrap(),
            names: all.into_iter().map(|(name, _)| name).collect(),
        }
    }

    /// The encodings of which a piece is in these bytes.
    fn within(&self, bytes: &[u8]) -> BTreeSet<&'static str> {
        let all = self.found.find_iter(bytes);
        all.map(|hit| self.names[hit.pattern().as_usize()])
            .collect()
    }

    /// Fails when a piece is in these bytes.
    fn none_in(&self, place: &str, bytes: &[u8]) {
        if let Some(hit) = self.found.find(bytes) {
            let around =
                &bytes[hit.start().saturating_sub(200)..(hit.end() + 200).min(bytes.len())];
            panic!(
                "{place} holds the secret ({}) at {}: {}",
                self.names[hit.pattern().as_usize()],
                hit.start(),
                String::from_utf8_lossy(around)
            );
        }
    }
}

/// A run with a planted secret.
struct Planted {
    folder: tempfile::TempDir,
    client: Option<Child>,
    stream: Option<Child>,
}

/// How the secret gets in.
#[derive(Default)]
struct Way {
    /// `variables` of the document.
    variables: String,
    /// Behind `secret: true` of the input `P`.
    input: String,
    /// Steps before everything else.
    steps: String,
    /// The document holds it: then so does the exact copy in the run's folder.
    written: bool,
}

impl Planted {
    fn new(way: &Way) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut printed = Vec::new();
        for (_, lines) in encodings() {
            for line in lines {
                printed.extend_from_slice(&line);
                printed.push(b'\n');
            }
        }
        std::fs::create_dir(path("tool")).unwrap();
        std::fs::create_dir(path("bundles")).unwrap();
        std::fs::write(path("tool/forms"), printed).unwrap();
        std::fs::write(path("tool/secret"), format!("{CANARY}\r\n")).unwrap();
        let at = text(folder.path());
        let scripts = [
            (
                "hold",
                format!(
                    "cat {at}/tool/forms; touch {at}/held; while [ ! -e {at}/go ]; do sleep 0.1; done"
                ),
            ),
            (
                "fail",
                format!("cat {at}/tool/forms; tail -n 3 {at}/tool/forms >&2; exit 7"),
            ),
        ];
        for (name, script) in scripts {
            std::fs::write(path("tool").join(name), script).unwrap();
        }
        let document = format!(
            "Sequence(schema: 1, name: \"Planted\", variables: {{{}}}, \
             inputs: [Input(variable: \"P\", label: \"P\", secret: true, optional: true{})], steps: [{} \
             Step(name: \"pause\", action: Pause(message: \"set %P%\")), \
             Step(name: \"derive\", action: SetVariable(variable: \"Derived\", value: \"<%P%>\")), \
             Step(name: \"show %P% and %Derived%\", action: RunCommandLine(command: \"cat {at}/tool/forms\", output_variable: \"Out\")), \
             Step(name: \"hold\", action: RunCommandLine(command: \"sh {at}/tool/hold\")), \
             Step(name: \"fail\", action: RunCommandLine(command: \"sh {at}/tool/fail\", output_variable: \"Last\")), \
             ])",
            way.variables, way.input, way.steps
        );
        std::fs::write(path("planted.ron"), document).unwrap();
        Self {
            folder,
            client: None,
            stream: None,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = wimforge(&self.path("runtime"), arguments);
        // Whoever starts a run may have anything in the environment.
        command.env("SOMEBODY_ELSES", CANARY);
        command
    }

    fn started(&self, mut command: Command, name: &str) -> Child {
        let output = std::fs::File::create(self.path(name)).unwrap();
        let errors = output.try_clone().unwrap();
        command.stdout(output).stderr(errors).spawn().unwrap()
    }

    fn run(&self, more: &[&str]) -> Command {
        let document = self.path("planted.ron");
        let mut command = self.command(&["run", text(&document), "--plain", "--ask"]);
        command.args(more);
        command
    }

    fn start(&mut self, command: Command) {
        self.client = Some(self.started(command, "output-plain"));
        self.until("the pause", |planted| {
            planted.status().contains("\"Pause\"")
        });
        let stream = self.command(&["attach", "--json"]);
        self.stream = Some(self.started(stream, "output-json"));
    }

    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..600 {
            if done(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let said = std::fs::read_to_string(self.path("output-plain")).unwrap_or_default();
        panic!("waited in vain for {what}: {said}");
    }

    fn ctl(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = self.command(&["ctl"]);
        let output = command.args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    fn must(&self, arguments: &[&str]) -> String {
        let (good, said) = self.ctl(arguments);
        assert!(good, "{arguments:?}: {said}");
        said
    }

    fn status(&self) -> String {
        self.ctl(&["status"]).1
    }

    fn run_folder(&self) -> PathBuf {
        let mut runs = std::fs::read_dir(self.path("runtime/runs")).unwrap();
        runs.next().unwrap().unwrap().path()
    }

    /// Environment and arguments of the engine and of all that it has started.
    fn processes(&self, pieces: &Pieces) {
        let engine = engine_of(&self.path("runtime")).unwrap();
        let below = children(engine);
        assert!(below.iter().any(|(_, name)| name == "sh"), "{below:?}");
        for (pid, name) in below.into_iter().chain([(engine, "engine".to_owned())]) {
            for what in ["environ", "cmdline"] {
                let bytes = std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
                pieces.none_in(&format!("{what} of {name}"), &bytes);
            }
            let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let names: Vec<String> = environ
                .split(|&byte| byte == 0)
                .filter_map(|entry| entry.split(|&byte| byte == b'=').next())
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect();
            let foreign = names
                .iter()
                .any(|n| n == "SOMEBODY_ELSES" || n == "PLANTED");
            assert!(!foreign, "{name}: {names:?}");
        }
    }

    /// From the pause to the end of the run, with every look at it on the way.
    fn finish(mut self, way: &Way) {
        let pieces = Pieces::new();
        // What the tools print has every form in it: the search can find them.
        let printed = std::fs::read(self.path("tool/forms")).unwrap();
        assert_eq!(pieces.within(&printed).len(), encodings().len() - 1);
        let mut said = String::new();
        said += &self.must(&["status"]);
        said += &self.must(&["answer", "yes"]);
        self.until("the step that holds", |planted| {
            planted.path("held").exists()
        });
        self.processes(&pieces);
        said += &self.must(&["bundle", text(&self.path("bundles"))]);
        std::fs::write(self.path("go"), "").unwrap();
        self.until("the failure", |planted| {
            planted.status().contains("\"Failed\"")
        });
        for name in ["P", "Derived", "Out", "Last"] {
            said += &self.must(&["explain", name]);
        }
        for step in ["0", "1", "2"] {
            said += &self.ctl(&["describe", step]).1;
        }
        said += &self.must(&["log", "--lines", "1000"]);
        said += &self.must(&["status"]);
        said += &self.must(&["bundle", text(&self.path("bundles"))]);
        said += &self.must(&["cancel"]);
        for child in [&mut self.client, &mut self.stream].into_iter().flatten() {
            assert!(wait(child, Duration::from_secs(30)).is_some());
        }
        // It did run, and masked: no test of silence.
        let log = std::fs::read_to_string(self.run_folder().join("wimforge.log")).unwrap();
        assert!(log.matches("********").count() > 40, "{log}");
        assert!(said.contains("\"Masked\"") && said.contains("********"));
        pieces.none_in("what ctl printed", said.as_bytes());
        for name in ["output-plain", "output-json"] {
            let bytes = std::fs::read(self.path(name)).unwrap();
            assert!(
                bytes.len() > 500,
                "{name}: {}",
                String::from_utf8_lossy(&bytes)
            );
            pieces.none_in(name, &bytes);
        }
        let files = files_below(&self.path("runtime"));
        for needed in ["journal.jsonl", "report.json", "report.html", "run.json"] {
            assert!(files.iter().any(|file| file.ends_with(needed)), "{files:?}");
        }
        for file in files {
            if way.written && file.ends_with("sequence.ron") {
                continue;
            }
            pieces.none_in(text(&file), &std::fs::read(&file).unwrap());
        }
        for (number, bundle) in files_below(&self.path("bundles")).iter().enumerate() {
            let open = self.path(&format!("open{number}"));
            std::fs::create_dir(&open).unwrap();
            tool("tar", &["-xzf", text(bundle), "-C", text(&open)]);
            let members = files_below(&open);
            assert!(members.len() > 6, "{members:?}");
            for member in members {
                pieces.none_in(text(&member), &std::fs::read(&member).unwrap());
            }
        }
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        if let Some(engine) = engine_of(&self.path("runtime")) {
            shoot(engine);
        }
        for child in [&mut self.client, &mut self.stream].into_iter().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The secret as the document's language writes it.
fn quoted() -> String {
    serde_json::to_string(CANARY).unwrap()
}

fn secret_step(more: &str) -> String {
    format!(
        "Step(name: \"set\", action: SetVariable(variable: \"P\", value: {}{more})),",
        quoted()
    )
}

#[test]
fn given_by_a_file() {
    let way = Way::default();
    let mut planted = Planted::new(&way);
    let source = format!("P=file:{}", text(&planted.path("tool/secret")));
    planted.start(planted.run(&["--secret", &source]));
    planted.finish(&way);
}

#[test]
fn given_by_the_environment() {
    let way = Way::default();
    let mut planted = Planted::new(&way);
    let mut run = planted.run(&["--secret", "P=env:PLANTED"]);
    run.env("PLANTED", CANARY);
    planted.start(run);
    planted.finish(&way);
}

#[test]
fn given_by_a_descriptor() {
    let way = Way::default();
    let mut planted = Planted::new(&way);
    let file = std::fs::File::open(planted.path("tool/secret")).unwrap();
    // Standard input is the one descriptor that a child inherits without more ado.
    let mut run = planted.run(&["--secret", "P=fd:0"]);
    run.stdin(file);
    planted.start(run);
    planted.finish(&way);
}

#[test]
fn set_on_the_command_line_for_a_secret_input() {
    let way = Way::default();
    let mut planted = Planted::new(&way);
    planted.start(planted.run(&["--set", &format!("p={CANARY}")]));
    planted.finish(&way);
}

#[test]
fn written_in_the_variables_of_the_document() {
    let way = Way {
        variables: format!("\"p\": {}", quoted()),
        written: true,
        ..Way::default()
    };
    let mut planted = Planted::new(&way);
    planted.start(planted.run(&[]));
    planted.finish(&way);
}

#[test]
fn written_as_the_default_of_an_input() {
    let way = Way {
        input: format!(", default: {}", quoted()),
        written: true,
        ..Way::default()
    };
    let mut planted = Planted::new(&way);
    planted.start(planted.run(&[]));
    planted.finish(&way);
}

#[test]
fn written_in_a_step_as_secret() {
    let way = Way {
        steps: secret_step(", secret: true"),
        written: true,
        ..Way::default()
    };
    let mut planted = Planted::new(&way);
    planted.start(planted.run(&[]));
    planted.finish(&way);
}

#[test]
fn set_by_a_step_over_a_secret() {
    let way = Way {
        steps: secret_step(""),
        written: true,
        ..Way::default()
    };
    let mut planted = Planted::new(&way);
    planted.start(planted.run(&["--set", "P=before"]));
    planted.finish(&way);
}

#[test]
fn printed_by_a_tool_into_a_secret_variable() {
    let way = Way {
        steps: "Step(name: \"read\", action: RunCommandLine(command: \"cat %File%\", output_variable: \"P\", do_not_log: true)),".to_owned(),
        ..Way::default()
    };
    let mut planted = Planted::new(&way);
    // The tool's own line is in the log before anybody can know that it is a secret: it is known from before here.
    let file = planted.path("tool/secret");
    let source = format!("Same=file:{}", text(&file));
    let set = format!("File={}", text(&file));
    planted.start(planted.run(&["--set", &set, "--secret", &source]));
    planted.finish(&way);
}

#[test]
fn set_by_ctl_over_a_secret() {
    let way = Way::default();
    let mut planted = Planted::new(&way);
    planted.start(planted.run(&["--set", "P=before"]));
    planted.must(&["set", &format!("P={CANARY}")]);
    planted.finish(&way);
}

#[test]
fn set_by_ctl_as_a_secret() {
    let way = Way::default();
    let mut planted = Planted::new(&way);
    planted.start(planted.run(&["--set", "P=before"]));
    planted.must(&["unset", "P"]);
    let source = format!("P=file:{}", text(&planted.path("tool/secret")));
    planted.must(&["set", "--secret", &source]);
    planted.finish(&way);
}

#[test]
fn typed_at_a_terminal() {
    let way = Way::default();
    let mut planted = Planted::new(&way);
    planted.start(planted.run(&[]));
    let pty = portable_pty::native_pty_system()
        .openpty(portable_pty::PtySize::default())
        .unwrap();
    let mut command = portable_pty::CommandBuilder::new(env!("CARGO_BIN_EXE_wimforge"));
    command.args(["ctl", "set", "--secret", "P"]);
    command.env("WIMFORGE_RUNTIME_DIR", planted.path("runtime"));
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().unwrap();
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("P (not shown): ") {
        let mut part = [0; 200];
        let count = reader.read(&mut part).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&part[..count]);
    }
    let mut writer = pty.master.take_writer().unwrap();
    std::io::Write::write_all(&mut writer, format!("x\u{15}y\u{7f}{CANARY}\r").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    // The end of a pseudo terminal is an error to its reader.
    let _ = reader.read_to_end(&mut shown);
    Pieces::new().none_in("the terminal", &shown);
    planted.finish(&way);
}

/// The engine that goes on with a run gets its secrets anew, and no more than they are needed.
#[test]
fn given_again_for_a_resume() {
    let way = Way::default();
    let mut planted = Planted::new(&way);
    let mut run = planted.run(&["--secret", "P=env:PLANTED"]);
    run.env("PLANTED", CANARY);
    planted.start(run);
    assert!(shoot(engine_of(&planted.path("runtime")).unwrap()));
    for child in [&mut planted.client, &mut planted.stream]
        .into_iter()
        .flatten()
    {
        assert!(wait(child, Duration::from_secs(30)).is_some());
    }
    let mut resume = planted.command(&["resume", "--plain", "--ask", "--secret", "P=env:PLANTED"]);
    resume.env("PLANTED", CANARY);
    planted.start(resume);
    planted.finish(&way);
}

/// An engine started by hand cleans its own environment.
#[test]
fn an_engine_started_by_hand_has_nothing_in_its_environment() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = folder.path().join("runtime");
    let mut engine = wimforge(&runtime, &["engine", "--linger", "30000"])
        .env("PLANTED", CANARY)
        .spawn()
        .unwrap();
    let pid = i32::try_from(engine.id()).unwrap();
    let up = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        engine_up(&runtime)
    });
    assert!(up);
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(String::from_utf8_lossy(&environ).contains("WIMFORGE_RUNTIME_DIR="));
    Pieces::new().none_in("its environment", &environ);
    assert!(!String::from_utf8_lossy(&environ).contains("PLANTED"));
    engine.kill().unwrap();
    engine.wait().unwrap();
}

fn engine_up(runtime: &Path) -> bool {
    wimforge(runtime, &["ctl", "status"])
        .output()
        .is_ok_and(|output| output.status.success())
}

#[test]
fn what_is_wrong_with_a_secret_is_said_without_it() {
    let way = Way::default();
    let mut planted = Planted::new(&way);
    std::fs::write(planted.path("two"), "first-line\nsecond-line\n").unwrap();
    std::fs::write(planted.path("short"), "abc\n").unwrap();
    std::fs::write(planted.path("wide"), wide("wide-secret", u16::to_le_bytes)).unwrap();
    for (file, why) in [("two", "more than one line"), ("wide", "NUL")] {
        let source = format!("P=file:{}", text(&planted.path(file)));
        let output = planted.run(&["--secret", &source]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains(why) && !said.contains("first-") && !said.contains("wide-s"),
            "{said}"
        );
    }
    let source = format!("P=file:{}", text(&planted.path("short")));
    planted.start(planted.run(&["--secret", &source]));
    let said = std::fs::read_to_string(planted.path("output-plain")).unwrap();
    // By the command and by the run's log.
    assert!(
        said.matches("not hidden in the output of tools").count() >= 2,
        "{said}"
    );
    let (_, said) = planted.ctl(&["set", "--secret", &source]);
    assert!(said.contains("under 4 bytes"), "{said}");
    // Without a terminal there is nobody to ask.
    let mut ctl = planted.command(&["ctl", "set", "--secret", "P"]);
    let output = without_terminal(&mut ctl);
    assert!(output.contains("write P=file:PATH"), "{output}");
}

/// What a command says in a session that has no terminal.
fn without_terminal(command: &mut Command) -> String {
    let mut alone = Command::new("setsid");
    alone.arg("--wait").arg(command.get_program());
    alone.args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            alone.env(name, value);
        }
    }
    let output = alone.stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}
