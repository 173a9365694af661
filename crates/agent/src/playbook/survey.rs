//! What there is: the projects of the base tree and the graphs that they lock.

use std::sync::Arc;

use domain::dependency::{Ecosystem as Kind, Left, Why};
use toolbox::dependencies::Graph;

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
    pub(crate) left: Vec<Left>,
}

/// Reads every project of the wanted ecosystems (all, where none is named).
pub(crate) async fn survey<'a>(
    context: &Context<'a>,
    workspace: &dyn Workspace,
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
            survey.add(place, context, workspace).await?;
        }
    }
    Ok(survey)
}

impl<'a> Survey<'a> {
    async fn add(
        &mut self,
        place: Place<'a>,
        context: &Context<'a>,
        workspace: &dyn Workspace,
    ) -> Result<(), BrainError> {
        let machine = (workspace, context.memo);
        match read_graph(&place, context.files, std::iter::empty(), machine).await? {
            Ok(graph) => {
                self.graphs.push(graph);
                self.places.push(place);
            }
            Err(refused) => {
                self.left.push(unreadable(&place, &refused));
                // What the files alone say is still worth knowing; the entry above keeps it from being called whole.
                if let Refused::Resolver(_) = refused
                    && let Ok(graph) = place.ecosystem.graph(&place.project, context.files, None)
                {
                    self.graphs.push(Arc::new(graph));
                    self.places.push(place);
                }
            }
        }
        Ok(())
    }
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
