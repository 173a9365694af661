//! A repository's own definition, as it is committed.

use domain::RepoPath;
use forge::Source;
use forge::tree::Blob;

use crate::error::HouseError;
use crate::house::House;

impl House {
    /// The text of `.hob/agents/NAME.md` at the commit that HEAD is on; nothing where there is none.
    pub async fn committed_definition(
        &self,
        repository: &str,
        name: &str,
    ) -> Result<Option<String>, HouseError> {
        let fixable = |error: &dyn std::error::Error, hint: String| {
            HouseError::fixable(crate::chain(error), hint)
        };
        let source = Source::find(repository, std::path::Path::new("/"))
            .map_err(|error| fixable(&error, error.hint()))?;
        let mirror = self.mirrors.mirror(&source).map_err(|error| fixable(&error, error.hint()))?;
        let refreshed =
            mirror.refresh(None).await.map_err(|error| fixable(&error, error.hint()))?;
        let path = RepoPath::new(format!(".hob/agents/{name}.md"))
            .map_err(|error| fixable(&error, "name an agent, not a path".to_owned()))?;
        let read = crate::supervise::blocking("read mirror", move || {
            mirror.trees()?.read(&refreshed.head, &path)
        });
        let blob = read.await?.map_err(|error| HouseError::Inconsistent(crate::chain(&error)))?;
        Ok(match blob {
            Some(Blob::File { bytes, .. }) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Some(
                Blob::TooLarge { .. }
                | Blob::LfsPointer { .. }
                | Blob::Symlink { .. }
                | Blob::Submodule { .. }
                | Blob::Folder,
            )
            | None => None,
        })
    }
}
