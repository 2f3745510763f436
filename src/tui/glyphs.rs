//! One table of signs for Unicode terminals, one for ASCII. No sign is written anywhere else.

use ratatui::symbols::border;

/// Signs of one table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glyphs {
    /// Not reached.
    pub waiting: &'static str,
    /// Going on.
    pub running: &'static str,
    /// Done.
    pub done: &'static str,
    /// Done, with a warning.
    pub warned: &'static str,
    /// Failed.
    pub failed: &'static str,
    /// Failed, and the run goes on.
    pub ignored: &'static str,
    /// Did not run.
    pub skipped: &'static str,
    /// Aborted or interrupted.
    pub aborted: &'static str,
    /// Waits for a decision.
    pub question: &'static str,
    /// Breakpoint.
    pub breakpoint: &'static str,
    /// The chosen row.
    pub cursor: &'static str,
    /// Changed a short while ago.
    pub changed: &'static str,
    /// Filled part of a bar.
    pub full: &'static str,
    /// Empty part of a bar.
    pub empty: &'static str,
    /// What stands for a masked character.
    pub mask: &'static str,
    /// What was cut off.
    pub ellipsis: &'static str,
    /// Frame of a panel.
    pub border: border::Set<'static>,
}

/// For terminals that speak UTF-8.
pub const UNICODE: Glyphs = Glyphs {
    waiting: "·",
    running: "▶",
    done: "✓",
    warned: "!",
    failed: "✗",
    ignored: "≈",
    skipped: "-",
    aborted: "■",
    question: "?",
    breakpoint: "●",
    cursor: ">",
    changed: "*",
    full: "█",
    empty: "░",
    mask: "•",
    ellipsis: "…",
    border: border::PLAIN,
};

/// For everything else.
pub const ASCII: Glyphs = Glyphs {
    waiting: ".",
    running: ">",
    done: "+",
    warned: "!",
    failed: "X",
    ignored: "~",
    skipped: "-",
    aborted: "#",
    question: "?",
    breakpoint: "o",
    cursor: ">",
    changed: "*",
    full: "#",
    empty: ".",
    mask: "*",
    ellipsis: "~",
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
};
