//! Names the manifests of ecosystems that hob does not work on, so that nobody takes silence for a clean bill.
//!
//! The table holds the package managers of programming languages. What they state is not looked at; a manifest
//! and the lock beside it are named once. Container images, infrastructure modules and CI actions are no packages
//! of a language and are not spoken of.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use domain::dependency::{Left, Why};

/// The most files of one tool that are named each; a last entry counts the rest.
const NAMED_MAX: usize = 50;

/// Whole file names and the tool that they belong to; of one folder the first of a tool is named.
const NAMES: [(&str, &str); 62] = [
    ("go.mod", "Go modules"),
    ("go.work", "Go modules"),
    ("Gopkg.toml", "dep (Go)"),
    ("pom.xml", "Maven"),
    ("build.gradle", "Gradle"),
    ("build.gradle.kts", "Gradle"),
    ("libs.versions.toml", "Gradle"),
    ("gradle.lockfile", "Gradle"),
    ("build.sbt", "sbt"),
    ("ivy.xml", "Ivy"),
    ("project.clj", "Leiningen"),
    ("deps.edn", "Clojure"),
    ("Gemfile", "Bundler"),
    ("Gemfile.lock", "Bundler"),
    ("gems.rb", "Bundler"),
    ("gems.locked", "Bundler"),
    ("composer.json", "Composer"),
    ("composer.lock", "Composer"),
    ("packages.config", "NuGet"),
    ("packages.lock.json", "NuGet"),
    ("Directory.Packages.props", "NuGet"),
    ("paket.dependencies", "Paket"),
    ("paket.lock", "Paket"),
    ("Package.swift", "Swift packages"),
    ("Package.resolved", "Swift packages"),
    ("Podfile", "CocoaPods"),
    ("Podfile.lock", "CocoaPods"),
    ("Cartfile", "Carthage"),
    ("Cartfile.resolved", "Carthage"),
    ("mix.exs", "Mix"),
    ("mix.lock", "Mix"),
    ("gleam.toml", "Gleam"),
    ("rebar.config", "Rebar3"),
    ("rebar.lock", "Rebar3"),
    ("pubspec.yaml", "pub"),
    ("pubspec.lock", "pub"),
    ("cabal.project", "Cabal"),
    ("cabal.project.freeze", "Cabal"),
    ("stack.yaml", "Stack"),
    ("stack.yaml.lock", "Stack"),
    ("deno.json", "Deno"),
    ("deno.jsonc", "Deno"),
    ("deno.lock", "Deno"),
    ("bower.json", "Bower"),
    ("conanfile.txt", "Conan"),
    ("conanfile.py", "Conan"),
    ("conan.lock", "Conan"),
    ("vcpkg.json", "vcpkg"),
    ("cpanfile", "CPAN"),
    ("cpanfile.snapshot", "CPAN"),
    ("renv.lock", "renv"),
    ("Project.toml", "Julia's Pkg"),
    ("Manifest.toml", "Julia's Pkg"),
    ("elm.json", "Elm"),
    ("shard.yml", "Shards"),
    ("shard.lock", "Shards"),
    ("build.zig.zon", "Zig"),
    ("MODULE.bazel", "Bazel modules"),
    ("dub.json", "DUB"),
    ("dub.sdl", "DUB"),
    ("spago.yaml", "Spago"),
    ("spago.dhall", "Spago"),
];

/// Endings of file names and the tool that they belong to.
const ENDINGS: [(&str, &str); 10] = [
    (".csproj", "NuGet"),
    (".fsproj", "NuGet"),
    (".vbproj", "NuGet"),
    (".gemspec", "Bundler"),
    (".podspec", "CocoaPods"),
    (".cabal", "Cabal"),
    (".nimble", "Nimble"),
    (".opam", "opam"),
    (".rockspec", "LuaRocks"),
    (".sbt", "sbt"),
];

/// Folders of copies that a package manager put there: what they state is not this repository's.
const COPIES: [&str; 6] =
    ["node_modules", "vendor", "site-packages", ".venv", "Pods", "bower_components"];

/// The tool that a file belongs to by its name, where hob does not work with it.
pub fn tool(path: &RepoPath) -> Option<&'static str> {
    if path.as_str().split('/').any(|part| COPIES.contains(&part)) {
        return None;
    }
    let name = path.file_name();
    let whole = NAMES.iter().find(|(file, _)| *file == name);
    let found = whole.or_else(|| {
        ENDINGS.iter().find(|(end, _)| name.len() > end.len() && name.ends_with(end))
    })?;
    Some(found.1)
}

/// Every manifest of another ecosystem, once for a folder and a tool.
pub fn left<'a>(paths: impl IntoIterator<Item = &'a RepoPath>) -> Vec<Left> {
    let mut seen: BTreeSet<(RepoPath, &str)> = BTreeSet::new();
    let mut by_tool: BTreeMap<&str, Vec<&RepoPath>> = BTreeMap::new();
    for path in paths {
        if let Some(tool) = tool(path)
            && seen.insert((path.parent(), tool))
        {
            by_tool.entry(tool).or_default().push(path);
        }
    }
    by_tool.into_iter().flat_map(|(tool, paths)| of(tool, &paths)).collect()
}

fn of(tool: &str, paths: &[&RepoPath]) -> Vec<Left> {
    let named = |path: &RepoPath, detail: String| Left {
        ecosystem: None,
        advisory: None,
        package: path.to_string(),
        version: String::new(),
        why: Why::Unsupported,
        detail,
    };
    let mut left: Vec<Left> = paths
        .iter()
        .take(NAMED_MAX)
        .map(|path| {
            let name = path.file_name();
            let detail = format!(
                "{name} belongs to {tool}, which hob does not work with; what it names was not looked at"
            );
            named(path, detail)
        })
        .collect();
    if let Some(path) = paths.get(NAMED_MAX) {
        let more = paths.len() - NAMED_MAX;
        left.push(named(path, format!("{more} more files of {tool} were not looked at")));
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(paths: &[&str]) -> Vec<String> {
        let paths: Vec<RepoPath> = paths.iter().map(|path| RepoPath::new(*path).unwrap()).collect();
        left(&paths).into_iter().map(|left| left.package).collect()
    }

    #[test]
    fn a_manifest_and_its_lock_are_named_once() {
        assert_eq!(
            told(&["Gemfile", "Gemfile.lock", "docs/Gemfile.lock", "x.gemspec"]),
            ["Gemfile", "docs/Gemfile.lock"]
        );
        assert_eq!(
            told(&["go.mod", "a/App.csproj", "a/packages.config", "build.gradle.kts"]),
            ["go.mod", "build.gradle.kts", "a/App.csproj"]
        );
    }

    #[test]
    fn own_manifests_copies_and_lookalikes_are_none() {
        let other = ["Cargo.toml", "package.json", "pyproject.toml", "vendor/a/composer.json"];
        assert_eq!(told(&other), Vec::<String>::new());
        assert_eq!(told(&["go.mod.txt", ".cabal", "src/pom.xml.rs"]), Vec::<String>::new());
    }

    #[test]
    fn a_flood_of_them_is_counted() {
        let paths: Vec<String> = (0..NAMED_MAX + 7).map(|n| format!("{n:03}/go.mod")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        assert_eq!(told(&paths).len(), NAMED_MAX + 1);
    }
}
