//! `report.html`: one page without script and without anything from outside, for a browser, for paper, for a text browser.

mod lists;
pub(super) mod markup;
mod steps;
mod style;

use std::time::Duration;

use markup::Html;

use super::clock;
use super::digest::Digests;
use super::evidence::Evidence;
use crate::codes;
use crate::event::{Millis, RunOutcome, Shown};
use crate::run_state::RunState;
use crate::units;

/// What is allowed to be loaded: nothing but the style sheet that stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A time for people, with its distance from UTC.
fn when(at: Millis) -> String {
    clock::zoned(at)
        .strftime("%Y-%m-%d %H:%M:%S %:z")
        .to_string()
}

/// The page.
pub(super) fn render(state: &RunState, evidence: &Evidence, digests: &Digests) -> String {
    let mut html = Html::new();
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| {
            html.void("meta", &[("charset", "utf-8")]);
            html.void(
                "meta",
                &[
                    ("name", "viewport"),
                    ("content", "width=device-width, initial-scale=1"),
                ],
            );
            html.void(
                "meta",
                &[
                    ("http-equiv", "Content-Security-Policy"),
                    ("content", POLICY),
                ],
            );
            html.leaf(
                "title",
                &format!("{}: {}", state.plan.name, outcome(state).0),
            );
            html.style(style::SHEET);
        });
        html.element("body", &[], |html| {
            head(html, state);
            run(html, state, evidence);
            machine(html, state);
            steps::table(html, state, evidence);
            steps::failures(html, evidence);
            lists::volumes(html, state);
            lists::files(html, state, digests);
            lists::overrides(html, evidence);
            lists::interventions(html, evidence);
            lists::warnings(html, state, evidence);
            lists::boots(html, evidence);
            lists::variables(html, state);
        });
    });
    html.finish()
}

/// The outcome as a word, its class, and a sign that needs no colour.
fn outcome(state: &RunState) -> (&'static str, &'static str, &'static str) {
    match state.end.as_ref().map(|end| end.outcome) {
        Some(RunOutcome::Succeeded) => ("Succeeded", "outcome good", "\u{2713}"),
        Some(RunOutcome::Failed) => ("Failed", "outcome bad", "\u{2717}"),
        Some(RunOutcome::Cancelled) => ("Cancelled", "outcome odd", "\u{25a0}"),
        None => ("Not ended", "outcome odd", "\u{2026}"),
    }
}

fn head(html: &mut Html, state: &RunState) {
    let (word, class, sign) = outcome(state);
    html.leaf("h1", &state.plan.name);
    html.element("p", &[("class", class)], |html| {
        html.leaf("strong", &format!("{sign} {word}"));
        if let Some(end) = &state.end {
            html.text(&format!(": {}", end.summary));
        }
    });
    if !state.plan.description.is_empty() {
        html.leaf("p", &state.plan.description);
    }
}

fn run(html: &mut Html, state: &RunState, evidence: &Evidence) {
    let end = state.end.as_ref();
    let started = state.started.unwrap_or(state.now);
    let took =
        u64::try_from(end.map_or(state.now, |end| end.at).saturating_sub(started)).unwrap_or(0);
    let retries = evidence
        .attempts
        .iter()
        .filter(|attempt| attempt.attempt > 1)
        .count();
    html.leaf("h2", "Run");
    html.element("dl", &[], |html| {
        html.fact("Task sequence", &state.plan.name);
        html.fact("File", &state.source);
        html.fact("Outcome", outcome(state).0);
        if let Some(end) = end.filter(|end| end.code != 0) {
            let meaning = codes::meaning(end.code)
                .map(|meaning| format!(": {meaning}"))
                .unwrap_or_default();
            html.fact("Code", &format!("{}{meaning}", codes::show(end.code)));
        }
        html.fact("Started", &when(started));
        html.fact("Ended", &end.map(|end| when(end.at)).unwrap_or_default());
        html.fact("Took", &units::duration(Duration::from_millis(took)));
        html.fact("Boots", &state.boot.to_string());
        html.fact("Repeated attempts", &retries.to_string());
        html.fact(
            "Technician",
            if state.unattended {
                "none expected: the run was unattended"
            } else {
                "present"
            },
        );
        html.fact("Run", &state.run);
        html.fact("Folder", &state.folder);
        html.fact("Program", concat!("wimforge ", env!("CARGO_PKG_VERSION")));
        html.fact(
            "This report is incomplete",
            evidence.damage.as_deref().unwrap_or_default(),
        );
    });
}

fn machine(html: &mut Html, state: &RunState) {
    let known = |name: &str| {
        let variable = state.variables.get(&name.to_lowercase());
        match variable.map(|variable| &variable.value) {
            Some(Shown::Plain(value)) => value.clone(),
            _ => String::new(),
        }
    };
    html.leaf("h2", "Machine");
    html.element("dl", &[], |html| {
        for (label, name) in [
            ("Name", "_SMSTSMachineName"),
            ("Make", "_SMSTSMake"),
            ("Model", "_SMSTSModel"),
            ("Serial number", "_SMSTSSerialNumber"),
            ("Asset tag", "_SMSTSAssetTag"),
            ("UUID", "_SMSTSUUID"),
            ("MAC addresses", "_SMSTSMacAddresses"),
            ("IP addresses", "_SMSTSIPAddresses"),
        ] {
            html.fact(label, &known(name));
        }
        let firmware = match known("_SMSTSBootUEFI").as_str() {
            "true" => "UEFI",
            "false" => "BIOS",
            _ => "",
        };
        html.fact("Firmware", firmware);
    });
}

#[cfg(test)]
#[path = "report_html/tests.rs"]
mod tests;
