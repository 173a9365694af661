//! The rules of the house, as tests: who may import whom, how files look, how large things may grow.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Who may import whom. A room that is not in this table fails too: a new room is a line here and in
/// `ARCHITECTURE.md`.
const MAY_IMPORT: [(&str, &[&str]); 16] = [
    ("domain", &[]),
    ("routing", &["domain"]),
    ("runs", &["domain"]),
    ("governance", &["domain"]),
    ("ledger", &["domain"]),
    ("store", &["domain"]),
    ("forge", &["domain"]),
    ("guest", &[]),
    ("sandbox", &["domain", "guest"]),
    ("toolbox", &["domain"]),
    ("agent", &["domain", "toolbox"]),
    (
        "engine",
        &[
            "domain",
            "routing",
            "runs",
            "governance",
            "ledger",
            "store",
            "forge",
            "sandbox",
            "agent",
            "toolbox",
        ],
    ),
    ("server", &["domain", "engine"]),
    (
        "cli",
        &[
            "domain",
            "engine",
            "routing",
            "runs",
            "governance",
            "ledger",
            "store",
            "forge",
            "sandbox",
            "agent",
            "toolbox",
            "server",
        ],
    ),
    ("testkit", &[]),
    ("benches", &["domain", "sandbox", "store", "toolbox"]),
];

/// Rooms that decide and never act: none of these may appear among their dependencies, however deep.
const PURE: [&str; 4] = ["routing", "runs", "governance", "ledger"];
const NEVER_IN_PURE: [&str; 5] = ["tokio", "reqwest", "hyper", "rusqlite", "gix"];

/// What a pure room does not ask of the standard library either: files, processes, the network, the clock, threads.
const NEVER_SAID_IN_PURE: [&str; 8] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "std::os",
    "Instant::now",
    "SystemTime::now",
];

/// Names that say nothing.
const DRAWERS: [&str; 5] = ["utils", "common", "helpers", "misc", "manager"];

/// The most lines of a source file.
const FILE_LINES_MAX: usize = 800;

/// How many packages may be locked: the dependency budget is the compile-time budget.
const LOCKED_PACKAGES_MAX: usize = 520;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/testkit").to_owned()
}

/// The one platform that hob is for: what only others need was never fetched.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

fn metadata() -> cargo_metadata::Metadata {
    cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--offline", "--locked", "--filter-platform", PLATFORM].map(str::to_owned))
        .exec()
        .expect("cargo metadata answers offline")
}

fn rooms(metadata: &cargo_metadata::Metadata) -> BTreeMap<String, &cargo_metadata::Package> {
    metadata.workspace_packages().into_iter().map(|p| (p.name.to_string(), p)).collect()
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut pending = vec![root().join("crates"), root().join("benches")];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).expect("the crates can be read") {
            let path = entry.expect("the crates can be read").path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("sources are text");
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

#[track_caller]
fn none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let metadata = metadata();
    let rooms = rooms(&metadata);
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().collect();
    let mut problems = Vec::new();
    for (name, package) in &rooms {
        let Some(allowed) = table.get(name.as_str()) else {
            problems.push(format!("`{name}` is a room without a line in MAY_IMPORT"));
            continue;
        };
        for dependency in &package.dependencies {
            let inside = rooms.contains_key(dependency.name.as_str());
            let normal = dependency.kind == cargo_metadata::DependencyKind::Normal;
            if inside && normal && !allowed.contains(&dependency.name.as_str()) {
                problems.push(format!("`{name}` must not import `{}`", dependency.name));
            }
        }
    }
    problems.extend(
        table
            .keys()
            .filter(|n| !rooms.contains_key(**n))
            .map(|n| format!("there is no room `{n}`")),
    );
    none(&problems);
}

#[test]
fn pure_rooms_stay_pure() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("dependencies are resolved");
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut problems = Vec::new();
    for (name, package) in rooms(&metadata) {
        if !PURE.contains(&name.as_str()) {
            continue;
        }
        let mut seen = BTreeSet::new();
        let mut pending = vec![&package.id];
        while let Some(id) = pending.pop() {
            if !seen.insert(id) {
                continue;
            }
            for dependency in &nodes[id].deps {
                let normal = dependency
                    .dep_kinds
                    .iter()
                    .any(|kind| kind.kind == cargo_metadata::DependencyKind::Normal);
                if normal {
                    pending.push(&dependency.pkg);
                }
            }
        }
        for id in seen {
            let found = metadata[id].name.as_str();
            if NEVER_IN_PURE.contains(&found) {
                problems.push(format!("`{name}` is pure and must not reach `{found}`"));
            }
        }
    }
    let rooms = PURE.map(|name| root().join("crates").join(name).join("src"));
    for (path, text) in sources() {
        let tests = path.components().any(|part| part.as_os_str() == "tests")
            || path.file_stem().is_some_and(|name| name == "tests");
        if tests || !rooms.iter().any(|room| path.starts_with(room)) {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for said in NEVER_SAID_IN_PURE.iter().filter(|said| code.contains(**said)) {
            problems.push(format!("{} is in a pure room and says `{said}`", path.display()));
        }
    }
    none(&problems);
}

