//! Which known vulnerabilities a version of a package has: one match for each vulnerability, however many
//! sources tell of it.

use std::collections::BTreeMap;

use domain::dependency::Ecosystem;

use super::database::{Database, Entry};
use super::evaluate::{Answer, Compare, evaluate};
use super::name::normalised;
use super::record::{Kind, Severity};

/// What is known of one version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matching {
    /// The vulnerabilities it has, by id.
    pub matches: Vec<Match>,
    /// Advisories about the package that could not be decided for this version. Makes a run incomplete.
    pub undecided: Vec<Undecided>,
}

/// One vulnerability of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The id it goes by: that of the ecosystem's own database, else GitHub's, else the CVE's.
    pub id: String,
    /// Its other ids, sorted.
    pub aliases: Vec<String>,
    /// What sort it is; where sources differ, the graver.
    pub kind: Kind,
    /// One line for a person.
    pub summary: String,
    /// How bad, as the sources say.
    pub severity: Severity,
    /// Versions that a source names as fixed and that no source calls affected, in rising order. A hint:
    /// they need not be published.
    pub fixed: Vec<String>,
    /// The ids of the advisories that call this version affected.
    pub told_by: Vec<String>,
    /// In what the sources differ, for a person.
    pub disagreement: Option<String>,
}

/// An advisory about the package that could not be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// Its id.
    pub id: String,
    /// Why.
    pub reason: String,
}

impl Database {
    /// Whether any advisory names this package.
    pub fn names(&self, ecosystem: Ecosystem, package: &str) -> bool {
        self.packages.contains_key(&(ecosystem, normalised(ecosystem, package)))
    }

    /// What is known of one version of a package, by the ecosystem's own order of versions.
    pub fn matching(
        &self,
        ecosystem: Ecosystem,
        package: &str,
        version: &str,
        compare: Compare<'_>,
    ) -> Matching {
        let package = normalised(ecosystem, package);
        let mut vulnerabilities: BTreeMap<usize, Vec<&Entry>> = BTreeMap::new();
        let key = (ecosystem, package);
        for at in self.packages.get(&key).map(Vec::as_slice).unwrap_or_default() {
            let entry = &self.advisories[*at];
            vulnerabilities.entry(entry.group).or_default().push(entry);
        }
        let mut result = Matching::default();
        for (group, entries) in vulnerabilities {
            let asked = Asked { ecosystem, package: &key.1, version, compare };
            asked.vulnerability(&newest_of_each(entries), self.ids(group), &mut result);
        }
        result.matches.sort_by(|a, b| a.id.cmp(&b.id));
        result.undecided.sort_by(|a, b| a.id.cmp(&b.id));
        result
    }

    fn ids(&self, group: usize) -> &[String] {
        self.groups.get(&group).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Where one id stands several times, of different age, the newest is what its source says today.
fn newest_of_each(entries: Vec<&Entry>) -> Vec<&Entry> {
    let newest = |entry: &&Entry| {
        !entries.iter().any(|other| {
            other.advisory.id == entry.advisory.id
                && entry.advisory.modified.is_some()
                && other.advisory.modified > entry.advisory.modified
        })
    };
    entries.iter().copied().filter(newest).collect()
}

/// One question.
struct Asked<'a> {
    ecosystem: Ecosystem,
    package: &'a str,
    version: &'a str,
    compare: Compare<'a>,
}

/// What one advisory answers.
struct Told<'a> {
    entry: &'a Entry,
    answer: Answer,
    kind: &'a Kind,
}

