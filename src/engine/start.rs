//! Before a run: from a request (or an interrupted run's folder) to an opened dispatcher and the executor's thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::boots::{Boots, MachineMaker, RunEnding};
use super::catalog;
use super::clock;
use super::cmtrace::Log;
use super::dispatcher::{Dispatcher, Grants, MARK};
use super::error::EngineError;
use super::journal::Journal;
use super::run_folder::{RunFile, RunFolder, write_atomically};
use crate::event::{Event, EventBody, Origin, Shown};
use crate::platform::Machine;
use crate::protocol::StartRun;
use crate::run_state::{RunState, Status};
use crate::secret::Secret;
use crate::sequence::check;
use crate::sequence::load::{self, Checked};
use crate::sequence::plan::PlannedSequence;
use crate::sequence::schema::Sequence;
use crate::sequence::variables::{Value, check_name};

/// What the engine was started with.
#[derive(Clone)]
pub struct EngineOptions {
    /// Root of run folders.
    pub state: PathBuf,
    /// `--disk N=PATH`.
    pub disks: Vec<(u32, PathBuf)>,
    /// `--allow-real-disks`.
    pub allow_real_disks: bool,
    /// What the lab says it was started by.
    pub uefi: Option<bool>,
    /// Makes the machine.
    pub machine: MachineMaker,
}

/// The executor's thread; joins to how the run was left.
pub type RunThread = std::thread::JoinHandle<RunEnding>;

/// Starts a new run.
///
/// # Errors
/// Mistakes in the document or in the values given; files that cannot be made. The dispatcher is free again then.
pub fn start(
    dispatcher: &Arc<Dispatcher>,
    options: &EngineOptions,
    request: StartRun,
) -> Result<RunThread, EngineError> {
    if !dispatcher.claim() {
        return Err(EngineError::Busy("a run is going already".to_owned()));
    }
    let begun = begin(dispatcher, options, request);
    if begun.is_err() {
        dispatcher.release();
    }
    begun
}

fn begin(
    dispatcher: &Arc<Dispatcher>,
    options: &EngineOptions,
    request: StartRun,
) -> Result<RunThread, EngineError> {
    let path = PathBuf::from(&request.sequence);
    let text = std::fs::read(&path).map_err(EngineError::file("reading", &path))?;
    let (checked, sequence) = good(&path)?;
    let machine = (options.machine)()?;
    let values = Values::gather(&checked, &sequence, &request, machine.as_ref())?;
    let planned = plan(&sequence)?;
    let folder = RunFolder::create(&options.state, clock::now())?;
    let copy = folder.sequence();
    write_atomically(&copy, &text).map_err(EngineError::file("writing", &copy))?;
    let working_directory = std::env::current_dir().map_err(EngineError::file("finding", "."))?;
    folder.save(&RunFile {
        working_directory,
        disks: options.disks.clone(),
        allow_real_disks: options.allow_real_disks,
        uefi: options.uefi,
        confirm_disks: request.confirm_disks.clone(),
        confirm_replace: request.confirm_replace,
        unattended: request.unattended,
        secrets: values.secret_names(),
        ..RunFile::default()
    })?;
    let journal = Journal::create(&folder.journal())?;
    let log = open_log(&folder)?;
    let grants = Grants {
        confirm_disks: request.confirm_disks,
        confirm_replace: request.confirm_replace,
        unattended: request.unattended,
    };
    for secret in values.secrets() {
        dispatcher.remember_secret(secret);
    }
    dispatcher.open(journal, log, grants, RunState::default());
    dispatcher.emit(EventBody::RunStarted {
        run: folder.id(),
        folder: folder.path().display().to_string(),
        source: path.display().to_string(),
        plan: planned.plan.clone(),
        unattended: request.unattended,
    });
    for (name, value, origin) in values.all {
        dispatcher.set_variable(&name, value, origin);
    }
    go(
        dispatcher,
        options,
        planned,
        folder,
        Vec::new(),
        Some(machine),
    )
}

