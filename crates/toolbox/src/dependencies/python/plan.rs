//! Plans how packages move: the smallest edits of requirements, and the commands that prove them.

use std::collections::BTreeMap;
use std::ops::Range;

use domain::RepoPath;

use super::tree::{self, Manifest};
use super::{commands, range, version};
use crate::dependencies::{Bump, FileEdit, Graph, Plan, PlanError, Project, ReadError, Source};
use crate::files::FileSet;

/// What replaces what in a file.
type Splices = BTreeMap<RepoPath, Vec<(Range<usize>, String)>>;

/// The edits and commands for some bumps.
pub(super) fn plan(
    project: &Project,
    files: &FileSet,
    graph: &Graph,
    bumps: &[Bump],
) -> Result<Plan, PlanError> {
    let manifests = tree::manifests(project, files)?;
    let mut splices = Splices::new();
    let mut carried: Option<(&Bump, String)> = None;
    let bumps: Vec<Bump> = bumps.iter().filter(|bump| bump.from != bump.to).cloned().collect();
    for bump in &bumps {
        if version::parse(&bump.to).is_none() {
            return Err(immovable(bump, format!("`{}` is not a version", bump.to)));
        }
        let edited = edit(&manifests, bump, &mut splices)?;
        if !edited && project.lock.is_none() {
            carried = Some((bump, held(graph, bump)));
        }
    }
    if bumps.is_empty() {
        return Ok(Plan::default());
    }
    // What no file pins follows its parents: alone it cannot be moved.
    if let Some((bump, reason)) = carried.filter(|_| splices.is_empty()) {
        return Err(immovable(bump, reason));
    }
    let mut plan = Plan { edits: edits(files, splices)?, ..Plan::default() };
    match &project.lock {
        Some(lock) => {
            plan.commands.push(commands::lock(project, &bumps));
            plan.writes.push(lock.clone());
        }
        None => plan.commands = commands::installable(project, &manifests),
    }
    Ok(plan)
}

fn immovable(bump: &Bump, reason: String) -> PlanError {
    PlanError::Immovable { package: bump.package.clone(), reason }
}

/// Why a package that no file pins cannot be moved alone.
fn held(graph: &Graph, bump: &Bump) -> String {
    let here = graph.named(&bump.package).filter(|(_, package)| package.version == bump.from);
    let parents: Vec<String> = here
        .flat_map(|(id, _)| {
            graph.parents(id).map(|(_, parent)| format!("{} {}", parent.name, parent.version))
        })
        .collect();
    let by = if parents.is_empty() {
        String::new()
    } else {
        format!("; it comes with {}", parents.join(", "))
    };
    format!(
        "no requirement excludes {} or pins {}: pip chooses the version when it installs{by}",
        bump.to, bump.from
    )
}

/// Moves every requirement that leads to the old version; false where there is nothing to edit.
fn edit(manifests: &[Manifest], bump: &Bump, splices: &mut Splices) -> Result<bool, PlanError> {
    let mut edited = false;
    for manifest in manifests {
        let asks = manifest.asks.iter().filter(|ask| ask.package == bump.package);
        for ask in asks.filter(|ask| version::admits(&ask.range, &bump.from)) {
            let place = format!("`{}` line {}", manifest.path, ask.line);
            if let Source::Other(source) = &ask.source {
                return Err(immovable(bump, format!("{place} takes it from {source}")));
            }
            if !ask.hashes.is_empty() {
                let reason = format!(
                    "{place} pins it with hashes, which hob does not write; let the tool that wrote the file do it (`pip-compile --generate-hashes --upgrade-package {}=={}`)",
                    bump.package, bump.to
                );
                return Err(immovable(bump, reason));
            }
            let new = range::widened(&ask.range, &bump.to).ok_or_else(|| {
                immovable(
                    bump,
                    format!(
                        "{place} asks for `{}`, which cannot be moved to {}",
                        ask.range, bump.to
                    ),
                )
            })?;
            if new == ask.range {
                continue;
            }
            if ask.span.is_empty() {
                return Err(immovable(
                    bump,
                    format!(
                        "{place} writes it in a way that hob does not edit; write it as a plain string"
                    ),
                ));
            }
            edited = true;
            splices.entry(manifest.path.clone()).or_default().push((ask.span.clone(), new));
        }
    }
    Ok(edited)
}

/// The manifests' new texts.
fn edits(files: &FileSet, splices: Splices) -> Result<Vec<FileEdit>, PlanError> {
    let mut edits = Vec::new();
    for (path, mut parts) in splices {
        let mut text = files.text(&path).map_err(ReadError::from)?.to_owned();
        parts.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        for (span, new) in parts {
            if text.get(span.clone()).is_some() {
                text.replace_range(span, &new);
            }
        }
        edits.push(FileEdit { path, text });
    }
    Ok(edits)
}
