//! What a Python project says that its tests need, and the commands that install it.
//!
//! With `uv.lock` what it locks. Else all of: requirements files for tests or development beside the main one; extras and
//! dependency groups called after tests or development; `tests_require`; what poetry, pdm, hatch, tox and nox install
//! for tests. Of several requirements for one package the first counts. The project itself is installed in development
//! mode where it can be.

mod plugins;
mod stated;
mod text;
mod uv;

use std::collections::BTreeSet;

use domain::RepoPath;
use domain::exec::Exec;

use self::stated::Stated;
use self::text::{WORDS, closest, name, section, values};
use self::uv::Workspace;
use super::shown;
use crate::files::FileSet;

/// Makes an empty environment. Most of the work is to put pip into it, so an untouched one is kept beside it for
/// when the same machine needs it once more, as it does to tell moves apart.
pub(super) const FRESH_ENVIRONMENT: &str = r#"if [ -d "$1.kept" ]; then rm -rf "$1" && cp -a "$1.kept" "$1"; else python3 -m venv --clear "$1" && cp -a "$1" "$1.part" && mv "$1.part" "$1.kept"; fi"#;
/// How deep requirements files include each other at most.
const INCLUDES_MAX: usize = 8;

/// What is known of a project.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    pub(super) folder: RepoPath,
    pub(super) knows_pytest: bool,
    pub(super) names_test_paths: bool,
    /// Whether pip can install the project itself.
    pub(super) is_installable: bool,
    pub(super) notes: Vec<String>,
    pub(super) unread: Vec<String>,
    has_marks: bool,
    uv: Option<Workspace>,
    /// Requirements files, as seen from the project, with whether they carry hashes.
    files: Vec<(String, bool)>,
    extras: Vec<String>,
    packages: Vec<String>,
    /// What is asked for already, by name.
    named: BTreeSet<String>,
    /// The plugins that pytest's configuration needs.
    plugins: Vec<String>,
    /// The files of the repository that the set-up reads.
    reads: BTreeSet<RepoPath>,
}

/// Whether this is a requirements file of some sort.
pub(super) fn is_requirements(path: &RepoPath) -> bool {
    domain::dependency::is_requirements(path)
}

impl Layout {
    /// Reads a project's files.
    pub(super) fn read(files: &FileSet, folder: &RepoPath) -> Self {
        let mut layout = Self { folder: folder.clone(), ..Self::default() };
        let text = |name: &str| folder.join(name).ok().and_then(|p| files.text(&p).ok());
        let exists = |name: &str| folder.join(name).is_ok_and(|p| files.exists(&p));
        layout.has_marks = exists("setup.py") || exists("pyproject.toml") || exists("setup.cfg");
        layout.is_installable = exists("setup.py");
        layout.knows_pytest = exists("pytest.ini");
        layout.uv = Workspace::of(files, folder);
        layout.requirement_files(files);
        let mut stated = Stated::default();
        for (name, section) in
            [("pytest.ini", "[pytest]"), ("tox.ini", "[pytest]"), ("setup.cfg", "[tool:pytest]")]
        {
            if let Some(text) = text(name) {
                layout.ini(text, section);
            }
        }
        if let Some(text) = text("setup.cfg") {
            // pip takes a folder for a project by `setup.py` or `pyproject.toml` alone.
            let described = text.contains("[metadata]");
            layout.is_installable |= described && exists("pyproject.toml");
            layout.extras.extend(stated::extras_of_cfg(text));
            stated::setup_cfg(text, &mut stated);
            stated::tox_ini(text, &mut stated);
            if !layout.is_installable {
                let body = section(text, "[options]").unwrap_or_default();
                layout.want(values(body, "install_requires").iter().map(|&v| v.to_owned()));
            }
        }
        if let Some(text) = text("setup.py") {
            layout.extras.extend(stated::extras_of_setup(text));
            stated::setup_py(text, &mut stated);
        }
        if let Some(table) = layout.table(files, "pyproject.toml") {
            layout.pyproject(&table);
            layout.state(files, stated::of_pyproject(&table), Some(&table));
        }
        layout.state(files, stated, None);
        layout.environments(files);
        layout.knows_pytest |= layout.names("pytest");
        let listed = std::mem::take(&mut layout.plugins);
        layout.plugins = listed.into_iter().filter(|plugin| !layout.names(&name(plugin))).collect();
        layout.extras.sort();
        layout.extras.dedup();
        for tool in ["poetry.lock", "Pipfile.lock", "pdm.lock"] {
            if exists(tool) {
                layout.notes.push(format!(
                    "{tool} is not read: the tests' dependencies are not those it locks"
                ));
            }
        }
        layout.find_what_is_read(files);
        layout
    }

