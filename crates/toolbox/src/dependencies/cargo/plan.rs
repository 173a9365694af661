//! Plans how packages are moved to given versions, and nothing else.
//!
//! One package that its requirements let move is one command: `cargo update -p NAME@FROM --precise TO`.
//!
//! Where a manifest is edited or several packages move together, that does not do. Cargo resolves an
//! edited requirement to the *newest* version, which may draw other packages with it that a second
//! command does not put back; and two packages that pin each other can only move in one step. So the
//! wanted versions are entered in the lock first (without checksums), and cargo, which keeps locked
//! versions wherever they fit, completes it (`cargo update --workspace`); the commands after that insist
//! on each version, so that what does not fit is refused with the constraint that refuses it. What is in the
//! lock in the end was written by cargo, checksums included.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use domain::RepoPath;
use domain::exec::Exec;
use semver::Version;

use super::asked::{Asked, Requirements};
use super::suggestion;
use super::tree::Tree;
use super::version::{admits, line};
use crate::dependencies::{
    Bump, FileEdit, Graph, PackageId, Plan, PlanError, Project, ReadError, Source,
};
use crate::files::FileSet;

/// How long one command may take, in milliseconds: it reads the index, and downloads no crate.
const COMMAND_TIMEOUT_MS: u64 = 300_000;

/// One bump, understood.
#[derive(Debug, Clone)]
pub(super) struct Move<'a> {
    pub(super) package: &'a str,
    pub(super) from: &'a str,
    pub(super) to: Version,
    id: Option<PackageId>,
    /// A requirement of the project's leads it: one that admits `to` and not `from`.
    led: bool,
}

/// New texts for stretches of manifests.
type Splices = BTreeMap<RepoPath, Vec<(Range<usize>, String)>>;

/// How a requirement's text is moved to a version; nothing where it cannot be.
type Mover = fn(&str, &Version) -> Option<String>;

/// The edits and commands for `bumps`.
pub(super) fn plan(
    project: &Project,
    files: &FileSet,
    (graph, bumps): (&Graph, &[Bump]),
    mover: Mover,
) -> Result<Plan, PlanError> {
    let tree = Tree::read(files);
    let requirements = Requirements::gather(&tree, project, files)?;
    let mut moves: Vec<Move<'_>> = Vec::new();
    for bump in bumps.iter().filter(|bump| bump.from != bump.to) {
        match moves.iter().find(|m| m.package == bump.package && m.from == bump.from) {
            Some(known) if known.to.to_string() == bump.to => {}
            Some(_) => return Err(immovable(bump, "it is to move to two versions at once")),
            None => moves.push(understand(bump, graph)?),
        }
    }
    let mut splices = Splices::new();
    for a_move in &mut moves {
        for asked in &requirements.asked {
            require(a_move, asked, (files, mover), &mut splices)?;
        }
    }
    let mut plan = Plan::default();
    for (path, splices) in &splices {
        plan.edits.push(FileEdit { path: path.clone(), text: spliced(files, path, splices)? });
    }
    let Some(lock) = &project.lock else {
        let direct =
            |m: &Move<'_>| requirements.asked.iter().any(|a| a.requirement.package == m.package);
        return match moves.iter().find(|m| !direct(m)) {
            Some(indirect) => Err(PlanError::Immovable {
                package: indirect.package.to_owned(),
                reason: "no lock file is committed, so its version is chosen anew by each build; \
                         only what a manifest names can be moved"
                    .to_owned(),
            }),
            None => Ok(plan),
        };
    };
    let (alone, together): (Vec<_>, Vec<_>) = if moves.len() == 1 && splices.is_empty() {
        (moves.iter().collect(), Vec::new())
    } else {
        let below = below(graph, &moves);
        moves.iter().partition(|m| stands_alone(m, &below))
    };
    if !together.is_empty() {
        let old = files.text(lock).map_err(ReadError::from)?;
        let text = suggestion::enter(old, lock, &together)?;
        if text != old {
            plan.edits.push(FileEdit { path: lock.clone(), text });
        }
    }
    for a_move in alone {
        plan.commands.push(command(project, a_move, a_move.from));
    }
    if !together.is_empty() {
        plan.commands.push(cargo(project, &["--workspace"], "complete the lock"));
    }
    for a_move in together {
        plan.commands.push(command(project, a_move, &line_spec(&a_move.to)));
    }
    if !plan.commands.is_empty() {
        plan.writes.push(lock.clone());
    }
    Ok(plan)
}

fn understand<'a>(bump: &'a Bump, graph: &Graph) -> Result<Move<'a>, PlanError> {
    let version = |text: &str| {
        Version::parse(text)
            .map_err(|error| immovable(bump, &format!("`{text}` is no version: {error}")))
    };
    version(&bump.from)?;
    let to = version(&bump.to)?;
    let mut locked = graph.named(&bump.package).filter(|(_, p)| p.version == bump.from).peekable();
    let id = match locked.peek() {
        None if graph.whole => {
            return Err(immovable(bump, &format!("version {} is not locked", bump.from)));
        }
        None => None,
        Some(_) => {
            let from_registry = locked.find(|(_, package)| package.source == Source::Registry);
            let (id, _) = from_registry
                .ok_or_else(|| immovable(bump, "it does not come from the registry"))?;
            Some(id)
        }
    };
    Ok(Move { package: &bump.package, from: &bump.from, to, id, led: false })
}

