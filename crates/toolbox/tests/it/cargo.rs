//! Plans for cargo, performed by the real cargo with the real index on small workspaces.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use domain::RepoPath;
use domain::exec::{Exec, ExecResult, Exit};
use toolbox::dependencies::cargo::Cargo;
use toolbox::dependencies::{
    Bump, Ecosystem as _, FileEdit, Graph, Project, Refusal, RefusalKind, Source,
};
use toolbox::files::{Content, FileSet};

/// A checkout in a folder of its own.
struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    /// The given files, an empty library for each package, and a lock that holds exactly `locked`.
    fn new(files: &[(&str, &str)], locked: &str) -> Self {
        let checkout = Self { folder: tempfile::tempdir().unwrap() };
        for (path, text) in files {
            let file = checkout.folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap().join("src")).unwrap();
            std::fs::write(file.parent().unwrap().join("src/lib.rs"), "").unwrap();
            std::fs::write(file, text).unwrap();
        }
        if !locked.is_empty() {
            // Cargo keeps what is locked and completes the rest: members, edges, checksums.
            let mut lock = "version = 4\n".to_owned();
            for (name, version) in pairs(locked) {
                let index = tame_index::CRATES_IO_INDEX;
                write!(
                    lock,
                    "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"registry+{index}\"\n"
                )
                .unwrap();
            }
            std::fs::write(checkout.folder.path().join("Cargo.lock"), lock).unwrap();
            let done = checkout.run(&Exec::new(["cargo", "update", "--workspace"], "set up"));
            assert!(done.success(), "{}", done.stderr_text());
            assert_eq!(
                checkout.locked(),
                pairs(locked).collect(),
                "the lock of the fixture is whole"
            );
        }
        checkout
    }

    fn run(&self, exec: &Exec) -> ExecResult {
        let folder = self.folder.path().join(exec.cwd.as_str());
        run(exec, &folder)
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(path)).unwrap()
    }

    fn files(&self) -> FileSet {
        let mut files = FileSet::new();
        let mut open = vec![RepoPath::root()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(self.folder.path().join(folder.as_str())).unwrap() {
                let entry = entry.unwrap();
                let path = folder.join(entry.file_name().to_str().unwrap()).unwrap();
                if entry.file_type().unwrap().is_dir() {
                    open.push(path);
                } else {
                    files.set(path, Content::Bytes(std::fs::read(entry.path()).unwrap()));
                }
            }
        }
        files
    }

    fn project(&self) -> Project {
        let discovery = Cargo.discover(&self.files());
        assert_eq!(discovery.left, []);
        let [project] = discovery.projects.try_into().unwrap();
        project
    }

    fn graph(&self) -> Graph {
        Cargo.graph(&self.project(), &self.files(), None).unwrap()
    }

    /// What is locked from the registry.
    fn locked(&self) -> BTreeSet<(String, String)> {
        let packages = self.graph().packages.into_iter();
        let packages = packages.filter(|package| package.source == Source::Registry);
        packages.map(|package| (package.name, package.version)).collect()
    }

    /// Plans and performs; what the first failed command said, where one fails.
    fn apply(&self, bumps: &[Bump]) -> Result<(), Refusal> {
        let plan = Cargo.plan(&self.project(), &self.files(), &self.graph(), bumps).unwrap();
        for FileEdit { path, text } in &plan.edits {
            std::fs::write(self.folder.path().join(path.as_str()), text).unwrap();
        }
        for command in &plan.commands {
            let done = self.run(command);
            if !done.success() {
                return Err(Cargo.refusal(command, &done));
            }
        }
        Ok(())
    }

    /// Moves packages and checks that exactly `gone` left the lock and `came` entered it.
    #[track_caller]
    fn moves(&self, bumps: &[Bump], gone: &str, came: &str) {
        let before = self.locked();
        if let Err(refusal) = self.apply(bumps) {
            panic!("refused: {}", refusal.quote);
        }
        let after = self.locked();
        assert_eq!(
            before.difference(&after).cloned().collect::<BTreeSet<_>>(),
            pairs(gone).collect()
        );
        assert_eq!(
            after.difference(&before).cloned().collect::<BTreeSet<_>>(),
            pairs(came).collect()
        );
        let registry = self.text("Cargo.lock").matches("source = ").count();
        assert_eq!(self.text("Cargo.lock").matches("checksum = ").count(), registry);
        let check = Exec::new(["cargo", "metadata", "--locked", "--format-version=1"], "check");
        let done = self.run(&check);
        assert!(done.success(), "the lock fits its manifests: {}", done.stderr_text());
    }
}

