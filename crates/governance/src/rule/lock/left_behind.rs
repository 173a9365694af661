//! A manifest's requirements do not change while its lock file stays as it was.

use domain::RepoPath;
use domain::finding::{Finding, Severity};

use super::RULE;
use crate::case::{Case, finding};
use crate::dependency_file::{DependencyFile, is_foreign_lock};
use crate::diff;
use crate::rule::manifest;

/// Manifests that change without the lock file that the base has for them.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    case.change
        .files
        .iter()
        .filter_map(|file| {
            let kind = DependencyFile::of(file.path.as_str())?;
            let lock = match kind {
                DependencyFile::CargoManifest => DependencyFile::CargoLock,
                DependencyFile::NpmManifest => DependencyFile::NpmLock,
                DependencyFile::Pyproject => DependencyFile::UvLock,
                _ => return None,
            };
            let lock =
                nearest(case, &file.path, lock).or_else(|| foreign(case, &file.path, kind))?;
            let changes = case.change.files.iter().any(|file| file.path == *lock);
            if changes || manifest::raised(file, kind).is_empty() {
                return None;
            }
            // Cargo's locks repeat no requirements, and a lock further up may be another project's.
            let repeats =
                kind != DependencyFile::CargoManifest && folder(lock) == folder(&file.path);
            let severity = if repeats { Severity::Deny } else { Severity::NeedsApproval };
            let (before, after) = (file.before.as_ref()?.text()?, file.after.as_ref()?.text()?);
            let line = diff::place(before, after, "");
            let reason = format!("a requirement changes, and `{lock}` does not follow it");
            Some(finding(RULE.id, severity, Some(&file.path), line, reason))
        })
        .collect()
}

/// The lock file of that kind in the manifest's folder, or in the nearest one above.
fn nearest<'c>(case: &Case<'c>, manifest: &RepoPath, kind: DependencyFile) -> Option<&'c RepoPath> {
    let background = case.background;
    let above = |lock: &&RepoPath| {
        let (lock, own) = (folder(lock), folder(manifest));
        lock.is_empty() || lock == own || own.starts_with(&format!("{lock}/"))
    };
    background
        .locks
        .iter()
        .filter(|lock| DependencyFile::of(lock.as_str()) == Some(kind))
        .filter(above)
        .max_by_key(|lock| folder(lock).len())
}

/// The lock file of another tool beside a `pyproject.toml`.
fn foreign<'c>(case: &Case<'c>, manifest: &RepoPath, kind: DependencyFile) -> Option<&'c RepoPath> {
    case.background.locks.iter().find(|lock| {
        kind == DependencyFile::Pyproject
            && is_foreign_lock(lock.as_str())
            && folder(lock) == folder(manifest)
    })
}

fn folder(path: &RepoPath) -> &str {
    path.as_str().rsplit_once('/').map_or("", |(folder, _)| folder)
}
