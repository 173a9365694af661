//! The deterministic playbooks: dependency updates, and remediation of known vulnerabilities.
//!
//! Both walk the same way. The `survey` reads every project and the graph that it locks. Versions are chosen
//! by `toolbox::dependencies::choose`, the package manager moves them in the machine, and only what the
//! files say afterwards counts (`checkout`). Where an earlier attempt broke a check, `bisect` finds the part
//! that holds. What was not done stands in the outcome with its true reason; what could not be read makes the
//! outcome incomplete, and an incomplete outcome without a change is handed to people: it is never "nothing to do".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::agent::Playbook as Settings;
use domain::dependency::{Ecosystem as Kind, Left, Why};
use globset::{Glob, GlobSet, GlobSetBuilder};
use toolbox::dependencies::choose::{self, Misgiving};
use toolbox::dependencies::{Ecosystem, Graph, Published, Runtimes};
use toolbox::files::FileSet;

use crate::context::{Advisories, Context};
use crate::outcome::{BrainError, Ending, Outcome};
use crate::port::Workspace;

mod bisect;
mod catalog;
mod checkout;
mod companions;
mod judged;
mod known;
mod memo;
mod moves;
mod remediation;
mod report;
mod runtimes;
mod survey;
mod text;
mod updates;
mod vulnerable;
mod ways;

#[cfg(test)]
mod tests;

pub use memo::Memo;

use bisect::Others;
use catalog::Catalog;
use checkout::{Checkout, Mark, Place};
use companions::Allowed;
use moves::Move;

/// A playbook with its settings.
#[derive(Debug, Clone)]
pub struct Playbook {
    settings: Settings,
}

/// What a playbook works with, whichever it is.
#[derive(Debug)]
struct Work<'a> {
    context: Context<'a>,
    checkout: Checkout<'a>,
    catalog: Catalog<'a>,
    /// What the machine runs.
    runtimes: Runtimes,
    /// What each project has to run on, in the order of the places.
    kept_runtimes: Vec<Runtimes>,
    left: Vec<Left>,
    /// The checkout before anything moved.
    base: Mark,
    /// The graphs before anything moved.
    base_graphs: Vec<Arc<Graph>>,
    /// The moves that are in the checkout at the end.
    kept: Vec<Move>,
    /// Which advisories were closed, by project, package and the version that had them.
    closed: report::Closed,
    /// What the advisories are about, by id.
    notes: BTreeMap<String, String>,
}

impl Playbook {
    /// The playbook that a definition names.
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Does the work in the checkout. The same tree, registries and advisories give the same outcome.
    pub async fn run(
        &self,
        context: &Context<'_>,
        workspace: &dyn Workspace,
    ) -> Result<Outcome, BrainError> {
        let wanted = match &self.settings {
            Settings::Updates(settings) => &settings.ecosystems,
            Settings::Remediation(settings) => &settings.ecosystems,
        };
        workspace.progress("reading manifests and lock files");
        let mut catalog = Catalog::new(context.versions);
        let survey = survey::survey(context, workspace, &mut catalog, wanted).await?;
        let kinds: BTreeSet<_> =
            survey.places.iter().map(|place| place.project.ecosystem).collect();
        let base_graphs = survey.graphs.clone();
        let runtimes = runtimes::read(workspace, kinds).await?;
        let promised = |place: &Place<'_>| {
            runtimes::kept(&runtimes, place.ecosystem.promised(&place.project, context.files))
        };
        let kept_runtimes = survey.places.iter().map(promised).collect();
        let projects = (survey.graphs, survey.refused);
        let checkout = Checkout::new(workspace, context, &survey.places, projects);
        let mut work = Work {
            context: *context,
            runtimes,
            kept_runtimes,
            base: checkout.mark(),
            base_graphs,
            checkout,
            catalog,
            left: survey.left,
            kept: Vec::new(),
            closed: report::Closed::new(),
            notes: BTreeMap::new(),
        };
        let found_nothing = survey.places.is_empty() && work.left.is_empty();
        let start = work.checkout.mark();
        match &self.settings {
            Settings::Updates(settings) => {
                let bounds = updates::bounds(settings, context.now);
                let allowed = Allowed { bounds: Some(bounds), ignore: globs(&settings.ignore)? };
                let (held, refused) = updates::run(&mut work, settings).await?;
                let parted =
                    bisect::part(&mut work, &start, held, (Others::Halved, allowed)).await?;
                updates::leave_refused(&mut work, refused);
                updates::leave_broken(&mut work, parted.broken);
                updates::leave_lowered(&mut work, parted.lowered);
                work.kept = parted.kept;
            }
            Settings::Remediation(settings) => {
                let allowed = Allowed { bounds: None, ignore: globs(&settings.ignore)? };
                let (held, tried) = remediation::run(&mut work, settings).await?;
                let parted =
                    bisect::part(&mut work, &start, held, (Others::InTurn, allowed)).await?;
                tried.prove(&mut work, &parted.broken);
                work.kept = parted.kept;
            }
        }
        let beyond = work.beyond_promise().await;
        let deprecated = work.deprecated().await;
        let mut outcome = report::outcome(work, (&beyond, &deprecated), &self.settings);
        if found_nothing && outcome.ending == Ending::NoChange {
            outcome.title = text::nothing_found(context.ecosystems, wanted);
        }
        let rejected = outcome.left.iter().find(|left| left.why == Why::Rejected);
        if let (Ending::NoChange, Some(left)) = (outcome.ending, rejected) {
            outcome.title = format!("nothing new to propose: {} {}", left.package, left.detail);
        }
        Ok(outcome)
    }
}

