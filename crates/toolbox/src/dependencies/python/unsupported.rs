//! Names what hob does not drive: files of other tools, and requirements that only a program states.

use domain::RepoPath;
use domain::dependency::Why;

use super::discover::{PYPROJECT, UV_LOCK, is_development, is_installed, left};
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
        if is_read_otherwise(path, found) {
            continue;
        }
        match files.text(path) {
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

/// Whether a project says what is needed at run time in the folder of this file: what only tests, documents or
/// builds need says nothing of that.
fn is_read_otherwise(path: &RepoPath, found: &Discovery) -> bool {
    let folder = path.parent();
    let is_near = |manifest: &RepoPath| {
        let place = manifest.parent();
        place == folder
            || (place.parent() == folder && matches!(place.file_name(), "requirements" | "reqs"))
    };
    let mut manifests = found.projects.iter().flat_map(|project| &project.manifests);
    manifests.any(|manifest| {
        is_near(manifest) && (path.file_name() == "tox.ini" || !is_development(manifest))
    })
}