#[expect(clippy::disallowed_methods, reason = "these tests are about what the real cargo does")]
fn run(exec: &Exec, folder: &Path) -> ExecResult {
    let [program, arguments @ ..] = exec.argv.as_slice() else { panic!("no program") };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command.envs(exec.env.iter().map(|(name, value)| (name, value)));
    let Output { status, stdout, stderr } = command.output().unwrap();
    let exit = Exit::Code(status.code().unwrap());
    ExecResult { exit, stdout, stderr, dropped_bytes: 0, millis: 0 }
}

/// `name version, name version`.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    let words = |pair: &str| {
        let (name, version) = pair.trim().split_once(' ').unwrap();
        (name.to_owned(), version.to_owned())
    };
    text.split(',').filter(|pair| !pair.trim().is_empty()).map(words)
}

fn bump(package: &str, from: &str, to: &str) -> Bump {
    Bump { package: package.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

fn package(dependencies: &str) -> String {
    format!("[package]\nname = \"root\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n{dependencies}")
}

const REGEX: &str = "regex 1.5.4, regex-syntax 0.6.25, aho-corasick 0.7.18, memchr 2.4.0";
const SERDE: &str = "serde 1.0.190, serde_derive 1.0.190, syn 2.0.38, quote 1.0.33, proc-macro2 1.0.69, unicode-ident 1.0.12";

#[test]
fn one_package_moves_within_its_requirement() {
    let manifest = package("[dependencies]\nregex = \"1\"\nitoa = \"0.4\" # small\n");
    let checkout = Checkout::new(&[("Cargo.toml", &manifest)], &format!("{REGEX}, itoa 0.4.5"));
    checkout.moves(&[bump("itoa", "0.4.5", "0.4.7")], "itoa 0.4.5", "itoa 0.4.7");
    checkout.moves(&[bump("memchr", "2.4.0", "2.4.1")], "memchr 2.4.0", "memchr 2.4.1");
    checkout.moves(&[bump("itoa", "0.4.7", "0.4.6")], "itoa 0.4.7", "itoa 0.4.6");
    assert_eq!(checkout.text("Cargo.toml"), manifest);
}

#[test]
fn an_edited_requirement_leads_to_the_named_version_and_not_to_the_newest() {
    let manifest = package("[dependencies]\nregex = \"1\"\nitoa = \"0.4\" # small\n");
    let checkout = Checkout::new(&[("Cargo.toml", &manifest)], &format!("{REGEX}, itoa 0.4.5"));
    checkout.moves(&[bump("itoa", "0.4.5", "1.0.1")], "itoa 0.4.5", "itoa 1.0.1");
    assert_eq!(checkout.text("Cargo.toml"), manifest.replace("\"0.4\"", "\"1.0\""));
}

#[test]
fn inherited_exact_and_target_requirements_move_together() {
    let root = "[workspace]\nmembers = [\"m\"]\nresolver = \"2\"\n[workspace.dependencies]\nitoa = { version = \"0.4\" }\n";
    let member = "[package]\nname = \"m\"\nversion = \"0.1.0\"\n[dependencies]\nitoa.workspace = true\n[target.'cfg(windows)'.dev-dependencies]\nfloats = { package = \"ryu\", version = \"=1.0.3\" }\n";
    let checkout =
        Checkout::new(&[("Cargo.toml", root), ("m/Cargo.toml", member)], "itoa 0.4.5, ryu 1.0.3");
    let bumps = [bump("itoa", "0.4.5", "1.0.1"), bump("ryu", "1.0.3", "1.0.5")];
    checkout.moves(&bumps, "itoa 0.4.5, ryu 1.0.3", "itoa 1.0.1, ryu 1.0.5");
    assert_eq!(checkout.text("Cargo.toml"), root.replace("\"0.4\"", "\"1.0\""));
    assert_eq!(checkout.text("m/Cargo.toml"), member.replace("=1.0.3", "=1.0.5"));
}

#[test]
fn two_that_pin_each_other_move_in_one_step() {
    let manifest =
        package("[dependencies]\nserde = { version = \"1\", features = [\"derive\"] }\n");
    let checkout = Checkout::new(&[("Cargo.toml", &manifest)], SERDE);
    checkout.moves(
        &[bump("serde_derive", "1.0.190", "1.0.193"), bump("serde", "1.0.190", "1.0.193")],
        "serde 1.0.190, serde_derive 1.0.190",
        "serde 1.0.193, serde_derive 1.0.193",
    );
}

const REGEX_MOVES: [(&str, &str, &str); 3] = [
    ("regex-syntax", "0.6.25", "0.7.1"),
    ("aho-corasick", "0.7.18", "1.0.1"),
    ("regex", "1.5.4", "1.8.1"),
];

#[test]
fn a_parent_takes_its_children_to_the_named_versions_of_other_lines() {
    let manifest = package("[dependencies]\nregex = \"1\"\n");
    let locked = REGEX.replace("memchr 2.4.0", "memchr 2.5.0");
    let checkout = Checkout::new(&[("Cargo.toml", &manifest)], &locked);
    checkout.moves(
        &REGEX_MOVES.map(|(package, from, to)| bump(package, from, to)),
        "regex 1.5.4, regex-syntax 0.6.25, aho-corasick 0.7.18",
        "regex 1.8.1, regex-syntax 0.7.1, aho-corasick 1.0.1",
    );
}

#[test]
fn what_is_in_the_way_only_because_it_is_locked_is_named_with_the_nearest_version() {
    let manifest = package("[dependencies]\nregex = \"1\"\n");
    let checkout = Checkout::new(&[("Cargo.toml", &manifest)], REGEX);
    let lock = checkout.text("Cargo.lock");
    let mut bumps = REGEX_MOVES.map(|(package, from, to)| bump(package, from, to)).to_vec();
    let refusal = checkout.apply(&bumps).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Constraint, "{}", refusal.quote);
    let also = Cargo.unblock(&refusal);
    assert_eq!(also, [bump("memchr", "2.4.0", "2.5.0")]);

    std::fs::write(checkout.folder.path().join("Cargo.lock"), lock).unwrap();
    bumps.extend(also);
    checkout.moves(
        &bumps,
        REGEX,
        "regex 1.8.1, regex-syntax 0.7.1, aho-corasick 1.0.1, memchr 2.5.0",
    );
}

#[test]
fn the_other_line_of_a_package_stays() {
    let root = "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"2\"\n";
    let a = "[package]\nname = \"a\"\nversion = \"0.1.0\"\n[dependencies]\nitoa = \"0.4\"\n";
    let b = "[package]\nname = \"b\"\nversion = \"0.1.0\"\n[dependencies]\nitoa = \"1\"\n";
    let files = [("Cargo.toml", root), ("a/Cargo.toml", a), ("b/Cargo.toml", b)];
    let checkout = Checkout::new(&files, "itoa 0.4.5, itoa 1.0.1");
    checkout.moves(&[bump("itoa", "0.4.5", "0.4.7")], "itoa 0.4.5", "itoa 0.4.7");
    checkout.moves(&[bump("itoa", "0.4.7", "1.0.1")], "itoa 0.4.7", "");
    assert_eq!(checkout.text("b/Cargo.toml"), b);
}

#[test]
fn a_lock_of_an_older_version_is_moved_and_stays_readable() {
    // Cargo itself raises the version of a lock that it writes, unless `rust-version` forbids.
    for (promise, expected) in [("", 4), ("rust-version = \"1.60\"\n", 3)] {
        let manifest = package(&format!("{promise}[dependencies]\nitoa = \"0.4\"\nryu = \"1\"\n"));
        let checkout = Checkout::new(&[("Cargo.toml", &manifest)], "itoa 0.4.5, ryu 1.0.3");
        let lock = checkout.text("Cargo.lock").replace("version = 4\n", "version = 3\n");
        std::fs::write(checkout.folder.path().join("Cargo.lock"), lock).unwrap();
        let bumps = [bump("itoa", "0.4.5", "1.0.1"), bump("ryu", "1.0.3", "1.0.5")];
        checkout.moves(&bumps, "itoa 0.4.5, ryu 1.0.3", "itoa 1.0.1, ryu 1.0.5");
        assert!(checkout.text("Cargo.lock").contains(&format!("\nversion = {expected}\n")));
    }
}

#[test]
fn what_a_parent_excludes_is_refused_with_its_name() {
    let manifest =
        package("[dependencies]\nregex = \"1\"\nserde_derive = \"=1.0.190\"\nserde = \"1\"\n");
    let checkout = Checkout::new(&[("Cargo.toml", &manifest)], &format!("{REGEX}, {SERDE}"));
    let lock = checkout.text("Cargo.lock");

    let refusal = checkout.apply(&[bump("regex-syntax", "0.6.25", "0.8.0")]).unwrap_err();
    assert_eq!(
        (refusal.kind, refusal.held_by),
        (RefusalKind::Constraint, vec!["regex".to_owned()])
    );
    assert!(refusal.quote.starts_with("error: failed to select a version"), "{}", refusal.quote);

    let refusal = checkout.apply(&[bump("serde", "1.0.190", "1.0.200")]).unwrap_err();
    let held_by: BTreeSet<_> = refusal.held_by.iter().map(String::as_str).collect();
    assert_eq!(
        (refusal.kind, held_by),
        (RefusalKind::Constraint, BTreeSet::from(["root", "serde"])),
        "{}",
        refusal.quote
    );

    let refusal = checkout.apply(&[bump("memchr", "2.4.0", "2.4.99")]).unwrap_err();
    assert_eq!(
        (refusal.kind, refusal.held_by),
        (RefusalKind::NotInstallable, vec![]),
        "{}",
        refusal.quote
    );
    assert_eq!(checkout.text("Cargo.lock"), lock, "a refusal changes nothing");
}

#[test]
fn of_a_bundle_the_part_that_does_not_fit_is_refused() {
    let manifest = package("[dependencies]\nregex = \"1\"\nitoa = \"0.4\"\n");
    let checkout = Checkout::new(&[("Cargo.toml", &manifest)], &format!("{REGEX}, itoa 0.4.5"));
    let bumps = [bump("regex-syntax", "0.6.25", "0.6.99"), bump("itoa", "0.4.5", "1.0.1")];
    let refusal = checkout.apply(&bumps).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotInstallable, "{}", refusal.quote);
}

