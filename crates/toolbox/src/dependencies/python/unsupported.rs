//! Names what hob does not drive: files of other tools, and requirements that only a program states.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use domain::dependency::Why;
use pep508_rs::VersionOrUrl;

use super::discover::{PYPROJECT, UV_LOCK, is_development, is_installed, left};
use super::{pyproject, requirement, requirements, stated};
use crate::dependencies::Discovery;
use crate::files::FileSet;

/// Files of other tools, whose names say so.
const TOOLS: [(&str, &str); 11] = [
    ("poetry.lock", "Poetry"),
    ("pdm.lock", "PDM"),
    ("Pipfile", "Pipenv"),
    ("Pipfile.lock", "Pipenv"),
    ("environment.yml", "conda"),
    ("environment.yaml", "conda"),
    ("conda-lock.yml", "conda"),
    ("pixi.toml", "pixi"),
    ("pixi.lock", "pixi"),
    ("buildout.cfg", "zc.buildout"),
    ("pylock.toml", "pylock"),
];

/// Those of them that lock what a `pyproject.toml` asks for.
const FOREIGN_LOCKS: [&str; 3] = ["pdm.lock", "poetry.lock", "pixi.lock"];

/// How much of a requirement is shown, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// Files that may state requirements, with the words that say that they do.
const STATING: [(&str, &[&str]); 3] = [
    ("setup.py", &["install_requires", "extras_require", "tests_require", "setup(**"]),
    ("setup.cfg", &["install_requires", "extras_require", "[options.extras_require]"]),
    ("tox.ini", &["deps"]),
];

/// Whether a file of this name is read to see what it states.
pub(super) fn wants(name: &str) -> bool {
    STATING.iter().any(|(file, _)| *file == name)
}

/// Names what is there and not looked at.
pub(super) fn name(files: &FileSet, found: &mut Discovery) {
    for path in files.paths().filter(|path| !is_installed(path)) {
        let name = path.file_name();
        if let Some((_, tool)) = TOOLS.iter().find(|(file, _)| *file == name) {
            let detail = format!(
                "{name} belongs to {tool}, which hob does not drive; what it names was not looked at"
            );
            found.left.push(left(path, Why::Unsupported, detail));
        }
        let Some((_, words)) = STATING.iter().find(|(file, _)| *file == name) else { continue };
        let near = read_near(path, found);
        match files.text(path) {
            Ok(text) if !near.is_empty() => {
                if let Some(alone) = stated_alone(files, (name, text), &near) {
                    let shown: String = alone.escape_debug().take(SHOWN_CHARS_MAX).collect();
                    let detail = format!(
                        "`{shown}` of {name} is in no manifest that is read beside it, and was not looked at; state it there too"
                    );
                    found.left.push(left(path, Why::Unsupported, detail));
                }
            }
            Ok(text) => {
                if let Some(word) = words.iter().find(|word| text.contains(**word)) {
                    let word = word.trim_end_matches("(**");
                    let detail = format!(
                        "`{word}` of {name} is not read; state the requirements in `{PYPROJECT}` with `{UV_LOCK}` or in a requirements file"
                    );
                    found.left.push(left(path, Why::Unsupported, detail));
                }
            }
            Err(error) => found.left.push(left(path, Why::Unreadable, error.to_string())),
        }
    }
}

/// The lock file of another tool that locks what the `pyproject.toml` at this path asks for.
pub(super) fn foreign_lock(files: &FileSet, path: &RepoPath) -> Option<&'static str> {
    FOREIGN_LOCKS
        .into_iter()
        .find(|lock| path.parent().join(lock).is_ok_and(|lock| files.exists(&lock)))
}

/// The manifests that say what is needed at run time in the folder of this file: what only tests, documents or
/// builds need says nothing of that.
fn read_near(path: &RepoPath, found: &Discovery) -> Vec<RepoPath> {
    let folder = path.parent();
    let is_near = |manifest: &RepoPath| {
        let place = manifest.parent();
        place == folder
            || (place.parent() == folder && matches!(place.file_name(), "requirements" | "reqs"))
    };
    let manifests = found.projects.iter().flat_map(|project| &project.manifests);
    manifests
        .filter(|manifest| {
            is_near(manifest) && (path.file_name() == "tox.ini" || !is_development(manifest))
        })
        .cloned()
        .collect()
}

/// The first requirement that a file states and none of these manifests does: the package, and the version where it
/// is pinned to one.
fn stated_alone(
    files: &FileSet,
    (name, text): (&str, &str),
    manifests: &[RepoPath],
) -> Option<String> {
    let stated = stated::requirements(name, text);
    if stated.is_empty() {
        return None;
    }
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in manifests {
        let asks = if path.file_name() == PYPROJECT {
            pyproject::read(files, path).map(|manifest| manifest.asks)
        } else {
            requirements::read(files, path).map(|file| file.asks)
        };
        for ask in asks.unwrap_or_default() {
            let range = ask.range.split_whitespace().collect();
            known.entry(ask.package).or_default().insert(range);
        }
    }
    stated.into_iter().find(|text| {
        let Ok(read) = requirement::parse(text) else { return true };
        let Some(ranges) = known.get(read.name.as_ref()) else { return true };
        match read.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(range)) if range.to_string().contains("==") => {
                let range: String = range.to_string().split_whitespace().collect();
                !ranges.contains(&range)
            }
            Some(VersionOrUrl::Url(_)) => true,
            _ => false,
        }
    })
}
