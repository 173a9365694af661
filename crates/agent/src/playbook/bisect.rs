//! Bisecting: of moves that together break a check, keep the largest part that holds.
//!
//! The whole is known to break, so it is not run again. It is halved: a first half that holds stays in, and what breaks
//! is in the second; of a first half that breaks, the second waits. So one that breaks is found among `n` in
//! log2 `n` runs of the checks, and one more tells whether all that waited holds without it. One that breaks is
//! run alone before it is blamed, and tried by its other ways: for updates the newest lower version that holds (by halving, on the assumption that
//! what breaks stays broken upwards), for remediation the next compatible ones in turn. What breaks in every way
//! is dropped, with the check's own words. One move that breaks alone and has no other way needs no run at all:
//! its error is known from the attempt before.

use std::collections::BTreeSet;

use domain::check::{Check, CheckResult};
use domain::dependency::{Ecosystem as Kind, Why};
use domain::limit::{QUOTE_MAX_CHARS, head_chars};
use toolbox::checks;
use toolbox::dependencies::Bump;

use super::Work;
use super::checkout::{Fit, Mark};
use super::companions::{self, Allowed};
use super::judged::{self, SetUp};
use super::moves::{self, Move};
use crate::context::Failure;
use crate::outcome::BrainError;

/// How often the broken checks are run in one bisection.
const CHECK_RUNS_MAX: usize = 16;

/// The most other ways of one move that are looked at.
const OTHERS_MAX: usize = 32;

/// How often the broken checks are run for the other ways of one move.
const OTHER_RUNS_MAX: usize = 4;

/// How often the broken checks are run for one move with what moves along.
const COMPANION_RUNS_MAX: usize = 3;

/// The most packages that a line of progress names.
const NAMED_MAX: usize = 3;

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
    /// Taken out.
    pub(super) broken: Vec<Broken>,
    /// Taken out with another way to the same end kept in its place, whose version stands beside it.
    pub(super) lowered: Vec<(Broken, String)>,
}

/// A move that was taken out.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) one: Move,
    pub(super) why: Why,
    /// The words of what broke, or of who refused.
    pub(super) words: String,
}

