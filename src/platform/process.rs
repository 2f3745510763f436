//! Child processes: started without a shell, watched line by line, ended as a whole tree.
//!
//! A child gets a process group of its own, nothing on its standard input, one pipe for both outputs, and an
//! environment that is made for it ([`environment::for_child`]) with a mark (see below): secrets never travel that way.
//!
//! **What is killed** after a time-out or a cancel: the process group; every descendant that the process table shows,
//! whatever its group or session; and every process that carries the run's mark, a random number in its environment,
//! which finds daemons whose parents are gone. What escapes: a process that left group and ancestry *and* was
//! started with an environment of its own, or that runs as another user whom this process may not signal.
//!
//! After an ordinary end, processes left in the background are left alone; their output is listened to for
//! [`LINGER`] and then no more, so that a daemon holding the pipe cannot hold the step.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::cancel::{CancelLevel, CancelToken};
use crate::environment::{self, DEFAULT_PATH};
use crate::secret::{MaskedLines, Redactor};
use crate::text;

use super::error::PlatformError;

/// Longest piece handed to the line callback, in bytes; a longer line comes in several pieces.
pub const LONGEST_PIECE: usize = 64 * 1024;
/// Lines kept for the failure screen.
pub const TAIL_LINES: usize = 20;
/// Characters kept for the output variable (spec 2.13).
pub const LAST_CHARACTERS: usize = 1_000;
/// How long a child may take to end after SIGTERM.
pub const GRACE: Duration = Duration::from_secs(5);
/// How long output is still read after the child itself has ended.
pub const LINGER: Duration = Duration::from_secs(2);

/// Name of the environment variable that marks the processes of one run of one command.
const MARK: &str = "WIMFORGE_PROCESS";
/// How often cancel, clock and the child's end are looked at.
const TICK_MILLIS: u16 = 50;

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct ProcessRequest {
    /// Program: a path, or a name looked up in `PATH`.
    pub program: OsString,
    /// Its arguments, word by word.
    pub args: Vec<OsString>,
    /// Working directory; none is the caller's.
    pub dir: Option<PathBuf>,
    /// Killed after this time.
    pub timeout: Option<Duration>,
    /// What must not be in a line; asked for each line, since secrets may be added while the process runs.
    pub secrets: Option<Secrets>,
}

/// Gives what is secret now.
#[derive(Clone)]
pub struct Secrets(pub Arc<dyn Fn() -> Redactor + Send + Sync>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal, not sent from here.
    Signal(i32),
    /// Killed after its time.
    TimedOut,
    /// Killed because somebody cancelled.
    Cancelled,
}

/// What is known of a process that ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How.
    pub ended: Ended,
    /// The last [`TAIL_LINES`] lines of output, masked and shortened each.
    pub tail: Vec<String>,
    /// The last [`LAST_CHARACTERS`] characters of output, as they are.
    pub last_characters: String,
    /// A secret, or a part of one, stands in them.
    pub last_is_secret: bool,
}

/// Lets a child be killed when the thread that started it ends: a tool must not go on writing to a disk whose engine was
/// killed, while the resumed engine starts the step again.
pub(super) fn die_with_parent(command: &mut Command) {
    #[expect(
        unsafe_code,
        reason = "prctl(2) has no safe form, and must be called in the child"
    )]
    // SAFETY: prctl is async-signal-safe, takes plain numbers, and the closure allocates nothing.
    unsafe {
        command.pre_exec(|| {
            if nix::libc::prctl(nix::libc::PR_SET_PDEATHSIG, nix::libc::SIGKILL) == 0 {
                Ok(())
            } else {
                Err(std::io::Error::last_os_error())
            }
        });
    }
}

/// Gives this process a session of its own, so that neither Ctrl-C at the terminal it was started from nor that
/// terminal's end reaches it.
///
/// # Errors
/// The system's: the leader of a process group cannot do it.
pub fn leave_session() -> Result<(), PlatformError> {
    nix::unistd::setsid()
        .map(|_| ())
        .map_err(|error| PlatformError::io("starting a session of its own", error.into()))
}

