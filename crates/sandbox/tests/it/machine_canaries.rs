//! Credentials lie beside the toolchains of a made-up home; none is found in a real machine.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::machine_house::{House, says, sh, variables};

const CANARY: &str = "canary-8d1f0c";

const PLANTED: [&str; 30] = [
    ".cargo/config.toml",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".cargo/bin/credentials.toml",
    ".rustup/credentials.toml",
    ".rustup/toolchains/.netrc",
    ".npmrc",
    ".nvm/.npmrc",
    ".nvm/versions/.npmrc",
    ".nvm/versions/node/v20.1.0/etc/npmrc",
    ".nvm/versions/node/v20.1.0/lib/node_modules/npm/npmrc",
    ".nvm/versions/node/v20.1.0/lib/node_modules/npm/.npmrc",
    ".pypirc",
    ".netrc",
    ".pip/pip.conf",
    ".config/pip/pip.conf",
    ".config/git/config",
    ".config/uv/uv.toml",
    ".gitconfig",
    ".git-credentials",
    ".pyenv/.netrc",
    ".pyenv/.git/config",
    ".pyenv/versions/3.12.1/pip.conf",
    ".pyenv/plugins/.gitconfig",
    ".volta/.npmrc",
    ".volta/tools/image/node/20.1.0/etc/npmrc",
    ".local/share/uv/credentials/store",
    ".local/share/uv/python/.pypirc",
    ".local/bin/deploy-with-token",
    ".ssh/id_ed25519",
];

const PROGRAMS: [&str; 7] = [
    ".cargo/bin/cargo",
    ".nvm/versions/node/v20.1.0/bin/node",
    ".pyenv/bin/pyenv",
    ".pyenv/versions/3.12.1/bin/python3.12",
    ".volta/bin/volta",
    ".local/bin/uv",
    ".rustup/toolchains/stable/bin/rustc",
];

/// The folders of version managers, and the variables that name them where they are for everybody.
const ROOTS: [(&str, &str); 5] = [
    ("CARGO_HOME", ".cargo"),
    ("RUSTUP_HOME", ".rustup"),
    ("NVM_DIR", ".nvm"),
    ("PYENV_ROOT", ".pyenv"),
    ("VOLTA_HOME", ".volta"),
];

/// A home folder in a new folder of this place.
fn home(place: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::Builder::new().prefix("hob-canaries-").tempdir_in(place).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let home = folder.path().join("someone");
    for (path, text) in PLANTED
        .map(|path| (path, CANARY))
        .into_iter()
        .chain(PROGRAMS.map(|path| (path, "#!/bin/sh\necho works\n")))
    {
        let path = home.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::write(home.join(".pyenv/version"), "3.12.1").unwrap();
    (folder, home)
}

/// Where whoever runs the tests can plant: root also among the system's folders, which machines see whole.
fn places() -> Vec<&'static str> {
    let system =
        if rustix::process::geteuid().is_root() { ["/usr/local", "/opt"] } else { ["/var/tmp"; 2] };
    [["/var/tmp"].as_slice(), &system].concat()
}

/// Looks for the canary in all of a machine that is not the system's own.
async fn finds_nothing(machine: &dyn sandbox::port::Machine, folders: &str) {
    let found = format!(
        "{{ env; cat /proc/self/mountinfo; grep -rs {CANARY} {folders} /home /root /tmp /etc /opt /run /var /checkout /transfer; }} | grep {CANARY} || echo none"
    );
    assert_eq!(says(machine, &found).await, "none");
}

