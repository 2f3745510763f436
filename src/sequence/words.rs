//! Splitting a command into words as a POSIX shell does: blanks, single and double quotes, backslash. Nothing else of
//! a shell: `$`, `*`, `|`, `>` and `#` are ordinary characters. And finding what a shell would have made more of.

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

/// A part of a command.
enum Piece {
    /// A character that a shell would look at.
    Bare(char),
    /// One that a quote or a backslash protects.
    Protected(char),
    /// A quote opens: there is a word, even when nothing is in it.
    Open,
    /// Blanks.
    Gap,
}

fn pieces(text: &str) -> Result<Vec<Piece>, WordsError> {
    let mut out = Vec::new();
    let mut quote: Option<(char, usize)> = None;
    let mut chars = text.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\0' {
            return Err(WordsError::Zero(at + 1));
        }
        match (quote, c) {
            (Some((open, _)), c) if c == open => quote = None,
            (Some(('\'', _)), c) => out.push(Piece::Protected(c)),
            (Some(_), '\\') => {
                // Inside double quotes a backslash protects only these; before others it is itself.
                let next = chars.next_if(|&(_, n)| matches!(n, '"' | '\\' | '$' | '`' | '\n'));
                match next {
                    Some((_, '\n')) => {}
                    Some((_, n)) => out.push(Piece::Protected(n)),
                    None => out.push(Piece::Protected('\\')),
                }
            }
            (Some(_), c) => out.push(Piece::Protected(c)),
            (None, '\'' | '"') => {
                quote = Some((c, at + 1));
                out.push(Piece::Open);
            }
            (None, '\\') => match chars.next() {
                Some((_, '\n')) => {}
                Some((_, n)) => out.push(Piece::Protected(n)),
                None => return Err(WordsError::LastBackslash),
            },
            (None, ' ' | '\t' | '\n' | '\r') => out.push(Piece::Gap),
            (None, c) => out.push(Piece::Bare(c)),
        }
    }
    match quote {
        Some((open, at)) => Err(WordsError::OpenQuote(open, at)),
        None => Ok(out),
    }
}

/// The words of `text`.
///
/// # Errors
/// An open quote, a backslash at the end, a zero byte.
pub fn split(text: &str) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    for piece in pieces(text)? {
        match piece {
            Piece::Bare(c) | Piece::Protected(c) => word.get_or_insert_default().push(c),
            Piece::Open => {
                word.get_or_insert_default();
            }
            Piece::Gap => words.extend(word.take()),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Something in a command that only a shell understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellSign {
    /// The sign: `>`, `&&`.
    pub sign: String,
    /// What a shell does with it; a verb in the third person.
    pub meaning: &'static str,
}

impl std::fmt::Display for ShellSign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`{}` {} in a shell; this command runs without one and gets it as plain text",
            self.sign, self.meaning
        )
    }
}

