//! Locales and keyboards as answer files name them.

use lcid::LanguageId;

/// Why this is no locale (`de-DE`, `sr-Latn-RS`).
pub(super) fn fault(text: &str) -> Option<String> {
    (!is_tag(text) && !is_known(text))
        .then(|| format!("`{text}` is not a locale: write for example de-DE"))
}

/// Whether Windows has no locale of this name, although it could be one.
pub(super) fn doubt(text: &str) -> Option<String> {
    (!is_known(text)).then(|| format!("Windows has no locale `{text}`"))
}

/// The parts of an input locale: several are joined by `;`, with blanks where somebody likes them.
fn several(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim)
}

/// Why these are no input locales: locales, keyboards (`0407:00000407`) or input methods
/// (`0411:{03B5835F-F03C-411B-9CE2-AA23E1171E36}{A76C93D9-5523-4E90-AAFA-4DB112F9AC76}`).
pub(super) fn input_fault(text: &str) -> Option<String> {
    several(text)
        .find(|one| !is_tag(one) && !is_known(one) && !is_keyboard(one))
        .map(|one| {
            format!("`{one}` is not an input locale: write for example de-DE or 0407:00000407, several with ; between")
        })
}

/// A locale among these that Windows has not.
pub(super) fn input_doubt(text: &str) -> Option<String> {
    several(text)
        .filter(|one| !is_keyboard(one))
        .find_map(doubt)
}

/// A language tag (BCP 47): language of two or three letters, then parts of up to eight letters and digits.
fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    parts.next().is_some_and(|part| {
        (2..=3).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphabetic())
    }) && parts.all(|part| {
        (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// Whether Microsoft's table of locales (MS-LCID) has this name; upper and lower case are the same.
fn is_known(text: &str) -> bool {
    let known = |name: &str| <&LanguageId>::try_from(name).is_ok();
    let mut parts: Vec<String> = text.split('-').map(str::to_owned).collect();
    for (at, part) in parts.iter_mut().enumerate() {
        match part.len() {
            _ if at == 0 => part.make_ascii_lowercase(),
            // The part of a script begins with a capital, that of a country has only such.
            4 if part.is_ascii() => {
                part.make_ascii_lowercase();
                part[..1].make_ascii_uppercase();
            }
            2 => part.make_ascii_uppercase(),
            _ => {}
        }
    }
    // The table has an entry without a name, too.
    !text.is_empty()
        && (known(text) || known(&parts.join("-")) || known(&text.to_ascii_lowercase()))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// A keyboard or an input method, by the number of its language.
fn is_keyboard(text: &str) -> bool {
    let Some((language, layout)) = text.split_once(':') else {
        return false;
    };
    if !is_hex(language, 4) {
        return false;
    }
    if is_hex(layout, 8) {
        return true;
    }
    layout
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .and_then(|rest| rest.split_once("}{"))
        .is_some_and(|(class, profile)| {
            [class, profile]
                .iter()
                .all(|id| id.len() == 36 && uuid::Uuid::try_parse(id).is_ok())
        })
}