/// Where [`run`] would find a program: a path (relative ones start at `dir`), or a name looked up in `PATH`. `None` when
/// there is no such file, or none that may be executed.
pub fn find_program(program: &str, dir: Option<&Path>) -> Option<PathBuf> {
    let executable = |path: PathBuf| {
        let meta = std::fs::metadata(&path).ok()?;
        (meta.is_file() && meta.permissions().mode() & 0o111 != 0).then_some(path)
    };
    if program.contains('/') {
        return executable(dir.map_or_else(|| PathBuf::from(program), |dir| dir.join(program)));
    }
    let folders = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    std::env::split_paths(&folders).find_map(|folder| executable(folder.join(program)))
}

/// Runs a process to its end; `on_line` gets each line of output as it comes (masked, without the line break, invalid UTF-8
/// replaced, at most [`LONGEST_PIECE`] bytes; a carriage return ends a line too, as progress displays use it).
///
/// # Errors
/// [`PlatformError::MissingTool`] when there is no such program, [`PlatformError::Io`] when it cannot be
/// started (no right, working directory missing) or watched.
pub fn run(
    request: &ProcessRequest,
    cancel: &CancelToken,
    on_line: &mut dyn FnMut(&str),
) -> Result<Finished, PlatformError> {
    let name = request.program.to_string_lossy().into_owned();
    if let Some(dir) = &request.dir {
        // Without this look a missing folder could not be told from a missing program: both are ENOENT.
        let doing = || format!("entering the working directory {}", dir.display());
        let meta = std::fs::metadata(dir).map_err(|e| PlatformError::io(doing(), e))?;
        if !meta.is_dir() {
            return Err(PlatformError::io(doing(), ErrorKind::NotADirectory.into()));
        }
    }
    let mark = uuid::Uuid::new_v4().to_string();
    let starting = |e| PlatformError::io(format!("starting {name}"), e);
    let (mut reader, writer) = std::io::pipe().map_err(starting)?;
    let second = writer.try_clone().map_err(starting)?;
    let mut command = Command::new(&request.program);
    command
        .args(&request.args)
        .env_clear()
        .envs(environment::for_child())
        .env(MARK, &mark)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(second)
        .process_group(0);
    if let Some(dir) = &request.dir {
        command.current_dir(dir);
    }
    die_with_parent(&mut command);
    let started = Instant::now();
    let child = command.spawn().map_err(|e| match e.kind() {
        ErrorKind::NotFound => PlatformError::MissingTool(name.clone()),
        _ => starting(e),
    })?;
    // The command holds our ends of the pipe; while they are open there is no end of output.
    drop(command);

    let mut watched = Watched::new(child, mark);
    let mut output = Output::new(request.secrets.clone());
    let watching = |e| PlatformError::io(format!("reading the output of {name}"), e);
    let mut buffer = vec![0_u8; 64 * 1024];
    let mut open = true;
    let mut why = None;
    let mut asked_at: Option<Instant> = None;
    let mut ended_at: Option<Instant> = None;
    loop {
        if open {
            let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
            let ready = match poll(&mut fds, PollTimeout::from(TICK_MILLIS)) {
                Ok(count) => count > 0,
                Err(nix::errno::Errno::EINTR) => false,
                Err(e) => return Err(watching(e.into())),
            };
            if ready {
                match reader.read(&mut buffer) {
                    Ok(0) => open = false,
                    Ok(count) => output.take(&buffer[..count], on_line),
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => return Err(watching(e)),
                }
            }
        } else if ended_at.is_none() {
            std::thread::sleep(Duration::from_millis(u64::from(TICK_MILLIS) / 5));
        }

        if ended_at.is_none() && watched.has_ended() {
            ended_at = Some(Instant::now());
        }
        if let Some(at) = ended_at {
            if !open || why.is_some() || at.elapsed() >= LINGER || cancel.is_cancelled() {
                break;
            }
            continue;
        }
        match (why, cancel.level()) {
            (None, CancelLevel::Asked) => why = Some(Ended::Cancelled),
            (_, CancelLevel::Kill) => {
                why = why.or(Some(Ended::Cancelled));
                watched.kill_tree();
            }
            _ => {}
        }
        if why.is_none()
            && request
                .timeout
                .is_some_and(|limit| started.elapsed() >= limit)
        {
            why = Some(Ended::TimedOut);
        }
        if why.is_some() {
            match asked_at {
                None => {
                    asked_at = Some(Instant::now());
                    watched.terminate();
                }
                Some(at) if at.elapsed() >= GRACE => watched.kill_tree(),
                Some(_) => {}
            }
        }
    }
    if why.is_some() {
        // The leader obeyed; whoever did not goes now.
        watched.kill_tree();
        drain(&mut reader, &mut buffer, &mut output, on_line);
    }
    output.finish(on_line);
    let status = watched
        .reap()
        .map_err(|e| PlatformError::io(format!("waiting for {name}"), e))?;
    let ended = why.unwrap_or_else(|| match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    });
    Ok(Finished {
        ended,
        tail: output.tail.into(),
        last_is_secret: output.masked_before < LAST_CHARACTERS,
        last_characters: output.last,
    })
}

