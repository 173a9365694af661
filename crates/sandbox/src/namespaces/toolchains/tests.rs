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
        find(&variables.map(|(name, value)| (name.to_owned(), value)).into(), &[])
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
    let shown = |folder: &str| of_opt(Path::new(folder)).to_str().unwrap().to_owned();
    assert_eq!(shown("/opt/node/bin"), "/opt/node");
    assert_eq!(shown("/opt/company/tools/node/bin"), "/opt/company/tools/node");
    assert_eq!(shown("/opt/company/scripts"), "/opt/company/scripts");
    assert_eq!(shown("/opt/bin"), "/opt/bin");
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
