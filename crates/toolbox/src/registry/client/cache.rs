//! Kept answers on disk: one folder for all processes, files whole or absent, verified when read.
//!
//! An answer is two files named by its key: `KEY.json` (where it came from, how to ask whether it still
//! holds, the digest of the body) and `KEY.body`. Each is written beside its place and renamed into it.
//! Two processes that write at once may leave a pair that does not match; the digest tells, and what does
//! not match counts as absent. A cache that cannot be written makes hob slower, never wrong.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use domain::{Digest, Timestamp};

use super::Fetched;

/// How large the folder may be when it is opened; beyond it the longest unused answers go.
const CACHE_MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// The largest file that is read back, in bytes.
const FILE_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// The layout of the files; another one lives in another folder.
const LAYOUT: &str = "v1";

/// What is known of a kept answer besides its body.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Meta {
    pub(super) url: String,
    pub(super) content_type: Option<String>,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    pub(super) confirmed_at: Timestamp,
    pub(super) body_sha256: String,
}

/// A kept answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) meta: Meta,
    pub(super) body: Bytes,
}

impl Kept {
    pub(super) fn fetched(&self) -> Fetched {
        Fetched {
            url: self.meta.url.clone(),
            content_type: self.meta.content_type.clone(),
            body: self.body.clone(),
            confirmed_at: self.meta.confirmed_at,
        }
    }
}

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Makes the folder, for its owner only (a private registry's answers may be in it), and thins it out.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let folder = folder.join(LAYOUT);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        thin_out(&folder, CACHE_MAX_BYTES)?;
        Ok(Self { folder })
    }

    /// What is kept under a key, where it is whole.
    pub(super) async fn load(&self, key: &Digest) -> Option<Kept> {
        let (meta, body) = self.files(key);
        blocking(move || {
            let meta: Meta = serde_json::from_slice(&read(&meta)?).ok()?;
            let body = Bytes::from(read(&body)?);
            (Digest::of(&body).hex() == meta.body_sha256).then_some(Kept { meta, body })
        })
        .await
        .flatten()
    }

    /// Keeps an answer.
    pub(super) async fn store(&self, key: &Digest, kept: &Kept) {
        let (meta_file, body_file) = self.files(key);
        let kept = kept.clone();
        blocking(move || {
            warn(&body_file, write(&body_file, &kept.body));
            warn(&meta_file, write(&meta_file, &json(&kept.meta)));
        })
        .await;
    }

    /// Notes that a kept answer holds as of now.
    pub(super) async fn confirm(&self, key: &Digest, meta: &Meta) {
        let (meta_file, _) = self.files(key);
        let meta = meta.clone();
        blocking(move || warn(&meta_file, write(&meta_file, &json(&meta)))).await;
    }

    /// Forgets an answer: what it told of is gone.
    pub(super) async fn forget(&self, key: &Digest) {
        let (meta, body) = self.files(key);
        blocking(move || {
            for file in [meta, body] {
                match std::fs::remove_file(&file) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    outcome => warn(&file, outcome),
                }
            }
        })
        .await;
    }

    fn files(&self, key: &Digest) -> (PathBuf, PathBuf) {
        let name = key.hex();
        (self.folder.join(format!("{name}.json")), self.folder.join(format!("{name}.body")))
    }
}

/// Runs file work where it holds nobody up; `None` only while the whole program shuts down.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn json(meta: &Meta) -> Vec<u8> {
    serde_json::to_vec(meta).expect("strings and numbers always are JSON")
}

fn read(file: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).ok()?;
    opened.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= FILE_MAX_BYTES).then_some(bytes)
}

/// No fsync: after a power loss a torn file fails its digest and is fetched again.
fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.persist(file)?;
    Ok(())
}

fn warn(file: &Path, outcome: io::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(file = %file.display(), %error, "a registry's answer could not be kept");
    }
}

/// Takes the files that were written longest ago away until the folder is at most three quarters full.
fn thin_out(folder: &Path, max_bytes: u64) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // A file that another process takes away meanwhile is no trouble.
        if let Ok(metadata) = entry.metadata() {
            files.push((metadata.mtime(), metadata.size(), entry.path()));
        }
    }
    let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
    if total <= max_bytes {
        return Ok(());
    }
    files.sort();
    for (_, size, path) in files {
        if total <= max_bytes / 4 * 3 {
            break;
        }
        if std::fs::remove_file(&path).is_ok() {
            total = total.saturating_sub(size);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(body: &'static str) -> Kept {
        let body = Bytes::from_static(body.as_bytes());
        let meta = Meta {
            url: String::new(),
            content_type: None,
            etag: None,
            last_modified: None,
            confirmed_at: Timestamp::from_millis(1),
            body_sha256: Digest::of(&body).hex(),
        };
        Kept { meta, body }
    }

    #[tokio::test]
    async fn a_body_that_was_altered_counts_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let key = Digest::of(b"key");
        cache.store(&key, &kept("whole")).await;
        assert_eq!(cache.load(&key).await, Some(kept("whole")));
        std::fs::write(cache.files(&key).1, "who").unwrap();
        assert_eq!(cache.load(&key).await, None);
    }

    #[test]
    fn a_full_folder_loses_what_was_written_longest_ago() {
        let folder = tempfile::tempdir().unwrap();
        for (name, age) in [("old", 300), ("new", 0)] {
            let file = std::fs::File::create(folder.path().join(name)).unwrap();
            file.set_len(100).unwrap();
            let written = file.metadata().unwrap().modified().unwrap();
            file.set_modified(written - std::time::Duration::from_secs(age)).unwrap();
        }
        thin_out(folder.path(), 200).unwrap();
        assert!(folder.path().join("old").exists());
        thin_out(folder.path(), 150).unwrap();
        assert!(!folder.path().join("old").exists());
        assert!(folder.path().join("new").exists());
    }
}