/// Reads what is in the pipe right now.
fn drain(
    reader: &mut std::io::PipeReader,
    buffer: &mut [u8],
    output: &mut Output,
    on_line: &mut dyn FnMut(&str),
) {
    // Bounded: somebody who escaped the kill may go on writing.
    for _ in 0..64 {
        let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
        if !matches!(poll(&mut fds, PollTimeout::ZERO), Ok(count) if count > 0) {
            return;
        }
        match reader.read(buffer) {
            Ok(count) if count > 0 => output.take(&buffer[..count], on_line),
            _ => return,
        }
    }
}

/// A child that is not reaped before its tree is dealt with: while it is a zombie, its number, which is also that of
/// its group, cannot be given to anybody else.
struct Watched {
    child: Child,
    pid: Pid,
    mark: String,
    reaped: bool,
}

impl Watched {
    fn new(child: Child, mark: String) -> Self {
        let pid = Pid::from_raw(child.id().cast_signed());
        Self {
            child,
            pid,
            mark,
            reaped: false,
        }
    }

    fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        !matches!(waitid(Id::Pid(self.pid), flags), Ok(WaitStatus::StillAlive))
    }

    /// Asks group and descendants to end.
    fn terminate(&self) {
        // Failures here mean that the process is gone already, or not ours to signal.
        let _ = killpg(self.pid, Signal::SIGTERM);
        for pid in self.others() {
            let _ = kill(pid, Signal::SIGTERM);
        }
    }

    /// Kills group, descendants and marked processes, until no new ones turn up.
    fn kill_tree(&self) {
        for _ in 0..10 {
            let others = self.others();
            let _ = killpg(self.pid, Signal::SIGKILL);
            for &pid in &others {
                let _ = kill(pid, Signal::SIGKILL);
            }
            if others.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Living processes outside the group that belong to this run: by ancestry or by mark.
    fn others(&self) -> Vec<Pid> {
        let Ok(table) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        let all: HashMap<i32, Row> = table
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
            .filter_map(|pid| Some((pid, Row::read(pid)?)))
            .collect();
        let root = self.pid.as_raw();
        let wanted = format!("{MARK}={}", self.mark);
        all.iter()
            .filter(|&(&pid, row)| {
                pid != root
                    && row.group != root
                    && !matches!(row.state, 'Z' | 'X')
                    && (descends(pid, root, &all) || has_mark(pid, wanted.as_bytes()))
            })
            .map(|(&pid, _)| Pid::from_raw(pid))
            .collect()
    }

    fn reap(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait();
        self.reaped = true;
        status
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill_tree();
            let _ = self.child.wait();
        }
    }
}

/// What `/proc/PID/stat` says that matters here.
struct Row {
    state: char,
    parent: i32,
    group: i32,
}

impl Row {
    fn read(pid: i32) -> Option<Self> {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // The name is in brackets and may hold brackets and blanks itself: the last one closes it.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        Some(Self {
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    }
}

fn descends(pid: i32, root: i32, all: &HashMap<i32, Row>) -> bool {
    let mut at = pid;
    // The table is read while it changes: a bound keeps an impossible circle from being walked for ever.
    for _ in 0..all.len() {
        match all.get(&at) {
            Some(row) if row.parent == root => return true,
            Some(row) if row.parent > 1 => at = row.parent,
            _ => return false,
        }
    }
    false
}

fn has_mark(pid: i32, wanted: &[u8]) -> bool {
    std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
        environ
            .split(|&byte| byte == 0)
            .any(|entry| entry == wanted)
    })
}