/// Goes on with an interrupted run.
///
/// # Errors
/// A damaged journal, a run that another engine has, files that cannot be read.
pub fn resume(
    dispatcher: &Arc<Dispatcher>,
    options: &EngineOptions,
    folder: RunFolder,
    secrets: Vec<(String, Secret)>,
    grants: Grants,
) -> Result<RunThread, EngineError> {
    if !dispatcher.claim() {
        return Err(EngineError::Busy("a run is going already".to_owned()));
    }
    let begun = (|| {
        let (_, sequence) = good(&folder.sequence())?;
        let planned = plan(&sequence)?;
        let (journal, events) = Journal::reopen(&folder.journal())?;
        let mut state = RunState::default();
        for event in &events {
            state.apply(event);
        }
        // Whoever asked died with the engine: nobody may answer before it is asked again.
        state.question = None;
        state.cancelling = None;
        if state.plan != planned.plan {
            return Err(EngineError::Document(format!(
                "{} is not the sequence that the journal was written for",
                folder.sequence().display()
            )));
        }
        for (_, secret) in &secrets {
            dispatcher.remember_secret(secret);
        }
        let undo = changes_of_interrupted_step(&events, &state);
        dispatcher.open(journal, open_log(&folder)?, grants, state);
        for (name, value) in undo {
            dispatcher.set_variable(&name, value, Origin::Engine);
        }
        go(dispatcher, options, planned, folder, secrets, None)
    })();
    if begun.is_err() {
        dispatcher.release();
    }
    begun
}

fn plan(sequence: &Sequence) -> Result<PlannedSequence, EngineError> {
    PlannedSequence::new(sequence).map_err(|error| EngineError::Document(error.to_string()))
}

/// What the interrupted step had changed: it runs again, so variables must be as they were when it began. What a technician
/// changed meanwhile stays.
fn changes_of_interrupted_step(events: &[Event], state: &RunState) -> Vec<(String, Value)> {
    let Some(node) = state
        .current
        .filter(|id| state.node(*id).is_some_and(|n| n.status == Status::Running))
    else {
        return Vec::new();
    };
    let mut before = RunState::default();
    let begun = events.iter().rposition(
        |event| matches!(&event.body, EventBody::StepStarted { node: started, .. } if *started == node),
    );
    for event in events.iter().take(begun.unwrap_or(0)) {
        before.apply(event);
    }
    let names = state.variables.keys().chain(before.variables.keys());
    let mut undo: Vec<(String, Value)> = names
        .filter_map(|name| {
            let (now, then) = (state.variables.get(name), before.variables.get(name));
            let by_technician =
                now.is_some_and(|variable| matches!(variable.origin, Origin::Technician(_)));
            let mark = now
                .or(then)
                .is_some_and(|variable| variable.name.starts_with(MARK));
            if now.map(|v| &v.value) == then.map(|v| &v.value) || by_technician || mark {
                return None;
            }
            let value = match then.map(|variable| &variable.value) {
                Some(Shown::Plain(text)) => text.clone(),
                // A secret of before is asked for again; a variable that did not exist is deleted.
                Some(Shown::Masked) => return None,
                None => String::new(),
            };
            let name = now
                .or(then)
                .map_or_else(|| name.clone(), |v| v.name.clone());
            Some((name, Value::Plain(value)))
        })
        .collect();
    undo.dedup();
    undo
}

fn open_log(folder: &RunFolder) -> Result<Log, EngineError> {
    let path = folder.log();
    Log::open(&path).map_err(EngineError::file("opening", path))
}

fn go(
    dispatcher: &Arc<Dispatcher>,
    options: &EngineOptions,
    planned: PlannedSequence,
    folder: RunFolder,
    secrets: Vec<(String, Secret)>,
    first: Option<Arc<dyn Machine>>,
) -> Result<RunThread, EngineError> {
    let boots = Boots {
        dispatcher: Arc::clone(dispatcher),
        planned,
        machine: Arc::clone(&options.machine),
        first,
        folder,
        secrets,
    };
    std::thread::Builder::new()
        .name("executor".to_owned())
        .spawn(move || boots.run())
        .map_err(EngineError::file("starting", "the executor's thread"))
}

