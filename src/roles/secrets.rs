//! Secrets of the command line: read from where it says, handed over to an engine.

use std::fs::File;
use std::io::Read;

use zeroize::Zeroizing;

use wimforge::cli::{EngineArgs, SecretSource};
use wimforge::platform::clean::forget_input;
use wimforge::platform::terminal::ask_silently;
use wimforge::protocol::WireSecret;
use wimforge::regular;
use wimforge::report::complain::complain;
use wimforge::secret::Secret;

use super::common::{Trouble, failed, usage};

/// The engine's flag for secrets that come through a pipe.
pub const ON_STDIN: &str = "--secrets-on-stdin";
/// Largest source read, in bytes: far above the longest value of a variable.
const LARGEST: u64 = 64 * 1024;

/// Reads a secret, and says what will not be hidden.
pub fn read_secret(name: &str, source: &SecretSource) -> Result<Secret, Trouble> {
    let bad = |why: &str| usage(format!("--secret {name}: {why}"));
    let text = match source {
        SecretSource::Env(variable) => std::env::var(variable)
            .map(Zeroizing::new)
            .map_err(|error| match error {
                std::env::VarError::NotPresent => {
                    bad(&format!("the environment has no {variable}"))
                }
                std::env::VarError::NotUnicode(_) => bad(&format!("{variable} is not UTF-8")),
            })?,
        SecretSource::File(path) => {
            let file = regular::open(path).map_err(|error| error.to_string());
            file.and_then(read)
                .map_err(|why| bad(&format!("{}: {why}", path.display())))?
        }
        SecretSource::Fd(number) => File::open(format!("/proc/self/fd/{number}"))
            .map_err(|error| error.to_string())
            .and_then(read)
            .map_err(|why| bad(&format!("file descriptor {number}: {why}")))?,
        SecretSource::Terminal => ask_silently(&format!("{name} (not shown): ")).map_err(|error| {
            bad(&format!(
                "{error}; without a terminal write {name}=file:PATH, {name}=env:VAR or {name}=fd:N"
            ))
        })?,
    };
    let line = one_line(&text).map_err(bad)?;
    let secret = Secret::new(line);
    if let Some(caution) = secret.caution() {
        complain(&format!(
            "wimforge: warning: the secret {name} has {caution}"
        ));
    }
    Ok(secret)
}

fn read(file: File) -> Result<Zeroizing<String>, String> {
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it has more than {LARGEST} bytes"));
    }
    std::str::from_utf8(&bytes)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| "it is not UTF-8: save it as UTF-8".to_owned())
}

/// The secret in a text: without the mark that some editors put before it and the line breaks that most put behind.
/// Nobody means a second line as a part of a password, and none may be lost in silence.
fn one_line(text: &str) -> Result<&str, &'static str> {
    let line = text
        .trim_start_matches('\u{feff}')
        .trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err("the value is empty");
    }
    if line.contains(['\r', '\n']) {
        return Err("it has more than one line: a secret is one line");
    }
    if line.contains('\0') {
        return Err("it holds a NUL byte: save it as UTF-8 text");
    }
    Ok(line)
}

/// Reads secrets from where the command line says.
pub fn read_secrets(sources: &[(String, SecretSource)]) -> Result<Vec<(String, Secret)>, Trouble> {
    sources
        .iter()
        .map(|(name, source)| Ok((name.clone(), read_secret(name, source)?)))
        .collect()
}

/// Secrets for an engine, and the variables of the environment that they came from: these it must not get.
#[derive(Default)]
pub struct Given {
    secrets: Vec<(String, Secret)>,
    variables: Vec<String>,
}

impl Given {
    /// Only the variables: the secrets go another way.
    pub fn named(sources: &[(String, SecretSource)]) -> Self {
        let variables = sources.iter().filter_map(|(_, source)| match source {
            SecretSource::Env(variable) => Some(variable.clone()),
            _ => None,
        });
        Self {
            secrets: Vec::new(),
            variables: variables.collect(),
        }
    }

    /// Reads them.
    pub fn read(sources: &[(String, SecretSource)]) -> Result<Self, Trouble> {
        Ok(Self {
            secrets: read_secrets(sources)?,
            ..Self::named(sources)
        })
    }

    /// Those of an engine: its arguments', and what was handed over to it.
    pub fn of_engine(args: &EngineArgs) -> Result<Self, Trouble> {
        let mut given = Self::read(&args.secrets)?;
        if args.secrets_on_stdin {
            let mut text = Zeroizing::new(Vec::new());
            std::io::stdin().read_to_end(&mut text).map_err(failed)?;
            forget_input();
            // What is wrong with it must not be told with a piece of it.
            let handed: Vec<(String, WireSecret)> = serde_json::from_slice(&text)
                .map_err(|_| usage("the secrets on standard input cannot be read"))?;
            let handed = handed.into_iter().map(|(name, secret)| (name, secret.0));
            given.secrets.extend(handed);
        }
        Ok(given)
    }

    /// Names of the environment's variables that hold secrets.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// For the engine's standard input; none when there is nothing to hand over.
    pub fn handed_over(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        if self.secrets.is_empty() {
            return Ok(None);
        }
        let all: Vec<(&String, WireSecret)> = self
            .secrets
            .iter()
            .map(|(name, secret)| (name, WireSecret(secret.clone())))
            .collect();
        let text = serde_json::to_vec(&all).map_err(failed)?;
        Ok(Some(Zeroizing::new(text)))
    }

    /// The secrets.
    pub fn into_secrets(self) -> Vec<(String, Secret)> {
        self.secrets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_line_and_nothing_of_it_is_lost_in_silence() {
        for (text, line) in [
            ("pw", "pw"),
            ("pw\n", "pw"),
            ("pw\r\n", "pw"),
            ("pw\n\n", "pw"),
            ("\u{feff}pw\r\n", "pw"),
            (" p w ", " p w "),
        ] {
            assert_eq!(one_line(text), Ok(line), "{text:?}");
        }
        for (text, why) in [
            ("", "empty"),
            ("\n", "empty"),
            ("pw\nsecond", "one line"),
            ("\npw", "one line"),
            ("pw\rsecond", "one line"),
            ("p\0w", "NUL"),
        ] {
            assert!(one_line(text).is_err_and(|e| e.contains(why)), "{text:?}");
        }
    }
}
