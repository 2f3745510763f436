//! What the console knows and shows. One enum says what is open; each screen has a struct of its own.

use tui_input::Input;

use crate::event::{Millis, NodeKind, QuestionKind};
use crate::hints::{self, Match};
use crate::protocol::{Refusal, ReplayState, SequenceInfo, StartRun};
use crate::run_state::{RunState, VariableState};

use super::glyphs::{self, Glyphs};
use super::guard::Guard;
use super::theme::Theme;

pub use super::form::{Form, FormField, Purpose};
pub use super::log_view::LogView;
pub use super::offer::Offer;
pub use super::over::{Confirm, Explained, Over, StepCard};

/// How it looks.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// Signs.
    pub glyphs: Glyphs,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            theme: Theme::default(),
            glyphs: glyphs::UNICODE,
        }
    }
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Looks.
    pub look: Look,
    /// What the engine says.
    pub state: RunState,
    /// What is open.
    pub screen: Screen,
    /// Help lies over it.
    pub help: bool,
    /// First line of the help shown.
    pub help_top: usize,
    /// One line for the technician: a refusal, a confirmation.
    pub note: String,
    /// The engine is connected.
    pub connected: bool,
    /// The time, for what counts up.
    pub now: Millis,
    /// A run given on the command line, until it has started.
    pub start: Option<StartRun>,
    /// Number of the next request.
    pub next_request: u64,
    /// The keyboard layout, where known, for password fields.
    pub keyboard: String,
    /// Seconds that local time is ahead of UTC.
    pub utc_offset: i32,
    /// This client's number in the engine.
    pub client: u32,
    /// What is known about the failure that is asked about, best first.
    pub hints: Vec<Match>,
    /// The question they belong to.
    pub hints_for: Option<u32>,
    /// The run was paused for a shell.
    pub paused_for_shell: bool,
    /// A recorded run is shown.
    pub replay: Option<ReplayState>,
    /// What tells orders from noise.
    pub guard: Guard,
    /// When the question was opened that a second key answers.
    pub asked_at: Millis,
    /// Columns and rows of the terminal; nothing that destroys can be answered while they are too few.
    pub size: (u16, u16),
}

impl Model {
    /// Looks for hints when another failure is asked about: once, for it takes a while.
    pub fn look_for_hints(&mut self) {
        let asked = self.state.question.as_ref();
        let id = asked.map(|question| question.id);
        if id == self.hints_for {
            return;
        }
        self.hints_for = id;
        self.hints.clear();
        let Some((QuestionKind::Failed { failure, .. }, Some(node))) =
            asked.map(|question| (&question.kind, question.node))
        else {
            return;
        };
        let kind = match self.state.plan.nodes.get(node.index()).map(|n| &n.kind) {
            Some(NodeKind::Step(kind)) => kind.as_str(),
            _ => "",
        };
        self.hints = hints::best(failure, kind);
    }

    /// Whether this console may never act.
    pub fn only_watches(&self) -> bool {
        let mut attached = self.state.people.attached.iter();
        attached.any(|attached| attached.who.client == self.client && !attached.may_act)
    }

    /// Whether this console holds the pen already.
    pub fn holds_pen(&self) -> bool {
        self.state.people.pen == Some(self.client)
    }

    /// Why nothing can be changed from this console: it only looks on, or another one holds the pen.
    pub fn cannot_act(&self) -> Option<String> {
        if self.only_watches() {
            return Some(Refusal::OnlyWatching.to_string());
        }
        match self.state.people.holder() {
            Some(holder) if holder.who.client != self.client => {
                Some(Refusal::NoPen(holder.who.name.clone()).to_string())
            }
            _ => None,
        }
    }

    /// Whether the screen is large enough to see what would be destroyed.
    pub fn facts_in_sight(&self) -> bool {
        self.size.0 >= CONFIRM_AT_LEAST.0 && self.size.1 >= CONFIRM_AT_LEAST.1
    }
}

/// What is open.
#[derive(Clone, Debug, Default)]
pub enum Screen {
    /// Waiting for the engine.
    #[default]
    Connecting,
    /// Choose a sequence.
    Picker(Picker),
    /// The mistakes of a broken sequence.
    Mistakes(Mistakes),
    /// Fill in the inputs.
    Form(Form),
    /// An interrupted run: what becomes of it?
    Offer(Box<Offer>),
    /// Watch the run (or its summary).
    Run(Box<RunView>),
}

