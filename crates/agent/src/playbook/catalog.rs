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
}

impl<'a> Catalog<'a> {
    pub(crate) fn new(versions: &'a dyn Versions) -> Self {
        Self { versions, answers: BTreeMap::new() }
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
}
