//! What mirrors keep of runs, and forgetting it: the commits of their attempts, and their fences.
//!
//! A run that is over has its fence closed, so that no action of it that comes back late does anything any more; the
//! fence itself goes when nobody can come back.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use domain::RunId;

use super::lock::Lock;
use super::{ATTEMPTS, MirrorError, Mirrors};
use crate::fence;

/// What one mirror keeps of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The mirror's folder.
    pub folder: PathBuf,
    /// Runs that may still act, as far as the mirror knows, and whose attempts it may hold.
    pub open: BTreeSet<RunId>,
    /// Runs that were forgotten but for their closed fence.
    pub closed: BTreeSet<RunId>,
}

impl Mirrors {
    /// What each mirror keeps of runs. Reads a small file for each run.
    pub fn kept(&self) -> Result<Vec<Kept>, MirrorError> {
        let io = |path: &Path| {
            let action = format!("look into the mirror folder `{}`", path.display());
            move |source| MirrorError::Io { action, source }
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(io(&self.folder))? {
            let folder = entry.map_err(io(&self.folder))?.path();
            let kept = kept(folder.clone()).map_err(io(&folder))?;
            found.extend(kept.filter(|kept| !kept.open.is_empty() || !kept.closed.is_empty()));
        }
        Ok(found)
    }

    /// Forgets what the mirror in `folder` keeps of runs that are over: of those in `close` the attempts' commits,
    /// whatever they still try is refused from here on; of those in `bury` the fence too. Says `false`, and does
    /// nothing, where somebody else is at work in the mirror.
    pub async fn forget(
        &self,
        folder: &Path,
        close: &BTreeSet<RunId>,
        bury: &BTreeSet<RunId>,
    ) -> Result<bool, MirrorError> {
        let Some(lock) = Lock::try_take(&folder.join("lock"))? else { return Ok(false) };
        self.forget_attempts(folder, &lock, close).await?;
        let io = |source| MirrorError::Io {
            action: format!("forget runs in `{}`", folder.display()),
            source,
        };
        let fences = folder.join("fences");
        for run in close {
            fence::close(&fences, *run).map_err(io)?;
        }
        for run in bury {
            match fs::remove_file(fences.join(run.to_string())) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(error)),
                _ => {}
            }
        }
        Ok(true)
    }

    async fn forget_attempts(
        &self,
        folder: &Path,
        lock: &Lock,
        runs: &BTreeSet<RunId>,
    ) -> Result<(), MirrorError> {
        let git_dir = folder.join("git");
        if runs.is_empty() || !git_dir.exists() {
            return Ok(());
        }
        let listing = self.git.on(&git_dir, "for-each-ref").args(["--format=%(refname)", ATTEMPTS]);
        for name in listing.ok().await?.text().lines() {
            let run = name.strip_prefix(ATTEMPTS).and_then(|rest| rest.strip_prefix('/'));
            let run = run.and_then(|rest| rest.split('/').next()?.parse::<RunId>().ok());
            if run.is_some_and(|run| runs.contains(&run)) {
                let call = self.git.on(&git_dir, "update-ref").args(["-d", name]);
                call.input_file(lock.file()?).ok().await?;
            }
        }
        Ok(())
    }
}

/// What the mirror in a folder keeps; nothing where there is none.
fn kept(folder: PathBuf) -> io::Result<Option<Kept>> {
    let mut kept = Kept { folder, open: BTreeSet::new(), closed: BTreeSet::new() };
    let entries = match fs::read_dir(kept.folder.join("fences")) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // Other files are half-written fences, gone at the next instant.
        let Some(run) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match fence::is_closed(&entry.path()) {
            Ok(true) => drop(kept.closed.insert(run)),
            Ok(false) => drop(kept.open.insert(run)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(kept))
}
