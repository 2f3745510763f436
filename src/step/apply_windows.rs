//! Apply Windows Settings (spec 2.4, 6.1): name, owner, key, administrator, time zone and locales into the answer file.

use rand::Rng as _;

use crate::input::{Check, same_name};
use crate::secret::Secret;
use crate::sequence::settings::{self, ServerLicense};
use crate::sequence::variables::Value;
use crate::unattend::set_command;
use crate::unattend::{self, INTERNATIONAL, JOIN, New, SHELL, UnattendError};

use super::action_variable::ActionVariable;
use super::cx::{StepCx, StepEnd, StepResult};
use super::error::StepError;
use super::target::{invalid, judged, merge};

const DISABLE: &str = "powershell.exe -NoProfile -Command \"Get-LocalUser | Where-Object SID -like 'S-1-5-*-500' | Disable-LocalUser\"";

const LOCALES: [(&str, &str); 5] = [
    ("OSDWindowsSettingsInputLocale", "InputLocale"),
    ("OSDWindowsSettingsSystemLocale", "SystemLocale"),
    ("OSDWindowsSettingsUILanguage", "UILanguage"),
    ("OSDWindowsSettingsUILanguageFallback", "UILanguageFallback"),
    ("OSDWindowsSettingsUserLocale", "UserLocale"),
];

/// The rule for a locale, by its element of the answer file.
pub(super) fn locale_check(element: &str) -> Check {
    if element == "InputLocale" {
        Check::InputLocale
    } else {
        Check::Locale
    }
}

/// The settings that are action variables.
pub fn action_variables(settings: &settings::ApplyWindowsSettings) -> Vec<ActionVariable> {
    let text =
        |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
    let mut list = vec![
        ActionVariable::plain(
            "OSDComputerName",
            text(&settings.computer_name, "%_SMSTSMachineName%"),
        ),
        ActionVariable::plain("OSDRegisteredUserName", &settings.user),
        ActionVariable::plain("OSDRegisteredOrgName", &settings.organization),
        ActionVariable::plain("OSDProductKey", text(&settings.product_key, "")),
        ActionVariable::plain(
            "OSDRandomAdminPassword",
            if settings.random_admin_password {
                "true"
            } else {
                "false"
            },
        ),
        ActionVariable::plain("OSDTimeZone", text(&settings.time_zone, "UTC")),
    ];
    match settings.server_license {
        Some(ServerLicense::PerSeat) => {
            list.push(ActionVariable::plain("OSDServerLicenseMode", "PerSeat"));
        }
        Some(ServerLicense::PerServer(connections)) => {
            list.push(ActionVariable::plain("OSDServerLicenseMode", "PerServer"));
            list.push(ActionVariable::plain(
                "OSDServerLicenseConnectionLimit",
                connections.to_string(),
            ));
        }
        None => {}
    }
    let locales = [
        &settings.input_locale,
        &settings.system_locale,
        &settings.ui_language,
        &settings.ui_language_fallback,
        &settings.user_locale,
    ];
    list.extend(
        LOCALES
            .iter()
            .zip(locales)
            .map(|((name, _), value)| ActionVariable::plain(name, text(value, ""))),
    );
    list.retain(|variable| variable.value != Value::Plain(String::new()));
    list
}

