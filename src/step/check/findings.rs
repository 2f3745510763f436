//! How findings are made: secrets masked, one line each, and no heavier than they are.

use crate::event::{Finding, Gravity};
use crate::step::cx::StepResult;
use crate::step::error::StepError;
use crate::text::{harmless, shorten};

use super::Checker;

/// Longest text of a finding, in bytes.
const LONGEST: usize = 600;

/// "1 image", "3 images".
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl Checker<'_> {
    /// As it should be.
    pub(super) fn fine(&mut self, subject: &str, text: impl AsRef<str>) {
        self.add(subject, text.as_ref(), Gravity::Fine, None);
    }

    /// Worth knowing.
    pub(super) fn warn(&mut self, subject: &str, text: impl AsRef<str>, way_out: &str) {
        self.add(subject, text.as_ref(), Gravity::Warning, Some(way_out));
    }

    /// The run would fail or do harm. Less than that when the step may not run, the run goes on without it, or what
    /// was read is only known in the run.
    pub(super) fn block(&mut self, subject: &str, text: impl AsRef<str>, way_out: &str) {
        let text = text.as_ref();
        let (text, gravity) = if self.unsure {
            let note = "the step may be skipped: its condition is only known in the run";
            (format!("{text} ({note})"), Gravity::Warning)
        } else if let Some(name) = self.host.touched() {
            let note = format!("`{name}` is only known in the run");
            (format!("{text} ({note})"), Gravity::Warning)
        } else if self.may_fail {
            let note = "the run goes on all the same: continue on error";
            (format!("{text} ({note})"), Gravity::Warning)
        } else {
            (text.to_owned(), Gravity::Blocking)
        };
        self.add(subject, &text, gravity, Some(way_out));
    }

    /// What would make the step fail; `way_out` when the error knows none. A cancelled check says nothing.
    pub(super) fn fail(&mut self, subject: &str, error: &StepError, way_out: &str) {
        if matches!(error, StepError::Cancelled) {
            return;
        }
        let failure = error.to_failure();
        let mut text = failure.message;
        for cause in &failure.causes {
            if !text.contains(cause.as_str()) {
                text.push_str(": ");
                text.push_str(cause);
            }
        }
        let hint = failure.hint.unwrap_or_else(|| way_out.to_owned());
        self.block(subject, text, &hint);
    }

    /// The end of a step that was run for its effects on variables.
    pub(super) fn result(&mut self, subject: &str, result: StepResult) {
        self.warnings(subject, "Check the settings of the step.");
        if let Err(error) = result {
            self.fail(subject, &error, "Correct the settings of the step.");
        }
    }

    /// What the step's own functions warned of.
    pub(super) fn warnings(&mut self, subject: &str, way_out: &str) {
        for warning in self.host.take_warnings() {
            self.warn(subject, warning, way_out);
        }
    }

    fn add(&mut self, subject: &str, text: &str, gravity: Gravity, way_out: Option<&str>) {
        let clean = |text: &str| {
            let masked = self.host.redact(text).replace(['\n', '\r'], " ");
            shorten(&harmless(&masked), LONGEST).into_owned()
        };
        let finding = Finding {
            node: self.node,
            subject: clean(subject),
            text: clean(text),
            gravity,
            way_out: way_out.filter(|text| !text.is_empty()).map(clean),
        };
        self.found.push(finding);
    }
}