    /// Whether this is a Python project at all, and not a folder with some requirements file.
    pub(super) fn is_python(&self) -> bool {
        self.has_marks
    }

    /// The folder of the environment's set-up: members of a workspace share that of its root.
    pub(super) fn root(&self) -> &RepoPath {
        self.uv.as_ref().map_or(&self.folder, |uv| &uv.root)
    }

    /// The files that the set-up reads: what is changed in them is what is tested.
    pub(super) const fn reads(&self) -> &BTreeSet<RepoPath> {
        &self.reads
    }

    /// Whether the commands install the same on any day: with a lock or hashes, and nothing beside them.
    pub(super) fn is_locked(&self) -> bool {
        match &self.uv {
            Some(uv) => uv.locks("pytest") && self.beside_the_lock(true).is_empty(),
            None => {
                let hashed = !self.files.is_empty() && self.files.iter().all(|(_, hashed)| *hashed);
                hashed
                    && self.names("pytest")
                    && self.packages.is_empty()
                    && self.plugins.is_empty()
            }
        }
    }

    /// The commands that make an environment with all that the tests need.
    pub(super) fn setup(&self, environment: &str, pytest: bool) -> Vec<Exec> {
        let fresh = ["sh", "-c", FRESH_ENVIRONMENT, "sh", environment];
        let mut steps = vec![self.step(fresh, "make an environment")];
        match &self.uv {
            Some(uv) => steps.extend(self.by_uv(uv, environment, pytest)),
            None => steps.extend(
                self.by_pip(pytest).into_iter().map(|wanted| self.pip(environment, wanted)),
            ),
        }
        steps
    }

    fn step<A: Into<String>>(&self, argv: impl IntoIterator<Item = A>, purpose: &str) -> Exec {
        Exec::new(argv, purpose)
            .in_folder(self.root().clone())
            .with_env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            // What the tests import is compiled when they do; the rest never needs to be.
            .with_env("PIP_NO_COMPILE", "1")
    }

    fn pip(&self, environment: &str, wanted: Vec<String>) -> Exec {
        let mut argv = vec![format!("{environment}/bin/python"), "-m".to_owned(), "pip".to_owned()];
        argv.extend(["install", "--quiet"].map(str::to_owned));
        argv.extend(wanted);
        self.step(argv, "install dependencies")
    }

    fn by_uv(&self, uv: &Workspace, environment: &str, pytest: bool) -> Vec<Exec> {
        let mut argv = vec![format!("{environment}/bin/uv")];
        argv.extend(uv.sync());
        let sync = self
            .step(argv, "install dependencies")
            .with_env("VIRTUAL_ENV", environment)
            // The environment's own Python, or a plain refusal: none is fetched.
            .with_env("UV_PYTHON", &format!("{environment}/bin/python"))
            .with_env("UV_PYTHON_DOWNLOADS", "never");
        let mut steps = vec![self.pip(environment, vec!["uv".to_owned()]), sync];
        let beside = self.beside_the_lock(pytest);
        if !beside.is_empty() {
            steps.push(self.pip(environment, beside));
        }
        steps
    }

