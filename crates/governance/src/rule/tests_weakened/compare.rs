//! Holds the tests before against the tests after, over all files of a change: what moved is not gone.

use std::collections::{BTreeMap, HashMap, VecDeque};

use domain::finding::{Finding, Severity};

use super::suite::{self, Mark, Suite, Test};
use super::token::Language;
use super::{Changed, place};

/// The tests of one file, before and after.
struct Side<'a> {
    file: &'a Changed<'a>,
    before: Suite,
    after: Suite,
}

/// A test of one file: the file's place and the test's.
type At = (usize, usize);

/// Compares all files, language by language.
pub(super) fn check(files: &[Changed<'_>]) -> Vec<Finding> {
    let mut languages: BTreeMap<Language, Vec<Side<'_>>> = BTreeMap::new();
    for file in files {
        if let Some(language) = place::language(file.path()) {
            let before = suite::read(&file.before, language);
            let after = suite::read(&file.after, language);
            languages.entry(language).or_default().push(Side { file, before, after });
        }
    }
    languages.values().flat_map(|sides| Comparison::new(sides).findings()).collect()
}

struct Comparison<'a> {
    sides: &'a [Side<'a>],
    /// Tests before and after that are the same, and whether the body may be another one.
    pairs: Vec<(At, At, bool)>,
    gone: Vec<At>,
    fresh: Vec<At>,
}

impl<'a> Comparison<'a> {
    fn new(sides: &'a [Side<'a>]) -> Self {
        let all = |of: fn(&Side<'_>) -> usize| -> Vec<At> {
            sides
                .iter()
                .enumerate()
                .flat_map(|(file, side)| (0..of(side)).map(move |test| (file, test)))
                .collect()
        };
        let mut comparison = Self {
            sides,
            pairs: Vec::new(),
            gone: all(|side| side.before.tests.len()),
            fresh: all(|side| side.after.tests.len()),
        };
        // In its file under its name; under another name or elsewhere with the same body; elsewhere rewritten.
        comparison.pair(false, |at, test| format!("{} {}", at.0, test.name));
        comparison.pair(false, |at, test| format!("{} {}", at.0, test.own_name));
        comparison.pair(false, |_, test| test.key(format!("{} {}", test.own_name, test.print)));
        comparison.pair(false, |at, test| test.key(format!("{} {}", at.0, test.print)));
        comparison.pair(
            false,
            |_, test| if test.declares { String::new() } else { test.print.to_string() },
        );
        comparison.pair(
            true,
            |_, test| if test.declares { String::new() } else { test.own_name.clone() },
        );
        comparison
    }

    fn old(&self, at: At) -> &'a Test {
        &self.sides[at.0].before.tests[at.1]
    }

    fn new_one(&self, at: At) -> &'a Test {
        &self.sides[at.0].after.tests[at.1]
    }

    /// Pairs what is left on both sides and has the same key; an empty key has no pair.
    fn pair(&mut self, rewritten: bool, key: impl Fn(At, &Test) -> String) {
        let mut fresh: HashMap<String, VecDeque<At>> = HashMap::new();
        for at in &self.fresh {
            fresh.entry(key(*at, self.new_one(*at))).or_default().push_back(*at);
        }
        let mut taken = std::collections::HashSet::new();
        let mut left = Vec::new();
        for at in std::mem::take(&mut self.gone) {
            let key = key(at, self.old(at));
            let found = fresh.get_mut(&key).filter(|_| !key.is_empty()).and_then(|places| {
                let fits =
                    places.iter().take(MOVES_TRIED).position(|to| self.collected(at, *to))?;
                places.remove(fits)
            });
            match found {
                Some(to) => {
                    taken.insert(to);
                    self.pairs.push((at, to, rewritten));
                }
                None => left.push(at),
            }
        }
        self.gone = left;
        self.fresh.retain(|at| !taken.contains(at));
    }

    /// Whether a runner that found the test before finds it where it is now.
    fn collected(&self, from: At, to: At) -> bool {
        let path = |at: At| self.sides[at.0].file.path();
        from.0 == to.0
            || place::language(path(from)) == Some(Language::Rust)
            || place::is_test(path(to))
            || !place::is_test(path(from))
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (from, to, rewritten) in &self.pairs {
            let (old, new) = (self.old(*from), self.new_one(*to));
            let file = self.sides[to.0].file;
            let mut say = |severity, line, reason: String| {
                findings.push(file.finding(severity, Some(line), reason));
            };
            for mark in new_marks(&old.marks, &new.marks) {
                say(mark.severity, mark.line, format!("the test `{}`: {}", shown(new), mark.what));
            }
            if let Some((severity, reason)) = lighter(old, new) {
                say(severity, new.line, format!("the test `{}` {reason}", shown(new)));
            } else if *rewritten {
                let from = self.sides[from.0].file.path();
                say(
                    Severity::NeedsApproval,
                    new.line,
                    format!("the test `{}` of `{from}` was moved and rewritten", shown(new)),
                );
            }
        }
        for (file, side) in self.sides.iter().enumerate() {
            self.of_file(file, side, &mut findings);
        }
        findings
    }

    /// What concerns one file: the tests that are gone, and what is around them.
    fn of_file(&self, file: usize, side: &Side<'_>, findings: &mut Vec<Finding>) {
        let gone: Vec<&Test> = of_one(&self.gone, file).iter().map(|at| self.old(*at)).collect();
        if side.file.deleted() {
            if let Some(first) = gone.first() {
                let reason = format!(
                    "deleted with {} tests, of which the first is `{}`",
                    gone.len(),
                    shown(first)
                );
                findings.push(side.file.finding(Severity::Deny, Some(first.line), reason));
            }
            return;
        }
        let fresh: Vec<&Test> =
            of_one(&self.fresh, file).iter().map(|at| self.new_one(*at)).collect();
        let weight = |tests: &[&Test]| tests.iter().map(|test| test.weight.strong).sum::<usize>();
        let replaced =
            fresh.len() >= gone.len() && weight(&fresh) >= weight(&gone) && weight(&fresh) > 0
                || gone.iter().all(|test| test.declares)
                    && fresh.iter().filter(|test| test.declares).count() >= gone.len();
        for test in gone {
            let (severity, reason) = if replaced {
                (Severity::NeedsApproval, "is gone; a new one may stand for it")
            } else {
                (Severity::Deny, "is gone")
            };
            let what = if test.declares { "the declaration" } else { "the test" };
            findings.push(side.file.finding(
                severity,
                Some(test.line),
                format!("{what} `{}` {reason}", shown(test)),
            ));
        }
        for mark in new_marks(&side.before.marks, &side.after.marks) {
            findings.push(side.file.finding(mark.severity, Some(mark.line), mark.what.clone()));
        }
        let (before, after) = (side.before.outside.strong, side.after.outside.strong);
        let language = place::language(side.file.path());
        if after < before && (language == Some(Language::Rust) || place::is_test(side.file.path()))
        {
            let reason =
                format!("the functions beside the tests held {before} assertions and hold {after}");
            let line = crate::diff::place(&side.file.before, &side.file.after, "assert");
            findings.push(side.file.finding(Severity::NeedsApproval, line, reason));
        }
    }
}

