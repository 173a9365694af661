//! What the manifests of one project ask for, inheritance resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use domain::RepoPath;

use super::manifest::{Manifest, Origin, Stated, Table};
use super::tree::{Tree, manifest_of};
use crate::dependencies::{Project, ReadError, Requirement, Source};
use crate::files::FileSet;

/// A requirement with its place in its manifest's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) requirement: Requirement,
    /// Where the requirement's text stands, quotes included; none where it is left out.
    pub(super) span: Option<Range<usize>>,
}

/// One package's use of another: the edges that a lock does not tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) package: String,
    pub(super) range: String,
    pub(super) development: bool,
}

/// Everything that a project's manifests ask for.
#[derive(Debug, Clone, Default)]
pub(super) struct Requirements {
    /// Each requirement once, where its text stands.
    pub(super) asked: Vec<Asked>,
    /// By the name of the package that asks.
    pub(super) uses: BTreeMap<String, Vec<Use>>,
    /// The project's own packages: name and manifest.
    pub(super) members: Vec<(String, RepoPath)>,
    /// The registry's packages that `[patch]` or `[replace]` puts something else in place of.
    pub(super) patched: BTreeSet<String>,
}

impl Requirements {
    /// Reads the project's manifests again and gathers what they ask for.
    pub(super) fn gather(
        tree: &Tree,
        project: &Project,
        files: &FileSet,
    ) -> Result<Self, ReadError> {
        let mut gathered = Self::default();
        // What is inherited is stated once; it is for development where all who inherit it are.
        let mut inherited: BTreeMap<(RepoPath, String), Asked> = BTreeMap::new();
        for path in &project.manifests {
            let folder = path.parent();
            let manifest = match tree.at(&folder) {
                Some(manifest) => manifest,
                None => &Manifest::read(files, path)?,
            };
            gathered.patched.extend(manifest.patched.iter().cloned());
            let is_member = folder.is_within(&project.root);
            let mut uses = Vec::new();
            for stated in &manifest.stated {
                let development = stated.table == Table::Development;
                if stated.table == Table::Workspace || (development && !is_member) {
                    continue;
                }
                let (root, said) = match stated.origin {
                    Origin::Inherited => tree.inherited(&folder, &stated.key).ok_or_else(|| {
                        let reason = format!(
                            "`{}` is to be inherited, and no `[workspace.dependencies]` states it",
                            stated.key
                        );
                        ReadError::Malformed { path: path.clone(), line: Some(stated.line), reason }
                    })?,
                    Origin::Registry | Origin::Path(_) | Origin::Other(_) => {
                        (folder.clone(), stated)
                    }
                };
                uses.push(Use {
                    package: said.package.clone(),
                    range: said.range.clone(),
                    development,
                });
                let asked = asked(&root, said, development);
                if stated.origin == Origin::Inherited {
                    let entry = inherited.entry((root, said.key.clone())).or_insert(asked);
                    entry.requirement.development &= development;
                } else {
                    gathered.asked.push(asked);
                }
            }
            if let Some(name) = &manifest.package {
                gathered.uses.entry(name.clone()).or_default().extend(uses);
                if is_member {
                    gathered.members.push((name.clone(), path.clone()));
                }
            }
        }
        gathered.asked.extend(inherited.into_values());
        Ok(gathered)
    }
}

fn asked(folder: &RepoPath, stated: &Stated, development: bool) -> Asked {
    let source = match &stated.origin {
        Origin::Registry | Origin::Inherited => Source::Registry,
        Origin::Path(path) if folder.join(path).is_ok() => Source::Workspace,
        Origin::Path(path) => Source::Other(format!("path {path}")),
        Origin::Other(text) => Source::Other(text.clone()),
    };
    Asked {
        requirement: Requirement {
            package: stated.package.clone(),
            alias: (stated.key != stated.package).then(|| stated.key.clone()),
            range: stated.range.clone(),
            manifest: manifest_of(folder),
            line: Some(stated.line),
            development,
            source,
            elsewhere: None,
        },
        span: stated.span.clone(),
    }
}
