//! Remediation: out of the reach of every known advisory, with as small a change as there is.
//!
//! The whole graph is matched, transitive and development dependencies too. Findings are closed one after the other,
//! nearest to the project's own manifests first, by the cheapest way that the package manager accepts ([`super::ways`]).
//! After each step the graph is read and matched again: a step stays only if something closed and nothing opened; what a
//! step brings in is closed on top of it, or the step is undone. At the end, moves that later ones made needless are
//! taken out, and what the last graph still holds is reported as left: nothing is called fixed that still matches.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use domain::agent::RemediationSettings;
use domain::dependency::{Left, Why};
use toolbox::dependencies::{Bump, Package, PackageId, Source};

use super::Work;
use super::bisect::Broken;
use super::checkout::{Fit, Mark, Refused};
use super::moves::{self, Move};
use super::vulnerable::{Finding, Open, Policy, count, is_better, is_no_worse};
use super::ways::{self, NoWay, Way};
use crate::outcome::BrainError;

mod holders;
mod unlocked;

/// The most findings that are worked on in one project.
const FINDINGS_MAX: usize = 500;

/// The most ways that the package manager is asked to go for one finding.
const WAYS_TRIED_MAX: usize = 12;

/// How often the package manager is asked to go a way in one project, nested ones included.
const TRIES_MAX: usize = 300;

/// The most findings of a project that are closed in one plan.
const AT_ONCE_MAX: usize = 100;

/// How deep a step may bring in findings of its own that are closed on top of it.
const NESTED_MAX: usize = 3;

/// How often findings that had no way are looked at again after others have moved.
const PASSES_MAX: usize = 2;

/// The most moves of one project that are tried without each other.
const MINIMISED_MAX: usize = 24;

/// The most other ways that are remembered for when a check breaks.
const OTHERS_MAX: usize = 1;

/// Why findings stay, by package and version.
type GivenUp = BTreeMap<(String, String), NoWay>;

/// What was tried, until the last graph proves what came of it.
pub(super) struct Tried {
    policy: Policy,
    /// By project: what was open before, and why it stays.
    projects: Vec<(usize, Vec<Finding>, GivenUp)>,
}

/// Closes what can be closed; returns the moves that are in the checkout.
pub(super) async fn run(
    work: &mut Work<'_>,
    settings: &RemediationSettings,
) -> Result<(Vec<Move>, Tried), BrainError> {
    let policy = Policy::new(settings)?;
    work.left.extend(work.context.advisories.unreadable());
    let mut moves = Vec::new();
    let mut projects = Vec::new();
    for at in 0..work.checkout.places().len() {
        Policy::note(work, at);
        let before = policy.findings(work, at);
        if before.is_empty() {
            continue;
        }
        let start = work.checkout.mark();
        let given_up = GivenUp::new();
        let tries_left = TRIES_MAX;
        let mut project =
            Project { work: &mut *work, policy: &policy, at, start, given_up, tries_left };
        let held = project.close_all().await?;
        let held = project.without_needless(held).await?;
        projects.push((at, before, project.given_up));
        moves.extend(held.into_iter().map(|one| unlocked::with_closer_ways(work, one)));
    }
    Ok((moves, Tried { policy, projects }))
}

impl Tried {
    /// Matches every graph once more; `broken` are moves that a check took out again.
    pub(super) fn prove(mut self, work: &mut Work<'_>, broken: &[Broken]) {
        for at in 0..work.checkout.places().len() {
            Policy::undecided(work, at);
            self.policy.set_aside(work, at);
        }
        for (at, before, mut given_up) in std::mem::take(&mut self.projects) {
            let here = || broken.iter().filter(|broken| broken.one.place == at);
            let no_way = |broken: &Broken| NoWay { why: broken.why, detail: broken.words.clone() };
            for broken in here() {
                given_up.insert(broken.one.about.clone(), no_way(broken));
            }
            // What a broken move would have closed besides is open for the same reason.
            let rest = here().next().map(no_way);
            let proof =
                Proof { policy: &self.policy, at, before: &before, given_up: &given_up, rest };
            proof.write(work);
        }
    }
}

struct Proof<'p> {
    policy: &'p Policy,
    at: usize,
    before: &'p [Finding],
    given_up: &'p GivenUp,
    /// Why findings stay that no reason is known for.
    rest: Option<NoWay>,
}

