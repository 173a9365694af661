//! `uv.lock`, version 1.
//!
//! Source: uv's `lock/mod.rs` and <https://docs.astral.sh/uv/concepts/resolution/>.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::dependency::Ecosystem;
use domain::finding::Severity;

use super::address;
use super::entry::{Entry, Kind, Lock, NEEDS_MAX, Needle, Objection, bounded};
use super::manifests::Manifests;
use super::version;
use crate::dependency_file::same_name;
use crate::tree::{self, Tree};

mod archive;

pub(super) fn read(tree: &Tree) -> Result<Lock, String> {
    if tree.get("version") != Some(&Tree::Other("1".to_owned())) {
        return Err("a version of the format that is not known (1 is)".to_owned());
    }
    let packages = tree.get("package").map(Tree::list).unwrap_or_default();
    let mut lock = Lock::default();
    let mut ids = BTreeSet::new();
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, package) in packages.iter().enumerate() {
        let entry = entry(package)?;
        if !ids.insert(entry.id.clone()) {
            return Err(format!("`{}` is there twice", entry.shown()));
        }
        places.entry(entry.name.clone()).or_default().push(at);
        lock.entries.push(entry);
    }
    let mut count = 0;
    for (at, package) in packages.iter().enumerate() {
        for need in needs(package) {
            let name = same_name(Ecosystem::Python, need.text_at("name").unwrap_or_default());
            let mut met = false;
            for place in places.get(&name).into_iter().flatten() {
                count += 1;
                if count > NEEDS_MAX {
                    return Err(format!("its entries need more than {NEEDS_MAX} others"));
                }
                let other = &packages[*place];
                let agrees = |key| need.get(key).is_none() || need.get(key) == other.get(key);
                if agrees("version") && agrees("source") {
                    lock.entries[at].needs.push(*place);
                    met = true;
                }
            }
            if !met {
                lock.entries[at].missing.insert(name);
            }
        }
    }
    bounded(lock)
}

fn needs(package: &Tree) -> impl Iterator<Item = &Tree> {
    let plain = package.get("dependencies").map(Tree::list).unwrap_or_default();
    let grouped = ["optional-dependencies", "dev-dependencies"].into_iter().flat_map(|key| {
        let groups = package.get(key).map(Tree::table).unwrap_or_default();
        groups.iter().flat_map(|(_, group)| group.list())
    });
    plain.iter().chain(grouped)
}

fn entry(package: &Tree) -> Result<Entry, String> {
    let written = package.text_at("name").ok_or("a package has no name")?;
    let version = package.text_at("version").unwrap_or_default();
    let source = match package.get("source").map(Tree::table) {
        Some([(kind, place), ..]) => (kind.as_str(), place.text().unwrap_or_default()),
        _ => return Err(format!("`{}` has no source", written.escape_debug())),
    };
    let kind = match source.0 {
        // A folder of files is no registry that another machine could ask.
        "registry" if source.1.contains("://") => Kind::Registry,
        "virtual" | "editable" | "directory" => Kind::Local,
        _ => Kind::Elsewhere,
    };
    let name = same_name(Ecosystem::Python, written);
    let from = format!("{} {}", source.0, source.1.trim_end_matches('/'));
    let mut entry = Entry {
        id: match kind {
            Kind::Local => format!("{name} {from}"),
            Kind::Registry | Kind::Elsewhere => format!("{name} {version} {from}"),
        },
        name,
        version: version.to_owned(),
        kind,
        needle: Needle {
            first: format!("name = \"{written}\""),
            second: format!("version = \"{version}\""),
            before: false,
        },
        ..Entry::default()
    };
    if kind != Kind::Local {
        entry.origins.insert(from);
    }
    let wheels = package.get("wheels").map(Tree::list).unwrap_or_default();
    for file in wheels.iter().chain(package.get("sdist")) {
        let Some(url) = file.text_at("url").or_else(|| file.text_at("path")) else { continue };
        entry.origins.insert(address::python_place(url, |segment| {
            same_name(Ecosystem::Python, segment) == entry.name
                || version::same(Ecosystem::Python, segment, &entry.version)
        }));
        let name = url.rsplit('/').next().unwrap_or(url);
        let sum = file.text_at("hash").unwrap_or_default();
        entry.sums.insert(name.to_owned(), sum.to_owned());
    }
    Ok(entry)
}

