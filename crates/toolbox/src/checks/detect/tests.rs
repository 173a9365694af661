//! Detection, tree by tree.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::requirements::FRESH_ENVIRONMENT;
use super::*;
use crate::files::Content;

fn tree(files: &[(&str, &str)]) -> FileSet {
    let mut set = FileSet::new();
    for (path, text) in files {
        let path = RepoPath::new(*path).unwrap();
        if wants(&path) {
            set.set(path, Content::Bytes(text.as_bytes().to_vec()));
        } else {
            set.note(path);
        }
    }
    set
}

fn shown(detected: &Detected) -> String {
    let line = |exec: &Exec| {
        let folder = if exec.cwd.is_root() { String::new() } else { format!(" (in {})", exec.cwd) };
        format!("{}{folder}", exec.display())
    };
    let mut lines = Vec::new();
    for check in &detected.checks {
        lines.extend(check.setup.iter().map(|step| format!("  {}", line(step))));
        lines.push(format!("{} | {:?} | {}", line(&check.command), check.format, check.origin));
    }
    lines.extend(detected.left_out.iter().map(|line| format!("left out: {line}")));
    lines.extend(detected.notes.iter().map(|note| format!("note: {note}")));
    let fresh = Exec::new(["sh", "-c", FRESH_ENVIRONMENT, "sh"], "").display();
    lines.join("\n").replace(&fresh, "(fresh environment)")
}

#[track_caller]
fn found(files: &[(&str, &str)]) -> String {
    shown(&detect(&tree(files)))
}

#[test]
fn a_crate_with_a_lock_file_is_tested_offline() {
    let package = "[package]\nname = \"a\"";
    assert_snapshot!(found(&[("Cargo.toml", package), ("Cargo.lock", "")]), @r"
      cargo fetch --locked
    cargo test --locked --offline --no-fail-fast | CargoTest | Cargo.toml
    ");
    assert_snapshot!(found(&[("Cargo.toml", package)]), @r"
      cargo generate-lockfile
      cargo fetch
    cargo test --offline --no-fail-fast | CargoTest | Cargo.toml
    ");
}

#[test]
fn a_workspace_is_tested_whole_and_once() {
    let package = "[package]\nname = \"a\"";
    assert_snapshot!(found(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"a\"]\nexclude = [\"tools\"]"),
        ("Cargo.lock", ""),
        ("a/Cargo.toml", package),
        ("a/tests/fixtures/x/Cargo.toml", package),
        ("tools/own/Cargo.toml", package),
        ("tools/own/Cargo.lock", ""),
        ("vendor/serde/Cargo.toml", package),
    ]), @r"
      cargo fetch --locked
    cargo test --locked --offline --workspace --no-fail-fast | CargoTest | Cargo.toml
      cargo fetch --locked (in tools/own)
    cargo test --locked --offline --no-fail-fast (in tools/own) | CargoTest | tools/own/Cargo.toml
    ");
    assert_snapshot!(found(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"a\"]\ndefault-members = [\"a\"]"),
        ("a/Cargo.toml", package),
    ]), @r"
      cargo generate-lockfile
      cargo fetch
    cargo test --offline --workspace --no-fail-fast | CargoTest | Cargo.toml
    ");
}

#[test]
fn the_default_members_stand_in_where_the_whole_workspace_cannot_be_built() {
    let with = |more: &str| {
        let manifest = format!("[workspace]\nmembers = [\"a\", \"b\"]\n{more}");
        detect(&tree(&[("Cargo.toml", &manifest)])).checks.remove(0).narrower
    };
    let narrower = with("default-members = [\"a\"]").unwrap();
    assert_eq!(narrower.display(), "cargo test --offline --no-fail-fast");
    assert_eq!(with(""), None);
}

