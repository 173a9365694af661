//! Finds Python projects: requirements files that belong together by includes, and `pyproject.toml` with `uv.lock`.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use domain::dependency::{Ecosystem as Kind, Left, Why, is_requirements};

use super::requirements::{self, Index, RequirementsFile};
use super::{pyproject, unsupported, uv};
use crate::dependencies::{Discovery, Project, Source};
use crate::files::FileSet;

pub(super) const PYPROJECT: &str = "pyproject.toml";
pub(super) const UV_LOCK: &str = "uv.lock";
/// The most files that includes may chain.
const INCLUDES_MAX: usize = 256;

/// Folders of what is installed or copied in, not written here.
const INSTALLED: [&str; 7] =
    ["node_modules", ".venv", "venv", "site-packages", ".tox", ".nox", "__pypackages__"];

/// Whether a path lies in an installed environment.
pub(super) fn is_installed(path: &RepoPath) -> bool {
    path.as_str().split('/').any(|part| INSTALLED.contains(&part))
}

/// Whether a file is read.
pub(super) fn wants(path: &RepoPath) -> bool {
    if is_installed(path) {
        return false;
    }
    let name = path.file_name();
    matches!(name, PYPROJECT | UV_LOCK) || unsupported::wants(name) || is_requirements(path)
}

/// Whether a file's name says that what it asks for is not needed at run time.
pub(super) fn is_development(path: &RepoPath) -> bool {
    let place = format!("{}/{}", path.parent().file_name(), path.file_name()).to_lowercase();
    let words = [
        "dev",
        "develop",
        "development",
        "test",
        "tests",
        "testing",
        "doc",
        "docs",
        "lint",
        "linting",
        "ci",
        "build",
        "typing",
        "mypy",
        "style",
        "format",
        "release",
        "benchmark",
        "benchmarks",
    ];
    place.split(['-', '_', '.', '/']).any(|part| words.contains(&part))
}

/// The projects of a tree.
pub(super) fn discover(files: &FileSet, own: Option<&str>) -> Discovery {
    let mut found = Discovery::default();
    requirement_projects(files, own, &mut found);
    pyprojects(files, own, &mut found);
    unsupported::name(files, &mut found);
    found
}

pub(super) fn left(path: &RepoPath, why: Why, detail: String) -> Left {
    Left {
        ecosystem: Some(Kind::Python),
        advisory: None,
        package: path.to_string(),
        version: String::new(),
        why,
        detail,
    }
}

fn requirement_projects(files: &FileSet, own: Option<&str>, found: &mut Discovery) {
    let mut read: BTreeMap<RepoPath, RequirementsFile> = BTreeMap::new();
    let mut links: Vec<(RepoPath, RepoPath)> = Vec::new();
    let mut included: BTreeSet<RepoPath> = BTreeSet::new();
    let mut seen: BTreeSet<RepoPath> = BTreeSet::new();
    let starts = files.paths().filter(|path| is_requirements(path) && !is_installed(path));
    let mut open: Vec<RepoPath> = starts.cloned().collect();
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let file = match requirements::read(files, &path) {
            Ok(file) => file,
            Err(error) => {
                found.left.push(left(&path, Why::Unreadable, error.to_string()));
                continue;
            }
        };
        unread(&file, own, &mut found.left);
        for include in &file.includes {
            match target(files, &path, include) {
                Ok(target) => {
                    included.insert(target.clone());
                    links.push((path.clone(), target.clone()));
                    if seen.len() < INCLUDES_MAX * 64 {
                        open.push(target);
                    }
                }
                Err(detail) => found.left.push(left(&path, Why::Unreadable, detail)),
            }
        }
        if let Some(compiled) = compiled(files, &path) {
            links.push((path.clone(), compiled));
        }
        read.insert(path, file);
    }
    for (path, cycle) in cycles(&links) {
        found.left.push(left(
            &path,
            Why::Unreadable,
            format!("its includes come back to it: {cycle}"),
        ));
    }
    for group in groups(read.keys().cloned().collect(), &links) {
        let (roots, rest): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|path| !included.contains(path));
        let manifests: Vec<RepoPath> = roots.into_iter().chain(rest).collect();
        let asks =
            manifests.iter().any(|path| read.get(path).is_some_and(|file| !file.asks.is_empty()));
        if let Some(first) = manifests.first().filter(|_| asks) {
            let root = first.parent();
            found.projects.push(Project {
                ecosystem: Kind::Python,
                root,
                manifests,
                lock: None,
                tool: "pip",
            });
        }
    }
}

/// Names the lines of a file that are no requirements, and the indexes that were not asked.
fn unread(file: &RequirementsFile, own: Option<&str>, found: &mut Vec<Left>) {
    let path = &file.path;
    for unread in &file.unread {
        let detail = format!("`{path}` line {}: {}", unread.first, unread.reason);
        found.push(left(path, Why::Unreadable, detail));
    }
    for index in &file.indexes {
        if let Some(detail) = not_asked(path, index, own) {
            found.push(left(path, Why::Unreadable, detail));
        }
    }
}

/// Why what an index may serve is left alone; nothing where it is the one that the host's pip asks.
fn not_asked(path: &RepoPath, index: &Index, own: Option<&str>) -> Option<String> {
    let Source::Other(place) = index.foreign(own)? else { return None };
    Some(format!(
        "`{path}` line {} takes packages from {place}, which hob does not ask: they are not looked up anywhere else under the same name, and what comes with them is not known; make it the index of this host's pip",
        index.line
    ))
}

