//! Child processes: started without a shell, watched line by line, ended as a whole tree.
//!
//! A child gets a process group of its own, nothing on its standard input, one pipe for both outputs, and an
//! environment of `PATH`, `HOME`, `LANG=C.UTF-8`, `TERM=dumb` and a mark (see below): secrets never travel that way.
//!
//! **What is killed** after a time-out or a cancel: the process group; every descendant that the process table shows,
//! whatever its group or session; and every process that carries the run's mark, a random number in its environment,
//! which finds daemons whose parents are gone. What escapes: a process that left group and ancestry *and* was
//! started with an environment of its own, or that runs as another user whom this process may not signal.
//!
//! After an ordinary end, processes left in the background are left alone; their output is listened to for
//! [`LINGER`] and then no more, so that a daemon holding the pipe cannot hold the step.

mod output;
mod tree;

use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::cancel::{CancelLevel, CancelToken};

use super::error::PlatformError;
use output::Output;
use tree::{MARK, Watched};

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

/// How often cancel, clock and the child's end are looked at.
const TICK_MILLIS: u16 = 50;
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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
    /// The last [`TAIL_LINES`] lines of output, shortened each.
    pub tail: Vec<String>,
    /// The last [`LAST_CHARACTERS`] characters of output.
    pub last_characters: String,
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

