//! The real program in a pseudo-terminal, from the picker to the summary.

#[cfg(test)]
mod clients;
#[cfg(test)]
mod debugging;
#[cfg(test)]
mod hangups;
#[cfg(test)]
mod journeys;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod pty;
#[cfg(test)]
mod recordings;
#[cfg(test)]
#[path = "../common/system.rs"]
mod system;
#[cfg(test)]
mod terminals;
#[cfg(test)]
mod typing;

const SECRET: &str = "Tr0ub4dor-and-3";

/// A step that fails until the variable `Fix` is `yes`.
const FAILING: &str =
    "Step(name: \"Look for the fix\", action: RunCommandLine(command: \"test %Fix% = yes\")),";
/// A step that waits for a technician.
const PAUSE: &str = "Step(name: \"Wait here\", action: Pause(message: \"Plug the cable in.\")),";
const LAST: &str =
    "Step(name: \"Last one\", action: SetVariable(variable: \"Done\", value: \"all of it\")),";

/// Whether a text is among the bytes.
fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
