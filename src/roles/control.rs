//! `wimforge ctl`: from arguments to one request.

use wimforge::cli::Ctl;
use wimforge::event::NodeId;
use wimforge::protocol::{LogQuery, Pattern, Request, StepChange, WireSecret};
use wimforge::report::ctl::{self, Asked};
use wimforge::transport::Endpoint;

use super::common::{Outcome, Trouble, failed, runtime, say, usage};
use super::secrets::{read_secret, read_secrets};

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
        Ctl::OverridePreflight { answer } => {
            let (question, word) = numbered(answer, None)?;
            Asked::OverridePreflight { question, word }
        }
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
            secret: Some((name, source)),
            ..
        } => {
            let value = WireSecret(read_secret(&name, &source)?);
            Asked::Plain(Request::SetSecret { name, value })
        }
        Ctl::Set {
            variable: Some((name, value)),
            ..
        } => Asked::Plain(Request::SetVariable { name, value }),
        Ctl::Set { .. } => return Err(usage("write NAME=VALUE or --secret NAME")),
        Ctl::Answer { answer, question } => {
            let (question, word) = numbered(answer, question)?;
            Asked::Answer { question, word }
        }
        Ctl::Secrets { secrets } => Asked::Secrets(read_secrets(&secrets)?),
        Ctl::Shutdown => Asked::Plain(Request::Shutdown),
    };
    let (code, text) = runtime()?
        .block_on(ctl::ask(&Endpoint::standard(), asked))
        .map_err(usage)?;
    say(&text)?;
    Ok(code)
}

/// The number of a question and its answer: `ANSWER`, or `QUESTION ANSWER`.
fn numbered(
    mut words: Vec<String>,
    question: Option<u32>,
) -> Result<(Option<u32>, String), Trouble> {
    let answer = words.pop().unwrap_or_default();
    let number = match words.pop() {
        Some(text) => Some(text.parse().map_err(|_| {
            usage(format!(
                "`{text}` is not the number of a question: write `wimforge ctl answer NUMBER ANSWER`"
            ))
        })?),
        None => None,
    };
    match (number, question) {
        (Some(one), Some(other)) if one != other => Err(usage(format!(
            "two numbers of a question, {one} and {other}: give one"
        ))),
        (number, question) => Ok((number.or(question), answer)),
    }
}
