//! Bytes of a terminal to keys and pasted text. Pure: what came is handed in, and so is the pause after it.
//!
//! Nothing is left lying: what has begun and goes on no further is given up with the next pause. What no key sends is
//! told as [`Input::Noise`]; a well-made report of the terminal that nobody asked for is passed over.

use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What the bytes mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// Text between the marks of a paste.
    Paste(String),
    /// Bytes that no key sends.
    Noise,
}

const ESC: u8 = 0x1b;

/// Longest sequence that a key or a report sends.
const LONGEST: usize = 32;

/// Marks around a paste, without their escape character.
const PASTE: &[u8] = b"[200~";
const PASTED: &[u8] = b"\x1b[201~";

/// Longest text taken as one paste; what follows is taken as another one.
const LONGEST_PASTE: usize = 1024 * 1024;

/// A paste that goes on no sooner has lost its end: what comes then are keys again.
const LOST_PASTE: Duration = Duration::from_secs(2);

/// What has come of something that is not whole yet.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    /// From an escape character on, or the beginning of a character.
    begun: Vec<u8>,
    /// Inside the marks of a paste: the text so far.
    paste: Option<Vec<u8>>,
}

impl Parser {
    /// Takes bytes that came so long after those before them.
    pub fn bytes(&mut self, bytes: &[u8], gap: Duration) -> Vec<Input> {
        let mut all = Vec::new();
        if gap >= LOST_PASTE {
            self.paste = None;
        }
        for byte in bytes {
            self.byte(*byte, &mut all);
        }
        all
    }

    /// Nothing came for a while: what has begun is all there is of it. A paste may go on, but what is there of it counts.
    pub fn pause(&mut self) -> Vec<Input> {
        if let Some(text) = &mut self.paste {
            let mark = (0..PASTED.len())
                .rev()
                .find(|length| text.ends_with(&PASTED[..*length]))
                .unwrap_or(0);
            let rest = text.split_off(text.len() - mark);
            let text = std::mem::replace(text, rest);
            let text = String::from_utf8_lossy(&text).into_owned();
            return if text.is_empty() {
                Vec::new()
            } else {
                vec![Input::Paste(text)]
            };
        }
        let begun = std::mem::take(&mut self.begun);
        match begun[..] {
            [] => Vec::new(),
            [ESC] => vec![plain(KeyCode::Esc)],
            // Alt and the letter.
            [ESC, letter @ (b'O' | b'[')] => {
                vec![key(KeyCode::Char(char::from(letter)), KeyModifiers::ALT)]
            }
            _ => vec![Input::Noise],
        }
    }

    fn byte(&mut self, byte: u8, all: &mut Vec<Input>) {
        if let Some(text) = &mut self.paste {
            text.push(byte);
            if text.ends_with(PASTED) {
                text.truncate(text.len() - PASTED.len());
            } else if text.len() < LONGEST_PASTE {
                return;
            }
            let ended = text.len() < LONGEST_PASTE;
            all.push(Input::Paste(String::from_utf8_lossy(text).into_owned()));
            self.paste = (!ended).then(Vec::new);
            return;
        }
        match self.begun.first() {
            None if byte == ESC || byte >= 0x80 => self.begun.push(byte),
            None => all.push(single(byte, KeyModifiers::NONE)),
            Some(&ESC) => self.escaped(byte, all),
            Some(_) => self.of_character(byte, all),
        }
        if matches!(self.begun[..], [0x80..=0xc1 | 0xf5..]) {
            self.begun.clear();
            all.push(Input::Noise);
        }
    }

    /// Goes on with a character of several bytes.
    fn of_character(&mut self, byte: u8, all: &mut Vec<Input>) {
        if !(0x80..=0xbf).contains(&byte) {
            self.begun.clear();
            all.push(Input::Noise);
            // This one may be a key.
            self.byte(byte, all);
            return;
        }
        self.begun.push(byte);
        let wanted = match self.begun.first() {
            Some(0xc2..=0xdf) => 2,
            Some(0xe0..=0xef) => 3,
            _ => 4,
        };
        if self.begun.len() < wanted {
            return;
        }
        let begun = std::mem::take(&mut self.begun);
        let character = std::str::from_utf8(&begun).ok();
        all.push(match character.and_then(|text| text.chars().next()) {
            Some(c) if !c.is_control() => plain(KeyCode::Char(c)),
            _ => Input::Noise,
        });
    }

