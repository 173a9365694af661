//! `package-lock.json` and `npm-shrinkwrap.json`, versions 2 and 3.
//!
//! Source: <https://docs.npmjs.com/cli/configuring-npm/package-lock-json> and npm's arborist.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::address;
use super::entry::{Entry, Kind, Lock, NEEDS_MAX, Needle, bounded};
use crate::tree::Tree;

pub(super) mod agree;
pub(super) mod legacy;

/// The longest place of a package that is judged, in bytes.
const PLACE_BYTES_MAX: usize = 2048;

/// The most bytes of places that are tried to find what packages need.
const TRIED_BYTES_MAX: usize = 1 << 29;

/// The folder that packages lie in.
const FOLDER: &str = "node_modules/";

pub(super) fn read(tree: &Tree) -> Result<Lock, String> {
    let packages = packages(tree)?;
    let mut lock = Lock::default();
    let places: HashMap<&str, usize> =
        packages.iter().enumerate().map(|(at, (place, _))| (place.as_str(), at)).collect();
    let bundles = bundles(packages);
    for (place, package) in packages {
        if place.len() > PLACE_BYTES_MAX {
            return Err(format!("a place of more than {PLACE_BYTES_MAX} bytes"));
        }
        lock.entries.push(entry(place, package, &bundles)?);
    }
    let mut count = 0;
    let mut tried = 0;
    for (at, (place, package)) in packages.iter().enumerate() {
        if let Some(target) = link(package).and_then(|target| places.get(target)) {
            lock.entries[at].needs.push(*target);
        }
        for (name, (range, optional)) in needs(package, lock.entries[at].kind) {
            count += 1;
            if count > NEEDS_MAX {
                return Err(format!("its entries need more than {NEEDS_MAX} others"));
            }
            let found = find(&places, (place, name), &mut tried);
            if tried > TRIED_BYTES_MAX {
                return Err("its packages lie too deep to find what they need".to_owned());
            }
            match found {
                Some(found) => {
                    lock.entries[at].needs.push(found);
                    lock.entries[at].ranges.push((found, range.to_owned()));
                }
                None if optional => {}
                None => {
                    lock.entries[at].missing.insert(name.to_owned());
                }
            }
        }
    }
    bounded(lock)
}

/// Every place with its package.
pub(super) fn packages(tree: &Tree) -> Result<&[(String, Tree)], String> {
    version(tree)?;
    match tree.get("packages") {
        Some(Tree::Table(packages)) => Ok(packages),
        _ => Err("it has no `packages` (lockfileVersion 2 or 3)".to_owned()),
    }
}

/// The version of the format.
pub(super) fn version(tree: &Tree) -> Result<u8, String> {
    match tree.get("lockfileVersion") {
        Some(Tree::Other(text)) if text == "2" => Ok(2),
        Some(Tree::Other(text)) if text == "3" => Ok(3),
        _ => Err("a lockfileVersion that is not known (2 and 3 are)".to_owned()),
    }
}

/// The name that a place gives its package; nothing where it is one of the project's own.
pub(super) fn place_name(place: &str) -> Option<&str> {
    let (before, name) = place.rsplit_once(FOLDER)?;
    (before.is_empty() || before.ends_with('/')).then_some(name).filter(|name| !name.is_empty())
}

fn is_true(package: &Tree, key: &str) -> bool {
    package.get(key) == Some(&Tree::Other("true".to_owned()))
}

fn link(package: &Tree) -> Option<&str> {
    is_true(package, "link").then(|| package.text_at("resolved")).flatten()
}

/// The places of packages that say that their archive holds others.
fn bundles(packages: &[(String, Tree)]) -> BTreeSet<&str> {
    let holds = |package: &Tree| {
        let named = ["bundleDependencies", "bundledDependencies"];
        named.into_iter().filter_map(|key| package.get(key)).any(|bundled| match bundled {
            Tree::List(names) => !names.is_empty(),
            other => *other == Tree::Other("true".to_owned()),
        })
    };
    packages
        .iter()
        .filter(|(place, package)| place_name(place).is_some() && holds(package))
        .map(|(place, _)| place.as_str())
        .collect()
}