/// Edits one requirement where it stands for what moves and does not admit where it moves to.
fn require(
    a_move: &mut Move<'_>,
    asked: &Asked,
    (files, mover): (&FileSet, Mover),
    splices: &mut Splices,
) -> Result<(), PlanError> {
    let requirement = &asked.requirement;
    if requirement.package != a_move.package || requirement.source != Source::Registry {
        return Ok(());
    }
    let to = a_move.to.to_string();
    let admitted = admits(&requirement.range, &to);
    if admitted && mover(&requirement.range, &a_move.to).as_ref() == Some(&requirement.range) {
        a_move.led |= !admits(&requirement.range, a_move.from);
        return Ok(());
    }
    if !admits(&requirement.range, a_move.from) {
        return Ok(());
    }
    let refuse = |why: &str| PlanError::Immovable {
        package: a_move.package.to_owned(),
        reason: format!("`{}` in `{}` {why}", requirement.range, requirement.manifest),
    };
    let moved = mover(&requirement.range, &a_move.to)
        .ok_or_else(|| refuse(&format!("cannot be moved to admit {to}")))?;
    let span = asked.span.clone().ok_or_else(|| refuse("is not written there"))?;
    let text = files.text(&requirement.manifest).map_err(ReadError::from)?;
    // The text is foreign: only a plain quoted string that says what was read is replaced.
    let quote = text.get(span.clone()).and_then(|old| {
        ['"', '\''].into_iter().find(|q| old == format!("{q}{}{q}", requirement.range))
    });
    let quote = quote.ok_or_else(|| refuse("is written in a way that hob does not edit"))?;
    a_move.led |= !admits(&moved, a_move.from);
    let new = format!("{quote}{moved}{quote}");
    let splices = splices.entry(requirement.manifest.clone()).or_default();
    match splices.iter().find(|(known, _)| *known == span) {
        Some((_, known)) if *known == new => Ok(()),
        Some(_) => Err(refuse("is to admit two versions at once")),
        None => {
            splices.push((span, new));
            Ok(())
        }
    }
}

/// The file's text with stretches replaced; everything else stays to the byte.
fn spliced(
    files: &FileSet,
    path: &RepoPath,
    splices: &[(Range<usize>, String)],
) -> Result<String, ReadError> {
    let mut text = files.text(path)?.to_owned();
    let mut splices: Vec<_> = splices.iter().collect();
    splices.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    for (span, new) in splices {
        text.replace_range(span.clone(), new);
    }
    Ok(text)
}

/// Everything that depends of the moved packages lead to, they themselves only where another leads there.
fn below(graph: &Graph, moves: &[Move<'_>]) -> BTreeSet<PackageId> {
    let mut below = BTreeSet::new();
    let mut open: Vec<PackageId> = moves.iter().filter_map(|m| m.id).collect();
    while let Some(id) = open.pop() {
        open.extend(graph.get(id).dependencies.iter().copied().filter(|&next| below.insert(next)));
    }
    below
}

/// Whether a package changes its line though nothing that moves with it asks for that: then cargo can
/// only be asked to try.
fn stands_alone(a_move: &Move<'_>, below: &BTreeSet<PackageId>) -> bool {
    let changes_line =
        Version::parse(a_move.from).is_ok_and(|from| line(&from) != line(&a_move.to));
    changes_line && !a_move.led && !a_move.id.is_some_and(|id| below.contains(&id))
}

/// Names whatever is locked of a version's line: `1`, `0.4`, `0.0.3`.
fn line_spec(version: &Version) -> String {
    // A short form never means a pre-release.
    if !version.pre.is_empty() {
        return version.to_string();
    }
    match line(version) {
        (0, 0, patch) => format!("0.0.{patch}"),
        (0, minor, _) => format!("0.{minor}"),
        (major, _, _) => major.to_string(),
    }
}

fn command(project: &Project, a_move: &Move<'_>, spec: &str) -> Exec {
    let package = format!("{}@{spec}", a_move.package);
    let to = a_move.to.to_string();
    cargo(project, &["-p", &package, "--precise", &to], "move a version")
}

fn cargo(project: &Project, arguments: &[&str], purpose: &str) -> Exec {
    let argv = ["cargo", "update"].iter().chain(arguments).copied();
    let mut exec = quiet(Exec::new(argv, purpose)).in_folder(project.root.clone());
    exec.timeout_ms = COMMAND_TIMEOUT_MS;
    exec
}

/// What every run of cargo is told: no colours, patience with the network, and of what has to be chosen
/// anew rather a version that the Rust at hand can build than the newest.
pub(super) fn quiet(exec: Exec) -> Exec {
    exec.with_env("CARGO_TERM_COLOR", "never")
        .with_env("CARGO_TERM_PROGRESS_WHEN", "never")
        .with_env("CARGO_NET_RETRY", "3")
        .with_env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback")
}

fn immovable(bump: &Bump, reason: &str) -> PlanError {
    PlanError::Immovable { package: bump.package.clone(), reason: reason.to_owned() }
}
