//! Before a run: from a request (or an interrupted run's folder) to an opened dispatcher and the executor's thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::boots::{Boots, MachineMaker, RunEnding};
use super::clock;
use super::cmtrace::Log;
use super::dispatcher::{Dispatcher, Document, MARK, Opening};
use super::error::EngineError;
use super::history::Histories;
use super::journal::Journal;
use super::run_folder::{RunFile, RunFolder, write_atomically};
use super::samples::Samples;
use super::waiting::Grants;
use crate::event::{Event, EventBody, NodeId, Origin, Shown};
use crate::platform::fake::DisklessMachine;
use crate::platform::{Firmware, Machine};
use crate::protocol::{Check, StartRun};
use crate::run_state::{RunState, Status, VariableState};
use crate::secret::Secret;
use crate::sequence::check;
use crate::sequence::load::{self, Checked};
use crate::sequence::plan::PlannedSequence;
use crate::sequence::rewrite;
use crate::sequence::schema::Sequence;
use crate::sequence::values::{check_of_input, known_in};
use crate::sequence::variables::{Value, VariableError, check_name, check_value};

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
    let text = crate::regular::read(&path).map_err(EngineError::file("reading", &path))?;
    let (checked, sequence) = good(&path)?;
    let options = &for_rehearsal(options, request.rehearse);
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
        rehearse: request.rehearse,
        bundle_to: request.bundle_to.clone(),
        override_preflight: request.override_preflight.clone(),
        secrets: values.secret_names(),
        ..RunFile::default()
    })?;
    let journal = Journal::create(&folder.journal())?;
    let log = open_log(&folder)?;
    let grants = Grants {
        confirm_disks: request.confirm_disks,
        confirm_replace: request.confirm_replace,
        unattended: request.unattended,
        override_preflight: request.override_preflight.clone(),
        bundle_to: request.bundle_to.clone(),
    };
    for secret in values.secrets() {
        dispatcher.remember_secret(secret);
    }
    for secret in &sequence.written_secrets() {
        dispatcher.remember_secret(secret);
    }
    dispatcher.open(Opening {
        journal,
        log,
        samples: Samples::open(&folder.samples()).ok(),
        grants,
        state: RunState::default(),
        document: document(&checked, &sequence),
        histories: Histories::default(),
        overridden: BTreeMap::new(),
    });
    dispatcher.emit(EventBody::RunStarted {
        run: folder.id(),
        folder: folder.path().display().to_string(),
        source: path.display().to_string(),
        plan: planned.plan.clone(),
        unattended: request.unattended,
        rehearsal: request.rehearse,
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
        // Whoever started this engine has read it, or was told; what matters stands in the journal as well.
        let file = folder.load().unwrap_or_default();
        let grants = Grants {
            bundle_to: grants.bundle_to.or(file.bundle_to),
            override_preflight: grants.override_preflight.or(file.override_preflight),
            ..grants
        };
        let (checked, sequence) = good(&folder.sequence())?;
        let planned = plan(&sequence)?;
        let mut past = Past::default();
        let journal = Journal::reopen(&folder.journal(), &mut |event| past.add(&event))?;
        let undo = past.changes_of_interrupted_step();
        let Past {
            mut state,
            histories,
            ..
        } = past;
        if state.end.is_some() {
            return Err(EngineError::Ended(folder.path().to_owned()));
        }
        let options = &for_rehearsal(options, file.rehearse || state.rehearsal);
        // Whoever asked died with the engine: nobody may answer before it is asked again.
        state.question = None;
        state.cancelling = None;
        // Where it lies now: it may have been moved or copied.
        state.folder = folder.path().display().to_string();
        if state.plan != planned.plan {
            return Err(EngineError::Document(format!(
                "{} is not the sequence that the journal was written for",
                folder.sequence().display()
            )));
        }
        for secret in secrets.iter().map(|(_, secret)| secret) {
            dispatcher.remember_secret(secret);
        }
        for secret in &sequence.written_secrets() {
            dispatcher.remember_secret(secret);
        }
        let document = document(&checked, &sequence);
        let mut overridden = BTreeMap::new();
        for change in &state.overrides {
            let step = rewrite::replaced(&document.text, change.node.0, &change.text)
                .map_err(|error| EngineError::Document(error.to_string()))?;
            overridden.insert(change.node, Arc::new(step));
        }
        dispatcher.open(Opening {
            journal,
            log: open_log(&folder)?,
            samples: Samples::open(&folder.samples()).ok(),
            grants,
            state,
            document,
            histories,
            overridden,
        });
        for (name, value) in undo {
            dispatcher.set_variable(&name, value, Origin::Engine);
        }
        dispatcher.declare_secret_inputs();
        go(dispatcher, options, planned, folder, secrets, None)
    })();
    if begun.is_err() {
        dispatcher.release();
    }
    begun
}

/// A rehearsal runs on a machine without anything that could be harmed.
fn for_rehearsal(options: &EngineOptions, rehearse: bool) -> EngineOptions {
    let mut options = options.clone();
    if rehearse {
        let firmware = if options.uefi == Some(false) {
            Firmware::Bios
        } else {
            Firmware::Uefi
        };
        options.machine = Arc::new(move || Ok(Arc::new(DisklessMachine { firmware })));
    }
    options
}

fn plan(sequence: &Sequence) -> Result<PlannedSequence, EngineError> {
    PlannedSequence::new(sequence).map_err(|error| EngineError::Document(error.to_string()))
}

