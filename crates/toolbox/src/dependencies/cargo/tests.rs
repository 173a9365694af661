//! Cargo's projects, graphs and plans from files alone. What cargo itself makes of them: `tests/it/cargo.rs`.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::files::Content;

const REGISTRY: &str = tame_index::CRATES_IO_INDEX;

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn files(files: &[(&str, &str)]) -> FileSet {
    let mut set = FileSet::new();
    for (name, text) in files {
        set.set(path(name), Content::Bytes(text.as_bytes().to_vec()));
    }
    set
}

/// A lock of version 4: each line is `name version [+] dependency...`, `+` for the registry.
fn lock(packages: &str) -> String {
    let mut text = "version = 4\n".to_owned();
    for line in packages.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace().peekable();
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        write!(text, "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n").unwrap();
        if words.next_if_eq(&"+").is_some() {
            write!(text, "source = \"registry+{REGISTRY}\"\nchecksum = \"{name}-{version}\"\n")
                .unwrap();
        }
        if words.peek().is_some() {
            text += "dependencies = [\n";
            for dependency in words {
                writeln!(text, " \"{}\",", dependency.replace('@', " ")).unwrap();
            }
            text += "]\n";
        }
    }
    text
}

fn project(files: &FileSet) -> Project {
    let discovery = Cargo.discover(files);
    assert_eq!(discovery.left, []);
    let [project] = discovery.projects.try_into().unwrap();
    project
}