impl Proof<'_> {
    /// Matches the graph once more: only what is gone from it was closed, and whatever is in it is left.
    fn write(self, work: &mut Work<'_>) {
        let Self { policy, at, before, given_up, rest } = self;
        let after = policy.findings(work, at);
        let still = count(&after);
        for finding in before {
            let same =
                after.iter().find(|a| a.package == finding.package && a.version == finding.version);
            let closed = finding.advisories.iter().filter(|id| match same {
                Some(same) => !same.advisories.contains(*id),
                None => !still.contains_key(&(finding.package.clone(), (*id).clone())),
            });
            let key = (at, finding.package.clone(), finding.version.clone());
            work.closed.entry(key).or_default().extend(closed.cloned());
        }
        let kind = work.checkout.places()[at].project.ecosystem;
        for finding in after {
            let reason = given_up.get(&(finding.package.clone(), finding.version.clone()));
            let no_way = reason.or(rest.as_ref()).cloned().unwrap_or_else(|| NoWay {
                why: Why::OverLimit,
                detail: format!("one run works on at most {FINDINGS_MAX} findings of a project"),
            });
            let label = if finding.development_only { " (development only)" } else { "" };
            for advisory in finding.advisories {
                work.left.push(Left {
                    ecosystem: Some(kind),
                    advisory: Some(advisory),
                    package: finding.package.clone(),
                    version: finding.version.clone(),
                    why: no_way.why,
                    detail: format!("{}{label}", no_way.detail),
                });
            }
        }
    }
}

struct Project<'p, 'a> {
    work: &'p mut Work<'a>,
    policy: &'p Policy,
    at: usize,
    /// The checkout before this project was worked on.
    start: Mark,
    given_up: GivenUp,
    /// How often the package manager may still be asked.
    tries_left: usize,
}

/// What the ways of one finding met.
#[derive(Debug, Default)]
struct Refusals {
    /// The answer to the best way.
    first: Option<NoWay>,
    /// The best way that named packages hold back.
    held_by: Option<(Way, Vec<String>)>,
}

impl Refusals {
    fn note(&mut self, no_way: NoWay) {
        self.first.get_or_insert(no_way);
    }

    fn held_by(&mut self, way: &Way, refused: &Refused) {
        if let Refused::Resolver(refusal) = refused
            && !refusal.held_by.is_empty()
        {
            self.held_by.get_or_insert_with(|| (way.clone(), refusal.held_by.clone()));
        }
    }
}

impl Project<'_, '_> {
    async fn close_all(&mut self) -> Result<Vec<Move>, BrainError> {
        let mut moves = self.close_at_once().await?;
        for _ in 0..PASSES_MAX {
            let mut progress = false;
            for _ in 0..FINDINGS_MAX {
                let findings = self.policy.findings(self.work, self.at);
                let key = |f: &Finding| (f.package.clone(), f.version.clone());
                let next = findings.into_iter().find(|f| !self.given_up.contains_key(&key(f)));
                let Some(finding) = next else { break };
                match self.close(&finding, 0).await? {
                    Ok(closed) => {
                        progress = true;
                        moves.push(closed);
                    }
                    Err(no_way) => {
                        self.given_up.insert(key(&finding), no_way);
                    }
                }
            }
            let open_again = self.policy.findings(self.work, self.at);
            if !progress || open_again.is_empty() {
                break;
            }
            // Others have moved since: what had no way then may have one now.
            self.given_up.retain(|_, no_way| {
                !matches!(no_way.why, Why::HeldByParent | Why::RefusedByResolver)
            });
        }
        Ok(moves)
    }

