//! What machines with a kernel of their own are made of: roots, kernels, toolchain layers.
//!
//! ```text
//!   Debian packages --mmdebstrap--+
//!   registry, OCI layout, tar ----+--one tar stream--> squashfs, named after its content
//!   toolchains of the host -------+
//!   Debian's kernel packages --unpacked, or built--> kernel and modules
//! ```
//!
//! Nothing that strangers made is ever unpacked on the host. All of this blocks, but for [`Images::pull`].

mod debian;
mod error;
mod kernel;
mod merge;
mod oci;
mod registry;
mod squash;
mod store;
mod tar;
mod toolchain;
mod tools;
mod watch;

use std::path::{Path, PathBuf};

use domain::Digest;
use serde::{Deserialize, Serialize};

pub use debian::PACKAGES;
pub use error::{ImageError, Needed};
pub use watch::{Said, Watch, Watcher};

use crate::namespaces::Toolchains;
use merge::Limits;
use squash::Squash;
use store::{Making, Shelf, Store};

/// The name of the root that machines have where nothing else is said.
pub const DEFAULT: &str = "default";

/// Where a kernel comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelSource {
    /// Debian's kernel for virtual machines, with modules.
    DebianCloud,
    /// Built from Debian's source with hob's configuration, without modules.
    Own,
}

/// A kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Of kernel and modules.
    pub digest: Digest,
    /// What `uname -r` says.
    pub version: String,
    /// The compressed one.
    pub bzimage: Option<PathBuf>,
    /// The uncompressed one.
    pub vmlinux: Option<PathBuf>,
    /// What has to be loaded, in this order; uncompressed.
    pub modules: Vec<PathBuf>,
    /// Where it comes from.
    pub source: KernelSource,
}

/// The root file system of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its name; empty where it has none.
    pub name: String,
    /// Of the file.
    pub digest: Digest,
    /// A squashfs.
    pub file: PathBuf,
    /// The file's length.
    pub bytes: u64,
    /// What it was made of, in a few words.
    pub made_from: String,
    /// Variables that its maker gave it.
    pub env: Vec<(String, String)>,
}

/// Folders of the host that machines are shown, read-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Of the file.
    pub digest: Digest,
    /// A squashfs.
    pub file: PathBuf,
    /// What to mount: a folder or file of the layer, and its place in the machine.
    pub mounts: Vec<(String, String)>,
}

/// All that there is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Roots, by name.
    pub roots: Vec<Root>,
    /// Kernels.
    pub kernels: Vec<Kernel>,
}

/// What a root's folder says of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct About {
    digest: Digest,
    bytes: u64,
    made_from: String,
    env: Vec<(String, String)>,
}

impl About {
    fn root(&self, name: String, folder: &Path) -> Root {
        Root {
            name,
            digest: self.digest,
            file: folder.join(squash::FILE),
            bytes: self.bytes,
            made_from: self.made_from.clone(),
            env: self.env.clone(),
        }
    }
}

/// The images of a data folder.
#[derive(Debug, Clone)]
pub struct Images {
    store: Store,
}

impl Images {
    /// Opens them below `state_dir`, which is made where it is missing.
    pub fn open(state_dir: &Path) -> Result<Self, ImageError> {
        Ok(Self { store: Store::open(state_dir)? })
    }

    /// All roots and kernels.
    pub fn list(&self) -> Result<Found, ImageError> {
        let mut roots = Vec::new();
        let named = self.store.named()?;
        for digest in self.store.digests(Shelf::Roots)? {
            let Some(about) = self.store.about::<About>(Shelf::Roots, digest)? else { continue };
            let folder = self.store.place(Shelf::Roots, digest);
            let mut names: Vec<_> = named
                .iter()
                .filter(|(_, of)| *of == digest)
                .map(|(name, _)| name.clone())
                .collect();
            if names.is_empty() {
                names.push(String::new());
            }
            roots.extend(names.into_iter().map(|name| about.root(name, &folder)));
        }
        roots.sort_unstable_by(|a, b| (&a.name, a.digest).cmp(&(&b.name, b.digest)));
        Ok(Found { roots, kernels: kernel::all(&self.store)? })
    }

    /// The root of a name or digest.
    pub fn find(&self, name_or_digest: &str) -> Result<Root, ImageError> {
        let digest = name_or_digest.parse::<Digest>().ok();
        let found = self.list()?.roots.into_iter();
        let mut fits = found.filter(|root| {
            digest.map_or(root.name == name_or_digest, |digest| root.digest == digest)
        });
        fits.next().ok_or_else(|| {
            let hint = if name_or_digest == DEFAULT {
                "`hob image build` makes it".to_owned()
            } else {
                "`hob image list` shows what there is".to_owned()
            };
            ImageError::None { kind: "image", name: name_or_digest.to_owned(), hint }
        })
    }

    /// The kernel for machines: hob's own, else Debian's.
    pub fn kernel(&self) -> Result<Kernel, ImageError> {
        let found = kernel::all(&self.store)?;
        let own = found.iter().find(|kernel| kernel.source == KernelSource::Own);
        own.or_else(|| found.first()).cloned().ok_or(ImageError::NotYet {
            what: "kernel for virtual machines",
            hint: "`hob image build` makes an image and gets a kernel; it takes some minutes",
        })
    }

    /// Makes a root of Debian packages of the host's own suite, and gives it a name.
    pub fn build(
        &self,
        packages: &[String],
        name: &str,
        watch: Watch<'_>,
    ) -> Result<Root, ImageError> {
        store::check_name(name)?;
        let sources = debian::Sources::of(Path::new("/"))?;
        let making = self.making(watch)?;
        let root = debian::build(&making, &sources, packages, watch)?;
        self.named(&making, root, name)
    }

