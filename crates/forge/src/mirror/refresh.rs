//! Bringing a mirror up to date, and what may be wrong with the source.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use domain::CommitId;
use tempfile::TempDir;

use super::lock::Lock;
use super::{Mirror, MirrorError, Note, Refreshed, remote};
use crate::git::{self, Reach};
use crate::place::{LocalRepository, Source};
use crate::view::{self, Format, View};

/// Where `HEAD` of the source is kept, should it be on no branch.
pub(super) const SOURCE_HEAD: &str = "refs/hob/source-head";

pub(super) async fn refresh(
    mirror: &Mirror,
    lock: &Lock,
    branch: Option<&str>,
) -> Result<Refreshed, MirrorError> {
    clear_up(mirror)?;
    let head = match &mirror.source {
        Source::Local(repository) => from_local(mirror, lock, repository).await?,
        Source::Remote(url) => remote::bring(mirror, lock, url).await?,
    };
    let branches = branches(mirror.on("for-each-ref"), mirror.branches_prefix()).await?;
    let place = mirror.source.to_string();
    let mut notes = head.notes;
    let (head, target) = match (branch, head.branch) {
        (Some(wanted), _) => (tip(&branches, wanted, &place)?, Some(wanted.to_owned())),
        (None, Some(name)) => (tip(&branches, &name, &place)?, Some(name)),
        (None, None) => {
            notes.push(Note::Detached);
            let told = mirror.on("rev-parse").args(["--verify", SOURCE_HEAD]).ok().await?.text();
            let commit = told.parse().map_err(|_| MirrorError::NoCommit {
                place: place.clone(),
                reason: "HEAD is detached and names no commit".into(),
                hint: "check out a branch, or name one with `--branch`".into(),
            })?;
            (commit, None)
        }
    };
    let shallow = mirror.shallow_file().is_some();
    if shallow {
        notes.push(Note::Shallow);
    }
    Ok(Refreshed { head, target, branches, shallow, notes })
}

/// Whether there is a commit to start from: of the wanted branch, else of the one that `HEAD` is on.
/// Nothing is fetched, and nothing is written but a view in `scratch`.
pub(super) async fn look(
    git: &git::Git,
    repository: &LocalRepository,
    branch: Option<&str>,
    scratch: &Path,
) -> Result<(), MirrorError> {
    let shown = View::open(git, repository, scratch).await?;
    let place = Source::Local(repository.clone()).to_string();
    let symbolic = shown.call(git, "symbolic-ref").args(["-q", "HEAD"]).run().await?.text();
    let on = branch.or_else(|| symbolic.strip_prefix("refs/heads/"));
    let branches = branches(shown.call(git, "for-each-ref"), "refs/heads")
        .await
        .map_err(|error| unreadable(&place, &shown.format, error))?;
    on.map_or(Ok(()), |on| tip(&branches, on, &place).map(drop))
}

/// What `HEAD` of the source says; no branch where it is detached.
pub(super) struct SourceHead {
    pub(super) branch: Option<String>,
    pub(super) notes: Vec<Note>,
}

async fn from_local(
    mirror: &Mirror,
    lock: &Lock,
    repository: &LocalRepository,
) -> Result<SourceHead, MirrorError> {
    let shown = View::open(&mirror.git, repository, &mirror.scratch()).await?;
    create(mirror, lock, &shown.format).await?;
    let place = mirror.source.to_string();
    let on_view = |subcommand| shown.call(&mirror.git, subcommand);
    let symbolic = on_view("symbolic-ref").args(["-q", "HEAD"]).run().await?.text();
    let branch = symbolic.strip_prefix("refs/heads/").map(str::to_owned);
    let known = on_view("for-each-ref").args(["--count=1", "refs/heads"]).run().await?;
    if known.code != Some(0) {
        return Err(unreadable(&place, &shown.format, known.into_error()));
    }
    if branch.is_some() && known.stdout.is_empty() {
        return Err(MirrorError::NoCommit {
            place,
            reason: "it is empty".into(),
            hint: "commit something first".into(),
        });
    }
    let mut fetch = fetch(mirror, lock, Reach::LocalRepository)?;
    if mirror.shallow_file().is_some() && !shown.shallow {
        fetch = fetch.arg("--unshallow");
    }
    if let Some(owner) = shown.owner {
        let program = &mirror.git.settings().program;
        fetch = fetch.arg(format!("--upload-pack={}", owner.upload_pack(program)));
    }
    fetch = fetch.arg("--").arg(shown.git_dir()).args(refspecs(mirror, branch.is_none()));
    fetch.ok().await.map_err(|error| unreadable(&place, &shown.format, error))?;
    let mut notes = Vec::new();
    if let Some(note) = uncommitted(mirror, repository, &shown).await? {
        notes.push(note);
    }
    Ok(SourceHead { branch, notes })
}

