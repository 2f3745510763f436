//! Capture Operating System Image (spec 2.12): every NTFS and FAT32 volume of fixed disks, each its own image in one WIM.
//!
//! Everything that can be found out is found out before the first byte; the image is written beside its target and gets
//! its name only when it is whole, so an old image survives whatever happens.

use crate::codes;
use crate::event::{Artifact, Unit};
use crate::secret::Secret;
use crate::sequence::settings;
use crate::sequence::variables::Value;
use crate::units;
use crate::wim::windows_exclusions;

use super::action_variable::ActionVariable;
use super::capture_mark;
use super::capture_secrets;
use super::capture_target::{Logon, Target};
use super::capture_volumes::{Chosen, announce, choose};
use super::capture_write::{Wishes, write};
use super::cx::{StepCx, StepEnd, StepResult};
use super::error::StepError;
use super::open;

/// Our own folders: never part of an image.
const TASK_SEQUENCE: &str = "/_SMSTaskSequence";
const PASSWORD: &str = "OSDCaptureAccountPassword";

/// The settings that are action variables.
pub fn action_variables(settings: &settings::CaptureOperatingSystem) -> Vec<ActionVariable> {
    let optional = |name, value: &Option<String>| {
        value
            .as_ref()
            .map(|value| ActionVariable::plain(name, value.clone()))
    };
    let mut variables = vec![ActionVariable::plain(
        "OSDCaptureDestination",
        settings.destination.clone(),
    )];
    if !settings.account.is_empty() {
        variables.push(ActionVariable::plain(
            "OSDCaptureAccount",
            settings.account.clone(),
        ));
    }
    variables.extend(optional("OSDImageCreator", &settings.creator));
    variables.extend(optional("OSDImageDescription", &settings.description));
    variables.extend(optional("OSDImageVersion", &settings.version));
    variables
}

/// A value that stands in the image or is its path.
fn limited(cx: &StepCx, name: &str, fallback: &str, longest: usize) -> Result<String, StepError> {
    within(name, open::value(cx, name, fallback)?, longest)
}

fn within(name: &str, value: String, longest: usize) -> Result<String, StepError> {
    if value.chars().count() > longest {
        return Err(StepError::new(
            codes::INVALID_PARAMETER,
            format!("{name} has more than {longest} characters"),
        ));
    }
    Ok(value)
}

/// An image that is being written; durable at once, see [`super::volumes`].
pub const PARTIAL: &str = "_WimforgeMarkPartial";

/// Removes what may lie beside the target when the attempt fails.
struct Partial<'a> {
    cx: &'a StepCx,
    path: std::path::PathBuf,
    keep: bool,
}

impl<'a> Partial<'a> {
    /// Also told to the engine: should nobody be there to remove it, the technician learns of it.
    fn new(cx: &'a StepCx, path: std::path::PathBuf, keep: bool) -> Self {
        let shown = path.display().to_string();
        cx.host.set_engine_variable(PARTIAL, Value::Plain(shown));
        Self { cx, path, keep }
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        let shown = self.path.display();
        if self.path.exists() {
            if self.keep {
                self.cx.info(format!("{shown} is kept, as told"));
            } else if let Err(error) = std::fs::remove_file(&self.path) {
                self.cx
                    .warn(format!("{shown} could not be removed: {error}"));
                return;
            }
        }
        let nothing = Value::Plain(String::new());
        self.cx.host.set_engine_variable(PARTIAL, nothing);
    }
}

/// Where the image goes, as text, and how to get there.
pub(super) fn destination(
    settings: &settings::CaptureOperatingSystem,
    cx: &StepCx,
) -> Result<(String, Logon), StepError> {
    let destination = limited(cx, "OSDCaptureDestination", &settings.destination, 255)?;
    let logon = Logon {
        account: account(settings, cx)?,
        password: Secret::new(cx.text(password_variable(settings))),
    };
    cx.host.remember_secret(&logon.password);
    Ok((destination, logon))
}

/// The account stands nowhere in the image.
fn account(settings: &settings::CaptureOperatingSystem, cx: &StepCx) -> Result<String, StepError> {
    const NAME: &str = "OSDCaptureAccount";
    let mut account = cx.text(NAME);
    if account.is_empty() {
        account = cx.host.expand(&settings.account).text;
    }
    within(NAME, account, 255)
}

