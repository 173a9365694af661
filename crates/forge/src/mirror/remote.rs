//! A repository elsewhere: asked what it holds, and brought into its mirror.
//!
//! Whoever serves it is a stranger, and is told nothing of the person who runs hob: no key, no password, no
//! configuration (`docs/decisions/0006-remote-repositories.md`).

use std::collections::BTreeMap;

use domain::CommitId;

use super::lock::Lock;
use super::refresh::{self, SourceHead};
use super::{Mirror, MirrorError, Note};
use crate::git::{self, Git, Reach};
use crate::place::RemoteUrl;
use crate::view::Format;

/// What a repository elsewhere says of itself.
struct Advertised {
    /// Every branch, by its short name.
    branches: BTreeMap<String, CommitId>,
    /// What `HEAD` is; nothing where it names a branch that is not there.
    head: Option<CommitId>,
    /// The branch that `HEAD` is on.
    on: Option<String>,
}

/// Whether there is a commit to start from: of the wanted branch, else of the one that `HEAD` is on.
pub(super) async fn look(
    git: &Git,
    url: &RemoteUrl,
    branch: Option<&str>,
) -> Result<(), MirrorError> {
    let told = ask(git, url).await?;
    match branch.or(told.on.as_deref()) {
        Some(wanted) => refresh::tip(&told.branches, wanted, url.as_str()).map(drop),
        None => Ok(()),
    }
}

/// Brings all its branches and tags into the mirror.
pub(super) async fn bring(
    mirror: &Mirror,
    lock: &Lock,
    url: &RemoteUrl,
) -> Result<SourceHead, MirrorError> {
    let told = ask(&mirror.git, url).await?;
    let sha256 = told.branches.values().chain(&told.head).any(|id| id.as_str().len() == 64);
    let format = Format::plain(if sha256 { "sha256" } else { "sha1" });
    refresh::create(mirror, lock, &format).await?;
    let fetch = refresh::fetch(mirror, lock, Reach::Network)?;
    fetch
        .args(["--", url.as_str()])
        .args(refresh::refspecs(mirror, told.on.is_none() && told.head.is_some()))
        .ok()
        .await
        .map_err(|error| unreachable(&mirror.git, url, error))?;
    let notes = if url.is_protected() { Vec::new() } else { vec![Note::Unprotected] };
    Ok(SourceHead { branch: told.on, notes })
}

async fn ask(git: &Git, url: &RemoteUrl) -> Result<Advertised, MirrorError> {
    let told = git
        .call("ls-remote")
        .reach(Reach::Look)
        .args(["--symref", "--", url.as_str(), "HEAD", "refs/heads/*"])
        .ok()
        .await
        .map_err(|error| unreachable(git, url, error))?
        .text();
    let mut told = advertised(&told);
    if told.branches.is_empty() && told.head.is_none() {
        return Err(MirrorError::NoCommit {
            place: url.as_str().to_owned(),
            reason: "it is empty".into(),
            hint: "push something first".into(),
        });
    }
    if told.on.is_none() && told.head.is_none() {
        // It names a branch that is not there, and not every server says which: no branch has this name.
        told.on = Some("HEAD".to_owned());
    }
    Ok(told)
}

/// Reads what `git ls-remote --symref` writes: `<id>\t<ref>`, and `ref: <ref>\tHEAD`.
fn advertised(text: &str) -> Advertised {
    let mut found = Advertised { branches: BTreeMap::new(), head: None, on: None };
    for (what, name) in text.lines().filter_map(|line| line.split_once('\t')) {
        if let Some(target) = what.strip_prefix("ref: ") {
            if name == "HEAD" {
                found.on = target.strip_prefix("refs/heads/").map(str::to_owned);
            }
        } else if let Ok(commit) = what.parse::<CommitId>() {
            match name.strip_prefix("refs/heads/") {
                Some(branch) => drop(found.branches.insert(branch.to_owned(), commit)),
                None if name == "HEAD" => found.head = Some(commit),
                None => {}
            }
        }
    }
    found
}

/// What git's words mean for the person who named the URL.
fn unreachable(git: &Git, url: &RemoteUrl, error: git::GitError) -> MirrorError {
    let place = url.as_str().to_owned();
    let stderr = match &error {
        git::GitError::Failed { stderr, .. } => stderr,
        git::GitError::TimedOut { seconds, .. } => {
            return MirrorError::Fetch {
                place,
                reason: format!("it did not answer within {seconds} s"),
                hint: "check that `git ls-remote` reaches it from here".into(),
            };
        }
        git::GitError::Start { .. }
        | git::GitError::NotTheOwner { .. }
        | git::GitError::TooOld { .. }
        | git::GitError::TooMuchOutput { .. }
        | git::GitError::Pipe { .. } => return error.into(),
    };
    let says = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    if says(&["File too large", "signal 25", "SIGXFSZ"]) {
        return MirrorError::TooLarge { place, bytes: git.settings().fetch_max_bytes };
    }
    let hint = if says(&["Could not resolve host", "unable to look up"]) {
        "check the host's name and this machine's network"
    } else if url.is_ssh() && says(&["Permission denied", "Too many authentication failures"]) {
        "hob uses no key of yours unasked: `HOB_SSH_AUTH_SOCK=\"$SSH_AUTH_SOCK\" hob ...` lets it ask your agent; or name a clone"
    } else if says(&["Host key verification failed"]) {
        "the host is not known to this account: reach it once with `ssh`, and look at its key"
    } else if says(&[
        "Authentication failed",
        "terminal prompts disabled",
        "error: 401",
        "error: 403",
    ]) {
        "there is no such repository for everyone, and hob has no credential: clone it, and give the clone to --repo"
    } else if says(&["not found", "not exported", "does not exist", "does not appear to be"]) {
        "check the URL: there is no repository there that everyone may read"
    } else if says(&["is this a git repository", "protocol error", "bad line length"]) {
        "what answers there is no git repository: check the URL"
    } else if says(&["transport 'http' not allowed"]) {
        "use the repository's https URL"
    } else if says(&["No space left", "Disk quota"]) {
        "make space in the data folder"
    } else {
        "check that `git ls-remote` reaches it from here"
    };
    MirrorError::Fetch { place, reason: git::last_lines(stderr), hint: hint.into() }
}
