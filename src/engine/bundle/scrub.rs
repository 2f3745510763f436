//! Secrets in a stream of bytes: taken out on the way into the archive, looked for in what was written.
//!
//! A text stands in the files in several forms: as it is in the log, escaped in the journal, otherwise escaped in the page.
//! [`Redactor`] knows them all. Secrets that it ignores for their shortness are ignored here too.

use std::io::{self, Read};

use zeroize::Zeroizing;

use crate::engine::report_html::markup::escaped;
use crate::secret::{MASK, Redactor, SHORTEST_REDACTED};
use crate::text::harmless;

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// What must not be in the archive.
pub(super) struct Needles {
    redactor: Redactor,
    /// Secrets as they are, in the forms that stand in the archive's own files, for the search that proves the other one.
    plain: Vec<Zeroizing<Vec<u8>>>,
    longest: usize,
}

impl Needles {
    pub(super) fn new(redactor: &Redactor) -> Self {
        let mut plain: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for secret in redactor.secrets() {
            for form in forms(secret.reveal()) {
                // What stands in the mask itself cannot be hidden by it.
                let hideable =
                    form.trim().len() >= SHORTEST_REDACTED && !MASK.contains(form.trim());
                let form = Zeroizing::new(form.as_bytes().to_vec());
                if hideable && !plain.contains(&form) {
                    plain.push(form);
                }
            }
        }
        Self {
            longest: plain.iter().map(|needle| needle.len()).max().unwrap_or(0),
            redactor: redactor.clone(),
            plain,
        }
    }

    /// Whether any secret stands in the stream. Another way than [`Scrub`] goes, on purpose: it proves the other one.
    ///
    /// # Errors
    /// The source's.
    pub(super) fn found_in(&self, source: &mut impl Read) -> io::Result<bool> {
        let reach = self.redactor.reach().max(self.longest);
        let mut window = Zeroizing::new(Vec::with_capacity(2 * CHUNK));
        loop {
            let keep = window.len().min(reach.saturating_sub(1));
            let start = window.len() - keep;
            window.drain(..start);
            let read = source
                .by_ref()
                .take(CHUNK as u64)
                .read_to_end(&mut window)?;
            for needle in &self.plain {
                if memchr::memmem::find(&window, needle).is_some() {
                    return Ok(true);
                }
            }
            if !self.redactor.ranges(&window).is_empty() {
                return Ok(true);
            }
            if read == 0 {
                return Ok(false);
            }
        }
    }
}

/// The forms in which a text gets into the run's own files.
fn forms(text: &str) -> Vec<Zeroizing<String>> {
    let inside = |quoted: String| {
        let quoted = Zeroizing::new(quoted);
        let end = quoted.len().saturating_sub(1);
        Zeroizing::new(quoted.get(1..end).unwrap_or_default().to_owned())
    };
    vec![
        Zeroizing::new(text.to_owned()),
        inside(serde_json::to_string(text).unwrap_or_default()),
        inside(format!("{text:?}")),
        Zeroizing::new(escaped(text)),
        Zeroizing::new(harmless(text).into_owned()),
    ]
}

/// A stream with the mask in place of every secret, also of one that lies across two reads.
pub(super) struct Scrub<'a, R> {
    source: R,
    needles: &'a Needles,
    /// Read and not yet passed on.
    pending: Zeroizing<Vec<u8>>,
    /// Passed on by the next reads, from `at`.
    ready: Vec<u8>,
    at: usize,
    ended: bool,
    /// Secrets taken out so far.
    pub(super) taken_out: u64,
}

