//! Finds the toolchains of the host that machines are shown, and what must not be shown with them.
//!
//! They are shown where they are on the host, because they carry their own paths inside. Of a home folder
//! only named folders of known version managers are ever shown, never the home folder itself, and files
//! in which package managers keep credentials are hidden wherever they lie.

mod state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
    /// Files below them that are hidden.
    pub hidden: Vec<PathBuf>,
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
    found: Toolchains,
}

/// Looks for toolchains by the host's variables (`PATH`, `HOME`, `RUSTUP_HOME`, ...), which are given, not
/// read; `more` names other folders to show.
pub fn find(variables: &BTreeMap<String, String>, more: &[PathBuf]) -> Toolchains {
    let folder = |name: &str| variables.get(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let search = variables.get("PATH").map_or(Vec::new(), |path| {
        std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect()
    });
    let mut host = Host { variables, home: folder("HOME"), search, found: Toolchains::default() };
    host.pyenv();
    host.rustup();
    host.node();
    host.uv();
    host.others();
    for folder in more.iter().filter(|folder| folder.exists()) {
        host.show(folder.clone());
    }
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

    fn show(&mut self, path: PathBuf) {
        if path.exists() && !self.found.shown.iter().any(|shown| path.starts_with(shown)) {
            self.found.shown.push(path);
        }
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
        if let Some(home) = self.root("RUSTUP_HOME", ".rustup") {
            self.show(home.join("toolchains"));
            self.show(home.join("settings.toml"));
            self.set("RUSTUP_HOME", &home);
            self.found.env.push(("RUSTUP_AUTO_INSTALL".to_owned(), "0".to_owned()));
        }
        if let Some(home) = self.root("CARGO_HOME", ".cargo") {
            self.show(home.join("bin"));
            self.search_in(home.join("bin"));
        }
    }

    fn pyenv(&mut self) {
        let Some(root) = self.root("PYENV_ROOT", ".pyenv") else { return };
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
        if let Some(root) = self.root("VOLTA_HOME", ".volta") {
            self.show(root.join("bin"));
            self.show(root.join("tools"));
            self.search_in(root.join("bin"));
            self.set("VOLTA_HOME", &root);
        }
        let nvm = self.root("NVM_DIR", ".nvm").map(|root| root.join("versions"));
        let fnm = self.root("FNM_DIR", ".local/share/fnm").map(|root| root.join("node-versions"));
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
        if let Some(pythons) = self.root("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python") {
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
            let shown = match parts.get(1).and_then(|part| part.to_str()) {
                Some("opt") if parts.len() > 2 => of_opt(&folder),
                Some("nix") => PathBuf::from("/nix/store"),
                Some("home") if folder.starts_with("/home/linuxbrew/.linuxbrew") => {
                    PathBuf::from("/home/linuxbrew/.linuxbrew")
                }
                _ => continue,
            };
            self.show(shown);
            self.search_in(folder);
        }
    }

    fn hide_credentials(&mut self) {
        let mut links = Vec::new();
        for shown in self.found.shown.clone() {
            look_for_credentials(&shown, SEARCH_DEPTH, &mut self.found.hidden, &mut links);
        }
        // What a link leads to may lie in a shown folder under a name that says nothing.
        for target in links.iter().filter_map(|link| link.canonicalize().ok()) {
            let is_shown = self.found.shown.iter().any(|shown| target.starts_with(shown));
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

/// What is shown for a folder of the search path below `/opt`: `/opt/tools/node` for `/opt/tools/node/bin`, and
/// never more than that, because other things are installed beside it.
fn of_opt(folder: &Path) -> PathBuf {
    let is_bin = folder.file_name().is_some_and(|name| name == "bin" || name == "sbin");
    let installed = folder.parent().filter(|parent| is_bin && *parent != Path::new("/opt"));
    installed.unwrap_or(folder).to_owned()
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
        } else if kind.is_dir() && depth > 1 && !INSTALLED.iter().any(|known| name == *known) {
            look_for_credentials(&entry.path(), depth - 1, hidden, links);
        }
    }
}

#[cfg(test)]
mod tests;
