//! What the files alone say, for when a machine or a registry ends the work before its end: what is open is told all
//! the same.

use domain::agent::Playbook as Settings;
use domain::dependency::{Left, Why};
use toolbox::dependencies::Ecosystem;
use toolbox::files::FileSet;

use super::checkout::Place;
use super::vulnerable::Policy;
use crate::context::Advisories;

/// What could not be read, and every finding of the versions that the files name.
pub(super) fn left(
    (files, ecosystems, advisories): (&FileSet, &[&dyn Ecosystem], &dyn Advisories),
    settings: &Settings,
    reason: &str,
) -> Vec<Left> {
    let (wanted, policy) = match settings {
        Settings::Updates(settings) => (&settings.ecosystems, None),
        Settings::Remediation(settings) => (&settings.ecosystems, Policy::new(settings).ok()),
    };
    let mut left = Vec::new();
    for ecosystem in ecosystems.iter().copied() {
        if !wanted.is_empty() && !wanted.contains(&ecosystem.kind()) {
            continue;
        }
        let found = ecosystem.discover(files);
        left.extend(found.left);
        for project in found.projects {
            let place = Place { ecosystem, project };
            let graph = ecosystem.graph(&place.project, files, None);
            let Some((policy, graph)) = policy.as_ref().zip(graph.ok()) else { continue };
            for finding in policy.findings_of(advisories, &place, &graph) {
                left.extend(finding.advisories.into_iter().map(|advisory| Left {
                    ecosystem: Some(ecosystem.kind()),
                    advisory: Some(advisory),
                    package: finding.package.clone(),
                    version: finding.version.clone(),
                    why: Why::Unreadable,
                    detail: format!("the work on it did not come to its end: {reason}"),
                }));
            }
        }
    }
    left
}
