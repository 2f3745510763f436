//! The log by pages, while the run goes on and after it.

use wimforge::event::{NodeId, Severity};
use wimforge::protocol::{LOG_PAGE, LogPage, LogQuery, Pattern, Refusal, Reply, Request};
use wimforge::run_state::LogLine;

use crate::common::system::{Small, skip_lab};
use crate::live::{Live, command, ok};

fn read(live: &Live, query: LogQuery) -> LogPage {
    match live.ask(Request::ReadLog(query)) {
        Reply::Log(page) => page,
        other => panic!("{other:?}"),
    }
}

/// Every line that a query finds, page by page, oldest first.
fn all(live: &Live, query: &LogQuery) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = Vec::new();
    let mut from = query.from;
    for _ in 0..10_000 {
        let page = read(
            live,
            LogQuery {
                from,
                ..query.clone()
            },
        );
        if query.forward {
            lines.extend(page.lines);
        } else {
            lines.splice(0..0, page.lines);
        }
        if page.end {
            return lines;
        }
        assert_ne!(page.through, from, "a page that leads nowhere");
        from = page.through;
    }
    panic!("no end");
}

fn back() -> LogQuery {
    LogQuery {
        from: u64::MAX,
        most: 700,
        ..LogQuery::default()
    }
}

fn find(text: &str, regex: bool) -> LogQuery {
    LogQuery {
        find: Some(Pattern {
            text: text.to_owned(),
            regex,
        }),
        ..back()
    }
}

const NOISE: &str = "seq -f 'noise %.0f' 1 3000";

fn noisy() -> Live {
    let flaky = "test -e /nonexistent && exit 0; echo attempt; exit 4";
    let live = Live::attended(&(command("noise", NOISE, "") + &command("flaky", flaky, "")));
    live.failed("flaky", 1);
    live.retry("flaky", 1);
    live.failed("flaky", 2);
    live
}

