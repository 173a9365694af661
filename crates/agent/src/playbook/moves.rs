//! Moves: sets of bumps that go in together or not at all, and how as many of them as possible go in.

use domain::limit::{QUOTE_MAX_CHARS, head_chars};
use toolbox::dependencies::Bump;

use super::checkout::{Checkout, Fit, Refused};
use crate::outcome::BrainError;

/// The most lower versions that are tried in place of a refused one.
const LOWER_TRIED_MAX: usize = 4;

/// How often what is refused is tried again on top of what holds since.
const PASSES_MAX: usize = 4;

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
    /// Those of the steps that are there because they break with the rest otherwise.
    pub(crate) along: Vec<Bump>,
    /// How requirements are moved for it, and for the other ways.
    pub(crate) fit: (Fit, Fit),
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
            along: Vec::new(),
            fit: (Fit::Style, Fit::Style),
        })
    }

    /// The same end by another way.
    pub(crate) fn with_steps(&self, steps: &[Vec<Bump>]) -> Self {
        let fit = (self.fit.1, self.fit.1);
        Self { steps: steps.to_vec(), others: Vec::new(), fit, ..self.clone() }
    }

    /// The same with others that move along.
    pub(crate) fn with_companions(&self, along: Vec<Bump>) -> Self {
        let joint = along.iter().chain(self.bumps()).cloned().collect();
        Self { along, fit: self.fit, ..self.with_steps(&[joint]) }
    }

    /// What it moves, for a person.
    pub(crate) fn told(&self) -> String {
        let Some(head) = self.head() else { return String::new() };
        let along = self.along.iter().map(|bump| format!("{} {}", bump.package, bump.to));
        let along: Vec<String> = along.collect();
        let with = if along.is_empty() { "" } else { " with " };
        format!("{} {}{with}{}", head.package, head.to, along.join(", "))
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
    /// Not, with the last answer that the preferred way got.
    pub(crate) refused: Vec<(Move, Refused)>,
}

/// Puts in as many moves as the package managers accept: all of them at once, which is all that most sets need.
///
/// A set that is refused is parted: what the refusal does not name goes in first, then what it names; where it names
/// none or all, halves. What is refused is tried again at its best version on top of what holds by then, until nothing
/// more moves. Only after that are single ones tried at lower versions.
pub(crate) async fn settle(
    checkout: &mut Checkout<'_>,
    moves: Vec<Move>,
) -> Result<Settled, BrainError> {
    let mut settled = settle_as_asked(checkout, moves).await?;
    for (refused, words) in std::mem::take(&mut settled.refused) {
        match lower(checkout, &refused, &words).await? {
            Some(held) => settled.held.push(held),
            None => settled.refused.push((refused, words)),
        }
    }
    Ok(settled)
}

/// The same without lower versions.
pub(crate) async fn settle_as_asked(
    checkout: &mut Checkout<'_>,
    moves: Vec<Move>,
) -> Result<Settled, BrainError> {
    let mut settled = Settled::default();
    let mut open = moves;
    for _ in 0..PASSES_MAX {
        let pass = sift(checkout, open).await?;
        let moved = !pass.held.is_empty();
        open = pass.refused.iter().map(|(one, _)| one.clone()).collect();
        settled.held.extend(pass.held);
        settled.refused = pass.refused;
        if open.is_empty() || !moved {
            break;
        }
    }
    Ok(settled)
}

/// Puts in the largest parts that the package managers accept, each on top of those before.
async fn sift(checkout: &mut Checkout<'_>, moves: Vec<Move>) -> Result<Settled, BrainError> {
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
            // Whatever of it is moved, the answer stays.
            Err(refused @ Refused::AsBefore(_)) => {
                settled.refused.extend(bundle.into_iter().map(|one| (one, refused.clone())));
            }
            Err(refused) => {
                let (first, second) = parted(bundle, &refused);
                stack.push(second);
                stack.push(first);
            }
        }
    }
    Ok(settled)
}

/// What a refusal does not name, and what it names; halves where that does not part them.
fn parted(bundle: Vec<Move>, refused: &Refused) -> (Vec<Move>, Vec<Move>) {
    let words = refused.words();
    let is_named = |one: &Move| one.head().is_some_and(|head| names(words, &head.package));
    let (named, mut unnamed): (Vec<Move>, Vec<Move>) = bundle.into_iter().partition(is_named);
    if !named.is_empty() && !unnamed.is_empty() {
        return (unnamed, named);
    }
    unnamed.extend(named);
    let second = unnamed.split_off(unnamed.len() / 2);
    (unnamed, second)
}