/// What is fetched: all branches and tags, and `HEAD` where that is on no branch.
pub(super) fn refspecs(mirror: &Mirror, detached: bool) -> Vec<String> {
    let mut specs = vec![
        format!("+refs/heads/*:{}/*", mirror.branches_prefix()),
        "+refs/tags/*:refs/tags/*".to_owned(),
    ];
    specs.extend(detached.then(|| format!("+HEAD:{SOURCE_HEAD}")));
    specs
}

pub(super) fn fetch<'a>(
    mirror: &'a Mirror,
    lock: &Lock,
    reach: Reach,
) -> Result<git::Call<'a>, MirrorError> {
    Ok(mirror
        .on("fetch")
        .reach(reach)
        .input_file(lock.file()?)
        .file_max_bytes(mirror.git.settings().fetch_max_bytes)
        .args(["--quiet", "--prune", "--no-tags", "--no-write-fetch-head"])
        .args(["--no-auto-maintenance", "--no-recurse-submodules", "--update-shallow"]))
}

/// Makes the bare repository, whole or not at all.
pub(super) async fn create(
    mirror: &Mirror,
    lock: &Lock,
    format: &Format,
) -> Result<(), MirrorError> {
    let git_dir = mirror.git_dir();
    if git_dir.exists() {
        return Ok(());
    }
    let io = |source| MirrorError::Io { action: format!("make `{}`", git_dir.display()), source };
    let fresh = TempDir::with_prefix_in("new-", mirror.scratch()).map_err(io)?;
    let call = mirror.git.on(fresh.path(), "init").input_file(lock.file()?);
    let object_format = format!("--object-format={}", format.objects);
    call.args(["--quiet", "--bare", "--template=", "--initial-branch=hob-mirror", &object_format])
        .ok()
        .await?;
    let own = Format::plain(&format.objects);
    fs::write(fresh.path().join("config"), view::config_text(&own)).map_err(io)?;
    fs::rename(fresh.keep(), &git_dir).map_err(io)
}

/// Takes away what a process left that died in the middle. The lock is ours, and no git program of an earlier
/// holder lives (each holds the lock too), so whatever lies here belongs to nobody.
fn clear_up(mirror: &Mirror) -> Result<(), MirrorError> {
    let io = |path: &Path| {
        let action = format!("clear up `{}`", path.display());
        move |source| MirrorError::Io { action, source }
    };
    let scratch = mirror.scratch();
    for entry in fs::read_dir(&scratch).map_err(io(&scratch))? {
        let path = entry.map_err(io(&scratch))?.path();
        remove(&path).map_err(io(&path))?;
    }
    let git_dir = mirror.git_dir();
    if git_dir.exists() {
        clear_locks(&git_dir, 0).map_err(io(&git_dir))?;
    }
    Ok(())
}

fn remove(path: &Path) -> std::io::Result<()> {
    let gone = if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match gone {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes `*.lock` files of refs and half-written packs.
fn clear_locks(folder: &Path, depth: usize) -> std::io::Result<()> {
    const DEPTH_MAX: usize = 64;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            let of_interest = depth > 0 || name == "refs" || name == "objects";
            let fan_out = name.len() == 2 && folder.ends_with("objects");
            if name.starts_with("tmp_objdir") {
                remove(&path)?;
            } else if of_interest && !fan_out && depth < DEPTH_MAX {
                clear_locks(&path, depth + 1)?;
            }
        } else if path.extension().is_some_and(|e| e == "lock") || name.starts_with("tmp_") {
            remove(&path)?;
        }
    }
    Ok(())
}

