//! An interrupted run that a bare `wimforge` finds: resume it, look at it, archive it, or leave it.

use std::path::{Path, PathBuf};

use wimforge::cli::{Look, MachineArgs};
use wimforge::engine::error::EngineError;
use wimforge::engine::journal;
use wimforge::engine::run_folder::{self, RunFolder};
use wimforge::report::complain::complain;
use wimforge::run_state::RunState;
use wimforge::transport::Endpoint;
use wimforge::tui::{self, Choice, ConsoleEnd, ConsoleOptions, Offer};

use super::common::{Trouble, failed, runtime};
use super::launch::state_folder;

/// What came of looking for one.
pub enum Offered {
    /// There is none, or it is left where it is.
    Nothing,
    /// Go on with the run in this folder.
    Resume(PathBuf),
    /// The console was left.
    Left,
}

/// Lines of the log that are shown.
const LOG: usize = 500;

/// Offers one interrupted run after the other, the newest first, until a choice leads on.
pub fn offered(look: &Look, machine: &MachineArgs) -> Result<Offered, Trouble> {
    let state = state_folder(machine.state.as_deref());
    loop {
        let folder = match run_folder::interrupted(&state) {
            Ok(folder) => folder,
            Err(EngineError::NothingToResume(_)) => return Ok(Offered::Nothing),
            Err(error) => {
                // It stays where it is; what can be run is run all the same.
                complain(&format!(
                    "wimforge: looking for an interrupted run: {error}"
                ));
                return Ok(Offered::Nothing);
            }
        };
        let options = ConsoleOptions {
            endpoint: Endpoint::standard(),
            theme: look.theme.clone(),
            ascii: look.ascii,
            start: None,
            only_watch: false,
            offer: Some(offer(&folder).map_err(failed)?),
        };
        match runtime()?.block_on(tui::run(options)).map_err(failed)? {
            ConsoleEnd::Chosen(Choice::Resume) => {
                return Ok(Offered::Resume(folder.path().to_owned()));
            }
            ConsoleEnd::Chosen(Choice::Archive) => {
                let there = run_folder::archive(&state, &folder).map_err(failed)?;
                complain(&format!("archived: {}", there.display()));
            }
            ConsoleEnd::Chosen(Choice::Pick | Choice::Look) => return Ok(Offered::Nothing),
            _ => {
                complain("left; the interrupted run is as it was; wimforge resume");
                return Ok(Offered::Left);
            }
        }
    }
}

/// What is known of a run from its journal.
fn offer(folder: &RunFolder) -> Result<Offer, EngineError> {
    let mut state = RunState::default();
    journal::read(&folder.journal(), &mut |event| state.apply(&event))?;
    let (n, m) = state.position();
    let mut facts = Vec::new();
    let at = state.current.map(|node| state.title(node).to_owned());
    facts.push(match at {
        Some(title) => format!("stopped in step {n} of {m}: \"{title}\""),
        None => format!("stopped after step {n} of {m}"),
    });
    if let Some((node, failure)) = &state.last_failure {
        let title = state.title(*node);
        facts.push(format!("last failure: \"{title}\": {}", failure.message));
    }
    facts.push(format!("its folder: {}", folder.path().display()));
    for (what, path) in [
        ("its log", folder.log()),
        ("its report", folder.report_html()),
    ] {
        if path.exists() {
            facts.push(format!("{what}: {}", name(&path)));
        }
    }
    let skip = state.log.len().saturating_sub(LOG);
    Ok(Offer {
        name: format!("{} ({})", state.plan.name, folder.id()),
        folder: folder.path().display().to_string(),
        facts,
        log: state.log.into_iter().skip(skip).collect(),
        ..Offer::default()
    })
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