/// What the file says besides its packages, and what it repeats of manifests.
pub(super) fn head(before: &Tree, after: &Tree, manifests: &Manifests) -> Vec<Objection> {
    let mut found = Vec::new();
    for difference in tree::differences(before, after) {
        let key = difference.path.first().map_or("", String::as_str);
        let needle = Needle::of(difference.path.last().cloned().unwrap_or_default());
        let words = difference.words();
        match key {
            _ if difference.order => {}
            "package" | "" => {}
            "revision" => {
                let reason = "the revision of the format changes";
                found.push(Objection::new(Severity::Note, &needle, reason));
            }
            "resolution-markers" => {
                let reason = "the environments that are resolved apart change";
                found.push(Objection::new(Severity::Note, &Needle::of(key), reason));
            }
            // Options given on a command line are kept in the file by nobody else.
            "options" => {
                let reason = format!("`{words}` changes: how versions are chosen");
                found.push(Objection::ask(&needle, reason));
            }
            // Held against the manifests apart.
            "manifest" if before.get(key).is_some() && after.get(key).is_some() => {}
            _ => {
                let reason =
                    format!("`{words}` changes; it follows from no version of a dependency");
                found.push(Objection::deny(&needle, reason));
            }
        }
    }
    found.extend(archive::of_others(before, after));
    found.extend(repeated(before, after, manifests));
    found
}

/// The requirements of the project's own packages, and those of a workspace, as the lock repeats them.
fn repeated(before: &Tree, after: &Tree, manifests: &Manifests) -> Vec<Objection> {
    let (old, new) = (metadata(before), metadata(after));
    let mut found = Vec::new();
    for (package, now) in new {
        let Some(was) = old.get(&package) else { continue };
        let needle = Needle { first: format!("name = \"{package}\""), ..Needle::default() };
        let whose = format!("of `{}`", package.escape_debug());
        found.extend(requirements(was, now, manifests, (&needle, &whose)));
    }
    if let (Some(was), Some(now)) = (before.get("manifest"), after.get("manifest")) {
        found.extend(requirements(was, now, manifests, (&Needle::of("manifest"), "of `manifest`")));
    }
    found
}

/// What differs between two tables of requirements and is not what a manifest of the change says of that package.
fn requirements(
    was: &Tree,
    now: &Tree,
    manifests: &Manifests,
    (needle, whose): (&Needle, &str),
) -> Vec<Objection> {
    let (was, now) = unequal(was, now);
    let mut found = Vec::new();
    for difference in tree::differences(&was, &now) {
        let said = difference.path.split_last().is_some_and(|(key, of)| {
            let package = now.at(of).and_then(|one| one.text_at("name"));
            key == "specifier"
                && package.is_some_and(|package| manifests.says_new_of(package, &difference))
        });
        if difference.order || said {
            continue;
        }
        let words = difference.words();
        let reason = format!("`{words}` {whose} changes, and no manifest of the change says so");
        found.push(Objection::deny(needle, reason));
    }
    found
}

/// Both without the items that their lists have in common, and what is left of lists in the order of what it is about:
/// a list is sorted by all that an item says, so one that changes may change its place.
fn unequal(was: &Tree, now: &Tree) -> (Tree, Tree) {
    match (was, now) {
        (Tree::Table(old), Tree::Table(new)) => {
            let (mut left, mut right) = (old.clone(), new.clone());
            for (key, value) in &mut left {
                if let Some((_, other)) = right.iter_mut().find(|(name, _)| name == key) {
                    (*value, *other) = unequal(value, other);
                }
            }
            (Tree::Table(left), Tree::Table(right))
        }
        (Tree::List(old), Tree::List(new)) => {
            (Tree::List(without(old, new)), Tree::List(without(new, old)))
        }
        _ => (was.clone(), now.clone()),
    }
}

/// The items that another list does not hold, or not as often.
fn without(list: &[Tree], other: &[Tree]) -> Vec<Tree> {
    let mut others: HashMap<String, usize> = HashMap::new();
    for item in other {
        *others.entry(format!("{item:?}")).or_default() += 1;
    }
    let mut is_alone = |item: &&Tree| match others.get_mut(&format!("{item:?}")) {
        Some(count @ 1..) => {
            *count -= 1;
            false
        }
        _ => true,
    };
    let mut left: Vec<Tree> = list.iter().filter(|item| is_alone(item)).cloned().collect();
    left.sort_by_key(about);
    left
}

/// What a requirement says besides its versions.
fn about(requirement: &Tree) -> String {
    let said = requirement.table().iter().filter(|(key, _)| key != "specifier");
    said.map(|(key, value)| format!("{key} {value:?};")).collect()
}

fn metadata(tree: &Tree) -> BTreeMap<String, &Tree> {
    let packages = tree.get("package").map(Tree::list).unwrap_or_default();
    let own = packages.iter().filter(|package| {
        let source = package.get("source").map(Tree::table).unwrap_or_default();
        source.iter().any(|(kind, _)| matches!(kind.as_str(), "virtual" | "editable" | "directory"))
    });
    own.filter_map(|package| Some((package.text_at("name")?.to_owned(), package.get("metadata")?)))
        .collect()
}
