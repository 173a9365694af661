//! Where definitions come from: built in, from a file, or from the tip of the repository's default branch.

use std::path::Path;

use crate::exit::Failure;
use crate::settings::Settings;

/// The built-in agents: name and text.
pub(crate) const BUILT_IN: [(&str, &str); 2] = [
    ("cve-remediation", include_str!("../../../../agents/cve-remediation.md")),
    ("dependency-updates", include_str!("../../../../agents/dependency-updates.md")),
];

/// The largest file that is read as a definition, in bytes.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// The most files of a work tree that are looked at.
const FILES_MAX: usize = 1_000;

/// A definition's text.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where it stands, for a person.
    pub(crate) from: String,
    /// What it says.
    pub(crate) text: String,
}

impl Found {
    /// A built-in agent.
    pub(crate) fn built_in(name: &str, text: &str) -> Self {
        Self { from: format!("{name} (built in)"), text: text.to_owned() }
    }

    /// The text, where a run can start with it; else the first mistake, with its place.
    pub(crate) fn sound(self) -> Result<String, Failure> {
        let mistakes = routing::definition::mistakes(&self.text);
        let Some(first) = mistakes.first() else { return Ok(self.text) };
        let more = match mistakes.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let place = format!("{}:{}:{}", self.from, first.line, first.column);
        Err(Failure::fixable(
            format!("{place}: {}{more}", first.problem),
            format!(
                "{}; `hob agents check` with the same name and --repo tells all that is wrong",
                first.hint
            ),
        ))
    }
}

/// Where a repository's own definition lies in it.
pub(crate) fn committed_path(name: &str) -> String {
    format!(".hob/agents/{name}.md")
}

/// Finds a definition's text: a file where the word looks like a path, a definition that the repository's
/// default branch holds, a built-in one. What a work tree holds decides nothing.
pub(crate) async fn find(
    settings: &Settings,
    word: &str,
    repository: &str,
) -> Result<Found, Failure> {
    if is_path(word) {
        return file(&settings.cwd.join(word));
    }
    let house = crate::wire_up::house(settings).await?;
    match house.committed_definition(repository, word).await? {
        Some(text) => Ok(Found { from: committed_path(word), text }),
        None => built_in(word).map_err(|failure| match uncommitted(Path::new(repository), word) {
            Some(path) => Failure::fixable(
                format!("`{}` is there, but not committed on the default branch", path.display()),
                "commit it, or name the file itself by its path",
            ),
            None => failure,
        }),
    }
}

/// The file of a definition in a work tree. It counts only where it is committed.
fn uncommitted(work_tree: &Path, name: &str) -> Option<std::path::PathBuf> {
    let path = work_tree.join(committed_path(name));
    path.is_file().then_some(path)
}

/// The definitions that lie in a work tree, by name; how many are read has a limit.
pub(crate) fn in_work_tree(work_tree: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(work_tree.join(".hob/agents")).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        // What is no plain file may never end.
        entry.file_type().ok().filter(std::fs::FileType::is_file)?;
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_suffix(".md")?.to_owned())
    });
    let mut names: Vec<String> = names.take(FILES_MAX).collect();
    names.sort_unstable();
    names
}

/// Finds a definition's text, in a repository where one is named.
pub(crate) async fn find_here(
    settings: &Settings,
    word: &str,
    repository: Option<&str>,
) -> Result<Found, Failure> {
    match repository {
        Some(repository) => find(settings, word, &settings.place(repository)).await,
        None if is_path(word) => file(&settings.cwd.join(word)),
        None => built_in(word),
    }
}

fn is_path(word: &str) -> bool {
    word.contains('/') || word.ends_with(".md")
}

fn file(path: &Path) -> Result<Found, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::fixable(
            format!("the definition `{}` cannot be read: {error}", path.display()),
            "`hob agents list` shows the definitions there are",
        )
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_MAX_BYTES {
        return Err(Failure::fixable(
            format!("`{}` has {size} bytes: that is no definition", path.display()),
            "name a Markdown file with YAML front matter",
        ));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    Ok(Found { from: path.display().to_string(), text })
}

fn built_in(word: &str) -> Result<Found, Failure> {
    if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == word) {
        return Ok(Found::built_in(name, text));
    }
    let near = BUILT_IN
        .iter()
        .map(|(name, _)| (strsim::damerau_levenshtein(word, name), *name))
        .min()
        .filter(|(distance, _)| *distance <= 5)
        .map(|(_, name)| format!("; did you mean `{name}`?"))
        .unwrap_or_default();
    Err(Failure::fixable(
        format!("there is no agent `{word}`{near}"),
        "`hob agents list` shows those there are; a path names a definition's file",
    ))
}