    /// What each call of pip installs.
    fn by_pip(&self, pytest: bool) -> Vec<Vec<String>> {
        let file = |name: &String| ["-r".to_owned(), name.clone()];
        let of = |wanted: bool| self.files.iter().filter(move |(_, hashed)| *hashed == wanted);
        // Where one requirement carries a hash, pip wants one for all in the same command.
        let mut calls: Vec<Vec<String>> = of(true).map(|(name, _)| file(name).to_vec()).collect();
        let plain: Vec<String> = of(false).flat_map(|(name, _)| file(name)).collect();
        let mut project = Vec::new();
        if self.is_installable {
            let extras = match self.extras.as_slice() {
                [] => String::new(),
                extras => format!("[{}]", extras.join(",")),
            };
            project.extend(["-e".to_owned(), format!(".{extras}")]);
        }
        let mut packages = self.packages.clone();
        if pytest {
            packages.extend(self.plugins.iter().cloned());
            packages.extend((!self.names("pytest")).then(|| "pytest".to_owned()));
        }
        if calls.is_empty() {
            calls.push([plain, project, packages].concat());
        } else {
            if self.is_installable && self.extras.is_empty() {
                project.insert(0, "--no-deps".to_owned());
            }
            calls.extend([plain, project, packages]);
        }
        calls.retain(|call| !call.is_empty());
        calls
    }

    /// What tests need besides what uv's lock holds.
    fn beside_the_lock(&self, pytest: bool) -> Vec<String> {
        let pytest_itself = (!self.names("pytest")).then(|| "pytest".to_owned());
        let wanted = pytest.then(|| self.plugins.iter().cloned().chain(pytest_itself));
        wanted.into_iter().flatten().collect()
    }

    /// Whether the set-up installs this package without being told once more.
    fn names(&self, package: &str) -> bool {
        match &self.uv {
            Some(uv) => uv.locks(package),
            None => self.named.contains(package),
        }
    }

    /// Requirements that are installed as well, unless their packages are asked for already.
    fn want(&mut self, requirements: impl IntoIterator<Item = String>) {
        for requirement in requirements {
            let name = name(&requirement);
            if name.is_empty() || self.named.contains(&name) {
                continue;
            }
            // What a condition may leave out may still be wanted by others.
            if !requirement.contains(';') {
                self.named.insert(name);
            }
            self.packages.push(requirement);
        }
    }

    fn table(&mut self, files: &FileSet, name: &str) -> Option<toml::Table> {
        let text = self.folder.join(name).ok().and_then(|path| files.text(&path).ok())?;
        text.parse()
            .map_err(|error| {
                self.unread.push(format!("`{}` is not read: {error}", shown(&self.folder, name)));
            })
            .ok()
    }

    fn pyproject(&mut self, table: &toml::Table) {
        let at = |path: &[&str]| {
            path.iter().try_fold(None, |value: Option<&toml::Value>, key| {
                let table = value.map_or(Some(table), toml::Value::as_table)?;
                table.get(*key).map(Some)
            })
        };
        let at = |path: &[&str]| at(path).flatten();
        let built = at(&["build-system"]).is_some();
        self.is_installable |= built;
        if let Some(options) =
            at(&["tool", "pytest", "ini_options"]).or_else(|| at(&["tool", "pytest"]))
        {
            self.knows_pytest = true;
            self.names_test_paths |= options.get("testpaths").is_some();
            self.plugins.extend(plugins::of_table(options));
        }
        let optional = at(&["project", "optional-dependencies"]).and_then(toml::Value::as_table);
        if let Some(extras) = optional {
            self.extras.extend(closest(extras.keys().map(String::as_str)));
        }
        let own = |extras: &[String]| {
            let of_extras = extras.iter().flat_map(|extra| {
                strings(at(&["project", "optional-dependencies", extra.as_str()]))
            });
            strings(at(&["project", "dependencies"]))
                .into_iter()
                .chain(of_extras)
                .collect::<Vec<_>>()
        };
        if self.is_installable {
            let names = own(&self.extras);
            self.named.extend(names.iter().filter(|r| !r.contains(';')).map(|r| name(r)));
        } else {
            // Without a build system the project is no package: only what it names is installed.
            let extras = std::mem::take(&mut self.extras);
            self.want(own(&extras));
        }
        let text = table.to_string();
        self.knows_pytest |= text.contains("\"pytest") || text.contains("pytest =");
    }

