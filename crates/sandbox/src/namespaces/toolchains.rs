//! Finds the toolchains of the host that machines are shown, and what must not be shown with them.
//!
//! They are shown where they are on the host, because they carry their own paths inside. Of a home folder
//! only named folders of known version managers are ever shown, never the home folder itself, and files
//! in which package managers keep credentials are hidden wherever they lie.

mod privacy;
mod state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::privacy::{CREDENTIAL_FOLDERS, INSTALLED_PARTS, KNOWN_LAYOUTS, Private, in_system};
pub(crate) use self::privacy::{SYSTEM, is_shared};

/// How deep below a shown folder credential files are looked for.
const SEARCH_DEPTH: usize = 8;

/// Folders of installed files, large and without anybody's settings: not looked into.
const INSTALLED: [&str; 8] =
    ["bin", "doc", "include", "lib", "lib64", "libexec", "share", "site-packages"];

/// Files in which package managers and git keep credentials.
const CREDENTIAL_FILES: [&str; 17] = [
    ".git-credentials",
    ".gitconfig",
    ".netrc",
    ".npmrc",
    ".pip.conf",
    ".pypirc",
    ".yarnrc",
    ".yarnrc.yml",
    "_netrc",
    "auth.json",
    "auth.toml",
    "credentials",
    "credentials.toml",
    "gitconfig",
    "npmrc",
    "pip.conf",
    "pip.ini",
];

/// Where npm keeps the settings that it was built with, below a prefix of node.
const NPM_BUILTIN: [&str; 2] = ["lib/node_modules/npm/npmrc", "lib/node_modules/npm/.npmrc"];

/// Where images and administrators put version managers for everybody, whether or not a variable says so.
const SYSTEM_ROOTS: [&str; 8] = [
    "/usr/local/cargo",
    "/usr/local/rustup",
    "/usr/local/nvm",
    "/usr/local/pyenv",
    "/usr/local/volta",
    "/usr/local/fnm",
    "/usr/share/cargo",
    "/usr/share/nvm",
];

/// Where cargo keeps settings, tokens among them, below its home.
const CARGO_SETTINGS: [&str; 4] = ["config", "config.toml", "credentials", "credentials.toml"];

/// Where the packages of linuxbrew lie.
const LINUXBREW: &str = "/home/linuxbrew/.linuxbrew";

/// Programs that people keep among their own in `~/.local/bin`.
const SINGLE_PROGRAMS: [&str; 2] = ["uv", "uvx"];

/// Search path of the system folders, last.
const SYSTEM_PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Toolchains {
    /// Folders and files that are shown, read-only.
    pub shown: Vec<PathBuf>,
    /// Files and folders below them that are hidden.
    pub hidden: Vec<PathBuf>,
    /// Folders of the system of which only what is in `shown` is shown.
    pub covered: Vec<PathBuf>,
    /// Folders that were to be shown and are not, because they would uncover the home folder or the data folder.
    pub refused: Vec<PathBuf>,
    /// The machine's search path.
    pub path: Vec<PathBuf>,
    /// Variables that the toolchains need.
    pub env: Vec<(String, String)>,
}

/// What is known of the host.
struct Host<'h> {
    variables: &'h BTreeMap<String, String>,
    home: Option<PathBuf>,
    search: Vec<PathBuf>,
    private: Private,
    found: Toolchains,
}

