//! Toolchains are found in made-up homes, their credentials never shown.

use super::*;

struct Home(tempfile::TempDir);

impl Home {
    fn new(files: &[&str]) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        for file in files {
            let path = home.path(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.replace("version", "3.12.1")).unwrap();
        }
        home
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(below)
    }

    fn find(&self, search: &[&str]) -> Toolchains {
        let path = std::env::join_paths(search.iter().map(|folder| self.path(folder))).unwrap();
        let home = self.path("").to_str().unwrap().trim_end_matches('/').to_owned();
        let variables = [("HOME", home), ("PATH", path.into_string().unwrap())];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        find(&variables, &[], &self.data())
    }

    fn data(&self) -> PathBuf {
        self.path(".local/share/hob")
    }

    /// With other variables, and with `more` to show.
    fn find_more(&self, variables: &[(&str, &str)], more: &[&str]) -> Toolchains {
        let home = ("HOME".to_owned(), self.path("someone").to_str().unwrap().to_owned());
        let named = variables.iter().map(|(name, below)| {
            (
                (*name).to_owned(),
                self.path(below).to_str().unwrap().trim_end_matches('/').to_owned(),
            )
        });
        let more: Vec<PathBuf> = more.iter().map(|below| self.path(below)).collect();
        find(&named.chain([home]).collect(), &more, &self.path("data"))
    }

    fn shown(&self, found: &Toolchains) -> Vec<String> {
        let home = self.path("");
        let below = |path: &PathBuf| Some(path.strip_prefix(&home).ok()?.to_str()?.to_owned());
        found.shown.iter().filter_map(below).collect()
    }
}

#[test]
fn a_home_folder_is_never_shown_itself() {
    let home = Home::new(&[".cargo/bin/cargo", ".local/bin/uv", ".local/bin/my-secrets", "bin/x"]);
    let found = home.find(&[".cargo/bin", ".local/bin", "bin"]);
    assert_eq!(home.shown(&found), [".cargo/bin", ".local/bin/uv"]);
}

#[test]
fn credentials_beside_and_below_toolchains_are_hidden() {
    let home = Home::new(&[
        ".cargo/credentials.toml",
        ".cargo/bin/credentials.toml",
        ".rustup/toolchains/stable/bin/rustc",
        ".rustup/toolchains/.netrc",
        ".nvm/.npmrc",
        ".nvm/versions/node/v20.1.0/bin/node",
        ".nvm/versions/node/v20.1.0/etc/npmrc",
        ".nvm/versions/node/v20.1.0/lib/node_modules/npm/npmrc",
        ".pyenv/.pypirc",
        ".pyenv/versions/3.12.1/pip.conf",
        ".pyenv/versions/3.12.1/bin/python3",
        ".pyenv/version",
    ]);
    let found = home.find(&[]);
    let is_shown = |file: &str| {
        let path = home.path(file);
        found.shown.iter().any(|shown| path.starts_with(shown)) && !found.hidden.contains(&path)
    };
    for file in [
        ".cargo/credentials.toml",
        ".cargo/bin/credentials.toml",
        ".rustup/toolchains/.netrc",
        ".nvm/.npmrc",
        ".nvm/versions/node/v20.1.0/etc/npmrc",
        ".nvm/versions/node/v20.1.0/lib/node_modules/npm/npmrc",
        ".pyenv/.pypirc",
        ".pyenv/versions/3.12.1/pip.conf",
    ] {
        assert!(!is_shown(file), "{file}");
    }
    assert!(is_shown(".rustup/toolchains/stable/bin/rustc"));
    assert!(is_shown(".nvm/versions/node/v20.1.0/bin/node"));
    assert!(is_shown(".pyenv/versions/3.12.1/bin/python3"));
}

#[test]
fn what_a_credentials_link_leads_to_is_hidden_too() {
    let home = Home::new(&[".nvm/versions/node/v20.1.0/bin/node", ".nvm/versions/settings/plain"]);
    let link = home.path(".nvm/versions/node/v20.1.0/.npmrc");
    std::os::unix::fs::symlink(home.path(".nvm/versions/settings/plain"), link).unwrap();
    let found = home.find(&[]);
    assert_eq!(home.shown(&found), [".nvm/versions"]);
    assert!(found.hidden.contains(&home.path(".nvm/versions/settings/plain")), "{found:?}");
}

#[test]
fn of_opt_only_the_toolchain_itself_is_shown() {
    let at = |folder: &'static str| installed_at(Path::new(folder)).and_then(Path::to_str);
    assert_eq!(at("/opt/node/bin"), Some("/opt/node"));
    assert_eq!(at("/opt/company/tools/node/bin"), Some("/opt/company/tools/node"));
    assert_eq!(at("/opt/company/scripts"), None);
    assert_eq!(at("/opt/bin"), None);
}

