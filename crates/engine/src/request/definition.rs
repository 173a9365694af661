//! A repository's own definitions, as they are committed on its default branch.

use domain::{CommitId, RepoPath};
use forge::Source;
use forge::tree::{Blob, TreeError, Trees};

use crate::error::HouseError;
use crate::house::House;

/// Where definitions lie in a repository.
const FOLDER: &str = ".hob/agents";

/// The most definitions of one repository that are read.
const DEFINITIONS_MAX: usize = 1_000;

/// What to do about a definition that cannot be read.
const HINT: &str = "commit it as an ordinary text file on the default branch, or remove it there";

/// A file of the repository's folder of agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The file's name without `.md`.
    pub name: String,
    /// Its text, or why it is none.
    pub text: Result<String, String>,
}

impl House {
    /// The text of `.hob/agents/NAME.md` at the tip of the default branch, which is the one that the repository's
    /// HEAD names (HEAD's own commit where it is detached); nothing where none is committed there. What lies in a
    /// work tree does not count.
    ///
    /// A link, a pointer to large storage, a submodule, a folder, a file too large or not UTF-8 is an error:
    /// a definition that cannot be read never makes room for a built-in one.
    pub async fn committed_definition(
        &self,
        repository: &str,
        name: &str,
    ) -> Result<Option<String>, HouseError> {
        let path = RepoPath::new(format!("{FOLDER}/{name}.md")).map_err(|error| {
            HouseError::fixable(crate::chain(&error), "name an agent, not a path")
        })?;
        let read = self.at_default(repository, move |trees, head| one(trees, head, &path));
        let read = read.await?.unwrap_or(Ok(None));
        read.map_err(|problem| HouseError::fixable(problem, HINT))
    }

    /// All definitions that are committed on the default branch, by name, those that cannot be read included.
    pub async fn committed_definitions(
        &self,
        repository: &str,
    ) -> Result<Vec<Committed>, HouseError> {
        let read = self.at_default(repository, |trees, head| match folders(trees, head)? {
            Ok(()) => every(trees, head).map(Ok),
            Err(problem) => Ok(Err(problem)),
        });
        let read = read.await?.unwrap_or_else(|| Ok(Vec::new()));
        read.map_err(|problem| HouseError::fixable(problem, HINT))
    }

    /// Reads the commit that the default branch is at; nothing where that has none.
    async fn at_default<T: Send + 'static>(
        &self,
        repository: &str,
        work: impl FnOnce(&Trees, &CommitId) -> Result<T, TreeError> + Send + 'static,
    ) -> Result<Option<T>, HouseError> {
        let source = Source::find(repository, std::path::Path::new("/"))
            .map_err(|error| HouseError::fixable(crate::chain(&error), error.hint()))?;
        let mirror = self
            .mirrors
            .mirror(&source)
            .map_err(|error| HouseError::fixable(crate::chain(&error), error.hint()))?;
        let refreshed = match mirror.refresh(None).await {
            Ok(refreshed) => refreshed,
            // Nothing is committed there, so no definition is; whether there is work to do at all is asked elsewhere.
            Err(forge::mirror::MirrorError::NoCommit { .. }) => return Ok(None),
            Err(error) => return Err(HouseError::fixable(crate::chain(&error), error.hint())),
        };
        crate::supervise::blocking("read mirror", move || work(&mirror.trees()?, &refreshed.head))
            .await?
            .map(Some)
            .map_err(|error| HouseError::fixable(crate::chain(&error), HINT))
    }
}

type Read<T> = Result<Result<T, String>, TreeError>;

/// One definition; nothing where none is committed.
fn one(trees: &Trees, head: &CommitId, path: &RepoPath) -> Read<Option<String>> {
    if let Err(problem) = folders(trees, head)? {
        return Ok(Err(problem));
    }
    Ok(trees.read(head, path)?.map(|blob| text(path, blob)).transpose())
}

/// What leads to the definitions is folders, or is not there: a link there would hide what lies behind it.
fn folders(trees: &Trees, head: &CommitId) -> Read<()> {
    for folder in [".hob", FOLDER] {
        let path = RepoPath::new(folder).expect("a plain path of two words");
        match trees.read(head, &path)? {
            Some(Blob::Folder) => {}
            None => break,
            Some(other) => {
                return Ok(Err(format!("`{folder}` is {} and no folder", kind(&other))));
            }
        }
    }
    Ok(Ok(()))
}

fn every(trees: &Trees, head: &CommitId) -> Result<Vec<Committed>, TreeError> {
    let listing = trees.list(head)?;
    let names = listing.entries.into_iter().filter_map(|entry| {
        let name = entry.path.as_str().strip_prefix(FOLDER)?.strip_prefix('/')?;
        let name = name.strip_suffix(".md").filter(|name| !name.contains('/'))?.to_owned();
        Some((name, entry.path))
    });
    let mut found = Vec::new();
    for (name, path) in names.take(DEFINITIONS_MAX) {
        let Some(blob) = trees.read(head, &path)? else { continue };
        found.push(Committed { name, text: text(&path, blob) });
    }
    Ok(found)
}

fn text(path: &RepoPath, blob: Blob) -> Result<String, String> {
    match blob {
        Blob::File { bytes, .. } => String::from_utf8(bytes)
            .map_err(|error| format!("the committed definition `{path}` is no text: {error}")),
        other => Err(format!("the committed definition `{path}` is {}", kind(&other))),
    }
}

const fn kind(blob: &Blob) -> &'static str {
    match blob {
        Blob::File { .. } => "a file",
        Blob::TooLarge { .. } => "too large to be read",
        Blob::LfsPointer { .. } => "a pointer to large storage (git-lfs)",
        Blob::Symlink { .. } => "a symbolic link, which is never followed",
        Blob::Submodule { .. } => "a submodule",
        Blob::Folder => "a folder",
    }
}
