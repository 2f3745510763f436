//! What goes to standard error.

use std::io::Write as _;

/// Writes `text` as it is to standard error, and ends its last line. Nobody may be reading there any more (a pipe's other
/// end has gone): that is no reason to end this process, as `eprintln!` would.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}
