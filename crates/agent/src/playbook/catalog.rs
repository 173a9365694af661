//! What the registries say, asked once per package in a playbook's life.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::dependency::Ecosystem as Kind;
use futures_util::future::join_all;
use toolbox::dependencies::Published;
use toolbox::registry::RegistryError;

use crate::context::Versions;

/// What a registry said of one package.
pub(crate) type Answer = Result<Arc<Vec<Published>>, RegistryError>;

/// The answers so far.
#[derive(Debug)]
pub(crate) struct Catalog<'a> {
    versions: &'a dyn Versions,
    answers: BTreeMap<(Kind, String), Answer>,
    /// Versions that were asked about apart, and whether it is known what they require.
    described: BTreeMap<(Kind, String), BTreeMap<String, bool>>,
}

impl<'a> Catalog<'a> {
    pub(crate) fn new(versions: &'a dyn Versions) -> Self {
        Self { versions, answers: BTreeMap::new(), described: BTreeMap::new() }
    }

    /// Asks for many packages at once; the client behind the port bounds how many are under way.
    pub(crate) async fn prefetch(&mut self, packages: impl IntoIterator<Item = (Kind, String)>) {
        let mut wanted: Vec<_> =
            packages.into_iter().filter(|key| !self.answers.contains_key(key)).collect();
        wanted.sort();
        wanted.dedup();
        let versions = self.versions;
        let answers = join_all(wanted.into_iter().map(async |key: (Kind, String)| {
            let answer = versions.versions(key.0, &key.1).await.map(Arc::new);
            (key, answer)
        }));
        self.answers.extend(answers.await);
    }

    /// The published versions of a package.
    pub(crate) async fn of(&mut self, kind: Kind, package: &str) -> Answer {
        let key = (kind, package.to_owned());
        if let Some(answer) = self.answers.get(&key) {
            return answer.clone();
        }
        let answer = self.versions.versions(kind, package).await.map(Arc::new);
        self.answers.insert(key, answer.clone());
        answer
    }

    /// Learns what these versions require, where the registry tells it apart; [`Self::of`] says it from then on.
    pub(crate) async fn describe(&mut self, kind: Kind, package: &str, wanted: &[String]) {
        let key = (kind, package.to_owned());
        let known = self.described.entry(key.clone()).or_default();
        let new: Vec<String> =
            wanted.iter().filter(|version| !known.contains_key(*version)).cloned().collect();
        if new.is_empty() {
            return;
        }
        // A registry that does not answer leaves the question to the package manager.
        let told = match self.versions.requires(kind, package, &new).await {
            Ok(Some(told)) => told,
            Ok(None) => {
                known.extend(new.into_iter().map(|version| (version, true)));
                return;
            }
            Err(_) => toolbox::registry::Requires::new(),
        };
        known.extend(new.into_iter().map(|version| (version.clone(), told.contains_key(&version))));
        let Some(Ok(answer)) = self.answers.get_mut(&key) else { return };
        let published = Arc::make_mut(answer).iter_mut();
        for one in published {
            if let Some(requires) = told.get(&one.version) {
                one.requires.clone_from(requires);
            }
        }
    }

    /// Whether it was asked what a version requires, and nobody says it: a source archive alone.
    pub(crate) fn is_unknown(&self, kind: Kind, package: &str, version: &str) -> bool {
        let known = self.described.get(&(kind, package.to_owned()));
        known.and_then(|known| known.get(version)) == Some(&false)
    }
}