    /// Goes the best way of every finding in one plan, which is all that most projects need, or of as many of them as
    /// the package manager takes together. What that does not close is taken one after the other on top of it.
    async fn close_at_once(&mut self) -> Result<Vec<Move>, BrainError> {
        let findings = self.policy.findings(self.work, self.at);
        let before = count(&findings);
        let mut moves: Vec<Move> = Vec::new();
        for finding in findings.into_iter().take(AT_ONCE_MAX) {
            if self.work.left_for_code(self.at, &finding.package).is_some() {
                continue;
            }
            let Ok(ways) = ways::ways(self.work, self.policy, self.at, &finding).await else {
                continue;
            };
            let (ways, fit) = self.after_previous(&finding, ways);
            let Some((best, rest)) = ways.split_first() else { continue };
            let is_taken = |bump: &Bump| {
                let mut taken = moves.iter().flat_map(Move::bumps);
                taken.any(|t| t.package == bump.package && t.from == bump.from)
            };
            if best.is_whole() && !best.bumps.iter().any(is_taken) {
                let others = self.others(best, rest);
                let made = self.made(&finding, vec![best.bumps.clone()], others);
                moves.push(Move { fit: (fit, fit), ..made });
            }
        }
        if moves.len() < 2 {
            return Ok(Vec::new());
        }
        let mark = self.work.checkout.mark();
        let mut held = moves::settle_as_asked(&mut self.work.checkout, moves).await?.held;
        let after = self.policy.findings(self.work, self.at);
        let is_open =
            |one: &Move| after.iter().any(|f| f.package == one.about.0 && f.version == one.about.1);
        if held.iter().any(is_open) {
            // What closed nothing that it was made for may have no place in the change.
            held.retain(|one| !is_open(one));
            self.work.checkout.back_to(&mark).await?;
            if moves::put_in(&mut self.work.checkout, &held).await?.is_err() {
                return Ok(Vec::new());
            }
        }
        if is_better(&before, &count(&self.policy.findings(self.work, self.at))) {
            return Ok(held);
        }
        self.work.checkout.back_to(&mark).await?;
        Ok(Vec::new())
    }

    /// Closes one finding, or leaves the checkout as it was.
    async fn close(
        &mut self,
        finding: &Finding,
        depth: usize,
    ) -> Result<Result<Move, NoWay>, BrainError> {
        if let Some(before) = self.work.left_for_code(self.at, &finding.package) {
            return Ok(Err(NoWay { why: Why::NeedsCodeChange, detail: before }));
        }
        let line = format!("looking for a way out for {} {}", finding.package, finding.version);
        self.work.checkout.workspace().progress(&line);
        let ways = match ways::ways(self.work, self.policy, self.at, finding).await {
            Ok(ways) => ways,
            Err(no_way) => return Ok(Err(no_way)),
        };
        let (ways, fit_of_first) = self.after_previous(finding, ways);
        let before = count(&self.policy.findings(self.work, self.at));
        let mut refusals = Refusals::default();
        for (tried, way) in ways.iter().enumerate().take(WAYS_TRIED_MAX) {
            let mark = self.work.checkout.mark();
            let fit = if tried == 0 { fit_of_first } else { Fit::Style };
            match self.go(finding, (way, fit), depth).await? {
                Ok(steps) => {
                    let open = self.policy.findings(self.work, self.at);
                    if is_better(&before, &count(&open)) {
                        let others = self.others(way, &ways[tried + 1..]);
                        let made = self.made(finding, steps, others);
                        return Ok(Ok(Move { fit: (fit, fit), ..made }));
                    }
                    refusals.note(no_better(way, &before, &open));
                }
                Err(refused @ Refused::AsBefore(_)) => return Ok(Err(no_way(&refused))),
                Err(refused) => {
                    refusals.held_by(way, &refused);
                    refusals.note(no_way(&refused));
                }
            }
            self.work.checkout.back_to(&mark).await?;
        }
        if let Some((way, held_by)) = refusals.held_by.take()
            && let Some((_, steps)) = self.raise_holders(finding, &way, held_by, depth).await?
        {
            return Ok(Ok(self.made(finding, steps, Vec::new())));
        }
        Ok(Err(refusals.first.unwrap_or_else(|| NoWay {
            why: Why::NoFixedVersion,
            detail: "no version is out of the advisories' reach".to_owned(),
        })))
    }

    fn made(&self, finding: &Finding, steps: Vec<Vec<Bump>>, others: Vec<Vec<Vec<Bump>>>) -> Move {
        let about = (finding.package.clone(), finding.version.clone());
        let fit = (Fit::Style, Fit::Style);
        Move { place: self.at, steps, about, others, along: Vec::new(), fit }
    }