#[test]
fn a_child_too_old_for_its_moved_parent_is_refused_with_the_parents_name() {
    let manifest = package("[dependencies]\nregex = \"1\"\n");
    let locked = REGEX.replace("memchr 2.4.0", "memchr 2.5.0");
    let checkout = Checkout::new(&[("Cargo.toml", &manifest)], &locked);
    let bumps = [bump("regex-syntax", "0.6.25", "0.7.0"), bump("regex", "1.5.4", "1.8.1")];
    let refusal = checkout.apply(&bumps).unwrap_err();
    assert_eq!(
        (refusal.kind, refusal.held_by),
        (RefusalKind::Constraint, vec!["regex".to_owned()])
    );
}

#[test]
fn a_registry_that_cannot_be_asked_is_no_refusal_of_the_resolver() {
    let manifest = package("[dependencies]\nitoa = \"0.4\"\n");
    let checkout = Checkout::new(&[("Cargo.toml", &manifest)], "itoa 0.4.5");
    let home = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bumps = [bump("itoa", "0.4.5", "0.4.7")];
    let plan =
        Cargo.plan(&checkout.project(), &checkout.files(), &checkout.graph(), &bumps).unwrap();
    let command = plan.commands[0]
        .clone()
        .with_env("CARGO_HOME", home.path().to_str().unwrap())
        .with_env("CARGO_HTTP_PROXY", &format!("http://{nobody}"));
    let refusal = Cargo.refusal(&command, &checkout.run(&command));
    assert_eq!(refusal.kind, RefusalKind::Network, "{}", refusal.quote);
}

