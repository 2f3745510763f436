//! The small steps and the command step, against a recording host.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as loudly as the tests themselves"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wimforge::codes;
use wimforge::event::{Answered, QuestionKind};
use wimforge::platform::linux::{LinuxMachine, MachineOptions};
use wimforge::secret::Secret;
use wimforge::sequence::settings::{
    ConnectNetworkFolder, Pause, RestartComputer, RestartTarget, RunCommandLine, SetVariable,
};
use wimforge::sequence::variables::Value;
use wimforge::step::cx::{Host, StepCx, StepEnd};
use wimforge::step::error::StepError;
use wimforge::step::testing::RecordingHost;
use wimforge::step::{connect_folder, pause, restart, run_command, set_variable};

fn cx(host: &Arc<RecordingHost>) -> StepCx {
    let machine = LinuxMachine::new(MachineOptions::default()).unwrap();
    let mut cx = host.cx(Arc::new(machine), Path::new("/tmp"));
    cx.success_codes = vec![0, 3010];
    cx
}

fn command(text: &str) -> RunCommandLine {
    RunCommandLine {
        command: text.to_owned(),
        shell: false,
        working_directory: None,
        output_variable: None,
        do_not_log: false,
    }
}

fn code(error: &StepError) -> u32 {
    error.to_failure().code
}

#[test]
fn a_command_runs_without_a_shell_and_its_output_is_logged() {
    let host = RecordingHost::with(&[("Greeting", "hello world")]);
    let mut settings = command("printf '%s|' \"%Greeting%\" '$HOME' a;b");
    settings.output_variable = Some("Out".into());
    assert_eq!(
        run_command::run(&settings, &cx(&host)).unwrap(),
        StepEnd::Exit(0)
    );
    assert_eq!(host.text("Out"), "hello world|$HOME|a;b|");
    assert!(host.logged("hello world|$HOME|a;b|"));
    assert!(host.logged("Executing command line: printf"));
}

#[test]
fn a_shell_only_when_asked_for_and_in_the_working_directory() {
    let host = RecordingHost::with(&[]);
    let mut settings = command("pwd | tr a-z A-Z; exit 194");
    settings.shell = true;
    settings.working_directory = Some("/usr".into());
    let mut cx = cx(&host);
    cx.success_codes = vec![194];
    assert_eq!(
        run_command::run(&settings, &cx).unwrap(),
        StepEnd::Exit(194)
    );
    assert!(host.logged("/USR"));
}

#[test]
fn failures_name_command_code_and_last_lines() {
    let host = RecordingHost::with(&[]);
    let mut settings = command("echo broken; exit 5");
    settings.shell = true;
    let failure = run_command::run(&settings, &cx(&host))
        .unwrap_err()
        .to_failure();
    assert_eq!(failure.code, 5);
    assert_eq!(
        failure.message,
        "command \"echo broken; exit 5\" ended with exit code 5"
    );
    assert_eq!(failure.tail, ["broken"]);

    let error = run_command::run(&command("no-such-tool-xyz"), &cx(&host)).unwrap_err();
    assert_eq!(code(&error), codes::FILE_NOT_FOUND);

    let mut slow = cx(&host);
    slow.timeout = Some(Duration::from_millis(200));
    let error = run_command::run(&command("sleep 60"), &slow).unwrap_err();
    assert_eq!(code(&error), codes::TIMEOUT);
}

#[test]
fn a_secret_never_becomes_an_argument_and_hidden_commands_stay_hidden() {
    let host = RecordingHost::with(&[]);
    host.set_engine_variable("Pw", Value::Secret(Secret::new("CANARY-7f3a")));
    let error = run_command::run(&command("echo %Pw%"), &cx(&host)).unwrap_err();
    assert_eq!(code(&error), codes::INVALID_PARAMETER);
    assert!(!format!("{error:?}").contains("CANARY"));

    let mut hidden = command("sh -c 'exit 9' NOT-FOR-THE-LOG");
    hidden.do_not_log = true;
    let error = run_command::run(&hidden, &cx(&host)).unwrap_err();
    assert!(!format!("{error:?}").contains("NOT-FOR-THE-LOG"));
    assert!(!host.logged("NOT-FOR-THE-LOG") && !host.logged("CANARY"));
}

#[test]
fn a_cancelled_command_is_no_failure() {
    let host = RecordingHost::with(&[]);
    let cx = cx(&host);
    cx.cancel.raise(wimforge::cancel::CancelLevel::Kill);
    let result = run_command::run(&command("sleep 60"), &cx);
    assert!(matches!(result, Err(StepError::Cancelled)));
}

#[test]
fn variables_are_expanded_kept_secret_deleted_and_protected() {
    let host = RecordingHost::with(&[("A", "1")]);
    let set = |variable: &str, value: &str, secret| {
        let settings = SetVariable {
            variable: variable.into(),
            value: value.into(),
            secret,
        };
        set_variable::run(&settings, &cx(&host))
    };
    set("B", "x%A%", false).unwrap();
    assert_eq!(host.text("B"), "x1");
    set("P", "CANARY-1234", true).unwrap();
    set("Q", "p=%P%", false).unwrap();
    assert!(host.variable("Q").unwrap().is_secret());
    set("P", "CANARY-5678", false).unwrap();
    assert!(
        host.variable("P").unwrap().is_secret(),
        "secrecy must stick"
    );
    assert!(!host.logged("CANARY"));
    set("B", "", false).unwrap();
    assert!(host.variable("B").is_none());
    let error = set("_SMSTSInWinPE", "x", false).unwrap_err();
    assert_eq!(code(&error), codes::INVALID_PARAMETER);
}

#[test]
fn pause_asks_and_restart_needs_something_to_start() {
    let host = RecordingHost::with(&[("Name", "REF")]);
    host.answer(Answered::Yes);
    let settings = Pause {
        message: "Look at %Name%".into(),
    };
    pause::run(&settings, &cx(&host)).unwrap();
    assert_eq!(
        host.questions(),
        [QuestionKind::Pause {
            message: "Look at REF".into()
        }]
    );

    let mut settings = RestartComputer {
        to: RestartTarget::HardDisk,
        message: "Bye".into(),
        timeout: 5,
    };
    let error = restart::run(&settings, &cx(&host)).unwrap_err();
    assert_eq!(code(&error), codes::NOT_FOUND);
    settings.to = RestartTarget::WindowsPE;
    assert_eq!(
        restart::run(&settings, &cx(&host)).unwrap(),
        StepEnd::Restart {
            to_winpe: true,
            message: "Bye".into(),
            timeout: 5
        }
    );
    settings.message = "x".repeat(513);
    assert!(restart::run(&settings, &cx(&host)).is_err());
}

#[test]
fn a_local_folder_connects_and_is_left_clean() {
    let folder = tempfile::tempdir().unwrap();
    let host = RecordingHost::with(&[]);
    let mut settings = ConnectNetworkFolder {
        path: format!("file:{}", folder.path().display()),
        letter: Some('z'),
        account: String::new(),
        password_variable: None,
        writable: true,
        folder_variable: Some("Share".into()),
    };
    connect_folder::run(&settings, &cx(&host)).unwrap();
    assert_eq!(host.text("Share"), folder.path().display().to_string());
    assert_eq!(host.text("_WimforgeConnectionZ"), host.text("Share"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    settings.letter = Some('X');
    assert!(connect_folder::run(&settings, &cx(&host)).is_err());
    settings.letter = None;
    settings.path = "/no/such/folder".into();
    let error = connect_folder::run(&settings, &cx(&host)).unwrap_err();
    assert_eq!(code(&error), codes::FILE_NOT_FOUND);
}