/// Whether a text names a package: as a word, whatever case and whichever of `-`, `_` and `.` it is written with.
fn names(text: &str, package: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['_', '.'], "-");
    let package = plain(package.trim_start_matches('@'));
    let mut words = text.split(|c: char| !c.is_alphanumeric() && !"-_./".contains(c));
    words.any(|word| plain(word.trim_matches(['.', '-', '/'])) == package)
}

/// The newest lower version that goes in, found by halving on the assumption that what is refused stays refused upwards.
/// Where the refusal says in which range the package is held, only versions in it are looked at.
async fn lower(
    checkout: &mut Checkout<'_>,
    refused: &Move,
    words: &Refused,
) -> Result<Option<Move>, BrainError> {
    let Some(head) = refused.head() else { return Ok(None) };
    let ecosystem = checkout.places()[refused.place].ecosystem;
    let ranges = ranges(words.words(), &head.package);
    let to = |steps: &Vec<Vec<Bump>>| steps.last().and_then(|s| s.last()).map(|b| b.to.clone());
    let fits = |steps: &&Vec<Vec<Bump>>| {
        to(steps).is_some_and(|to| ranges.iter().all(|range| ecosystem.admits(range, &to)))
    };
    let mut others: Vec<&Vec<Vec<Bump>>> = refused.others.iter().filter(fits).collect();
    let is_known = others.len() < refused.others.len();
    if others.is_empty() {
        others = refused.others.iter().collect();
    }
    let line = format!("looking for a lower version of {} that goes in", head.package);
    checkout.workspace().progress(&line);
    let start = checkout.mark();
    let mut found = None;
    let (mut low, mut high) = (0, others.len());
    for tried in 0..LOWER_TRIED_MAX {
        if low >= high {
            break;
        }
        // The newest that the known range admits is most likely the one.
        let at = if is_known && tried == 0 { low } else { usize::midpoint(low, high) };
        let other = refused.with_steps(others[at]);
        if put_in(checkout, std::slice::from_ref(&other)).await?.is_ok() {
            let rest = others[at + 1..].iter().map(|steps| (*steps).clone()).collect();
            found = Some((checkout.mark(), Move { others: rest, ..other }));
            high = at;
            checkout.back_to(&start).await?;
        } else {
            low = at + 1;
        }
    }
    let Some((mark, held)) = found else { return Ok(None) };
    checkout.back_to(&mark).await?;
    Ok(Some(held))
}

/// The ranges that a refusal's words hold a package to: `requests 2.22.0 depends on idna<2.9 and >=2.5`,
/// `no version of b matches ^1.0`.
fn ranges(words: &str, package: &str) -> Vec<String> {
    let mut ranges = Vec::new();
    for line in words.lines() {
        let Some((_, wanted)) = line.split_once(" depends on ") else { continue };
        let Some(at) = wanted.find(['=', '<', '>', '!', '~', '^']) else { continue };
        let Some((name, range)) = wanted.split_at_checked(at) else { continue };
        if names(name, package) {
            ranges.push(range.replace(" and ", ",").trim_end_matches(['.', ';', ',']).to_owned());
        }
    }
    ranges
}

/// Puts in all of some moves, or none. Moves of one step in one project go in as one plan.
pub(crate) async fn put_in(
    checkout: &mut Checkout<'_>,
    moves: &[Move],
) -> Result<Result<(), Refused>, BrainError> {
    let mark = checkout.mark();
    let is_joint = |a: &Move, b: &Move| {
        a.place == b.place && a.fit.0 == b.fit.0 && a.steps.len() == 1 && b.steps.len() == 1
    };
    for run in moves.chunk_by(is_joint) {
        let Some(first) = run.first() else { continue };
        let joint: Vec<Vec<Bump>> = if run.len() > 1 {
            vec![run.iter().flat_map(Move::bumps).cloned().collect()]
        } else {
            first.steps.clone()
        };
        for step in &joint {
            if let Err(refused) = checkout.apply(first.place, step, first.fit.0).await? {
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
    // Without a lock, a widened range resolves to its newest version: that the old one is gone is all there is, unless
    // it was to admit nothing newer.
    let has_lock = checkout.places()[one.place].project.lock.is_some();
    let may_be_newer = !has_lock && one.fit.0 == Fit::Style;
    if is_at(&head.to) || (may_be_newer && !is_at(&head.from)) {
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