    /// What other tools install for tests; groups are those of `table`.
    fn state(&mut self, files: &FileSet, stated: Stated, table: Option<&toml::Table>) {
        if let Some(groups) = table.and_then(|t| t.get("dependency-groups")?.as_table()) {
            let mut chosen = closest(groups.keys().map(String::as_str));
            chosen.extend(stated.groups.into_iter().filter(|group| groups.contains_key(group)));
            let mut packages = Vec::new();
            for name in chosen {
                group(groups, &name, 0, &mut packages);
            }
            self.want(packages);
        }
        if !stated.by_name.is_empty() {
            self.notes.push(format!(
                "poetry's ranges of development packages are not read; installed by name: {}",
                stated.by_name.join(", ")
            ));
        }
        self.want(stated.by_name);
        self.want(stated.packages);
        if self.is_installable {
            self.extras.extend(stated.extras);
        }
        for file in stated.files {
            let exists = self.folder.join(&file).is_ok_and(|path| files.exists(&path));
            if exists && !self.files.iter().any(|(known, _)| *known == file) {
                self.files.push((file, false));
            }
        }
    }

    /// What tox, nox and hatch install, by files of their own.
    fn environments(&mut self, files: &FileSet) {
        let mut stated = Stated::default();
        let folder = self.folder.clone();
        let text = |name: &str| folder.join(name).ok().and_then(|p| files.text(&p).ok());
        if let Some(text) = text("tox.ini") {
            self.knows_pytest |= text.contains("pytest") || text.contains("py.test");
            stated::tox_ini(text, &mut stated);
        }
        if let Some(tox) = self.table(files, "tox.toml") {
            stated::tox_table(&tox, &mut stated);
        }
        if let Some(text) = text("noxfile.py") {
            stated::nox(text, &mut stated);
        }
        let hatch = self.table(files, "hatch.toml");
        if let Some(environments) = hatch.as_ref().and_then(|t| t.get("envs")?.as_table()) {
            stated::hatch(environments, &mut stated);
        }
        let pyproject = folder.join("pyproject.toml").ok().and_then(|p| files.text(&p).ok());
        let pyproject = pyproject.and_then(|text| text.parse::<toml::Table>().ok());
        let groups = !stated.groups.is_empty();
        self.state(files, stated, pyproject.as_ref().filter(|_| groups));
    }

    fn ini(&mut self, text: &str, title: &str) {
        if let Some(body) = section(text, title) {
            self.knows_pytest = true;
            self.names_test_paths |= !values(body, "testpaths").is_empty();
            self.plugins.extend(plugins::of_ini(text, title));
        }
    }

    fn requirement_files(&mut self, files: &FileSet) {
        let near: Vec<(String, RepoPath)> = files
            .paths()
            .filter(|path| path.is_within(&self.folder) && is_requirements(path))
            .filter_map(|path| {
                let rest = path.as_str().strip_prefix(self.folder.as_str())?;
                Some((rest.trim_start_matches('/').to_owned(), path.clone()))
            })
            .filter(|(rest, _)| rest.matches('/').count() <= 1)
            .collect();
        let mut chosen: Vec<&(String, RepoPath)> =
            near.iter().filter(|(r, _)| is_main(r)).collect();
        for words in [&WORDS[..3], &WORDS[3..]] {
            let found: Vec<_> = near.iter().filter(|(r, _)| names(r, words)).collect();
            if !found.is_empty() {
                chosen.extend(found);
                break;
            }
        }
        for (rest, _) in chosen {
            self.files.push((rest.clone(), false));
        }
        self.look_into_files(files);
    }

