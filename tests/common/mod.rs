//! What several test programs need: a run of a document on a machine without disks.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod system;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wimforge::engine::boots::RunEnding;
use wimforge::engine::dispatcher::Dispatcher;
use wimforge::engine::journal;
use wimforge::engine::run_folder::RunFolder;
use wimforge::engine::start::{self, EngineOptions, RunThread};
use wimforge::engine::waiting::Grants;
use wimforge::event::{Event, RunOutcome, Who};
use wimforge::platform::fake::DisklessMachine;
use wimforge::protocol::StartRun;
use wimforge::run_state::RunState;

/// A folder with a document and the engine that runs it.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub dispatcher: Arc<Dispatcher>,
    pub options: EngineOptions,
}

/// Steps inside a sequence: `document("steps...")`.
pub fn document(steps: &str) -> String {
    format!("Sequence(schema: 1, name: \"Test\", steps: [{steps}])")
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions {
            state: folder.path().join("state"),
            disks: Vec::new(),
            allow_real_disks: false,
            uefi: None,
            machine: Arc::new(|| Ok(Arc::new(DisklessMachine::default()))),
        };
        Self {
            folder,
            dispatcher: Arc::new(Dispatcher::default()),
            options,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn request(&self, text: &str) -> StartRun {
        let path = self.path("sequence.ron");
        std::fs::write(&path, text).unwrap();
        StartRun {
            sequence: path.display().to_string(),
            unattended: true,
            ..StartRun::default()
        }
    }

    pub fn start(&self, request: StartRun) -> RunThread {
        match start::start(&self.dispatcher, &self.options, request) {
            Ok(thread) => thread,
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs a document to its end, unattended.
    pub fn run(&self, text: &str) -> Finished {
        let thread = self.start(self.request(text));
        self.finished(thread)
    }

    pub fn finished(&self, thread: RunThread) -> Finished {
        let ending = thread.join().unwrap();
        let folder = PathBuf::from(self.dispatcher.state().folder);
        self.read(ending, &folder)
    }

    fn read(&self, ending: RunEnding, folder: &Path) -> Finished {
        let state = self.dispatcher.state();
        Finished {
            ending,
            state,
            events: recorded(&RunFolder::at(folder).journal()),
        }
    }

    pub fn resume(&self, folder: &Path) -> Finished {
        let grants = Grants {
            unattended: true,
            ..Grants::default()
        };
        let thread = start::resume(
            &self.dispatcher,
            &self.options,
            RunFolder::at(folder),
            Vec::new(),
            grants,
        );
        match thread {
            Ok(thread) => self.read(thread.join().unwrap(), folder),
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until the state is as wanted.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&RunState) -> bool) -> RunState {
        let started = Instant::now();
        loop {
            let state = self.dispatcher.state();
            if wanted(&state) {
                return state;
            }
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "waited in vain for {what}: {state:#?}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Every event of a journal.
pub fn recorded(path: &Path) -> Vec<Event> {
    let mut events = Vec::new();
    journal::read(path, &mut |event| events.push(event)).unwrap();
    events
}

/// For clients in a test that is no async function.
pub fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

pub fn who() -> Who {
    Who {
        client: 7,
        name: "test".to_owned(),
    }
}

/// A run that ended.
pub struct Finished {
    pub ending: RunEnding,
    pub state: RunState,
    pub events: Vec<Event>,
}

impl Finished {
    pub fn outcome(&self) -> RunOutcome {
        match self.ending {
            RunEnding::Finished(outcome) => outcome,
            RunEnding::Interrupted => panic!("interrupted"),
        }
    }

    /// Each step's name and how it ended, in one word.
    pub fn steps(&self) -> Vec<(String, &'static str)> {
        self.state
            .plan
            .nodes
            .iter()
            .zip(&self.state.nodes)
            .map(|(planned, node)| (planned.name.clone(), node.status.word()))
            .collect()
    }

    pub fn word(&self, name: &str) -> &'static str {
        self.steps()
            .into_iter()
            .find(|(other, _)| other == name)
            .unwrap_or_else(|| panic!("no node {name}"))
            .1
    }

    pub fn variable(&self, name: &str) -> Option<String> {
        use wimforge::event::Shown;
        match &self.state.variables.get(&name.to_lowercase())?.value {
            Shown::Plain(text) => Some(text.clone()),
            Shown::Masked => Some("(masked)".to_owned()),
        }
    }
}