/// Runs a process to its end; `on_line` gets each line of output as it comes (without the line break, invalid UTF-8
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
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into()))
        .env("HOME", std::env::var_os("HOME").unwrap_or_else(|| "/".into()))
        .env("LANG", "C.UTF-8")
        .env("TERM", "dumb")
        .env(MARK, &mark)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(second)
        .process_group(0);
    if let Some(dir) = &request.dir {
        command.current_dir(dir);
    }
    let started = Instant::now();
    let child = command.spawn().map_err(|e| match e.kind() {
        ErrorKind::NotFound => PlatformError::MissingTool(name.clone()),
        _ => starting(e),
    })?;
    // The command holds our ends of the pipe; while they are open there is no end of output.
    drop(command);

    let mut watched = Watched::new(child, mark);
    let mut output = Output::default();
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
        if why.is_none() && request.timeout.is_some_and(|limit| started.elapsed() >= limit) {
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
    let status = watched.reap().map_err(|e| PlatformError::io(format!("waiting for {name}"), e))?;
    let ended = why.unwrap_or_else(|| match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    });
    Ok(Finished {
        ended,
        tail: output.tail.into(),
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

#[cfg(test)]
mod tests {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::tree::Row;
    use super::*;

    fn sh(script: &str) -> ProcessRequest {
        ProcessRequest {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            ..ProcessRequest::default()
        }
    }

    fn collect(request: &ProcessRequest) -> (Finished, Vec<String>) {
        let mut lines = Vec::new();
        let done = run(request, &CancelToken::new(), &mut |line| lines.push(line.to_owned())).unwrap();
        (done, lines)
    }

    fn alive(pid: i32) -> bool {
        Row::read(pid).is_some_and(|row| !matches!(row.state, 'Z' | 'X'))
    }

    fn gone_soon(pid: i32) -> bool {
        (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            !alive(pid)
        })
    }

    #[test]
    fn both_outputs_come_line_by_line_with_the_exit_code() {
        let (done, lines) = collect(&sh("echo one; echo two >&2; printf 'a\\rb\\r\\nlast'; exit 7"));
        assert_eq!(lines, ["one", "two", "a", "b", "last"]);
        assert_eq!(done.ended, Ended::Code(7));
        assert_eq!(done.last_characters, "one\ntwo\na\nb\nlast");
    }

    #[test]
    fn the_environment_is_bare() {
        let (_, lines) = collect(&ProcessRequest {
            program: "env".into(),
            ..ProcessRequest::default()
        });
        let mut names: Vec<_> = lines.iter().filter_map(|l| l.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "LANG", "PATH", "TERM", MARK]);
    }

    #[test]
    fn endless_lines_come_in_pieces_and_bad_utf8_is_replaced() {
        let (done, lines) = collect(&sh("head -c 1000000 /dev/zero | tr '\\0' x; printf '\\377\\n'"));
        assert!(lines.iter().all(|l| l.len() <= LONGEST_PIECE + 2), "a piece is too long");
        assert_eq!(lines.concat().len(), 1_000_000 + '\u{fffd}'.len_utf8());
        assert_eq!(done.last_characters.chars().count(), LAST_CHARACTERS);
        assert!(done.tail.iter().all(|l| l.len() < 2_100));
    }

    #[test]
    fn pieces_do_not_tear_characters() {
        let mut output = Output::default();
        let mut text = String::from("x");
        while text.len() < 3 * LONGEST_PIECE {
            text.push('€');
        }
        let mut got = String::new();
        output.take(text.as_bytes(), &mut |piece| got.push_str(piece));
        output.finish(&mut |piece| got.push_str(piece));
        assert_eq!(got, text);
    }

    #[test]
    fn only_the_end_is_kept() {
        let (done, lines) = collect(&sh("seq 1 5000"));
        assert_eq!(lines.len(), 5000);
        assert_eq!(done.tail.len(), TAIL_LINES);
        assert_eq!(done.tail.last().unwrap(), "5000");
        assert_eq!(done.last_characters.chars().count(), LAST_CHARACTERS - 1);
        assert!(done.last_characters.ends_with("4999\n5000"));
    }

    #[test]
    fn a_missing_program_and_a_missing_folder_are_told_apart() {
        let missing = run(
            &ProcessRequest { program: "no-such-program-xyz".into(), ..ProcessRequest::default() },
            &CancelToken::new(),
            &mut |_| {},
        );
        assert!(matches!(missing, Err(PlatformError::MissingTool(name)) if name == "no-such-program-xyz"));
        let folder = run(
            &ProcessRequest { dir: Some("/no/such/folder".into()), ..sh("true") },
            &CancelToken::new(),
            &mut |_| {},
        );
        assert!(folder.unwrap_err().to_string().contains("/no/such/folder"));
    }

    #[test]
    fn a_timeout_kills_group_and_those_who_left_it() {
        let begun = Instant::now();
        // One in the group, one in a session of its own, one whose parent is gone as well.
        let (done, lines) = collect(&ProcessRequest {
            timeout: Some(Duration::from_millis(700)),
            ..sh("sleep 300 & echo $!; \
                  setsid sleep 301 & echo $!; \
                  setsid sh -c 'sleep 302 & echo $!' & \
                  wait; sleep 300")
        });
        assert_eq!(done.ended, Ended::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(4), "took {:?}", begun.elapsed());
        let pids: Vec<i32> = lines.iter().map(|l| l.parse().unwrap()).collect();
        assert_eq!(pids.len(), 3);
        for pid in pids {
            assert!(gone_soon(pid), "process {pid} lives on");
        }
    }

    #[test]
    fn who_ignores_sigterm_is_killed_at_level_kill() {
        let cancel = CancelToken::new();
        let other = cancel.clone();
        let mut first = true;
        let begun = Instant::now();
        let done = run(&sh("trap '' TERM; echo ready; while :; do sleep 0.1; done"), &cancel, &mut |_| {
            if std::mem::take(&mut first) {
                let token = other.clone();
                std::thread::spawn(move || {
                    token.raise(CancelLevel::Asked);
                    std::thread::sleep(Duration::from_millis(300));
                    token.raise(CancelLevel::Kill);
                });
            }
        })
        .unwrap();
        assert_eq!(done.ended, Ended::Cancelled);
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(4), "took {took:?}");
    }

    #[test]
    fn a_daemon_that_keeps_the_pipe_does_not_hold_the_step() {
        let begun = Instant::now();
        let (done, lines) = collect(&sh("setsid sleep 20 & echo $!; exit 3"));
        assert_eq!(done.ended, Ended::Code(3));
        assert!(begun.elapsed() < LINGER + Duration::from_secs(2));
        let pid: i32 = lines[0].parse().unwrap();
        assert!(alive(pid), "an ordinary end must leave background processes alone");
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }

    #[test]
    fn a_signal_is_named() {
        let (done, _) = collect(&sh("kill -SEGV $$"));
        assert_eq!(done.ended, Ended::Signal(11));
    }
}
