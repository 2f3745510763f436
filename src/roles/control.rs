//! `wimforge ctl`: from arguments to one request.

use wimforge::cli::{Ctl, YesNo};
use wimforge::event::NodeId;
use wimforge::protocol::{LogQuery, Pattern, Request, StepChange};
use wimforge::report::ctl::{self, Asked};
use wimforge::transport::Endpoint;

use super::common::{Outcome, failed, read_secrets, runtime, say, usage};

/// Sends one request and prints the answer.
pub fn control(request: Ctl) -> Outcome {
    let asked = match request {
        Ctl::Status => Asked::Plain(Request::Status),
        Ctl::Pause => Asked::Plain(Request::Pause),
        Ctl::Continue => Asked::Plain(Request::Continue),
        Ctl::Step => Asked::Plain(Request::Step),
        Ctl::Retry => Asked::Retry,
        Ctl::Skip => Asked::Skip,
        Ctl::Cancel { kill } => Asked::Plain(Request::Cancel { kill }),
        Ctl::Jump { step } => Asked::Plain(Request::Jump { to: NodeId(step) }),
        Ctl::Break { step, clear } => Asked::Plain(Request::Break {
            node: NodeId(step),
            set: !clear,
        }),
        Ctl::RunTo { step } => Asked::Plain(Request::RunTo { node: NodeId(step) }),
        Ctl::ClearBreaks => Asked::Plain(Request::ClearBreaks),
        Ctl::RestartAndRetry => Asked::RestartAndRetry,
        Ctl::Describe { step } => Asked::Plain(Request::DescribeStep { node: NodeId(step) }),
        Ctl::Override {
            step,
            set,
            file,
            clear,
        } => {
            let to = match file {
                _ if clear => StepChange::Original,
                Some(path) => StepChange::Text(
                    wimforge::regular::read_to_string(&path)
                        .map_err(|error| usage(format!("reading {}: {error}", path.display())))?,
                ),
                None if set.is_empty() => {
                    return Err(usage("nothing to change: pass --set, --file or --clear"));
                }
                None => StepChange::Settings(set),
            };
            let node = NodeId(step);
            Asked::Plain(Request::OverrideStep { node, to })
        }
        Ctl::Explain { name } => Asked::Plain(Request::Explain { name }),
        Ctl::Unset { name } => Asked::Plain(Request::SetVariable {
            name,
            value: String::new(),
        }),
        Ctl::Log {
            lines,
            find,
            regex,
            step,
            from,
        } => Asked::Plain(Request::ReadLog(LogQuery {
            from: from.unwrap_or(u64::MAX),
            forward: from.is_some(),
            most: lines,
            node: step.map(NodeId),
            find: find.map(|text| Pattern { text, regex }),
            ..LogQuery::default()
        })),
        Ctl::Recheck => Asked::Recheck,
        Ctl::OverridePreflight { word } => Asked::OverridePreflight(word),
        Ctl::Bundle { to } => {
            let to = match to {
                Some(path) if path.to_string_lossy().starts_with("\\\\") => {
                    path.display().to_string()
                }
                Some(path) => std::path::absolute(path)
                    .map_err(failed)?
                    .display()
                    .to_string(),
                None => String::new(),
            };
            Asked::Plain(Request::Bundle { to })
        }
        Ctl::Set {
            variable: (name, value),
        } => Asked::Plain(Request::SetVariable { name, value }),
        Ctl::Answer { answer, question } => Asked::Answer {
            question,
            yes: answer == YesNo::Yes,
        },
        Ctl::Secrets { secrets } => Asked::Secrets(read_secrets(&secrets)?),
        Ctl::Shutdown => Asked::Plain(Request::Shutdown),
    };
    let (code, text) = runtime()?
        .block_on(ctl::ask(&Endpoint::standard(), asked))
        .map_err(usage)?;
    say(&text)?;
    Ok(code)
}
