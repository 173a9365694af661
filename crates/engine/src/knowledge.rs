//! What a playbook may ask: ecosystems, registries, advisories, as this run has them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use agent::context::{Advisories, Match, Versions};
use domain::agent::{Brain, Playbook};
use domain::dependency::{Ecosystem as Kind, Left, Why};
use toolbox::advisories::{Database, Kind as AdvisoryKind};
use toolbox::dependencies::{Ecosystem, Published};
use toolbox::registry::{self, Endpoint, Registry, RegistryError};

use crate::perform::{Stage, StepError};

/// What this run may ask.
#[derive(Debug)]
pub(crate) struct Knowledge {
    ecosystems: Vec<Box<dyn Ecosystem>>,
    registries: Registries,
    advisories: Known,
}

impl Knowledge {
    /// Puts together what the run's definition and the host allow.
    pub(crate) async fn gather(stage: &Stage<'_>) -> Result<Self, StepError> {
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
        let ecosystems = toolbox::dependencies::asking(&endpoints);
        let asked = endpoints
            .into_iter()
            .map(|at| (at.ecosystem, registry::of(workshop.registries.clone(), at)))
            .collect();
        let without = workshop.without_registry.iter().cloned().collect();
        let registries = Registries { asked, without };
        let Brain::Playbook(playbook) = &stage.agent.brain;
        let advisories = match playbook {
            Playbook::Updates(_) => Known::default(),
            Playbook::Remediation(_) => {
                load(stage.facts.request.advisories.as_ref().map(PathBuf::from)).await?
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

    /// Advisories that name a package here and could not be decided for its version.
    pub(crate) fn undecided(&self) -> Vec<Left> {
        let held = self.advisories.undecided.lock().unwrap_or_else(PoisonError::into_inner);
        held.values().cloned().collect()
    }
}

async fn load(path: Option<PathBuf>) -> Result<Known, StepError> {
    let path = path.ok_or_else(|| {
        StepError::policy("no advisories were named; give a folder with --advisories")
    })?;
    let (database, report) =
        crate::supervise::blocking("load advisories", move || Database::load(&path))
            .await
            .map_err(crate::HouseError::from)?
            .map_err(|error| StepError::policy(crate::chain(&error)))?;
    let unreadable = report
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
        .collect();
    Ok(Known {
        database: Some(database),
        ecosystems: toolbox::dependencies::all(),
        unreadable,
        undecided: Mutex::default(),
    })
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
}

/// The advisories of the folder that was named.
#[derive(Debug, Default)]
struct Known {
    database: Option<Database>,
    ecosystems: Vec<Box<dyn Ecosystem>>,
    unreadable: Vec<Left>,
    undecided: Mutex<BTreeMap<(String, String, String), Left>>,
}

impl Advisories for Known {
    fn matching(&self, kind: Kind, package: &str, version: &str) -> Vec<Match> {
        let ecosystem = self.ecosystems.iter().find(|e| e.kind() == kind);
        let (Some(database), Some(ecosystem)) = (&self.database, ecosystem) else {
            return Vec::new();
        };
        let found = database.matching(kind, package, version, &|a, b| ecosystem.compare(a, b));
        let mut undecided = self.undecided.lock().unwrap_or_else(PoisonError::into_inner);
        for one in found.undecided {
            let key = (one.id.clone(), package.to_owned(), version.to_owned());
            undecided.entry(key).or_insert_with(|| Left {
                ecosystem: Some(kind),
                advisory: Some(one.id),
                package: package.to_owned(),
                version: version.to_owned(),
                why: Why::Unreadable,
                detail: one.reason,
            });
        }
        found
            .matches
            .into_iter()
            .map(|found| Match {
                id: found.id,
                aliases: found.aliases,
                summary: found.summary,
                informational: matches!(found.kind, AdvisoryKind::Informational { .. }),
                fixed: found.fixed,
            })
            .collect()
    }

    fn unreadable(&self) -> Vec<Left> {
        self.unreadable.clone()
    }
}
