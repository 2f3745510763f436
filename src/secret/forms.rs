//! Every form of fixed bytes in which a secret may stand in output: encodings of its characters, base64, hexadecimal.
//!
//! Forms that choose for each character whether to escape it are the matter of [`super::decode`].

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use zeroize::Zeroizing;

use super::{MASK, SHORTEST_REDACTED};

/// What stands between the bytes of a hexadecimal form: nothing, dumps, fingerprints, `.reg` files.
const BETWEEN: [&str; 5] = ["", " ", ":", "-", ","];

/// One form.
pub(super) struct Form {
    /// The bytes.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// It is base64: the letters before and after it hold bits of it too.
    pub(super) base64: bool,
}

/// All forms of a text: of the whole, of it without blanks at its ends, and of each of its lines, since tools write
/// line by line and trim. What is too short to be hidden, or stands in the mask itself, is left out.
pub(super) fn of(text: &str) -> Vec<Form> {
    let mut texts: Vec<&str> = Vec::new();
    // Whatever shows a text makes a blank of a tab.
    let blanks = Zeroizing::new(text.replace('\t', " "));
    for part in [text, text.trim(), blanks.trim()]
        .into_iter()
        .chain(text.lines().map(str::trim))
    {
        if part.len() >= SHORTEST_REDACTED && !MASK.contains(part) && !texts.contains(&part) {
            texts.push(part);
        }
    }
    let mut forms = Vec::new();
    for text in texts {
        of_one(text, &mut forms);
    }
    forms
}

fn of_one(text: &str, forms: &mut Vec<Form>) {
    let mut add = |bytes: Vec<u8>, base64: bool| {
        forms.push(Form {
            bytes: Zeroizing::new(bytes),
            base64,
        });
    };
    for bytes in encodings(text) {
        // Output that is no UTF-8 is read with replacement characters in it.
        let lossy = String::from_utf8_lossy(&bytes);
        let known = lossy.chars().filter(|&c| c != '\u{fffd}' && c != '\0');
        if lossy.as_bytes() != bytes.as_slice() && known.count() >= SHORTEST_REDACTED {
            add(lossy.as_bytes().to_vec(), false);
        }
        for between in BETWEEN {
            for upper in [false, true] {
                add(hexadecimal(&bytes, between, upper), false);
            }
        }
        for alphabet in [&alphabet::STANDARD, &alphabet::URL_SAFE] {
            for before in 0..3 {
                let inner = base64_inside(&bytes, before, alphabet);
                if inner.len() >= SHORTEST_REDACTED {
                    add(inner, true);
                }
            }
        }
        add(bytes.to_vec(), false);
    }
}

/// The bytes of a text in the encodings that tools of Windows and Unix write.
fn encodings(text: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let wide = |order: fn(u16) -> [u8; 2]| {
        Zeroizing::new(text.encode_utf16().flat_map(order).collect::<Vec<u8>>())
    };
    let mut all = vec![
        Zeroizing::new(text.as_bytes().to_vec()),
        wide(u16::to_le_bytes),
        wide(u16::to_be_bytes),
    ];
    let latin: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(u32::from(c))).collect();
    if let Ok(latin) = latin
        && !text.is_ascii()
    {
        all.push(Zeroizing::new(latin));
    }
    all
}

fn hexadecimal(bytes: &[u8], between: &str, upper: bool) -> Vec<u8> {
    let digits: &[u8; 16] = if upper {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    let mut out = Vec::with_capacity(bytes.len() * (2 + between.len()));
    for &byte in bytes {
        if !out.is_empty() {
            out.extend_from_slice(between.as_bytes());
        }
        out.push(digits[usize::from(byte >> 4)]);
        out.push(digits[usize::from(byte & 15)]);
    }
    out
}

/// The letters of base64 that depend on nothing but these bytes, when `before` bytes (modulo 3) stand before them.
fn base64_inside(bytes: &[u8], before: usize, alphabet: &alphabet::Alphabet) -> Vec<u8> {
    let mut padded = Zeroizing::new(vec![0_u8; before]);
    padded.extend_from_slice(bytes);
    let text = GeneralPurpose::new(alphabet, NO_PAD).encode(&*padded);
    // A letter has six bits: those that begin behind the bytes before, and end before whatever follows.
    let first = (before * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    text.as_bytes()
        .get(first..last)
        .unwrap_or_default()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn the_inside_of_base64_is_in_every_base64_around_the_bytes() {
        for length in 4..20 {
            let secret = &b"Pl4nted-S3cret/+?~xyz"[..length];
            for before in 0..7 {
                for after in 0..4 {
                    let mut whole = vec![0xff; before];
                    whole.extend_from_slice(secret);
                    whole.extend(vec![0xff; after]);
                    let encoded = STANDARD.encode(whole);
                    let inside = base64_inside(secret, before % 3, &alphabet::STANDARD);
                    let inside = String::from_utf8(inside).unwrap();
                    assert!(encoded.contains(&inside), "{encoded} {inside}");
                    assert!(inside.len() * 6 + 10 >= length * 8, "{inside}");
                }
            }
        }
    }

    #[test]
    fn short_lines_and_the_mask_have_no_form() {
        assert!(of("abc").is_empty());
        assert!(of("***").is_empty() && of("******").is_empty());
        let forms = of("first line\r\nab\n second ");
        let has = |text: &str| forms.iter().any(|form| *form.bytes == text.as_bytes());
        assert!(has("first line") && has("second") && !has("ab"));
    }
}
