//! Projects without a lock: a requirement that was widened for a fix is resolved to the newest version that it admits
//! now, so the fix itself may never have been installed when a check breaks. It is the next way then, by a requirement
//! that admits nothing newer. It is not the first way: a bound that keeps later fixes out is for want of a better.

use std::cmp::Ordering;

use domain::dependency::UpdateKind;
use toolbox::dependencies::{Bump, Source};

use super::super::Work;
use super::super::checkout::Fit;
use super::super::moves::Move;
use super::super::vulnerable::Finding;
use super::super::ways::Way;

/// The move with ways for when a check breaks that get the versions installed that they name: its own first, where
/// something newer stands in the checkout.
pub(super) fn with_closer_ways(work: &Work<'_>, mut one: Move) -> Move {
    if work.checkout.places()[one.place].project.lock.is_some() {
        return one;
    }
    let graph = work.checkout.graph(one.place);
    let Some(head) = one.head() else { return one };
    let is_asked_for = graph
        .direct
        .iter()
        .any(|direct| direct.package == head.package && direct.source == Source::Registry);
    // Nothing of the project's own says which version comes with something else.
    if !is_asked_for {
        return one;
    }
    let is_installed = graph.named(&head.package).any(|(_, package)| package.version == head.to);
    if !is_installed {
        one.others.insert(0, one.steps.clone());
    }
    one.fit.1 = Fit::Close;
    one
}

/// How the best way is gone after the last attempt. Where that had the fix itself installed though newer versions would
/// have fitted a widened requirement, it was by one that admits nothing newer.
pub(super) fn fit_after(work: &Work<'_>, (at, finding): (usize, &Finding), ways: &[Way]) -> Fit {
    let place = &work.checkout.places()[at];
    let ecosystem = place.ecosystem;
    let Some(best) = ways.first().and_then(|way| way.bumps.last()) else { return Fit::Style };
    let mut before = work.context.previous.iter().flat_map(|previous| &previous.updates);
    let had_best = before.any(|update| {
        update.ecosystem == place.project.ecosystem
            && update.package == finding.package
            && update.from == best.from
            && update.to == best.to
    });
    let would_fit = |other: &&Bump| {
        ecosystem.compare(&other.to, &best.to) == Some(Ordering::Greater)
            && ecosystem.step(&best.to, &other.to).is_some_and(|step| step <= UpdateKind::Minor)
    };
    let newer = ways.iter().filter_map(|way| way.bumps.last()).find(would_fit);
    if had_best && newer.is_some() { Fit::Close } else { Fit::Style }
}