    /// Gets or builds a kernel, unless it is there.
    pub fn make_kernel(
        &self,
        source: KernelSource,
        watch: Watch<'_>,
    ) -> Result<Kernel, ImageError> {
        let making = self.making(watch)?;
        match source {
            KernelSource::DebianCloud => kernel::debian(&making, &self.store, watch),
            KernelSource::Own => kernel::own(&making, &self.store, watch),
        }
    }

    /// Makes a root of an OCI layout (a folder, or a tar of it) or of a tar of a root file system.
    pub fn import(&self, path: &Path, name: &str, watch: Watch<'_>) -> Result<Root, ImageError> {
        store::check_name(name)?;
        tools::need(&[tools::MKSQUASHFS])?;
        let making = self.making(watch)?;
        watch.step(&format!("reading {}", path.display()));
        let image = oci::open(path, &making)?;
        self.named(&making, self.merged(&making, &image, watch)?, name)
    }

    /// Makes a root of an image in a registry. `plain` says that the registry may be asked without TLS; one on this
    /// host's loopback always may.
    pub async fn pull(
        &self,
        reference: &str,
        name: &str,
        plain: bool,
        watch: Watch<'_>,
    ) -> Result<Root, ImageError> {
        store::check_name(name)?;
        let reference: registry::Reference = reference.parse()?;
        let (images, watcher) = (self.clone(), watch.clone());
        let making = blocking(move || {
            tools::need(&[tools::MKSQUASHFS])?;
            images.making(&watcher)
        });
        let making = making.await?;
        let image = registry::pull(&reference, plain, &making, watch).await?;
        let (images, watcher, name) = (self.clone(), watch.clone(), name.to_owned());
        let merged = blocking(move || {
            let root = images.merged(&making, &image, &watcher)?;
            images.named(&making, root, &name)
        });
        merged.await
    }

    /// Takes away a root by its name, and the root itself where it has no other; or by its digest, with all its names.
    pub fn remove(&self, name_or_digest: &str) -> Result<Root, ImageError> {
        let making = self.making(&Watcher::nobody())?;
        let root = self.find(name_or_digest)?;
        let names = self
            .store
            .named()?
            .into_iter()
            .filter(|(_, of)| *of == root.digest)
            .map(|(name, _)| name);
        let by_digest = name_or_digest.parse::<Digest>().is_ok();
        let (gone, stay): (Vec<_>, Vec<_>) =
            names.partition(|name| by_digest || name == name_or_digest);
        for name in &gone {
            making.unname(name)?;
        }
        if stay.is_empty() {
            making.remove(Shelf::Roots, root.digest)?;
        }
        Ok(root)
    }

    /// The toolchains as layers: packed where they have changed since the last time, else as they are there.
    pub fn toolchains(
        &self,
        toolchains: &Toolchains,
        watch: Watch<'_>,
    ) -> Result<Vec<Layer>, ImageError> {
        if let Some(layer) = toolchain::there(&self.store, toolchains)? {
            return Ok(vec![layer]);
        }
        if toolchains.shown.is_empty() {
            return Ok(Vec::new());
        }
        tools::need(&[tools::MKSQUASHFS])?;
        let making = self.making(watch)?;
        // Whoever had the lock may have made it.
        if let Some(layer) = toolchain::there(&self.store, toolchains)? {
            return Ok(vec![layer]);
        }
        toolchain::pack(&making, &self.store, toolchains, watch).map(|layer| vec![layer])
    }

    fn making(&self, watch: Watch<'_>) -> Result<Making, ImageError> {
        self.store.making(|| watch.step("waiting for another hob that makes an image"))
    }

    fn named(&self, making: &Making, root: Root, name: &str) -> Result<Root, ImageError> {
        let before = self
            .store
            .named()?
            .into_iter()
            .find(|(known, _)| known == name)
            .map(|(_, digest)| digest);
        making.name(name, root.digest)?;
        // What lost its last name is nobody's.
        if let Some(before) = before.filter(|before| *before != root.digest)
            && !self.store.named()?.iter().any(|(_, digest)| *digest == before)
            && self.store.about::<About>(Shelf::Roots, before)?.is_some()
        {
            making.remove(Shelf::Roots, before)?;
        }
        Ok(Root { name: name.to_owned(), ..root })
    }

    /// The layers of an image as one squashfs.
    fn merged(
        &self,
        making: &Making,
        image: &oci::Image,
        watch: Watch<'_>,
    ) -> Result<Root, ImageError> {
        watch.step(&format!("merging {} layers", image.layers.len()));
        let tree = merge::merge(&image.layers, &Limits::USUAL, watch)?;
        watch.step("packing the image");
        let folder = making.folder("root")?;
        let file = folder.join(squash::FILE);
        let mut squash = Squash::start(&file, tree.latest(), watch)?;
        let written = tree.write(&image.layers, std::io::BufWriter::new(squash.input()?), watch);
        // Where it ended early, what it said is the cause.
        if let Err(error) = squash.end() {
            return Err(match written {
                Err(first @ (ImageError::Unreadable { .. } | ImageError::Refused { .. })) => first,
                _ => error,
            });
        }
        written?;
        let (digest, bytes) = squash::digest(&file)?;
        let about =
            About { digest, bytes, made_from: image.made_from.clone(), env: image.env.clone() };
        let place = making.put(&folder, Shelf::Roots, digest, &about)?;
        Ok(about.root(String::new(), &place))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
) -> Result<T, ImageError> {
    let lost = |error: tokio::task::JoinError| ImageError::Io {
        action: "making the image".to_owned(),
        source: std::io::Error::other(error),
    };
    tokio::task::spawn_blocking(work).await.map_err(lost)?
}
