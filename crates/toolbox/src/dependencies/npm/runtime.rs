//! The oldest node that a project promises to run on: `engines.node` of its manifests, and `.nvmrc` or `.node-version`.

use std::cmp::Ordering;

use domain::RepoPath;
use nodejs_semver::Range;

use super::manifest::Manifest;
use super::version;
use crate::dependencies::Project;
use crate::files::FileSet;

/// The files that version managers read, beside the manifest (<https://github.com/nvm-sh/nvm#nvmrc>).
const VERSION_FILES: [&str; 2] = [".nvmrc", ".node-version"];

/// Whether a file tells a version manager which node to use.
pub(super) fn is_version_file(path: &RepoPath) -> bool {
    VERSION_FILES.contains(&path.file_name())
}

/// The oldest node that the project's own files promise, where they promise any.
pub(super) fn promised(project: &Project, files: &FileSet) -> Option<String> {
    let engines =
        project.manifests.iter().filter_map(|path| Manifest::read(files, path).ok()?.node);
    let engines = engines.filter_map(|range| oldest(&range));
    let named = VERSION_FILES.iter().filter_map(|name| {
        let path = project.root.join(name).ok()?;
        named(files.text(&path).ok()?)
    });
    engines.chain(named).reduce(|a, b| match version::compare(&b, &a) {
        Some(Ordering::Less) => b,
        _ => a,
    })
}

/// The oldest version that a range with a lower bound admits: 18.17.0 for `^18.17 || >=20`.
fn oldest(range: &str) -> Option<String> {
    let lowest = Range::parse(range.trim()).ok()?.min_version()?;
    // A range without a lower bound promises nothing that could be kept.
    (lowest.major() > 0 || lowest.minor() > 0 || lowest.patch() > 0).then(|| lowest.to_string())
}

/// The version that a version manager's file names: `v20.11.0`, `18`; names like `lts/iron` promise no number.
fn named(text: &str) -> Option<String> {
    let mut lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let line = lines.find(|line| !line.is_empty())?;
    let number = line.strip_prefix('v').unwrap_or(line);
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    oldest(number)
}

#[cfg(test)]
mod tests {
    use domain::RepoPath;

    use super::{named, oldest};
    use crate::dependencies::{Ecosystem as _, npm::Npm};
    use crate::files::{Content, FileSet};

    #[test]
    fn the_oldest_node_of_all_that_the_project_says_is_promised() {
        let promised = |manifest: &str, file: &str| {
            let mut files = FileSet::new();
            for (name, text) in [("a/package.json", manifest), ("a/.nvmrc", file)] {
                let path = RepoPath::new(name).expect("a path");
                assert!(Npm.wants(&path), "{name}");
                files.set(path, Content::Bytes(text.as_bytes().to_vec()));
            }
            let project = Npm.discover(&files).projects.remove(0);
            Npm.promised(&project, &files).node
        };
        let asks = |rest: &str| format!("{{\"dependencies\": {{\"a\": \"^1.0.0\"}}{rest}}}");
        let engines = asks(", \"engines\": {\"node\": \">=18.17\"}");
        assert_eq!(promised(&engines, "v20.11.0\n").as_deref(), Some("18.17.0"));
        assert_eq!(promised(&engines, "16\n").as_deref(), Some("16.0.0"));
        assert_eq!(promised(&asks(""), "lts/*\n"), None);
        assert_eq!(promised(&asks(", \"engines\": [\"node\"]"), "20\n").as_deref(), Some("20.0.0"));
    }

    #[test]
    fn the_oldest_of_a_range_is_its_lower_bound() {
        assert_eq!(oldest("^18.17 || >=20").as_deref(), Some("18.17.0"));
        assert_eq!(oldest(">= 14").as_deref(), Some("14.0.0"));
        assert_eq!((oldest("*"), oldest("<20"), oldest("any of them")), (None, None, None));
    }

    #[test]
    fn a_version_file_names_a_number_or_promises_nothing() {
        assert_eq!(named("# ours\n\nv20.11.0\n").as_deref(), Some("20.11.0"));
        assert_eq!(named("18").as_deref(), Some("18.0.0"));
        assert_eq!((named("lts/iron\n"), named("node\n"), named("")), (None, None, None));
    }
}