/// Every value of the step, checked.
pub(super) struct Wanted {
    pub(super) computer: String,
    pub(super) user: String,
    pub(super) organization: String,
    pub(super) key: String,
    pub(super) zone: String,
    /// Element of the answer file and its value, which may be empty.
    pub(super) locales: Vec<(&'static str, String)>,
    /// The administrator gets a random password and is disabled.
    pub(super) random: bool,
    pub(super) password: Secret,
}

/// Reads every value.
///
/// # Errors
/// One is missing or outside its limits.
pub(super) fn read(
    settings: &settings::ApplyWindowsSettings,
    cx: &StepCx,
) -> Result<Wanted, StepError> {
    let computer = judged(cx, "OSDComputerName", &Check::ComputerName, false)?;
    let user = judged(cx, "OSDRegisteredUserName", &Check::Owner, false)?;
    let organization = judged(cx, "OSDRegisteredOrgName", &Check::Owner, false)?;
    let key = judged(cx, "OSDProductKey", &Check::ProductKey, true)?;
    let zone = judged(cx, "OSDTimeZone", &Check::TimeZone, true)?;
    let mut locales = Vec::new();
    for (name, element) in LOCALES {
        locales.push((element, judged(cx, name, &locale_check(element), true)?));
    }
    if check_license(cx)? {
        cx.warn("Server licensing is checked and not written: answer files since Windows Server 2008 have no setting for it");
    }
    let random = !cx
        .text("OSDRandomAdminPassword")
        .eq_ignore_ascii_case("false");
    let password = administrator(settings, cx, random)?;
    Ok(Wanted {
        computer,
        user,
        organization,
        key,
        zone,
        locales,
        random,
        password,
    })
}

/// Runs one attempt.
///
/// # Errors
/// A value outside its limits, no Windows volume, an answer file that cannot be read or written.
pub fn run(settings: &settings::ApplyWindowsSettings, cx: &StepCx) -> StepResult {
    let Wanted {
        computer,
        user,
        organization,
        key,
        zone,
        locales,
        random,
        password,
    } = read(settings, cx)?;
    let encoded = unattend::encode_password(&password, "AdministratorPassword");
    cx.host.remember_secret(&encoded);

    let mut note = None;
    merge(cx, &mut |document| {
        let workgroup = document.get("specialize", JOIN, "Identification/JoinWorkgroup");
        if let Some(why) = same_name(&computer, workgroup.unwrap_or_default().trim()) {
            return Err(UnattendError::Refused(why));
        }
        document.set("specialize", SHELL, "ComputerName", &computer);
        document.set("specialize", SHELL, "ProductKey", &key);
        for pass in ["specialize", "oobeSystem"] {
            document.set(pass, SHELL, "RegisteredOwner", &user);
            document.set(pass, SHELL, "RegisteredOrganization", &organization);
            document.set(pass, SHELL, "TimeZone", &zone);
            for (element, value) in locales.iter().filter(|(_, value)| !value.is_empty()) {
                document.set(pass, INTERNATIONAL, element, value);
            }
        }
        let password = vec![
            New::text("Value", encoded.reveal()),
            New::text("PlainText", "false"),
        ];
        document.put(
            "oobeSystem",
            SHELL,
            "UserAccounts/AdministratorPassword",
            &New::parent("AdministratorPassword", password),
        );
        // A random password belongs to a disabled account (spec 2.4); a later run with a given one takes the command out.
        note = set_command(
            document,
            "specialize",
            "Disable the built-in administrator (wimforge)",
            random.then_some(DISABLE),
        )?;
        Ok(())
    })?;
    if let Some(note) = note {
        cx.warn(note);
    }
    cx.info(format!("Computer name {computer}, time zone {zone}"));
    Ok(StepEnd::Done)
}

/// Whether a licence mode is asked for.
fn check_license(cx: &StepCx) -> Result<bool, StepError> {
    let connections = cx.text("OSDServerLicenseConnectionLimit");
    match cx.text("OSDServerLicenseMode").as_str() {
        "" | "none" => Ok(false),
        mode if mode.eq_ignore_ascii_case("PerSeat") => Ok(true),
        mode if mode.eq_ignore_ascii_case("PerServer") => match connections.parse::<u32>() {
            Ok(5..=9999) => Ok(true),
            _ => Err(invalid(
                "OSDServerLicenseConnectionLimit must be 5 to 9999 with PerServer",
            )),
        },
        _ => Err(invalid("OSDServerLicenseMode must be PerSeat or PerServer")),
    }
}

fn administrator(
    settings: &settings::ApplyWindowsSettings,
    cx: &StepCx,
    random: bool,
) -> Result<Secret, StepError> {
    let password = if random {
        let mut rng = rand::rng();
        let mut text: String = (0..28)
            .map(|_| char::from(rng.sample(rand::distr::Alphanumeric)))
            .collect();
        // One of each class, so that no complexity policy refuses it.
        text.push_str("aA1!");
        Secret::new(text)
    } else {
        let name = settings
            .admin_password_variable
            .as_deref()
            .unwrap_or("OSDLocalAdminPassword");
        let password = Secret::new(cx.text(name));
        if !(1..=255).contains(&password.reveal().chars().count()) {
            return Err(invalid(format!(
                "the administrator password in {name} must have 1 to 255 characters"
            )));
        }
        password
    };
    cx.host.remember_secret(&password);
    Ok(password)
}