impl Asked<'_> {
    fn vulnerability(&self, entries: &[&Entry], ids: &[String], result: &mut Matching) {
        let told: Vec<Told<'_>> = entries.iter().filter_map(|entry| self.ask(entry)).collect();
        let hits: Vec<&Told<'_>> =
            told.iter().filter(|t| matches!(t.answer, Answer::Affected(_))).collect();
        if hits.is_empty() {
            // Where another source of the same vulnerability can tell, it is told.
            let cleared = told.iter().any(|t| t.answer == Answer::Unaffected);
            for told in told.iter().filter(|_| !cleared) {
                if let Answer::Undecided(reason) = &told.answer {
                    let id = told.entry.advisory.id.clone();
                    result.undecided.push(Undecided { id, reason: reason.clone() });
                }
            }
            return;
        }
        let id = self.primary(entries, ids);
        let mut aliases: Vec<String> = ids.iter().filter(|i| **i != id).cloned().collect();
        aliases.sort();
        let mut severity = Severity::default();
        for hit in &hits {
            severity.absorb(&hit.entry.advisory.severity);
        }
        let first = hits.iter().find(|h| h.entry.advisory.id == id).unwrap_or(&hits[0]);
        let mut told_by: Vec<String> = hits.iter().map(|h| h.entry.advisory.id.clone()).collect();
        told_by.sort();
        told_by.dedup();
        result.matches.push(Match {
            id,
            aliases,
            kind: hits.iter().map(|h| h.kind).max().cloned().unwrap_or(Kind::Vulnerability),
            summary: first.entry.advisory.summary.clone(),
            severity,
            fixed: self.fixed(entries, &hits),
            told_by,
            disagreement: disagreement(self.version, &told),
        });
    }

    /// What one advisory says of the version: affected where any of its entries for the package says so.
    fn ask<'a>(&self, entry: &'a Entry) -> Option<Told<'a>> {
        let mine = |a: &&super::record::Affected| {
            a.ecosystem == self.ecosystem && a.package == self.package
        };
        let mut best: Option<Told<'a>> = None;
        for affected in entry.advisory.affected.iter().filter(mine) {
            let answer = evaluate(affected, self.version, self.compare);
            let answer = match (best.take(), answer) {
                (None, answer) => Told { entry, answer, kind: &affected.kind },
                (Some(mut before), answer) => {
                    let kind = if rank(&answer) > rank(&before.answer) {
                        &affected.kind
                    } else if rank(&answer) == rank(&before.answer) {
                        before.kind.max(&affected.kind)
                    } else {
                        before.kind
                    };
                    before.answer = joined(before.answer, answer);
                    before.kind = kind;
                    before
                }
            };
            best = Some(answer);
        }
        best
    }

    /// The id a vulnerability goes by: the ecosystem's own, from an advisory about this package if there is one.
    fn primary(&self, entries: &[&Entry], ids: &[String]) -> String {
        let own = |id: &str| {
            let prefixes: &[&str] = match self.ecosystem {
                Ecosystem::Cargo => &["RUSTSEC-", "GHSA-", "CVE-"],
                Ecosystem::Npm => &["MAL-", "GHSA-", "CVE-"],
                Ecosystem::Python => &["MAL-", "PYSEC-", "GHSA-", "CVE-"],
            };
            prefixes.iter().position(|p| id.starts_with(p)).unwrap_or(prefixes.len())
        };
        let here = |id: &str| !entries.iter().any(|e| e.advisory.id == id);
        ids.iter()
            .map(String::as_str)
            .chain(entries.iter().map(|e| e.advisory.id.as_str()))
            .min_by_key(|id| (own(id), here(id), *id))
            .unwrap_or_default()
            .to_owned()
    }

    fn fixed(&self, entries: &[&Entry], hits: &[&Told<'_>]) -> Vec<String> {
        let mut fixed: Vec<String> = Vec::new();
        for hit in hits {
            let Answer::Affected(found) = &hit.answer else { continue };
            for version in found {
                let asked = Asked { version, ..*self };
                let holds = |entry: &&Entry| {
                    asked.ask(entry).is_some_and(|t| matches!(t.answer, Answer::Affected(_)))
                };
                if !fixed.contains(version) && !entries.iter().any(holds) {
                    fixed.push(version.clone());
                }
            }
        }
        fixed.sort_by(|a, b| (self.compare)(a, b).unwrap_or_else(|| a.cmp(b)));
        fixed
    }
}

fn rank(answer: &Answer) -> u8 {
    match answer {
        Answer::Unaffected => 0,
        Answer::Undecided(_) => 1,
        Answer::Affected(_) => 2,
    }
}

fn joined(a: Answer, b: Answer) -> Answer {
    match (a, b) {
        (Answer::Affected(mut a), Answer::Affected(b)) => {
            a.extend(b);
            Answer::Affected(a)
        }
        (a, b) if rank(&b) > rank(&a) => b,
        (a, _) => a,
    }
}

fn disagreement(version: &str, told: &[Told<'_>]) -> Option<String> {
    let mut says: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for t in told {
        let text = match &t.answer {
            Answer::Affected(fixed) if fixed.is_empty() => {
                format!("{version} is affected, with no fix named")
            }
            Answer::Affected(fixed) => {
                let mut fixed = fixed.clone();
                fixed.sort();
                fixed.dedup();
                format!("{version} is affected, fixed in {}", fixed.join(", "))
            }
            Answer::Unaffected => format!("{version} is not affected"),
            Answer::Undecided(reason) => format!("it cannot be told ({reason})"),
        };
        says.entry(text).or_default().push(&t.entry.advisory.id);
    }
    if says.len() < 2 {
        return None;
    }
    let parts: Vec<String> =
        says.into_iter().map(|(text, ids)| format!("{}: {text}", ids.join(", "))).collect();
    Some(parts.join("; "))
}
