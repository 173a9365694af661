//! Bisecting: of moves that together break a check, keep the largest part that holds.
//!
//! The whole is known to break, so it is not run again; it is split in halves, and each half is tried on top of what
//! holds already. A single move that breaks is tried by its other ways: for updates the newest lower version that
//! holds (by halving, on the assumption that what breaks stays broken upwards), for remediation the next
//! compatible ones in turn. What breaks in every way is dropped, with the check's own words. One move that
//! breaks alone and has no other way needs no run at all: its error is known from the attempt before.

use std::collections::BTreeSet;

use domain::check::{Check, CheckResult};
use domain::dependency::Ecosystem as Kind;
use domain::limit::{QUOTE_MAX_CHARS, head_chars};
use toolbox::dependencies::Bump;

use super::Work;
use super::checkout::Mark;
use super::judged;
use super::moves::{self, Move};
use crate::context::Failure;
use crate::outcome::BrainError;

/// How often the broken checks are run in one bisection.
const CHECK_RUNS_MAX: usize = 24;

/// The most other ways of one move that are looked at.
const OTHERS_MAX: usize = 32;

/// How the other ways of a move are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// Versions of falling age: the newest that holds is found by halving.
    Halved,
    /// In turn.
    InTurn,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Parted {
    /// In the checkout, and nothing newly fails with it.
    pub(super) kept: Vec<Move>,
    /// Taken out, with the words of what broke.
    pub(super) broken: Vec<(Move, String)>,
}

/// Keeps the part of `moves` that holds, where the last attempt broke checks with them.
pub(super) async fn part(
    work: &mut Work<'_>,
    start: &Mark,
    moves: Vec<Move>,
    others: Others,
) -> Result<Parted, BrainError> {
    let Some(previous) = work.context.previous.filter(|previous| !previous.failures.is_empty())
    else {
        return Ok(Parted { kept: moves, broken: Vec::new() });
    };
    if moves.is_empty() {
        return Ok(Parted::default());
    }
    let words = words(&previous.failures);
    let is_same = moved(work) == previous_moves(work);
    let mut bisection =
        Bisection { work, others, checks: None, runs: 0, parted: Parted::default() };
    bisection.work.checkout.back_to(start).await?;
    let known = is_same.then_some(Known { kept: 0, words: words.clone() });
    bisection.halve(moves, known, &words).await?;
    Ok(bisection.parted)
}

/// Every version that changed, as the last attempt's report would have it.
fn moved(work: &Work<'_>) -> BTreeSet<(Kind, String, String, String)> {
    super::report::moved(work).collect()
}

fn previous_moves(work: &Work<'_>) -> BTreeSet<(Kind, String, String, String)> {
    let previous = work.context.previous.iter().flat_map(|previous| &previous.updates);
    previous.map(|u| (u.ecosystem, u.package.clone(), u.from.clone(), u.to.clone())).collect()
}

fn words(failures: &[Failure]) -> String {
    let one = |failure: &Failure| {
        let tests = match failure.tests.as_slice() {
            [] => String::new(),
            tests => format!(": {}", tests.join(", ")),
        };
        format!("`{}` newly fails{tests}\n{}", failure.command, failure.excerpt)
    };
    let all: Vec<String> = failures.iter().map(one).collect();
    head_chars(all.join("\n").trim_end(), QUOTE_MAX_CHARS)
}

/// A bundle that is known to break on top of so many kept moves.
struct Known {
    kept: usize,
    words: String,
}

enum Answer {
    Holds,
    Breaks(String),
    OutOfRuns,
}

struct Bisection<'w, 'a> {
    work: &'w mut Work<'a>,
    others: Others,
    /// The checks with their results on the base, once they are known.
    checks: Option<Vec<(&'a Check, CheckResult)>>,
    runs: usize,
    parted: Parted,
}

impl Bisection<'_, '_> {
    async fn halve(
        &mut self,
        moves: Vec<Move>,
        known: Option<Known>,
        words: &str,
    ) -> Result<(), BrainError> {
        let mut stack = vec![(moves, known)];
        while let Some((mut bundle, known)) = stack.pop() {
            let known = known.filter(|known| known.kept == self.parted.kept.len());
            let words = match self.try_bundle(&bundle, known).await? {
                Answer::Holds => {
                    self.parted.kept.extend(bundle);
                    continue;
                }
                Answer::Breaks(words) => words,
                Answer::OutOfRuns => {
                    let over = format!(
                        "not told apart within {CHECK_RUNS_MAX} runs of the checks; together:\n{words}"
                    );
                    self.parted.broken.extend(bundle.into_iter().map(|m| (m, over.clone())));
                    continue;
                }
            };
            if bundle.len() > 1 {
                let second = bundle.split_off(bundle.len() / 2);
                let kept = self.parted.kept.len() + bundle.len();
                stack.push((second, Some(Known { kept, words })));
                stack.push((bundle, None));
            } else if let Some(single) = bundle.pop() {
                match self.another_way(&single).await? {
                    Some(other) => self.parted.kept.push(other),
                    None => self.parted.broken.push((single, words)),
                }
            }
        }
        Ok(())
    }

