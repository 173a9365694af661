//! Python's simple index: one page a package, as JSON (PEP 691) or HTML (PEP 503), every file with what is known of it.
//!
//! The protocol: <https://packaging.python.org/en/latest/specifications/simple-repository-api/>.

mod page;

use async_trait::async_trait;
use domain::dependency::Ecosystem;

use super::{Client, Endpoint, Registry, RegistryError};
use crate::dependencies::Published;
use crate::dependencies::python::version;

/// JSON where the index knows it.
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
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
        let name = version::normalised(package).filter(|name| name.len() <= NAME_MAX_BYTES);
        let name = name.ok_or_else(|| RegistryError::InvalidName {
            package: package.escape_debug().take(200).collect(),
        })?;
        let fetched = self.client.get(&self.endpoint, package, &format!("{name}/"), ACCEPT).await?;
        let is_json = fetched.content_type.as_deref().is_some_and(|kind| kind.contains("json"))
            || fetched.body.trim_ascii_start().starts_with(b"{");
        if is_json { page::json(&name, &fetched.body) } else { page::html(&name, &fetched.body) }
    }
}

#[cfg(test)]
mod tests;
