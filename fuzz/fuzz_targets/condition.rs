//! A condition from a document and the variables it is evaluated with: the first line is the condition, the others are
//! `NAME=VALUE`. Evaluation and substitution end, and substitution loses nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wimforge::event::Millis;
use wimforge::secret::Secret;
use wimforge::sequence::condition::{self, Facts, FileFacts, FolderFacts};
use wimforge::sequence::load;
use wimforge::sequence::schema::Node;
use wimforge::sequence::variables::{Value, Variables};

/// Files and folders whose times depend on their names.
struct Names;

fn time(path: &str) -> Option<Millis> {
    let sum: u32 = path.bytes().map(u32::from).sum();
    (sum % 3 != 0).then(|| Millis::from(sum) * 1_000)
}

impl Facts for Names {
    fn file(&self, path: &str) -> Option<FileFacts> {
        time(path).map(|modified| FileFacts {
            modified,
            version: path.rsplit('.').next().map(str::to_owned),
        })
    }

    fn folder(&self, path: &str) -> Option<FolderFacts> {
        time(path).map(|modified| FolderFacts { modified })
    }
}

fuzz_target!(|text: &str| {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut variables = Variables::default();
    for (number, line) in rest.lines().enumerate() {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let value = if number % 3 == 2 {
            Value::Secret(Secret::new(value))
        } else {
            Value::Plain(value.to_owned())
        };
        let exists = !value.reveal().is_empty();
        if variables.set(name, value).is_ok() {
            assert_eq!(variables.get(name).is_some(), exists);
        }
    }
    for line in text.lines() {
        let expanded = variables.expand(line);
        if !line.contains('%') || variables.iter().next().is_none() {
            assert_eq!(expanded.text, line, "nothing was to be substituted");
        }
        let secret = expanded.secret;
        assert_eq!(secret, expanded.into_value().is_secret());
    }
    let document = format!(
        "Sequence(schema: 1, name: \"F\", steps: [\nStep(name: \"S\", action: SetVariable(variable: \"A\", value: \"\"), condition: {first})])"
    );
    let loaded = load::parse("fuzz.ron", &document);
    let Some(sequence) = &loaded.sequence else {
        return;
    };
    for node in &sequence.steps {
        let (Node::Step(wimforge::sequence::schema::Step { condition, .. })
        | Node::Group(wimforge::sequence::schema::Group { condition, .. })) = node;
        let Some(found) = condition else {
            continue;
        };
        let again = condition::evaluate(found, &variables, &Names);
        assert_eq!(condition::evaluate(found, &variables, &Names), again);
        assert!(!condition::describe(found).is_empty());
    }
});