/// Looks for toolchains by the host's variables (`PATH`, `HOME`, `RUSTUP_HOME`, ...), which are given, not
/// read; `more` names other folders to show, and `data` is hob's own folder, of which nothing is ever shown.
pub fn find(variables: &BTreeMap<String, String>, more: &[PathBuf], data: &Path) -> Toolchains {
    let folder = |name: &str| variables.get(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let search = variables.get("PATH").map_or(Vec::new(), |path| {
        std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect()
    });
    let home = folder("HOME");
    let private = Private::new(home.as_deref(), data);
    let mut host = Host { variables, home, search, private, found: Toolchains::default() };
    host.pyenv();
    host.rustup();
    host.node();
    host.uv();
    host.others();
    for folder in more.iter().filter(|folder| folder.exists()) {
        host.show_other(folder.clone());
    }
    host.cover_private(data);
    host.settle();
    host.hide_credentials();
    host.found.path.extend(SYSTEM_PATH.map(PathBuf::from));
    let mut seen = std::collections::HashSet::new();
    host.found.path.retain(|folder| seen.insert(folder.clone()));
    host.found
}

impl Host<'_> {
    /// The folder a variable names, or else one below the home folder.
    fn root(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let named = self.variables.get(variable).map(PathBuf::from).filter(|p| p.is_absolute());
        let root = named.or_else(|| Some(self.home.as_ref()?.join(below_home)))?;
        root.is_dir().then_some(root)
    }

    /// A version manager's folder that lies among the system's would be seen whole: only what is shown of it stays.
    fn root_of(&mut self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let root = self.root(variable, below_home)?;
        if let Some(real) = in_system(&root) {
            self.cover(real);
        }
        Some(root)
    }

    fn cover(&mut self, folder: PathBuf) {
        if !is_shared(&folder) && !self.found.covered.contains(&folder) {
            self.found.covered.push(folder);
        }
    }

    /// Shows a known folder of a version manager, which may lie in the home folder.
    fn show(&mut self, path: PathBuf) {
        if !path.exists() || self.found.shown.iter().any(|shown| path.starts_with(shown)) {
            return;
        }
        if self.private.uncovered_by(&path) {
            self.found.refused.push(path);
        } else {
            self.found.shown.push(path);
        }
    }

    /// Shows anything else, of which nothing may lie in the home folder.
    fn show_other(&mut self, path: PathBuf) {
        let is_new = path.exists() && !self.found.shown.iter().any(|s| path.starts_with(s));
        if is_new && self.private.is_at_home(&path) {
            self.found.refused.push(path);
        } else {
            self.show(path);
        }
    }

    /// Shows the programs of what is installed in a folder of its own, and what they load.
    fn show_installed(&mut self, root: &Path) {
        let known = KNOWN_LAYOUTS.iter().filter(|(mark, _)| root.join(mark).exists());
        let parts = INSTALLED_PARTS.iter().chain(known.flat_map(|(_, parts)| *parts));
        parts.for_each(|part| self.show_other(root.join(part)));
    }

    fn search_in(&mut self, folder: PathBuf) {
        if folder.is_dir() {
            self.found.path.push(folder);
        }
    }

    fn set(&mut self, name: &str, value: &Path) {
        if let Some(value) = value.to_str() {
            self.found.env.push((name.to_owned(), value.to_owned()));
        }
    }

    fn rustup(&mut self) {
        if let Some(home) = self.root_of("RUSTUP_HOME", ".rustup") {
            self.show(home.join("toolchains"));
            self.show(home.join("settings.toml"));
            self.set("RUSTUP_HOME", &home);
            self.found.env.push(("RUSTUP_AUTO_INSTALL".to_owned(), "0".to_owned()));
        }
        if let Some(home) = self.root_of("CARGO_HOME", ".cargo") {
            self.show(home.join("bin"));
            self.search_in(home.join("bin"));
        }
    }

    fn pyenv(&mut self) {
        let Some(root) = self.root_of("PYENV_ROOT", ".pyenv") else { return };
        for part in ["bin", "libexec", "plugins", "pyenv.d", "shims", "version"] {
            self.show(root.join(part));
        }
        self.show(root.join("versions"));
        // The versions themselves come before the shims, which would write to the folder.
        let chosen = std::fs::read_to_string(root.join("version")).unwrap_or_default();
        for version in chosen.split_whitespace().filter(|version| is_plain(version)) {
            self.search_in(root.join("versions").join(version).join("bin"));
        }
        self.search_in(root.join("shims"));
        self.search_in(root.join("bin"));
        self.set("PYENV_ROOT", &root);
    }

    fn node(&mut self) {
        if let Some(root) = self.root_of("VOLTA_HOME", ".volta") {
            self.show(root.join("bin"));
            self.show(root.join("tools"));
            self.search_in(root.join("bin"));
            self.set("VOLTA_HOME", &root);
        }
        let nvm = self.root_of("NVM_DIR", ".nvm").map(|root| root.join("versions"));
        let fnm =
            self.root_of("FNM_DIR", ".local/share/fnm").map(|root| root.join("node-versions"));
        for versions in [nvm, fnm].into_iter().flatten() {
            if !versions.is_dir() {
                continue;
            }
            let chosen: Vec<PathBuf> = self
                .search
                .iter()
                .filter_map(|folder| folder.canonicalize().ok())
                .filter(|folder| versions.canonicalize().is_ok_and(|v| folder.starts_with(v)))
                .collect();
            let newest = newest_node(&versions);
            self.show(versions);
            let none_elsewhere = !self.search.iter().any(|folder| folder.join("node").is_file());
            if chosen.is_empty() && none_elsewhere {
                self.found.path.extend(newest);
            }
            self.found.path.extend(chosen);
        }
    }

    fn uv(&mut self) {
        if let Some(pythons) = self.root_of("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python") {
            self.show(pythons.clone());
            self.set("UV_PYTHON_INSTALL_DIR", &pythons);
        }
        let Some(home) = self.home.clone() else { return };
        let folders = self.search.clone().into_iter().chain([home.join(".local/bin")]);
        for folder in folders.filter(|folder| folder.starts_with(&home)) {
            let programs = SINGLE_PROGRAMS.map(|name| folder.join(name));
            let programs: Vec<_> = programs.into_iter().filter(|path| path.is_file()).collect();
            if !programs.is_empty() {
                self.found.path.push(folder);
            }
            programs.into_iter().for_each(|program| self.show(program));
        }
    }

    /// Folders of the search path outside the home folder and the system.
    fn others(&mut self) {
        for folder in self.search.clone() {
            let parts: Vec<_> = folder.iter().collect();
            match parts.get(1).and_then(|part| part.to_str()) {
                Some("opt") if parts.len() > 2 => match installed_at(&folder) {
                    Some(root) => self.show_installed(root),
                    None => {
                        self.show_other(folder.clone());
                        let kept_beside = ["etc", "var"].map(|name| folder.join(name)).into_iter();
                        self.found.hidden.extend(kept_beside.filter(|beside| beside.is_dir()));
                    }
                },
                Some("nix") => self.show_other(PathBuf::from("/nix/store")),
                Some("home") if folder.starts_with(LINUXBREW) => {
                    self.show_installed(Path::new(LINUXBREW));
                }
                _ => continue,
            }
            if self.found.shown.iter().any(|shown| folder.starts_with(shown)) {
                self.search_in(folder);
            }
        }
    }

    /// Covers what is private and lies among the system's folders.
    fn cover_private(&mut self, data: &Path) {
        let home = self.home.clone();
        for real in [home.as_deref(), Some(data)].into_iter().flatten().filter_map(in_system) {
            if is_shared(&real) {
                self.hide_dotted(&real);
            } else {
                self.cover(real);
            }
        }
    }

    /// Leaves out what lies in something that is covered or shown already.
    fn settle(&mut self) {
        let Toolchains { shown, covered, .. } = &mut self.found;
        covered.sort();
        covered.dedup_by(|inner, outer| inner.starts_with(outer));
        shown.retain(|shown| {
            in_system(shown)
                .is_none_or(|real| covered.iter().any(|folder| real.starts_with(folder)))
        });
    }

    /// Hides what people keep in a home folder that is also a folder of the system (`/usr/sbin` of the user `daemon`).
    fn hide_dotted(&mut self, folder: &Path) {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"."))
        {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.cover(entry.path()),
                Ok(kind) if kind.is_file() => self.found.hidden.push(entry.path()),
                _ => {}
            }
        }
    }

    /// Folders of the system in which somebody's tools lie that are not covered.
    fn system_roots(&self) -> Vec<PathBuf> {
        let named = ["RUSTUP_HOME", "CARGO_HOME", "PYENV_ROOT", "VOLTA_HOME", "NVM_DIR", "FNM_DIR"];
        let named = named.iter().filter_map(|name| self.variables.get(*name)).map(PathBuf::from);
        let searched = self.search.iter().filter_map(|folder| {
            let real = in_system(folder)?;
            Some(real.parent()?.to_owned()).filter(|root| !is_shared(root))
        });
        let known = SYSTEM_ROOTS.into_iter().map(PathBuf::from);
        let mut roots: Vec<_> =
            named.chain(known).filter_map(|root| in_system(&root)).chain(searched).collect();
        roots.retain(|root| root.is_dir() && !self.found.covered.contains(root));
        roots.sort();
        roots.dedup();
        roots
    }

    /// Hides the credentials in folders of the system that cannot be covered, because their layout is not known.
    fn hide_in_system(&mut self, links: &mut Vec<PathBuf>) {
        for root in self.system_roots() {
            look_for_credentials(&root, SEARCH_DEPTH, &mut self.found.hidden, links);
            look_for_credentials(&root.join("bin"), 1, &mut self.found.hidden, links);
            let settings = CARGO_SETTINGS.map(|name| root.join(name)).into_iter();
            let new = settings.filter(|path| path.is_file() && !self.found.hidden.contains(path));
            let new: Vec<_> = new.collect();
            self.found.hidden.extend(new);
        }
    }

    fn hide_credentials(&mut self) {
        let mut links = Vec::new();
        for shown in self.found.shown.clone() {
            look_for_credentials(&shown, SEARCH_DEPTH, &mut self.found.hidden, &mut links);
        }
        self.hide_in_system(&mut links);
        // What a link leads to may lie in a shown folder under a name that says nothing.
        for target in links.iter().filter_map(|link| link.canonicalize().ok()) {
            let is_shown = self.found.shown.iter().any(|shown| target.starts_with(shown))
                || in_system(&target).is_some();
            if is_shown && target.is_file() && !self.found.hidden.contains(&target) {
                self.found.hidden.push(target);
            }
        }
        let prefixes = ["/usr", "/usr/local"].map(PathBuf::from);
        for prefix in &prefixes {
            let names = ["pip.conf", "etc/npmrc", "etc/pip.conf", "etc/gitconfig"];
            let places = names.into_iter().chain(NPM_BUILTIN).map(|name| prefix.join(name));
            // Whole folders of settings are hidden by the view; these lie outside them.
            let is_hidden_already = |path: &PathBuf| path.starts_with(prefix.join("etc"));
            self.found
                .hidden
                .extend(places.filter(|path| path.is_file() && !is_hidden_already(path)));
        }
    }
}

