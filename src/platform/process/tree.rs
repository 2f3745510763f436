//! A child and all that came from it: found by group, ancestry and mark, and ended together.

use std::collections::HashMap;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

/// Name of the environment variable that marks the processes of one run of one command.
pub(super) const MARK: &str = "WIMFORGE_PROCESS";

/// A child that is not reaped before its tree is dealt with: while it is a zombie, its number, which is also that of
/// its group, cannot be given to anybody else.
pub(super) struct Watched {
    child: Child,
    pid: Pid,
    mark: String,
    reaped: bool,
}

impl Watched {
    pub(super) fn new(child: Child, mark: String) -> Self {
        let pid = Pid::from_raw(child.id().cast_signed());
        Self {
            child,
            pid,
            mark,
            reaped: false,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        !matches!(waitid(Id::Pid(self.pid), flags), Ok(WaitStatus::StillAlive))
    }

    /// Asks group and descendants to end.
    pub(super) fn terminate(&self) {
        // Failures here mean that the process is gone already, or not ours to signal.
        let _ = killpg(self.pid, Signal::SIGTERM);
        for pid in self.others() {
            let _ = kill(pid, Signal::SIGTERM);
        }
    }

    /// Kills group, descendants and marked processes, until no new ones turn up.
    pub(super) fn kill_tree(&self) {
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

    pub(super) fn reap(&mut self) -> std::io::Result<ExitStatus> {
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
pub(super) struct Row {
    pub(super) state: char,
    parent: i32,
    group: i32,
}

impl Row {
    pub(super) fn read(pid: i32) -> Option<Self> {
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