#[test]
fn members_of_a_workspace_are_set_up_with_their_root_and_others_by_themselves() {
    let test = r#"{"scripts":{"test":"node test.js"},"dependencies":{"a":"1"}}"#;
    let root = r#"{"workspaces":["packages/*","!packages/old"]}"#;
    assert_snapshot!(found(&[
        ("package.json", root),
        ("package-lock.json", ""),
        ("packages/a/package.json", test),
        ("packages/b/package.json", test),
        ("packages/old/package.json", test),
        ("examples/x/package.json", test),
        ("examples/x/package-lock.json", ""),
    ]), @r"
      npm ci --no-audit --no-fund (in examples/x)
    npm test (in examples/x) | JavaScript | scripts.test of examples/x/package.json
      npm ci --no-audit --no-fund
    npm test (in packages/a) | JavaScript | scripts.test of packages/a/package.json
      npm ci --no-audit --no-fund
    npm test (in packages/b) | JavaScript | scripts.test of packages/b/package.json
      npm install --no-package-lock --no-audit --no-fund (in packages/old)
    npm test (in packages/old) | JavaScript | scripts.test of packages/old/package.json
    ");
    // Without a lock the root is installed as well, and what the definition names finds it too.
    let files = [
        ("package.json", r#"{"workspaces":{"packages":["./packages/*"]}}"#),
        ("packages/a/package.json", test),
    ];
    assert_snapshot!(found(&files), @r"
      npm install --no-package-lock --no-audit --no-fund
    npm test (in packages/a) | JavaScript | scripts.test of packages/a/package.json
    ");
    assert_snapshot!(shown(&from_commands(&tree(&files[..1]), &["npm run all".to_owned()])), @r"
      npm install --no-package-lock --no-audit --no-fund
    npm run all | JavaScript | the definition
    ");
}

#[test]
fn projects_beyond_the_most_are_named_as_left_out() {
    let paths: Vec<String> = (10..33).map(|n| format!("p{n}/Cargo.toml")).collect();
    let files: Vec<(&str, &str)> =
        paths.iter().map(|path| (path.as_str(), "[package]\nname = \"a\"")).collect();
    let detected = detect(&tree(&files));
    assert_eq!(detected.checks.len(), 20);
    assert_snapshot!(detected.left_out.join("\n"), @"of 23 projects the checks of the first 20 are run, not those of p30/Cargo.toml, p31/Cargo.toml, p32/Cargo.toml");
}

#[test]
fn what_is_installed_the_same_on_any_day_is_told_from_what_is_not() {
    let locked = |files: &[(&str, &str)]| detect(&tree(files)).checks[0].is_locked;
    let (cargo, npm) =
        ("[package]\nname = \"a\"", r#"{"scripts":{"test":"jest"},"dependencies":{"a":"1"}}"#);
    assert!(locked(&[("Cargo.toml", cargo), ("Cargo.lock", "")]));
    assert!(!locked(&[("Cargo.toml", cargo)]));
    assert!(locked(&[("package.json", npm), ("package-lock.json", "")]));
    assert!(!locked(&[("package.json", npm)]));
    assert!(!locked(&[("requirements.txt", "a"), ("test_a.py", "import pytest")]));
    assert!(!locked(&[("requirements.txt", "a==1"), ("test_a.py", "import pytest")]));
    assert!(locked(&[
        ("requirements.txt", "pytest==8 --hash=sha256:00"),
        ("test_a.py", "import pytest")
    ]));
}

#[test]
fn an_npm_project_is_tested_by_its_script() {
    assert_snapshot!(found(&[("package.json", r#"{"scripts":{"test":"set -e; node a.js"}}"#), ("package-lock.json", "")]), @r"
      npm ci --no-audit --no-fund
    npm test | JavaScript | scripts.test of package.json
    ");
    assert_snapshot!(found(&[("package.json", r#"{"scripts":{"test":"jest"},"dependencies":{"a":"1"}}"#)]), @r"
      npm install --no-package-lock --no-audit --no-fund
    npm test -- --verbose | JavaScript | scripts.test of package.json
    ");
    assert_snapshot!(found(&[("package.json", r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#)]), @r"
    note: package.json names no tests
    note: no checks found: there is no Cargo.toml, no test script of npm, and no Python test
    ");
}

#[test]
fn linters_never_stand_in_front_of_tests() {
    assert_snapshot!(found(&[("package.json", r#"{"scripts":{"pretest":"eslint --fix .","test":"mocha test"}}"#)]), @r"
    npm test --ignore-scripts -- --reporter spec | JavaScript | scripts.test of package.json
    npm run pretest | ExitStatus | scripts.pretest of package.json
    ");
    assert_snapshot!(found(&[("package.json", r#"{"scripts":{"lint":"eslint .","test":"npm run lint && tsc && mocha"}}"#)]), @r"
    npm exec --offline -c 'tsc && mocha --reporter spec' | JavaScript | scripts.test of package.json
    npm exec --offline -c 'npm run lint' | ExitStatus | scripts.test of package.json
    ");
    assert_snapshot!(found(&[("package.json", r#"{"scripts":{"pretest":"npm run build","test":"mocha -R dot"}}"#)]), @"npm test | JavaScript | scripts.test of package.json");
}

#[test]
fn without_a_script_the_runner_is_found() {
    assert_snapshot!(found(&[("package.json", "{}"), ("test/a.js", "import test from 'node:test'")]), @"node --test --test-reporter=tap | Tap | the tests of package.json");
    assert_snapshot!(found(&[("package.json", r#"{"devDependencies":{"mocha":"^10"}}"#)]), @r"
      npm install --no-package-lock --no-audit --no-fund
    npm exec --offline -c 'mocha --reporter spec' | JavaScript | mocha of package.json
    ");
}

#[test]
fn a_python_project_is_tested_in_a_fresh_environment() {
    assert_snapshot!(found(&[
        ("setup.py", "setup(extras_require={'dev': ['x'], \"test\" : []})"),
        ("requirements.txt", "requests==1"),
        ("requirements-dev.txt", "-r requirements.txt\npytest==8.3.3"),
        ("docs/requirements.txt", "sphinx"),
        ("tests/test_a.py", "import pytest"),
        ("tests/__init__.py", ""),
    ]), @r"
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt -e '.[test]'
    sh -c '. /tmp/hob-venv/bin/activate && python -m pytest tests' | Pytest | the tests of the repository
    ");
    assert_snapshot!(found(&[
        ("pyproject.toml", "[build-system]\n[project]\nname='a'\n[project.optional-dependencies]\ndev=['x']\n[dependency-groups]\nbase=['pytest-cov']\ntest=['pytest>8', {include-group='base'}]\n[tool.pytest.ini_options]\ntestpaths=['t']"),
        ("src/a/__init__.py", ""),
        ("t/test_a.py", ""),
    ]), @r"
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet -e '.[dev]' 'pytest>8' pytest-cov
    sh -c '. /tmp/hob-venv/bin/activate && python -m pytest' | Pytest | the tests of the repository
    ");
    assert_snapshot!(found(&[
        ("pyproject.toml", "[project]\nname='a'\ndependencies=['flask']"),
        ("uv.lock", ""),
        ("tests/test_a.py", "def test(): pass"),
    ]), @r"
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet uv
      /tmp/hob-venv/bin/uv sync --frozen --active --inexact --all-packages --all-groups
      /tmp/hob-venv/bin/python -m pip install --quiet pytest
    sh -c '. /tmp/hob-venv/bin/activate && python -m pytest tests' | Pytest | the tests of the repository
    ");
}

#[test]
fn unittest_is_used_where_nothing_knows_pytest() {
    assert_snapshot!(found(&[("requirements.txt", "a==1"), ("src/a.py", ""), ("tests/test_a.py", CASE), ("tests/__init__.py", "")]), @r"
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet -r requirements.txt
    sh -c '. /tmp/hob-venv/bin/activate && python -m unittest discover -v -s tests -t .' | Unittest | the tests of the repository
    ");
    assert_snapshot!(found(&[("test_a.py", CASE)]), @r"
      (fresh environment) /tmp/hob-venv
    sh -c '. /tmp/hob-venv/bin/activate && python -m unittest discover -v' | Unittest | the tests of the repository
    ");
}

const CASE: &str =
    "import unittest\n\nclass TestA(unittest.TestCase):\n    def test_a(self): pass\n";

/// The last line of the only check, without the environment.
#[track_caller]
fn test_line(files: &[(&str, &str)]) -> String {
    let detected = detect(&tree(files));
    let [check] = detected.checks.as_slice() else { panic!("{}", shown(&detected)) };
    let line = check.command.argv.last().unwrap();
    line.rsplit_once(" && ").map_or(line.clone(), |(_, line)| line.to_owned())
}

#[test]
fn unittest_is_used_only_where_it_finds_every_test() {
    let function = "from unittest import mock\n\ndef test_a(): pass\n";
    let (pytest, unittest) = ("python -m pytest tests", "python -m unittest discover -v -s tests");
    assert_eq!(test_line(&[("tests/test_a.py", CASE)]), unittest);
    assert_eq!(test_line(&[("tests/test_a.py", function)]), pytest);
    assert_eq!(test_line(&[("tests/test_a.py", CASE), ("tests/test_b.py", function)]), pytest);
    let both = format!("{CASE}\ndef test_b(): pass\n");
    assert_eq!(test_line(&[("tests/test_a.py", &both)]), pytest);
    // Discovery goes into packages only, and knows files by the beginning of their names.
    assert_eq!(test_line(&[("tests/unit/test_a.py", CASE)]), pytest);
    let packages = [("tests/unit/test_a.py", CASE), ("tests/unit/__init__.py", "")];
    assert_eq!(test_line(&packages), unittest);
    assert_eq!(test_line(&[("tests/a_test.py", CASE)]), pytest);
    assert_eq!(test_line(&[("app/tests.py", CASE)]), "python -m pytest");
    // A base class of the project's own may be one; pytest runs them all.
    let own = "import unittest\nclass TestA(Base):\n    def test_a(self): pass";
    assert_eq!(test_line(&[("tests/test_a.py", own)]), pytest);
}

#[test]
fn djangos_tests_are_run_by_django() {
    let manage = ("manage.py", "from django.core.management import execute_from_command_line");
    let files = [manage, ("app/tests.py", CASE), ("requirements.txt", "django")];
    assert_snapshot!(found(&files), @r"
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet -r requirements.txt
    sh -c '. /tmp/hob-venv/bin/activate && python manage.py test -v 2' | Unittest | the tests of the repository
    ");
    assert_eq!(test_line(&[manage, ("app/tests.py", "import pytest")]), "python -m pytest");
}

/// What is installed, in the words of the set-up.
#[track_caller]
fn installs(files: &[(&str, &str)]) -> String {
    let detected = detect(&tree(files));
    let steps = detected.checks[0].setup.iter().skip(1);
    let lines = steps.map(|step| {
        let line = step.display().replace("/tmp/hob-venv/bin/", "");
        line.replace("python -m pip install --quiet ", "")
    });
    lines.collect::<Vec<_>>().join(" | ")
}

/// What is installed where this file says what tests need.
#[track_caller]
fn installs_by(name: &str, text: &str) -> String {
    let mut files =
        vec![(name, text), ("tests/test_a.py", "import pytest"), ("requirements-t.txt", "")];
    if name != "setup.cfg" {
        files.push(("setup.cfg", ""));
    }
    installs(&files)
}

#[test]
fn a_set_up_program_says_what_tests_need() {
    for (text, installed) in [
        ("setup(tests_require=[\"mock>=1\", 'six[a]'])", "-e . 'mock>=1' 'six[a]' pytest"),
        (
            "x = 1\nTESTS = [\n  'mock',  # why\n  'six',\n]\nsetup(tests_require=TESTS)",
            "-e . mock six pytest",
        ),
        ("setup(**{'tests_require': ['mock']})", "-e . mock pytest"),
        ("A = B\nB = A\nsetup(tests_require=A)", "-e . pytest"),
    ] {
        assert_eq!(installs_by("setup.py", text), installed, "{text}");
    }
    let text =
        "[options]\ninstall_requires =\n  flask\ntests_require =\n    mock\n    six  # why\n[x]";
    assert_eq!(installs_by("setup.cfg", text), "flask mock six pytest");
}

#[test]
fn whatever_makes_environments_for_tests_says_what_they_need() {
    let hatch = "[tool.hatch.envs.default]\ndependencies = ['mock']\n[tool.hatch.envs.hatch-test]\nextra-dependencies=['six']\n[tool.hatch.envs.docs]\ndependencies=['sphinx']";
    let poetry = "[tool.poetry.group.tests.dependencies]\nmock = '^5'\n[tool.poetry.group.docs.dependencies]\nsphinx = '*'";
    let tox = "[tool.tox.env_run_base]\ndeps = ['mock', {replace='ref'}]\ndependency_groups=['t']\n[dependency-groups]\nt = ['six']";
    for (text, installed) in [
        (hatch, "mock six pytest"),
        (poetry, "mock pytest"),
        (tox, "six mock pytest"),
        (
            "[tool.pdm.dev-dependencies]\ntest = ['mock', '-e file:///x']\nlint = ['ruff']",
            "mock pytest",
        ),
        ("[tool.tox]\nlegacy_tox_ini = \"\"\"\n[testenv]\ndeps =\n    mock\n\"\"\"", "mock pytest"),
        ("[build-system]\n[tool.tox.env_run_base]\nextras = ['t']", "-e '.[t]' pytest"),
        ("[dependency-groups]\ntest = ['mock']\ndocs = ['sphinx']", "mock pytest"),
    ] {
        assert_eq!(installs_by("pyproject.toml", text), installed, "{text}");
    }
    let tox =
        "[testenv]\ndeps =\n    -r{toxinidir}/requirements-t.txt\n    py27: enum34\n    mock>1\n";
    let nox = "import nox\n@nox.session\ndef tests(session):\n    session.install('-r', 'requirements-t.txt', 'mock')\n    session.run('pytest')\n\n@nox.session\ndef lint(session):\n    session.install('ruff')\n";
    for (name, text, installed) in [
        ("hatch.toml", "[envs.test]\ndependencies = ['mock']", "mock pytest"),
        (
            "tox.toml",
            "[env_run_base]\ndeps = ['mock', '-r requirements-t.txt']",
            "-r requirements-t.txt mock pytest",
        ),
        ("tox.ini", tox, "-r requirements-t.txt 'mock>1' pytest"),
        ("noxfile.py", nox, "-r requirements-t.txt mock pytest"),
    ] {
        assert_eq!(installs_by(name, text), installed, "{name}");
    }
}

#[test]
fn what_is_asked_for_already_is_not_asked_for_again_in_other_words() {
    let installed = installs(&[
        ("requirements-dev.txt", "-r requirements-more.txt\npytest==8"),
        ("requirements-more.txt", "Mock==5"),
        ("requirements/other.txt", ""),
        ("tox.ini", "[testenv]\ndeps = mock<2\n  six\n  pytest<5"),
        ("tests/test_a.py", ""),
    ]);
    assert_eq!(installed, "-r requirements-dev.txt six");
}

#[test]
fn pip_gets_each_file_with_hashes_alone_and_first() {
    let files = [
        ("requirements.txt", "pytest"),
        ("requirements-dev.txt", "idna==3.7 --hash=sha256:00"),
        ("tests/test_a.py", "import pytest"),
    ];
    assert_eq!(installs(&files), "-r requirements-dev.txt | -r requirements.txt");
    assert!(!detect(&tree(&files)).checks[0].is_locked);
}

#[test]
fn what_pytests_configuration_needs_is_installed() {
    let of = |name: &str, text: &str| installs(&[(name, text), ("tests/test_a.py", "")]);
    let ini = "[pytest]\naddopts = -ra --cov=a --cov-report=term\n  -n auto\nrequired_plugins = pytest-django>=3 pytest-html\n";
    assert_eq!(
        of("pytest.ini", ini),
        "pytest-cov pytest-xdist 'pytest-django>=3' pytest-html pytest"
    );
    assert_eq!(of("setup.cfg", "[tool:pytest]\naddopts = --cov a\n"), "pytest-cov pytest");
    let tox = "[testenv]\ndeps = pytest-cov==4\n[pytest]\naddopts = --cov a --color=no\n";
    assert_eq!(of("tox.ini", tox), "pytest-cov==4 pytest");
    let table = "[tool.pytest.ini_options]\naddopts = ['--timeout=3', '--no-header', '-nauto']\nrequired_plugins = 'pytest-mock'\n";
    assert_eq!(of("pyproject.toml", table), "pytest-timeout pytest-xdist pytest-mock pytest");
    assert_eq!(of("pyproject.toml", "[tool.pytest]\naddopts = '--covers'\n"), "pytest");
}

#[test]
fn a_project_without_a_build_description_is_not_installed() {
    let with = |more: &[(&str, &str)]| {
        let mut files =
            vec![("setup.cfg", "[metadata]\nname = a"), ("tests/test_a.py", "import pytest")];
        files.extend(more);
        installs(&files)
    };
    assert_eq!(with(&[]), "pytest");
    assert_eq!(with(&[("pyproject.toml", "")]), "-e . pytest");
    assert_eq!(with(&[("setup.py", "")]), "-e . pytest");
}

#[test]
fn members_of_uvs_workspace_are_installed_from_its_lock() {
    let lock = "[[package]]\nname='root'\nsource={virtual='.'}\n[[package]]\nname='a'\nsource={editable='packages/a'}\n[[package]]\nname='b'\nsource={editable='packages/b'}\n[[package]]\nname='pytest'\nsource={registry='https://r.invalid'}\n";
    let member = "[build-system]\n[project]\nname='a'\n[project.optional-dependencies]\ntest=['x']\n[tool.uv.sources]\nb = {workspace=true}";
    let files = [
        ("pyproject.toml", "[project]\nname='root'\n[tool.uv.workspace]\nmembers=['packages/*']"),
        ("uv.lock", lock),
        ("packages/a/pyproject.toml", member),
        ("packages/a/tests/test_a.py", ""),
        ("packages/b/pyproject.toml", "[build-system]\n[project]\nname='b'"),
        ("packages/b/tests/test_b.py", ""),
        ("other/pyproject.toml", "[project]\nname='other'\ndependencies=['flask']"),
        ("other/tests/test_o.py", ""),
    ];
    assert_snapshot!(found(&files), @r"
      (fresh environment) /tmp/hob-venv (in other)
      /tmp/hob-venv/bin/python -m pip install --quiet flask pytest (in other)
    sh -c '. /tmp/hob-venv/bin/activate && python -m pytest tests' (in other) | Pytest | the tests of other
      (fresh environment) /tmp/hob-venv-2
      /tmp/hob-venv-2/bin/python -m pip install --quiet uv
      /tmp/hob-venv-2/bin/uv sync --frozen --active --inexact --all-packages --all-groups --extra test
    sh -c '. /tmp/hob-venv-2/bin/activate && python -m pytest tests' (in packages/a) | Pytest | the tests of packages/a
      (fresh environment) /tmp/hob-venv-2
      /tmp/hob-venv-2/bin/python -m pip install --quiet uv
      /tmp/hob-venv-2/bin/uv sync --frozen --active --inexact --all-packages --all-groups --extra test
    sh -c '. /tmp/hob-venv-2/bin/activate && python -m pytest tests' (in packages/b) | Pytest | the tests of packages/b
    note: the repository has no Python tests
    ");
    let detected = detect(&tree(&files));
    let check = &detected.checks[1];
    let variables: Vec<String> =
        check.setup[2].env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for wanted in ["UV_PYTHON_DOWNLOADS=never", "UV_PYTHON=/tmp/hob-venv-2/bin/python"] {
        assert!(variables.iter().any(|variable| variable == wanted), "{variables:?}");
    }
    assert!(check.is_locked);
}

#[test]
fn groups_that_exclude_each_other_are_not_all_installed() {
    let manifest = "[project]\nname='a'\n[dependency-groups]\ntest=['pytest']\nold=['x<1']\n[tool.uv]\nconflicts=[[{group='test'},{group='old'}]]";
    let files = [
        ("pyproject.toml", manifest),
        ("uv.lock", "[[package]]\nname='pytest'"),
        ("tests/test_a.py", ""),
    ];
    assert_eq!(
        installs(&files),
        "uv | uv sync --frozen --active --inexact --all-packages --group test"
    );
}

/// The manifests and locks of a tree that its checks do not install.
fn not_installed(files: &[(&str, &str)]) -> String {
    let tree = tree(files);
    let detected = detect(&tree);
    let left: Vec<&str> =
        detected.not_installed(tree.paths()).into_iter().map(RepoPath::as_str).collect();
    left.join(" ")
}

#[test]
fn a_changed_manifest_that_no_check_installs_is_told() {
    let npm = r#"{"scripts":{"test":"jest"},"dependencies":{"a":"1"}}"#;
    let python = [
        ("requirements.txt", "-c requirements/limits.txt\n-r requirements/more.txt"),
        ("requirements/limits.txt", "a==1"),
        ("requirements/more.txt", "a"),
        ("requirements/more.in", "a"),
        ("requirements/production.txt", "b==1"),
        ("docs/requirements.txt", "sphinx"),
        ("constraints.txt", "c==1"),
        ("setup.py", "open('requirements/run.txt')"),
        ("requirements/run.txt", "d"),
        ("tests/test_a.py", "import pytest"),
    ];
    assert_eq!(
        not_installed(&python),
        "constraints.txt docs/requirements.txt requirements/production.txt"
    );
    assert_eq!(
        not_installed(&[
            ("package.json", r#"{"workspaces":["packages/*"],"scripts":{"test":"jest"}}"#),
            ("package-lock.json", "{}"),
            ("packages/a/package.json", "{}"),
            ("examples/x/package.json", "{}"),
            ("examples/x/package-lock.json", "{}"),
            ("b/package.json", npm),
            ("b/index.js", ""),
        ]),
        "examples/x/package-lock.json examples/x/package.json"
    );
    let workspace = "[workspace]\nmembers = ['crates/*']\nexclude = ['tools']\n[workspace.dependencies]\nb = { path = 'extra/b' }";
    assert_eq!(
        not_installed(&[
            ("Cargo.toml", workspace),
            ("Cargo.lock", ""),
            ("crates/a/Cargo.toml", "[package]\nname='a'"),
            ("extra/b/Cargo.toml", "[package]\nname='b'"),
            ("tests/data/x/Cargo.toml", "[package]\nname='x'"),
            ("extra/c/Cargo.toml", "[package]\nname='c'"),
        ]),
        "extra/c/Cargo.toml tests/data/x/Cargo.toml"
    );
    assert_eq!(
        not_installed(&[
            ("pyproject.toml", "[project]\nname='a'"),
            ("uv.lock", "[[package]]\nname='m'\nsource={editable='m'}"),
            ("m/pyproject.toml", "[project]\nname='m'"),
            ("docs/requirements.txt", "sphinx"),
            ("tests/test_a.py", ""),
        ]),
        "docs/requirements.txt"
    );
    // What a definition's command is set up with is what it tests.
    let files = tree(&[("Cargo.toml", "[package]\nname='a'"), ("web/package.json", npm)]);
    let detected = from_commands(&files, &["cargo test".to_owned()]);
    let told = detected.not_installed(files.paths());
    assert_eq!(told, [&RepoPath::new("web/package.json").unwrap()]);
}

#[test]
fn what_prepares_the_tests_runs_before_them_without_its_linters() {
    assert_snapshot!(found(&[("package.json", r#"{"scripts":{"pretest":"node build.js","test":"standard && node test.js"}}"#)]), @r"
    npm exec --offline -c 'npm run pretest && node test.js' | JavaScript | scripts.test of package.json
    npm exec --offline -c standard | ExitStatus | scripts.test of package.json
    ");
    assert_snapshot!(found(&[("package.json", r#"{"scripts":{"pretest":"eslint . && node build.js","test":"mocha"}}"#)]), @r"
    npm exec --offline -c 'node build.js && mocha --reporter spec' | JavaScript | scripts.test of package.json
    npm exec --offline -c 'eslint .' | ExitStatus | scripts.pretest of package.json
    ");
}

#[test]
fn runners_behind_wrappers_name_every_test() {
    let flags = |script: &str| {
        let manifest = serde_json::json!({"scripts": {"test": script}}).to_string();
        let argv = detect(&tree(&[("package.json", &manifest)])).checks[0].command.argv.clone();
        argv.get(3..).map_or_else(String::new, |flags| flags.join(" "))
    };
    for (script, told) in [
        ("nyc --reporter=lcov mocha", "--reporter spec"),
        ("nyc --reporter lcov mocha -R dot", ""),
        ("c8 jest", "--verbose"),
        ("cross-env A=b jest", "--verbose"),
        ("npx cross-env A=b nyc mocha test", "--reporter spec"),
        ("react-scripts test", "--verbose"),
        ("cross-env CI=true react-scripts test", "--verbose"),
        ("react-scripts build", ""),
        ("dotenv -- vitest run", "--reporter=verbose"),
        ("dotenv -e .env -- jest", "--verbose"),
        ("node --experimental-vm-modules node_modules/jest/bin/jest.js", "--verbose"),
        ("node scripts/jest.js", ""),
        ("node_modules/.bin/mocha", "--reporter spec"),
        ("nyc node test.js", ""),
        ("NODE_ENV=test jest --silent", ""),
    ] {
        assert_eq!(flags(script), told, "{script}");
    }
}

#[test]
fn hashes_and_tox_are_understood() {
    assert_snapshot!(found(&[("setup.py", ""), ("requirements.txt", "a==1 --hash=sha256:00"), ("tests/test_a.py", "import pytest")]), @r"
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet -r requirements.txt
      /tmp/hob-venv/bin/python -m pip install --quiet --no-deps -e .
      /tmp/hob-venv/bin/python -m pip install --quiet pytest
    sh -c '. /tmp/hob-venv/bin/activate && python -m pytest tests' | Pytest | the tests of the repository
    ");
    assert_snapshot!(found(&[
        ("setup.cfg", "[metadata]\nname=a"),
        ("test.txt", ""),
        ("tox.ini", "[tox]\nenvlist=py\n[testenv]\ndeps =\n    pytest\n    py27: mock\n    -rtest.txt\ncommands = pytest\n[testenv:lint]\ndeps = flake8"),
        ("tests/test_a.py", ""),
    ]), @r"
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet -r test.txt pytest
    sh -c '. /tmp/hob-venv/bin/activate && python -m pytest tests' | Pytest | the tests of the repository
    ");
}

#[test]
fn a_tree_without_checks_says_so() {
    assert_snapshot!(found(&[("Makefile", "test:")]), @"note: no checks found: there is no Cargo.toml, no test script of npm, and no Python test");
    assert_snapshot!(found(&[("Cargo.toml", "<<<<<<< ours"), ("package.json", "{")]), @r"
    left out: `Cargo.toml` is not read: TOML parse error at line 1, column 9 | 1 | <<<<<<< ours | ^ key with no value, expected `=`
    left out: `package.json` is not read: EOF while parsing an object at line 1 column 1
    note: no checks found: there is no Cargo.toml, no test script of npm, and no Python test
    ");
}

#[test]
fn commands_of_a_definition_get_the_set_up_that_they_need() {
    let files = tree(&[
        ("Cargo.toml", "[package]\nname = \"a\""),
        ("Cargo.lock", ""),
        ("requirements.txt", "a==1"),
        ("tests/test_a.py", "import pytest"),
    ]);
    let commands = [
        "cargo nextest run --locked",
        "pytest -x tests",
        "make check",
        "FOO='a b' cargo test | tee log",
    ];
    let detected = from_commands(&files, &commands.map(str::to_owned));
    assert_snapshot!(shown(&detected), @r#"
      cargo fetch --locked
    cargo nextest run --locked | Nextest | the definition
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet -r requirements.txt pytest
    sh -c '. /tmp/hob-venv/bin/activate && pytest -x tests' | Pytest | the definition
      cargo fetch --locked
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet -r requirements.txt pytest
    sh -c '. /tmp/hob-venv/bin/activate && make check' | ExitStatus | the definition
      cargo fetch --locked
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet -r requirements.txt pytest
    sh -c '. /tmp/hob-venv/bin/activate && FOO='\''a b'\'' cargo test | tee log' | CargoTest | the definition
    "#);
}

proptest! {
    #[test]
    fn no_files_make_detection_panic(texts in proptest::collection::vec("\\PC{0,60}|(\\[[a-z.:_]{1,20}\\]\n[a-z]{1,9} ?= ?[\\[\\]\"a-z]{0,9}\n){0,3}", 6), script in "\\PC{0,40}") {
        let names = ["Cargo.toml", "package.json", "pyproject.toml", "setup.cfg", "tox.ini", "requirements-dev.txt"];
        let mut files: Vec<(&str, &str)> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
        let package = serde_json::json!({"scripts": {"test": script, "pretest": texts[0]}}).to_string();
        files.push(("js/package.json", &package));
        files.push(("test_a.py", "import pytest"));
        drop(detect(&tree(&files)));
    }
}

#[test]
fn a_folder_that_the_lock_links_to_is_set_up_with_its_lock() {
    let lock = r#"{ "lockfileVersion": 3, "packages": { "": {}, "loc": {}, "node_modules/loc": { "resolved": "loc", "link": true } } }"#;
    let files = tree(&[
        ("package-lock.json", lock),
        ("package.json", r#"{ "dependencies": { "loc": "file:./loc" } }"#),
        ("loc/package.json", r#"{ "name": "loc", "scripts": { "test": "node -e 0" } }"#),
    ]);
    let detected = detect(&files);
    let [check] = detected.checks.as_slice() else { panic!("{detected:?}") };
    assert_eq!(check.command.cwd.as_str(), "loc");
    assert!(check.setup.iter().all(|step| step.cwd.is_root()), "{check:?}");
    assert_eq!(check.setup[0].argv[..2], ["npm", "ci"]);
}
