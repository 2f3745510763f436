//! Apply Windows Settings and Apply Network Settings: every value, and a Windows to write them to.

use crate::sequence::check::is_locale;
use crate::sequence::settings::{ApplyNetworkSettings, ApplyWindowsSettings};
use crate::step::apply_network::{self, Joined};
use crate::step::{apply_windows, target};

use super::Checker;
use super::findings::counted;
use super::time_zones;

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
    if wanted.zone.is_empty() || time_zones::is_known(&wanted.zone) {
        let zone = if wanted.zone.is_empty() {
            "that of the image"
        } else {
            &wanted.zone
        };
        c.fine("time zone", zone);
    } else {
        c.warn(
            "time zone",
            format!(
                "\"{}\" is not the name of a time zone in Windows",
                wanted.zone
            ),
            "Write it as `tzutil /l` does, for example W. Europe Standard Time.",
        );
    }
    let bad: Vec<&str> = wanted
        .locales
        .iter()
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty() && !is_locale(value))
        .collect();
    for locale in bad {
        c.warn(
            "locale",
            format!("\"{locale}\" is not a locale"),
            "Write for example de-DE.",
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
