//! A run that a technician works with, and the one that another engine makes of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wimforge::engine::run_folder::RunFolder;
use wimforge::engine::start::{self, RunThread};
use wimforge::engine::waiting::Grants;
use wimforge::event::{Event, EventBody, NodeId, QuestionKind};
use wimforge::platform::Machine;
use wimforge::protocol::{Refusal, Reply, Request, StartRun};
use wimforge::run_state::{RunState, Status};

use crate::common::{Bench, Finished, document, recorded, who};

pub fn ok(name: &str) -> String {
    step(name, "")
}

/// A step that succeeds at once.
pub fn step(name: &str, more: &str) -> String {
    format!(
        "Step(name: \"{name}\", {more} action: SetVariable(variable: \"Ran-{name}\", value: \"yes\")),"
    )
}

/// A step that takes its time.
pub fn slow(name: &str, millis: u32) -> String {
    format!("Step(name: \"{name}\", simulate: Succeed({millis}), action: Pause(message: \"x\")),")
}

pub fn failing(name: &str, more: &str) -> String {
    format!(
        "Step(name: \"{name}\", {more} simulate: Fail(5, \"no\"), action: Pause(message: \"x\")),"
    )
}

pub fn group(name: &str, more: &str, steps: &str) -> String {
    format!("Group(name: \"{name}\", {more} steps: [{steps}]),")
}

pub fn command(name: &str, command: &str, more: &str) -> String {
    format!(
        "Step(name: \"{name}\", {more} action: RunCommandLine(command: \"{command}\", shell: true)),"
    )
}

/// Restarts the lab's machine.
pub const RESTART: &str = "Step(name: \"restart\", action: SetVariable(variable: \"SMSTSRebootRequested\", value: \"WinPE\")),";

/// See the module.
pub struct Live {
    pub bench: Bench,
    folder: PathBuf,
    thread: Option<RunThread>,
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            for _ in 0..2 {
                self.ask(Request::Cancel { kill: true });
            }
            let _ = thread.join();
        }
    }
}

impl Live {
    /// A run with a technician.
    pub fn attended(steps: &str) -> Self {
        Self::with(steps, |request| request.unattended = false)
    }

    /// A run without, held before its first step by `TSDebugMode`.
    pub fn debugged(steps: &str) -> Self {
        let live = Self::with(steps, |request| {
            request.set.push(("TSDebugMode".into(), "TRUE".into()));
        });
        live.wait("the debugger", |state| state.paused);
        live
    }

    pub fn with(steps: &str, change: impl FnOnce(&mut StartRun)) -> Self {
        Self::of(Bench::new(), &document(steps), change)
    }

