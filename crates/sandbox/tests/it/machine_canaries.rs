//! Credentials lie beside the toolchains of a made-up home; none is found in a real machine.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::machine_house::{House, says, variables};

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

/// A home folder below a place that is nowhere else in a machine.
fn home() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::Builder::new().prefix("hob-canaries-").tempdir_in("/var/tmp").unwrap();
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

#[tokio::test]
async fn toolchains_are_there_and_no_credential_is() {
    let (_folder, home) = home();
    let text = home.to_str().unwrap().to_owned();
    let house = House::with(|settings| {
        settings.variables = [
            ("HOME".to_owned(), text.clone()),
            ("PATH".to_owned(), format!("{text}/.cargo/bin:{text}/.local/bin:{text}/.nvm/versions/node/v20.1.0/bin:/usr/bin")),
            ("CARGO_REGISTRY_TOKEN".to_owned(), CANARY.to_owned()),
            ("NPM_TOKEN".to_owned(), CANARY.to_owned()),
        ]
        .into();
    });
    let machine = house.machine().await;
    for program in ["cargo", "node", "pyenv", "python3.12", "volta", "uv"] {
        assert_eq!(says(&*machine, program).await, "works", "{program}");
    }
    let found = format!(
        "{{ env; cat /proc/self/mountinfo; grep -rs {CANARY} {text} /home /root /tmp /etc /opt /run /var /checkout /transfer; }} | grep {CANARY} || echo none"
    );
    assert_eq!(says(&*machine, &found).await, "none");
    let shown = format!("find {text} -type f | sort");
    let shown = says(&*machine, &shown).await;
    for planted in PLANTED {
        let path = format!("{text}/{planted}");
        let there = shown.lines().any(|line| line == path);
        if there {
            assert_eq!(says(&*machine, &format!("wc -c <{path}")).await, "0", "{path}");
        }
    }
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
