//! Discovery, graphs, plans and hostile files of Python projects.

use proptest::prelude::*;

use super::*;
use crate::dependencies::Source;
use crate::files::Content;

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn tree(files: &[(&str, &str)]) -> FileSet {
    let mut set = FileSet::new();
    for (name, text) in files {
        set.set(path(name), Content::Bytes(text.as_bytes().to_vec()));
    }
    set
}

fn bump(package: &str, from: &str, to: &str) -> Bump {
    Bump { package: package.into(), from: from.into(), to: to.into() }
}

#[test]
fn files_that_include_each_other_are_one_project() {
    let files = tree(&[
        ("requirements.txt", "Requests == 2.25.0  # keep\n"),
        ("requirements-dev.txt", "-r requirements.txt\npytest>=7,<8\n"),
        ("tools/lint-requirements.txt", "flake8\n"),
    ]);
    let found = Python.discover(&files);
    assert_eq!(found.left, []);
    let shown: Vec<String> = found.projects.iter().map(|p| format!("{:?}", p.manifests)).collect();
    assert_eq!(
        shown,
        [r#"["requirements-dev.txt", "requirements.txt"]"#, r#"["tools/lint-requirements.txt"]"#]
    );
    let graph = Python.graph(&found.projects[0], &files, None).unwrap();
    assert!(!graph.whole);
    assert_eq!((graph.packages.len(), graph.direct.len()), (1, 2));
    assert_eq!(graph.packages[0].name, "requests");
    assert!(!graph.packages[0].development_only && graph.direct[0].development);
}

#[test]
fn a_pin_is_edited_to_the_byte() {
    let text = "\u{feff}# top\r\nRequests[socks] == 2.25.0 ; python_version >= \"3\" # why\r\nflask \\\r\n  >=1,<2\r\n";
    let files = tree(&[("requirements.txt", text)]);
    let project = &Python.discover(&files).projects[0];
    let graph = Python.graph(project, &files, None).unwrap();
    let bumps = [bump("requests", "2.25.0", "2.32.3"), bump("flask", "1.1", "3.0.1")];
    let plan = Python.plan(project, &files, &graph, &bumps).unwrap();
    let expected = text.replace("2.25.0", "2.32.3").replace("<2\r", "<4\r");
    assert_eq!(plan.edits[0].text, expected);
    insta::assert_snapshot!(plan.commands[0].display(), @"python3 -m pip install --dry-run --ignore-installed --quiet --disable-pip-version-check -r requirements.txt");
}

#[test]
fn what_is_not_read_is_named() {
    let files = tree(&[
        ("requirements.txt", "-r ../../etc/passwd\n-r gone.txt\n-r a-requirements.txt\nx==1\n"),
        ("a-requirements.txt", "-r requirements.txt\n"),
        ("b/requirements.txt", "x=1\n"),
        ("poetry.lock", ""),
        ("c/setup.py", "setup(install_requires=['x'])"),
    ]);
    let found = Python.discover(&files);
    let mut left: Vec<String> = found
        .left
        .iter()
        .map(|left| format!("{} {:?}: {}", left.package, left.why, left.detail))
        .collect();
    left.sort();
    let all = left.join("\n");
    for part in [
        "leaves the repository",
        "`gone.txt`, which does not exist",
        "come back to it",
        "`x=1` is not a requirement",
        "Poetry",
        "install_requires",
    ] {
        assert!(all.contains(part), "{part} is missing in\n{all}");
    }
    assert_eq!(left.len(), 6, "{all}");
}

#[test]
fn what_comes_from_elsewhere_is_left_alone() {
    let files = tree(&[(
        "requirements.txt",
        "--index-url https://user:secret@example.test/simple\nx==1\n-e .\ngit+https://example.test/y#egg=Y_z\n",
    )]);
    let project = &Python.discover(&files).projects[0];
    let graph = Python.graph(project, &files, None).unwrap();
    assert!(graph.direct.iter().all(|r| matches!(r.source, Source::Other(_))));
    assert_eq!(graph.direct[2].package, "y-z");
    assert!(!format!("{graph:?}").contains("secret"));
    assert!(Python.plan(project, &files, &graph, &[bump("x", "1", "2")]).is_err());
}

#[test]
fn hashed_pins_are_not_half_moved() {
    let files =
        tree(&[("requirements.txt", "x==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n")]);
    let project = &Python.discover(&files).projects[0];
    let graph = Python.graph(project, &files, None).unwrap();
    assert_eq!(graph.direct[0].range, "==1");
    let error = Python.plan(project, &files, &graph, &[bump("x", "1", "2")]).unwrap_err();
    assert!(error.to_string().contains("hashes"), "{error}");
}

const PYPROJECT: &str = "[project]\nname = \"app\"\nrequires-python = \">=3.9\"\ndependencies = [\n  \"requests>=2,<2.30\", # web\n]\n[dependency-groups]\ntest = [\"pytest>=7\"]\ndev = [{ include-group = \"test\" }]\n";
const LOCK: &str = r#"version = 1
[[package]]
name = "app"
version = "0.1"
source = { virtual = "." }
dependencies = [{ name = "requests" }]
[package.dev-dependencies]
test = [{ name = "pytest" }]
[[package]]
name = "requests"
version = "2.29.0"
source = { registry = "https://index.test/simple" }
dependencies = [{ name = "urllib3" }]
[[package]]
name = "urllib3"
version = "1.26.0"
source = { registry = "https://index.test/simple" }
[[package]]
name = "pytest"
version = "7.0"
source = { registry = "https://index.test/simple" }
"#;

#[test]
fn a_uv_lock_is_the_whole_graph() {
    let files = tree(&[("pyproject.toml", PYPROJECT), ("uv.lock", LOCK)]);
    let found = Python.discover(&files);
    assert_eq!((found.projects.len(), found.left.len()), (1, 0));
    let project = &found.projects[0];
    let graph = Python.graph(project, &files, None).unwrap();
    let told: Vec<_> =
        graph.packages.iter().map(|p| (p.name.as_str(), p.direct, p.development_only)).collect();
    assert_eq!(
        told,
        [
            ("app", false, false),
            ("requests", true, false),
            ("urllib3", false, false),
            ("pytest", true, true)
        ]
    );
    assert!(graph.whole && graph.packages[0].source == Source::Workspace);
    let plan =
        Python.plan(project, &files, &graph, &[bump("requests", "2.29.0", "2.32.3")]).unwrap();
    assert_eq!(plan.edits[0].text, PYPROJECT.replace("<2.30", "<2.33"));
    insta::assert_snapshot!(plan.commands[0].display(), @"uv lock --upgrade-package requests==2.32.3");
    assert_eq!(Python.promised(project, &files).python.as_deref(), Some("3.9"));
    let newer = tree(&[("pyproject.toml", PYPROJECT), ("uv.lock", "version = 2\n")]);
    let found = Python.discover(&newer);
    assert!(found.projects.is_empty() && found.left[0].detail.contains("format 2"), "{found:?}");
}

proptest! {
    #[test]
    fn no_file_is_a_panic(text in "[-a-z#=<>!~,;.\\[\\]@/ \\\\\"'{}:$0-9é\u{feff}\r\n]{0,160}") {
        let name = path("requirements.txt");
        if let Ok(file) = requirements::parse(&name, &text) {
            for ask in &file.asks {
                prop_assert_eq!(text.get(ask.span.clone()).is_some(), true);
            }
        }
        let files = tree(&[("requirements.txt", &text), ("pyproject.toml", &text), ("uv.lock", &text)]);
        for project in Python.discover(&files).projects {
            drop(Python.graph(&project, &files, Some(text.as_bytes())));
            drop(Python.resolve(&project, &files));
        }
    }
}