    /// On another machine.
    pub fn on<M: Machine + 'static>(
        machine: M,
        steps: &str,
        change: impl FnOnce(&mut StartRun),
    ) -> Self {
        let mut bench = Bench::new();
        let machine: Arc<dyn Machine> = Arc::new(machine);
        bench.options.machine = Arc::new(move || Ok(Arc::clone(&machine)));
        Self::of(bench, &document(steps), change)
    }

    /// A whole document.
    pub fn of(bench: Bench, text: &str, change: impl FnOnce(&mut StartRun)) -> Self {
        let mut request = bench.request(text);
        change(&mut request);
        let thread = Some(bench.start(request));
        let folder = PathBuf::from(bench.dispatcher.state().folder);
        Self {
            bench,
            folder,
            thread,
        }
    }

    pub fn ask(&self, request: Request) -> Reply {
        self.bench.dispatcher.request(&who(), request)
    }

    /// Asks for what must be done.
    pub fn must(&self, request: Request) {
        let said = format!("{request:?}");
        assert_eq!(self.ask(request), Reply::Accepted, "{said}");
    }

    /// Asks for what must be refused; why.
    pub fn refused(&self, request: Request) -> String {
        let said = format!("{request:?}");
        match self.ask(request) {
            Reply::Refused(refusal) => refusal.to_string(),
            other => panic!("{said}: {other:?}"),
        }
    }

    pub fn state(&self) -> RunState {
        self.bench.dispatcher.state()
    }

    pub fn wait(&self, what: &str, wanted: impl Fn(&RunState) -> bool) -> RunState {
        self.bench.wait_for(what, wanted)
    }

    /// Waits until the run is held and this step is the next one.
    pub fn held_before(&self, name: &str) {
        let id = self.node(name);
        self.wait(&format!("the run to be held before {name}"), |state| {
            let idle = state
                .nodes
                .iter()
                .zip(&state.plan.nodes)
                .all(|(node, planned)| {
                    node.status != Status::Running
                        || matches!(planned.kind, wimforge::event::NodeKind::Group)
                });
            state.paused && idle && next(state) == Some(id) && state.question.is_none()
        });
        // It stays there.
        std::thread::sleep(std::time::Duration::from_millis(40));
        assert_eq!(next(&self.state()), Some(id), "{name} did not wait");
    }

    /// Waits for the question after a failure of this step.
    pub fn failed(&self, name: &str, attempt: u32) {
        let id = self.node(name);
        self.wait(&format!("the failure of {name}"), |state| {
            state.question.as_ref().is_some_and(|question| {
                question.node == Some(id)
                    && matches!(question.kind, QuestionKind::Failed { attempt: open, .. } if open == attempt)
            })
        });
    }

    pub fn node(&self, name: &str) -> NodeId {
        let state = self.state();
        state
            .plan
            .nodes
            .iter()
            .find(|node| node.name == name)
            .unwrap_or_else(|| panic!("no node {name}"))
            .id
    }

    pub fn status(&self, name: &str) -> Status {
        let id = self.node(name);
        self.state().nodes[id.index()].status.clone()
    }

    pub fn to_node(&self, name: &str, request: impl FnOnce(NodeId) -> Request) -> Request {
        request(self.node(name))
    }

    pub fn jump(&self, name: &str) {
        self.must(self.to_node(name, |to| Request::Jump { to }));
    }

    pub fn set(&self, name: &str, value: &str) {
        self.must(Request::SetVariable {
            name: name.into(),
            value: value.into(),
        });
    }

    pub fn retry(&self, name: &str, attempt: u32) {
        self.must(self.to_node(name, |node| Request::Retry { node, attempt }));
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// Every event that stands in the journal now.
    pub fn events(&self) -> Vec<Event> {
        recorded(&RunFolder::at(&self.folder).journal())
    }

    pub fn finish(mut self) -> Finished {
        let begun = Instant::now();
        while self
            .thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
        {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "the run does not end: {:?} {:?}",
                self.state().question,
                self.state().log.back()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        let thread = self.thread.take().unwrap();
        Finished {
            ending: thread.join().unwrap(),
            state: self.state(),
            events: self.events(),
        }
    }

    /// What another engine makes of what stands on the disk now: this one might have been killed.
    pub fn taken_up(&self) -> Self {
        let mut bench = Bench::new();
        bench.options = wimforge::engine::start::EngineOptions {
            state: bench.path("state"),
            ..self.bench.options.clone()
        };
        let folder = bench.path("state/runs/1");
        copy(&self.folder(), &folder);
        Self::resume(bench, &folder, self.state().unattended)
    }

    /// What another engine makes of the run in a folder whose journal ends behind these lines.
    pub fn cut(folder: &Path, journal: &[&str]) -> Self {
        let bench = Bench::new();
        let to = bench.path("state/runs/1");
        copy(folder, &to);
        std::fs::write(to.join("journal.jsonl"), journal.join("\n") + "\n").unwrap();
        Self::resume(bench, &to, true)
    }

    /// Takes up the run in a folder.
    pub fn resume(bench: Bench, folder: &Path, unattended: bool) -> Self {
        let grants = Grants {
            unattended,
            confirm_disks: vec![0, 1],
            ..Grants::default()
        };
        let folder = RunFolder::at(folder);
        let thread = start::resume(
            &bench.dispatcher,
            &bench.options,
            folder.clone(),
            Vec::new(),
            grants,
        );
        match thread {
            Ok(thread) => Self {
                bench,
                folder: folder.path().to_owned(),
                thread: Some(thread),
            },
            Err(error) => panic!("{error}"),
        }
    }
}

/// The first node that is neither a group on the way nor through.
fn next(state: &RunState) -> Option<NodeId> {
    state
        .plan
        .nodes
        .iter()
        .zip(&state.nodes)
        .filter(|(planned, _)| !matches!(planned.kind, wimforge::event::NodeKind::Group))
        .find(|(planned, node)| {
            !planned.disabled
                && matches!(
                    node.status,
                    Status::Waiting
                        | Status::Running
                        | Status::Undecided
                        | Status::Ended(wimforge::event::Outcome::Interrupted)
                )
        })
        .map(|(planned, _)| planned.id)
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// The names of the steps that began, in order.
pub fn began(run: &Finished) -> Vec<&str> {
    run.events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::StepStarted { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

/// Whether a refusal is that the run's state does not allow it now.
pub fn not_now(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Refusal::NotNow(_)))
}
