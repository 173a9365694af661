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

fn python() -> Python {
    Python::default()
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
    let found = python().discover(&files);
    assert_eq!(found.left, []);
    let shown: Vec<String> = found.projects.iter().map(|p| format!("{:?}", p.manifests)).collect();
    assert_eq!(
        shown,
        [r#"["requirements-dev.txt", "requirements.txt"]"#, r#"["tools/lint-requirements.txt"]"#]
    );
    let graph = python().graph(&found.projects[0], &files, None).unwrap();
    assert!(!graph.whole);
    assert_eq!((graph.packages.len(), graph.direct.len()), (1, 2));
    assert_eq!(graph.packages[0].name, "requests");
    assert!(!graph.packages[0].development_only && graph.direct[0].development);
}

#[test]
fn a_pin_is_edited_to_the_byte() {
    let text = "\u{feff}# top\r\nRequests[socks] == 2.25.0 ; python_version >= \"3\" # why\r\nflask \\\r\n  >=1,<2\r\n";
    let files = tree(&[("requirements.txt", text)]);
    let project = &python().discover(&files).projects[0];
    let graph = python().graph(project, &files, None).unwrap();
    let bumps = [bump("requests", "2.25.0", "2.32.3"), bump("flask", "1.1", "3.0.1")];
    let plan = python().plan(project, &files, &graph, &bumps).unwrap();
    let expected = text.replace("2.25.0", "2.32.3").replace("<2\r", "<4\r");
    assert_eq!(plan.edits[0].text, expected);
    assert!(plan.commands.is_empty(), "what reads the graph again asks pip: {plan:?}");
}

#[test]
fn where_newer_versions_must_stay_out_a_bound_ends_right_above_the_version() {
    let files = tree(&[("requirements.txt", "idna>=2,<3 # keep\nflask==1.1\n")]);
    let project = &python().discover(&files).projects[0];
    let graph = python().graph(project, &files, None).unwrap();
    let bumps = [bump("idna", "2.10", "3.7"), bump("flask", "1.1", "3.0.1")];
    let plan = python().plan_closely(project, &files, &graph, &bumps).unwrap();
    assert_eq!(plan.edits[0].text, "idna>=2,<3.7.1 # keep\nflask==3.0.1\n");
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
    let found = python().discover(&files);
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
    let project = &python().discover(&files).projects[0];
    let graph = python().graph(project, &files, None).unwrap();
    assert!(graph.direct.iter().all(|r| matches!(r.source, Source::Other(_))));
    assert_eq!(graph.direct[2].package, "y-z");
    assert!(!format!("{graph:?}").contains("secret"));
    assert!(python().plan(project, &files, &graph, &[bump("x", "1", "2")]).is_err());
}

#[test]
fn hashes_are_marked_for_the_index_to_fill_in_as_they_were_written() {
    let text = "x==1 \\\r\n    --hash=sha256:aa \\\r\n    --hash=sha256:bb\r\n    # via y\r\nz == 1  --hash sha256:cc # why\r\n";
    let files = tree(&[("requirements.txt", text)]);
    let project = &python().discover(&files).projects[0];
    let graph = python().graph(project, &files, None).unwrap();
    let bumps = [bump("x", "1", "2"), bump("z", "1", "1.1")];
    let plan = python().plan(project, &files, &graph, &bumps).unwrap();
    assert_eq!(
        plan.edits[0].text,
        "x==2 \\\r\n    --hash=of:<x==2>\r\n    # via y\r\nz == 1.1  --hash of:<z==1.1> # why\r\n"
    );
    insta::assert_snapshot!(plan.commands[0].argv[3], @r#"[{"file":"requirements.txt","marks":[{"text":"--hash=of:<x==2>","package":"x","version":"2","option":"--hash=","between":" \\\r\n    "},{"text":"--hash of:<z==1.1>","package":"z","version":"1.1","option":"--hash ","between":" \\\r\n    "}]}]"#);
}

#[test]
fn a_line_that_is_no_requirement_is_named_and_the_rest_goes_on() {
    let text = "a==1\nb=1 \\\n  ;x\nc==3\n";
    let files = tree(&[("requirements.txt", text)]);
    let found = python().discover(&files);
    let [left] = found.left.as_slice() else { panic!("{found:?}") };
    assert!(left.why.makes_incomplete());
    insta::assert_snapshot!(left.detail, @r#"`requirements.txt` line 2: `b=1     ;x` is not a requirement: no such comparison operator "=", must be one of ~= == != <= >= < > ==="#);
    let graph = python().graph(&found.projects[0], &files, None).unwrap();
    let names: Vec<&str> = graph.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["a", "c"]);
    let resolve = python().resolve(&found.projects[0], &files).unwrap();
    insta::assert_snapshot!(resolve.argv[3], @r#"{"roots":[{"part":"requirements.txt","arguments":["-r","requirements.txt"],"apart":[]}],"local":false,"omitted":[{"file":"requirements.txt","lines":[[2,3]]}]}"#);
}

#[test]
fn a_project_s_own_extras_are_never_looked_up_and_conditions_are_kept() {
    let text = r#"[project]
name = "My_Own"
dependencies = ["a==1", "w>=300; sys_platform == 'win32'"]
[project.optional-dependencies]
test = ["b"]
dev = ["my-own[test]", "c[x]<2"]
[dependency-groups]
all = [{ include-group = "lint" }, "d"]
lint = ["e"]
"#;
    let files = tree(&[("pyproject.toml", text)]);
    let project = &python().discover(&files).projects[0];
    let resolve = python().resolve(project, &files).unwrap();
    let order: serde_json::Value = serde_json::from_str(&resolve.argv[3]).unwrap();
    let shown = |root: &serde_json::Value| format!("{}: {}", root["part"], root["arguments"]);
    let root = &order["roots"][0];
    let apart = root["apart"].as_array().unwrap();
    let lines: Vec<String> = std::iter::once(root).chain(apart).map(shown).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    "pyproject.toml": ["a==1","w>=300; sys_platform == 'win32'","b","c[x]<2","d","e"]
    "`dependencies`": ["a==1","w>=300; sys_platform == 'win32'"]
    "the extra `test`": ["a==1","w>=300; sys_platform == 'win32'","b"]
    "the extra `dev`": ["a==1","w>=300; sys_platform == 'win32'","b","c[x]<2"]
    "the group `all`": ["a==1","w>=300; sys_platform == 'win32'","d","e"]
    "the group `lint`": ["a==1","w>=300; sys_platform == 'win32'","e"]
    "#);
    let graph = python().graph(project, &files, None).unwrap();
    assert_eq!(graph.direct.iter().filter(|d| d.source == Source::Workspace).count(), 1);
}

#[test]
fn what_another_index_may_serve_is_not_looked_up_under_the_same_name() {
    let own = Python::asking("https://index.test/simple");
    let foreign = |text: &str| {
        let files = tree(&[("requirements.txt", text)]);
        let found = own.discover(&files);
        let graph = own.graph(&found.projects[0], &files, None).unwrap();
        let is_asked = own.resolve(&found.projects[0], &files).is_some();
        assert_eq!(is_asked, found.left.is_empty());
        let told = found.left.first().map(|left| left.detail.clone());
        (graph.packages[0].source == Source::Registry, told.unwrap_or_default())
    };
    for own in ["-i https://index.test/simple/\n", "--index-url=https://Index.test/simple\n"] {
        assert_eq!(foreign(&format!("{own}x==1\n")), (true, String::new()));
    }
    for (line, place) in [
        (
            "--extra-index-url https://u:secret@other.test/simple",
            "the index https://other.test/simple",
        ),
        ("-i https://index.test/team/simple", "the index https://index.test/team/simple"),
        ("--find-links ./wheels", "the place ./wheels"),
        ("-f https://index.test/simple", "the place https://index.test/simple"),
        ("--no-index", "--find-links"),
    ] {
        let (is_looked_up, told) = foreign(&format!("x==1\n{line}\n"));
        assert!(
            !is_looked_up && told.contains(place) && !told.contains("secret"),
            "{line}: {told}"
        );
        assert!(told.contains("`requirements.txt` line 2"), "{told}");
    }
}

#[test]
fn what_a_uv_lock_takes_from_another_index_is_left() {
    let named = format!(
        "{PYPROJECT}[[tool.uv.index]]\nname = \"own\"\nurl = \"https://index.test/simple/\"\ndefault = true\n"
    );
    let files = tree(&[("pyproject.toml", &named), ("uv.lock", LOCK)]);
    let sources = |python: &Python| {
        let found = python.discover(&files);
        let graph = python.graph(&found.projects[0], &files, None).unwrap();
        graph.packages.into_iter().map(|p| p.source).collect::<Vec<_>>()
    };
    assert_eq!(sources(&Python::asking("https://index.test/simple"))[1], Source::Registry);
    let other = Source::Other("the index https://index.test/simple".to_owned());
    assert_eq!(sources(&Python::asking("https://mirror.test/simple"))[1], other);
    assert_eq!(sources(&python())[1], other, "what the host asks is not known");
}

#[test]
fn a_manifest_with_an_index_of_its_own_is_not_resolved_elsewhere() {
    let alone = format!("{PYPROJECT}[[tool.uv.index]]\nurl = \"https://other.test/simple\"\n");
    let files = tree(&[("pyproject.toml", &alone)]);
    let own = Python::asking("https://index.test/simple");
    let found = own.discover(&files);
    assert!(found.left[0].detail.contains("`pyproject.toml` line 11"), "{found:?}");
    let graph = own.graph(&found.projects[0], &files, None).unwrap();
    assert!(graph.direct.iter().all(|r| r.source != Source::Registry));
    assert!(own.resolve(&found.projects[0], &files).is_none());
    let explicit = tree(&[("pyproject.toml", &format!("{alone}explicit = true\n"))]);
    assert_eq!(own.discover(&explicit).left, []);
}

#[test]
fn what_other_tools_own_is_named_by_its_file() {
    let named = |files: &[(&str, &str)]| {
        let found = python().discover(&tree(files));
        found.left.into_iter().map(|left| left.package).collect::<Vec<_>>()
    };
    let setup = ("setup.py", "setup(install_requires=['x<2'])");
    assert_eq!(named(&[setup]), ["setup.py"]);
    assert_eq!(named(&[setup, ("docs/requirements.txt", "sphinx==1")]), ["setup.py"]);
    assert_eq!(named(&[setup, ("requirements-dev.txt", "pytest==1")]), ["setup.py"]);
    assert_eq!(named(&[setup, ("requirements.txt", "x==1")]), [""; 0]);
    assert_eq!(named(&[setup, ("requirements/base.txt", "x==1")]), [""; 0]);
    // What another manifest asks for says nothing of what this one pins.
    let pins = ("setup.py", "setup(install_requires=['x==1.24.1'])");
    assert_eq!(named(&[pins, ("requirements.txt", "y==0.4.6")]), ["setup.py"]);
    assert_eq!(named(&[pins, ("requirements.txt", "x==1.26.0")]), ["setup.py"]);
    assert_eq!(named(&[pins, ("requirements.txt", "X == 1.24.1")]), [""; 0]);
    let tox = ("tox.ini", "[testenv]\ndeps = pytest\n  z==1\n");
    assert_eq!(named(&[tox, ("requirements.txt", "x==1")]), ["tox.ini"]);
    assert_eq!(named(&[tox, ("requirements-test.txt", "z==1")]), [""; 0]);
    assert_eq!(named(&[("setup.cfg", "[options]\ninstall_requires =\n  x\n")]), ["setup.cfg"]);
    assert_eq!(named(&[("setup.cfg", "[flake8]\n")]), [""; 0]);
    assert_eq!(named(&[("tox.ini", "[testenv]\ndeps = x==1\n")]), ["tox.ini"]);
    assert_eq!(named(&[("Pipfile", ""), ("Pipfile.lock", "{}")]), ["Pipfile", "Pipfile.lock"]);
    let poetry = ("pyproject.toml", "[tool.poetry.dependencies]\nx = \"^1\"\n");
    assert_eq!(named(&[poetry, ("poetry.lock", "")]), ["pyproject.toml", "poetry.lock"]);
}

#[test]
fn what_another_tool_locks_is_not_changed_behind_its_back() {
    for lock in ["pdm.lock", "poetry.lock"] {
        let files = tree(&[("a/pyproject.toml", PYPROJECT), (&format!("a/{lock}"), "")]);
        let found = python().discover(&files);
        let left: Vec<&str> = found.left.iter().map(|left| left.package.as_str()).collect();
        assert!(found.projects.is_empty(), "{found:?}");
        assert_eq!(left, ["a/pyproject.toml", &format!("a/{lock}")]);
    }
    let apart = tree(&[("a/pyproject.toml", PYPROJECT), ("b/pdm.lock", "")]);
    assert_eq!(python().discover(&apart).projects.len(), 1);
}

#[test]
fn what_is_included_is_read_whatever_its_name_and_edited_by_its_name() {
    let texts = [
        ("requirements.txt", "-r deps/base.txt\nx==1\n"),
        ("deps/base.txt", "-c more.txt\ny==1\n"),
        ("deps/more.txt", "v==1\n"),
        ("reqs/base.txt", "idna==3.6\n"),
        ("Requirements.txt", "z==1\n"),
        ("requirements.pip", "w==1\n"),
        ("notes.txt", "u==1\n"),
    ];
    let mut files = FileSet::new();
    for (name, text) in texts {
        match python().wants(&path(name)) {
            true => files.set(path(name), Content::Bytes(text.as_bytes().to_vec())),
            false => files.note(path(name)),
        }
    }
    // Each round tells what the round before brought to light.
    for (name, text) in [texts[1], texts[2]] {
        assert_eq!(python().included(&files), [path(name)]);
        files.set(path(name), Content::Bytes(text.as_bytes().to_vec()));
    }
    assert_eq!(python().included(&files), []);
    let found = python().discover(&files);
    assert_eq!(found.left, []);
    let manifests: Vec<&str> =
        found.projects.iter().flat_map(|p| &p.manifests).map(RepoPath::as_str).collect();
    for (manifest, _) in &texts[..6] {
        assert!(manifests.contains(manifest), "{manifest} in {manifests:?}");
    }
    assert!(!manifests.contains(&"notes.txt"));
    let is_it = |p: &&Project| p.manifests.contains(&path("deps/base.txt"));
    let project = found.projects.iter().find(is_it).unwrap();
    let graph = python().graph(project, &files, None).unwrap();
    let pinned: Vec<&str> = graph.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(pinned, ["x", "y", "v"]);
    assert!(python().plan(project, &files, &graph, &[bump("x", "1", "2")]).is_ok());
    let refused = python().plan(project, &files, &graph, &[bump("y", "1", "2")]).unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("`deps/base.txt` line 2") && said.contains("outside the paths"),
        "{said}"
    );
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
    let found = python().discover(&files);
    assert_eq!((found.projects.len(), found.left.len()), (1, 0));
    let project = &found.projects[0];
    let graph = python().graph(project, &files, None).unwrap();
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
        python().plan(project, &files, &graph, &[bump("requests", "2.29.0", "2.32.3")]).unwrap();
    assert_eq!(plan.edits[0].text, PYPROJECT.replace("<2.30", "<2.33"));
    insta::assert_snapshot!(plan.commands[1].display(), @"uv lock --python python3 --upgrade-package requests==2.32.3");
    assert_eq!(plan.commands[0].argv[4], "uv");
    for (wanted, asked) in
        [("0.5.1", "uv==0.5.1"), (">=0.5,<9", "uv>=0.5,<9"), (" @ http://x", "uv")]
    {
        let required = format!("{PYPROJECT}[tool.uv]\nrequired-version = \"{wanted}\"\n");
        let files = tree(&[("pyproject.toml", &required), ("uv.lock", LOCK)]);
        let bumps = [bump("requests", "2.29.0", "2.32.3")];
        let plan = python().plan(project, &files, &graph, &bumps).unwrap();
        assert_eq!(plan.commands[0].argv[4], asked);
    }
    assert_eq!(python().promised(project, &files).python.as_deref(), Some("3.9"));
    let newer = tree(&[("pyproject.toml", PYPROJECT), ("uv.lock", "version = 2\n")]);
    let found = python().discover(&newer);
    assert!(found.projects.is_empty() && found.left[0].detail.contains("format 2"), "{found:?}");
}

proptest! {
    #[test]
    fn no_file_is_a_panic(text in "[-a-z#=<>!~,;.\\[\\]@/ \\\\\"'{}:$0-9é\u{feff}\r\n]{0,160}") {
        let name = path("requirements.txt");
        for ask in &requirements::parse(&name, &text).asks {
            prop_assert_eq!(text.get(ask.span.clone()).is_some(), true);
        }
        let files = tree(&[("requirements.txt", &text), ("pyproject.toml", &text), ("uv.lock", &text)]);
        for project in python().discover(&files).projects {
            drop(python().graph(&project, &files, Some(text.as_bytes())));
            drop(python().resolve(&project, &files));
        }
    }
}