#[test]
fn manifests_keep_the_house_style() {
    let mut problems = Vec::new();
    for (name, package) in rooms(&metadata()) {
        let text = std::fs::read_to_string(&package.manifest_path).expect("manifests are text");
        let manifest: toml::Table = text.parse().expect("manifests are TOML");
        if manifest["lints"]["workspace"].as_bool() != Some(true) {
            problems.push(format!("`{name}` does not take the workspace's lints"));
        }
        if package.publish.as_ref().is_none_or(|registries| !registries.is_empty()) {
            problems.push(format!("`{name}` could be published"));
        }
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(table).and_then(|t| t.as_table()) else {
                continue;
            };
            for (dependency, value) in dependencies {
                let inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                if !inherited {
                    problems.push(format!("`{name}`: `{dependency}` has a version of its own"));
                }
            }
        }
    }
    none(&problems);
}

#[test]
fn every_file_says_what_it_is_for_and_stays_small() {
    let mut problems = Vec::new();
    for (path, text) in sources() {
        let shown = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        if !text.starts_with("//!") {
            problems.push(format!("{shown} does not open with `//!`"));
        }
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            problems.push(format!("{shown} has {lines} lines, more than {FILE_LINES_MAX}"));
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if DRAWERS.contains(&stem.as_str()) || stem == "mod" {
            problems.push(format!("{shown}: a file is named after what it holds"));
        }
        if stem == "lib" && lines > 80 {
            problems.push(format!("{shown} has {lines} lines: a lib.rs holds no logic"));
        }
    }
    none(&problems);
}

#[test]
fn nothing_is_silenced_or_left_for_later() {
    // Put together from parts, so that this file does not find itself.
    let banned = [
        ["#[", "ignore"].concat(),
        ["todo", "!("].concat(),
        ["unimplemented", "!("].concat(),
        // As a comment; the Test Anything Protocol has a directive of the same name.
        ["// TO", "DO"].concat(),
        ["TO", "DO:"].concat(),
        ["TO", "DO("].concat(),
        ["FIX", "ME"].concat(),
        ["#[", "allow("].concat(),
        ["#![", "allow("].concat(),
    ];
    let mut problems = Vec::new();
    for (path, text) in sources() {
        for (at, line) in text.lines().enumerate() {
            for word in &banned {
                if line.contains(word.as_str()) {
                    problems.push(format!("{}:{}: {word}", path.display(), at + 1));
                }
            }
        }
    }
    none(&problems);
}

#[test]
fn the_dependency_budget_holds() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is there");
    let packages = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!(
        packages <= LOCKED_PACKAGES_MAX,
        "{packages} packages are locked, the budget is {LOCKED_PACKAGES_MAX}"
    );
}

#[test]
fn each_crate_has_at_most_one_binary_of_integration_tests() {
    let mut problems = Vec::new();
    for (name, package) in rooms(&metadata()) {
        let tests = package.targets.iter().filter(|target| target.is_test()).count();
        if tests > 1 {
            problems.push(format!("`{name}` links {tests} test binaries; one is enough"));
        }
    }
    none(&problems);
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut problems = Vec::new();
    let mut pending = vec![root().join("docs")];
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "SECURITY.md", "SPECIFICATION.md", "BENCHMARKS.md"]
            .iter()
            .map(|name| root().join(name))
            .collect();
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).expect("docs can be read") {
            let path = entry.expect("docs can be read").path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                pages.push(path);
            }
        }
    }
    for page in pages {
        let text = std::fs::read_to_string(&page)
            .unwrap_or_else(|error| panic!("{} cannot be read: {error}", page.display()));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let place = page.parent().expect("a page lies in a folder").join(target);
            if !place.exists() {
                problems.push(format!("{}: `{link}` leads nowhere", page.display()));
            }
        }
    }
    none(&problems);
}

#[test]
fn the_rules_page_lists_every_rule() {
    let page = std::fs::read_to_string(root().join("docs/reference/rules.md")).expect("rules.md");
    let folder = root().join("crates/governance/src/rule");
    let mut problems = Vec::new();
    for entry in std::fs::read_dir(folder).expect("rules can be read") {
        let path = entry.expect("rules can be read").path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let id = text.split("id: \"").nth(1).and_then(|rest| rest.split('"').next());
        if let Some(id) = id
            && !page.contains(&format!("`{id}`"))
        {
            problems.push(format!("docs/reference/rules.md does not list `{id}`"));
        }
    }
    none(&problems);
}

/// A word in backticks with this many underscores is the name of a test.
const TEST_NAME_UNDERSCORES_MIN: usize = 3;

#[test]
fn the_tests_that_the_documents_name_exist() {
    let sources = sources();
    let mut problems = Vec::new();
    for page in ["ARCHITECTURE.md", "SPECIFICATION.md", "SECURITY.md"] {
        let text = std::fs::read_to_string(root().join(page)).expect("the pages are there");
        for word in text.split('`').skip(1).step_by(2) {
            let is_name =
                word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                    && word.matches('_').count() >= TEST_NAME_UNDERSCORES_MIN;
            let definition = format!("fn {word}(");
            if is_name && !sources.iter().any(|(_, source)| source.contains(&definition)) {
                problems.push(format!("{page} names `{word}`, and there is no such test"));
            }
        }
    }
    none(&problems);
}
