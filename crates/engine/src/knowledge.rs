//! What a playbook may ask: ecosystems, registries, advisories, as this run has them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use agent::context::{Advisories, Match, Versions};
use domain::agent::{Brain, Playbook};
use domain::dependency::{Ecosystem as Kind, Left, Why};
use toolbox::advisories::{Database, Kind as AdvisoryKind, LoadReport, Matching};
use toolbox::dependencies::{Ecosystem, Published};
use toolbox::files::FileSet;
use toolbox::registry::{self, Endpoint, Registry, RegistryError, Requires};

use crate::perform::{Stage, StepError};
use crate::progress::Progress;

/// What this run may ask.
#[derive(Debug)]
pub(crate) struct Knowledge {
    ecosystems: Vec<Box<dyn Ecosystem>>,
    registries: Registries,
    advisories: Known,
}

impl Knowledge {
    /// Puts together what the run's definition and the host allow.
    pub(crate) async fn gather(stage: &Stage<'_>, files: &FileSet) -> Result<Self, StepError> {
        let workshop = stage.house.workshop()?;
        let endpoints: Vec<Endpoint> = workshop
            .presets
            .iter()
            .map(|preset| Endpoint {
                ecosystem: preset.ecosystem,
                base: preset.index.base.clone(),
                authorization: preset.index.authorization.clone(),
            })
            .collect();
        for preset in &workshop.presets {
            for entry in &preset.left_out {
                let line =
                    format!("left out of the configuration of {}: {entry}", preset.ecosystem);
                stage.house.listener.hear(&Progress::Note { line });
            }
        }
        let ecosystems = toolbox::dependencies::asking(&endpoints);
        let asked = endpoints
            .into_iter()
            .map(|at| (at.ecosystem, registry::of(stage.asking(workshop), at)))
            .collect();
        let without = workshop.without_registry.iter().cloned().collect();
        let registries = Registries { asked, without };
        let Brain::Playbook(playbook) = &stage.agent()?.brain;
        let advisories = match playbook {
            Playbook::Updates(_) => Known::default(),
            Playbook::Remediation(settings) => {
                let folder = stage.facts.request.advisories.as_ref().map(PathBuf::from);
                let line = "reading advisories".to_owned();
                stage.house.listener.hear(&Progress::Note { line });
                load(folder, &present(files, &settings.ecosystems)).await?
            }
        };
        Ok(Self { ecosystems, registries, advisories })
    }

    /// The ecosystems.
    pub(crate) fn ecosystems(&self) -> Vec<&dyn Ecosystem> {
        self.ecosystems.iter().map(|boxed| &**boxed).collect()
    }

    /// The registries.
    pub(crate) fn versions(&self) -> &dyn Versions {
        &self.registries
    }

    /// The advisories.
    pub(crate) fn advisories(&self) -> &dyn Advisories {
        &self.advisories
    }
}

/// The ecosystems that are to be worked on and have a project here.
fn present(files: &FileSet, wanted: &[Kind]) -> Vec<Kind> {
    toolbox::dependencies::all()
        .into_iter()
        .filter(|ecosystem| wanted.is_empty() || wanted.contains(&ecosystem.kind()))
        .filter(|ecosystem| !ecosystem.discover(files).projects.is_empty())
        .map(|ecosystem| ecosystem.kind())
        .collect()
}

/// Advisories that say nothing of an ecosystem are no proof that it is clean.
fn silent<'a>(
    folder: &'a str,
    report: &'a LoadReport,
    present: &'a [Kind],
) -> impl Iterator<Item = Left> + 'a {
    let silent = present.iter().filter(|kind| !report.by_ecosystem.contains_key(kind));
    silent.map(move |kind| Left {
        ecosystem: Some(*kind),
        advisory: None,
        package: folder.to_owned(),
        version: String::new(),
        why: Why::Unreadable,
        detail: format!(
            "none of its {} advisories is about {kind}: whether packages of {kind} have any is not known; \
             name a folder with advisories for {kind} too, or leave {kind} out in the definition's `ecosystems`",
            report.advisories
        ),
    })
}