#[tokio::test]
async fn toolchains_are_there_and_no_credential_is() {
    for place in places() {
        let (_folder, home) = home(place);
        let text = home.to_str().unwrap().to_owned();
        // The home folder holds the data folder, as it does by default.
        std::fs::create_dir_all(home.join(".local/share/hob/keys")).unwrap();
        std::fs::write(home.join(".local/share/hob/keys/x"), CANARY).unwrap();
        std::fs::create_dir(home.join("bin")).unwrap();
        std::fs::write(home.join("bin/deploy"), CANARY).unwrap();
        let house = House::with(|settings| {
            settings.variables = [
                ("HOME".to_owned(), text.clone()),
                ("PATH".to_owned(), format!("{text}/bin:{text}/.cargo/bin:{text}/.local/bin:{text}/.nvm/versions/node/v20.1.0/bin:/usr/bin")),
                ("CARGO_REGISTRY_TOKEN".to_owned(), CANARY.to_owned()),
                ("NPM_TOKEN".to_owned(), CANARY.to_owned()),
            ]
            .into();
        });
        let machine = house.machine().await;
        for program in ["cargo", "node", "pyenv", "python3.12", "volta", "uv"] {
            assert_eq!(says(&*machine, program).await, "works", "{program} in {place}");
        }
        finds_nothing(&*machine, &text).await;
        let shown = format!("find {text} -type f | sort");
        let shown = says(&*machine, &shown).await;
        for planted in PLANTED {
            let path = format!("{text}/{planted}");
            let there = shown.lines().any(|line| line == path);
            if there {
                assert_eq!(says(&*machine, &format!("wc -c <{path}")).await, "0", "{path}");
            }
        }
        assert!(!shown.contains("/bin/deploy"), "{shown}");
        machine.close().await.unwrap();
    }
}

#[tokio::test]
async fn tools_for_everybody_are_there_and_no_credential_is() {
    for place in places() {
        let (_folder, root) = home(place);
        let text = root.to_str().unwrap().to_owned();
        let house = House::with(|settings| {
            let roots = ROOTS.map(|(name, below)| (name.to_owned(), format!("{text}/{below}")));
            settings.variables = roots.into();
            settings.variables.insert("HOME".to_owned(), "/nonexistent".to_owned());
            let path = format!("{text}/.cargo/bin:{text}/.nvm/versions/node/v20.1.0/bin:/usr/bin");
            settings.variables.insert("PATH".to_owned(), path);
        });
        let machine = house.machine().await;
        for program in ["cargo", "node", "pyenv", "python3.12", "volta"] {
            assert_eq!(says(&*machine, program).await, "works", "{program} in {place}");
        }
        let folders = ROOTS.map(|(_, below)| format!("{text}/{below}")).join(" ");
        finds_nothing(&*machine, &folders).await;
        // `/var/tmp` is the machine's own folder for what is temporary.
        let written = sh(&*machine, &format!("touch {text}/.cargo/x")).await;
        assert_eq!(written.success(), place == "/var/tmp", "{place}");
        machine.close().await.unwrap();
    }
}

#[tokio::test]
async fn credentials_are_hidden_where_no_variable_says_that_there_are_tools() {
    let place = places()[1];
    let (_folder, root) = home(place);
    let text = root.to_str().unwrap().to_owned();
    let house = House::with(|settings| {
        settings.variables = [
            ("HOME".to_owned(), "/nonexistent".to_owned()),
            ("PATH".to_owned(), format!("{text}/.cargo/bin:/usr/bin")),
        ]
        .into();
    });
    let machine = house.machine().await;
    finds_nothing(&*machine, &format!("{text}/.cargo")).await;
    machine.close().await.unwrap();
}

#[tokio::test]
async fn the_real_toolchains_of_this_host_work() {
    let house = House::new();
    let machine = house.machine().await;
    let on_host = variables()["PATH"].clone();
    for (program, arguments) in [
        ("cargo", "--version"),
        ("rustc", "--version"),
        ("node", "--version"),
        ("npm", "--version"),
        ("python3", "--version"),
        ("git", "--version"),
    ] {
        let is_here = std::env::split_paths(&on_host).any(|folder| folder.join(program).exists());
        assert!(
            is_here,
            "`{program}` is missing on this host: `scripts/test` installs what the tests need"
        );
        let said = says(&*machine, &format!("{program} {arguments}")).await;
        assert!(said.contains('.'), "{program}: {said}");
    }
    machine.close().await.unwrap();
}
