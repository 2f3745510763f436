//! The terminal: taken over whole, always given back. Size logic and frame rate for slow lines.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute, queue};
use ratatui::layout::Rect;

/// What is drawn on when nobody knows the size.
const FALLBACK: (u16, u16) = (80, 24);

/// Whether the terminal is ours now; the panic hook gives it back only then.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What is to be written, gathered until [`Output::send`]: a frame goes out in one write, and a frame broken off by a panic
/// never. Flushes from within are ignored on purpose: drawing flushes several times a frame.
#[derive(Clone, Debug, Default)]
struct Output(Rc<RefCell<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn send(&self) -> io::Result<()> {
        let mut waiting = self.0.borrow_mut();
        let mut out = io::stdout().lock();
        out.write_all(&waiting)?;
        out.flush()?;
        waiting.clear();
        Ok(())
    }
}

/// The terminal, taken over. Given back on drop.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Output>>,
    output: Output,
    synchronized: bool,
    size: (u16, u16),
}

/// What the terminal is known to be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Shows colours.
    pub colour: bool,
    /// Shows more than ASCII.
    pub unicode: bool,
    /// Knows synchronized updates.
    pub synchronized: bool,
    /// Least time between two frames, from the line's speed.
    pub frame: Duration,
}

impl Abilities {
    /// By environment and line.
    pub fn find() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let term = variable("TERM");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .map(|name| variable(name))
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_lowercase();
        let plain = matches!(term.as_str(), "" | "dumb") || term.starts_with("vt");
        Self {
            colour: !plain && variable("NO_COLOR").is_empty(),
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
            // A terminal that does not know the sequence ignores it, but old serial ones print it.
            synchronized: !plain && term != "linux",
            frame: match crate::transport::line_speed() {
                // Up to 38400 baud a frame of changes takes a noticeable time: few of them.
                Some(baud) if baud <= 38_400 => Duration::from_millis(500),
                Some(baud) if baud <= 115_200 => Duration::from_millis(200),
                _ => Duration::from_millis(33),
            },
        }
    }
}

fn restore() {
    if TAKEN.swap(false, Ordering::AcqRel) {
        let mut out = io::stdout();
        let _ = execute!(
            out,
            DisableBracketedPaste,
            cursor::Show,
            LeaveAlternateScreen
        );
        let _ = disable_raw_mode();
    }
}

/// Restores the terminal before a panic's message is printed.
fn install_panic_hook() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
    });
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// There is none, or it does not let itself be set up.
    pub fn take(synchronized: bool) -> io::Result<Self> {
        install_panic_hook();
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::Release);
        let taken = Self::set_up(synchronized);
        if taken.is_err() {
            restore();
        }
        taken
    }

    fn set_up(synchronized: bool) -> io::Result<Self> {
        // The size is asked for before the alternate screen, with raw mode on, so that no answer is echoed.
        let size = size();
        let mut out = Output::default();
        queue!(
            out,
            EnterAlternateScreen,
            EnableBracketedPaste,
            cursor::Hide
        )?;
        let terminal = blank(&out, size)?;
        out.send()?;
        Ok(Self {
            output: out,
            terminal,
            synchronized,
            size,
        })
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Draws what changed since the last frame.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        if self.synchronized {
            queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        }
        self.terminal.draw(draw)?;
        if self.synchronized {
            queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        }
        self.output.send()
    }

    /// Uses another size and draws everything anew.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn resize(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        self.size = if columns == 0 || rows == 0 {
            size()
        } else {
            (columns, rows)
        };
        self.terminal = blank(&self.output, self.size)?;
        Ok(())
    }

    /// Asks for the size again and draws everything anew.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn redraw(&mut self) -> io::Result<()> {
        let (columns, rows) = size();
        self.resize(columns, rows)
    }

    /// Gives the terminal back for a while; [`Screen::take`] takes it again.
    pub fn give_back(self) {
        drop(self);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// A terminal on a cleared screen. Made anew for every size: ratatui's own way to clear asks the terminal for the cursor's
/// place and fails where nobody answers, as on some serial lines.
fn blank(output: &Output, size: (u16, u16)) -> io::Result<Terminal<CrosstermBackend<Output>>> {
    queue!(output.clone(), Clear(ClearType::All))?;
    let options = ratatui::TerminalOptions {
        viewport: ratatui::Viewport::Fixed(Rect::new(0, 0, size.0, size.1)),
    };
    Terminal::with_options(CrosstermBackend::new(output.clone()), options)
}

/// Columns and rows: what the kernel says, else what the terminal itself says, else 80x24. A serial line's kernel size is
/// 0x0 and is reported as success, so a zero is no answer.
fn size() -> (u16, u16) {
    match ratatui::crossterm::terminal::size() {
        Ok((columns, rows)) if columns > 0 && rows > 0 => (columns, rows),
        _ => crate::transport::ask_terminal_size(Duration::from_millis(100)).unwrap_or(FALLBACK),
    }
}

/// The keyboard layout, where it is written down.
pub fn keyboard_layout() -> String {
    crate::regular::read_to_string(Path::new("/etc/default/keyboard"))
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("XKBLAYOUT="))
        .map(|layout| layout.trim_matches('"').to_owned())
        .filter(|layout| !layout.is_empty())
        .map(|layout| format!("keyboard layout {layout}"))
        .unwrap_or_default()
}
