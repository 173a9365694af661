//! Where images lie, and how they get there: whole or not at all.
//!
//! ```text
//!   images/lock            held by whoever makes or removes something
//!   images/making/...      half-made; whoever gets the lock removes what others have left
//!   images/roots/sha256-…  one artefact, named after its content, never changed
//!   images/kernels/…  images/layers/…
//!   images/names/NAME      the digest of the root of that name
//! ```

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use domain::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{ImageError, io};

/// The file of each artefact that says what it is.
const ABOUT: &str = "about.json";

/// What kind of artefact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shelf {
    Roots,
    Kernels,
    Layers,
}

impl Shelf {
    const ALL: [Self; 3] = [Self::Roots, Self::Kernels, Self::Layers];

    const fn folder(self) -> &'static str {
        match self {
            Self::Roots => "roots",
            Self::Kernels => "kernels",
            Self::Layers => "layers",
        }
    }
}

/// The folder of all images.
#[derive(Debug, Clone)]
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens it below the state folder, and makes it where it is missing.
    pub(super) fn open(state_dir: &Path) -> Result<Self, ImageError> {
        let folder = state_dir.join("images");
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o755);
        for below in Shelf::ALL.map(Shelf::folder).into_iter().chain(["making", "names"]) {
            let below = folder.join(below);
            builder.create(&below).map_err(io("making", &below))?;
        }
        Ok(Self { folder })
    }

    /// The folder of one artefact.
    pub(super) fn place(&self, shelf: Shelf, digest: Digest) -> PathBuf {
        self.folder.join(shelf.folder()).join(format!("sha256-{}", digest.hex()))
    }

    /// The digests on a shelf, in their order.
    pub(super) fn digests(&self, shelf: Shelf) -> Result<Vec<Digest>, ImageError> {
        let mut found: Vec<_> = names(&self.folder.join(shelf.folder()))?
            .iter()
            .filter_map(|name| name.replacen("sha256-", "sha256:", 1).parse().ok())
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    /// What an artefact says of itself; nothing where it is not there.
    pub(super) fn about<T: DeserializeOwned>(
        &self,
        shelf: Shelf,
        digest: Digest,
    ) -> Result<Option<T>, ImageError> {
        let path = self.place(shelf, digest).join(ABOUT);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("reading", &path)(error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| io("reading", &path)(error.into()))
    }

    /// The names that were given, with the digests of their roots.
    pub(super) fn named(&self) -> Result<Vec<(String, Digest)>, ImageError> {
        let folder = self.folder.join("names");
        let mut found = Vec::new();
        for name in names(&folder)?.into_iter().filter(|name| check_name(name).is_ok()) {
            let path = folder.join(&name);
            let text = fs::read_to_string(&path).map_err(io("reading", &path))?;
            let digest = text.trim().parse();
            found.push((
                name,
                digest.map_err(|error: domain::digest::InvalidDigest| {
                    io("reading", &path)(std::io::Error::other(error))
                })?,
            ));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Takes the lock, waiting for whoever holds it, and removes what others have left half-made.
    pub(super) fn making(&self, waits: impl FnOnce()) -> Result<Making, ImageError> {
        let path = self.folder.join("lock");
        let lock = File::options().create(true).append(true).open(&path);
        let lock = lock.map_err(io("opening", &path))?;
        if lock.try_lock().is_err() {
            waits();
            lock.lock().map_err(io("locking", &path))?;
        }
        let all = self.folder.join("making");
        for name in names(&all)? {
            remove(&all.join(name))?;
        }
        let folder = tempfile::Builder::new().prefix("one-").tempdir_in(&all);
        Ok(Making {
            store: self.clone(),
            folder: folder.map_err(io("making a folder in", &all))?,
            _lock: lock,
        })
    }
}

/// The right to make and remove, and a folder for what is half-made; both end with it.
#[derive(Debug)]
pub(super) struct Making {
    store: Store,
    folder: tempfile::TempDir,
    _lock: File,
}

impl Making {
    /// A place for something half-made.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new folder for something half-made.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf, ImageError> {
        let path = self.path(name);
        fs::create_dir(&path).map_err(io("making", &path))?;
        Ok(path)
    }

    /// Puts a half-made folder on its shelf: described, on the disk, read-only, then named, in this order.
    pub(super) fn put<T: Serialize>(
        &self,
        folder: &Path,
        shelf: Shelf,
        digest: Digest,
        about: &T,
    ) -> Result<PathBuf, ImageError> {
        let place = self.store.place(shelf, digest);
        if place.join(ABOUT).is_file() {
            return Ok(place);
        }
        let text = serde_json::to_vec_pretty(about)
            .map_err(|error| io("describing", folder)(error.into()))?;
        write(&folder.join(ABOUT), &text)?;
        settle(folder)?;
        fs::rename(folder, &place).map_err(io("naming", &place))?;
        sync(&self.store.folder.join(shelf.folder()))?;
        Ok(place)
    }

    /// Gives a root a name, which may have been another's.
    pub(super) fn name(&self, name: &str, digest: Digest) -> Result<(), ImageError> {
        check_name(name)?;
        let half = self.path("name");
        write(&half, digest.to_string().as_bytes())?;
        sync(&half)?;
        let folder = self.store.folder.join("names");
        fs::rename(&half, folder.join(name)).map_err(io("naming in", &folder))?;
        sync(&folder)
    }

    /// Takes a name away.
    pub(super) fn unname(&self, name: &str) -> Result<(), ImageError> {
        let folder = self.store.folder.join("names");
        fs::remove_file(folder.join(name)).map_err(io("removing a name in", &folder))?;
        sync(&folder)
    }

    /// Takes an artefact away. Whoever has opened it keeps it until it closes it.
    pub(super) fn remove(&self, shelf: Shelf, digest: Digest) -> Result<(), ImageError> {
        let place = self.store.place(shelf, digest);
        let away = self.path(&format!("away-{}", digest.hex()));
        // Away from its shelf in one step, so that nobody ever finds half of it.
        fs::rename(&place, &away).map_err(io("removing", &place))?;
        sync(&self.store.folder.join(shelf.folder()))?;
        remove(&away)
    }
}

/// Whether a text can name an image.
pub(super) fn check_name(name: &str) -> Result<(), ImageError> {
    let plain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let fits = (1..=64).contains(&name.len()) && name.chars().all(plain);
    if fits && name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let text = name.chars().take(80).collect();
    let expected = "a name of at most 64 lower-case letters, digits, `-`, `_` and `.`".to_owned();
    Err(ImageError::Malformed { text, expected })
}

fn write(path: &Path, text: &[u8]) -> Result<(), ImageError> {
    let mut file = File::create(path).map_err(io("making", path))?;
    file.write_all(text).map_err(io("writing", path))
}

/// Everything below a folder onto the disk, readable by all and writable by nobody.
fn settle(folder: &Path) -> Result<(), ImageError> {
    for name in names(folder)? {
        let path = folder.join(name);
        if path.is_dir() {
            settle(&path)?;
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o444))
                .map_err(io("closing", &path))?;
            sync(&path)?;
        }
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .map_err(io("closing", folder))?;
    sync(folder)
}

fn sync(path: &Path) -> Result<(), ImageError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(io("syncing", path))
}

fn names(folder: &Path) -> Result<Vec<String>, ImageError> {
    let entries = fs::read_dir(folder).map_err(io("reading", folder))?;
    let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
    let names: std::io::Result<Vec<_>> = names.collect();
    Ok(names.map_err(io("reading", folder))?.into_iter().flatten().collect())
}

fn remove(path: &Path) -> Result<(), ImageError> {
    let gone = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    gone.map_err(io("removing", path))
}

#[cfg(test)]
mod tests;
