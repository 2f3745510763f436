//! Any text is a document with its mistakes: no text stops the reader, and each mistake can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wimforge::sequence::load;
use wimforge::sequence::plan::PlannedSequence;

fuzz_target!(|text: &str| {
    let checked = load::read_text("fuzz.ron", text);
    let shown = checked.render();
    if checked.is_good() {
        let Some(sequence) = &checked.sequence else {
            panic!("good, but there is no document");
        };
        let planned = PlannedSequence::new(sequence).expect("a good document can be planned");
        assert_eq!(planned.plan.nodes.len(), planned.defs.len());
        assert_eq!(checked.first_mistake(), None);
    } else {
        assert!(!shown.is_empty(), "refused without a reason");
        assert!(
            checked
                .first_mistake()
                .is_some_and(|line| !line.contains('\n'))
        );
    }
    for mistake in &checked.diagnostics {
        if let Some(span) = mistake.span {
            assert!(span.start <= span.end && span.end <= text.len());
        }
    }
});
