//! The environment of every process that wimforge starts, made for it and not inherited: a secret that stands in ours goes
//! no further, and neither does anything else that a child does not need.

use std::ffi::{OsStr, OsString};

/// Where programs are looked for when our own environment does not say.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a shell for a person keeps beside what every child gets: the terminal, and who sits at it.
const SHELL_KEEPS: [&str; 5] = ["TERM", "LANG", "LC_ALL", "USER", "LOGNAME"];

/// What an engine keeps: where it works, its language and time zone, what the loader of programs is told (an engine runs
/// with the libraries of whoever started it).
const ENGINE_KEEPS: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TERM",
    "TZ",
    "TMPDIR",
    "WIMFORGE_RUNTIME_DIR",
    "RUST_BACKTRACE",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
];
/// A library by which tests give an engine another clock is told how by variables that begin so.
const ENGINE_KEEPS_CLOCK: &str = "FAKETIME_";

/// Name and value of each variable.
pub type Environment = Vec<(OsString, OsString)>;

/// For tools and commands: where to find programs, a home, a language that makes output readable by machines, no terminal.
pub fn for_child() -> Environment {
    let ours = |name: &str, otherwise: &str| {
        let value = std::env::var_os(name).unwrap_or_else(|| otherwise.into());
        (name.into(), value)
    };
    vec![
        ours("PATH", DEFAULT_PATH),
        ours("HOME", "/"),
        ("LANG".into(), "C.UTF-8".into()),
        ("TERM".into(), "dumb".into()),
    ]
}

/// For a tool of the system whose output is read by us: found in the system's folders only, in English.
pub fn for_tool() -> Environment {
    vec![
        ("PATH".into(), DEFAULT_PATH.into()),
        ("LC_ALL".into(), "C".into()),
    ]
}

/// For a shell in which a person works: with the run's variables, which must hold no secret.
pub fn for_shell(variables: &[(String, String)]) -> Environment {
    let mut all = for_child();
    for name in SHELL_KEEPS {
        all.retain(|(kept, _)| kept != name);
        if let Some(value) = std::env::var_os(name) {
            all.push((name.into(), value));
        }
    }
    for (name, value) in variables {
        if !all.iter().any(|(kept, _)| kept == name.as_str()) {
            all.push((name.into(), value.into()));
        }
    }
    all
}

/// For an engine. `secret` are names of variables of ours that hold secrets: never passed on, whatever they are called.
pub fn for_engine(secret: &[String]) -> Environment {
    std::env::vars_os()
        .filter(|(name, _)| is_for_engine(name) && !secret.iter().any(|s| name == s.as_str()))
        .collect()
}

/// Whether an engine started with our environment holds something in it that is not its own, or a secret by these names.
pub fn is_clean(secret: &[String]) -> bool {
    std::env::vars_os()
        .all(|(name, _)| is_for_engine(&name) && !secret.iter().any(|s| name == s.as_str()))
}

fn is_for_engine(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| ENGINE_KEEPS.contains(&name) || name.starts_with(ENGINE_KEEPS_CLOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(environment: &Environment) -> Vec<&str> {
        let mut names: Vec<&str> = environment
            .iter()
            .filter_map(|(name, _)| name.to_str())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn children_get_what_is_made_for_them_and_nothing_else() {
        // The test program itself has more than that in its environment.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        assert_eq!(names(&for_child()), ["HOME", "LANG", "PATH", "TERM"]);
        assert_eq!(names(&for_tool()), ["LC_ALL", "PATH"]);
        let shell = for_shell(&[
            ("Model".into(), "x".into()),
            ("PATH".into(), "/evil".into()),
        ]);
        assert!(names(&shell).contains(&"Model"));
        assert_eq!(names(&shell).iter().filter(|n| **n == "PATH").count(), 1);
        assert!(!shell.iter().any(|(_, value)| value == "/evil"));
        assert!(!names(&shell).iter().any(|name| name.starts_with("CARGO")));
    }

    #[test]
    fn an_engine_keeps_what_it_needs_but_not_what_is_called_secret() {
        let environment = for_engine(&[]);
        assert!(names(&environment).contains(&"PATH"));
        assert!(
            !names(&environment)
                .iter()
                .any(|name| name.starts_with("CARGO"))
        );
        assert!(!is_clean(&[]));
        let without = for_engine(&["PATH".to_owned()]);
        assert!(!names(&without).contains(&"PATH"));
    }
}
