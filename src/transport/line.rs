//! What the line behind standard output is: its speed, and the size its far end reports.

use std::time::Duration;

/// Bits per second of a serial line; none for a pty, a virtual console or something that is no terminal.
#[cfg(unix)]
pub fn line_speed() -> Option<u32> {
    use nix::sys::termios::{BaudRate, cfgetospeed, tcgetattr};
    let path = std::fs::read_link("/proc/self/fd/1").ok()?;
    let name = path.to_str()?;
    // A pty has a speed, too, which says nothing.
    if name.starts_with("/dev/pts/")
        || name.starts_with("/dev/tty")
            && name["/dev/tty".len()..].starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let speed = cfgetospeed(&tcgetattr(std::io::stdout()).ok()?);
    Some(match speed {
        BaudRate::B19200 => 19_200,
        BaudRate::B38400 => 38_400,
        BaudRate::B57600 => 57_600,
        BaudRate::B115200 => 115_200,
        BaudRate::B230400 => 230_400,
        BaudRate::B460800 => 460_800,
        BaudRate::B921600 => 921_600,
        // 9600 itself, and what is unknown: the careful guess.
        _ => 9_600,
    })
}

/// See the Unix form.
#[cfg(not(unix))]
pub fn line_speed() -> Option<u32> {
    None
}

/// How the terminal was before another program got it.
pub struct TerminalState {
    #[cfg(unix)]
    modes: Option<nix::sys::termios::Termios>,
}

impl TerminalState {
    /// As it is now.
    pub fn save() -> Self {
        Self {
            #[cfg(unix)]
            modes: nix::sys::termios::tcgetattr(std::io::stdin()).ok(),
        }
    }

    /// Makes it so again: a shell that was killed leaves the terminal to a process group that is gone, in whatever mode.
    pub fn restore(self) {
        #[cfg(unix)]
        {
            use nix::sys::signal::{SigSet, Signal};
            use nix::sys::termios::{SetArg, tcsetattr};
            use nix::unistd::{getpgrp, tcsetpgrp};
            // From the background both calls would stop this program.
            let mut background = SigSet::empty();
            background.add(Signal::SIGTTOU);
            let before = background.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK);
            let _ = tcsetpgrp(std::io::stdin(), getpgrp());
            if let Some(modes) = &self.modes {
                let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, modes);
            }
            if let Ok(before) = before {
                let _ = before.thread_set_mask();
            }
        }
    }
}

/// Tells a program that its terminal is gone.
pub fn hang_up(pid: u32) {
    #[cfg(unix)]
    if let Ok(pid) = i32::try_from(pid) {
        let pid = nix::unistd::Pid::from_raw(pid);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP);
        // One that was stopped would never see it.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGCONT);
    }
    #[cfg(not(unix))]
    let _ = pid;
}

/// Asks the terminal itself: cursor to the far corner, then a cursor report. Raw mode must be on. Keys typed meanwhile are
/// lost, which is why the kernel is asked first.
#[cfg(unix)]
pub fn ask_terminal_size(patience: Duration) -> Option<(u16, u16)> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    let mut out = std::io::stdout();
    out.write_all(b"\x1b7\x1b[999;999H\x1b[6n\x1b8").ok()?;
    out.flush().ok()?;
    // The descriptor itself: a buffered reader would keep bytes from the console's own.
    let mut input = std::fs::File::from(std::io::stdin().as_fd().try_clone_to_owned().ok()?);
    let end = std::time::Instant::now() + patience;
    let mut answer = Vec::new();
    loop {
        let left = end.saturating_duration_since(std::time::Instant::now());
        let timeout = PollTimeout::try_from(left).ok()?;
        let ready = {
            let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, timeout).ok()?
        };
        if ready == 0 {
            return None;
        }
        let mut byte = [0u8; 1];
        if input.read(&mut byte).ok()? == 0 || answer.len() > 64 {
            return None;
        }
        answer.push(byte[0]);
        if byte[0] == b'R' {
            return cursor_report(&answer);
        }
    }
}

/// See the Unix form.
#[cfg(not(unix))]
pub fn ask_terminal_size(_: Duration) -> Option<(u16, u16)> {
    None
}

/// Columns and rows from `ESC [ rows ; columns R`, with anything before it.
fn cursor_report(bytes: &[u8]) -> Option<(u16, u16)> {
    let text = String::from_utf8_lossy(bytes);
    let (rows, columns) = text
        .rsplit("\x1b[")
        .next()?
        .strip_suffix('R')?
        .split_once(';')?;
    let (rows, columns) = (rows.parse().ok()?, columns.parse().ok()?);
    (rows > 0 && columns > 0).then_some((columns, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_and_nonsense_is_not() {
        assert_eq!(cursor_report(b"\x1b[43;132R"), Some((132, 43)));
        assert_eq!(cursor_report(b"abc\x1b[24;80R"), Some((80, 24)));
        assert_eq!(cursor_report(b"\x1b[0;0R"), None);
        assert_eq!(cursor_report(b"\x1b[x;yR"), None);
        assert_eq!(cursor_report(b"R"), None);
    }
}
