//! The real program in a pseudo-terminal: what it draws is read by a terminal parser, never by guessing at bytes.

use std::cell::Cell;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::system::{detach_loops, skip_lab};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// The program.
const WIMFORGE: &str = env!("CARGO_BIN_EXE_wimforge");
/// Nothing that is waited for may take longer.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The image is the only disk: no real one exists for the run.
pub const DISK: [&str; 2] = ["--disk", "0=disk.img"];

/// Keys as a terminal sends them.
pub mod key {
    pub const ENTER: &str = "\r";
    pub const ESC: &str = "\x1b";
    pub const TAB: &str = "\t";
    pub const UP: &str = "\x1b[A";
    pub const DOWN: &str = "\x1b[B";
    pub const RIGHT: &str = "\x1b[C";
    pub const PAGE_DOWN: &str = "\x1b[6~";
    pub const BACKSPACE: &str = "\x7f";
    pub const F2: &str = "\x1bOQ";
}

/// A folder with sequences and a disk image, and the environment of an engine of its own.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sequences")).unwrap();
        let disk = std::fs::File::create(folder.path().join("disk.img")).unwrap();
        disk.set_len(16 << 20).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file; sequences go below `sequences/`.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A sequence of these steps, `sequences/NAME.ron`.
    pub fn sequence(&self, name: &str, more: &str, steps: &str) {
        let text = format!("Sequence(schema: 1, name: \"{name}\", {more} steps: [{steps}])");
        self.write(&format!("sequences/{name}.ron"), &text);
    }

    fn environment(&self) -> Vec<(String, String)> {
        [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", self.folder.path().display().to_string()),
            ("SHELL", "/bin/sh".to_owned()),
            ("TERM", "xterm-256color".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("WIMFORGE_RUNTIME_DIR", self.runtime()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn runtime(&self) -> String {
        self.path("rt").display().to_string()
    }

    /// Starts the program in a terminal of 80x24.
    pub fn start(&self, args: &[&str]) -> Console {
        self.start_as(args, (80, 24), &[])
    }

    /// Starts the program in a terminal of that many columns and rows, with some variables changed (empty: removed).
    pub fn start_as(&self, args: &[&str], size: (u16, u16), env: &[(&str, &str)]) -> Console {
        Console::start(self.command(args, env), size, Line::Pty)
    }

    /// Starts the program on a line whose kernel size is 0x0, as a serial one; the terminal at its end has `size` and says so
    /// when it `answers`.
    pub fn start_unsized(&self, args: &[&str], size: (u16, u16), answers: bool) -> Console {
        Console::start(self.command(args, &[]), size, Line::Serial { answers })
    }

    /// Starts the program in a terminal within the terminal: it is closed for good when `script`, the console's child here,
    /// is killed.
    pub fn start_in_window(&self, args: &[&str]) -> Console {
        let line = self.command(args, &[]).as_unix_command_line().unwrap();
        let mut command = CommandBuilder::new("script");
        command.args(["-qec", &line, "/dev/null"]);
        Console::start(self.prepared(command, &[]), (80, 24), Line::Pty)
    }

    fn command(&self, args: &[&str], env: &[(&str, &str)]) -> CommandBuilder {
        let mut command = CommandBuilder::new(WIMFORGE);
        // Without loop devices the image cannot be a disk; no step here touches one.
        let skip_lab = skip_lab();
        command.args(
            args.iter()
                .filter(|arg| !skip_lab || (**arg != DISK[0] && **arg != DISK[1])),
        );
        self.prepared(command, env)
    }

    fn prepared(&self, mut command: CommandBuilder, env: &[(&str, &str)]) -> CommandBuilder {
        command.cwd(self.folder.path());
        command.env_clear();
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        for (name, value) in env {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
        command
    }

    /// The console on the engine that this place's disk image is attached to.
    pub fn picker(&self) -> Console {
        self.start(&DISK)
    }

    /// `wimforge run` of a sequence, in the console.
    pub fn run(&self, name: &str) -> Console {
        let path = format!("sequences/{name}.ron");
        self.start(&["run", &path, DISK[0], DISK[1]])
    }

    /// `wimforge ctl ...`, to its end.
    pub fn ctl(&self, args: &[&str]) -> Output {
        self.piped(&[&["ctl"], args].concat())
    }

    /// The program without a terminal, to its end.
    pub fn piped(&self, args: &[&str]) -> Output {
        Command::new(WIMFORGE)
            .args(args)
            .stdin(Stdio::null())
            .current_dir(self.folder.path())
            .env("WIMFORGE_RUNTIME_DIR", self.runtime())
            .output()
            .unwrap()
    }

    /// The program without a terminal, in the background; its output is piped.
    pub fn spawn(&self, args: &[&str]) -> std::process::Child {
        Command::new(WIMFORGE)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .current_dir(self.folder.path())
            .env("WIMFORGE_RUNTIME_DIR", self.runtime())
            .spawn()
            .unwrap()
    }

    /// What the engine says of its run.
    pub fn status(&self) -> serde_json::Value {
        let status = self.ctl(&["status"]);
        let mut all: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        all["Snapshot"].take()
    }

    /// What a file holds; nothing when it is not there.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The processes of this place, consoles and engines.
    pub fn processes(&self) -> Vec<(Pid, String)> {
        let wanted = format!("WIMFORGE_RUNTIME_DIR={}", self.runtime());
        let Ok(entries) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
                let environ = std::fs::read(entry.path().join("environ")).ok()?;
                let ours = environ
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == wanted.as_bytes());
                let line = std::fs::read(entry.path().join("cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                ours.then_some((Pid::from_raw(pid), line))
            })
            .collect()
    }

    /// The engine's process.
    pub fn engine(&self) -> Option<Pid> {
        self.processes()
            .into_iter()
            .find(|(_, line)| line.contains(" engine "))
            .map(|(pid, _)| pid)
    }
}

/// Puts one in the engine's place that listens and never says hello, and waits until a console has come to it.
pub fn deaf_engine(place: &Place) -> (UnixListener, UnixStream) {
    let socket = std::fs::read_dir(place.path("rt"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "sock"))
        .unwrap();
    std::fs::remove_file(&socket).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    let greeted = Cell::new(None);
    until("the console to try again", || {
        let came = listener.accept().ok();
        came.is_some() && greeted.replace(came).is_none()
    });
    let (console, _) = greeted.into_inner().unwrap();
    (listener, console)
}

/// Waits until something is so.
pub fn until(what: &str, so: impl Fn() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.ctl(&["cancel", "--kill"]);
        let started = Instant::now();
        // An engine that ends by itself gives its loop device back.
        while self.engine().is_some() && started.elapsed() < Duration::from_secs(3) {
            if self.ctl(&["shutdown"]).status.code() == Some(2) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        for (pid, _) in self.processes() {
            let _ = kill(pid, Signal::SIGKILL);
        }
        detach_loops(&self.path("disk.img"));
    }
}

/// What lies between the program and the terminal.
#[derive(Clone, Copy)]
enum Line {
    Pty,
    Serial { answers: bool },
}

struct Terminal {
    parser: vt100::Parser,
    raw: Vec<u8>,
    closed: bool,
}

/// The program in its terminal.
pub struct Console {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    terminal: Arc<(Mutex<Terminal>, Condvar)>,
}

impl Console {
    fn start(command: CommandBuilder, (columns, rows): (u16, u16), line: Line) -> Self {
        let kernel = match line {
            Line::Pty => pty_size(columns, rows),
            Line::Serial { .. } => pty_size(0, 0),
        };
        let pair = native_pty_system().openpty(kernel).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let terminal = Arc::new((
            Mutex::new(Terminal {
                parser: vt100::Parser::new(cells(rows), cells(columns), 0),
                raw: Vec::new(),
                closed: false,
            }),
            Condvar::new(),
        ));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = Arc::new(Mutex::new(pair.master.take_writer().unwrap()));
        let answering = Arc::clone(&writer);
        let shared = Arc::clone(&terminal);
        std::thread::spawn(move || {
            let mut buffer = vec![0u8; 64 * 1024];
            let mut waiting = Vec::new();
            loop {
                let count = reader.read(&mut buffer).unwrap_or(0);
                let mut terminal = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                terminal.raw.extend_from_slice(&buffer[..count]);
                waiting.extend_from_slice(&buffer[..count]);
                // A frame is seen whole or not at all, as on a terminal that knows synchronized updates.
                let whole = match whole_frames(&waiting) {
                    _ if count == 0 => waiting.len(),
                    whole => whole,
                };
                let rest = waiting.split_off(whole);
                terminal.parser.process(&waiting);
                waiting = rest;
                terminal.closed = count == 0;
                if matches!(line, Line::Serial { answers: true })
                    && buffer[..count].windows(4).any(|part| part == b"\x1b[6n")
                {
                    let report = format!("\x1b[{rows};{columns}R");
                    answering
                        .lock()
                        .unwrap()
                        .write_all(report.as_bytes())
                        .unwrap();
                }
                shared.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self {
            child,
            writer,
            master: pair.master,
            terminal,
        }
    }

    /// Types; several characters come as fast as a paste would.
    pub fn keys(&mut self, keys: &str) {
        let mut writer = self.writer.lock().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Sends bytes that need not be keys.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let mut writer = self.writer.lock().unwrap();
        writer.write_all(bytes).unwrap();
        writer.flush().unwrap();
    }

    /// Presses keys one after the other, so that Esc is no Alt and several escape sequences are no paste in disguise.
    pub fn one_by_one<'a>(&mut self, keys: impl IntoIterator<Item = &'a str>) {
        for key in keys {
            self.keys(key);
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    /// Presses a key so many times.
    pub fn press(&mut self, key: &str, count: usize) {
        self.one_by_one(std::iter::repeat_n(key, count));
    }

    /// Aborts a run from the failure screen.
    pub fn abort(&mut self) {
        self.keys("a");
        self.wait_text("Cancel the run?");
        self.confirm();
    }

    /// Decides with a key that asks, and the one that confirms.
    pub fn decide(&mut self, key: &str, asked: &str) {
        self.keys(key);
        self.wait_text(asked);
        self.confirm();
    }

    /// Presses the key that confirms, as a person who has read what is asked.
    pub fn confirm(&mut self) {
        std::thread::sleep(Duration::from_millis(150));
        self.keys("y");
    }

    /// Cancels a run from any screen.
    pub fn abort_run(&mut self) {
        self.keys("\x03");
        self.wait_text("Cancel the run?");
        self.confirm();
    }

    /// Waits until the screen is as wanted.
    pub fn wait(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let started = Instant::now();
        let (lock, changed) = &*self.terminal;
        let mut terminal = lock.lock().unwrap();
        while !wanted(terminal.parser.screen()) {
            let left = LIMIT.checked_sub(started.elapsed()).unwrap_or_default();
            let screen = terminal.parser.screen();
            assert!(
                !left.is_zero() && !terminal.closed,
                "waited in vain for {what}{}; the screen:\n{}",
                if terminal.closed {
                    " (the program has ended)"
                } else {
                    ""
                },
                screen.contents()
            );
            terminal = changed.wait_timeout(terminal, left).unwrap().0;
        }
    }

    /// Waits for a text anywhere on the screen.
    pub fn wait_text(&self, text: &str) {
        self.wait(&format!("\"{text}\""), |screen| {
            screen.contents().contains(text)
        });
    }

    /// Waits until a text is gone from the screen.
    pub fn wait_gone(&self, text: &str) {
        self.wait(&format!("\"{text}\" to go"), |screen| {
            !screen.contents().contains(text)
        });
    }

    /// The screen as text.
    pub fn text(&self) -> String {
        self.terminal.0.lock().unwrap().parser.screen().contents()
    }

    /// Every byte that came, from the first.
    pub fn raw(&self) -> Vec<u8> {
        self.terminal.0.lock().unwrap().raw.clone()
    }

    /// Gives the terminal another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        // The parser first: what the program draws next is meant for the new size.
        let mut terminal = self.terminal.0.lock().unwrap();
        terminal
            .parser
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        drop(terminal);
        self.master.resize(pty_size(columns, rows)).unwrap();
    }

    /// Somebody else writes to the terminal.
    pub fn spoil(&self, text: &str) {
        self.terminal
            .0
            .lock()
            .unwrap()
            .parser
            .process(text.as_bytes());
    }

    /// The console's own process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.process_id().unwrap()).unwrap())
    }

    /// Sends a signal to the console.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for the end; the exit code, after everything it wrote has been read.
    pub fn end(&mut self) -> u32 {
        let started = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
            assert!(
                started.elapsed() < LIMIT,
                "the console does not end; the screen:\n{}",
                self.text()
            );
        };
        let (lock, changed) = &*self.terminal;
        let mut terminal = lock.lock().unwrap();
        while !terminal.closed && started.elapsed() < LIMIT {
            terminal = changed
                .wait_timeout(terminal, Duration::from_millis(100))
                .unwrap()
                .0;
        }
        status.exit_code()
    }

    /// Whether the kernel echoes what is typed.
    pub fn echoes(&self) -> bool {
        let name = self.master.tty_name().unwrap();
        let stty = Command::new("stty").arg("-F").arg(name).arg("-a").output();
        let text = String::from_utf8_lossy(&stty.unwrap().stdout).into_owned();
        text.split_whitespace().any(|word| word == "echo")
    }

    /// Fails unless the terminal is as it was before the console came.
    pub fn assert_restored(&self) {
        let terminal = self.terminal.0.lock().unwrap();
        let screen = terminal.parser.screen();
        assert!(
            !screen.alternate_screen(),
            "the alternate screen was not left"
        );
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is still on");
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many of these bytes lie before a frame that has begun and not ended.
fn whole_frames(bytes: &[u8]) -> usize {
    let last = |mark: &[u8]| bytes.windows(mark.len()).rposition(|part| part == mark);
    match (last(b"\x1b[?2026h"), last(b"\x1b[?2026l")) {
        (Some(begun), Some(ended)) if begun > ended => begun,
        (Some(begun), None) => begun,
        _ => bytes.len(),
    }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

fn pty_size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}
