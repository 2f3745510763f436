//! Splitting a command into words as a POSIX shell does: blanks, single and double quotes, backslash. Nothing else of
//! a shell: `$`, `*`, `|`, `>` and `#` are ordinary characters.

use thiserror::Error;

/// Why a command cannot be split.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WordsError {
    /// A quote without its partner.
    #[error("the {0} quote at character {1} is not closed")]
    OpenQuote(char, usize),
    /// A backslash with nothing behind it.
    #[error("a backslash at the end has nothing to protect")]
    LastBackslash,
    /// Zero bytes end arguments.
    #[error("a zero byte at character {0}")]
    Zero(usize),
}

/// The words of `text`.
///
/// # Errors
/// An open quote, a backslash at the end, a zero byte.
pub fn split(text: &str) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut chars = text.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\0' {
            return Err(WordsError::Zero(at + 1));
        }
        match (quote, c) {
            (Some((open, _)), c) if c == open => quote = None,
            (Some(('\'', _)), c) => word.get_or_insert_default().push(c),
            (Some(_), '\\') => {
                // Inside double quotes a backslash protects only these; before others it is itself.
                let next = chars.next_if(|&(_, n)| matches!(n, '"' | '\\' | '$' | '`' | '\n'));
                match next {
                    Some((_, '\n')) => {}
                    Some((_, n)) => word.get_or_insert_default().push(n),
                    None => word.get_or_insert_default().push('\\'),
                }
            }
            (None, '\'' | '"') => {
                quote = Some((c, at + 1));
                word.get_or_insert_default();
            }
            (None, '\\') => match chars.next() {
                Some((_, '\n')) => {}
                Some((_, n)) => word.get_or_insert_default().push(n),
                None => return Err(WordsError::LastBackslash),
            },
            (None, ' ' | '\t' | '\n' | '\r') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some((open, at)) = quote {
        return Err(WordsError::OpenQuote(open, at));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_work_as_in_a_shell() {
        assert_eq!(split("a  b\tc\n").unwrap(), ["a", "b", "c"]);
        assert_eq!(
            split(r#"echo "a b" 'c "d' e\ f"#).unwrap(),
            ["echo", "a b", "c \"d", "e f"]
        );
        assert_eq!(
            split(r#""a\"b" "c\d" '' x"y"'z'"#).unwrap(),
            ["a\"b", "c\\d", "", "xyz"]
        );
        assert_eq!(
            split("$HOME *.txt | > #").unwrap(),
            ["$HOME", "*.txt", "|", ">", "#"]
        );
        assert!(split("   ").unwrap().is_empty());
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(split("a 'b"), Err(WordsError::OpenQuote('\'', 3)));
        assert_eq!(split("a\\"), Err(WordsError::LastBackslash));
        assert_eq!(split("a\0b"), Err(WordsError::Zero(2)));
    }

    proptest::proptest! {
        #[test]
        fn any_word_survives_single_quotes(word in "[^'\0]*") {
            proptest::prop_assert_eq!(split(&format!("x '{word}'")).unwrap(), ["x".to_owned(), word]);
        }

        #[test]
        fn agrees_with_the_shell(text in "[a-c \\\\'\"]{0,12}") {
            let output = std::process::Command::new("/bin/sh")
                .arg("-c")
                .arg(format!("printf '%s\\n' {text}"))
                .output()
                .unwrap();
            // The shell reads on past a backslash at the end; everything else is the same.
            if output.status.success() && !text.ends_with('\\') && !text.is_empty() {
                let words = split(&text).unwrap();
                let mut expected = words.join("\n");
                expected.push('\n');
                proptest::prop_assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
            }
        }
    }
}
