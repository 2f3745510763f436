//! What a panic of the engine says on standard error, which is kept in a file: without secrets.

use std::any::Any;
use std::io::Write as _;
use std::sync::{Arc, Weak};

use super::dispatcher::Dispatcher;

/// From now on the message of a panic goes through the dispatcher's redactor.
pub fn mask_messages(dispatcher: &Arc<Dispatcher>) {
    let dispatcher = Arc::downgrade(dispatcher);
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string);
        let line = message(&dispatcher, place.as_deref(), info.payload());
        let _ = writeln!(std::io::stderr(), "{line}");
    }));
}

/// Nothing but the place is said when the redactor cannot be asked: the panic may come from the very thread that holds it.
fn message(dispatcher: &Weak<Dispatcher>, place: Option<&str>, payload: &dyn Any) -> String {
    let said = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let masked = said.and_then(|said| {
        let redactor = dispatcher.upgrade()?.redactor_now()?;
        Some(redactor.redact(said).into_owned())
    });
    let thread = std::thread::current();
    format!(
        "thread '{}' panicked at {}:\n{}",
        thread.name().unwrap_or("?"),
        place.unwrap_or("?"),
        masked.as_deref().unwrap_or("(not shown)")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_panic_tells_no_secret_and_waits_for_nobody() {
        let dispatcher = Arc::new(Dispatcher::default());
        dispatcher.remember_secret(&Secret::new("Pl4nted-S3cret"));
        let weak = Arc::downgrade(&dispatcher);
        let said = |payload: &dyn Any| message(&weak, Some("src/x.rs:1"), payload);
        let line = said(&"index 7 of Pl4nted-S3cret");
        assert!(
            line.contains("src/x.rs:1") && line.ends_with("index 7 of ********"),
            "{line}"
        );
        let line = said(&"as %50l4nted-S3cret".to_owned());
        assert!(line.ends_with("as ********"), "{line}");
        let held = dispatcher.lock();
        assert!(said(&"of Pl4nted-S3cret").ends_with("(not shown)"));
        drop(held);
        drop(dispatcher);
        assert!(said(&"x").ends_with("(not shown)"));
    }
}