/// The variable that holds the password of the capture account.
pub(super) fn password_variable(settings: &settings::CaptureOperatingSystem) -> &str {
    settings.password_variable.as_deref().unwrap_or(PASSWORD)
}

/// What the image is to hold and say.
pub(super) fn wishes(
    settings: &settings::CaptureOperatingSystem,
    cx: &StepCx,
) -> Result<Wishes, StepError> {
    let of = |setting: &Option<String>| setting.clone().unwrap_or_default();
    let mut exclude = vec![
        TASK_SEQUENCE.to_owned(),
        format!("/{}", capture_mark::FOLDER),
    ];
    exclude.extend(
        settings
            .exclude
            .iter()
            .map(|pattern| pattern.replace('\\', "/")),
    );
    let wishes = Wishes {
        creator: limited(cx, "OSDImageCreator", &of(&settings.creator), 255)?,
        description: limited(cx, "OSDImageDescription", &of(&settings.description), 255)?,
        version: limited(cx, "OSDImageVersion", &of(&settings.version), 32)?,
        exclude,
        compression: settings.compression,
        verify: settings.verify,
        unsupported: settings.unsupported_files,
        keys: capture_secrets::keys(settings.product_keys),
    };
    if !wishes
        .version
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '.')
    {
        return Err(StepError::new(
            codes::INVALID_PARAMETER,
            "OSDImageVersion may hold letters, digits and dots only",
        ));
    }
    Ok(wishes)
}

/// Runs one attempt.
///
/// # Errors
/// A destination that cannot be used, a volume unfit for capture, files that cannot be kept, a full or vanished
/// destination, a failed verification, cancelled. The old image is untouched in every case.
pub fn run(settings: &settings::CaptureOperatingSystem, cx: &StepCx) -> StepResult {
    let (destination, logon) = destination(settings, cx)?;
    let wishes = wishes(settings, cx)?;

    cx.phase("checking the volumes", Unit::Nothing);
    let Chosen { volumes, left_out } = choose(cx)?;
    for volume in &volumes {
        // A label becomes the name of an image.
        open::check(cx, "the name of an image", &volume.name(), false)?;
    }
    announce(cx, &volumes);
    cx.phase("checking the destination", Unit::Nothing);
    let target = Target::open(cx, &destination, &logon, settings.existing)?;
    target.check_space(cx, volumes.iter().map(|volume| volume.used_bytes).sum())?;
    cx.info(format!(
        "never captured: {}, {}",
        windows_exclusions().join(", "),
        wishes.exclude.join(", ")
    ));

    cx.phase("looking for secrets", Unit::Nothing);
    let mut passwords = capture_secrets::clean(cx, &volumes, wishes.keys)?;
    let guard = Partial::new(cx, target.partial.clone(), settings.keep_partial);
    let written = write(cx, &volumes, &target, &wishes)?;
    passwords += written.passwords;
    cx.check_cancel()?;
    let shown = target.shown.clone();
    let bytes = target.finish()?;
    drop(guard);
    capture_secrets::mark(cx, &volumes, &shown);

    let mut read = 0;
    for (image, volume) in written.made.iter().zip(&volumes) {
        read += image.bytes;
        cx.host.produced(Artifact::CapturedVolume {
            index: image.index,
            volume: volume.describe(),
            bytes: image.bytes,
            files: image.files,
        });
    }
    cx.host.produced(Artifact::File {
        path: shown.clone(),
        bytes,
        what: "captured image".to_owned(),
    });
    cx.info(format!(
        "captured {}, {}, into {shown}, {}",
        units::count(written.made.len() as u64, "volume"),
        units::bytes(read),
        units::bytes(bytes)
    ));
    let mut warned = Vec::new();
    if written.lost > 0 {
        let files = units::count(written.lost, "file");
        warned.push(format!("{files} could not be kept as they are"));
    }
    if passwords > 0 {
        let words = units::count(passwords, "password");
        warned.push(format!(
            "scripts and settings with {words} are in the image"
        ));
    }
    if !left_out.is_empty() {
        warned.push(format!("not captured: {}", left_out.join(", ")));
    }
    if warned.is_empty() {
        return Ok(StepEnd::Done);
    }
    Ok(StepEnd::Warned(format!(
        "{}: see the log",
        warned.join("; ")
    )))
}
