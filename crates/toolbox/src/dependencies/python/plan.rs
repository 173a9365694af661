//! Plans how packages move: the smallest edits of requirements, and the commands that prove them.

use std::collections::BTreeMap;
use std::ops::Range;

use domain::RepoPath;
use domain::dependency::is_requirements;

use super::commands::{self, Mark};
use super::discover::PYPROJECT;
use super::requirements::Ask;
use super::tree::{self, Manifest};
use super::{pyproject, uv, version};
use crate::dependencies::{Bump, FileEdit, Graph, Plan, PlanError, Project, ReadError, Source};
use crate::files::FileSet;

/// What replaces what in a file.
type Splices = BTreeMap<RepoPath, Vec<Splice>>;
type Splice = (Range<usize>, String);

/// How between two hashes the next line starts where there is only one to look at.
const BETWEEN: &str = " \\\n    ";

/// What changes in the manifests.
#[derive(Debug, Default)]
struct Moved {
    splices: Splices,
    /// Where hashes belong that only the index knows.
    marks: BTreeMap<RepoPath, Vec<Mark>>,
}

/// How a specifier's text is moved to a version; nothing where it cannot be.
type Mover = fn(&str, &str) -> Option<String>;

/// The edits and commands for some bumps.
pub(super) fn plan(
    project: &Project,
    files: &FileSet,
    own: Option<&str>,
    (graph, bumps): (&Graph, &[Bump]),
    mover: Mover,
) -> Result<Plan, PlanError> {
    let manifests = tree::manifests(project, files, own)?;
    let mut moved = Moved::default();
    let mut carried: Option<(&Bump, String)> = None;
    let bumps: Vec<Bump> = bumps.iter().filter(|bump| bump.from != bump.to).cloned().collect();
    for bump in &bumps {
        if version::parse(&bump.to).is_none() {
            return Err(immovable(bump, format!("`{}` is not a version", bump.to)));
        }
        let edited = edit((&manifests, files), bump, mover, &mut moved)?;
        if !edited && project.lock.is_none() {
            carried = Some((bump, held(graph, bump)));
        }
    }
    if bumps.is_empty() {
        return Ok(Plan::default());
    }
    // What no file pins follows its parents: alone it cannot be moved.
    if let Some((bump, reason)) = carried.filter(|_| moved.splices.is_empty()) {
        return Err(immovable(bump, reason));
    }
    let mut plan = Plan { edits: edits(files, moved.splices)?, ..Plan::default() };
    match &project.lock {
        Some(lock) => {
            let read = |path: &RepoPath| pyproject::read(files, path).ok()?.required_uv;
            let wanted = project.manifests.first().and_then(read);
            plan.commands.push(commands::fetch_uv(wanted.as_deref()));
            let python = uv::python(files, lock)?;
            plan.commands.push(commands::lock(project, python.as_deref(), &bumps));
            plan.writes.push(lock.clone());
        }
        // Whether pip takes it is what reading the graph again asks.
        None => plan.commands.extend(commands::rehash(&moved.marks)),
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
fn edit(
    (manifests, files): (&[Manifest], &FileSet),
    bump: &Bump,
    mover: Mover,
    moved: &mut Moved,
) -> Result<bool, PlanError> {
    let mut edited = false;
    for manifest in manifests {
        let asks = manifest.asks.iter().filter(|ask| ask.package == bump.package);
        for ask in asks.filter(|ask| version::admits(&ask.range, &bump.from)) {
            let place = format!("`{}` line {}", manifest.path, ask.line);
            if let Source::Other(source) = &ask.source {
                return Err(immovable(bump, format!("{place} takes it from {source}")));
            }
            let new = mover(&ask.range, &bump.to).ok_or_else(|| {
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
            if manifest.path.file_name() != PYPROJECT && !is_requirements(&manifest.path) {
                return Err(immovable(
                    bump,
                    format!(
                        "{place} asks for it, and the file's name does not say that it holds requirements: it is outside the paths that hob changes; change it there to {new}, or rename the file to `requirements-...txt`"
                    ),
                ));
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
            let splices = moved.splices.entry(manifest.path.clone()).or_default();
            splices.push((ask.span.clone(), new));
            let text = files.text(&manifest.path).map_err(ReadError::from)?;
            if let Some((mark, parts)) = marked(ask, bump, text) {
                splices.extend(parts);
                moved.marks.entry(manifest.path.clone()).or_default().push(mark);
            }
        }
    }
    Ok(edited)
}

/// A mark in place of the hashes of the old version, written as those were: the program that asks the index puts
/// the new ones there. All but the first of the old ones go, with what stands between them.
fn marked(ask: &Ask, bump: &Bump, text: &str) -> Option<(Mark, Vec<Splice>)> {
    let (first, rest) = ask.hashes.split_first()?;
    let last = rest.last().unwrap_or(first);
    let written = text.get(first.clone())?;
    let option = written.get(..written.find("sha")?)?.to_owned();
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let between = rest
        .first()
        .and_then(|second| text.get(first.end..second.start))
        .filter(|between| !between.contains('#'))
        .map_or_else(|| BETWEEN.replace('\n', newline), str::to_owned);
    let mark = format!("{option}of:<{}=={}>", bump.package, bump.to);
    let splice = (first.start..last.end, mark.clone());
    let (package, version) = (bump.package.clone(), bump.to.clone());
    Some((Mark { text: mark, package, version, option, between }, vec![splice]))
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
