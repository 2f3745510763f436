//! The loop: terminal and engine in, frames and requests out. Draws only what changed, not more often than the line allows.

use std::collections::VecDeque;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::glyphs;
use super::input::{Input, Parser};
use super::model::{Look, Model, Screen as Open};
use super::msg::{Effect, Msg};
use super::offer::{Choice, Offer};
use super::shell;
use super::terminal::{Abilities, Screen, keyboard_layout};
use super::theme::{Theme, ThemeError};
use super::update::{initial, update};
use super::view;
use crate::client::{Client, ClientError, Incoming, Manner, Receiver, Sender};
use crate::event::{Millis, RunOutcome};
use crate::protocol::{Refusal, Reply, StartRun};
use crate::transport::keyboard::{Came, Keyboard};
use crate::transport::line::{TerminalState, hang_up, terminal_is_gone};
use crate::transport::{Endpoint, Interrupts, WindowChanges};

/// How long a just started engine may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the clock is drawn while a step works, and while a person is waited for: the line rests then.
const SECOND: Duration = Duration::from_secs(1);
const WAITING: Duration = Duration::from_secs(10);
/// How often a lost engine is looked for.
const AGAIN: Duration = Duration::from_millis(500);

/// How the console is started.
#[derive(Clone, Debug)]
pub struct ConsoleOptions {
    /// The engine.
    pub endpoint: Endpoint,
    /// Theme by name or file.
    pub theme: Option<String>,
    /// ASCII signs only.
    pub ascii: bool,
    /// A run to be started; its missing inputs are asked for.
    pub start: Option<StartRun>,
    /// Looks on and never acts.
    pub only_watch: bool,
    /// An interrupted run, offered before any engine is looked for.
    pub offer: Option<Offer>,
}

/// How the console was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleEnd {
    /// The run goes on.
    Detached,
    /// There was no run.
    Left,
    /// What is to become of the run that was offered.
    Chosen(Choice),
    /// The run has ended.
    RunEnded(RunOutcome),
    /// The engine died in the middle of the run.
    Interrupted,
}

