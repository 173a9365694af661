//! Who runs Python tests: pytest, which runs unittest's too; unittest only where it finds every test; Django's own.

use std::sync::LazyLock;

use domain::RepoPath;
use regex::Regex;

use crate::files::FileSet;

static CASE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^[ \t]*class\s+\w+\s*\([^)]*TestCase\b[^)]*\)\s*:"));
static FUNCTION: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^(?:async\s+)?def\s+test"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file")
}

/// Who runs the tests of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    Pytest,
    Unittest,
    Django,
}

/// The tests of a project.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tests<'a> {
    pub(super) files: &'a FileSet,
    pub(super) folder: &'a RepoPath,
    /// The test files and what configures them.
    pub(super) paths: &'a [&'a RepoPath],
    /// The folder that holds them all, as seen from the project.
    pub(super) place: Option<&'a str>,
}

impl Tests<'_> {
    /// Who runs them, where the project itself does not know pytest.
    pub(super) fn runner(&self, knows_pytest: bool) -> Runner {
        let text = |path: &RepoPath| self.files.text(path).ok();
        let is_pytests = |path: &&RepoPath| {
            path.file_name() == "conftest.py"
                || text(path)
                    .is_some_and(|t| t.contains("import pytest") || t.contains("from pytest"))
        };
        if knows_pytest || self.paths.iter().any(is_pytests) {
            return Runner::Pytest;
        }
        let manage = self.folder.join("manage.py").ok();
        if manage.and_then(|path| text(&path)).is_some_and(|text| text.contains("django")) {
            return Runner::Django;
        }
        if self.paths.iter().all(|path| self.is_unittests(path)) {
            Runner::Unittest
        } else {
            Runner::Pytest
        }
    }

    /// Whether unittest's discovery finds this file and runs every test in it.
    fn is_unittests(&self, path: &RepoPath) -> bool {
        let is_plain = |text: &str| CASE.is_match(text) && !FUNCTION.is_match(text);
        path.file_name().starts_with("test")
            && self.is_discovered(path)
            && self.files.text(path).is_ok_and(is_plain)
    }

    /// Whether every folder between where discovery begins and the file is a package.
    fn is_discovered(&self, path: &RepoPath) -> bool {
        let start = self
            .place
            .map_or_else(|| Some(self.folder.clone()), |place| self.folder.join(place).ok());
        let mut folder = path.parent();
        while Some(&folder) != start.as_ref() {
            let is_package = folder.join("__init__.py").is_ok_and(|init| self.files.exists(&init));
            if folder.is_root() || !is_package {
                return false;
            }
            folder = folder.parent();
        }
        true
    }

    /// The command behind the environment.
    pub(super) fn line(&self, runner: Runner, names_test_paths: bool) -> String {
        match (runner, self.place) {
            (Runner::Django, _) => "python manage.py test -v 2".to_owned(),
            (Runner::Pytest, Some(place)) if !names_test_paths => {
                format!("python -m pytest {place}")
            }
            (Runner::Pytest, _) => "python -m pytest".to_owned(),
            (Runner::Unittest, None) => "python -m unittest discover -v".to_owned(),
            (Runner::Unittest, Some(place)) => {
                let init = self.folder.join(&format!("{place}/__init__.py"));
                let top = if init.is_ok_and(|i| self.files.exists(&i)) { " -t ." } else { "" };
                format!("python -m unittest discover -v -s {place}{top}")
            }
        }
    }
}