fn document(checked: &Checked, sequence: &Sequence) -> Document {
    Document {
        text: checked.source.text().to_owned(),
        checks: sequence
            .inputs
            .iter()
            .map(|input| {
                (
                    input.variable.to_lowercase(),
                    check_of_input(sequence, input),
                )
            })
            .collect(),
        secret_inputs: sequence
            .inputs
            .iter()
            .filter(|input| input.secret)
            .map(|input| input.variable.clone())
            .collect(),
        known: known_in(sequence),
    }
}

/// What the journal of an interrupted run tells, read event by event.
#[derive(Default)]
struct Past {
    state: RunState,
    histories: Histories,
    /// The variables when the latest step began.
    before: BTreeMap<String, VariableState>,
}

impl Past {
    fn add(&mut self, event: &Event) {
        if let EventBody::StepStarted { .. } = &event.body {
            self.before.clone_from(&self.state.variables);
        }
        self.histories.apply(event, &self.state);
        self.state.apply(event);
    }

    /// What the interrupted step had changed: it runs again, so variables must be as they were when it began. What a
    /// technician changed meanwhile stays.
    fn changes_of_interrupted_step(&self) -> Vec<(String, Value)> {
        let running = |id: &NodeId| {
            let status = self.state.node(*id).map(|node| &node.status);
            status == Some(&Status::Running)
        };
        if !self.state.current.as_ref().is_some_and(running) {
            return Vec::new();
        }
        let names = self.state.variables.keys().chain(self.before.keys());
        let mut undo: Vec<(String, Value)> = names
            .filter_map(|name| {
                let (now, then) = (self.state.variables.get(name), self.before.get(name));
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
        digests: RefCell::default(),
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

/// What is wrong with a secret is not said: the words for it quote the value.
pub(super) const HIDDEN_MISTAKE: &str =
    "the value has not the form that is needed (it is secret, and not shown)";

/// Whether the command line or the form may set a variable to this: the limits are those of documents.
///
/// # Errors
/// A name or a value that does not fit, or the form that Configuration Manager fixes for the variable.
pub(super) fn fits(
    sequence: &Sequence,
    name: &str,
    value: &str,
    secret: bool,
) -> Result<(), EngineError> {
    let bad = |error: VariableError| EngineError::Variable(error.to_string());
    check_name(name).map_err(bad)?;
    check_value(name, value).map_err(bad)?;
    let name = name.trim();
    let mut inputs = sequence.inputs.iter();
    let why = inputs
        .find(|input| input.variable.trim().eq_ignore_ascii_case(name))
        .map(|input| input.check.clone())
        .or_else(|| Check::of_variable(&name.to_lowercase()))
        .filter(|_| !value.is_empty())
        .and_then(|check| check.mistake(value));
    match why {
        Some(_) if secret || sequence.is_secret_input(name) => {
            Err(EngineError::Variable(format!("{name}: {HIDDEN_MISTAKE}")))
        }
        Some(why) => Err(EngineError::Variable(format!("{name}: {why}"))),
        None => Ok(()),
    }
}

/// The variables of a new run, in order of precedence: document, inputs' defaults, command line and form.
struct Values {
    all: Vec<(String, Value, Origin)>,
    rehearse: bool,
}

impl Values {
    fn gather(
        checked: &Checked,
        sequence: &Sequence,
        request: &StartRun,
        machine: &dyn Machine,
    ) -> Result<Self, EngineError> {
        let mut all = Vec::new();
        // What one source gives as a secret is secret from every other.
        let kept = |name: &str, value: &str| {
            let given = |(other, _): &(String, _)| other.trim().eq_ignore_ascii_case(name.trim());
            if sequence.is_secret_input(name) || request.secrets.iter().any(given) {
                Value::Secret(Secret::new(value))
            } else {
                Value::Plain(value.to_owned())
            }
        };
        for (name, value) in &sequence.variables {
            all.push((name.clone(), kept(name, value), Origin::Document));
        }
        for input in &sequence.inputs {
            if !input.default.is_empty() {
                let value = kept(&input.variable, &input.default);
                all.push((input.variable.clone(), value, Origin::Input));
            }
        }
        for (name, value) in &request.set {
            fits(sequence, name, value, false)?;
            all.push((name.clone(), kept(name, value), Origin::CommandLine));
        }
        for (name, value) in &request.secrets {
            fits(sequence, name, value.0.reveal(), true)?;
            all.push((
                name.clone(),
                Value::Secret(value.0.clone()),
                Origin::CommandLine,
            ));
        }
        let values = Self {
            all,
            rehearse: request.rehearse,
        };
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
        // A rehearsal touches no disk: none has to be there.
        let numbers = (!self.rehearse).then_some(numbers);
        let set: Vec<&str> = sequence
            .inputs
            .iter()
            .map(|input| input.variable.as_str())
            .filter(|name| self.last(name).is_some())
            .collect();
        let mistakes = check::check_run(checked, numbers.as_deref(), &set);
        if !mistakes.is_empty() {
            return Err(EngineError::Document(checked.masked(&mistakes)));
        }
        for input in &sequence.inputs {
            let Some(value) = self.last(&input.variable) else {
                continue;
            };
            if let Some(why) = check_of_input(sequence, input).mistake(value.reveal()) {
                let why = match value {
                    Value::Secret(_) => HIDDEN_MISTAKE,
                    Value::Plain(_) => why.as_str(),
                };
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