/// The tests of one file: they are sorted by file.
fn of_one(all: &[At], file: usize) -> &[At] {
    let from = all.partition_point(|at| at.0 < file);
    let to = all.partition_point(|at| at.0 <= file);
    all.get(from..to).unwrap_or_default()
}

/// How many places with the same name are tried for a moved test.
const MOVES_TRIED: usize = 64;

/// The marks that were not there before, each counted.
fn new_marks<'m>(before: &[Mark], after: &'m [Mark]) -> Vec<&'m Mark> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    for mark in before {
        *known.entry(mark.what.as_str()).or_default() += 1;
    }
    let mut new = Vec::new();
    for mark in after {
        match known.get_mut(mark.what.as_str()).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => new.push(mark),
        }
    }
    new
}

/// Whether a test asserts less than before, and in which way.
fn lighter(old: &Test, new: &Test) -> Option<(Severity, String)> {
    let (before, after) = (old.weight, new.weight);
    if after.strong < before.strong && after.empty > before.empty {
        let reason = format!(
            "has {} assertions that cannot fail or are never reached",
            after.empty - before.empty
        );
        return Some((Severity::Deny, reason));
    }
    if after.strong < before.strong {
        let reason = format!("had {} assertions and has {}", before.strong, after.strong);
        let certain = after.strong == 0 && after.soft <= before.soft;
        return Some((if certain { Severity::Deny } else { Severity::NeedsApproval }, reason));
    }
    if after.comparing < before.comparing {
        let reason =
            format!("compared {} times and compares {}", before.comparing, after.comparing);
        return Some((Severity::NeedsApproval, reason));
    }
    (after.swallowing > before.swallowing)
        .then(|| (Severity::NeedsApproval, "swallows failures".to_owned()))
}

/// A test's name for a person: short, and without control characters.
fn shown(test: &Test) -> String {
    const LETTERS_MAX: usize = 120;
    let name: String = test.name.chars().take(LETTERS_MAX).collect();
    name.strip_prefix("mod ")
        .map_or(name.escape_debug().to_string(), |module| format!("mod {module};"))
}
