//! Capture Operating System Image: volumes, destination, memory.

use crate::sequence::settings::{CaptureOperatingSystem, Compression};
use crate::step::capture_os;

use super::Checker;
use super::{destination, memory, volumes};

pub(super) fn check(settings: &CaptureOperatingSystem, c: &mut Checker<'_>) {
    let step = c.step.clone();
    if let Err(error) = capture_os::wishes(settings, &step) {
        c.fail("image", &error, "Correct the value.");
    }
    c.host.forget();
    if settings.compression == Compression::Smallest {
        c.warn(
            "compression",
            "solid LZMS: DISM of Windows 8 and older, and some deployment tools, cannot read this image",
            "Choose Balanced or Max when old tools must read it.",
        );
    }
    memory::check(settings.compression, c);
    let used = volumes::check(settings, c);
    c.host.forget();
    if c.cancelled() {
        return;
    }
    match capture_os::destination(settings, &step) {
        Ok((text, logon)) => destination::check(settings, &text, &logon, used, c),
        Err(error) => c.fail(destination::SUBJECT, &error, "Name another file."),
    }
}
