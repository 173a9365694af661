//! Plans how packages move: the smallest edits of `package.json`, and the order that has npm write the lock.

use std::collections::{BTreeMap, BTreeSet};

use super::discover::{LOCK, MANIFEST};
use super::linked;
use super::lock::{Entry, Lock, is_own, name_at};
use super::manifest::{Ask, Manifest, Override, Section, Splice};
use super::range::{self, Keep};
use super::tree::{Tree, is_held};
use super::{commands, version};
use crate::dependencies::{Bump, FileEdit, Plan, PlanError, Project, ReadError, Source};
use crate::files::FileSet;

/// One bump with the places that it concerns.
pub(super) struct Move<'a> {
    pub(super) bump: &'a Bump,
    /// Where the package is locked now.
    pub(super) locations: BTreeSet<&'a str>,
    /// The project's own requirements that lead there.
    pub(super) asks: Vec<(&'a Manifest, &'a Ask)>,
    /// The overrides that decide there.
    pub(super) overrides: Vec<(&'a Manifest, &'a Override)>,
    /// Locked packages (`name@version`) that ask for it and do not admit the new version.
    pub(super) refusing: BTreeSet<String>,
    /// Its place among the moves: what asks for a moving package moves before it.
    pub(super) phase: usize,
}

/// The edits and commands for some bumps.
pub(super) fn plan(
    project: &Project,
    files: &FileSet,
    tree: &Tree,
    (bumps, keep): (&[Bump], Keep),
) -> Result<Plan, PlanError> {
    let mut moves = Vec::new();
    for bump in bumps {
        if version::parse(&bump.to).is_none() {
            return Err(immovable(bump, format!("`{}` is not a version", bump.to)));
        }
        if bump.from != bump.to {
            moves.push(gather(tree, bump)?);
        }
    }
    if moves.is_empty() {
        return Ok(Plan::default());
    }
    if let Some(lock) = &tree.lock {
        refuse_held(tree, lock, &mut moves)?;
        set_phases(lock, &mut moves);
    }
    let edits = edits(files, tree, &moves, keep)?;
    refuse_covered(project, files, &moves, &edits)?;
    let mut plan = Plan { edits, commands: Vec::new(), writes: Vec::new() };
    match (&project.lock, &tree.lock) {
        (Some(path), Some(lock)) => {
            plan.commands.push(commands::move_locked(project, lock, &moves));
            plan.commands.push(commands::agree(project));
            plan.writes.push(path.clone());
        }
        _ => plan.commands.push(commands::installable(project)),
    }
    Ok(plan)
}

fn immovable(bump: &Bump, reason: String) -> PlanError {
    PlanError::Immovable { package: bump.package.clone(), reason }
}

/// Finds what a bump concerns.
fn gather<'a>(tree: &'a Tree, bump: &'a Bump) -> Result<Move<'a>, PlanError> {
    let mut found = Move {
        bump,
        locations: BTreeSet::new(),
        asks: Vec::new(),
        overrides: Vec::new(),
        refusing: BTreeSet::new(),
        phase: 0,
    };
    if let Some(lock) = &tree.lock {
        found.locations = locations(lock, bump)?;
    }
    for manifest in &tree.manifests {
        for ask in manifest.asks.iter().filter(|ask| ask.package == bump.package) {
            let concerned = match &tree.lock {
                Some(_) => tree.found(manifest, ask).is_some_and(|at| found.locations.contains(at)),
                None => version::admits(&ask.range, &bump.from),
            };
            if concerned && ask.source != Source::Registry {
                let reason =
                    format!("`{}` asks for it from elsewhere than a registry", manifest.path);
                return Err(immovable(bump, reason));
            }
            if concerned {
                found.asks.push((manifest, ask));
            }
        }
    }
    // npm reads the overrides of the root only.
    if let Some(root) = tree.manifests.first() {
        let decides = |rule: &&Override| {
            rule.package == bump.package && version::admits(&rule.range, &bump.from)
        };
        found.overrides = root.overrides.iter().filter(decides).map(|rule| (root, rule)).collect();
    }
    if tree.lock.is_none() && found.asks.is_empty() && found.overrides.is_empty() {
        let reason = "no requirement of the project names it and there is no package-lock.json: \
                      each install takes the newest version that its parents admit";
        return Err(immovable(bump, reason.to_owned()));
    }
    Ok(found)
}