async fn branches(
    for_each_ref: git::Call<'_>,
    prefix: &str,
) -> Result<BTreeMap<String, CommitId>, git::GitError> {
    let listed =
        for_each_ref.args(["--format=%(objectname) %(refname)", prefix]).ok().await?.text();
    Ok(listed
        .lines()
        .filter_map(|line| {
            let (commit, name) = line.split_once(' ')?;
            let name = name.strip_prefix(prefix)?.strip_prefix('/')?;
            Some((name.to_owned(), commit.parse().ok()?))
        })
        .collect())
}

pub(super) fn tip(
    branches: &BTreeMap<String, CommitId>,
    wanted: &str,
    place: &str,
) -> Result<CommitId, MirrorError> {
    /// So many are named, the nearest first.
    const NAMED_MAX: usize = 8;
    /// So many letters may be wrong.
    const NEAR_MAX: usize = 3;
    branches.get(wanted).cloned().ok_or_else(|| {
        let mut known: Vec<(usize, &str)> = branches
            .keys()
            .map(|name| (strsim::damerau_levenshtein(wanted, name), name.as_str()))
            .collect();
        known.sort_unstable();
        let meant = known.first().filter(|(distance, _)| *distance <= NEAR_MAX);
        let meant = meant.map(|(_, name)| format!("did you mean `{name}`? ")).unwrap_or_default();
        let names: Vec<&str> = known.iter().map(|(_, name)| *name).take(NAMED_MAX).collect();
        MirrorError::NoCommit {
            place: place.to_owned(),
            reason: format!("there is no branch `{}`", wanted.escape_debug()),
            hint: if names.is_empty() {
                "commit something first".into()
            } else {
                format!("{meant}name one with `--branch`; there are {}", names.join(", "))
            },
        }
    })
}

/// Counts what the work tree holds besides commits. Only a note, so whatever cannot be told is not told.
async fn uncommitted(
    mirror: &Mirror,
    repository: &LocalRepository,
    shown: &View,
) -> Result<Option<Note>, MirrorError> {
    let Some(work_tree) = &repository.work_tree else { return Ok(None) };
    let Some(index) = shown.copy_index(&repository.git_dir)? else { return Ok(None) };
    let told = shown
        .call(&mirror.git, "status")
        .reach(Reach::Glance)
        .env("GIT_WORK_TREE", work_tree)
        .env("GIT_INDEX_FILE", index)
        .args(["--porcelain", "-z", "--no-renames", "--ignore-submodules=all"])
        .arg("--untracked-files=normal")
        .run()
        .await;
    let Ok(told) = told else { return Ok(None) };
    let entries = || told.stdout.split(|b| *b == 0).filter(|entry| !entry.is_empty());
    let untracked = entries().filter(|entry| entry.starts_with(b"??")).count();
    let changed = entries().count() - untracked;
    let clean = told.code != Some(0) || changed + untracked == 0;
    Ok((!clean).then_some(Note::Uncommitted { changed, untracked }))
}

fn unreadable(place: &str, format: &Format, error: git::GitError) -> MirrorError {
    let git::GitError::Failed { stderr, .. } = &error else { return error.into() };
    let hint = if format.partial {
        "it is a partial clone: run `git fetch --refetch --no-filter` there, or name its URL"
    } else if stderr.contains("setpriv: not found") {
        "install setpriv (util-linux), with which git reads as the repository's owner"
    } else if stderr.contains("Permission denied") {
        "give its owner leave to reach and to read all of its git folder, or this user where that is not root"
    } else if stderr.contains("No space left") {
        "make space in the data folder"
    } else {
        "run `git fsck` there: some of its objects are missing or broken"
    };
    MirrorError::Fetch {
        place: place.to_owned(),
        reason: git::last_lines(stderr),
        hint: hint.into(),
    }
}
