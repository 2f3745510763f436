//! Requests of `wimforge ctl`.

use std::path::PathBuf;

use clap::Subcommand;

use super::{SECRET, SecretSource, pair, secret};

/// Requests of `wimforge ctl`.
#[derive(Clone, Debug, Subcommand)]
pub enum Ctl {
    /// The whole state of the run
    Status,
    /// Pause before the next step
    Pause,
    /// Go on after a pause
    Continue,
    /// Run one step, then pause again
    Step,
    /// Run the failed step again
    Retry,
    /// Go on without the failed step
    Skip,
    /// Cancel the run; after a failure: abort it
    Cancel {
        /// Kill what runs instead of asking it to end
        #[arg(long)]
        kill: bool,
    },
    /// Make this the next step (while paused, or after a failure)
    Jump {
        /// Number of the step, as in `status`
        step: u32,
    },
    /// Stop before a step
    Break {
        /// Number of the step, as in `status`
        step: u32,
        /// Clear the breakpoint instead
        #[arg(long)]
        clear: bool,
    },
    /// Go on, and pause before this step
    RunTo {
        /// Number of the step, as in `status`
        step: u32,
    },
    /// Clear every breakpoint, and take back a run-to that was not reached
    ClearBreaks,
    /// Restart the machine, then run the failed step again
    RestartAndRetry,
    /// Show the settings of a step, those in force beside the document's
    Describe {
        /// Number of the step, as in `status`
        step: u32,
    },
    /// Change the settings of a step for this run; the document stays as it is
    Override {
        /// Number of the step, as in `status`
        step: u32,
        /// A setting and its value as in the document, for example timeout=600 or action.image=\"x.wim\"
        #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
        /// The whole Step(...) from a file
        #[arg(long, conflicts_with = "set")]
        file: Option<PathBuf>,
        /// Back to what the document says
        #[arg(long, conflicts_with_all = ["set", "file"])]
        clear: bool,
    },
    /// Where the value of a variable came from
    Explain {
        /// Name of the variable
        name: String,
    },
    /// Delete a variable
    Unset {
        /// Name of the variable
        name: String,
    },
    /// Lines of the log, the newest unless --from is given
    Log {
        /// Lines at most
        #[arg(long, default_value_t = 100)]
        lines: u32,
        /// Only lines that hold this text
        #[arg(long)]
        find: Option<String>,
        /// The text is a regular expression
        #[arg(long, requires = "find")]
        regex: bool,
        /// Only lines of this step
        #[arg(long)]
        step: Option<u32>,
        /// Go forward from the event of this number
        #[arg(long)]
        from: Option<u64>,
    },
    /// Do the pre-flight check again
    Recheck,
    /// Go on in spite of blocking pre-flight findings
    OverridePreflight {
        /// Number of the question, as in `status`, and the word that the question shows
        #[arg(num_args = 1..=2, required = true, value_names = ["QUESTION", "WORD"])]
        answer: Vec<String>,
    },
    /// Write journal, log, report and what is known of the machine into one archive
    Bundle {
        /// A folder, a folder of a share, or a file name that ends in .tar.gz [default: the run's folder]
        to: Option<PathBuf>,
    },
    /// Set a variable; an empty value deletes it
    Set {
        /// NAME=VALUE
        #[arg(value_name = "NAME=VALUE", value_parser = pair, required_unless_present = "secret")]
        variable: Option<(String, String)>,
        /// Set a secret one; NAME alone asks at the terminal, without echo. As `--secret` of `run`
        #[arg(long, value_name = SECRET, value_parser = secret, conflicts_with = "variable")]
        secret: Option<(String, SecretSource)>,
    },
    /// Answer the open question: yes or no; what destroys something with its number and its word
    Answer {
        /// Number of the question, as in `status`, and the answer: yes, no, or the word that the question shows.
        /// The number may be left out where nothing is destroyed
        #[arg(num_args = 1..=2, required = true, value_names = ["QUESTION", "ANSWER"])]
        answer: Vec<String>,
        /// Number of the question, another way to give it
        #[arg(long)]
        question: Option<u32>,
    },
    /// Give the secrets that the open question asks for
    Secrets {
        /// The secrets
        #[arg(required = true, value_name = SECRET, value_parser = secret)]
        secrets: Vec<(String, SecretSource)>,
    },
    /// End an engine that has nothing to do
    Shutdown,
}