#[test]
fn every_line_is_there_forwards_and_back_during_the_run_and_after_it() {
    let live = noisy();
    let numbers = |lines: &[LogLine]| -> Vec<u64> {
        let number = |line: &LogLine| line.text.strip_prefix("noise ")?.parse().ok();
        lines.iter().filter_map(number).collect()
    };
    let expected: Vec<u64> = (1..=3000).collect();
    let during = all(&live, &back());
    assert_eq!(numbers(&during), expected);
    let forward = LogQuery {
        forward: true,
        from: 0,
        ..back()
    };
    assert_eq!(all(&live, &forward), during);
    assert!(during.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    // The state keeps the end of the same lines.
    let state = live.state();
    let kept: Vec<LogLine> = state.log.iter().cloned().collect();
    assert_eq!(during[during.len() - kept.len()..], kept);
    let dropped = usize::try_from(state.log_dropped).unwrap();
    assert_eq!(dropped, during.len() - kept.len());
    live.must(live.to_node("flaky", |node| Request::Skip { node, attempt: 2 }));
    live.wait("the report", |_| !live.bench.dispatcher.run().1);
    let after = all(&live, &back());
    assert_eq!(after[..during.len()], during);
    assert!(
        after
            .last()
            .unwrap()
            .text
            .contains("completed successfully")
    );
}

#[test]
fn filters_by_step_attempt_severity_and_text() {
    let live = noisy();
    let (noise, flaky) = (live.node("noise"), live.node("flaky"));
    let of = |node, attempt| {
        let query = LogQuery {
            node: Some(node),
            attempt,
            ..back()
        };
        all(&live, &query)
    };
    let both = of(flaky, None);
    let (first, second) = (of(flaky, Some(1)), of(flaky, Some(2)));
    assert_eq!(both.len(), first.len() + second.len());
    for lines in [&first, &second] {
        assert_eq!(
            lines.iter().filter(|line| line.text == "attempt").count(),
            1
        );
        assert!(lines.iter().all(|line| line.node == Some(flaky)));
    }
    assert_eq!(of(flaky, Some(3)), []);
    assert_eq!(of(NodeId(77), None), []);
    assert!(of(noise, Some(1)).len() > 3_000);
    let errors = all(
        &live,
        &LogQuery {
            severity: Some(Severity::Error),
            ..back()
        },
    );
    assert_eq!(errors.len(), 2);
    assert!(
        errors
            .iter()
            .all(|line| line.text.contains("Failed to run the action"))
    );
    // Text and regular expression, without regard to case.
    assert_eq!(all(&live, &find("NOISE 77", false)).len(), 11);
    assert_eq!(all(&live, &find("noise 77$", true)).len(), 1);
    assert_eq!(all(&live, &find("^Noise \\d{4}$", true)).len(), 2001);
    assert_eq!(
        all(&live, &find("noise 77$", false)).len(),
        0,
        "plain text is no expression"
    );
    let of_step = LogQuery {
        node: Some(flaky),
        ..find("noise", false)
    };
    assert_eq!(all(&live, &of_step), []);
}

#[test]
fn bad_expressions_are_refused_with_a_reason() {
    let live = Live::debugged(&ok("1"));
    for bad in ["(", "a{1000000000}", "[z-a]", "(?<name", "(?=x)", "\\"] {
        let reply = live.ask(Request::ReadLog(find(bad, true)));
        let Reply::Refused(Refusal::BadValue(why)) = reply else {
            panic!("{bad}: {reply:?}");
        };
        assert!(why.contains("regular expression"), "{why}");
        assert!(matches!(
            live.ask(Request::ReadLog(find(bad, false))),
            Reply::Log(_)
        ));
    }
    // The size of a compiled one is bounded, too.
    let large = live.ask(Request::ReadLog(find("(\\pL{100}){100}", true)));
    assert!(matches!(large, Reply::Refused(Refusal::BadValue(_))));
}

#[test]
fn a_page_is_as_large_as_asked_within_limits() {
    let live = noisy();
    for (most, expected) in [(0, 1), (1, 1), (17, 17), (u32::MAX, LOG_PAGE as usize)] {
        let query = LogQuery { most, ..back() };
        // In a slow moment the time for a page may run out before it is full.
        let page = read(&live, query);
        assert!(page.lines.len() <= expected && !page.lines.is_empty());
    }
    let beyond = LogQuery {
        forward: true,
        from: u64::MAX,
        ..back()
    };
    let page = read(&live, beyond);
    assert!(page.end && page.lines.is_empty());
}

#[test]
fn without_a_run_there_is_no_log() {
    let bench = crate::common::Bench::new();
    let reply = bench
        .dispatcher
        .request(&crate::common::who(), Request::ReadLog(back()));
    assert_eq!(reply, Reply::Refused(Refusal::NoRun));
}

#[test]
fn a_full_disk_costs_lines_of_the_log_and_neither_the_run_nor_its_memory() {
    if skip_lab() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let small = Small::new(folder.path().join("small"), "size=14m");
    let ballast = small.join("ballast");
    std::fs::write(&ballast, vec![1; 7 << 20]).unwrap();
    let mut bench = crate::common::Bench::new();
    bench.options.state = small.join("state");
    let steps = command("flood", "seq -f 'line %.0f' 1 200000", "")
        + &command("room", &format!("rm {}", ballast.display()), "")
        + &ok("after");
    let run = Live::of(bench, &crate::common::document(&steps), |_| {}).finish();
    assert_eq!(run.outcome(), wimforge::event::RunOutcome::Succeeded);
    // Whole, without a gap, to the end: reading it said so. What is missing is told.
    let texts: Vec<&str> = run
        .events
        .iter()
        .filter_map(|event| match &event.body {
            wimforge::event::EventBody::Log { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(
        texts
            .iter()
            .any(|text| text.contains("journal cannot be written"))
    );
    let lost: Vec<u64> = texts
        .iter()
        .filter_map(|text| {
            text.split_once(" lines of the log were lost")?
                .0
                .parse()
                .ok()
        })
        .collect();
    let kept = texts
        .iter()
        .filter(|text| text.starts_with("line "))
        .count();
    assert_eq!(lost.len(), 1);
    // Besides the step's own lines a few of the engine's may be among the lost.
    let all = lost[0] + kept as u64;
    assert!((200_000..200_010).contains(&all), "{all}");
    assert!(kept < 150_000, "nothing was lost: {kept}");
}