/// Cuts output into lines, masks them and keeps the end of it.
struct Output {
    line: Vec<u8>,
    after_return: bool,
    tail: VecDeque<String>,
    last: String,
    secrets: Option<Secrets>,
    masked: MaskedLines,
    /// Characters since the latest line with a secret in it.
    masked_before: usize,
}

impl Output {
    fn new(secrets: Option<Secrets>) -> Self {
        Self {
            line: Vec::new(),
            after_return: false,
            tail: VecDeque::new(),
            last: String::new(),
            secrets,
            masked: MaskedLines::default(),
            masked_before: usize::MAX,
        }
    }

    fn take(&mut self, bytes: &[u8], on_line: &mut dyn FnMut(&str)) {
        for &byte in bytes {
            // The second half of CR LF, and the returns by which progress displays clear a line.
            let swallowed = match byte {
                b'\n' => self.after_return,
                b'\r' => self.line.is_empty(),
                _ => false,
            };
            match byte {
                _ if swallowed => {}
                b'\n' | b'\r' => self.emit(self.line.len(), true, on_line),
                _ => {
                    self.line.push(byte);
                    if self.line.len() >= LONGEST_PIECE {
                        let end = character_boundary(&self.line);
                        self.emit(end, false, on_line);
                    }
                }
            }
            self.after_return = byte == b'\r' && !swallowed;
        }
    }

    fn finish(&mut self, on_line: &mut dyn FnMut(&str)) {
        if !self.line.is_empty() {
            self.emit(self.line.len(), true, on_line);
        }
        if let Some(secrets) = &self.secrets {
            let (tail, since) = (&mut self.tail, &mut self.masked_before);
            self.masked.finish(&secrets.0(), &mut |line, masked| {
                give(line, masked, tail, since, on_line);
            });
        }
        if self.last.ends_with('\n') {
            self.last.pop();
        }
        keep_last(&mut self.last, LAST_CHARACTERS);
    }

    fn emit(&mut self, end: usize, complete: bool, on_line: &mut dyn FnMut(&str)) {
        let rest = self.line.split_off(end);
        let line = std::mem::replace(&mut self.line, rest);
        let line = String::from_utf8_lossy(&line);
        let (tail, since) = (&mut self.tail, &mut self.masked_before);
        match &self.secrets {
            Some(secrets) => self.masked.take(&secrets.0(), &line, &mut |line, masked| {
                give(line, masked, tail, since, on_line);
            }),
            None => give(&line, false, tail, since, on_line),
        }
        self.last.push_str(&line);
        if complete {
            self.last.push('\n');
        }
        if self.last.len() > 16 * LAST_CHARACTERS {
            // One more: the last line break goes at the end.
            keep_last(&mut self.last, LAST_CHARACTERS + 1);
        }
    }
}

/// Passes a line on and keeps it; `since` counts the characters behind the latest one with a secret in it.
fn give(
    line: &str,
    masked: bool,
    tail: &mut VecDeque<String>,
    since: &mut usize,
    on_line: &mut dyn FnMut(&str),
) {
    on_line(line);
    if tail.len() == TAIL_LINES {
        tail.pop_front();
    }
    tail.push_back(text::shorten(line, text::LONGEST_SHOWN).into_owned());
    *since = if masked {
        0
    } else {
        since.saturating_add(line.chars().count() + 1)
    };
}

/// Where to cut so that no UTF-8 character is torn; the whole length when the end is not UTF-8 anyway.
fn character_boundary(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(4);
    match std::str::from_utf8(&bytes[from..]) {
        Err(e) if e.error_len().is_none() => from + e.valid_up_to(),
        _ => (from..bytes.len())
            .rev()
            .find(|&i| bytes[i] & 0b1100_0000 == 0b1100_0000)
            .filter(|&i| std::str::from_utf8(&bytes[i..]).is_err_and(|e| e.error_len().is_none()))
            .unwrap_or(bytes.len()),
    }
}

/// Cuts `text` to its last `count` characters.
fn keep_last(text: &mut String, count: usize) {
    if let Some((start, last)) = text.char_indices().rev().nth(count) {
        text.drain(..start + last.len_utf8());
    }
}

#[cfg(test)]
mod tests;