    /// Puts a bundle on top of what is kept and runs the checks; it stays in only where they hold.
    async fn try_bundle(
        &mut self,
        bundle: &[Move],
        known: Option<Known>,
    ) -> Result<Answer, BrainError> {
        if let Some(known) = known {
            return Ok(Answer::Breaks(known.words));
        }
        self.know_baseline().await?;
        let mark = self.work.checkout.mark();
        if let Err(refused) = moves::put_in(&mut self.work.checkout, bundle).await? {
            return Ok(Answer::Breaks(refused.words().to_owned()));
        }
        let answer = self.run_checks().await?;
        if !matches!(answer, Answer::Holds) {
            self.work.checkout.back_to(&mark).await?;
        }
        Ok(answer)
    }

    async fn another_way(&mut self, single: &Move) -> Result<Option<Move>, BrainError> {
        let others: Vec<&Vec<Vec<Bump>>> = single.others.iter().take(OTHERS_MAX).collect();
        let mut found = None;
        match self.others {
            Others::InTurn => {
                for steps in others {
                    let other = single.with_steps(steps);
                    if self.holds(&other).await? {
                        return Ok(Some(other));
                    }
                }
            }
            Others::Halved => {
                let start = self.work.checkout.mark();
                let mut best = None;
                let (mut low, mut high) = (0, others.len());
                while low < high {
                    let middle = usize::midpoint(low, high);
                    let other = single.with_steps(others[middle]);
                    if self.holds(&other).await? {
                        best = Some(self.work.checkout.mark());
                        found = Some(other);
                        high = middle;
                        self.work.checkout.back_to(&start).await?;
                    } else {
                        low = middle + 1;
                    }
                }
                if let Some(best) = best {
                    self.work.checkout.back_to(&best).await?;
                }
            }
        }
        Ok(found)
    }

    async fn holds(&mut self, other: &Move) -> Result<bool, BrainError> {
        let answer = self.try_bundle(std::slice::from_ref(other), None).await?;
        Ok(matches!(answer, Answer::Holds))
    }

    /// The results on the base: as the attempt before knew them, else from a run on the base.
    async fn know_baseline(&mut self) -> Result<(), BrainError> {
        if self.checks.is_some() {
            return Ok(());
        }
        let context = self.work.context;
        let failures = context.previous.map(|p| p.failures.as_slice()).unwrap_or_default();
        let failed = |check: &Check| {
            let command = check.command.display();
            failures.iter().any(|failure| failure.command == command)
        };
        let any = context.checks.iter().any(failed);
        let baseline = context.previous.map(|p| p.baseline.as_slice()).unwrap_or_default();
        let kept = self.work.checkout.mark();
        let base = self.work.base.clone();
        let mut known = Vec::new();
        for (at, check) in context.checks.iter().enumerate().filter(|(_, c)| !any || failed(c)) {
            let result = match baseline.get(at) {
                Some(result) if baseline.len() == context.checks.len() => result.clone(),
                Some(_) | None => {
                    self.work.checkout.back_to(&base).await?;
                    let judged = judged::run(self.work.checkout.workspace(), check).await?;
                    self.work.checkout.scrub().await?;
                    judged.result
                }
            };
            known.push((check, result));
        }
        self.work.checkout.back_to(&kept).await?;
        self.checks = Some(known);
        Ok(())
    }

    async fn run_checks(&mut self) -> Result<Answer, BrainError> {
        let checks = self.checks.clone().unwrap_or_default();
        if self.runs >= CHECK_RUNS_MAX || checks.is_empty() {
            return Ok(Answer::OutOfRuns);
        }
        self.runs += 1;
        for (check, before) in checks {
            let workspace = self.work.checkout.workspace();
            workspace.progress(&format!("which part breaks: {}", check.command.display()));
            let judged = judged::run(workspace, check).await?;
            let tests = judged.newly_failing(&before);
            self.work.checkout.scrub().await?;
            if !tests.is_empty() {
                let excerpt = judged.quote(check, &tests);
                let failure = Failure { command: check.command.display(), tests, excerpt };
                return Ok(Answer::Breaks(words(&[failure])));
            }
        }
        Ok(Answer::Holds)
    }
}