/// Keeps the part of `moves` that holds, where the last attempt broke checks with them.
pub(super) async fn part(
    work: &mut Work<'_>,
    start: &Mark,
    moves: Vec<Move>,
    (others, allowed): (Others, Allowed),
) -> Result<Parted, BrainError> {
    let Some(previous) = work.context.previous.filter(|previous| !previous.failures.is_empty())
    else {
        return Ok(Parted { kept: moves, ..Parted::default() });
    };
    if moves.is_empty() {
        return Ok(Parted::default());
    }
    let words = words(&previous.failures);
    let is_same = moved(work) == previous_moves(work);
    let mut bisection =
        Bisection { work, others, allowed, checks: None, runs: 0, parted: Parted::default() };
    bisection.work.checkout.back_to(start).await?;
    bisection.sift(moves, is_same.then_some(words)).await?;
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

/// What the words of a failure mean: a lock that the package manager does not take is nothing that code mends.
fn broken_why(words: &str) -> Why {
    if checks::is_disagreement(words, words) {
        Why::RefusedByResolver
    } else {
        Why::NeedsCodeChange
    }
}

/// What stands at these places, and the rest.
fn split(moves: Vec<Move>, inside: &BTreeSet<usize>) -> (Vec<Move>, Vec<Move>) {
    let (inside, outside): (Vec<_>, Vec<_>) =
        moves.into_iter().enumerate().partition(|(at, _)| inside.contains(at));
    let moves = |part: Vec<(usize, Move)>| part.into_iter().map(|(_, one)| one).collect();
    (moves(inside), moves(outside))
}

/// What moves move, for a line of progress.
fn listed(moves: &[Move]) -> String {
    let named: Vec<String> = moves.iter().take(NAMED_MAX).map(Move::told).collect();
    match moves.len().saturating_sub(NAMED_MAX) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

enum Answer {
    Holds,
    Breaks(String),
    /// The package manager does not take it as it is.
    Refused,
    OutOfRuns,
}

struct Bisection<'w, 'a> {
    work: &'w mut Work<'a>,
    others: Others,
    allowed: Allowed,
    /// The checks with their results on the base, once they are known.
    checks: Option<Vec<(&'a Check, CheckResult)>>,
    runs: usize,
    parted: Parted,
}

impl Bisection<'_, '_> {
    /// Takes out what breaks, one after the other; `known` are the words where all of it is known to break.
    async fn sift(
        &mut self,
        moves: Vec<Move>,
        mut known: Option<String>,
    ) -> Result<(), BrainError> {
        let mut waiting = moves;
        while !waiting.is_empty() {
            let words = match known.take() {
                Some(words) => words,
                None => match self.try_bundle(&waiting).await? {
                    Answer::Holds => {
                        self.parted.kept.append(&mut waiting);
                        break;
                    }
                    Answer::Breaks(words) => words,
                    Answer::Refused => match self.try_settled(&mut waiting).await? {
                        Answer::Holds => {
                            self.parted.kept.append(&mut waiting);
                            break;
                        }
                        Answer::Breaks(words) => words,
                        Answer::Refused | Answer::OutOfRuns => {
                            self.give_up(&mut waiting, "");
                            break;
                        }
                    },
                    Answer::OutOfRuns => {
                        self.give_up(&mut waiting, "");
                        break;
                    }
                },
            };
            waiting = self.find(waiting, words).await?;
        }
        Ok(())
    }

    /// Finds one of `suspects`, which break together, that breaks on top of what is kept; returns those of which
    /// nothing is known.
    async fn find(
        &mut self,
        mut suspects: Vec<Move>,
        mut words: String,
    ) -> Result<Vec<Move>, BrainError> {
        let mut waiting = Vec::new();
        // Of what is left when the rest holds, nobody knows yet that it breaks by itself.
        let mut is_inferred = false;
        while suspects.len() > 1 {
            self.know_baseline().await?;
            let mark = self.work.checkout.mark();
            let Some(part) = self.put_in_part(&suspects).await? else {
                let words = format!("these only move together:\n{words}");
                self.take_out(suspects, broken_why(&words), &words);
                return Ok(waiting);
            };
            let (mut inside, mut outside) = split(suspects, &part);
            self.say(&format!("trying without {}", listed(&outside)));
            match self.run_checks().await? {
                Answer::Holds => {
                    self.parted.kept.append(&mut inside);
                    suspects = outside;
                    is_inferred = true;
                    continue;
                }
                Answer::Breaks(new) => {
                    words = new;
                    waiting.append(&mut outside);
                    suspects = inside;
                    is_inferred = false;
                }
                Answer::Refused | Answer::OutOfRuns => {
                    inside.append(&mut outside);
                    inside.append(&mut waiting);
                    suspects = Vec::new();
                    self.give_up(&mut inside, &words);
                }
            }
            self.work.checkout.back_to(&mark).await?;
        }
        if let Some(single) = suspects.pop() {
            if is_inferred {
                match self.try_bundle(std::slice::from_ref(&single)).await? {
                    Answer::Holds => {
                        self.parted.kept.push(single);
                        return Ok(waiting);
                    }
                    Answer::Breaks(alone) => words = alone,
                    Answer::Refused | Answer::OutOfRuns => {}
                }
            }
            if self.with_waiting(&single, &mut waiting).await? {
                return Ok(waiting);
            }
            let mut other = self.another_way(&single, &mut words).await?;
            if other.is_none() {
                other = self.with_companions(&single, &mut words).await?;
            }
            match other {
                Some(other) if !other.along.is_empty() => self.parted.kept.push(other),
                Some(other) => {
                    if let Some(head) = other.head() {
                        let broken = Broken { one: single, why: broken_why(&words), words };
                        self.parted.lowered.push((broken, head.to.clone()));
                    }
                    self.parted.kept.push(other);
                }
                None => self.take_out(vec![single], broken_why(&words), &words),
            }
        }
        Ok(waiting)
    }

    /// Puts in about a half of some moves: the first part that the package manager takes without the rest. The
    /// answer is where its members stand; nothing where they only move together.
    async fn put_in_part(&mut self, moves: &[Move]) -> Result<Option<BTreeSet<usize>>, BrainError> {
        let all = moves.len();
        let first = (all / 2..all).map(|end| (0..end).collect::<BTreeSet<usize>>());
        let without_one = (0..all).map(|out| (0..all).filter(|at| *at != out).collect());
        for part in first.chain(without_one) {
            let inside: Vec<Move> = part.iter().map(|at| moves[*at].clone()).collect();
            if moves::put_in(&mut self.work.checkout, &inside).await?.is_ok() {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    fn take_out(&mut self, moves: Vec<Move>, why: Why, words: &str) {
        let broken = |one| Broken { one, why, words: words.to_owned() };
        self.parted.broken.extend(moves.into_iter().map(broken));
    }

    fn give_up(&mut self, moves: &mut Vec<Move>, words: &str) {
        let over = format!(
            "not told apart within {CHECK_RUNS_MAX} runs of the checks; together:\n{words}"
        );
        self.take_out(
            std::mem::take(moves),
            Why::OverLimit,
            over.trim_end_matches("; together:\n"),
        );
    }

    /// Puts in what the package manager does not take all at once: in parts, at lower versions where there are some, and
    /// without what does not go in after what was taken out before. Then runs the checks; it stays in only where they hold.
    async fn try_settled(&mut self, waiting: &mut Vec<Move>) -> Result<Answer, BrainError> {
        let mark = self.work.checkout.mark();
        let settled = moves::settle(&mut self.work.checkout, std::mem::take(waiting)).await?;
        for (one, refused) in settled.refused {
            self.take_out(vec![one], Why::RefusedByResolver, refused.words());
        }
        *waiting = settled.held;
        if waiting.is_empty() {
            return Ok(Answer::Holds);
        }
        self.say(&format!("trying {}", listed(waiting)));
        let answer = self.run_checks().await?;
        if !matches!(answer, Answer::Holds) {
            self.work.checkout.back_to(&mark).await?;
        }
        Ok(answer)
    }

    /// Puts a bundle on top of what is kept and runs the checks; it stays in only where they hold.
    async fn try_bundle(&mut self, bundle: &[Move]) -> Result<Answer, BrainError> {
        self.know_baseline().await?;
        let mark = self.work.checkout.mark();
        self.say(&format!("trying {}", listed(bundle)));
        if moves::put_in(&mut self.work.checkout, bundle).await?.is_err() {
            return Ok(Answer::Refused);
        }
        let answer = self.run_checks().await?;
        if !matches!(answer, Answer::Holds) {
            self.work.checkout.back_to(&mark).await?;
        }
        Ok(answer)
    }

    /// Tries what breaks alone together with moves of what depends on it, which were to be tried later anyway.
    async fn with_waiting(
        &mut self,
        single: &Move,
        waiting: &mut Vec<Move>,
    ) -> Result<bool, BrainError> {
        let graph = self.work.checkout.graph(single.place);
        let dependants = companions::dependants(&graph, single).concat();
        let names: BTreeSet<&String> = dependants.iter().map(|id| &graph.get(*id).name).collect();
        let is_dependant = |one: &Move| {
            one.place == single.place && one.head().is_some_and(|h| names.contains(&h.package))
        };
        let mut bundle: Vec<Move> = waiting.iter().filter(|m| is_dependant(m)).cloned().collect();
        if bundle.is_empty() {
            return Ok(false);
        }
        bundle.push(single.clone());
        let holds = matches!(self.try_bundle(&bundle).await?, Answer::Holds);
        if holds {
            waiting.retain(|one| !is_dependant(one));
            self.parted.kept.append(&mut bundle);
        }
        Ok(holds)
    }

    /// Tries what breaks in every way together with what depends on it, raised to versions that know it. Where that
    /// does not help either, the words tell that it was tried.
    async fn with_companions(
        &mut self,
        single: &Move,
        words: &mut String,
    ) -> Result<Option<Move>, BrainError> {
        let runs_max = self.runs + COMPANION_RUNS_MAX;
        let mut tried: Vec<String> = Vec::new();
        let mut was_refused = false;
        for rung in companions::rungs(self.work, single, &self.allowed).await {
            if self.runs >= runs_max {
                break;
            }
            if rung.after_refusal && !was_refused {
                continue;
            }
            let other = single.with_companions(rung.bumps);
            match self.try_bundle(std::slice::from_ref(&other)).await? {
                Answer::Holds => return Ok(Some(other)),
                Answer::Breaks(_) => {
                    was_refused = false;
                    tried.push(other.told());
                }
                Answer::Refused => was_refused = true,
                Answer::OutOfRuns => break,
            }
        }
        if !tried.is_empty() {
            *words = format!("also as {}:\n{words}", tried.join(", or "));
        }
        Ok(None)
    }

    fn say(&self, line: &str) {
        self.work.checkout.workspace().progress(line);
    }

    /// Another way to the same end. Where one is not taken that was to have the version itself installed, the words say so.
    async fn another_way(
        &mut self,
        single: &Move,
        words: &mut String,
    ) -> Result<Option<Move>, BrainError> {
        let others: Vec<&Vec<Vec<Bump>>> = single.others.iter().take(OTHERS_MAX).collect();
        let mut found = None;
        match self.others {
            Others::InTurn => {
                for steps in others.into_iter().take(OTHER_RUNS_MAX) {
                    let other = single.with_steps(steps);
                    match self.try_bundle(std::slice::from_ref(&other)).await? {
                        Answer::Holds => return Ok(Some(other)),
                        Answer::Refused if other.fit.0 == Fit::Close => {
                            let told = other.told();
                            *words = format!("{told} itself could not be installed:\n{words}");
                        }
                        Answer::Breaks(_) | Answer::Refused | Answer::OutOfRuns => {}
                    }
                }
            }
            Others::Halved => {
                let start = self.work.checkout.mark();
                let mut best = None;
                let (mut low, mut high) = (0, others.len());
                for _ in 0..OTHER_RUNS_MAX {
                    if low >= high {
                        break;
                    }
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
        let answer = self.try_bundle(std::slice::from_ref(other)).await?;
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
        let is_known = baseline.len() == context.checks.len();
        let kept = self.work.checkout.mark();
        if !is_known {
            let base = self.work.base.clone();
            self.work.checkout.back_to(&base).await?;
        }
        let (mut known, mut set_up) = (Vec::new(), SetUp::default());
        for (at, check) in context.checks.iter().enumerate().filter(|(_, c)| !any || failed(c)) {
            let result = match baseline.get(at).filter(|_| is_known) {
                Some(result) => result.clone(),
                None => {
                    let workspace = self.work.checkout.workspace();
                    judged::run(workspace, check, &mut set_up).await?.result
                }
            };
            known.push((check, result));
        }
        if !is_known {
            self.work.checkout.scrub().await?;
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
        let workspace = self.work.checkout.workspace();
        let mut set_up = SetUp::default();
        let mut answer = Answer::Holds;
        for (check, before) in checks {
            workspace.progress(&format!("which part breaks: {}", check.command.display()));
            let judged = judged::run(workspace, check, &mut set_up).await?;
            let tests = judged.newly_failing(&before);
            if !tests.is_empty() {
                let excerpt = judged.quote(check, &tests);
                let failure = Failure { command: check.command.display(), tests, excerpt };
                answer = Answer::Breaks(words(&[failure]));
                break;
            }
        }
        self.work.checkout.scrub().await?;
        Ok(answer)
    }
}
