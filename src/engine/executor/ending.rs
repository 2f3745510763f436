//! What is said, set and decided when an attempt at a step is over.

use std::time::Instant;

use super::{COMPONENT, Flow, Restart, Walk};
use crate::codes;
use crate::event::{EventBody, Failure, NodeId, Outcome, Severity};
use crate::sequence::schema::Step;
use crate::step::cx::StepEnd;

impl Walk<'_> {
    /// The name of the step that has just run, its variables substituted.
    fn current_name(&self, step: &Step) -> String {
        self.dispatcher.with_variables(|variables| {
            let current = variables.text("_SMSTSCurrentActionName");
            if current.is_empty() {
                step.name.clone()
            } else {
                current.to_owned()
            }
        })
    }

    /// Keeps what later conditions ask about the last action (spec 1.5).
    pub(super) fn last_action(&self, name: &str, code: u32, succeeded: bool) {
        self.set("_SMSTSLastActionName", name);
        self.set("_SMSTSLastActionRetCode", code.to_string());
        self.set("_SMSTSLastActionSucceeded", succeeded.to_string());
    }

    pub(super) fn finished(&self, id: NodeId, attempt: u32, outcome: Outcome, started: Instant) {
        self.dispatcher.emit(EventBody::StepFinished {
            node: id,
            attempt,
            outcome,
            millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
    }

    pub(super) fn finish_failed(
        &self,
        id: NodeId,
        attempt: u32,
        step: &Step,
        failure: &Failure,
        ignored: bool,
        started: Instant,
    ) {
        self.last_action(&self.current_name(step), failure.code, false);
        let mut causes = String::new();
        for cause in &failure.causes {
            causes.push_str(": ");
            causes.push_str(cause);
        }
        let line = format!(
            "Failed to run the action: {}. {}{} Error {}{}",
            step.name,
            failure.message,
            causes,
            codes::show(failure.code),
            if ignored {
                ". The failure is ignored (continue on error)"
            } else {
                ""
            },
        );
        self.dispatcher
            .log(Severity::Error, COMPONENT, &line, Some(id));
        let outcome = Outcome::Failed {
            failure: failure.clone(),
            ignored,
        };
        self.finished(id, attempt, outcome, started);
    }

    pub(super) fn finish_well(
        &self,
        id: NodeId,
        attempt: u32,
        step: &Step,
        end: StepEnd,
        started: Instant,
    ) -> Flow {
        let mut restart = None;
        let mut code = 0;
        let mut outcome = Outcome::Succeeded;
        match end {
            StepEnd::Done => {}
            StepEnd::Warned(what) => outcome = Outcome::Warned(what),
            StepEnd::Exit(exit) => {
                code = exit;
                // 3010 or 1641 in the success list: restart, then the next step (spec 1.6).
                if exit == 3010 || exit == 1641 {
                    restart = Some(Restart {
                        to_winpe: true,
                        message: format!(
                            "\"{}\" asked for a restart (exit code {exit})",
                            step.name
                        ),
                        timeout: 0,
                    });
                }
            }
            StepEnd::Restart {
                to_winpe,
                message,
                timeout,
            } => {
                restart = Some(Restart {
                    to_winpe,
                    message,
                    timeout,
                });
            }
        }
        let again = self.requested_restart(&mut restart);
        self.last_action(&self.current_name(step), code, true);
        if let Some(restart) = &restart {
            // Durable together with the step's end, so that a crash in between still restarts to the right place.
            self.set("_WimforgeRestart", restart.to().word());
        }
        let line = format!(
            "Successfully completed the action ({}) with the exit code {code}",
            step.name
        );
        self.dispatcher
            .log(Severity::Info, COMPONENT, &line, Some(id));
        if again {
            outcome = Outcome::Interrupted;
        }
        self.finished(id, attempt, outcome, started);
        match restart {
            Some(restart) => Flow::Restart(restart),
            None => Flow::Next,
        }
    }

    /// `SMSTSRebootRequested` and its kin (spec 1.10); true when the same step is to run again afterwards.
    fn requested_restart(&self, restart: &mut Option<Restart>) -> bool {
        let (target, message, delay, next, again) = self.dispatcher.with_variables(|variables| {
            (
                variables.text("SMSTSRebootRequested").to_owned(),
                variables.text("SMSTSRebootMessage").to_owned(),
                variables.text("SMSTSRebootDelay").parse().unwrap_or(0),
                variables
                    .get("SMSTSRebootDelayNext")
                    .map(|value| value.reveal().to_owned()),
                variables.get("SMSTSRetryRequested").is_some(),
            )
        });
        if target.is_empty() {
            return false;
        }
        *restart = Some(Restart {
            to_winpe: !target.eq_ignore_ascii_case("HD"),
            message,
            timeout: delay,
        });
        self.set("SMSTSRebootRequested", "");
        self.set("SMSTSRetryRequested", "");
        // The first restart has had its own delay; later ones have this.
        if let Some(next) = next {
            self.set("SMSTSRebootDelay", next);
        }
        again
    }
}