/// Why the console could not be shown.
#[derive(Debug, Error)]
pub enum TuiError {
    /// No engine, or it refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A bad theme.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// No terminal.
    #[error("the console needs a terminal ({0}); use --plain where there is none")]
    Terminal(#[from] std::io::Error),
}

/// Shows the console until it is left.
///
/// # Errors
/// See [`TuiError`].
pub async fn run(options: ConsoleOptions) -> Result<ConsoleEnd, TuiError> {
    let abilities = Abilities::find();
    let theme = match &options.theme {
        Some(name) => Theme::load(name)?,
        None if abilities.colour => Theme::load("default")?,
        None => Theme::load("monochrome")?,
    };
    let glyphs = if options.ascii || !abilities.unicode {
        glyphs::ASCII
    } else {
        glyphs::UNICODE
    };
    let offered = options.offer.is_some();
    let model = initial(Model {
        look: Look { theme, glyphs },
        start: options.start.clone(),
        screen: match options.offer {
            Some(offer) => Open::Offer(Box::new(offer)),
            None => Open::default(),
        },
        keyboard: keyboard_layout(),
        utc_offset: jiff::Zoned::now().offset().seconds(),
        ..Model::default()
    });
    let mut screen = Screen::take(abilities.synchronized)?;
    let model = Model {
        size: screen.size(),
        ..model
    };

    let mut console = Console {
        model,
        chosen: None,
        keyboard: None,
        parser: Parser::default(),
        typed: None,
        endpoint: options.endpoint,
        only_watch: options.only_watch,
        frame: abilities.frame,
        sender: None,
        receiver: None,
        heard: (Instant::now(), 0),
        connecting: None,
        retry: Instant::now(),
        dirty: true,
        quit: false,
    };
    // The first frame is there before the engine is.
    console.draw(&mut screen)?;
    if !offered {
        console.connect(PATIENCE);
    }
    let mut screen = Some(screen);
    console
        .main_loop(&mut screen, abilities.synchronized)
        .await?;
    drop(screen);
    if let Some(choice) = console.chosen {
        return Ok(ConsoleEnd::Chosen(choice));
    }
    Ok(match &console.model.state.end {
        Some(end) => ConsoleEnd::RunEnded(end.outcome),
        None if console.model.state.has_run() && !console.model.connected => {
            ConsoleEnd::Interrupted
        }
        None if console.model.state.has_run() => ConsoleEnd::Detached,
        None => ConsoleEnd::Left,
    })
}

struct Console {
    model: Model,
    endpoint: Endpoint,
    only_watch: bool,
    frame: Duration,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    /// The latest time the engine told, and when that was: its clock counts, whatever happens to the machine's.
    heard: (Instant, Millis),
    /// On its way beside the loop: an engine that does not answer must not keep keys and signals waiting.
    connecting: Option<JoinHandle<Result<Client, ClientError>>>,
    /// When the engine is looked for again.
    retry: Instant,
    chosen: Option<Choice>,
    /// What is typed; none while another program has the terminal.
    keyboard: Option<Keyboard>,
    parser: Parser,
    /// When something was typed last.
    typed: Option<std::time::Instant>,
    dirty: bool,
    quit: bool,
}

/// The beginning of the time that the guard is told.
fn began() -> std::time::Instant {
    static BEGAN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    *BEGAN.get_or_init(std::time::Instant::now)
}

/// A moment as the guard is told of it.
fn told(at: std::time::Instant) -> Millis {
    Millis::try_from(at.saturating_duration_since(began()).as_millis()).unwrap_or(Millis::MAX)
}

enum Woke {
    Connected(Result<Client, ClientError>),
    Terminal(Came),
    Resized,
    Engine(Option<Incoming>),
    Time,
    Ended,
}

impl Console {
    fn connect(&mut self, patience: Duration) {
        let name = match std::fs::read_link("/proc/self/fd/0") {
            Ok(path) => format!("console on {}", path.display()),
            Err(_) => "console".to_owned(),
        };
        let manner = Manner::console(self.model.size, self.only_watch);
        let endpoint = self.endpoint.clone();
        self.connecting = Some(tokio::spawn(async move {
            Client::connect_patiently(&endpoint, &name, &manner, patience).await
        }));
    }

    /// The engine answered, or did not: the first time that ends the console.
    fn connected(&mut self, client: Result<Client, ClientError>) -> Result<Vec<Effect>, TuiError> {
        self.connecting = None;
        self.retry = Instant::now() + AGAIN;
        let client = match client {
            Ok(client) => client,
            Err(error) if matches!(self.model.screen, Open::Connecting) => return Err(error.into()),
            Err(_) => return Ok(Vec::new()),
        };
        self.model.client = client.hello().client;
        let (sender, receiver) = client.split();
        self.sender = Some(sender);
        self.receiver = Some(receiver);
        Ok(self.update(Msg::Connected))
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        self.dirty = true;
        let effects = update(&mut self.model, msg);
        if self.model.state.now != self.heard.1 {
            self.heard = (Instant::now(), self.model.state.now);
        }
        effects
    }

    fn draw(&mut self, screen: &mut Screen) -> std::io::Result<()> {
        self.dirty = false;
        self.model.size = screen.size();
        let model = &self.model;
        screen.draw(|frame| view::draw(model, frame))
    }

    /// Seconds count up on the screen only while something runs.
    fn shows_time(&self) -> bool {
        matches!(self.model.screen, Open::Run(_))
            && self.model.state.end.is_none()
            && self.model.connected
    }

    /// How often.
    fn tick(&self) -> Duration {
        let state = &self.model.state;
        if state.question.is_some() || state.paused {
            WAITING
        } else {
            SECOND
        }
    }

