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
      /tmp/hob-venv/bin/uv sync --frozen --active --inexact --all-groups
      /tmp/hob-venv/bin/python -m pip install --quiet pytest
    sh -c '. /tmp/hob-venv/bin/activate && python -m pytest tests' | Pytest | the tests of the repository
    ");
}

#[test]
fn unittest_is_used_where_nothing_knows_pytest() {
    assert_snapshot!(found(&[("requirements.txt", "a==1"), ("src/a.py", ""), ("tests/test_a.py", "import unittest"), ("tests/__init__.py", "")]), @r"
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet -r requirements.txt
    sh -c '. /tmp/hob-venv/bin/activate && python -m unittest discover -v -s tests -t .' | Unittest | the tests of the repository
    ");
    assert_snapshot!(found(&[("test_a.py", "from unittest import TestCase")]), @r"
      (fresh environment) /tmp/hob-venv
    sh -c '. /tmp/hob-venv/bin/activate && python -m unittest discover -v' | Unittest | the tests of the repository
    ");
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
        ("tox.ini", "[tox]\nenvlist=py\n[testenv]\ndeps =\n    pytest\n    py27: mock\n    -rtest.txt\ncommands = pytest\n[testenv:lint]\ndeps = flake8"),
        ("tests/test_a.py", ""),
    ]), @r"
      (fresh environment) /tmp/hob-venv
      /tmp/hob-venv/bin/python -m pip install --quiet -r test.txt -e . pytest
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