impl<'a, R: Read> Scrub<'a, R> {
    pub(super) fn new(source: R, needles: &'a Needles) -> Self {
        Self {
            source,
            needles,
            pending: Zeroizing::new(Vec::new()),
            ready: Vec::new(),
            at: 0,
            ended: false,
            taken_out: 0,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.at = 0;
        while self.ready.is_empty() && !self.ended {
            let mut source = self.source.by_ref().take(CHUNK as u64);
            self.ended = source.read_to_end(&mut self.pending)? == 0;
            self.pass_on();
        }
        Ok(())
    }

    /// Moves on what cannot be the beginning of a secret any more.
    fn pass_on(&mut self) {
        let redactor = &self.needles.redactor;
        let certain = if self.ended {
            self.pending.len()
        } else {
            self.pending.len().saturating_sub(redactor.reach())
        };
        if certain == 0 {
            return;
        }
        let mut at = 0;
        for range in redactor.ranges(&self.pending) {
            if range.start >= certain {
                break;
            }
            self.ready.extend_from_slice(&self.pending[at..range.start]);
            self.ready.extend_from_slice(MASK.as_bytes());
            self.taken_out += 1;
            at = range.end;
        }
        let end = certain.max(at);
        self.ready.extend_from_slice(&self.pending[at..end]);
        self.pending.drain(..end);
    }
}

impl<R: Read> Read for Scrub<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.ready.len() {
            self.refill()?;
        }
        let part = &self.ready[self.at..];
        let length = part.len().min(buffer.len());
        buffer[..length].copy_from_slice(&part[..length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn needles(secrets: &[&str]) -> Needles {
        let mut redactor = Redactor::default();
        for secret in secrets {
            redactor.add(&Secret::new(*secret));
        }
        Needles::new(&redactor)
    }

    /// Gives at most `step` bytes a read, as a slow source does.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len()).min(self.0.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn scrubbed(text: &[u8], step: usize, needles: &Needles) -> (Vec<u8>, u64) {
        let mut scrub = Scrub::new(Slow(text, step), needles);
        let mut out = Vec::new();
        scrub.read_to_end(&mut out).unwrap();
        (out, scrub.taken_out)
    }

    #[test]
    fn a_secret_across_the_border_of_two_chunks_is_taken_out_wherever_the_border_is() {
        let needles = needles(&["Pl4nted-S3cret", "S3cret-and-more"]);
        for before in CHUNK - 20..=CHUNK + 2 {
            let mut text = vec![b'x'; before];
            text.extend_from_slice(b"Pl4nted-S3cret end");
            let (out, count) = scrubbed(&text, 4_000, &needles);
            assert_eq!(count, 1, "{before}");
            assert_eq!(out.len(), before + MASK.len() + 4);
            assert!(out.ends_with(b"x******** end"), "{before}");
            assert!(needles.found_in(&mut text.as_slice()).unwrap(), "{before}");
            assert!(!needles.found_in(&mut out.as_slice()).unwrap(), "{before}");
        }
    }

    #[test]
    fn a_secret_at_the_very_end_and_one_cut_off_there() {
        let needles = needles(&["Pl4nted-S3cret"]);
        assert_eq!(scrubbed(b"a Pl4nted-S3cret", 3, &needles).0, b"a ********");
        assert_eq!(
            scrubbed(b"a Pl4nted-S3cre", 3, &needles).0,
            b"a Pl4nted-S3cre"
        );
        assert_eq!(scrubbed(b"", 3, &needles).0, b"");
    }

    #[test]
    fn escaped_forms_are_secrets_too() {
        let secret = "p\"a\\s<w>&'ö\tx";
        let needles = needles(&[secret, "first line\nsecond line"]);
        let json = serde_json::to_string(secret).unwrap();
        for text in [
            secret.to_owned(),
            json,
            escaped(secret),
            format!("{secret:?}"),
            "a second line alone".to_owned(),
        ] {
            let (out, count) = scrubbed(text.as_bytes(), 5, &needles);
            assert_eq!(count, 1, "{text}");
            assert!(needles.found_in(&mut text.as_bytes()).unwrap(), "{text}");
            assert!(!needles.found_in(&mut out.as_slice()).unwrap(), "{text}");
        }
    }

    #[test]
    fn without_secrets_and_with_unhideable_ones_bytes_pass_as_they_are() {
        let all: Vec<u8> = (0..=255).cycle().take(3 * CHUNK + 7).collect();
        for needles in [needles(&[]), needles(&["abc"]), needles(&["*****"])] {
            let (out, count) = scrubbed(&all, usize::MAX, &needles);
            assert!(out == all && count == 0);
            assert!(!needles.found_in(&mut b"********".as_slice()).unwrap());
        }
    }

    #[test]
    fn the_longest_of_two_that_begin_alike_is_taken() {
        let needles = needles(&["pass", "password1"]);
        assert_eq!(
            scrubbed(b"x password1 pass", 2, &needles).0,
            b"x ******** ********"
        );
    }
}
