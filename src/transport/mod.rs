//! How frames travel between engine and clients: [`codec`] is the frame, [`unix`] the socket, [`interrupts`] and [`mod@line`] what else a
//! client asks of the system. A named pipe for Windows will
//! stand beside it.

pub mod codec;
pub mod interrupts;
pub mod keyboard;
pub mod line;
#[cfg(unix)]
pub mod unix;

pub use interrupts::{Interrupts, WindowChanges};
pub use line::{ask_terminal_size, line_speed};
#[cfg(unix)]
pub use unix::{Endpoint, Listener, Stream, private_folder, runtime_folder};
