//! Looking without a run: documents, a pre-flight check, a recorded run, what a code means.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_complete::Shell;

use wimforge::cli::{Cli, PreflightArgs, ReplayArgs};
use wimforge::engine::preflight;
use wimforge::engine::replay::{self, Tape};
use wimforge::engine::run_folder::RunFolder;
use wimforge::event::Gravity;
use wimforge::hints;
use wimforge::report::complain::complain;
use wimforge::report::follow::{self, OnCtrlC};
use wimforge::report::plain::preflight_text;
use wimforge::sequence::load;
use wimforge::transport::{Endpoint, Listener, private_folder};
use wimforge::tui::{self, ConsoleOptions};

use super::common::{
    Outcome, can_be_shown, failed, machine_to_look_at, printed, runtime, say, usage,
};
use super::secrets::read_secrets;

/// Fastest and slowest speed of a replay.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

/// Tells every mistake of the documents; 2 when there is one.
pub fn check(files: &[PathBuf]) -> Outcome {
    let mut bad = false;
    for path in files {
        let checked = load::read(path);
        let text = checked.render();
        if !text.is_empty() {
            say(&text)?;
        }
        if checked.is_good() {
            say(&format!("{}: good", path.display()))?;
        } else {
            bad = true;
        }
    }
    Ok(if bad { 2 } else { 0 })
}

/// Prints the findings; 1 when something blocks, 2 when the document has mistakes.
pub fn preflight(args: &PreflightArgs) -> Outcome {
    let checked = load::read(&args.sequence);
    if !checked.is_good() {
        complain(&checked.render());
        return Ok(2);
    }
    let secrets = read_secrets(&args.secrets)?;
    let machine = machine_to_look_at(&args.machine)?;
    // A large image takes minutes to read: whoever looks on is told how far it is.
    let seen = std::io::stderr().is_terminal();
    let progress = |what: &str| {
        if seen {
            complain(&format!("pre-flight: {what}"));
        }
    };
    let findings = preflight::of_document(&checked, &args.set, &secrets, &machine, &progress)
        .map_err(failed)?;
    if args.json {
        say(&serde_json::to_string_pretty(&findings).map_err(failed)?)?;
    } else {
        say(&preflight_text(&findings))?;
    }
    let blocks = findings.iter().any(|f| f.gravity == Gravity::Blocking);
    Ok(u8::from(blocks))
}

/// Plays a run folder through the console, or as lines.
pub fn replay(args: ReplayArgs) -> Outcome {
    if !SPEEDS.contains(&args.speed) {
        return Err(usage(format!(
            "--speed {}: from {} to {}",
            args.speed,
            SPEEDS.start(),
            SPEEDS.end()
        )));
    }
    let printed = printed(&args.output);
    if printed.is_none() {
        can_be_shown(&args.look)?;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 100,000 after the check above"
    )]
    let speed = (args.speed * 100.0).round() as u32;
    let folder = std::path::absolute(&args.folder).map_err(failed)?;
    let tape = Tape::open(&RunFolder::at(folder)).map_err(usage)?;
    let place = tempfile::Builder::new()
        .prefix("wimforge-replay-")
        .tempdir()
        .map_err(failed)?;
    private_folder(place.path()).map_err(failed)?;
    let endpoint = Endpoint::in_folder(place.path());
    runtime()?.block_on(async {
        let listener = Listener::bind(&endpoint).map_err(failed)?;
        let playing = tokio::spawn(replay::serve(tape, speed, listener));
        let shown = if let Some(mode) = printed {
            let out = std::io::stdout();
            follow::follow(&endpoint, mode, out, None, OnCtrlC::Leave)
                .await
                .map(|_| 0)
                .map_err(failed)
        } else {
            let options = ConsoleOptions {
                endpoint,
                theme: args.look.theme,
                ascii: args.look.ascii,
                start: None,
                only_watch: true,
                offer: None,
            };
            tui::run(options).await.map(|_| 0).map_err(failed)
        };
        playing.abort();
        shown
    })
}

/// Says what is known about a code or a text.
pub fn explain(text: &str) -> Outcome {
    // Not asked of the terminal: the text is mostly pasted on into a message.
    const WIDTH: usize = 80;
    let told = hints::explain(text);
    say(&hints::render(&told, WIDTH))?;
    Ok(u8::from(!told.is_known()))
}

/// Prints a completion script.
pub fn completions(shell: Shell) -> Outcome {
    // The generator panics when what it writes to has gone.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "wimforge", &mut script);
    say(&String::from_utf8_lossy(&script))
}
