//! How frames travel between engine and clients: [`codec`] is the frame, [`unix`] the socket. A named pipe for Windows will
//! stand beside it.

pub mod codec;
pub mod interrupts;
#[cfg(unix)]
pub mod unix;

pub use interrupts::Interrupts;
#[cfg(unix)]
pub use unix::{Endpoint, Listener, Stream, private_folder, runtime_folder};
