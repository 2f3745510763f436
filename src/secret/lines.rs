//! Lines of output without secrets, also of one that is broken over several lines.

use super::redactor::{Redactor, mask, merged};

/// Lines held back at most: a tool whose every line ends as a secret begins must not fill the memory.
const MOST: usize = 64;

/// Takes lines and gives them back masked. A line whose end may be the beginning of a secret is held back until the next
/// one shows whether it is: then the parts in both are masked.
///
/// Found are unbroken forms (the text, base64, hexadecimal, UTF-16) of which at least four bytes stand at the end of each
/// line but the last.
#[derive(Debug, Default)]
pub struct MaskedLines {
    /// Not yet given back, oldest first.
    held: Vec<String>,
}

impl MaskedLines {
    /// Takes a line; `give` gets each line that is certain now, and whether something in it was masked.
    pub fn take(&mut self, redactor: &Redactor, line: &str, give: &mut dyn FnMut(&str, bool)) {
        if self.held.is_empty() && redactor.begun_at_end(line.as_bytes()).is_none() {
            give_masked(redactor, line, give);
            return;
        }
        self.held.push(line.to_owned());
        self.settle(redactor, self.held.len() >= MOST, give);
    }

    /// There are no more lines.
    pub fn finish(&mut self, redactor: &Redactor, give: &mut dyn FnMut(&str, bool)) {
        if !self.held.is_empty() {
            self.settle(redactor, true, give);
        }
    }

    fn settle(&mut self, redactor: &Redactor, all: bool, give: &mut dyn FnMut(&str, bool)) {
        let joined = self.held.concat();
        let mut found = redactor.places(&joined);
        let mut starts = Vec::with_capacity(self.held.len());
        let mut at = 0;
        for line in &self.held {
            starts.push((at, at + line.len()));
            // What stands in the one line alone, where the join hides it: behind the letters of another base64.
            found.extend(
                redactor
                    .places(line)
                    .into_iter()
                    .map(|r| r.start + at..r.end + at),
            );
            at += line.len();
        }
        let found = merged(found);
        // From here on it must wait; nor may a secret be torn that was found.
        let mut wait = match redactor.begun_at_end(joined.as_bytes()) {
            Some(start) if !all => start,
            _ => joined.len() + 1,
        };
        let keep = |wait: usize| {
            starts
                .iter()
                .position(|&(_, end)| end > wait)
                .unwrap_or(starts.len())
        };
        let mut first = keep(wait);
        while let Some(torn) = starts.get(first).and_then(|&(start, _)| {
            found
                .iter()
                .find(|range| range.start < start && start < range.end)
        }) {
            wait = torn.start;
            first = keep(wait);
        }
        for (line, &(start, _)) in self.held.iter().zip(&starts).take(first) {
            let masked = mask(line, start, &found);
            give(&masked, masked != *line);
        }
        self.held.drain(..first);
    }
}

fn give_masked(redactor: &Redactor, line: &str, give: &mut dyn FnMut(&str, bool)) {
    let clean = redactor.redact(line);
    let masked = matches!(clean, std::borrow::Cow::Owned(_));
    give(&clean, masked);
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;
    use crate::secret::{MASK, Secret};

    fn through(secrets: &[&str], lines: &[&str]) -> Vec<String> {
        let mut redactor = Redactor::default();
        for secret in secrets {
            redactor.add(&Secret::new(*secret));
        }
        let mut masked = MaskedLines::default();
        let mut out = Vec::new();
        for line in lines {
            masked.take(&redactor, line, &mut |line, _| out.push(line.to_owned()));
        }
        masked.finish(&redactor, &mut |line, _| out.push(line.to_owned()));
        assert_eq!(out.len(), lines.len());
        out
    }

    #[test]
    fn a_secret_broken_at_any_place_is_masked_in_both_lines() {
        let secret = "Pl4nted-S3cret";
        for cut in 4..secret.len() {
            let (one, two) = secret.split_at(cut);
            let lines = [format!("x {one}"), format!("{two} y")];
            let out = through(&[secret], &[&lines[0], &lines[1], "end"]);
            assert_eq!(
                out,
                [format!("x {MASK}"), format!("{MASK} y"), "end".to_owned()]
            );
        }
    }

    #[test]
    fn lines_that_only_look_like_it_come_as_they_are_and_in_order() {
        let lines = ["a Pl4n", "Pl4nted", "-S3cre", "x", "Pl4nt"];
        assert_eq!(through(&["Pl4nted-S3cret"], &lines), lines);
        assert_eq!(through(&[], &lines), lines);
    }

    #[test]
    fn lines_that_all_end_as_a_secret_begins_are_not_held_for_ever() {
        let mut redactor = Redactor::default();
        redactor.add(&Secret::new("00000000"));
        let (mut masked, mut given) = (MaskedLines::default(), 0);
        for _ in 0..10_000 {
            masked.take(&redactor, "0000000000000000", &mut |line, _| {
                assert!(!line.contains("0000"), "{line}");
                given += 1;
            });
            assert!(masked.held.len() < MOST);
        }
        assert!(given > 9_900);
    }

    #[test]
    fn wrapped_base64_and_a_secret_over_three_lines() {
        let secret = "Pl4nted-S3cret-of-some-length";
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("user:{secret}\n"));
        let wrapped: Vec<&str> = encoded
            .as_bytes()
            .chunks(16)
            .map(|part| std::str::from_utf8(part).unwrap())
            .collect();
        let out = through(&[secret], &wrapped);
        assert!(
            out[1..out.len() - 1].iter().all(|line| line == MASK),
            "{out:?}"
        );
        let out = through(&[secret], &["Pl4nted-", "S3cret-of-", "some-length", "z"]);
        assert_eq!(out, [MASK, MASK, MASK, "z"]);
    }

    #[test]
    fn one_secret_torn_and_another_begun_wait_together() {
        let out = through(
            &["Pl4nted-S3cret", "other-secret"],
            &["Pl4nted", "-S3cret oth", "er-se", "cret"],
        );
        assert_eq!(out[0], MASK);
        assert_eq!(out[1], format!("{MASK} oth"));
        let out = through(
            &["Pl4nted-S3cret", "other-secret"],
            &["Pl4nted", "-S3cret other", "-secret"],
        );
        assert_eq!(
            out,
            [MASK.to_owned(), format!("{MASK} {MASK}"), MASK.to_owned()]
        );
    }
}