/// Choose a sequence.
#[derive(Clone, Debug, Default)]
pub struct Picker {
    /// All of them.
    pub sequences: Vec<SequenceInfo>,
    /// The list has come.
    pub loaded: bool,
    /// Filter as typed.
    pub filter: Input,
    /// The chosen row among those that pass the filter.
    pub row: usize,
}

impl Picker {
    /// Those that pass the filter.
    pub fn shown(&self) -> Vec<&SequenceInfo> {
        let wanted = self.filter.value().to_lowercase();
        self.sequences
            .iter()
            .filter(|info| {
                [&info.name, &info.description, &info.path]
                    .iter()
                    .any(|text| text.to_lowercase().contains(&wanted))
            })
            .collect()
    }
}

/// The mistakes of a broken sequence.
#[derive(Clone, Debug)]
pub struct Mistakes {
    /// Rendered.
    pub text: String,
    /// First line shown.
    pub top: usize,
    /// To go back to.
    pub back: Picker,
}

/// The panels of the run screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// Groups and steps.
    #[default]
    Steps,
    /// Variables.
    Variables,
    /// Log.
    Log,
}

impl Pane {
    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Steps => Self::Variables,
            Self::Variables => Self::Log,
            Self::Log => Self::Steps,
        }
    }
}

/// What was sent to the engine and may be refused.
#[derive(Clone, Debug)]
pub enum Sent {
    /// A form: nothing is typed twice.
    Form(Box<Form>),
    /// The answer to the open question: it is asked still.
    Answer,
}

/// The run screen.
#[derive(Clone, Debug, Default)]
pub struct RunView {
    /// The panel that has the keys.
    pub pane: Pane,
    /// The chosen step; none follows the run.
    pub step: Option<usize>,
    /// The chosen variable's row.
    pub variable_row: usize,
    /// Filter over variables.
    pub variable_filter: Input,
    /// The log.
    pub log: LogView,
    /// What lies over the panels.
    pub over: Over,
    /// The question that was put aside: what is closed over the panels goes back to them, not to it.
    pub aside: Option<u32>,
    /// The question that was asked last, and the first line of it shown.
    pub asked: Option<u32>,
    /// See [`RunView::asked`].
    pub question_top: usize,
    /// The screen's size at which the open question was read to its end.
    pub read: Option<(u16, u16)>,
    /// What was sent under this number: it comes back when the engine refuses.
    pub sent: Option<(u64, Sent)>,
    /// The end of the run was seen.
    pub ended: bool,
}

impl RunView {
    /// Variables that pass the filter: those of the sequence first, the engine's own (`_...`) behind them.
    pub fn variables<'a>(&self, state: &'a RunState) -> Vec<&'a VariableState> {
        let wanted = self.variable_filter.value().to_lowercase();
        let mut chosen: Vec<_> = state
            .variables
            .iter()
            .filter(|(key, _)| key.contains(&wanted))
            .collect();
        chosen.sort_by_key(|(key, _)| (key.starts_with('_'), key.as_str()));
        chosen.into_iter().map(|(_, variable)| variable).collect()
    }

    /// The chosen variable.
    pub fn variable<'a>(&self, state: &'a RunState) -> Option<&'a VariableState> {
        let all = self.variables(state);
        all.get(self.variable_row.min(all.len().saturating_sub(1)))
            .copied()
    }

    /// Puts the open question aside, so that the run can be looked at.
    pub fn put_aside(&mut self, state: &RunState) {
        self.aside = state.question.as_ref().map(|question| question.id);
        self.uncover(state);
    }

    /// What lay over the panels is gone: back to the open question, or to the panels when it was put aside.
    pub fn uncover(&mut self, state: &RunState) {
        self.over = match &state.question {
            Some(question) if self.aside == Some(question.id) => Over::Aside(question.id),
            _ => Over::Nothing,
        };
    }

    /// Whether the open question covers the panels.
    pub fn shows_question(&self) -> bool {
        matches!(
            self.over,
            Over::Nothing | Over::Word(..) | Over::Preflight { .. }
        )
    }
}

/// Smallest screen on which a disk's facts can be seen, and so be confirmed: columns and rows.
pub const CONFIRM_AT_LEAST: (u16, u16) = (40, 12);