#[test]
fn a_project_without_a_lock_is_resolved_beside_the_checkout() {
    let manifest = "[package]\nname = \"root\"\nversion = \"0.1.0\"\n[dependencies]\nitoa = \"=0.4.7\"\nm = { path = \"../m\" }\n";
    let member = "[package]\nname = \"m\"\nversion = \"0.1.0\"\n";
    let checkout = Checkout::new(&[("x/Cargo.toml", manifest), ("m/Cargo.toml", member)], "");
    let before: BTreeMap<_, _> = listing(&checkout.files());
    let project = checkout.project();
    let command = Cargo.resolve(&project, &checkout.files()).unwrap();
    let done = checkout.run(&command);
    assert!(done.success(), "{}", done.stderr_text());
    let graph = Cargo.graph(&project, &checkout.files(), Some(&done.stdout)).unwrap();
    assert!(graph.whole);
    assert!(graph.packages.iter().any(|p| p.name == "itoa" && p.version == "0.4.7" && p.direct));
    assert_eq!(listing(&checkout.files()), before, "the checkout is as it was");

    let plan =
        Cargo.plan(&project, &checkout.files(), &graph, &[bump("itoa", "0.4.7", "1.0.1")]).unwrap();
    assert_eq!((plan.commands, plan.writes), (vec![], vec![]));
    assert_eq!(plan.edits[0].text, manifest.replace("=0.4.7", "=1.0.1"));
}

fn listing(files: &FileSet) -> BTreeMap<RepoPath, Vec<u8>> {
    files.paths().map(|path| (path.clone(), files.bytes(path).unwrap().to_vec())).collect()
}
