//! What is asked at the terminal itself, whatever standard input is.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::error::PlatformError;

/// Longest line taken, in bytes.
const LONGEST: usize = 64 * 1024;
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const CTRL_U: u8 = 21;

/// The terminal without echo, until this is dropped.
struct Silent {
    terminal: File,
    before: Termios,
}

impl Silent {
    fn new() -> io::Result<Self> {
        let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        // Keys come one by one and Ctrl-C as a key: a program that a signal ends would leave the terminal silent.
        silent.local_flags &= !(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        tcsetattr(&terminal, SetArg::TCSAFLUSH, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.before);
        let _ = self.terminal.write_all(b"\r\n");
    }
}

/// Asks for a line that is not shown while it is typed. Backspace and Ctrl-U work; Ctrl-C and Ctrl-D give it up.
///
/// # Errors
/// There is no terminal, it was given up, or what was typed is no text.
pub fn ask_silently(prompt: &str) -> Result<Zeroizing<String>, PlatformError> {
    let asking = |error| PlatformError::io("asking at the terminal", error);
    let mut silent = Silent::new().map_err(asking)?;
    silent
        .terminal
        .write_all(prompt.as_bytes())
        .map_err(asking)?;
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut key = [0];
    loop {
        if silent.terminal.read(&mut key).map_err(asking)? == 0 {
            return Err(PlatformError::Cancelled);
        }
        match key[0] {
            b'\r' | b'\n' => break,
            CTRL_C | CTRL_D => return Err(PlatformError::Cancelled),
            CTRL_U => line.clear(),
            8 | 127 => {
                // A character of several bytes goes as one.
                while line
                    .pop()
                    .is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
                {}
            }
            byte if line.len() < LONGEST => line.push(byte),
            _ => {}
        }
    }
    std::str::from_utf8(&line)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| asking(io::Error::other("what was typed is not UTF-8")))
}
