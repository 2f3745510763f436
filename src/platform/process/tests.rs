use super::*;

fn sh(script: &str) -> ProcessRequest {
    ProcessRequest {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        ..ProcessRequest::default()
    }
}

fn collect(request: &ProcessRequest) -> (Finished, Vec<String>) {
    let mut lines = Vec::new();
    let done = run(request, &CancelToken::new(), &mut |line| {
        lines.push(line.to_owned());
    })
    .unwrap();
    (done, lines)
}

fn alive(pid: i32) -> bool {
    Row::read(pid).is_some_and(|row| !matches!(row.state, 'Z' | 'X'))
}

fn gone_soon(pid: i32) -> bool {
    (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        !alive(pid)
    })
}

#[test]
fn both_outputs_come_line_by_line_with_the_exit_code() {
    let (done, lines) = collect(&sh(
        "echo one; echo two >&2; printf 'a\\rb\\r\\nlast'; exit 7",
    ));
    assert_eq!(lines, ["one", "two", "a", "b", "last"]);
    assert_eq!(done.ended, Ended::Code(7));
    assert_eq!(done.last_characters, "one\ntwo\na\nb\nlast");
}

#[test]
fn the_environment_is_bare() {
    let (_, lines) = collect(&ProcessRequest {
        program: "env".into(),
        ..ProcessRequest::default()
    });
    let mut names: Vec<_> = lines.iter().filter_map(|l| l.split('=').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "PATH", "TERM", MARK]);
}

#[test]
fn endless_lines_come_in_pieces_and_bad_utf8_is_replaced() {
    let (done, lines) = collect(&sh(
        "head -c 1000000 /dev/zero | tr '\\0' x; printf '\\377\\n'",
    ));
    assert!(
        lines.iter().all(|l| l.len() <= LONGEST_PIECE + 2),
        "a piece is too long"
    );
    assert_eq!(lines.concat().len(), 1_000_000 + '\u{fffd}'.len_utf8());
    assert_eq!(done.last_characters.chars().count(), LAST_CHARACTERS);
    assert!(done.tail.iter().all(|l| l.len() < 2_100));
}

#[test]
fn pieces_do_not_tear_characters() {
    let mut output = Output::new(None);
    let mut text = String::from("x");
    while text.len() < 3 * LONGEST_PIECE {
        text.push('€');
    }
    let mut got = String::new();
    output.take(text.as_bytes(), &mut |piece| got.push_str(piece));
    output.finish(&mut |piece| got.push_str(piece));
    assert_eq!(got, text);
}

#[test]
fn only_the_end_is_kept() {
    let (done, lines) = collect(&sh("seq 1 5000"));
    assert_eq!(lines.len(), 5000);
    assert_eq!(done.tail.len(), TAIL_LINES);
    assert_eq!(done.tail.last().unwrap(), "5000");
    assert_eq!(done.last_characters.chars().count(), LAST_CHARACTERS);
    assert!(done.last_characters.ends_with("4999\n5000"));
}

#[test]
fn a_missing_program_and_a_missing_folder_are_told_apart() {
    let missing = run(
        &ProcessRequest {
            program: "no-such-program-xyz".into(),
            ..ProcessRequest::default()
        },
        &CancelToken::new(),
        &mut |_| {},
    );
    assert!(
        matches!(missing, Err(PlatformError::MissingTool(name)) if name == "no-such-program-xyz")
    );
    let folder = run(
        &ProcessRequest {
            dir: Some("/no/such/folder".into()),
            ..sh("true")
        },
        &CancelToken::new(),
        &mut |_| {},
    );
    assert!(folder.unwrap_err().to_string().contains("/no/such/folder"));
}

#[test]
fn a_timeout_kills_group_and_those_who_left_it() {
    let begun = Instant::now();
    // One in the group, one in a session of its own, one whose parent is gone as well.
    let (done, lines) = collect(&ProcessRequest {
        timeout: Some(Duration::from_millis(700)),
        ..sh("sleep 300 & echo $!; \
              setsid sleep 301 & echo $!; \
              setsid sh -c 'sleep 302 & echo $!' & \
              wait; sleep 300")
    });
    assert_eq!(done.ended, Ended::TimedOut);
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "took {:?}",
        begun.elapsed()
    );
    let pids: Vec<i32> = lines.iter().map(|l| l.parse().unwrap()).collect();
    assert_eq!(pids.len(), 3);
    for pid in pids {
        assert!(gone_soon(pid), "process {pid} lives on");
    }
}

#[test]
fn who_ignores_sigterm_is_killed_at_level_kill() {
    let cancel = CancelToken::new();
    let other = cancel.clone();
    let mut first = true;
    let begun = Instant::now();
    let done = run(
        &sh("trap '' TERM; echo ready; while :; do sleep 0.1; done"),
        &cancel,
        &mut |_| {
            if std::mem::take(&mut first) {
                let token = other.clone();
                std::thread::spawn(move || {
                    token.raise(CancelLevel::Asked);
                    std::thread::sleep(Duration::from_millis(300));
                    token.raise(CancelLevel::Kill);
                });
            }
        },
    )
    .unwrap();
    assert_eq!(done.ended, Ended::Cancelled);
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(4),
        "took {took:?}"
    );
}

#[test]
fn a_daemon_that_keeps_the_pipe_does_not_hold_the_step() {
    let begun = Instant::now();
    let (done, lines) = collect(&sh("setsid sleep 20 & echo $!; exit 3"));
    assert_eq!(done.ended, Ended::Code(3));
    assert!(begun.elapsed() < LINGER + Duration::from_secs(2));
    let pid: i32 = lines[0].parse().unwrap();
    assert!(
        alive(pid),
        "an ordinary end must leave background processes alone"
    );
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

#[test]
fn a_signal_is_named() {
    let (done, _) = collect(&sh("kill -SEGV $$"));
    assert_eq!(done.ended, Ended::Signal(11));
}