    /// What the requirements files ask for, with those that they include.
    fn look_into_files(&mut self, files: &FileSet) {
        for at in 0..self.files.len() {
            let Ok(path) = self.folder.join(&self.files[at].0) else { continue };
            let mut all = BTreeSet::new();
            included(files, &path, 0, &mut all);
            for path in &all {
                let text = files.text(path).unwrap_or_default();
                self.files[at].1 |= text.contains("--hash=");
                let plain = text.lines().filter(|line| !line.contains(';'));
                self.named.extend(plain.map(name).filter(|name| !name.is_empty()));
            }
            self.reads.extend(all);
        }
    }

    /// The files of the repository that the set-up reads.
    fn find_what_is_read(&mut self, files: &FileSet) {
        if let Some(uv) = &self.uv {
            self.reads = uv.files.clone();
            return;
        }
        self.look_into_files(files);
        let mut own = Vec::new();
        for name in ["pyproject.toml", "setup.py", "setup.cfg"] {
            let path = self.folder.join(name).ok().filter(|path| files.exists(path));
            own.extend(path.as_ref().and_then(|path| files.text(path).ok()));
            self.reads.extend(path);
        }
        let near =
            files.paths().filter(|path| path.is_within(&self.folder) && is_requirements(path));
        for path in near {
            let rest = path.as_str().strip_prefix(self.folder.as_str()).unwrap_or_default();
            let rest = rest.trim_start_matches('/');
            // A set-up program may read its requirements from such files.
            let is_named = self.is_installable && own.iter().any(|text| text.contains(rest));
            // What `requirements.txt` is compiled from is tested with it.
            let compiled = rest
                .strip_suffix(".in")
                .and_then(|stem| self.folder.join(&format!("{stem}.txt")).ok());
            if is_named || compiled.is_some_and(|path| self.reads.contains(&path)) {
                self.reads.insert(path.clone());
            }
        }
    }
}

/// A requirements file with all that it includes.
fn included(files: &FileSet, path: &RepoPath, depth: usize, found: &mut BTreeSet<RepoPath>) {
    let Ok(text) = files.text(path) else { return };
    if depth > INCLUDES_MAX || !found.insert(path.clone()) {
        return;
    }
    for line in text.lines() {
        let line = line.trim();
        let named = ["--requirement", "--constraint", "-r", "-c"]
            .iter()
            .find_map(|option| line.strip_prefix(option));
        let named = named.map(|rest| rest.trim_start_matches('=').trim());
        let named = named.map(|rest| rest.split_once(" #").map_or(rest, |(file, _)| file).trim());
        if let Some(other) = named.and_then(|file| path.parent().join(file).ok()) {
            included(files, &other, depth + 1, found);
        }
    }
}

fn strings(list: Option<&toml::Value>) -> Vec<String> {
    let items = list.and_then(toml::Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// PEP 735: strings, and groups that are included.
fn group(groups: &toml::Table, name: &str, depth: usize, packages: &mut Vec<String>) {
    let Some(items) = groups.get(name).and_then(toml::Value::as_array) else { return };
    for item in items {
        if let Some(text) = item.as_str() {
            packages.push(text.to_owned());
        } else if let Some(other) = item.get("include-group").and_then(toml::Value::as_str)
            && depth < 8
        {
            group(groups, other, depth + 1, packages);
        }
    }
}

fn is_main(rest: &str) -> bool {
    matches!(
        rest,
        "requirements.txt"
            | "requirements/base.txt"
            | "requirements/requirements.txt"
            | "requirements/main.txt"
    )
}

/// `requirements-dev.txt`, `dev-requirements.txt`, `requirements/dev.txt`, `tests/requirements.txt`.
fn names(rest: &str, words: &[&str]) -> bool {
    let stem = rest.strip_suffix(".txt").unwrap_or(rest).to_lowercase();
    let mut parts = stem.split(['-', '_', '.', '/']).filter(|p| !p.is_empty());
    let all_known = parts.clone().all(|p| p.starts_with("requirement") || words.contains(&p));
    all_known && parts.any(|p| words.contains(&p))
}
