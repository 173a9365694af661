//! Kernels for guests: Debian's cloud kernel with the modules that a guest needs, or hob's own.

mod bzimage;
mod modules;
mod own;
mod unpack;

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use domain::Digest;
use serde::{Deserialize, Serialize};

pub(super) use own::build as own;

use super::error::{ImageError, io};
use super::store::{Making, Shelf, Store};
use super::tar::{Kind, Malformed, Reader};
use super::tools::{self, Running};
use super::{Kernel, KernelSource, Watch};

/// The package that always depends on Debian's newest kernel for virtual machines.
const CLOUD_KERNEL: &str = "linux-image-cloud-amd64";

/// The largest file of a kernel's package that is read, in bytes.
const FILE_MAX_BYTES: u64 = 256 * 1024 * 1024;

const BZIMAGE: &str = "bzImage";
const VMLINUX: &str = "vmlinux";
const MODULES: &str = "modules";

/// What a kernel's folder says of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AboutKernel {
    digest: Digest,
    version: String,
    source: KernelSource,
    /// What it was made of: the same of this makes the same kernel.
    made_of: String,
    /// File names in load order.
    modules: Vec<String>,
}

impl AboutKernel {
    fn kernel(self, folder: &Path) -> Kernel {
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        Kernel {
            digest: self.digest,
            version: self.version,
            bzimage: there(BZIMAGE),
            vmlinux: there(VMLINUX),
            modules: self.modules.iter().map(|name| folder.join(MODULES).join(name)).collect(),
            source: self.source,
        }
    }
}

/// All kernels.
pub(super) fn all(store: &Store) -> Result<Vec<Kernel>, ImageError> {
    let mut found = Vec::new();
    for digest in store.digests(Shelf::Kernels)? {
        let about: Option<AboutKernel> = store.about(Shelf::Kernels, digest)?;
        found.extend(about.map(|about| about.kernel(&store.place(Shelf::Kernels, digest))));
    }
    Ok(found)
}

/// The parts of a kernel.
#[derive(Debug)]
struct Parts {
    version: String,
    source: KernelSource,
    made_of: String,
    bzimage: Vec<u8>,
    vmlinux: Vec<u8>,
    /// Names and contents, in load order.
    modules: Vec<(String, Vec<u8>)>,
}

/// Gets Debian's cloud kernel and its modules. Blocks.
pub(super) fn debian(
    making: &Making,
    store: &Store,
    watch: Watch<'_>,
) -> Result<Kernel, ImageError> {
    tools::need(&[tools::APT_CACHE, tools::APT_GET, tools::DPKG_DEB])?;
    watch.step("getting Debian's cloud kernel");
    let (package, version) = newest(CLOUD_KERNEL, "linux-image-", watch)?;
    let made_of = format!("{package} {version}");
    if let Some(kernel) = made(store, &made_of)? {
        return Ok(kernel);
    }
    let deb = download(making, &package, watch)?;
    watch.step(&format!("unpacking {package}"));
    let mut bzimage = None;
    let mut found = modules::Found::default();
    files(&deb, watch, |path, bytes| {
        if path.starts_with("boot/vmlinuz-") {
            bzimage = Some(bytes);
        } else if path.ends_with("/modules.builtin") {
            found.built_in(&String::from_utf8_lossy(&bytes));
        } else if path.starts_with("lib/modules/") || path.starts_with("usr/lib/modules/") {
            found.add(path, bytes);
        }
    })?;
    let bzimage = bzimage.ok_or_else(|| unreadable(&package, "it holds no kernel"))?;
    let vmlinux = bzimage::vmlinux(&bzimage, watch)?;
    let modules = found.in_load_order(watch)?;
    let version = package.trim_start_matches("linux-image-").to_owned();
    let source = KernelSource::DebianCloud;
    keep(making, store, Parts { version, source, made_of, bzimage, vmlinux, modules })
}

/// The kernel that was made of this, where it is there.
fn made(store: &Store, made_of: &str) -> Result<Option<Kernel>, ImageError> {
    for digest in store.digests(Shelf::Kernels)? {
        let about: Option<AboutKernel> = store.about(Shelf::Kernels, digest)?;
        if let Some(about) = about.filter(|about| about.made_of == made_of) {
            return Ok(Some(about.kernel(&store.place(Shelf::Kernels, digest))));
        }
    }
    Ok(None)
}

