//! The folder: `objects/<sha256>` holds bytes, `entries/<key>` says which object answers a key, `drafts/` what is arriving.
//!
//! Files appear by rename, whole. Several processes may work on it: each tolerates that another has
//! removed or replaced what it looks for.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use domain::{Clock, Digest};
use sha2::Digest as _;
use tempfile::TempPath;

use super::Meta;

/// The largest description of an entry.
const ENTRY_MAX_BYTES: u64 = 16 * 1024;

/// How old a draft is that nobody writes any more.
const DRAFT_STALE: Duration = Duration::from_secs(24 * 3600);

/// The folder and its size.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    max_bytes: u64,
    clock: Arc<dyn Clock>,
    held_bytes: AtomicU64,
}

/// A file that is being filled; removed when dropped.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) file: Arc<File>,
    path: TempPath,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Entry {
    object: Digest,
    meta: Meta,
}

struct Object {
    path: PathBuf,
    used: SystemTime,
    bytes: u64,
}

impl Store {
    pub(super) fn open(folder: PathBuf, max_bytes: u64, clock: Arc<dyn Clock>) -> io::Result<Self> {
        for name in ["objects", "entries", "drafts"] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder.join(name))?;
        }
        let store = Self { folder, max_bytes, clock, held_bytes: AtomicU64::new(0) };
        store.sweep()?;
        Ok(store)
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.clock.now().as_millis())
    }

    fn object(&self, digest: &Digest) -> PathBuf {
        self.folder.join("objects").join(digest.hex())
    }

    fn entry(&self, name: &str) -> PathBuf {
        self.folder.join("entries").join(name)
    }

    /// What is kept under this name. The bytes are hashed again: what does not match its name is removed.
    pub(super) fn find(&self, name: &str) -> Option<(Meta, File)> {
        let path = self.entry(name);
        let mut text = Vec::new();
        File::open(&path).ok()?.take(ENTRY_MAX_BYTES).read_to_end(&mut text).ok()?;
        let Ok(entry) = serde_json::from_slice::<Entry>(&text) else {
            remove(&path);
            return None;
        };
        let object = self.object(&entry.object);
        let Ok(file) = File::open(&object) else {
            remove(&path);
            return None;
        };
        if hash(&file).ok() != Some((entry.object, entry.meta.length)) {
            tracing::warn!(object = %entry.object, "a kept answer is damaged and is fetched again");
            remove(&object);
            remove(&path);
            return None;
        }
        // Last use decides what goes first; a folder that cannot be touched only forgets in another order.
        file.set_modified(self.now()).ok();
        Some((entry.meta, file))
    }

    /// A file for `length` bytes, unless they are more than may be kept or there is no room on the disk.
    pub(super) fn begin(&self, length: u64) -> Option<Draft> {
        let disk = rustix::fs::statvfs(&self.folder).ok()?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        // What arrives may take half of what is free, so that a cache never fills a disk.
        if length > self.max_bytes || length > free / 2 {
            return None;
        }
        let draft = tempfile::Builder::new()
            .make_in(self.folder.join("drafts"), |path| {
                File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
            })
            .ok()?;
        let (file, path) = draft.into_parts();
        Some(Draft { file: Arc::new(file), path })
    }

    /// Keeps a draft that is whole.
    pub(super) fn keep(
        &self,
        name: &str,
        draft: Draft,
        digest: [u8; 32],
        meta: Meta,
    ) -> io::Result<()> {
        let object = Digest::from_bytes(digest);
        let length = meta.length;
        draft.path.persist(self.object(&object))?;
        let text = serde_json::to_vec(&Entry { object, meta })?;
        let entry = tempfile::NamedTempFile::new_in(self.folder.join("drafts"))?;
        fs::write(entry.path(), text)?;
        entry.persist(self.entry(name))?;
        let held = self.held_bytes.fetch_add(length, Ordering::Relaxed).saturating_add(length);
        if held > self.max_bytes { self.sweep() } else { Ok(()) }
    }

    /// Removes what was used longest ago until nine tenths of the limit are held, and what is left over.
    fn sweep(&self) -> io::Result<()> {
        let mut objects = self.objects()?;
        let mut held: u64 = objects.iter().map(|object| object.bytes).sum();
        if held > self.max_bytes {
            objects.sort_by_key(|object| object.used);
            let goal = self.max_bytes / 10 * 9;
            for object in &objects {
                if held <= goal {
                    break;
                }
                remove(&object.path);
                held -= object.bytes;
            }
            self.drop_dangling()?;
        }
        self.held_bytes.store(held, Ordering::Relaxed);
        let now = self.now();
        for draft in fs::read_dir(self.folder.join("drafts"))?.flatten() {
            let age = draft.metadata().and_then(|meta| meta.modified());
            let age = age.ok().and_then(|modified| now.duration_since(modified).ok());
            if age.is_some_and(|age| age > DRAFT_STALE) {
                remove(&draft.path());
            }
        }
        Ok(())
    }

    fn objects(&self) -> io::Result<Vec<Object>> {
        let mut objects = Vec::new();
        for found in fs::read_dir(self.folder.join("objects"))?.flatten() {
            // Another process may have removed it since.
            let Ok(meta) = found.metadata() else { continue };
            let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            objects.push(Object { path: found.path(), used, bytes: meta.len() });
        }
        Ok(objects)
    }

    /// Removes entries whose object is gone.
    fn drop_dangling(&self) -> io::Result<()> {
        for found in fs::read_dir(self.folder.join("entries"))?.flatten() {
            let text = fs::read(found.path()).unwrap_or_default();
            let object = serde_json::from_slice::<Entry>(&text).map(|entry| entry.object);
            if !object.is_ok_and(|object| self.object(&object).exists()) {
                remove(&found.path());
            }
        }
        Ok(())
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a kept answer could not be removed");
    }
}

fn hash(mut file: &File) -> io::Result<(Digest, u64)> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0_u8; 128 * 1024];
    let mut length = 0_u64;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((Digest::from_bytes(hasher.finalize().into()), length));
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        length = length.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
}