    /// Goes a way: all at once, else parents first, each with the graph that the one before left. What it
    /// brings in is closed on top of it.
    async fn go(
        &mut self,
        finding: &Finding,
        (way, fit): (&Way, Fit),
        depth: usize,
    ) -> Result<Result<Vec<Vec<Bump>>, Refused>, BrainError> {
        let Some(left) = self.tries_left.checked_sub(1) else {
            return Ok(Err(Refused::Immovable(format!(
                "no way was found in the {TRIES_MAX} tries that one project has"
            ))));
        };
        self.tries_left = left;
        let mark = self.work.checkout.mark();
        let known = self.policy.findings(self.work, self.at);
        let mut steps = vec![way.bumps.clone()];
        let mut answer = self.work.checkout.apply(self.at, &way.bumps, fit).await?;
        if answer.is_ok() && self.is_there(finding) {
            answer = Err(Refused::Immovable(format!(
                "the package manager reported success and kept {} {}",
                finding.package, finding.version
            )));
        }
        let as_before = matches!(answer, Err(Refused::AsBefore(_)));
        if answer.is_err() && way.bumps.len() > 1 && !as_before {
            self.work.checkout.back_to(&mark).await?;
            steps = way.bumps.iter().map(|bump| vec![bump.clone()]).collect();
            for step in &steps {
                // What the whole way met says more than what half of it does.
                if self.work.checkout.apply(self.at, step, fit).await?.is_err() {
                    return Ok(answer.map(|()| steps));
                }
            }
            answer = Ok(());
        }
        if let Err(refused) = answer {
            return Ok(Err(refused));
        }
        if depth < NESTED_MAX {
            steps.extend(self.close_brought_in(&known, depth + 1).await?);
        }
        Ok(Ok(steps))
    }

    /// Closes what was not there before. The graph is another one after each step, so it is asked anew.
    async fn close_brought_in(
        &mut self,
        known: &[Finding],
        depth: usize,
    ) -> Result<Vec<Vec<Bump>>, BrainError> {
        let mut steps = Vec::new();
        let mut tried: BTreeSet<(String, String)> =
            known.iter().map(|known| (known.package.clone(), known.version.clone())).collect();
        loop {
            let findings = self.policy.findings(self.work, self.at);
            let new = findings
                .into_iter()
                .find(|new| !tried.contains(&(new.package.clone(), new.version.clone())));
            let Some(new) = new else { return Ok(steps) };
            tried.insert((new.package.clone(), new.version.clone()));
            if let Ok(nested) = Box::pin(self.close(&new, depth)).await? {
                steps.extend(nested.steps);
            }
        }
    }

    fn is_there(&self, finding: &Finding) -> bool {
        let graph = self.work.checkout.graph(self.at);
        graph.named(&finding.package).any(|(_, package)| package.version == finding.version)
    }

    /// What the last attempt settled on comes first; what it passed over on the way there is not gone again. Where
    /// nothing locks, what it settled on is no way but what was installed ([`unlocked::fit_after`]).
    fn after_previous(&self, finding: &Finding, ways: Vec<Way>) -> (Vec<Way>, Fit) {
        let Some(previous) = self.work.context.previous else { return (ways, Fit::Style) };
        if self.work.checkout.places()[self.at].project.lock.is_none() {
            let fit = unlocked::fit_after(self.work, (self.at, finding), &ways);
            return (ways, fit);
        }
        let kind = self.work.checkout.places()[self.at].project.ecosystem;
        let settled = ways.iter().position(|way| {
            way.bumps.last().is_some_and(|bump| {
                previous.updates.iter().any(|update| {
                    update.ecosystem == kind
                        && update.package == finding.package
                        && update.from == bump.from
                        && update.to == bump.to
                })
            })
        });
        (ways.into_iter().skip(settled.unwrap_or(0)).collect(), Fit::Style)
    }

    /// Ways for when a check breaks: not further from the manifests than this one, and compatible with it.
    fn others(&self, way: &Way, rest: &[Way]) -> Vec<Vec<Vec<Bump>>> {
        let ecosystem = self.work.checkout.places()[self.at].ecosystem;
        let compatible = |other: &&Way| {
            let pair = way.bumps.last().zip(other.bumps.last());
            other.is_lock_only() == way.is_lock_only()
                && other.bumps.len() == way.bumps.len()
                && pair.is_some_and(|(a, b)| {
                    ecosystem
                        .step(&a.to, &b.to)
                        .is_some_and(|step| step <= domain::dependency::UpdateKind::Minor)
                })
        };
        let kept = rest.iter().filter(compatible).take(OTHERS_MAX);
        kept.map(|other| vec![other.bumps.clone()]).collect()
    }

