//! How frames travel.
pub mod codec;
pub mod unix;
pub use unix::{Endpoint, Listener, Stream, private_folder};