fn entry(place: &str, package: &Tree, bundles: &BTreeSet<&str>) -> Result<Entry, String> {
    let Some(called) = place_name(place).filter(|_| !is_true(package, "link")) else {
        return Ok(Entry {
            id: format!("{place} {}", link(package).unwrap_or_default()),
            name: package.text_at("name").or(place_name(place)).unwrap_or(place).to_owned(),
            kind: Kind::Local,
            needle: Needle::of(format!("\"{place}\"")),
            ..Entry::default()
        });
    };
    let version = package
        .text_at("version")
        .ok_or_else(|| format!("`{}` has no version", place.escape_debug()))?;
    let name = package.text_at("name").unwrap_or(called);
    let resolved = package.text_at("resolved");
    let kind = match resolved {
        Some(resolved) if !address::is_web(resolved) => Kind::Elsewhere,
        _ if version.contains([':', '/']) => Kind::Elsewhere,
        _ => Kind::Registry,
    };
    let inside = parents(place).any(|parent| bundles.contains(parent));
    let mut entry = Entry {
        id: match (kind, resolved) {
            (Kind::Elsewhere, Some(resolved)) => format!("{name} {version} {resolved}"),
            _ => format!("{name} {version}"),
        },
        name: name.to_owned(),
        version: version.to_owned(),
        kind,
        bundled: is_true(package, "inBundle") && inside && resolved.is_none(),
        scripts: is_true(package, "hasInstallScript"),
        needle: Needle::of(format!("\"{place}\"")),
        ..Entry::default()
    };
    entry.origins.extend(resolved.map(|resolved| address::npm_place(resolved, name)));
    let sum = package.text_at("integrity").unwrap_or_default();
    entry.sums.insert(String::new(), sum.to_owned());
    Ok(entry)
}

/// The places of the packages that a place lies in, the nearest first.
fn parents(place: &str) -> impl Iterator<Item = &str> {
    let mut rest = place;
    std::iter::from_fn(move || {
        let (before, _) = rest.rsplit_once("/node_modules/")?;
        rest = before;
        Some(before)
    })
}

/// What a package needs, in which versions, and whether the lock may lack it.
fn needs(package: &Tree, kind: Kind) -> BTreeMap<&str, (&str, bool)> {
    let mut needs = BTreeMap::new();
    let mut add = |table: &str, optional: bool| {
        for (name, range) in package.get(table).map(Tree::table).unwrap_or_default() {
            let range = range.text().unwrap_or_default();
            needs.entry(name.as_str()).or_insert((range, optional)).1 |= optional;
        }
    };
    add("dependencies", false);
    if kind == Kind::Local {
        add("devDependencies", false);
    }
    // Peers may be left out by the user's own setting.
    add("peerDependencies", true);
    add("optionalDependencies", true);
    needs
}

/// Where node finds a package: in the nearest folder up from the place. `tried` grows by the bytes looked at.
fn find(
    places: &HashMap<&str, usize>,
    (place, name): (&str, &str),
    tried: &mut usize,
) -> Option<usize> {
    let mut folder = Some(place);
    while let Some(here) = folder {
        if *tried > TRIED_BYTES_MAX {
            return None;
        }
        if !here.ends_with("node_modules") {
            let slash = if here.is_empty() { "" } else { "/" };
            let candidate = format!("{here}{slash}{FOLDER}{name}");
            *tried += candidate.len();
            if let Some(at) = places.get(candidate.as_str()) {
                return Some(*at);
            }
        }
        folder = match here.rsplit_once('/') {
            Some((parent, _)) => Some(parent),
            None => (!here.is_empty()).then_some(""),
        };
    }
    None
}