    /// Takes out moves that others made needless.
    async fn without_needless(&mut self, moves: Vec<Move>) -> Result<Vec<Move>, BrainError> {
        let suspects: Vec<usize> =
            (0..moves.len()).rev().filter(|at| self.may_be_needless(&moves, *at)).collect();
        let reached = count(&self.policy.findings(self.work, self.at));
        let mut kept = moves;
        let mut best = self.work.checkout.mark();
        for at in suspects.into_iter().take(MINIMISED_MAX) {
            let mut fewer = kept.clone();
            fewer.remove(at);
            self.work.checkout.back_to(&self.start).await?;
            let accepted = moves::put_in(&mut self.work.checkout, &fewer).await?.is_ok();
            let open = count(&self.policy.findings(self.work, self.at));
            let goes_further = self.goes_further(&best);
            if accepted && is_no_worse(&reached, &open) && !goes_further {
                kept = fewer;
                best = self.work.checkout.mark();
            }
        }
        self.work.checkout.back_to(&best).await?;
        Ok(kept)
    }

    /// Whether a package stands at a version that it had neither before nor, at least as high, at `with`: a
    /// package manager that is not told a version takes the newest.
    fn goes_further(&self, with: &Mark) -> bool {
        let (start, with) = (self.start.graph(self.at), with.graph(self.at));
        let ecosystem = self.work.checkout.places()[self.at].ecosystem;
        let now = self.work.checkout.graph(self.at);
        let is_known = |package: &Package| {
            start.named(&package.name).any(|(_, known)| known.version == package.version)
                || with.named(&package.name).any(|(_, known)| {
                    ecosystem.compare(&known.version, &package.version) != Some(Ordering::Less)
                })
        };
        !now.packages.iter().filter(|package| package.source == Source::Registry).all(is_known)
    }

    /// Only what stands above a package can move it: a move whose package has nobody else's move above it is needed.
    fn may_be_needless(&self, moves: &[Move], at: usize) -> bool {
        let graph = self.start.graph(self.at);
        let mut above: BTreeSet<PackageId> = BTreeSet::new();
        let mut todo: Vec<PackageId> = graph.named(&moves[at].about.0).map(|(id, _)| id).collect();
        while let Some(id) = todo.pop() {
            let parents = graph.parents(id).map(|(id, _)| id);
            todo.extend(parents.filter(|parent| above.insert(*parent)));
        }
        let names: BTreeSet<&str> = above.iter().map(|id| graph.get(*id).name.as_str()).collect();
        let others = moves.iter().enumerate().filter(|(other, _)| *other != at);
        let mut bumps = others.flat_map(|(_, one)| one.bumps());
        !graph.whole && moves.len() > 1 || bumps.any(|bump| names.contains(bump.package.as_str()))
    }
}

/// Why a way that the package manager accepted leads nowhere: what it brings in is open and could not be closed.
fn no_better(way: &Way, before: &Open, open: &[Finding]) -> NoWay {
    let gone: Vec<String> =
        way.bumps.iter().map(|bump| format!("{} {}", bump.package, bump.to)).collect();
    let after = count(open);
    let brought: Vec<String> = open
        .iter()
        .filter_map(|finding| {
            let is_new = |id: &&String| {
                let key = (finding.package.clone(), (*id).clone());
                after.get(&key) > before.get(&key)
            };
            let ids: Vec<&str> = finding.advisories.iter().filter(is_new).map(|id| &**id).collect();
            let named = format!("{} {} with {}", finding.package, finding.version, ids.join(", "));
            (!ids.is_empty()).then_some(named)
        })
        .collect();
    if brought.is_empty() {
        let detail = format!("{} closes no advisory on the whole", gone.join(" with "));
        return NoWay { why: Why::RefusedByResolver, detail };
    }
    NoWay {
        why: Why::NoFixedVersion,
        detail: format!(
            "{} would bring in {}, and no version without an advisory was found for that",
            gone.join(" with "),
            brought.join("; ")
        ),
    }
}

fn no_way(refused: &Refused) -> NoWay {
    NoWay { why: refused.why(), detail: refused.words().to_owned() }
}
