//! Remediation on random worlds: whatever the graph, the registry and the advisories, the result tells the truth.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use semver::{Version, VersionReq};

use super::toy::{Shown, World, locked};
use crate::outcome::Ending;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
const VERSIONS: [&str; 6] = ["1.0.0", "1.0.1", "1.1.0", "1.2.0", "2.0.0", "2.1.0"];
const RANGES: [&str; 7] = ["^1.0", "~1.0", "=1.0.0", ">=1.0.1", "<2", "^2.0", "*"];

/// A version of a package: its place in [`VERSIONS`], yanked, what it requires.
type Row = (usize, bool, Vec<(usize, usize)>);

#[derive(Debug, Clone)]
struct Plan {
    rows: Vec<Vec<Row>>,
    direct: Vec<(usize, usize)>,
    advisories: Vec<(usize, usize, usize)>,
    known_then: usize,
    single: bool,
    silent: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let requires = prop::collection::vec((0..NAMES.len(), 0..RANGES.len()), 0..3);
    let row = (0..VERSIONS.len(), prop::bool::weighted(0.1), requires);
    let rows = prop::collection::vec(prop::collection::vec(row, 1..6), NAMES.len());
    let direct = prop::collection::vec((0..NAMES.len(), 0..RANGES.len()), 1..4);
    let advisories =
        prop::collection::vec((0..NAMES.len(), 0..VERSIONS.len(), 0..=VERSIONS.len()), 1..6);
    (rows, direct, advisories, 1..3_usize, any::<bool>(), any::<bool>()).prop_map(
        |(rows, direct, advisories, known_then, single, silent)| Plan {
            rows,
            direct,
            advisories,
            known_then,
            single,
            silent,
        },
    )
}

impl Plan {
    /// The world with the first `versions` versions of each package.
    fn world(&self, versions: usize) -> World {
        let mut world = World::default();
        for (at, rows) in self.rows.iter().enumerate() {
            let known: BTreeMap<usize, &Row> = rows.iter().rev().map(|row| (row.0, row)).collect();
            for (version, yanked, requires) in known.into_values().take(versions) {
                let requires: Vec<String> = requires
                    .iter()
                    // Only downwards: no circles, and a package requires another once.
                    .filter(|(name, _)| *name > at)
                    .map(|(name, range)| format!("{} {}", NAMES[*name], RANGES[*range]))
                    .collect();
                let mark = if *yanked { "!" } else { "" };
                let version = format!("{mark}{}", VERSIONS[*version]);
                world = world.publish(NAMES[at], &version, &requires.join(", "));
            }
        }
        for (at, (name, from, to)) in self.advisories.iter().enumerate() {
            let range = match VERSIONS.get(*to) {
                Some(fixed) => format!(">={}, <{fixed}", VERSIONS[*from]),
                None => format!(">={}", VERSIONS[*from]),
            };
            world = world.advisory(&format!("X-{at}"), NAMES[*name], &range);
        }
        (world.single, world.silent) = (self.single, self.silent);
        world
    }

    fn manifest(&self) -> String {
        let direct: BTreeMap<&str, &str> =
            self.direct.iter().map(|(name, range)| (NAMES[*name], RANGES[*range])).collect();
        direct.iter().map(|(name, range)| format!("{name} {range}\n")).collect()
    }
}

fn open(world: &World, lock: &str) -> BTreeSet<(String, String, String)> {
    let all = locked(lock).into_iter();
    all.flat_map(|(name, version)| {
        let ids = world.matching_ids(&name, &version);
        ids.into_iter().map(move |id| (name.clone(), version.clone(), id))
    })
    .collect()
}

fn pairs(open: &BTreeSet<(String, String, String)>) -> BTreeSet<(String, String)> {
    open.iter().map(|(name, _, id)| (name.clone(), id.clone())).collect()
}

/// Whether the lock alone could have closed this: a clean version that everybody who asks for the package
/// admits, and that asks for nothing itself.
fn is_easy(world: &World, shown: &Shown, name: &str, version: &str) -> bool {
    let admits = |range: &str, version: &str| {
        VersionReq::parse(range).unwrap().matches(&Version::parse(version).unwrap())
    };
    let asks: Vec<String> = shown
        .manifest
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, range)| (name.to_owned(), range.to_owned()))
        .chain(locked(&shown.lock).iter().flat_map(|(name, version)| {
            let rows = world.registry[name].iter().filter(|p| p.version == *version);
            rows.flat_map(|p| p.requires.clone()).collect::<Vec<_>>()
        }))
        .filter(|(asked, range)| asked == name && admits(range, version))
        .map(|(_, range)| range)
        .collect();
    world.registry[name].iter().any(|p| {
        !p.yanked
            && p.requires.is_empty()
            && Version::parse(&p.version).unwrap() > Version::parse(version).unwrap()
            && world.matching_ids(name, &p.version).is_empty()
            && asks.iter().all(|range| admits(range, &p.version))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_result_tells_the_truth(plan in plan()) {
        let manifest = plan.manifest();
        let Some(lock) = plan.world(plan.known_then).first_lock(&manifest) else { return Ok(()) };
        let world = plan.world(VERSIONS.len());
        let before = open(&world, &lock);
        let shown = world.remediate(&manifest, &lock);
        let after = open(&world, &shown.lock);

        // Nothing that still matches is passed over in silence.
        let left: BTreeSet<(String, String, String)> = shown.outcome.left.iter()
            .filter_map(|l| Some((l.package.clone(), l.version.clone(), l.advisory.clone()?)))
            .collect();
        prop_assert_eq!(&left, &after, "{}", shown.brief());
        // Nothing is called closed that still matches; nothing new matches.
        for update in &shown.outcome.updates {
            for id in &update.advisories {
                let same = after.iter().find(|(name, _, open)| name == &update.package && open == id);
                prop_assert_eq!(same, None, "{}", shown.brief());
            }
        }
        prop_assert!(pairs(&after).is_subset(&pairs(&before)), "{}", shown.brief());
        // What the lock alone can close is closed.
        if !plan.single {
            for (name, version, id) in &after {
                prop_assert!(!is_easy(&world, &shown, name, version), "{id}: {}", shown.brief());
            }
        }
        // How it ends follows from what was done.
        let changed = shown.lock != lock || shown.manifest != manifest;
        prop_assert_eq!(shown.outcome.ending == Ending::Changed, changed, "{}", shown.brief());
        prop_assert_eq!(shown.outcome.ending == Ending::NoChange, !changed && after.is_empty());
        // A second run has nothing to add.
        let again = world.remediate(&shown.manifest, &shown.lock);
        prop_assert!(again.outcome.ending != Ending::Changed, "{}\nthen {}", shown.brief(), again.brief());
    }
}