    async fn main_loop(
        &mut self,
        screen: &mut Option<Screen>,
        synchronized: bool,
    ) -> Result<(), TuiError> {
        began();
        self.keyboard = Some(Keyboard::new()?);
        let mut window = WindowChanges::new()?;
        let mut interrupts = Interrupts::new()?.with_hang_up()?;
        let mut drawn = Instant::now();
        let mut second = Instant::now();
        while !self.quit {
            let due = drawn + self.frame;
            let mut wake = second + self.tick();
            if self.dirty {
                wake = wake.min(due);
            }
            let lost = self.is_lost();
            if lost {
                wake = wake.min(self.retry);
            }
            let due_order = self.model.guard.due();
            if let Some(at) = due_order {
                let left = u64::try_from(at - told(std::time::Instant::now())).unwrap_or(0);
                wake = wake.min(Instant::now() + Duration::from_millis(left + 1));
            }
            let timed = self.dirty || self.shows_time() || lost || due_order.is_some();
            let happened = tokio::select! {
                client = answered(&mut self.connecting) => Woke::Connected(client),
                came = typed(&mut self.keyboard) => Woke::Terminal(came),
                () = window.next() => Woke::Resized,
                incoming = next(&mut self.receiver) => Woke::Engine(incoming),
                () = interrupts.next() => Woke::Ended,
                () = tokio::time::sleep_until(wake), if timed => Woke::Time,
            };
            let effects = match happened {
                Woke::Ended | Woke::Terminal(Came::Gone) => return Ok(()),
                Woke::Terminal(came) => self.typed(came),
                Woke::Resized => self.resized(screen)?,
                Woke::Engine(Some(Incoming::Push(push))) => self.update(Msg::Push(push)),
                Woke::Engine(Some(Incoming::Reply(id, reply))) => {
                    self.update(Msg::Reply(id, reply))
                }
                Woke::Engine(Some(Incoming::Lost(why))) => self.lost(&why),
                Woke::Engine(None) => self.lost("it ended"),
                Woke::Connected(client) => self.connected(client)?,
                Woke::Time => self.time_passed(&mut second),
            };
            let mut effects = VecDeque::from(effects);
            while let Some(effect) = effects.pop_front() {
                if let Effect::Shell(variables) = effect {
                    // Nothing may read the keyboard beside the shell.
                    if let Some(keyboard) = &mut self.keyboard {
                        keyboard.rest();
                    }
                    let more = self
                        .shell(&variables, screen, &mut interrupts, synchronized)
                        .await?;
                    effects.extend(more);
                    if let Some(keyboard) = &mut self.keyboard {
                        keyboard.go_on()?;
                    }
                } else {
                    effects.extend(self.perform(effect, screen).await?);
                }
            }
            if self.dirty && Instant::now() >= due {
                if let Some(screen) = screen {
                    self.draw(screen)?;
                }
                drawn = Instant::now();
            }
        }
        Ok(())
    }

    /// Takes what was typed, with the time at which it was.
    fn typed(&mut self, came: Came) -> Vec<Effect> {
        let (mut effects, inputs) = match came {
            Came::Bytes(bytes, at) => {
                let before = self.typed.replace(at);
                let gap = before.map_or(Duration::ZERO, |before| {
                    at.saturating_duration_since(before)
                });
                let effects = self.update(Msg::Clock(told(at)));
                (effects, self.parser.bytes(&bytes, gap))
            }
            Came::Pause => (Vec::new(), self.parser.pause()),
            Came::Gone => {
                self.quit = true;
                return Vec::new();
            }
        };
        for input in inputs {
            effects.extend(self.update(match input {
                Input::Key(key) => Msg::Key(key),
                Input::Paste(text) => Msg::Paste(text),
                Input::Noise => Msg::Noise,
            }));
        }
        effects
    }

    /// The window has another size. A line without one is asked for it, and the answer comes as if it was typed.
    fn resized(&mut self, screen: &mut Option<Screen>) -> Result<Vec<Effect>, TuiError> {
        let Some(screen) = screen else {
            return Ok(Vec::new());
        };
        if let Some(keyboard) = &mut self.keyboard {
            keyboard.rest();
        }
        let redrawn = screen.redraw();
        if let Some(keyboard) = &mut self.keyboard {
            keyboard.go_on()?;
        }
        redrawn?;
        self.dirty = true;
        let (columns, rows) = screen.size();
        Ok(self.update(Msg::Resize(columns, rows)))
    }

    fn is_lost(&self) -> bool {
        // An interrupted run is offered without an engine.
        let offers = matches!(self.model.screen, Open::Offer(_));
        self.receiver.is_none() && self.connecting.is_none() && !offers
    }

