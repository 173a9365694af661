//! npm's registry: one document a package (a "packument"), every version inside.
//!
//! The protocol: <https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md>. A packument may have
//! tens of megabytes, nearly all of them of no use here: it is read where it lies and only what counts is copied.

mod packument;

use async_trait::async_trait;
use domain::dependency::Ecosystem;

use super::{Client, Endpoint, Registry, RegistryError};
use crate::dependencies::Published;

/// All there is, publication times included.
const WHOLE: &str = "application/json";
/// What an install needs: no times, and a fraction of the size where the registry knows it.
const SHORT: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8";
/// The longest name that the registry takes.
const NAME_MAX_BYTES: usize = 214;

/// A registry that speaks npm's protocol.
#[derive(Debug, Clone)]
pub struct NpmRegistry {
    client: Client,
    endpoint: Endpoint,
    accept: &'static str,
}

impl NpmRegistry {
    /// The registry at `endpoint`, asked for publication times too.
    pub fn new(client: Client, endpoint: Endpoint) -> Self {
        Self { client, endpoint, accept: WHOLE }
    }

    /// The same, not asked for publication times: answers are several times smaller, and
    /// `published_at` is unknown. Right where no `min_release_age` is set.
    #[must_use]
    pub fn without_times(mut self) -> Self {
        self.accept = SHORT;
        self
    }
}

#[async_trait]
impl Registry for NpmRegistry {
    fn ecosystem(&self) -> Ecosystem {
        Ecosystem::Npm
    }

    async fn versions(&self, package: &str) -> Result<Vec<Published>, RegistryError> {
        let path = path(package).ok_or_else(|| RegistryError::InvalidName {
            package: package.escape_debug().take(200).collect(),
        })?;
        let fetched = self.client.get(&self.endpoint, package, &path, self.accept).await?;
        packument::published(package, &fetched.body)
    }
}

/// The path of a package: the slash of a scoped name is encoded. `None` where it cannot be a name.
fn path(package: &str) -> Option<String> {
    let fine = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~!'()*".contains(&b))
    };
    if package.len() > NAME_MAX_BYTES {
        return None;
    }
    match package.strip_prefix('@') {
        Some(scoped) => {
            let (scope, name) = scoped.split_once('/')?;
            (fine(scope) && fine(name)).then(|| format!("@{scope}%2f{name}"))
        }
        None => fine(package).then(|| package.to_owned()),
    }
}

#[cfg(test)]
mod tests;
