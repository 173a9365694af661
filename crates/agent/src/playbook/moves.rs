//! Moves: sets of bumps that go in together or not at all, and how as many of them as possible go in.

use domain::limit::{QUOTE_MAX_CHARS, head_chars};
use toolbox::dependencies::Bump;

use super::checkout::{Checkout, Refused};
use crate::outcome::BrainError;

/// The most lower versions that are tried in a resolver's place of a refused one.
const LOWER_TRIED_MAX: usize = 5;

/// Bumps that belong together: one package, or one with the parents that must go with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    /// The project, as its place in the survey.
    pub(crate) place: usize,
    /// What is moved, one plan after the other.
    pub(crate) steps: Vec<Vec<Bump>>,
    /// The package and version that it is made for.
    pub(crate) about: (String, String),
    /// Other ways to the same end, the preferred first.
    pub(crate) others: Vec<Vec<Vec<Bump>>>,
}

impl Move {
    /// One package to the first of some versions, the rest being other ways.
    pub(crate) fn single(place: usize, package: &str, from: &str, to: &[String]) -> Option<Self> {
        let steps = |to: &String| {
            vec![vec![Bump { package: package.to_owned(), from: from.to_owned(), to: to.clone() }]]
        };
        let (first, rest) = to.split_first()?;
        Some(Self {
            place,
            steps: steps(first),
            about: (package.to_owned(), from.to_owned()),
            others: rest.iter().map(steps).collect(),
        })
    }

    /// The same end by another way.
    pub(crate) fn with_steps(&self, steps: &[Vec<Bump>]) -> Self {
        Self { steps: steps.to_vec(), others: Vec::new(), ..self.clone() }
    }

    /// The bump that the move is about: the last of its last step.
    pub(crate) fn head(&self) -> Option<&Bump> {
        self.steps.last().and_then(|step| step.last())
    }

    /// Every bump.
    pub(crate) fn bumps(&self) -> impl Iterator<Item = &Bump> {
        self.steps.iter().flatten()
    }
}

/// What became of some moves.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// In the checkout.
    pub(crate) held: Vec<Move>,
    /// Not, with the first answer that the preferred way got.
    pub(crate) refused: Vec<(Move, Refused)>,
}

/// Puts in as many moves as the package managers accept. A bundle that is refused is split in halves; a
/// single one that is refused falls back to lower versions; those refused alone are tried once more
/// together, because packages that require each other only move in step.
pub(crate) async fn settle(
    checkout: &mut Checkout<'_>,
    moves: Vec<Move>,
) -> Result<Settled, BrainError> {
    let mut settled = Settled::default();
    let mut stack = vec![moves];
    while let Some(mut bundle) = stack.pop() {
        if bundle.is_empty() {
            continue;
        }
        match put_in(checkout, &bundle).await? {
            Ok(()) => settled.held.extend(bundle),
            Err(refused) if bundle.len() == 1 => {
                settled.refused.extend(bundle.pop().map(|single| (single, refused)));
            }
            Err(_) => {
                let second = bundle.split_off(bundle.len() / 2);
                stack.push(second);
                stack.push(bundle);
            }
        }
    }
    if settled.refused.len() > 1 {
        let together: Vec<Move> = settled.refused.iter().map(|(m, _)| m.clone()).collect();
        if put_in(checkout, &together).await?.is_ok() {
            settled.held.extend(together);
            settled.refused.clear();
        }
    }
    for (refused, words) in std::mem::take(&mut settled.refused) {
        match lower(checkout, &refused).await? {
            Some(held) => settled.held.push(held),
            None => settled.refused.push((refused, words)),
        }
    }
    Ok(settled)
}

async fn lower(checkout: &mut Checkout<'_>, refused: &Move) -> Result<Option<Move>, BrainError> {
    for (at, steps) in refused.others.iter().enumerate().take(LOWER_TRIED_MAX) {
        let mut other = refused.with_steps(steps);
        if put_in(checkout, std::slice::from_ref(&other)).await?.is_ok() {
            other.others = refused.others[at + 1..].to_vec();
            return Ok(Some(other));
        }
    }
    Ok(None)
}

/// Puts in all of some moves, or none. Moves of one step in one project go in as one plan.
pub(crate) async fn put_in(
    checkout: &mut Checkout<'_>,
    moves: &[Move],
) -> Result<Result<(), Refused>, BrainError> {
    let mark = checkout.mark();
    for run in moves.chunk_by(|a, b| a.place == b.place && a.steps.len() == 1 && b.steps.len() == 1)
    {
        let Some(first) = run.first() else { continue };
        let joint: Vec<Vec<Bump>> = if run.len() > 1 {
            vec![run.iter().flat_map(Move::bumps).cloned().collect()]
        } else {
            first.steps.clone()
        };
        for step in &joint {
            if let Err(refused) = checkout.apply(first.place, step).await? {
                checkout.back_to(&mark).await?;
                return Ok(Err(refused));
            }
        }
    }
    for one in moves {
        if let Some(kept) = kept(checkout, one) {
            checkout.back_to(&mark).await?;
            return Ok(Err(kept));
        }
    }
    Ok(Ok(()))
}

/// Package managers may report success and move nothing: only the lock counts.
fn kept(checkout: &Checkout<'_>, one: &Move) -> Option<Refused> {
    let head = one.head()?;
    let graph = checkout.graph(one.place);
    let is_at = |version: &String| graph.named(&head.package).any(|(_, p)| p.version == *version);
    // Without a lock, a widened range resolves to its newest version: that the old one is gone is all there is.
    let has_lock = checkout.places()[one.place].project.lock.is_some();
    if is_at(&head.to) || (!has_lock && !is_at(&head.from)) {
        return None;
    }
    let now: Vec<&str> = graph.named(&head.package).map(|(_, p)| p.version.as_str()).collect();
    let words = format!(
        "asked for {} {}, the package manager reported success and locked {}",
        head.package,
        head.to,
        if now.is_empty() { "none".to_owned() } else { now.join(", ") }
    );
    Some(Refused::Immovable(head_chars(&words, QUOTE_MAX_CHARS)))
}
