//! Makes the graph of a project from its lock and its manifests.

use domain::RepoPath;

use super::LOCK;
use super::asked::{Requirements, Use};
use super::lock::{self, LockFile, Locked};
use super::tree::{Tree, manifest_of};
use super::version::admits;
use crate::dependencies::{Graph, Package, PackageId, Project, ReadError, Requirement, Source};
use crate::files::FileSet;

/// The graph; `resolved` is a lock that was made for a project without one.
pub(super) fn graph(
    project: &Project,
    files: &FileSet,
    resolved: Option<&[u8]>,
) -> Result<Graph, ReadError> {
    let tree = Tree::read(files);
    let requirements = Requirements::gather(&tree, project, files)?;
    if let Some(path) = &project.lock {
        let lock = lock::read(path, files.text(path)?)?;
        return from_lock(&lock, path, path, requirements);
    }
    let manifest = manifest_of(&project.root);
    let Some(resolved) = resolved else {
        let direct = requirements.asked.into_iter().map(|asked| asked.requirement).collect();
        return Ok(Graph { packages: Vec::new(), direct, whole: false, unresolved: Vec::new() });
    };
    let path = project.root.join(LOCK).expect("a plain name leads nowhere else");
    let text = std::str::from_utf8(resolved).map_err(|_| ReadError::Malformed {
        path: path.clone(),
        line: None,
        reason: "what cargo resolved is no UTF-8 text".to_owned(),
    })?;
    from_lock(&lock::read(&path, text)?, &path, &manifest, requirements)
}

fn from_lock(
    lock: &LockFile,
    path: &RepoPath,
    locked_in: &RepoPath,
    requirements: Requirements,
) -> Result<Graph, ReadError> {
    let mut packages: Vec<Package> = lock
        .packages
        .iter()
        .map(|locked| Package {
            name: locked.name.clone(),
            version: locked.version.to_string(),
            source: source(locked),
            development_only: false,
            direct: false,
            dependencies: locked.dependencies.iter().copied().map(PackageId).collect(),
            locked_in: locked_in.clone(),
        })
        .collect();
    let behind = |reason: String| ReadError::Malformed { path: path.clone(), line: None, reason };
    let mut roots = Vec::new();
    for (name, manifest) in &requirements.members {
        let own = |locked: &Locked| locked.source.is_none() && locked.name == *name;
        let at = lock.packages.iter().position(own).ok_or_else(|| {
            behind(format!(
                "it does not hold `{name}` of `{manifest}`; `cargo update --workspace` mends it"
            ))
        })?;
        roots.push(at);
    }
    let normal = label(&mut packages, &requirements, &roots);
    for (package, reached) in packages.iter_mut().zip(normal) {
        // A copy in this repository of what a registry publishes: an advisory on it may well concern the copy.
        if package.source == Source::Workspace && requirements.patched.contains(&package.name) {
            package.source = Source::Other("a folder that `[patch]` names".to_owned());
        }
        package.development_only = !reached && package.source != Source::Workspace;
    }
    let mut direct = Vec::with_capacity(requirements.asked.len());
    for asked in requirements.asked {
        let mut requirement = asked.requirement;
        if requirement.source == Source::Registry {
            requirement.source = locked_source(&packages, &requirement).ok_or_else(|| {
                let Requirement { package, range, manifest, .. } = &requirement;
                behind(format!(
                    "it does not hold `{package} {range}`, which `{manifest}` asks for; \
                     `cargo update --workspace` mends it"
                ))
            })?;
        }
        direct.push(requirement);
    }
    Ok(Graph { packages, direct, whole: true, unresolved: Vec::new() })
}

/// Marks what manifests name, and says which packages are reached without a development requirement.
fn label(packages: &mut [Package], requirements: &Requirements, roots: &[usize]) -> Vec<bool> {
    let mut reached = vec![false; packages.len()];
    let mut open = roots.to_vec();
    for &root in roots {
        reached[root] = true;
    }
    while let Some(at) = open.pop() {
        let uses = uses_of(&packages[at], requirements);
        for PackageId(dependency) in packages[at].dependencies.clone() {
            let development = uses.is_some_and(|uses| is_development(&packages[dependency], uses));
            if !development && !std::mem::replace(&mut reached[dependency], true) {
                open.push(dependency);
            }
        }
    }
    for at in 0..packages.len() {
        if uses_of(&packages[at], requirements).is_some() {
            for PackageId(dependency) in packages[at].dependencies.clone() {
                packages[dependency].direct = true;
            }
        }
    }
    reached
}

fn uses_of<'a>(package: &Package, requirements: &'a Requirements) -> Option<&'a [Use]> {
    let own = package.source == Source::Workspace;
    requirements.uses.get(&package.name).filter(|_| own).map(Vec::as_slice)
}

/// Whether every requirement that this edge can stand for is one of development.
fn is_development(package: &Package, uses: &[Use]) -> bool {
    let mut named = uses.iter().filter(|u| u.package == package.name).peekable();
    if named.peek().is_none() {
        return false;
    }
    let mut fitting = named.clone().filter(|u| admits(&u.range, &package.version)).peekable();
    if fitting.peek().is_some() {
        fitting.all(|u| u.development)
    } else {
        named.all(|u| u.development)
    }
}

/// Where the package that satisfies a requirement comes from: not the registry, where `[patch]` says so.
/// A pre-release counts as satisfying: its requirement may come from the patched crate itself.
fn locked_source(packages: &[Package], requirement: &Requirement) -> Option<Source> {
    let fits = |package: &&Package| {
        package.name == requirement.package
            && (admits(&requirement.range, &package.version)
                || super::version::is_prerelease(&package.version))
    };
    let mut fitting: Vec<&Package> = packages.iter().filter(fits).collect();
    fitting.sort_by_key(|package| package.source != Source::Registry);
    fitting.first().map(|package| package.source.clone())
}

/// The default registry is named in locks by the address of its git index, also where a mirror stands in
/// for it or the sparse protocol is spoken.
fn source(locked: &Locked) -> Source {
    let Some(source) = &locked.source else { return Source::Workspace };
    let is_default = source.strip_prefix("registry+") == Some(tame_index::CRATES_IO_INDEX)
        || source == tame_index::CRATES_IO_HTTP_INDEX;
    if is_default { Source::Registry } else { Source::Other(source.clone()) }
}