/// The file that an include names; the error is for a person.
pub(super) fn target(
    files: &FileSet,
    path: &RepoPath,
    include: &requirements::Include,
) -> Result<RepoPath, String> {
    let place = format!("`{path}` line {}", include.line);
    let shown: String =
        requirements::without_credentials(&include.target).escape_debug().take(200).collect();
    if include.target.contains("://") {
        return Err(format!(
            "{place} includes `{shown}`, which is not in the repository and was not read"
        ));
    }
    let target = path
        .parent()
        .join(&include.target)
        .map_err(|error| format!("{place} includes a file that is not read: {error}"))?;
    if !files.exists(&target) {
        return Err(format!("{place} includes `{shown}`, which does not exist"));
    }
    Ok(target)
}

/// What requirements files include and nobody has read yet.
pub(super) fn included(files: &FileSet) -> Vec<RepoPath> {
    let mut seen: BTreeSet<RepoPath> = BTreeSet::new();
    let starts = files.paths().filter(|path| is_requirements(path) && !is_installed(path));
    let mut open: Vec<RepoPath> = starts.cloned().collect();
    let mut unread = Vec::new();
    while let Some(path) = open.pop() {
        if seen.len() > INCLUDES_MAX * 64 || !seen.insert(path.clone()) {
            continue;
        }
        if files.content(&path).is_none() {
            unread.push(path);
            continue;
        }
        let Ok(file) = requirements::read(files, &path) else { continue };
        let targets = file.includes.iter().filter_map(|one| target(files, &path, one).ok());
        open.extend(targets);
    }
    unread
}

/// What pip-tools compiles an `.in` file to.
fn compiled(files: &FileSet, path: &RepoPath) -> Option<RepoPath> {
    let stem = path.as_str().strip_suffix(".in")?;
    RepoPath::new(format!("{stem}.txt")).ok().filter(|path| files.exists(path))
}

/// Each file that includes itself in the end, with the way round.
fn cycles(links: &[(RepoPath, RepoPath)]) -> Vec<(RepoPath, String)> {
    let mut next: BTreeMap<&RepoPath, Vec<&RepoPath>> = BTreeMap::new();
    for (from, to) in links {
        next.entry(from).or_default().push(to);
    }
    let mut found = Vec::new();
    let mut told: BTreeSet<&RepoPath> = BTreeSet::new();
    for &start in next.keys().collect::<Vec<_>>() {
        let mut came: BTreeMap<&RepoPath, &RepoPath> = BTreeMap::new();
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            for &to in next.get(at).into_iter().flatten() {
                if came.insert(to, at).is_none() {
                    open.push(to);
                }
            }
        }
        if !came.contains_key(start) || told.contains(start) {
            continue;
        }
        let mut way = vec![start.as_str()];
        let mut at = came.get(start).copied();
        while let Some(path) = at.filter(|path| *path != start && way.len() < INCLUDES_MAX) {
            way.push(path.as_str());
            told.insert(path);
            at = came.get(path).copied();
        }
        way.push(start.as_str());
        way.reverse();
        found.push((start.clone(), way.join(" -> ")));
    }
    found
}

/// The files in groups that links hold together, each sorted.
fn groups(paths: Vec<RepoPath>, links: &[(RepoPath, RepoPath)]) -> Vec<BTreeSet<RepoPath>> {
    let mut group_of: BTreeMap<RepoPath, usize> =
        paths.into_iter().enumerate().map(|(at, path)| (path, at)).collect();
    for (from, to) in links {
        if let (Some(&a), Some(&b)) = (group_of.get(from), group_of.get(to)) {
            for group in group_of.values_mut().filter(|group| **group == b) {
                *group = a;
            }
        }
    }
    let mut groups: BTreeMap<usize, BTreeSet<RepoPath>> = BTreeMap::new();
    for (path, group) in group_of {
        groups.entry(group).or_default().insert(path);
    }
    groups.into_values().collect()
}

fn pyprojects(files: &FileSet, own: Option<&str>, found: &mut Discovery) {
    let mut members: BTreeSet<RepoPath> = BTreeSet::new();
    let mut locked = Vec::new();
    for lock in files.paths().filter(|p| p.file_name() == UV_LOCK && !is_installed(p)) {
        match uv::members(files, lock) {
            Ok(manifests) => {
                members.extend(manifests.iter().cloned());
                locked.push((lock.clone(), manifests));
            }
            Err(error) => {
                members.extend(lock.parent().join(PYPROJECT));
                found.left.push(left(lock, Why::Unreadable, error.to_string()));
            }
        }
    }
    for (lock, manifests) in locked {
        let root = lock.parent();
        found.projects.push(Project {
            ecosystem: Kind::Python,
            root,
            manifests,
            lock: Some(lock),
            tool: "uv",
        });
    }
    let alone =
        |p: &&RepoPath| p.file_name() == PYPROJECT && !is_installed(p) && !members.contains(p);
    for path in files.paths().filter(alone) {
        if let Some(lock) = unsupported::foreign_lock(files, path) {
            let detail = format!(
                "what it asks for is locked by {lock}, which hob does not drive: neither is changed, so that they stay together"
            );
            found.left.push(left(path, Why::Unsupported, detail));
            continue;
        }
        match pyproject::read(files, path) {
            Err(error) => found.left.push(left(path, Why::Unreadable, error.to_string())),
            Ok(manifest) => {
                for index in manifest.indexes.iter().filter(|index| !index.explicit) {
                    let detail = not_asked(path, &index.place, own);
                    found.left.extend(detail.map(|detail| left(path, Why::Unreadable, detail)));
                }
                if let Some(detail) = manifest.unsupported {
                    found.left.push(left(path, Why::Unsupported, detail));
                }
                if !manifest.asks.is_empty() {
                    found.projects.push(Project {
                        ecosystem: Kind::Python,
                        root: path.parent(),
                        manifests: vec![path.clone()],
                        lock: None,
                        tool: "pip",
                    });
                }
            }
        }
    }
}
