//! Output of a child: cut into lines, its end kept.

use std::collections::VecDeque;

use crate::text;

use super::{LAST_CHARACTERS, LONGEST_PIECE, TAIL_LINES};

/// Cuts output into lines and keeps the end of it.
#[derive(Default)]
pub(super) struct Output {
    line: Vec<u8>,
    after_return: bool,
    pub(super) tail: VecDeque<String>,
    pub(super) last: String,
}

impl Output {
    pub(super) fn take(&mut self, bytes: &[u8], on_line: &mut dyn FnMut(&str)) {
        for &byte in bytes {
            match byte {
                b'\n' if self.after_return => {}
                b'\n' => self.emit(self.line.len(), true, on_line),
                b'\r' if self.line.is_empty() => {}
                b'\r' => self.emit(self.line.len(), true, on_line),
                _ => {
                    self.line.push(byte);
                    if self.line.len() >= LONGEST_PIECE {
                        let end = character_boundary(&self.line);
                        self.emit(end, false, on_line);
                    }
                }
            }
            self.after_return = byte == b'\r';
        }
    }

    pub(super) fn finish(&mut self, on_line: &mut dyn FnMut(&str)) {
        if !self.line.is_empty() {
            self.emit(self.line.len(), true, on_line);
        }
        if self.last.ends_with('\n') {
            self.last.pop();
        }
        keep_last(&mut self.last);
    }

    fn emit(&mut self, end: usize, complete: bool, on_line: &mut dyn FnMut(&str)) {
        let rest = self.line.split_off(end);
        let line = std::mem::replace(&mut self.line, rest);
        let line = String::from_utf8_lossy(&line);
        on_line(&line);
        self.last.push_str(&line);
        if complete {
            self.last.push('\n');
        }
        if self.last.len() > 16 * LAST_CHARACTERS {
            keep_last(&mut self.last);
        }
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail
            .push_back(text::shorten(&line, text::LONGEST_SHOWN).into_owned());
    }
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

/// Cuts `text` to its last [`LAST_CHARACTERS`] characters (one more may be a line break that goes later).
fn keep_last(text: &mut String) {
    if let Some((start, _)) = text.char_indices().rev().nth(LAST_CHARACTERS) {
        let from = text[start..]
            .chars()
            .next()
            .map_or(start, |c| start + c.len_utf8());
        text.drain(..from);
    }
}