    /// Goes on with what an escape character began.
    fn escaped(&mut self, byte: u8, all: &mut Vec<Input>) {
        let rest = &self.begun[1..];
        match (rest, byte) {
            // A second one begins anew: the first was the key.
            ([], ESC) => {
                all.push(plain(KeyCode::Esc));
                return;
            }
            (_, ESC) => {
                all.push(Input::Noise);
                self.begun = vec![ESC];
                return;
            }
            // The second of two brackets: F1 to F5 of the Linux console.
            ([], b'[' | b'O') | ([b'['], b'[') => {
                self.begun.push(byte);
                return;
            }
            ([], 0x80..) => {
                all.push(plain(KeyCode::Esc));
                self.begun.clear();
                self.byte(byte, all);
                return;
            }
            ([], _) => {
                self.begun.clear();
                all.push(single(byte, KeyModifiers::ALT));
                return;
            }
            ([b'[', b'['], _) => {
                self.begun.clear();
                all.push(match byte {
                    b'A'..=b'E' => plain(KeyCode::F(byte - b'A' + 1)),
                    _ => Input::Noise,
                });
                return;
            }
            (_, 0x20..=0x7e) => {}
            _ => {
                self.begun.clear();
                all.push(Input::Noise);
                self.byte(byte, all);
                return;
            }
        }
        self.begun.push(byte);
        let rest = &self.begun[1..];
        let whole = match rest[0] {
            b'O' => !byte.is_ascii_digit() && byte != b';',
            _ => (0x40..=0x7e).contains(&byte),
        };
        if !whole {
            if self.begun.len() > LONGEST {
                self.begun.clear();
                all.push(Input::Noise);
            }
            return;
        }
        if rest == PASTE {
            self.paste = Some(Vec::new());
        } else {
            all.extend(sequence(rest));
        }
        self.begun.clear();
    }
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Input {
    Input::Key(KeyEvent::new(code, modifiers))
}

fn plain(code: KeyCode) -> Input {
    key(code, KeyModifiers::NONE)
}

/// A key that is one byte.
fn single(byte: u8, with: KeyModifiers) -> Input {
    let letter = |first: u8| KeyCode::Char(char::from(byte - 1 + first));
    match byte {
        b'\r' => key(KeyCode::Enter, with),
        b'\t' => key(KeyCode::Tab, with),
        0x08 | 0x7f => key(KeyCode::Backspace, with),
        0x01..=0x1a => key(letter(b'a'), with | KeyModifiers::CONTROL),
        0x20..=0x7e => key(KeyCode::Char(char::from(byte)), with),
        _ => Input::Noise,
    }
}

/// A key of several bytes, from behind its escape character; none for a report of the terminal.
fn sequence(rest: &[u8]) -> Option<Input> {
    let (last, between) = rest.get(1..)?.split_last()?;
    let mut numbers = between.split(|byte| *byte == b';').map(number);
    let first = numbers.next().unwrap_or(Some(0))?;
    // Shift 1, Alt 2, Ctrl 4, one more than their sum.
    let with = match numbers.next() {
        Some(held) => modifiers(held?),
        None => KeyModifiers::NONE,
    };
    let code = match (last, first) {
        (b'A', _) => KeyCode::Up,
        (b'B', _) => KeyCode::Down,
        (b'C', _) => KeyCode::Right,
        (b'D', _) => KeyCode::Left,
        (b'H', _) | (b'~', 1 | 7) => KeyCode::Home,
        (b'F', _) | (b'~', 4 | 8) => KeyCode::End,
        (b'P', _) | (b'~', 11) => KeyCode::F(1),
        (b'Q', _) | (b'~', 12) => KeyCode::F(2),
        // With numbers it is the cursor's place, or F3 with Shift, Alt or Ctrl: nothing here is on that.
        (b'R', 0) | (b'~', 13) => KeyCode::F(3),
        (b'S', _) | (b'~', 14) => KeyCode::F(4),
        (b'Z', _) => return Some(key(KeyCode::BackTab, KeyModifiers::SHIFT)),
        // The numeric keys of a terminal in application mode.
        (b'M', 0) if rest[0] == b'O' => KeyCode::Enter,
        (b'~', 2) => KeyCode::Insert,
        (b'~', 3) => KeyCode::Delete,
        (b'~', 5) => KeyCode::PageUp,
        (b'~', 6) => KeyCode::PageDown,
        (b'~', 15) => KeyCode::F(5),
        (b'~', 17..=21) => KeyCode::F(u8::try_from(first - 11).ok()?),
        (b'~', 23..=24) => KeyCode::F(u8::try_from(first - 12).ok()?),
        _ => return None,
    };
    Some(key(code, with))
}

/// A number of a sequence; an empty one is 0.
fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() {
        return Some(0);
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn modifiers(held: u16) -> KeyModifiers {
    let held = held.saturating_sub(1);
    [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
    ]
    .into_iter()
    .filter(|(bit, _)| held & bit != 0)
    .fold(KeyModifiers::NONE, |all, (_, one)| all | one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Input> {
        let mut parser = Parser::default();
        let mut all = parser.bytes(bytes, Duration::ZERO);
        all.extend(parser.pause());
        assert!(parser.pause().is_empty(), "something was left lying");
        // However the bytes are cut, they mean the same.
        for cut in 1..bytes.len().min(40) {
            let mut parser = Parser::default();
            let mut parts = parser.bytes(&bytes[..cut], Duration::ZERO);
            parts.extend(parser.bytes(&bytes[cut..], Duration::ZERO));
            parts.extend(parser.pause());
            assert_eq!(parts, all, "cut at {cut}");
        }
        all
    }

    #[test]
    fn keys_are_read_as_terminals_send_them() {
        let control = |c| key(KeyCode::Char(c), KeyModifiers::CONTROL);
        for (bytes, wanted) in [
            (&b"a"[..], plain(KeyCode::Char('a'))),
            ("ü".as_bytes(), plain(KeyCode::Char('ü'))),
            ("統".as_bytes(), plain(KeyCode::Char('統'))),
            ("\u{1f468}".as_bytes(), plain(KeyCode::Char('\u{1f468}'))),
            (b"\r", plain(KeyCode::Enter)),
            (b"\t", plain(KeyCode::Tab)),
            (b"\x7f", plain(KeyCode::Backspace)),
            (b"\x08", plain(KeyCode::Backspace)),
            (b"\x03", control('c')),
            (b"\n", control('j')),
            (b"\x1b", plain(KeyCode::Esc)),
            (b"\x1bx", key(KeyCode::Char('x'), KeyModifiers::ALT)),
            (b"\x1b[A", plain(KeyCode::Up)),
            (b"\x1bOB", plain(KeyCode::Down)),
            (b"\x1b[1;5C", key(KeyCode::Right, KeyModifiers::CONTROL)),
            (b"\x1b[H", plain(KeyCode::Home)),
            (b"\x1b[1~", plain(KeyCode::Home)),
            (b"\x1b[4~", plain(KeyCode::End)),
            (b"\x1b[3~", plain(KeyCode::Delete)),
            (b"\x1b[5~", plain(KeyCode::PageUp)),
            (b"\x1b[6~", plain(KeyCode::PageDown)),
            (b"\x1bOP", plain(KeyCode::F(1))),
            (b"\x1b[[A", plain(KeyCode::F(1))),
            (b"\x1b[11~", plain(KeyCode::F(1))),
            (b"\x1bOQ", plain(KeyCode::F(2))),
            (b"\x1b[15~", plain(KeyCode::F(5))),
            (b"\x1b[19~", plain(KeyCode::F(8))),
            (b"\x1b[20~", plain(KeyCode::F(9))),
            (b"\x1b[24~", plain(KeyCode::F(12))),
            (b"\x1b[Z", key(KeyCode::BackTab, KeyModifiers::SHIFT)),
        ] {
            assert_eq!(all(bytes), [wanted], "{bytes:?}");
        }
    }

    #[test]
    fn a_paste_of_any_length_is_whole_and_presses_nothing() {
        let text = "line with ü\r\n".repeat(20_000);
        let bytes = format!("\x1b[200~{text}\x1b[201~q");
        let inputs = all(bytes.as_bytes());
        assert_eq!(inputs, [Input::Paste(text), plain(KeyCode::Char('q'))]);
    }

    #[test]
    fn a_paste_without_an_end_is_read_and_locks_nothing_up() {
        let mut parser = Parser::default();
        assert_eq!(parser.bytes(b"\x1b[200~abc\x1b[20", Duration::ZERO), []);
        assert_eq!(parser.pause(), [Input::Paste("abc".to_owned())]);
        assert_eq!(
            parser.bytes(b"1~x", Duration::from_millis(900)),
            [Input::Paste(String::new()), plain(KeyCode::Char('x'))]
        );
        parser.bytes(b"\x1b[200~abc", Duration::ZERO);
        parser.pause();
        assert_eq!(
            parser.bytes(b"q", Duration::from_secs(3)),
            [plain(KeyCode::Char('q'))]
        );
    }

    #[test]
    fn reports_are_no_keys_and_no_noise_and_what_no_key_sends_is_noise() {
        for report in [
            &b"\x1b[24;80R"[..],
            b"\x1b[?62;c",
            b"\x1b[I",
            b"\x1b[<0;3;4M",
        ] {
            assert_eq!(all(report), [], "{report:?}");
        }
        for noise in [
            &b"\0"[..],
            b"\x1f",
            b"\x80",
            b"\xff",
            b"\xc3(",
            b"\xe7\xb5",
            b"\x1b[12",
            b"\x1b[1\x01",
            b"\xed\xa0\x80",
            b"\xc2\x85",
        ] {
            assert!(all(noise).contains(&Input::Noise), "{noise:?}");
        }
        // However long it goes on, it swallows no key behind it.
        let endless = [b"\x1b[".as_slice(), &[b'1'; 500], b"q"].concat();
        assert_eq!(all(&endless).last(), Some(&plain(KeyCode::Char('q'))));
    }
}