fn good(path: &Path) -> Result<(Checked, Sequence), EngineError> {
    let checked = load::read(path);
    match checked.sequence.clone() {
        Some(sequence) if checked.is_good() => Ok((checked, sequence)),
        _ => Err(EngineError::Document(checked.render())),
    }
}

/// The variables of a new run, in order of precedence: document, inputs' defaults, command line and form.
struct Values {
    all: Vec<(String, Value, Origin)>,
}

impl Values {
    fn gather(
        checked: &Checked,
        sequence: &Sequence,
        request: &StartRun,
        machine: &dyn Machine,
    ) -> Result<Self, EngineError> {
        let mut all = Vec::new();
        for (name, value) in &sequence.variables {
            all.push((name.clone(), Value::Plain(value.clone()), Origin::Document));
        }
        let secret_input = |name: &str| {
            sequence
                .inputs
                .iter()
                .any(|input| input.secret && input.variable.eq_ignore_ascii_case(name))
        };
        for input in &sequence.inputs {
            if !input.default.is_empty() {
                let value = if input.secret {
                    Value::Secret(Secret::new(input.default.clone()))
                } else {
                    Value::Plain(input.default.clone())
                };
                all.push((input.variable.clone(), value, Origin::Input));
            }
        }
        for (name, value) in &request.set {
            check_name(name).map_err(|error| EngineError::Variable(error.to_string()))?;
            let value = if secret_input(name) {
                Value::Secret(Secret::new(value.clone()))
            } else {
                Value::Plain(value.clone())
            };
            all.push((name.clone(), value, Origin::CommandLine));
        }
        for (name, value) in &request.secrets {
            check_name(name).map_err(|error| EngineError::Variable(error.to_string()))?;
            all.push((
                name.clone(),
                Value::Secret(value.0.clone()),
                Origin::CommandLine,
            ));
        }
        let values = Self { all };
        values.check(checked, sequence, machine)?;
        Ok(values)
    }

    fn last(&self, name: &str) -> Option<&Value> {
        self.all
            .iter()
            .rev()
            .find(|(other, ..)| other.eq_ignore_ascii_case(name))
            .map(|(_, value, _)| value)
            .filter(|value| !value.reveal().is_empty())
    }

    fn check(
        &self,
        checked: &Checked,
        sequence: &Sequence,
        machine: &dyn Machine,
    ) -> Result<(), EngineError> {
        let disks = machine.disks()?;
        let numbers: Vec<u32> = disks.iter().map(|disk| disk.number).collect();
        let set: Vec<&str> = sequence
            .inputs
            .iter()
            .map(|input| input.variable.as_str())
            .filter(|name| self.last(name).is_some())
            .collect();
        let mistakes = check::check_run(checked, Some(&numbers), &set);
        if !mistakes.is_empty() {
            return Err(EngineError::Document(load::render(
                &checked.source,
                &mistakes,
            )));
        }
        for input in &sequence.inputs {
            let Some(value) = self.last(&input.variable) else {
                continue;
            };
            if value.reveal().contains('%') {
                continue;
            }
            if let Some(why) = catalog::check(&input.check).mistake(value.reveal()) {
                return Err(EngineError::Variable(format!(
                    "{} ({}): {why}",
                    input.label, input.variable
                )));
            }
        }
        Ok(())
    }

    fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.all.iter().filter_map(|(_, value, _)| match value {
            Value::Secret(secret) => Some(secret),
            Value::Plain(_) => None,
        })
    }

    fn secret_names(&self) -> Vec<String> {
        self.all
            .iter()
            .filter(|(_, value, _)| value.is_secret())
            .map(|(name, ..)| name.clone())
            .collect()
    }
}