async fn load(path: Option<PathBuf>, present: &[Kind]) -> Result<Known, StepError> {
    let path = path.ok_or_else(|| {
        StepError::policy("no advisories were named; give a folder with --advisories")
    })?;
    let folder = path.display().to_string();
    let (database, report) =
        crate::supervise::blocking("load advisories", move || Database::load(&path))
            .await
            .map_err(crate::HouseError::from)?
            // They could be read when the run was asked for; they may come back.
            .map_err(|error| StepError::infrastructure(crate::chain(&error)))?;
    let unreadable: Vec<Left> = report
        .unreadable
        .iter()
        .map(|file| Left {
            ecosystem: None,
            advisory: None,
            package: file.path.clone(),
            version: String::new(),
            why: Why::Unreadable,
            detail: file.reason.clone(),
        })
        .chain(silent(&folder, &report, present))
        .collect();
    Ok(Known { database: Some(database), ecosystems: toolbox::dependencies::all(), unreadable })
}

/// The registries of this host's package managers.
#[derive(Debug)]
struct Registries {
    asked: BTreeMap<Kind, Box<dyn Registry>>,
    without: BTreeMap<Kind, String>,
}

#[async_trait::async_trait]
impl Versions for Registries {
    async fn versions(&self, kind: Kind, package: &str) -> Result<Vec<Published>, RegistryError> {
        if let Some(registry) = self.asked.get(&kind) {
            return registry.versions(package).await;
        }
        let reason = self
            .without
            .get(&kind)
            .cloned()
            .unwrap_or_else(|| format!("no registry is known for {kind}"));
        Err(RegistryError::Unreachable { package: package.to_owned(), reason })
    }

    async fn requires(
        &self,
        kind: Kind,
        package: &str,
        versions: &[String],
    ) -> Result<Option<Requires>, RegistryError> {
        match self.asked.get(&kind) {
            Some(registry) => registry.requires(package, versions).await,
            None => Ok(None),
        }
    }
}

/// The advisories of the folder that was named.
#[derive(Debug, Default)]
struct Known {
    database: Option<Database>,
    ecosystems: Vec<Box<dyn Ecosystem>>,
    unreadable: Vec<Left>,
}

impl Known {
    fn found(&self, kind: Kind, package: &str, version: &str) -> Option<Matching> {
        let database = self.database.as_ref()?;
        let ecosystem = self.ecosystems.iter().find(|e| e.kind() == kind)?;
        Some(database.matching(kind, package, version, &|a, b| ecosystem.compare(a, b)))
    }
}

impl Advisories for Known {
    fn matching(&self, kind: Kind, package: &str, version: &str) -> Vec<Match> {
        let found = self.found(kind, package, version).map(|found| found.matches);
        found
            .into_iter()
            .flatten()
            .map(|found| Match {
                id: found.id,
                aliases: found.aliases,
                summary: found.summary,
                informational: matches!(found.kind, AdvisoryKind::Informational { .. }),
                fixed: found.fixed,
            })
            .collect()
    }

    fn undecided(&self, kind: Kind, package: &str, version: &str) -> Vec<(String, String)> {
        let found = self.found(kind, package, version).map(|found| found.undecided);
        found.into_iter().flatten().map(|one| (one.id, one.reason)).collect()
    }

    fn unreadable(&self) -> Vec<Left> {
        self.unreadable.clone()
    }
}

#[cfg(test)]
mod tests {
    use domain::RepoPath;
    use toolbox::files::Content;

    use super::*;

    #[test]
    fn advisories_that_say_nothing_of_an_ecosystem_do_not_call_it_clean() {
        let mut files = FileSet::new();
        for (path, text) in [
            (
                "package-lock.json",
                "{ \"name\": \"sample\", \"lockfileVersion\": 3, \"packages\": { \"\": {} } }",
            ),
            ("package.json", "{ \"name\": \"sample\", \"version\": \"1.0.0\" }"),
            (
                "Cargo.toml",
                "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
            ),
        ] {
            let path = RepoPath::new(path).unwrap();
            files.set(path, Content::Bytes(text.as_bytes().to_vec()));
        }
        let here = present(&files, &[]);
        assert_eq!(here, [Kind::Cargo, Kind::Npm]);
        assert_eq!(present(&files, &[Kind::Cargo, Kind::Python]), [Kind::Cargo]);
        let report = LoadReport {
            advisories: 3,
            by_ecosystem: BTreeMap::from([(Kind::Cargo, 3)]),
            ..LoadReport::default()
        };
        let left: Vec<Left> = silent("advisories", &report, &here).collect();
        let told: Vec<_> = left.iter().map(|l| (l.ecosystem, l.package.as_str())).collect();
        assert_eq!(told, [(Some(Kind::Npm), "advisories")]);
        assert!(left.iter().all(|left| left.why.makes_incomplete()));
    }
}
