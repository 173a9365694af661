//! Asks package managers and registries, on the host: with limits, and without the repository's influence.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::{Client, StatusCode};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::Surroundings;
use super::address::Address;
use crate::egress::{Limits, chain, host_client};

/// How long a package manager may take to say how it is configured.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(30);

/// The most that it may say.
const PROGRAM_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The most that a registry may answer.
const REGISTRY_MAX_BYTES: usize = 32 * 1024 * 1024;

/// How many redirects are followed.
const REDIRECTS_MAX: usize = 5;

/// The beginnings of variables that configure package managers and the version managers around them.
const OWN_VARIABLES: [&str; 13] = [
    "CARGO_",
    "RUSTUP_",
    "NPM_CONFIG_",
    "NVM_",
    "NODE_",
    "FNM_",
    "VOLTA_",
    "PIP_",
    "UV_",
    "PYENV_",
    "VIRTUAL_ENV",
    "XDG_",
    "NETRC",
];

/// What a program prints, run outside any repository with nothing of the environment but what configures it.
pub(super) async fn program(
    surroundings: &Surroundings,
    name: &str,
    arguments: &[&str],
) -> Result<String, String> {
    let own = surroundings.env.iter().filter(|(key, _)| {
        let key = key.to_ascii_uppercase();
        OWN_VARIABLES.iter().any(|own| key.starts_with(own))
    });
    let path = find(surroundings, name).ok_or_else(|| format!("`{name}` is not on the PATH"))?;
    let mut child = Command::new(path)
        .args(arguments)
        .current_dir("/")
        .env_clear()
        .envs(own)
        .env("HOME", &surroundings.home)
        .env("PATH", searched(surroundings).collect::<Vec<_>>().join(":"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("`{name}` could not be started: {error}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let talk = async { tokio::join!(said(stdout), said(stderr), child.wait()) };
    let (out, err, status) = tokio::time::timeout(PROGRAM_TIMEOUT, talk)
        .await
        .map_err(|_| format!("`{name}` took more than {} s", PROGRAM_TIMEOUT.as_secs()))?;
    let status = status.map_err(|error| format!("`{name}` could not be waited for: {error}"))?;
    if !status.success() {
        let last = err.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let last: String = last.chars().take(300).collect();
        return Err(format!("`{name}` ended with {status}: {last}"));
    }
    Ok(out)
}

/// Where a program is. The parent's own `PATH` must not decide.
fn find(surroundings: &Surroundings, name: &str) -> Option<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |path: &Path| {
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    searched(surroundings).map(|folder| Path::new(folder).join(name)).find(|path| runs(path))
}

/// The folders where programs are looked for, also by what is started: no folder of wherever the process is.
fn searched(surroundings: &Surroundings) -> impl Iterator<Item = &str> {
    surroundings.path.split(':').filter(|folder| folder.starts_with('/'))
}

async fn said(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(PROGRAM_MAX_BYTES).read_to_end(&mut bytes).await.ok();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a registry answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) is_json: bool,
    pub(super) text: String,
    /// Where the answer came from, after redirects.
    pub(super) from: Address,
}

/// Asks registries, with the host's trust anchors and proxies and for a bounded time.
pub(super) struct Asker {
    client: Client,
    timeout: Duration,
}

impl Asker {
    /// As the surroundings say.
    pub(super) fn new(surroundings: &Surroundings) -> Result<Self, String> {
        let client = host_client(&surroundings.extra_roots_pem, &Limits::default());
        let timeout = surroundings.registry_timeout;
        Ok(Self { client: client.map_err(|error| chain(&error))?, timeout })
    }

    /// Asks a registry. A credential is sent to its own origin only, redirects or not.
    pub(super) async fn registry(&self, address: &Address, accept: &str) -> Result<Answer, String> {
        let asked = tokio::time::timeout(self.timeout, follow(&self.client, address, accept));
        let late = |_| Err(format!("no answer within {} ms", self.timeout.as_millis()));
        let answer = asked.await.unwrap_or_else(late);
        answer.map_err(|reason| format!("{}: {reason}", address.base()))
    }
}

async fn follow(client: &Client, address: &Address, accept: &str) -> Result<Answer, String> {
    let mut from = address.clone();
    for _ in 0..=REDIRECTS_MAX {
        let mut request = client.get(from.url().clone()).header("accept", accept);
        if let Some(secret) = &from.authorization {
            let mut value = reqwest::header::HeaderValue::from_str(secret.reveal())
                .map_err(|_| "the credential holds characters that no field may have")?;
            value.set_sensitive(true);
            request = request.header("authorization", value);
        }
        let answer = request.send().await.map_err(|error| chain(&error.without_url()))?;
        let text = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        if let (true, Some(location)) = (answer.status().is_redirection(), text("location")) {
            from = from.join(&location)?;
            continue;
        }
        let is_json = text("content-type").is_some_and(|kind| kind.contains("json"));
        let status = answer.status();
        let mut bytes = Vec::new();
        let mut pieces = answer.bytes_stream();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece.map_err(|error| chain(&error.without_url()))?);
            if bytes.len() > REGISTRY_MAX_BYTES {
                return Err(format!("more than {REGISTRY_MAX_BYTES} bytes"));
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        return Ok(Answer { status, is_json, text, from });
    }
    Err(format!("more than {REDIRECTS_MAX} redirects"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn no_folder_of_wherever_the_process_is_is_searched() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("npm");
        std::fs::write(&program, "#!/bin/sh\necho \"$PATH\"\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let own = folder.path().to_str().unwrap();
        let surroundings = Surroundings {
            home: "/nonexistent".into(),
            path: format!(".:{own}::below/here:/bin:"),
            env: std::collections::BTreeMap::new(),
            extra_roots_pem: Vec::new(),
            registry_timeout: Duration::from_secs(1),
        };
        let said = super::program(&surroundings, "npm", &[]).await.unwrap();
        assert_eq!(said.trim_end(), format!("{own}:/bin"));
    }
}