/// Where what a folder of the search path below `/opt` belongs to is installed: `/opt/tools/node` for
/// `/opt/tools/node/bin`, and never `/opt` itself.
fn installed_at(folder: &Path) -> Option<&Path> {
    let is_bin = folder.file_name().is_some_and(|name| name == "bin" || name == "sbin");
    folder.parent().filter(|parent| is_bin && *parent != Path::new("/opt"))
}

/// Whether a version's name is a plain one and not a path.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains('/')
}

/// The `bin` folder of the newest node below a folder of versions, nested as nvm or fnm do.
fn newest_node(versions: &Path) -> Option<PathBuf> {
    let folders = |path: &Path| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let number = |path: &Path| {
        let name = path.file_name()?.to_str()?.strip_prefix('v')?;
        name.split('.').map(|n| n.parse::<u64>().ok()).collect::<Option<Vec<_>>>()
    };
    let nested = folders(&versions.join("node"));
    let all = folders(versions).into_iter().chain(nested);
    let newest = all.filter_map(|path| Some((number(&path)?, path))).max()?.1;
    let bins = [newest.join("bin"), newest.join("installation/bin")];
    bins.into_iter().find(|bin| bin.join("node").exists())
}

fn look_for_credentials(
    folder: &Path,
    depth: usize,
    hidden: &mut Vec<PathBuf>,
    links: &mut Vec<PathBuf>,
) {
    for builtin in NPM_BUILTIN {
        let path = folder.join(builtin);
        if path.is_file() && !hidden.contains(&path) {
            hidden.push(path);
        }
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        let is_credential = CREDENTIAL_FILES.iter().any(|known| name == *known);
        if kind.is_file() && is_credential && !hidden.contains(&entry.path()) {
            hidden.push(entry.path());
        } else if kind.is_symlink() && is_credential {
            links.push(entry.path());
        } else if kind.is_dir() && CREDENTIAL_FOLDERS.iter().any(|known| name == *known) {
            hidden.push(entry.path());
        } else if kind.is_dir() && depth > 1 && !INSTALLED.iter().any(|known| name == *known) {
            look_for_credentials(&entry.path(), depth - 1, hidden, links);
        }
    }
}

#[cfg(test)]
mod tests;
