//! Arbitrary bytes as an answer file: an error that names the file, or a document without secrets that can be read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wimforge::unattend::scrub;

const NAME: &str = "Unattend-fuzz.xml";

fuzz_target!(|bytes: &[u8]| {
    let clean = match scrub(bytes, NAME) {
        Ok((clean, _)) => clean,
        Err(error) => {
            assert!(error.to_string().contains(NAME), "{error}");
            return;
        }
    };
    let (_, left) = scrub(&clean, NAME).expect("what was written can be read");
    assert_eq!(left, 0, "a secret was left");
});
