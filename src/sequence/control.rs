//! The variables by which Configuration Manager's engine is steered (spec 1.10 and 1.12) and that do nothing here. Whoever
//! sets one is told so by its name: silence would pass for obedience.

/// A variable that does nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// As Microsoft writes it.
    pub name: &'static str,
    /// Why it does nothing.
    pub why: &'static str,
    /// What to do instead; one sentence.
    pub instead: &'static str,
}

const fn row(name: &'static str, why: &'static str, instead: &'static str) -> Unsupported {
    Unsupported { name, why, instead }
}

const CONTENT: &str = "nothing is downloaded from distribution points";
const CLIENT: &str = "no Configuration Manager client is set up or removed";
const LEAVE_OUT: &str = "Leave it out.";
const SHOWN: &str = "Leave it out; `--plain` and `--json` show a run without the console.";

/// Every one of them.
pub const UNSUPPORTED: &[Unsupported] = &[
    row(
        "OSDLogPowerShellParameters",
        "there is no step for PowerShell scripts",
        "Leave it out; OSDDoNotLogCommand keeps a command line out of the log.",
    ),
    row(
        "SMSTSDisableStatusRetry",
        "no status messages are sent to a site",
        LEAVE_OUT,
    ),
    row("SMSTSDownloadRetryCount", CONTENT, LEAVE_OUT),
    row("SMSTSDownloadRetryDelay", CONTENT, LEAVE_OUT),
    row(
        "SMSTSErrorDialogTimeout",
        "a failed step waits for a technician without a limit, and an unattended run ends at once",
        LEAVE_OUT,
    ),
    row(
        "SMSTSLocalDataDrive",
        "the state of a run lies where `--state` says",
        "Give the folder with `--state`.",
    ),
    row("SMSTSPersistContent", CONTENT, LEAVE_OUT),
    row(
        "SMSTSPostAction",
        "no command is started after the end of a run",
        "Put the command into a Run Command Line step at the end.",
    ),
    row("SMSTSPreserveContent", CONTENT, LEAVE_OUT),
    row(
        "SMSTSRebootTimeout",
        "there is no such variable, in Configuration Manager neither",
        "Set SMSTSRebootDelay.",
    ),
    row("SMSTSUninstallCCMClient", CLIENT, LEAVE_OUT),
    row("SMSTSWaitCcmexecOperationalTimeout", CLIENT, LEAVE_OUT),
    row(
        "TSDisableProgressUI",
        "the console shows the progress whenever it is attached",
        SHOWN,
    ),
    row(
        "TSProgressInfoLevel",
        "the console always shows both the step and the share that is done",
        SHOWN,
    ),
    row(
        "TSUEFIDrive",
        "no machine is converted from BIOS to UEFI",
        LEAVE_OUT,
    ),
];

/// What is known about a variable that does nothing here, by its name in any case.
pub fn unsupported(name: &str) -> Option<&'static Unsupported> {
    UNSUPPORTED
        .iter()
        .find(|row| row.name.eq_ignore_ascii_case(name.trim()))
}

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is not supported here: {}", self.name, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name_in_any_case() {
        assert!(UNSUPPORTED.is_sorted_by(|a, b| a.name < b.name));
        for row in UNSUPPORTED {
            assert_eq!(unsupported(&row.name.to_lowercase()), Some(row));
            assert!(row.instead.ends_with('.'), "{}", row.name);
        }
        for works in [
            "TSDebugMode",
            "TSDebugOnError",
            "OSDDoNotLogCommand",
            "SMSTSRebootRequested",
            "SMSTSRebootDelayNext",
        ] {
            assert_eq!(unsupported(works), None, "{works}");
        }
    }
}