fn locations<'a>(lock: &'a Lock, bump: &Bump) -> Result<BTreeSet<&'a str>, PlanError> {
    let is_it = |(location, entry): &(&str, &Entry)| {
        !is_own(location)
            && name_at(location, entry) == bump.package
            && entry.version.as_deref() == Some(bump.from.as_str())
    };
    let all: Vec<(&str, &Entry)> = lock.packages().filter(is_it).collect();
    let free: BTreeSet<&str> = all
        .iter()
        .map(|(location, _)| *location)
        .filter(|location| lock.owner_of(location).is_none())
        .collect();
    if !free.is_empty() {
        return Ok(free);
    }
    let owner = all.first().and_then(|(location, _)| lock.owner_of(location));
    let reason = match owner {
        Some((location, owner)) => format!(
            "{}@{} brings {} inside its own package; only a newer version of it can bring another one",
            name_at(location, owner),
            owner.version.as_deref().unwrap_or_default(),
            bump.from
        ),
        None => format!("version {} is not in the lock file", bump.from),
    };
    Err(immovable(bump, reason))
}

/// Notes who excludes the new version, and refuses what only other packages ask for and one of them excludes.
fn refuse_held(tree: &Tree, lock: &Lock, moves: &mut [Move<'_>]) -> Result<(), PlanError> {
    let moving: BTreeSet<&str> = moves.iter().flat_map(|m| m.locations.iter().copied()).collect();
    let ours: BTreeSet<String> = tree.manifests.iter().map(|m| tree.location(m)).collect();
    for one in moves {
        let mut holders = BTreeSet::new();
        let stays = lock.packages().filter(|(at, _)| !is_own(at) && !moving.contains(at));
        for (location, entry) in stays {
            for (kind, key, range) in entry.asks() {
                let leads_there =
                    lock.resolve(location, key).is_some_and(|at| one.locations.contains(at));
                if !leads_there || version::admits(range, &one.bump.to) {
                    continue;
                }
                let version = entry.version.as_deref().unwrap_or_default();
                let owner = format!("{}@{version}", name_at(location, entry));
                if is_held(kind) && !tree.is_overridden(&one.bump.package) {
                    holders.insert(format!("{owner} asks for {key}@{range}"));
                }
                one.refusing.insert(owner);
            }
        }
        // What is linked to and no manifest of the project: outside the repository, or covered by other locks too.
        for (location, entry) in lock.packages().filter(|(at, _)| is_own(at) && !ours.contains(*at))
        {
            let asks = entry.asks().map(|(_, key, range)| (key, range)).chain(entry.development());
            for (key, range) in asks {
                let found = lock.resolve(location, key);
                if found.is_some_and(|at| one.locations.contains(at))
                    && !version::admits(range, &one.bump.to)
                {
                    holders.insert(format!(
                        "`{location}/{MANIFEST}` asks for {key}@{range}, and hob does not change it with this lock"
                    ));
                }
            }
        }
        if one.asks.is_empty() && !holders.is_empty() {
            let holders = holders.into_iter().collect::<Vec<_>>().join(", ");
            return Err(immovable(one.bump, format!("{} is held back: {holders}", one.bump.to)));
        }
    }
    Ok(())
}

/// Refuses to edit a manifest that the lock of another project repeats: that lock would no longer install.
fn refuse_covered(
    project: &Project,
    files: &FileSet,
    moves: &[Move<'_>],
    edits: &[FileEdit],
) -> Result<(), PlanError> {
    if edits.is_empty() {
        return Ok(());
    }
    let linked = linked::folders(files);
    for edit in edits {
        let mut roots = linked.get(&edit.path.parent()).into_iter().flatten();
        let Some(other) = roots.find(|root| **root != project.root || project.lock.is_none())
        else {
            continue;
        };
        let asks = |one: &&Move<'_>| one.asks.iter().any(|(m, _)| m.path == edit.path);
        if let Some(one) = moves.iter().find(asks) {
            let lock = other.join(LOCK).unwrap_or_else(|_| other.clone());
            let reason = format!(
                "`{}` asks for it, and `{lock}` repeats what that file asks for: hob does not change both together; \
                 change the file, then run `npm install --package-lock-only` beside each lock",
                edit.path
            );
            return Err(immovable(one.bump, reason));
        }
    }
    Ok(())
}

/// Puts a package after those moving packages that ask for it. A circle is cut where it closes.
fn set_phases(lock: &Lock, moves: &mut [Move<'_>]) {
    let owner: BTreeMap<&str, usize> = moves
        .iter()
        .enumerate()
        .flat_map(|(at, one)| one.locations.iter().map(move |location| (*location, at)))
        .collect();
    let mut asked_by: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); moves.len()];
    for (&location, &parent) in &owner {
        let asks = lock.entry(location).into_iter().flat_map(Entry::asks);
        for (_, key, _) in asks {
            let child = lock.resolve(location, key).and_then(|at| owner.get(at));
            if let Some(parents) = child.and_then(|&child| asked_by.get_mut(child))
                && child != Some(&parent)
            {
                parents.insert(parent);
            }
        }
    }
    // As many rounds as there are moves settle every chain; a circle stops growing there.
    for _ in 0..moves.len() {
        for (at, parents) in asked_by.iter().enumerate() {
            let above = parents.iter().filter_map(|&parent| moves.get(parent)).map(|m| m.phase + 1);
            let phase = above.max().unwrap_or(0).min(asked_by.len() - 1);
            if let Some(one) = moves.get_mut(at) {
                one.phase = one.phase.max(phase);
            }
        }
    }
}

/// The manifests' new texts: a requirement changes only where it does not admit the new version.
fn edits(
    files: &FileSet,
    tree: &Tree,
    moves: &[Move<'_>],
    of_own: Keep,
) -> Result<Vec<FileEdit>, PlanError> {
    let mut splices: BTreeMap<&domain::RepoPath, Splice> = BTreeMap::new();
    for one in moves {
        let to = &one.bump.to;
        let misread = |range: &str, manifest: &Manifest| {
            let reason =
                format!("`{}` asks for `{range}`, which cannot be moved to {to}", manifest.path);
            immovable(one.bump, reason)
        };
        for (manifest, ask) in &one.asks {
            let keep = if ask.section == Section::Peer { Keep::Admitted } else { of_own };
            let new = range::widened(&ask.range, to, keep)
                .ok_or_else(|| misread(&ask.range, manifest))?;
            if new != ask.range {
                splices.entry(&manifest.path).or_default().ask(ask, &ask.spec(&new));
            }
        }
        for (manifest, rule) in &one.overrides {
            let new = range::widened(&rule.range, to, of_own)
                .ok_or_else(|| misread(&rule.range, manifest))?;
            if new != rule.range {
                splices.entry(&manifest.path).or_default().rule(rule, &rule.spec(&new));
            }
        }
    }
    let mut edits = Vec::new();
    for manifest in &tree.manifests {
        if let Some(splice) = splices.remove(&manifest.path) {
            let text = files.text(&manifest.path).map_err(ReadError::from)?;
            edits.push(FileEdit { path: manifest.path.clone(), text: splice.apply(text) });
        }
    }
    Ok(edits)
}
