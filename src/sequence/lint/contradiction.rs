//! Whether conditions can all be true at once: a small finder that is never wrong when it says "never", and says
//! "possible" whenever it does not know.
//!
//! The conditions are brought into alternatives of single comparisons; an alternative is impossible when two of its
//! comparisons exclude each other. How values compare is [`super::super::condition::compare`]'s rule: whole numbers and
//! dotted versions as such, everything else as text.

use std::cmp::Ordering;

use super::super::condition::{Form, compare, like};
use super::super::schema::Condition;
use crate::input::is_open;

/// More alternatives than this are not looked at.
const MOST: usize = 512;

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No values make them all true.
    Never,
    /// Only texts that are no numbers do, though numbers are compared with.
    NotForNumbers,
    /// Nothing speaks against it.
    Possible,
}

/// A comparison or its opposite.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Literal<'a> {
    leaf: &'a Condition,
    is: bool,
}

/// Judges conditions that are looked at together.
pub(super) fn judge(conditions: &[&Condition]) -> Verdict {
    let mut alternatives = vec![Vec::new()];
    for condition in conditions {
        let Some(more) = expand(condition, true) else {
            return Verdict::Possible;
        };
        let Some(joined) = both(&alternatives, &more) else {
            return Verdict::Possible;
        };
        alternatives = joined;
    }
    let mut worst = Verdict::Never;
    for alternative in &alternatives {
        match judge_alternative(alternative) {
            Verdict::Possible => return Verdict::Possible,
            Verdict::NotForNumbers => worst = Verdict::NotForNumbers,
            Verdict::Never => {}
        }
    }
    worst
}

type Alternatives<'a> = Vec<Vec<Literal<'a>>>;

/// The alternatives of a condition (or of its opposite); `None` when they are too many.
fn expand(condition: &Condition, is: bool) -> Option<Alternatives<'_>> {
    match (condition, is) {
        (Condition::All(members), true) => every(members, true),
        (Condition::All(members), false) => some(members, false),
        // Without members it is true, its opposite false.
        (Condition::Any(members), true) if members.is_empty() => Some(vec![Vec::new()]),
        (Condition::Any(members), false) if members.is_empty() => Some(Vec::new()),
        (Condition::Any(members), true) | (Condition::None(members), false) => some(members, true),
        (Condition::Any(members), false) | (Condition::None(members), true) => {
            every(members, false)
        }
        (leaf, is) => Some(vec![vec![Literal { leaf, is }]]),
    }
}

fn every(members: &[Condition], is: bool) -> Option<Alternatives<'_>> {
    let mut all = vec![Vec::new()];
    for member in members {
        all = both(&all, &expand(member, is)?)?;
    }
    Some(all)
}

fn some(members: &[Condition], is: bool) -> Option<Alternatives<'_>> {
    let mut all = Vec::new();
    for member in members {
        all.extend(expand(member, is)?);
        if all.len() > MOST {
            return None;
        }
    }
    Some(all)
}

fn both<'a>(left: &Alternatives<'a>, right: &Alternatives<'a>) -> Option<Alternatives<'a>> {
    if left.len().saturating_mul(right.len()) > MOST {
        return None;
    }
    Some(
        left.iter()
            .flat_map(|one| {
                right
                    .iter()
                    .map(move |other| one.iter().chain(other).copied().collect())
            })
            .collect(),
    )
}

/// Whether the value of a variable compares so.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Equal,
    Different,
    Above { or_equal: bool },
    Below { or_equal: bool },
    Like,
    Unlike,
}

/// What one comparison says about a variable. The opposite of an order is also true of a missing variable.
struct Fact<'a> {
    name: String,
    /// Must have a value (true), must have none (false), or either.
    exists: Option<bool>,
    compared: Option<(Bound, &'a str)>,
}

fn fact<'a>(literal: &Literal<'a>) -> Option<Fact<'a>> {
    use Bound as B;
    let is = literal.is;
    let (name, value, bound, opposite) = match literal.leaf {
        Condition::Exists(name) => return Some(bare(name, is)),
        Condition::NotExists(name) => return Some(bare(name, !is)),
        Condition::Equals(name, value) => (name, value, B::Equal, B::Different),
        Condition::NotEquals(name, value) => (name, value, B::Different, B::Equal),
        Condition::Greater(name, value) => (
            name,
            value,
            B::Above { or_equal: false },
            B::Below { or_equal: true },
        ),
        Condition::GreaterEqual(name, value) => (
            name,
            value,
            B::Above { or_equal: true },
            B::Below { or_equal: false },
        ),
        Condition::Less(name, value) => (
            name,
            value,
            B::Below { or_equal: false },
            B::Above { or_equal: true },
        ),
        Condition::LessEqual(name, value) => (
            name,
            value,
            B::Below { or_equal: true },
            B::Above { or_equal: false },
        ),
        Condition::Like(name, value) => (name, value, B::Like, B::Unlike),
        Condition::NotLike(name, value) => (name, value, B::Unlike, B::Like),
        _ => return None,
    };
    // `NotEquals` and `NotLike` are true of a missing variable, and so is the opposite of all others.
    let demands = matches!(
        literal.leaf,
        Condition::NotEquals(..) | Condition::NotLike(..)
    ) != is;
    if is_open(name) {
        return None;
    }
    let bound = if is { bound } else { opposite };
    Some(Fact {
        name: name.trim().to_lowercase(),
        exists: demands.then_some(true),
        compared: (!is_open(value)).then_some((bound, value.as_str())),
    })
}

