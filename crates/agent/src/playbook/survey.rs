//! What there is: the projects of the base tree and the graphs that they lock.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::dependency::{Ecosystem as Kind, Left, Why};
use toolbox::dependencies::{Graph, Source, Unresolved, foreign, submodules, unnamed};
use toolbox::registry::RegistryError;

use super::catalog::Catalog;
use super::checkout::{Place, Refused, read_graph};
use crate::context::Context;
use crate::outcome::BrainError;
use crate::port::Workspace;

/// The projects that can be worked on, and what could not be understood.
#[derive(Debug, Default)]
pub(crate) struct Survey<'a> {
    pub(crate) places: Vec<Place<'a>>,
    /// In the order of `places`.
    pub(crate) graphs: Vec<Arc<Graph>>,
    /// Likewise: why the package manager refuses a project as it is.
    pub(crate) refused: Vec<Option<Refused>>,
    pub(crate) left: Vec<Left>,
}

/// Reads every project of the wanted ecosystems (all, where none is named).
pub(crate) async fn survey<'a>(
    context: &Context<'a>,
    workspace: &dyn Workspace,
    catalog: &mut Catalog<'_>,
    wanted: &[Kind],
) -> Result<Survey<'a>, BrainError> {
    let mut survey = Survey::default();
    for ecosystem in context.ecosystems.iter().copied() {
        if !wanted.is_empty() && !wanted.contains(&ecosystem.kind()) {
            continue;
        }
        let found = ecosystem.discover(context.files);
        survey.left.extend(found.left);
        for project in found.projects {
            let place = Place { ecosystem, project };
            survey.add(place, context, workspace, catalog).await?;
        }
    }
    survey.left.extend(unnamed::left(context.files, context.ecosystems, wanted));
    survey.left.extend(submodules::left(context.files));
    // Who names the ecosystems does not ask about others.
    if wanted.is_empty() {
        survey.left.extend(foreign::left(context.files.paths()));
    }
    Ok(survey)
}

impl<'a> Survey<'a> {
    async fn add(
        &mut self,
        place: Place<'a>,
        context: &Context<'a>,
        workspace: &dyn Workspace,
        catalog: &mut Catalog<'_>,
    ) -> Result<(), BrainError> {
        if let Some((graph, left)) = unanswered(&place, context, catalog).await {
            self.left.push(left);
            self.take(place, Arc::new(graph), None);
            return Ok(());
        }
        let machine = (workspace, context.memo);
        match read_graph(&place, context.files, std::iter::empty(), machine).await? {
            Ok(graph) => {
                self.left.extend(graph.unresolved.iter().map(|one| unresolved(&place, one)));
                self.left.extend(uncounted(&place, &graph));
                self.take(place, graph, None);
            }
            Err(refused) => {
                self.left.push(unreadable(&place, &refused));
                // What the files alone say is still worth knowing; the entry above keeps it from being called whole.
                if let Refused::Resolver(_) = refused
                    && let Ok(graph) = place.ecosystem.graph(&place.project, context.files, None)
                {
                    self.take(place, Arc::new(graph), Some(refused));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, place: Place<'a>, graph: Arc<Graph>, refused: Option<Refused>) {
        self.graphs.push(graph);
        self.places.push(place);
        self.refused.push(refused);
    }
}

/// What the files alone say, and why it is not all, where the registry does not answer for what they ask for: the
/// package manager would try for minutes, and then call it a version that does not exist.
async fn unanswered(
    place: &Place<'_>,
    context: &Context<'_>,
    catalog: &mut Catalog<'_>,
) -> Option<(Graph, Left)> {
    let command = place.ecosystem.resolve(&place.project, context.files)?;
    let graph = place.ecosystem.graph(&place.project, context.files, None).ok()?;
    let kind = place.project.ecosystem;
    let asked = graph.direct.iter().filter(|direct| direct.source == Source::Registry);
    let asked: BTreeSet<String> = asked.map(|direct| direct.package.clone()).collect();
    catalog.prefetch(asked.iter().map(|package| (kind, package.clone()))).await;
    let mut faults = Vec::new();
    for package in &asked {
        faults.extend(catalog.of(kind, package).await.err());
    }
    let is_lost = |fault: &RegistryError| match fault {
        RegistryError::Unreachable { .. } | RegistryError::Garbage { .. } => true,
        RegistryError::NoSuchPackage { .. } | RegistryError::InvalidName { .. } => false,
    };
    let first = faults.iter().find(|fault| is_lost(fault)).or(faults.first())?;
    if !is_lost(first) && faults.len() < asked.len() {
        return None;
    }
    let detail = format!(
        "{first}; `{}` was not tried, and what comes with these packages was not looked at",
        command.display()
    );
    Some((graph, unreadable(place, &Refused::Unreadable(detail))))
}

/// A part of a project that no versions were found for.
fn unresolved(place: &Place<'_>, one: &Unresolved) -> Left {
    let detail = format!("{}: {}", one.part, one.refusal.quote);
    Left { detail, ..unreadable(place, &Refused::Resolver(one.refusal.clone())) }
}

/// Requirements that do not count on this machine and pin no version: nothing is known of what they lead to.
fn uncounted(place: &Place<'_>, graph: &Graph) -> Vec<Left> {
    let direct = graph.direct.iter().filter(|direct| direct.source == Source::Registry);
    let uncounted = direct.filter_map(|direct| {
        let elsewhere = direct.elsewhere.as_ref()?;
        let mut known = graph.named(&direct.package);
        if known.any(|(_, package)| place.ecosystem.admits(&direct.range, &package.version)) {
            return None;
        }
        Some(Left {
            ecosystem: Some(place.project.ecosystem),
            advisory: None,
            package: direct.package.clone(),
            version: direct.range.clone(),
            why: Why::NotInstallable,
            detail: format!(
                "`{}` asks for it where `{}`, which is not so on this machine: which version is used there is not known, so it was neither matched nor updated",
                direct.manifest, elsewhere.condition
            ),
        })
    });
    uncounted.collect()
}

fn unreadable(place: &Place<'_>, refused: &Refused) -> Left {
    let file = place.project.lock.as_ref().or(place.project.manifests.first());
    Left {
        ecosystem: Some(place.project.ecosystem),
        advisory: None,
        package: file.unwrap_or(&place.project.root).to_string(),
        version: String::new(),
        why: Why::Unreadable,
        detail: refused.words().to_owned(),
    }
}
