//! Apply Windows Settings and Apply Network Settings: every value, and a Windows to write them to.

use crate::input::{Check, same_name};
use crate::sequence::settings::{ApplyNetworkSettings, ApplyWindowsSettings};
use crate::step::apply_network::{self, Joined};
use crate::step::{apply_windows, target};

use super::Checker;
use super::findings::counted;

/// The settings need a volume that an image was applied to.
fn need_windows(c: &mut Checker<'_>) {
    c.host.forget();
    let step = c.step.clone();
    if target::candidates(&step).is_empty() {
        c.block(
            "Windows volume",
            "no image was applied before this step: there is no Windows to write the settings to",
            "Put Apply Operating System Image before this step.",
        );
    }
    c.host.forget();
}

pub(super) fn windows(settings: &ApplyWindowsSettings, c: &mut Checker<'_>) {
    c.says("Windows settings");
    need_windows(c);
    let step = c.step.clone();
    let read = apply_windows::read(settings, &step);
    c.warnings("Windows settings", "");
    let wanted = match read {
        Ok(wanted) => wanted,
        Err(error) => {
            c.fail("Windows settings", &error, "Correct the value.");
            return;
        }
    };
    c.fine(
        "computer name",
        format!(
            "{} ({}, {})",
            wanted.computer, wanted.user, wanted.organization
        ),
    );
    c.computer.clone_from(&wanted.computer);
    names_differ(c);
    if settings.product_key.is_some() && wanted.key.is_empty() {
        c.fine("product key", "none: the answer file gets none");
    }
    match Check::TimeZone.doubt(&wanted.zone) {
        Some((why, way_out)) => c.warn("time zone", why, way_out),
        None if wanted.zone.is_empty() => c.fine("time zone", "that of the image"),
        None => c.fine("time zone", &wanted.zone),
    }
    for (element, value) in &wanted.locales {
        if let Some((why, way_out)) = apply_windows::locale_check(element).doubt(value) {
            c.warn("locale", format!("{element}: {why}"), way_out);
        }
    }
}

/// Windows Setup refuses a workgroup of the computer's own name, whichever step comes first.
fn names_differ(c: &mut Checker<'_>) {
    if let Some(why) = same_name(&c.computer, &c.workgroup) {
        c.block(
            "workgroup",
            why,
            "Give the workgroup or the computer another name.",
        );
    }
}

pub(super) fn network(settings: &ApplyNetworkSettings, c: &mut Checker<'_>) {
    c.says("network settings");
    need_windows(c);
    let step = c.step.clone();
    let read = apply_network::read(settings, &step);
    c.warnings(
        "domain join",
        "Give the variable a value, for example by an input with `secret: true`.",
    );
    match read {
        Ok(wanted) => {
            let adapters = match wanted.adapters.len() {
                0 => String::new(),
                count => format!("; {}", counted(count, "adapter")),
            };
            match wanted.joined {
                Joined::Workgroup(name) => {
                    c.workgroup.clone_from(&name);
                    names_differ(c);
                    c.fine("network settings", format!("workgroup {name}{adapters}"));
                }
                Joined::Domain { name, account, .. } => c.fine(
                    "network settings",
                    format!("domain {name}, joined as {account}{adapters}"),
                ),
            }
        }
        Err(error) => c.fail("network settings", &error, "Correct the value."),
    }
}