    fn time_passed(&mut self, second: &mut Instant) -> Vec<Effect> {
        let now = Instant::now();
        if self.is_lost() && now >= self.retry {
            self.connect(Duration::ZERO);
        }
        let mut effects = Vec::new();
        if self.model.guard.due().is_some() {
            // What was typed before this moment is judged before it, however long a slow line took to draw.
            while let Some(came) = self.keyboard.as_mut().and_then(Keyboard::try_next) {
                effects.extend(self.typed(came));
            }
            let dirty = self.dirty;
            let more = self.update(Msg::Clock(told(std::time::Instant::now())));
            self.dirty = dirty || !more.is_empty();
            effects.extend(more);
        }
        if now < *second + self.tick() {
            return effects;
        }
        *second = now;
        if self.shows_time() {
            let gone = Millis::try_from(self.heard.0.elapsed().as_millis()).unwrap_or(0);
            effects.extend(self.update(Msg::Tick(self.heard.1.saturating_add(gone))));
        }
        effects
    }

    fn lost(&mut self, why: &str) -> Vec<Effect> {
        self.sender = None;
        self.receiver = None;
        self.update(Msg::Lost(format!(
            "{why}; if the engine died, `wimforge resume` goes on"
        )))
    }

    async fn perform(
        &mut self,
        effect: Effect,
        screen: &mut Option<Screen>,
    ) -> Result<Vec<Effect>, TuiError> {
        match effect {
            Effect::Send(id, request) => {
                let sent = match &mut self.sender {
                    Some(sender) => sender.send(id, request).await.is_ok(),
                    None => false,
                };
                if !sent {
                    let why = Refusal::NotNow("the engine is not connected".to_owned());
                    return Ok(self.update(Msg::Reply(id, Reply::Refused(why))));
                }
            }
            Effect::Redraw => return self.resized(screen),
            Effect::Chosen(choice) => {
                self.chosen = Some(choice);
                self.quit = true;
            }
            Effect::Quit => self.quit = true,
            Effect::Shell(_) => {}
        }
        Ok(Vec::new())
    }

    /// The terminal went away with the shell in it.
    fn leave(&mut self, shell: u32) -> Vec<Effect> {
        hang_up(shell);
        self.quit = true;
        Vec::new()
    }

    /// Steps aside for a shell and comes back whole, whatever the shell left behind; ends with the terminal.
    async fn shell(
        &mut self,
        variables: &[(String, String)],
        screen: &mut Option<Screen>,
        interrupts: &mut Interrupts,
        synchronized: bool,
    ) -> Result<Vec<Effect>, TuiError> {
        if let Some(taken) = screen.take() {
            taken.give_back();
        }
        let before = TerminalState::save();
        let trouble = match shell::start(variables) {
            Err(why) => Some(why),
            Ok(shell) => {
                let pid = shell.id();
                tokio::select! {
                    () = shell::ended(shell) => None,
                    () = interrupts.next_but_ctrl_c() => return Ok(self.leave(pid)),
                    () = terminal_gone() => return Ok(self.leave(pid)),
                }
            }
        };
        before.restore();
        let taken = Screen::take(synchronized)?;
        let (columns, rows) = taken.size();
        *screen = Some(taken);
        let mut effects = self.update(Msg::Resize(columns, rows));
        effects.extend(self.update(Msg::ShellEnded(trouble)));
        Ok(effects)
    }
}

async fn next(receiver: &mut Option<Receiver>) -> Option<Incoming> {
    match receiver {
        Some(receiver) => receiver.next().await,
        None => std::future::pending().await,
    }
}

async fn typed(keyboard: &mut Option<Keyboard>) -> Came {
    match keyboard {
        Some(keyboard) => keyboard.next().await,
        None => std::future::pending().await,
    }
}

async fn terminal_gone() {
    while !terminal_is_gone() {
        tokio::time::sleep(AGAIN).await;
    }
}

async fn answered(
    connecting: &mut Option<JoinHandle<Result<Client, ClientError>>>,
) -> Result<Client, ClientError> {
    match connecting {
        Some(task) => task
            .await
            .unwrap_or_else(|error| Err(ClientError::Lost(error.to_string()))),
        None => std::future::pending().await,
    }
}
