//! Python's simple index: one page a package, as JSON (PEP 691) or HTML (PEP 503), every file with what is known of it;
//! what a version requires is told in the metadata beside its wheel (PEP 658, PEP 714), not at all for a source archive.
//!
//! The protocol: <https://packaging.python.org/en/latest/specifications/simple-repository-api/>.

mod metadata;
mod page;

use std::sync::Arc;

use async_trait::async_trait;
use domain::dependency::Ecosystem;

use futures_util::stream::{self, StreamExt as _};

use super::{Client, Endpoint, Fetched, Registry, RegistryError, Requires};
use crate::dependencies::Published;
use crate::dependencies::python::version;

/// JSON where the index knows it.
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
/// How many metadata files of one package are asked for at once; the client's own limit holds besides.
const METADATA_AT_ONCE_MAX: usize = 8;
/// The longest name that is asked for.
const NAME_MAX_BYTES: usize = 214;

/// An index that speaks the simple repository protocol.
#[derive(Debug, Clone)]
pub struct SimpleIndex {
    client: Client,
    endpoint: Endpoint,
}

impl SimpleIndex {
    /// The index at `endpoint`.
    pub fn new(client: Client, endpoint: Endpoint) -> Self {
        Self { client, endpoint }
    }
}

#[async_trait]
impl Registry for SimpleIndex {
    fn ecosystem(&self) -> Ecosystem {
        Ecosystem::Python
    }

    async fn versions(&self, package: &str) -> Result<Vec<Published>, RegistryError> {
        let (name, page) = self.page(package).await?;
        page::read(&name, &page)
    }

    async fn requires(
        &self,
        package: &str,
        versions: &[String],
    ) -> Result<Option<Requires>, RegistryError> {
        let (name, page) = self.page(package).await?;
        let links = page::metadata(&name, &page)?;
        let mut asked = Vec::new();
        for version in versions {
            if let Some(metadata) = links.get(version) {
                asked.push(self.described(package, &page, version, metadata));
            }
        }
        let found: Vec<_> =
            stream::iter(asked).buffer_unordered(METADATA_AT_ONCE_MAX).collect().await;
        let mut requires = Requires::new();
        for (version, read) in found {
            if let Some(known) = read? {
                requires.insert(version, known);
            }
        }
        Ok(Some(requires))
    }
}

impl SimpleIndex {
    /// A version with what its metadata says; nothing where it is not there.
    async fn described(
        &self,
        package: &str,
        page: &Fetched,
        version: &str,
        metadata: &page::Metadata,
    ) -> (String, Result<Option<Vec<(String, String)>>, RegistryError>) {
        let link = &metadata.link;
        let answer = self.client.follow(&self.endpoint, package, page, link).await;
        let read = answer.and_then(|fetched| metadata::requires(package, &fetched.body));
        let read = match read {
            Ok(requires) => Ok(Some(requires)),
            Err(RegistryError::NoSuchPackage { .. }) => Ok(None),
            // Nobody said that it is there; what a host says of a file that it does not have is its own affair.
            Err(_) if !metadata.promised => Ok(None),
            Err(error) => Err(error),
        };
        (version.to_owned(), read)
    }

    /// The package's normalised name and its page.
    async fn page(&self, package: &str) -> Result<(String, Arc<Fetched>), RegistryError> {
        let name = version::normalised(package).filter(|name| name.len() <= NAME_MAX_BYTES);
        let name = name.ok_or_else(|| RegistryError::InvalidName {
            package: package.escape_debug().take(200).collect(),
        })?;
        let page = self.client.get(&self.endpoint, package, &format!("{name}/"), ACCEPT).await?;
        Ok((name, page))
    }
}

#[cfg(test)]
mod tests;