fn bump(package: &str, from: &str, to: &str) -> Bump {
    Bump { package: package.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

/// The plan for a tree, as a diff of each file and the commands.
fn planned(tree: &[(&str, &str)], bumps: &[Bump]) -> String {
    let files = files(tree);
    let project = project(&files);
    let graph = match Cargo.graph(&project, &files, None) {
        Ok(graph) => graph,
        Err(error) => return error.to_string(),
    };
    let plan = match Cargo.plan(&project, &files, &graph, bumps) {
        Ok(plan) => plan,
        Err(error) => return error.to_string(),
    };
    let mut shown = String::new();
    for edit in &plan.edits {
        writeln!(shown, "{}", edit.path).unwrap();
        let old = files.text(&edit.path).unwrap();
        for line in old.lines().filter(|line| !edit.text.lines().any(|l| l == *line)) {
            writeln!(shown, "-{line}").unwrap();
        }
        for line in edit.text.lines().filter(|line| !old.lines().any(|l| l == *line)) {
            writeln!(shown, "+{line}").unwrap();
        }
    }
    for command in &plan.commands {
        writeln!(shown, "{}$ {}", command.cwd, command.display()).unwrap();
    }
    shown
}

mod discovery {
    use super::*;

    fn found(tree: &[(&str, &str)]) -> String {
        let discovery = Cargo.discover(&files(tree));
        let mut shown = String::new();
        for project in &discovery.projects {
            let lock = project.lock.as_ref().map_or("no lock", |lock| lock.as_str());
            let manifests: Vec<_> = project.manifests.iter().map(RepoPath::as_str).collect();
            writeln!(shown, "[{}] {}: {lock}", project.root, manifests.join(" ")).unwrap();
        }
        for left in &discovery.left {
            writeln!(shown, "{}: {:?}: {}", left.package, left.why, left.detail).unwrap();
        }
        shown
    }

    const PACKAGE: &str = "[package]\nname = \"p\"\n";

    #[test]
    fn a_virtual_workspace_gathers_what_its_globs_name() {
        let tree = [
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"crates/*\", \"tool\"]\nexclude = [\"crates/out\"]\n",
            ),
            ("Cargo.lock", ""),
            (
                "crates/a/Cargo.toml",
                "[package]\nname = \"a\"\n[dependencies]\nhidden = { path = \"src/hidden\" }\n",
            ),
            ("crates/a/src/hidden/Cargo.toml", PACKAGE),
            ("crates/b/Cargo.toml", PACKAGE),
            ("crates/deep/er/Cargo.toml", PACKAGE),
            ("crates/out/Cargo.toml", PACKAGE),
            ("tool/Cargo.toml", PACKAGE),
            ("tool/fuzz/Cargo.toml", "[package]\nname = \"fuzz\"\n[workspace]\n"),
            ("tool/fuzz/Cargo.lock", ""),
        ];
        insta::assert_snapshot!(found(&tree), @"
        [] Cargo.toml crates/a/Cargo.toml crates/a/src/hidden/Cargo.toml crates/b/Cargo.toml tool/Cargo.toml: Cargo.lock
        [crates/out] crates/out/Cargo.toml: no lock
        [tool/fuzz] tool/fuzz/Cargo.toml: tool/fuzz/Cargo.lock
        crates/deep/er/Cargo.toml: Unsupported: cargo takes it for a part of the workspace in `Cargo.toml`, which neither names nor excludes it
        ");
    }

    #[test]
    fn packages_side_by_side_are_projects_of_their_own() {
        let tree = [
            (
                "a/Cargo.toml",
                "[package]\nname = \"a\"\n[dependencies]\nshared.path = \"../shared\"\n",
            ),
            ("a/Cargo.lock", ""),
            ("b/Cargo.toml", PACKAGE),
            ("shared/Cargo.toml", PACKAGE),
        ];
        insta::assert_snapshot!(found(&tree), @"
        [a] a/Cargo.toml shared/Cargo.toml: a/Cargo.lock
        [b] b/Cargo.toml: no lock
        ");
    }

    #[test]
    fn a_package_can_point_to_its_root() {
        let tree = [
            ("main/Cargo.toml", "[workspace]\nmembers = [\"../side\"]\n"),
            ("side/Cargo.toml", "[package]\nname = \"side\"\nworkspace = \"../main\"\n"),
        ];
        insta::assert_snapshot!(found(&tree), @"[main] main/Cargo.toml side/Cargo.toml: no lock");
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let tree = [
            ("a/Cargo.toml", "[package]\nname = \"a\"\n<<<<<<< ours\n=======\n>>>>>>> theirs\n"),
            ("b/Cargo.toml", ""),
            ("c/Cargo.toml", "[package]\nname = \"c\"\n[dependencies]\nx = \"newest\"\n"),
            ("d/Cargo.toml", "[package]\nname = \"d\"\n[dependencies]\nx = 1\n"),
            ("e/Cargo.toml", "[package]\nname = \"e\"\nname = \"f\"\n"),
            ("vendor/x/Cargo.toml", PACKAGE),
            ("vendor/x/.cargo-checksum.json", "{}"),
        ];
        insta::assert_snapshot!(found(&tree), @"
        a/Cargo.toml: Unreadable: `a/Cargo.toml` line 3: it holds the markers of an unresolved merge conflict; resolve it first
        b/Cargo.toml: Unreadable: `b/Cargo.toml`: it has neither a `[package]` nor a `[workspace]` table
        c/Cargo.toml: Unreadable: `c/Cargo.toml` line 4: `newest` is no version requirement for `x`: unexpected character 'n' while parsing major version number
        d/Cargo.toml: Unreadable: `d/Cargo.toml` line 4: the version of `x` is no text
        e/Cargo.toml: Unreadable: `e/Cargo.toml` line 3: duplicate key
        vendor: Unsupported: the crates that were vendored here are left as they are; after an update, `cargo vendor` has to be run
        ");
    }

    #[test]
    fn a_file_that_is_too_large_or_a_link_is_named() {
        let mut set = FileSet::new();
        set.set(path("a/Cargo.toml"), Content::TooLarge(100_000_000));
        set.set(path("b/Cargo.toml"), Content::Symlink(b"../a/Cargo.toml".to_vec()));
        let left: Vec<_> = Cargo.discover(&set).left.into_iter().map(|left| left.detail).collect();
        insta::assert_debug_snapshot!(left, @r#"
        [
            "`a/Cargo.toml` has 100000000 bytes, more than hob reads",
            "`b/Cargo.toml` is a symbolic link or a submodule; hob does not follow those",
        ]
        "#);
    }
}

mod graph {
    use super::*;
    use crate::dependencies::{Package, Requirement};

    fn shown(tree: &[(&str, &str)]) -> String {
        let files = files(tree);
        let project = project(&files);
        let graph = match Cargo.graph(&project, &files, None) {
            Ok(graph) => graph,
            Err(error) => return error.to_string(),
        };
        let mut shown = String::new();
        for package in &graph.packages {
            let mark = |set: bool, word| if set { word } else { "" };
            let (direct, development) =
                (mark(package.direct, " direct"), mark(package.development_only, " development"));
            let Package { name, version, source, .. } = package;
            writeln!(shown, "{name} {version} {source:?}{direct}{development}").unwrap();
        }
        for Requirement { package, alias, range, manifest, line, development, source, .. } in
            &graph.direct
        {
            let alias = alias.as_ref().map_or(String::new(), |alias| format!(" as {alias}"));
            let development = if *development { " development" } else { "" };
            let line = line.unwrap();
            writeln!(shown, "{manifest}:{line}: {package} {range}{alias} {source:?}{development}")
                .unwrap();
        }
        shown
    }

    const EVERY_KIND: &str = r#"
[package]
name = "root"
[workspace]
members = ["member"]
[workspace.dependencies]
shared = "1.0"
unused = "1"
[dependencies]
plain = "1"
renamed = { version = "0.3", package = "real" }
hub = { git = "https://example.invalid/hub" }
other = { version = "1", registry = "company" }
patched = "1"
member = { path = "member", version = "0.1" }
[dependencies.table]
version = '2'
[dev-dependencies]
both = "2"
tester = "1"
shared.workspace = true
[build-dependencies]
builder = "1"
[target.'cfg(windows)'.dependencies]
windows = "1"
[target.'cfg(windows)'.dev-dependencies]
wintest = "1"
[patch.crates-io]
patched = { path = "patched" }
"#;

    const EVERY_KIND_LOCKED: &str = "root 0.1.0 plain real hub other patched member table both@2.0.0 tester builder windows wintest shared
             member 0.1.0 both@1.0.0 shared
             plain 1.0.0 + both@1.0.0
             real 0.3.1 +
             hub 0.1.0
             other 1.0.0
             patched 1.0.5
             table 2.0.0 +
             both 1.0.0 +
             both 2.0.0 +
             tester 1.0.0 + below plain
             below 1.0.0 +
             builder 1.0.0 +
             windows 1.0.0 +
             wintest 1.0.0 +
             shared 1.0.0 +";

    #[test]
    fn every_kind_of_requirement_is_seen_and_labelled() {
        let member = "[package]\nname = \"member\"\n[dev-dependencies]\nboth = \"1\"\nshared = { workspace = true }\n";
        let lock = lock(EVERY_KIND_LOCKED);
        let lock = lock.replace(
            "name = \"hub\"\nversion = \"0.1.0\"\n",
            "name = \"hub\"\nversion = \"0.1.0\"\nsource = \"git+https://example.invalid/hub#0\"\n",
        );
        insta::assert_snapshot!(shown(&[
            ("Cargo.toml", EVERY_KIND),
            ("member/Cargo.toml", member),
            ("patched/Cargo.toml", "[package]\nname = \"patched\"\n"),
            ("Cargo.lock", &lock),
        ]), @r#"
        root 0.1.0 Workspace
        member 0.1.0 Workspace direct
        plain 1.0.0 Registry direct
        real 0.3.1 Registry direct
        hub 0.1.0 Other("git+https://example.invalid/hub#0") direct
        other 1.0.0 Workspace direct
        patched 1.0.5 Other("a folder that `[patch]` names") direct
        table 2.0.0 Registry direct
        both 1.0.0 Registry direct
        both 2.0.0 Registry direct development
        tester 1.0.0 Registry direct development
        below 1.0.0 Registry development
        builder 1.0.0 Registry direct
        windows 1.0.0 Registry direct
        wintest 1.0.0 Registry direct development
        shared 1.0.0 Registry direct development
        Cargo.toml:10: plain 1 Registry
        Cargo.toml:11: real 0.3 as renamed Registry
        Cargo.toml:12: hub * Other("git https://example.invalid/hub")
        Cargo.toml:13: other 1 Other("registry company")
        Cargo.toml:14: patched 1 Other("a folder that `[patch]` names")
        Cargo.toml:15: member 0.1 Workspace
        Cargo.toml:17: table 2 Registry
        Cargo.toml:23: builder 1 Registry
        Cargo.toml:19: both 2 Registry development
        Cargo.toml:20: tester 1 Registry development
        Cargo.toml:25: windows 1 Registry
        Cargo.toml:27: wintest 1 Registry development
        member/Cargo.toml:4: both 1 Registry development
        Cargo.toml:7: shared 1.0 Registry development
        "#);
    }

    #[test]
    fn locks_of_every_version_are_read() {
        let manifest = "[package]\nname = \"r\"\n[dependencies]\na = \"1\"\n";
        let source = format!("registry+{REGISTRY}");
        let v1 = format!(
            "[root]\nname = \"r\"\nversion = \"0.1.0\"\ndependencies = [\"a 1.0.0 ({source})\"]\n\
             [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n\
             [metadata]\n\"checksum a 1.0.0 ({source})\" = \"00\"\n"
        );
        let v2 = lock("a 1.0.0 +\nr 0.1.0 a").replace("version = 4\n", "");
        let v3 = lock("a 1.0.0 +\nr 0.1.0 a").replace("version = 4\n", "version = 3\n");
        for text in [v1, v2, v3] {
            let shown = shown(&[("Cargo.toml", manifest), ("Cargo.lock", &text)]);
            assert!(shown.contains("a 1.0.0 Registry direct\n"), "{text}\n{shown}");
        }
    }

    #[test]
    fn a_lock_that_is_none_is_named_with_its_line() {
        let check = |lock: &str| {
            let manifest = "[package]\nname = \"r\"\n[dependencies]\na = \"1\"\n";
            shown(&[("Cargo.toml", manifest), ("Cargo.lock", lock)])
        };
        insta::assert_snapshot!(check(""), @"`Cargo.lock`: it holds no package; `cargo generate-lockfile` writes it anew");
        insta::assert_snapshot!(check("version = 5\n"), @"`Cargo.lock` line 1: lock version 5 is newer than hob knows (up to 4)");
        insta::assert_snapshot!(check("version = 4\n\n[[package]\n"), @"`Cargo.lock` line 3: unclosed array table, expected `]`");
        insta::assert_snapshot!(check("version = 4\n<<<<<<< HEAD\n"), @"`Cargo.lock` line 2: it holds the markers of an unresolved merge conflict; resolve it first");
        insta::assert_snapshot!(check(&lock("r 0.1.0 a")), @"`Cargo.lock` line 7: `r` depends on `a`, which the lock does not hold; `cargo update --workspace` mends it");
        insta::assert_snapshot!(check(&lock("r 0.1.0\na 1.x +")), @"`Cargo.lock` line 9: `1.x` is no version: unexpected character 'x' while parsing minor version number");
        insta::assert_snapshot!(check(&lock("r 0.1.0")), @"`Cargo.lock`: it does not hold `a 1`, which `Cargo.toml` asks for; `cargo update --workspace` mends it");
        insta::assert_snapshot!(check(&lock("r 0.1.0 a\na 2.0.0 +")), @"`Cargo.lock`: it does not hold `a 1`, which `Cargo.toml` asks for; `cargo update --workspace` mends it");
        insta::assert_snapshot!(check(&lock("other 0.1.0")), @"`Cargo.lock`: it does not hold `r` of `Cargo.toml`; `cargo update --workspace` mends it");
    }

    #[test]
    fn without_a_lock_only_what_manifests_say_is_known() {
        let files =
            files(&[("Cargo.toml", "[package]\nname = \"r\"\n[dependencies]\na = \"1\"\n")]);
        let project = project(&files);
        let graph = Cargo.graph(&project, &files, None).unwrap();
        assert!(!graph.whole && graph.packages.is_empty() && graph.direct.len() == 1);
        let resolved = lock("r 0.1.0 a\na 1.4.0 +");
        let graph = Cargo.graph(&project, &files, Some(resolved.as_bytes())).unwrap();
        assert!(graph.whole);
        assert_eq!(graph.packages[1].locked_in.as_str(), "Cargo.toml");
    }
}

#[test]
fn the_oldest_promised_rust_is_the_projects() {
    let tree = [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"a\", \"b\"]\n[workspace.package]\nrust-version = \"1.80\"\n",
        ),
        ("a/Cargo.toml", "[package]\nname = \"a\"\nrust-version.workspace = true\n"),
        ("b/Cargo.toml", "[package]\nname = \"b\"\nrust-version = \"1.9\"\n"),
    ];
    let files = files(&tree);
    assert_eq!(Cargo.promised(&project(&files), &files).rust.as_deref(), Some("1.9"));
}

mod plan {
    use super::*;

    #[test]
    fn what_requirements_admit_is_one_command_and_no_edit() {
        let lock = lock("r 0.1.0 a\na 1.0.0 +");
        let manifest = "[package]\nname = \"r\"\n[dependencies]\na = \"1\"\n";
        let tree = [("x/Cargo.toml", manifest), ("x/Cargo.lock", &lock)];
        insta::assert_snapshot!(planned(&tree, &[bump("a", "1.0.0", "1.2.0")]), @"x$ cargo update -p a@1.0.0 --precise 1.2.0");
    }

    #[test]
    fn a_requirement_is_moved_where_it_stands_and_nothing_else() {
        let root = "[workspace]\r\nmembers = [ 'm' ] # all\r\n[workspace.dependencies]\r\na = { version = '0.4' , features = [] } # keep\r\n";
        let member = "[package]\nname = \"m\"\n[dependencies]\na.workspace = true\n\n[target.'cfg(unix)'.dependencies.b]\n# why not newer\nversion   =   \"=1.0.3\"   # pinned\npackage = \"real\"\n";
        let lock = lock("m 0.1.0 a real\na 0.4.9 +\nreal 1.0.3 +");
        let tree = [("Cargo.toml", root), ("m/Cargo.toml", member), ("Cargo.lock", &lock)];
        let bumps = [bump("a", "0.4.9", "0.5.1"), bump("real", "1.0.3", "1.0.5")];
        insta::assert_snapshot!(planned(&tree, &bumps), @r#"
        Cargo.toml
        -a = { version = '0.4' , features = [] } # keep
        +a = { version = '0.5' , features = [] } # keep
        m/Cargo.toml
        -version   =   "=1.0.3"   # pinned
        +version   =   "=1.0.5"   # pinned
        Cargo.lock
        -version = "1.0.3"
        -checksum = "real-1.0.3"
        +version = "1.0.5"
        +version = "0.5.1"
        $ cargo update --workspace
        $ cargo update -p a@0.5 --precise 0.5.1
        $ cargo update -p real@1 --precise 1.0.5
        "#);
    }

    #[test]
    fn of_two_lines_of_one_package_only_the_named_one_moves() {
        let manifest = "[package]\nname = \"r\"\n[dependencies]\nold = { package = \"a\", version = \"0.4\" }\na = \"1\"\n";
        let lock = lock("r 0.1.0 a@0.4.9 a@1.5.0\na 0.4.9 +\na 1.5.0 +");
        let tree = [("Cargo.toml", manifest), ("Cargo.lock", &lock)];
        insta::assert_snapshot!(planned(&tree, &[bump("a", "0.4.9", "1.5.0")]), @r#"
        Cargo.toml
        -old = { package = "a", version = "0.4" }
        +old = { package = "a", version = "1.5" }
        $ cargo update --workspace
        $ cargo update -p a@1 --precise 1.5.0
        "#);
        insta::assert_snapshot!(planned(&tree, &[bump("a", "0.4.9", "1.2.0")]), @"a: 1.5.0 of the same line is locked already, and a lock holds one version of a line; move to that one");
        insta::assert_snapshot!(planned(&tree, &[bump("a", "1.5.0", "2.0.0")]), @r#"
        Cargo.toml
        -a = "1"
        +a = "2"
        Cargo.lock
        +version = "2.0.0"
        $ cargo update --workspace
        $ cargo update -p a@2 --precise 2.0.0
        "#);
    }

    #[test]
    fn a_parent_and_its_child_move_in_one_step() {
        let manifest = "[package]\nname = \"r\"\n[dependencies]\nparent = \"1\"\n";
        let lock = lock("r 0.1.0 parent\nparent 1.0.0 + child\nchild 0.1.0 +\nlone 1.0.0 +");
        let tree = [("Cargo.toml", manifest), ("Cargo.lock", &lock)];
        let bumps = [
            bump("child", "0.1.0", "0.2.3"),
            bump("parent", "1.0.0", "1.1.0"),
            bump("lone", "1.0.0", "2.0.0"),
        ];
        insta::assert_snapshot!(planned(&tree, &bumps), @r#"
        Cargo.lock
        -checksum = "parent-1.0.0"
        +version = "1.1.0"
        +version = "0.2.3"
        $ cargo update -p lone@1.0.0 --precise 2.0.0
        $ cargo update --workspace
        $ cargo update -p child@0.2 --precise 0.2.3
        $ cargo update -p parent@1 --precise 1.1.0
        "#);
    }

    #[test]
    fn without_a_lock_only_manifests_are_edited() {
        let manifest = "[package]\nname = \"r\"\n[dependencies]\na = \">=0.3, <0.5\"\n";
        let tree = [("Cargo.toml", manifest)];
        insta::assert_snapshot!(planned(&tree, &[bump("a", "0.4.9", "0.5.1")]), @r#"
        Cargo.toml
        -a = ">=0.3, <0.5"
        +a = ">=0.3, <0.6"
        "#);
        insta::assert_snapshot!(planned(&tree, &[bump("b", "0.4.9", "0.5.1")]), @"b: no lock file is committed, so its version is chosen anew by each build; only what a manifest names can be moved");
    }

    #[test]
    fn what_cannot_be_moved_is_said() {
        let manifest = "[package]\nname = \"r\"\n[dependencies]\na = \"1\"\ng = { git = \"https://example.invalid/g\", version = \"1\" }\n";
        let lock = lock("r 0.1.0 a g\na 1.0.0 +\ng 1.0.0");
        let tree = [("Cargo.toml", manifest), ("Cargo.lock", &lock)];
        insta::assert_snapshot!(planned(&tree, &[bump("g", "1.0.0", "1.2.0")]), @"g: it does not come from the registry");
        insta::assert_snapshot!(planned(&tree, &[bump("a", "1.0.1", "1.2.0")]), @"a: version 1.0.1 is not locked");
        insta::assert_snapshot!(planned(&tree, &[bump("a", "1.0.0", "1.x")]), @"a: `1.x` is no version: unexpected character 'x' while parsing minor version number");
        insta::assert_snapshot!(planned(&tree, &[bump("a", "1.0.0", "1.1.0"), bump("a", "1.0.0", "1.2.0")]), @"a: it is to move to two versions at once");
    }

    #[test]
    fn a_requirement_in_an_odd_writing_is_not_edited() {
        let manifest = "[package]\nname = \"r\"\n[dependencies]\na = \"\\u0031\"\n";
        let lock = lock("r 0.1.0 a\na 1.0.0 +");
        let tree = [("Cargo.toml", manifest), ("Cargo.lock", &lock)];
        insta::assert_snapshot!(planned(&tree, &[bump("a", "1.0.0", "2.0.0")]), @"a: `1` in `Cargo.toml` is written in a way that hob does not edit");
    }
}

proptest! {
    #[test]
    fn no_tree_is_a_panic(manifest in "(\\[(package|workspace|dependencies|patch\\.x)\\]\n|(name|a|members|path|version) = (\"[a1.*/]{0,4}\"|\\[\"[a*./]{0,4}\"\\]|\\{ (path|version|workspace) = (\"[.1/]{0,3}\"|true) \\})\n){0,8}", lock in "(version = [0-9]\n|\\[\\[package\\]\\]\n|(name|version|source) = \"[a1.+]{0,5}\"\n|dependencies = \\[\"a( 1)?\"\\]\n){0,8}") {
        let files = files(&[("Cargo.toml", &manifest), ("a/Cargo.toml", &manifest), ("Cargo.lock", &lock)]);
        for project in Cargo.discover(&files).projects {
            if let Ok(graph) = Cargo.graph(&project, &files, None) {
                let bumps: Vec<_> = graph.packages.iter().map(|p| bump(&p.name, &p.version, "2.0.0")).collect();
                let planned = Cargo.plan(&project, &files, &graph, &bumps);
                prop_assert!(planned.is_ok() || planned.is_err());
            }
        }
    }
}
