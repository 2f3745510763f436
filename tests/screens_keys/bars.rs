//! Bars are honest: they never move backwards, and are full at the end only.

use proptest::prelude::*;
use wimforge::event::{Outcome, RunOutcome, Unit};
use wimforge::tui::model::Model;
use wimforge::tui::view::draw_text;
use wimforge::units::GIB;

use crate::fixtures::{self, APPLY, CAPTURE, Story};

/// Filled cells and the number behind them, of the rows for the run and for the phase.
fn bars(model: &Model, width: u16) -> [(usize, u32); 2] {
    let text = draw_text(model, width, 24);
    [2, 3].map(|row| {
        let line = text.lines().nth(row).unwrap_or_default();
        let full = line.chars().filter(|c| *c == '█').count();
        let percent = line
            .split_whitespace()
            .find_map(|word| word.strip_suffix('%'))
            .and_then(|number| number.parse().ok())
            .unwrap_or(0);
        (full, percent)
    })
}

fn capturing() -> Story {
    let mut story = fixtures::applying();
    story
        .end(APPLY, 1, Outcome::Succeeded, 90_000)
        .step(CAPTURE, 1)
        .phase(CAPTURE, 1, "capturing", Unit::Bytes);
    story
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_bar_moves_backwards_whatever_the_tool_says(
        samples in prop::collection::vec((0..12 * GIB, 0..12 * GIB, 0..90_000u64, 0..9i64), 1..25),
        width in 60..130u16,
    ) {
        let mut story = capturing();
        let mut before = bars(&story.model, width);
        for (done, total, silent, seconds) in samples {
            story.wait(seconds).sample(CAPTURE, done, total, silent, "Windows/some/file");
            let now = bars(&story.model, width);
            for (was, is) in before.iter().zip(&now) {
                prop_assert!(is.0 >= was.0 && is.1 >= was.1, "{was:?} to {is:?}");
                prop_assert!(is.1 < 100, "{is:?}");
            }
            before = now;
        }
    }
}

#[test]
fn a_tool_at_its_end_is_not_a_run_at_its_end() {
    let mut story = capturing();
    story.wait(60).sample(CAPTURE, 8 * GIB, 8 * GIB, 0, "");
    let [whole, phase] = bars(&story.model, 80);
    assert_eq!(phase.1, 99);
    assert!(whole.1 < 100);
    assert!(draw_text(&story.model, 80, 24).contains('░'));
    story.finish(RunOutcome::Succeeded, 0, "done");
    assert_eq!(story.model.state.overall, 1000);
}

#[test]
fn a_stalled_tool_has_neither_rate_nor_time_left() {
    let text = draw_text(&crate::snapshots::stalled().model, 80, 24);
    assert!(text.contains("STALLED: no sign of life for 42 s"), "{text}");
    assert!(!text.contains(" left") && !text.contains("/s"), "{text}");
    assert!(text.contains("2.3 GiB of 8.0 GiB"), "{text}");
}