impl Playbook {
    /// What is known of a repository from its files and the advisories alone: to be told where the work did not come to
    /// its end, for the reason given.
    pub fn known(
        &self,
        files: &FileSet,
        ecosystems: &[&dyn Ecosystem],
        advisories: &dyn Advisories,
        reason: &str,
    ) -> Vec<Left> {
        known::left((files, ecosystems, advisories), &self.settings, reason)
    }
}

impl Work<'_> {
    /// Why a version of a package breaks what the project's manifests promise to run on, which the version that
    /// is locked does not break already.
    fn breaks_promise(
        &self,
        at: usize,
        published: &[Published],
        from: &str,
        to: &str,
    ) -> Option<String> {
        let ecosystem = self.checkout.places()[at].ecosystem;
        let why = |version: &str| {
            let published = published.iter().find(|p| p.version == version)?;
            ecosystem.runs_on(published, &self.kept_runtimes[at]).err()
        };
        if why(from).is_some() { None } else { why(to) }
    }

    /// What a version of a package has to run on that stands in place of the one that is locked: the machine's own
    /// runtimes, unless all that ask for it count elsewhere alone. Then it is the oldest of those that the locked
    /// version runs on and the project promises.
    fn runtimes_of(
        &self,
        at: usize,
        published: &[Published],
        (package, from): (&str, &str),
    ) -> Runtimes {
        let ecosystem = self.checkout.places()[at].ecosystem;
        let graph = self.checkout.graph(at);
        let Some(others) = applies_elsewhere(ecosystem, &graph, package, from) else {
            return self.runtimes.clone();
        };
        let current = published.iter().find(|p| p.version == from);
        let runs = |on: &&Runtimes| current.is_none_or(|p| ecosystem.runs_on(p, on).is_ok());
        let is_promised = |on: &&Runtimes| runtimes::reaches(on, &self.kept_runtimes[at]);
        let runs_on: Vec<&Runtimes> = others.iter().filter(runs).collect();
        let kept = runs_on.iter().copied().find(is_promised).or(runs_on.first().copied());
        kept.or(others.first()).unwrap_or(&self.runtimes).clone()
    }

    /// What an update of a package has to run on: the promise counts as long as the locked version keeps it.
    fn update_runtimes(
        &self,
        at: usize,
        published: &[Published],
        (package, from): (&str, &str),
    ) -> Runtimes {
        let ecosystem = self.checkout.places()[at].ecosystem;
        let kept = &self.kept_runtimes[at];
        let own = self.runtimes_of(at, published, (package, from));
        let mut current = published.iter().filter(|p| p.version == from);
        let keeps = current.all(|p| ecosystem.runs_on(p, kept).is_ok());
        if keeps && own == self.runtimes { kept.clone() } else { own }
    }

    /// What moved to a version that does not run on what the project's manifests promise, one line each.
    async fn beyond_promise(&mut self) -> Vec<String> {
        let mut beyond = Vec::new();
        for at in 0..self.checkout.places().len() {
            if self.kept_runtimes[at] == self.runtimes {
                continue;
            }
            let kind = self.checkout.places()[at].project.ecosystem;
            for (package, from, to) in report::moved_in(self, at) {
                // Where the registry does not answer, nothing is known that could be said.
                let Ok(published) = self.catalog.of(kind, &package).await else { continue };
                if let Some(why) = self.breaks_promise(at, &published, &from, &to) {
                    beyond.push(format!("{package} {to}: {why}"));
                }
            }
        }
        beyond
    }

    /// What moved to a version that its publisher advises against, and not against the one before: one line each.
    async fn deprecated(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        for at in 0..self.checkout.places().len() {
            let kind = self.checkout.places()[at].project.ecosystem;
            for (package, from, to) in report::moved_in(self, at) {
                let Ok(published) = self.catalog.of(kind, &package).await else { continue };
                let Some(one) = published.iter().find(|p| p.version == to) else { continue };
                let is_new = choose::misgiving(&from, one, &published) == Misgiving::Deprecated;
                if let Some(words) = one.deprecated.as_ref().filter(|_| is_new) {
                    told.push(format!("{package} {to}: {words}"));
                }
            }
        }
        told.sort();
        told.dedup();
        told
    }

    /// Whether the last attempt gave a package up; not one that it kept a lower version of.
    fn needed_code_before(&self, kind: Kind, package: &str) -> bool {
        self.context.previous.is_some_and(|previous| {
            let is_it = |update: &domain::dependency::Update| {
                update.ecosystem == kind && update.package == package
            };
            !previous.updates.iter().any(is_it)
                && previous.left.iter().any(|left| {
                    left.why == Why::NeedsCodeChange
                        && left.ecosystem == Some(kind)
                        && left.package == package
                })
        })
    }

    /// Repeats what the last attempt found to need a code change.
    fn keep_left_for_code(&mut self) {
        let previous = self.context.previous.iter().flat_map(|previous| &previous.left);
        self.left.extend(previous.filter(|left| left.why == Why::NeedsCodeChange).cloned());
    }

    /// What the last attempt quoted for a package whose move needs a code change.
    fn left_for_code(&self, at: usize, package: &str) -> Option<String> {
        let kind = self.checkout.places()[at].project.ecosystem;
        let left = self.context.previous?.left.iter().find(|left| {
            left.why == Why::NeedsCodeChange
                && left.ecosystem == Some(kind)
                && left.package == package
        })?;
        Some(left.detail.clone())
    }
}