fn bare(name: &str, exists: bool) -> Fact<'_> {
    Fact {
        // A name that is only known in the run excludes nothing but its own opposite.
        name: if is_open(name) {
            format!("%{}", name.to_lowercase())
        } else {
            name.trim().to_lowercase()
        },
        exists: Some(exists),
        compared: None,
    }
}

fn judge_alternative(literals: &[Literal<'_>]) -> Verdict {
    for (at, one) in literals.iter().enumerate() {
        if literals[..at]
            .iter()
            .any(|other| other.is != one.is && other.leaf == one.leaf)
        {
            return Verdict::Never;
        }
    }
    let facts: Vec<Fact<'_>> = literals.iter().filter_map(fact).collect();
    let mut worst = Verdict::Possible;
    for (at, one) in facts.iter().enumerate() {
        for other in facts[..at].iter().filter(|other| other.name == one.name) {
            match exclude(one, other, &facts) {
                Verdict::Never => return Verdict::Never,
                Verdict::NotForNumbers => worst = Verdict::NotForNumbers,
                Verdict::Possible => {}
            }
        }
    }
    worst
}

fn exclude(one: &Fact<'_>, other: &Fact<'_>, all: &[Fact<'_>]) -> Verdict {
    if let (Some(one), Some(other)) = (one.exists, other.exists)
        && one != other
    {
        return Verdict::Never;
    }
    // A missing variable is below and above everything at once: two comparisons exclude each other only of a value.
    let has_value = all
        .iter()
        .any(|fact| fact.name == one.name && fact.exists == Some(true));
    let (Some(one), Some(other)) = (one.compared, other.compared) else {
        return Verdict::Possible;
    };
    if !has_value {
        return Verdict::Possible;
    }
    match pair(one, other) {
        Verdict::Possible => pair(other, one),
        verdict => verdict,
    }
}

fn pair((one, left): (Bound, &str), (other, right): (Bound, &str)) -> Verdict {
    use Bound as B;
    use Form as K;
    let (kinds, order) = ((K::of(left), K::of(right)), compare(left, right));
    // Dotted versions do not compare with negative numbers as whole numbers do.
    if kinds.0 == K::Negative || kinds.1 == K::Negative {
        return Verdict::Possible;
    }
    // A number may be written in several ways, which only compare alike with numbers written the same way.
    let alike = kinds.0 == K::Text || kinds.0 == kinds.1;
    let never = |is: bool| {
        if is {
            Verdict::Never
        } else {
            Verdict::Possible
        }
    };
    match (one, other) {
        (B::Equal, B::Equal) => never(order.is_ne()),
        (B::Equal, B::Different) if alike => never(order.is_eq()),
        (B::Equal, B::Above { or_equal }) if alike => {
            never(order == Ordering::Less || (order.is_eq() && !or_equal))
        }
        (B::Equal, B::Below { or_equal }) if alike => {
            never(order == Ordering::Greater || (order.is_eq() && !or_equal))
        }
        // Blanks around a value do not count in a comparison, but in a pattern; only stars may take them.
        (B::Equal, B::Like)
            if kinds.0 == K::Text && !right.contains(|c: char| c == '?' || c.is_whitespace()) =>
        {
            never(!like(left.trim(), right))
        }
        (B::Like, B::Unlike) => never(left.to_lowercase() == right.to_lowercase()),
        (B::Above { or_equal: low }, B::Below { or_equal: high }) => {
            let empty = |order: Ordering| order.is_gt() || (order.is_eq() && !(low && high));
            let (l, r) = (left.trim().to_lowercase(), right.trim().to_lowercase());
            match kinds {
                (K::Text, K::Text) => never(empty(l.cmp(&r))),
                (K::Text, _) | (_, K::Text) => Verdict::Possible,
                // A text that is no number compares with both as text.
                _ if empty(order) && alike && l >= r => Verdict::Never,
                _ if empty(order) => Verdict::NotForNumbers,
                _ => Verdict::Possible,
            }
        }
        _ => Verdict::Possible,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::condition::{LocalFiles, evaluate};
    use crate::sequence::variables::{Value, Variables};
    use Condition as C;

    fn s(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn what_excludes_itself_is_found() {
        let exists = || C::Exists(s("X"));
        let missing = || C::NotExists(s("x "));
        for never in [
            C::All(vec![C::Equals(s("X"), s("a")), C::Equals(s("x"), s("b"))]),
            C::All(vec![exists(), missing()]),
            C::None(vec![C::Any(vec![exists(), missing()])]),
            C::None(vec![C::Any(vec![])]),
            C::Any(vec![
                C::All(vec![exists(), missing()]),
                C::None(vec![C::All(vec![])]),
            ]),
            C::All(vec![C::Equals(s("X"), s("a")), missing()]),
            C::All(vec![C::Greater(s("X"), s("7")), C::Less(s("X"), s("3"))]),
            C::All(vec![C::Equals(s("X"), s("2")), C::Greater(s("X"), s("3"))]),
            C::All(vec![
                C::Greater(s("X"), s("3")),
                C::LessEqual(s("X"), s("3")),
            ]),
            C::All(vec![
                C::Equals(s("X"), s("Dell")),
                C::Like(s("X"), s("HP*")),
            ]),
            C::All(vec![
                C::Like(s("X"), s("HP*")),
                C::NotLike(s("X"), s("HP*")),
                exists(),
            ]),
            C::All(vec![
                C::Equals(s("X"), s("a")),
                C::NotEquals(s("X"), s("A")),
            ]),
        ] {
            assert_eq!(judge(&[&never]), Verdict::Never, "{never:?}");
        }
        let numbers = C::All(vec![C::Greater(s("X"), s("10")), C::Less(s("X"), s("5"))]);
        assert_eq!(judge(&[&numbers]), Verdict::NotForNumbers);
    }

    #[test]
    fn what_can_be_true_is_left_alone() {
        for possible in [
            C::Any(vec![]),
            C::All(vec![]),
            C::All(vec![C::Equals(s("X"), s("1")), C::Equals(s("X"), s("1.0"))]),
            C::All(vec![C::Equals(s("X"), s("a")), C::Equals(s("Y"), s("b"))]),
            C::All(vec![
                C::Equals(s("X"), s("%a%")),
                C::Equals(s("X"), s("%b%")),
            ]),
            C::All(vec![C::NotEquals(s("X"), s("a")), C::NotExists(s("X"))]),
            C::All(vec![C::Greater(s("X"), s("5")), C::Less(s("X"), s("6"))]),
            C::All(vec![
                C::GreaterEqual(s("X"), s("5")),
                C::LessEqual(s("X"), s("5")),
            ]),
            C::None(vec![C::Greater(s("X"), s("5")), C::Less(s("X"), s("6"))]),
            C::All(vec![C::Equals(s("X"), s("10")), C::Less(s("X"), s("9x"))]),
            C::Any(vec![C::Equals(s("X"), s("a")), C::Equals(s("X"), s("b"))]),
        ] {
            assert_eq!(judge(&[&possible]), Verdict::Possible, "{possible:?}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(3000))]
        /// Never a false alarm: a value that makes the condition true was not called impossible.
        #[test]
        fn never_is_never_wrong(
            picks in proptest::collection::vec((0_usize..8, 0_usize..2, 0_usize..16, 0_usize..4), 1..5),
            values in proptest::collection::vec(0_usize..17, 2),
        ) {
            const TEXTS: [&str; 16] = [
                "", "a", "A ", "b", "0", "-0", "1", "1.0", "5", "05", "10", "10.5", "9x", "-3", "a*", "99999999999999999999",
            ];
            let leaf = |&(op, name, value, shape): &(usize, usize, usize, usize)| {
                let (n, v) = (s(["X", "y"][name]), s(TEXTS[value]));
                let leaf = match op {
                    0 => C::Equals(n, v),
                    1 => C::NotEquals(n, v),
                    2 => C::Greater(n, v),
                    3 => C::GreaterEqual(n, v),
                    4 => C::Less(n, v),
                    5 => C::LessEqual(n, v),
                    6 => C::Like(n, v),
                    _ => C::Exists(n),
                };
                match shape {
                    0 => C::None(vec![leaf]),
                    1 => C::Any(vec![leaf, C::NotExists(s("x"))]),
                    _ => leaf,
                }
            };
            let condition = C::All(picks.iter().map(leaf).collect());
            let mut variables = Variables::default();
            for (name, &value) in ["x", "Y"].iter().zip(&values) {
                if let Some(text) = TEXTS.get(value) {
                    variables.set_engine(name, Value::Plain(s(text)));
                }
            }
            if evaluate(&condition, &variables, &LocalFiles) == Ok(true) {
                proptest::prop_assert_ne!(judge(&[&condition]), Verdict::Never);
            }
        }
    }
}