/// What a shell would do with a command that is handed over as it stands: the sign and what it means there. The first one
/// that is neither in quotes nor behind a backslash; `None` for a command that a shell would run the same way, or that
/// cannot be split.
///
/// Inside double quotes a shell puts variables in as well. Such a text is mostly meant for another shell (`sh -c "..."`),
/// so nothing is said of it.
pub fn shell_sign(text: &str) -> Option<ShellSign> {
    let pieces = pieces(text).ok()?;
    let bare = |at: usize| match pieces.get(at) {
        Some(Piece::Bare(c)) => Some(*c),
        _ => None,
    };
    let ends = |at: usize| matches!(pieces.get(at), None | Some(Piece::Gap));
    let starts = |at: usize| at == 0 || ends(at - 1);
    let mut first_word = String::new();
    let mut in_first = true;
    for (at, piece) in pieces.iter().enumerate() {
        let Piece::Bare(c) = piece else {
            in_first &= !matches!(piece, Piece::Gap) || first_word.is_empty();
            continue;
        };
        let next = bare(at + 1);
        let twice = next == Some(*c);
        let sign = |length: usize| (at..at + length).filter_map(bare).collect::<String>();
        let found = match c {
            '>' => Some((1 + usize::from(twice), "sends the output to a file")),
            '<' => Some((1, "takes the input from a file")),
            '|' if twice => Some((2, "runs another command when this one fails")),
            '|' => Some((1, "hands the output to another command")),
            '&' if twice => Some((2, "runs another command after this one")),
            '&' if ends(at + 1) => Some((1, "lets the command run in the background")),
            ';' => Some((1, "ends a command")),
            '`' => Some((1, "puts in the output of another command")),
            '$' if next == Some('(') => Some((2, "puts in the output of another command")),
            '$' if next.is_some_and(|n| n.is_ascii_alphabetic() || "_{".contains(n)) => {
                Some((2, "puts in a variable of the environment"))
            }
            '$' if starts(at)
                && next.is_some_and(|n| n.is_ascii_digit() || "?@#!*$".contains(n)) =>
            {
                Some((2, "puts in a value of the shell"))
            }
            '*' => Some((1, "puts in the names of files")),
            '~' if starts(at) && (ends(at + 1) || next == Some('/')) => {
                Some((1, "stands for the home folder"))
            }
            '=' if in_first && is_name(&first_word) => {
                Some((1, "behind a name sets a variable of the environment"))
            }
            _ => None,
        };
        if let Some((length, meaning)) = found {
            return Some(ShellSign {
                sign: sign(length),
                meaning,
            });
        }
        if in_first {
            first_word.push(*c);
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
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
    fn signs_of_a_shell_are_found_where_a_shell_would_see_them() {
        for (command, sign) in [
            ("echo hello > /tmp/x", ">"),
            ("echo hello >> /tmp/x", ">>"),
            ("cmd 2>&1", ">"),
            ("cmd 2>/dev/null", ">"),
            ("sort < /tmp/x", "<"),
            ("dmesg | tail", "|"),
            ("dmesg|tail", "|"),
            ("a && b", "&&"),
            ("a&&b", "&&"),
            ("a || b", "||"),
            ("sleep 100 &", "&"),
            ("a; b", ";"),
            ("echo $(date)", "$("),
            ("echo `date`", "`"),
            ("rm /tmp/*.log", "*"),
            ("ls ~", "~"),
            ("ls ~/x", "~"),
            ("echo $HOME", "$H"),
            ("echo ${HOME}", "${"),
            ("echo $?", "$?"),
            ("LANG=C sort x", "="),
            ("echo 'a' > x", ">"),
            ("echo \\\\ > x", ">"),
        ] {
            let found = shell_sign(command).map(|found| found.sign);
            assert_eq!(found.as_deref(), Some(sign), "{command}");
        }
    }

    #[test]
    fn what_is_quoted_or_no_sign_is_left_alone() {
        for command in [
            "",
            "/usr/bin/true",
            "echo 'a > b | c && d; $(e) `f` * ~ $G'",
            "echo \"a > b | c && d; $(e) `f` * ~ $G\"",
            "echo a\\>b a\\|b \\; \\$HOME \\* \\~",
            "sh -c \"echo $HOME > /tmp/x\"",
            "find / -name '*.log' -exec rm {} \\;",
            "wget http://server/?a=1&b=2",
            "cp a~ b~c",
            "echo 5$ a$",
            "dism /Image:C:\\\\ /Set-X:a=b",
            "echo %PATH% 100%",
            "echo \"open",
        ] {
            assert_eq!(shell_sign(command), None, "{command}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(split("a 'b"), Err(WordsError::OpenQuote('\'', 3)));
        assert_eq!(split("a\\"), Err(WordsError::LastBackslash));
        assert_eq!(split("a\0b"), Err(WordsError::Zero(2)));
    }

    proptest::proptest! {
        /// The oracle is the shell: where nothing is found, it sees the same words.
        #[test]
        fn without_a_sign_the_shell_sees_the_same_words(text in "[a-c =~$*;&|<>`'\"\\\\/]{0,10}") {
            let words = split(&text);
            if let (Ok(words), None) = (words, shell_sign(&text)) && !words.is_empty() {
                let folder = tempfile::tempdir().unwrap();
                let output = std::process::Command::new("/bin/sh")
                    .arg("-c")
                    .arg(format!("printf '<%s>\\n' {text}"))
                    .env("HOME", "/home")
                    .current_dir(folder.path())
                    .output()
                    .unwrap();
                // A single `&` inside a word is left to the eye: addresses of the web are full of it.
                if !text.contains('&') && !words.iter().any(|word| word.contains('$') || word.contains('`')) {
                    let expected: String = words.iter().map(|word| format!("<{word}>\n")).collect();
                    proptest::prop_assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", text);
                }
            }
        }

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