/// Writes a kernel, and takes away the earlier ones of the same source.
fn keep(making: &Making, store: &Store, parts: Parts) -> Result<Kernel, ImageError> {
    let folder = making.folder("kernel")?;
    let write =
        |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).map_err(io("writing", path));
    write(&folder.join(BZIMAGE), &parts.bzimage)?;
    write(&folder.join(VMLINUX), &parts.vmlinux)?;
    let below = folder.join(MODULES);
    std::fs::create_dir(&below).map_err(io("making", &below))?;
    let mut modules = Vec::new();
    for (at, (name, bytes)) in parts.modules.iter().enumerate() {
        let name = format!("{at:03}-{name}.ko");
        write(&below.join(&name), bytes)?;
        modules.push(name);
    }
    let contents = parts.modules.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]);
    let digest =
        Digest::of_parts([parts.bzimage.as_slice(), &parts.vmlinux].into_iter().chain(contents));
    let about = AboutKernel {
        digest,
        version: parts.version,
        source: parts.source,
        made_of: parts.made_of,
        modules,
    };
    let place = making.put(&folder, Shelf::Kernels, digest, &about)?;
    for old in all(store)?.iter().filter(|old| old.source == about.source && old.digest != digest) {
        making.remove(Shelf::Kernels, old.digest)?;
    }
    Ok(about.kernel(&place))
}

/// The newest version of a package that apt knows; where it only leads to another, that one.
fn newest(package: &str, leads_to: &str, watch: Watch<'_>) -> Result<(String, String), ImageError> {
    let mut command = tools::command(tools::APT_CACHE);
    command.args(["show", "--no-all-versions", package]);
    let shown = tools::output("looking for the package", tools::APT_CACHE, &mut command, watch);
    let shown = shown.map_err(|error| not_known(package, error))?;
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let field = |name: &str| shown.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let depends = field("Depends:").unwrap_or_default();
    let led = depends.split(',').find_map(|one| {
        let name = one.split_whitespace().next()?;
        name.starts_with(leads_to).then(|| name.to_owned())
    });
    let version = field("Version:").unwrap_or_default().to_owned();
    Ok((led.unwrap_or_else(|| package.to_owned()), version))
}

fn not_known(package: &str, error: ImageError) -> ImageError {
    match error {
        ImageError::Failed { .. } => ImageError::None {
            kind: "package that apt knows called",
            name: package.to_owned(),
            hint: "run `apt-get update` as root first; the package is in Debian's `main`"
                .to_owned(),
        },
        other => other,
    }
}

/// Downloads a package as apt does, with its signatures checked.
fn download(
    making: &Making,
    package: &str,
    watch: Watch<'_>,
) -> Result<std::path::PathBuf, ImageError> {
    watch.detail(&format!("downloading {package}"));
    let folder = making.folder("package")?;
    let mut command = tools::command(tools::APT_GET);
    if rustix::process::geteuid().is_root() {
        // Its own user cannot write to our folder.
        command.args(["-o", "APT::Sandbox::User=root"]);
    }
    command.args(["download", "-q", package]).current_dir(&folder);
    tools::output(&format!("downloading {package}"), tools::APT_GET, &mut command, watch)?;
    let entries = std::fs::read_dir(&folder).map_err(io("reading", &folder))?;
    let deb = entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "deb"));
    deb.ok_or_else(|| unreadable(package, "apt-get has not downloaded it"))
}

/// Each file of a package, with its path below the root.
fn files(
    deb: &Path,
    watch: Watch<'_>,
    mut see: impl FnMut(&str, Vec<u8>),
) -> Result<(), ImageError> {
    let name = deb.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let broken = |error: Malformed| unreadable(&name, &error.to_string());
    let mut command = tools::command(tools::DPKG_DEB);
    command.arg("--fsys-tarfile").arg(deb).stdout(Stdio::piped());
    let mut running =
        Running::start("unpacking the package", tools::DPKG_DEB, &mut command, watch)?;
    let from = running.child.stdout.take();
    let mut reader = Reader::new(from.ok_or_else(|| running.failed("it has no standard output"))?);
    while let Some(entry) = reader.next().map_err(broken)? {
        if entry.kind != Kind::File {
            continue;
        }
        if entry.size > FILE_MAX_BYTES {
            return Err(ImageError::TooLarge {
                what: name,
                limit: "FILE_MAX_BYTES",
                max_bytes: FILE_MAX_BYTES,
            });
        }
        let path = String::from_utf8_lossy(&entry.path).trim_start_matches("./").to_owned();
        let mut bytes = Vec::new();
        reader
            .contents()
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(&name, &error.to_string()))?;
        see(&path, bytes);
    }
    reader.finish().map_err(broken)?;
    running.end()
}

fn unreadable(what: &str, why: &str) -> ImageError {
    ImageError::Unreadable { what: what.to_owned(), why: why.to_owned() }
}
