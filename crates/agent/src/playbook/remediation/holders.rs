//! Raising what the package manager itself names as holding a fix back.
//!
//! Where a registry does not say what a version requires, the way out cannot be computed; the refusal names the holders
//! instead. They are raised to their newest usable version, and, once that is accepted, lowered by halving to the
//! nearest version that is.

use toolbox::dependencies::choose::{self, Misgiving, Rules};
use toolbox::dependencies::{Bump, Published, Source};

use super::{Fit, Project, Refused};
use crate::outcome::BrainError;
use crate::playbook::vulnerable::{Finding, count, is_better};
use crate::playbook::ways::Way;

/// How often a refusal may name further holders.
const ROUNDS_MAX: usize = 3;

/// The most versions of a holder that are looked at.
const VERSIONS_MAX: usize = 256;

/// A package that holds a fix back.
#[derive(Debug)]
struct Holder {
    package: String,
    from: String,
    /// What it can be raised to, nearest first; never empty.
    versions: Vec<String>,
    /// Which of them it is raised to.
    at: usize,
}

impl Project<'_, '_> {
    /// Goes `way` with its holders raised as little as the package manager accepts.
    pub(super) async fn raise_holders(
        &mut self,
        finding: &Finding,
        way: &Way,
        held_by: Vec<String>,
        depth: usize,
    ) -> Result<Option<(Way, Vec<Vec<Bump>>)>, BrainError> {
        let mut holders: Vec<Holder> = Vec::new();
        let mut named = held_by;
        let mut accepted = false;
        for _ in 0..ROUNDS_MAX {
            let known = holders.len();
            for name in std::mem::take(&mut named) {
                let is_new = !holders.iter().any(|h| h.package == name)
                    && !way.bumps.iter().any(|bump| bump.package == name);
                if is_new && let Some(holder) = self.holder(&name).await {
                    holders.push(holder);
                }
            }
            if holders.len() == known {
                return Ok(None);
            }
            match self.try_holders(finding, way, &holders, depth).await? {
                Ok(_) => {
                    accepted = true;
                    break;
                }
                Err(Some(Refused::Resolver(refusal))) => named = refusal.held_by,
                Err(_) => return Ok(None),
            }
        }
        if !accepted {
            return Ok(None);
        }
        for which in 0..holders.len() {
            let (mut low, mut high) = (0, holders[which].at);
            while low < high {
                holders[which].at = usize::midpoint(low, high);
                if self.try_holders(finding, way, &holders, depth).await?.is_ok() {
                    high = holders[which].at;
                } else {
                    low = holders[which].at + 1;
                }
            }
            holders[which].at = high;
        }
        let raised = way.with_parents(bumps(&holders));
        let steps = self.go(finding, (&raised, Fit::Style), depth).await?;
        Ok(steps.ok().map(|steps| (raised, steps)))
    }

    /// A package of the registry with the versions that it can be raised to without a new advisory.
    async fn holder(&mut self, name: &str) -> Option<Holder> {
        let place = &self.work.checkout.places()[self.at];
        let graph = self.work.checkout.graph(self.at);
        let (_, package) = graph.named(name).find(|(_, p)| p.source == Source::Registry)?;
        let published = self.work.catalog.of(place.project.ecosystem, name).await.ok()?;
        let rules = Rules { ecosystem: place.ecosystem, runtimes: &self.work.runtimes };
        let open =
            |version: &str| self.policy.open(self.work.context.advisories, place, name, version);
        let before = open(&package.version);
        let usable = rules.usable_above(&package.version, &published);
        let advised = |p: &&Published| {
            choose::misgiving(&package.version, p, &published) != Misgiving::Deprecated
        };
        let usable = usable.into_iter().filter(advised);
        let clean = usable.filter(|p| open(&p.version).is_subset(&before));
        let versions: Vec<String> = clean.take(VERSIONS_MAX).map(|p| p.version.clone()).collect();
        let at = versions.len().checked_sub(1)?;
        Some(Holder { package: name.to_owned(), from: package.version.clone(), versions, at })
    }

    /// Whether the way is open with the holders as they are; the checkout is as before.
    async fn try_holders(
        &mut self,
        finding: &Finding,
        way: &Way,
        holders: &[Holder],
        depth: usize,
    ) -> Result<Result<(), Option<Refused>>, BrainError> {
        let mark = self.work.checkout.mark();
        let before = count(&self.policy.findings(self.work, self.at));
        let raised = way.with_parents(bumps(holders));
        let answer = match self.go(finding, (&raised, Fit::Style), depth).await? {
            Err(refused) => Err(Some(refused)),
            Ok(_) => {
                let after = count(&self.policy.findings(self.work, self.at));
                if is_better(&before, &after) { Ok(()) } else { Err(None) }
            }
        };
        self.work.checkout.back_to(&mark).await?;
        Ok(answer)
    }
}

fn bumps(holders: &[Holder]) -> Vec<Bump> {
    let bump = |holder: &Holder| Bump {
        package: holder.package.clone(),
        from: holder.from.clone(),
        to: holder.versions[holder.at].clone(),
    };
    holders.iter().map(bump).collect()
}
