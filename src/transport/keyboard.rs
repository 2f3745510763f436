//! What is typed, as bytes: read as soon as it is there, whatever else this program does.
//!
//! A thread of its own waits for standard input and takes all that is there. How the bytes came apart is kept: a pause
//! after an escape character is what tells the key Esc from the beginning of another key.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// Nothing more of a key comes after this long: a key sends its bytes at once, and the slowest line needs 20 ms for them.
pub const PAUSE: Duration = Duration::from_millis(25);

/// Chunks read ahead of the consumer; then the terminal's own buffer holds the rest.
const AHEAD: usize = 64;

/// Bytes taken at once.
#[cfg(unix)]
const AT_ONCE: usize = 16 * 1024;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// Bytes, and when they were read.
    Bytes(Vec<u8>, Instant),
    /// Nothing for [`PAUSE`] after the last bytes.
    Pause,
    /// The terminal is gone; nothing follows.
    Gone,
}

/// The keyboard behind standard input.
pub struct Keyboard {
    sender: mpsc::Sender<Came>,
    came: mpsc::Receiver<Came>,
    reader: Option<Reader>,
}

struct Reader {
    thread: JoinHandle<()>,
    stop: Stop,
}

impl Keyboard {
    /// Begins to read.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> std::io::Result<Self> {
        let (sender, came) = mpsc::channel(AHEAD);
        let mut keyboard = Self {
            sender,
            came,
            reader: None,
        };
        keyboard.go_on()?;
        Ok(keyboard)
    }

    /// The next thing. Safe in `select!`.
    pub async fn next(&mut self) -> Came {
        self.came.recv().await.unwrap_or(Came::Gone)
    }

    /// What has come already.
    pub fn try_next(&mut self) -> Option<Came> {
        self.came.try_recv().ok()
    }

    /// Leaves the keyboard to another program; what was read before stays here.
    pub fn rest(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.stop.stop();
            // A reader that waits for room would never see the request to stop: what it holds was typed before.
            while !reader.thread.is_finished() {
                if self.sender.capacity() == 0 {
                    let _ = self.came.try_recv();
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            let _ = reader.thread.join();
        }
    }

    /// Reads again.
    ///
    /// # Errors
    /// The system's.
    pub fn go_on(&mut self) -> std::io::Result<()> {
        if self.reader.is_none() {
            self.reader = Some(start(self.sender.clone())?);
        }
        Ok(())
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        if let Some(reader) = &self.reader {
            reader.stop.stop();
        }
    }
}

#[cfg(unix)]
struct Stop(std::os::fd::OwnedFd);

#[cfg(unix)]
impl Stop {
    fn stop(&self) {
        let _ = nix::unistd::write(&self.0, &[1]);
    }
}

#[cfg(unix)]
fn start(sender: mpsc::Sender<Came>) -> std::io::Result<Reader> {
    use std::os::fd::AsFd as _;
    let (told, stop) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    let thread = std::thread::Builder::new()
        .name("keyboard".to_owned())
        .spawn(move || {
            if read(&input, &told, &sender) == Ended::TerminalGone {
                let _ = sender.blocking_send(Came::Gone);
            }
        })?;
    let stop = Stop(stop);
    Ok(Reader { thread, stop })
}

/// Why no more is read.
#[cfg(unix)]
#[derive(PartialEq, Eq)]
enum Ended {
    Told,
    TerminalGone,
}

/// Reads until it is told to stop, the terminal is gone or nobody wants it any more.
#[cfg(unix)]
fn read(
    input: &std::os::fd::OwnedFd,
    told: &std::os::fd::OwnedFd,
    sender: &mpsc::Sender<Came>,
) -> Ended {
    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd as _;
    let mut buffer = vec![0; AT_ONCE];
    // The reader before this one may have ended between the last byte and its pause.
    let mut fresh = true;
    loop {
        let patience = if fresh {
            PollTimeout::try_from(PAUSE).unwrap_or(PollTimeout::NONE)
        } else {
            PollTimeout::NONE
        };
        let mut wanted = [
            PollFd::new(input.as_fd(), PollFlags::POLLIN),
            PollFd::new(told.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut wanted, patience) {
            Ok(0) => {
                fresh = false;
                if sender.blocking_send(Came::Pause).is_err() {
                    return Ended::Told;
                }
                continue;
            }
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return Ended::TerminalGone,
        }
        if wanted[1].any().unwrap_or(true) {
            return Ended::Told;
        }
        match nix::unistd::read(input, &mut buffer) {
            Ok(0) => return Ended::TerminalGone,
            Ok(count) => {
                fresh = true;
                let came = Came::Bytes(buffer[..count].to_vec(), Instant::now());
                if sender.blocking_send(came).is_err() {
                    return Ended::Told;
                }
            }
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(_) => return Ended::TerminalGone,
        }
    }
}

#[cfg(not(unix))]
struct Stop;

#[cfg(not(unix))]
impl Stop {
    fn stop(&self) {}
}

/// See the Unix form; this one cannot stop in the middle of a read.
#[cfg(not(unix))]
fn start(sender: mpsc::Sender<Came>) -> std::io::Result<Reader> {
    use std::io::Read as _;
    let thread = std::thread::Builder::new()
        .name("keyboard".to_owned())
        .spawn(move || {
            let mut buffer = vec![0; 1024];
            while let Ok(count @ 1..) = std::io::stdin().read(&mut buffer) {
                let came = Came::Bytes(buffer[..count].to_vec(), Instant::now());
                if sender.blocking_send(came).is_err() || sender.blocking_send(Came::Pause).is_err()
                {
                    return;
                }
            }
            let _ = sender.blocking_send(Came::Gone);
        })?;
    Ok(Reader { thread, stop: Stop })
}