/// The runtimes that all requirements count with which ask for a locked version, where none counts on the machine at
/// hand and nothing else leads to it. None where the machine's own are among them.
fn applies_elsewhere(
    ecosystem: &dyn Ecosystem,
    graph: &Graph,
    package: &str,
    version: &str,
) -> Option<Vec<Runtimes>> {
    let (id, _) = graph.named(package).find(|(_, package)| package.version == version)?;
    if graph.parents(id).next().is_some() {
        return None;
    }
    let asks = graph
        .direct
        .iter()
        .filter(|direct| direct.package == package && ecosystem.admits(&direct.range, version));
    let mut runtimes = Vec::new();
    for ask in asks {
        let elsewhere = ask.elsewhere.as_ref()?;
        if elsewhere.runtimes.is_empty() {
            return None;
        }
        runtimes.extend(elsewhere.runtimes.iter().cloned());
    }
    runtimes.sort_by_key(runtimes::age);
    (!runtimes.is_empty()).then_some(runtimes)
}

/// The patterns of a definition as one matcher.
fn globs(patterns: &[String]) -> Result<GlobSet, BrainError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = Glob::new(pattern).map_err(|error| {
            BrainError::Failed(format!("the definition's `ignore`: `{pattern}`: {error}"))
        })?;
        set.add(glob);
    }
    set.build().map_err(|error| BrainError::Failed(format!("the definition's `ignore`: {error}")))
}