#[test]
fn what_would_uncover_the_home_or_data_folder_is_refused() {
    let home = Home::new(&[
        "someone/.ssh/id",
        "someone/tools/run",
        "data/keys/x",
        "data/tools/toolchains/stable/bin/rustc",
        "beside/tool",
    ]);
    std::os::unix::fs::symlink(home.path("someone"), home.path("link")).unwrap();
    let more =
        ["", "someone", "someone/tools", "data", "data/tools", "link", "link/tools", "beside"];
    let found = home.find_more(&[], &more);
    assert_eq!(home.shown(&found), ["beside"]);
    assert_eq!(found.refused.len(), more.len() - 1, "{:?}", found.refused);
    for root in ["someone", "", "data", "link", "data/tools"] {
        let found = home.find_more(&[("UV_PYTHON_INSTALL_DIR", root), ("RUSTUP_HOME", root)], &[]);
        assert_eq!(home.shown(&found), Vec::<String>::new(), "{root}");
    }
}

#[test]
fn a_home_folder_that_is_a_link_hides_what_it_leads_to() {
    let home = Home::new(&["real/.ssh/id", "real/.cargo/bin/cargo"]);
    std::os::unix::fs::symlink(home.path("real"), home.path("someone")).unwrap();
    let found = home.find_more(&[], &["real", "real/.ssh"]);
    assert_eq!(home.shown(&found), ["someone/.cargo/bin"]);
}

#[test]
fn of_what_is_installed_only_programs_and_what_they_load_are_shown() {
    let home = Home::new(&["tool/bin/x", "tool/lib/x", "tool/etc/x", "tool/var/x", "tool/.ssh/x"]);
    let variables = BTreeMap::new();
    let private = Private::new(None, &home.data());
    let found = Toolchains::default();
    let mut host = Host { variables: &variables, home: None, search: vec![], private, found };
    host.show_installed(&home.path("tool"));
    assert_eq!(home.shown(&host.found), ["tool/bin", "tool/lib"]);
}

#[test]
fn folders_of_credentials_are_hidden_wherever_they_lie() {
    let home = Home::new(&["beside/a/.ssh/id", "beside/.aws/credentials", "beside/bin/x"]);
    let found = home.find_more(&[], &["beside"]);
    let mut hidden = found.hidden;
    hidden.retain(|path| path.starts_with(home.path("")));
    hidden.sort();
    assert_eq!(hidden, [home.path("beside/.aws"), home.path("beside/a/.ssh")]);
}

#[test]
fn what_is_shared_on_the_system_is_never_covered() {
    for folder in ["/", "/usr", "/usr/local", "/usr/bin", "/usr/local/lib", "/bin", "/lib"] {
        assert!(is_shared(Path::new(folder)), "{folder}");
    }
    for folder in ["/usr/local/cargo", "/usr/share/nvm", "/opt", "/home", "/srv/hob"] {
        assert!(!is_shared(Path::new(folder)), "{folder}");
    }
    let variables = ["CARGO_HOME", "VOLTA_HOME", "PYENV_ROOT", "HOME"]
        .map(|name| (name.to_owned(), "/usr/local".to_owned()));
    let found = find(&variables.into(), &[], Path::new("/nonexistent"));
    assert_eq!(found.covered, Vec::<PathBuf>::new());
}

#[test]
fn the_chosen_python_comes_before_the_shims() {
    let home = Home::new(&[
        ".pyenv/shims/python3",
        ".pyenv/versions/.pyenv/3.12.1/bin/python3",
        ".pyenv/versions/3.12.1/bin/python3",
    ]);
    std::fs::write(home.path(".pyenv/version"), "3.12.1\n").unwrap();
    let found = home.find(&[]);
    let expected = [home.path(".pyenv/versions/3.12.1/bin"), home.path(".pyenv/shims")];
    assert_eq!(&found.path[..2], expected);
}

#[test]
fn the_newest_node_is_taken_by_number_where_none_was_chosen() {
    let home =
        Home::new(&[".nvm/versions/node/v9.11.0/bin/node", ".nvm/versions/node/v20.1.0/bin/node"]);
    let found = home.find(&[]);
    assert_eq!(found.path[0], home.path(".nvm/versions/node/v20.1.0/bin"));
}

#[test]
fn another_compiler_in_the_same_place_is_another_state() {
    let home = Home::new(&[".rustup/toolchains/stable/bin/rustc", ".cargo/bin/cargo"]);
    let state = || home.find(&[".cargo/bin"]).state();
    let first = state();
    assert_eq!(first, state());
    std::fs::write(home.path(".rustup/toolchains/stable/bin/rustc"), "a newer one").unwrap();
    let second = state();
    assert_ne!(first, second);
    std::fs::write(home.path(".cargo/bin/cargo-nextest"), "one more").unwrap();
    assert_ne!(second, state());
}
