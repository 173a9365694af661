//! The host's toolchains as a layer: what namespaces show in place is packed for machines with a kernel of their own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use domain::Digest;
use serde::{Deserialize, Serialize};

use super::error::{ImageError, io};
use super::squash::{self, Squash};
use super::store::{Making, Shelf, Store};
use super::tar::{Entry, Kind, Meta, Writer};
use super::{Layer, Watch};
use crate::namespaces::Toolchains;

/// The largest layer, in bytes before it is packed.
const LAYER_MAX_BYTES: u64 = 32 * 1024 * 1024 * 1024;

/// Folders that are large, and that no build reads.
const LEFT_OUT: [&str; 2] = ["share/doc", "share/man"];

/// What a layer's folder says of it.
#[derive(Debug, Serialize, Deserialize)]
struct AboutLayer {
    digest: Digest,
    /// The state of the toolchains that are in it.
    state: Digest,
    mounts: Vec<(String, String)>,
}

/// The layer of these toolchains as they are now, where it is there.
pub(super) fn there(store: &Store, toolchains: &Toolchains) -> Result<Option<Layer>, ImageError> {
    let state = state(toolchains);
    for digest in store.digests(Shelf::Layers)? {
        let about: Option<AboutLayer> = store.about(Shelf::Layers, digest)?;
        if let Some(about) = about.filter(|about| about.state == state) {
            return Ok(Some(layer(about, &store.place(Shelf::Layers, digest))));
        }
    }
    Ok(None)
}

/// Packs them, and takes the layers of earlier states away.
pub(super) fn pack(
    making: &Making,
    store: &Store,
    toolchains: &Toolchains,
    watch: Watch<'_>,
) -> Result<Layer, ImageError> {
    watch.step("packing the toolchains of this host, once until they change");
    let state = state(toolchains);
    let mut files = Vec::new();
    for shown in &toolchains.shown {
        look(shown, &toolchains.hidden, &mut files)?;
    }
    let latest = files.iter().map(|(_, found)| time(found)).max().unwrap_or(1);
    let folder = making.folder("layer")?;
    let file = folder.join(squash::FILE);
    let mut squash = Squash::start(&file, latest, watch)?;
    let written = write(&toolchains.shown, &files, std::io::BufWriter::new(squash.input()?));
    // Where it ended early, what it said is the cause.
    squash.end()?;
    written?;
    let (digest, _) = squash::digest(&file)?;
    let mounts = toolchains.shown.iter().filter_map(|shown| {
        let place = shown.to_str()?;
        Some((place.trim_start_matches('/').to_owned(), place.to_owned()))
    });
    let about = AboutLayer { digest, state, mounts: mounts.collect() };
    let place = making.put(&folder, Shelf::Layers, digest, &about)?;
    for old in store.digests(Shelf::Layers)?.into_iter().filter(|old| *old != digest) {
        making.remove(Shelf::Layers, old)?;
    }
    Ok(layer(about, &place))
}

fn layer(about: AboutLayer, folder: &Path) -> Layer {
    Layer { digest: about.digest, file: folder.join(squash::FILE), mounts: about.mounts }
}

/// Of what is packed alone: the system's own programs come and go without it.
fn state(toolchains: &Toolchains) -> Digest {
    let packed = Toolchains { shown: toolchains.shown.clone(), ..Toolchains::default() };
    let hidden = toolchains.hidden.iter().map(|path| path.as_os_str().as_bytes());
    let shown = toolchains.shown.iter().map(|path| path.as_os_str().as_bytes());
    let state = packed.state();
    Digest::of_parts(
        [state.as_bytes().as_slice()]
            .into_iter()
            .chain(shown)
            .chain([b"".as_slice()])
            .chain(hidden),
    )
}

type Files = Vec<(PathBuf, std::fs::Metadata)>;

/// Notes what is to be packed, in the order of names, a folder before what lies in it. Links are taken as links.
fn look(shown: &Path, hidden: &[PathBuf], files: &mut Files) -> Result<(), ImageError> {
    let hidden: BTreeSet<&Path> = hidden.iter().map(PathBuf::as_path).collect();
    // What is shown may be a link itself, and is shown as what it leads to.
    let first = std::fs::metadata(shown).map_err(io("looking at", shown))?;
    let mut pending = vec![(shown.to_owned(), first)];
    while let Some((path, found)) = pending.pop() {
        if hidden.contains(path.as_path()) || LEFT_OUT.iter().any(|left| path.ends_with(left)) {
            continue;
        }
        let mut below = Vec::new();
        if found.is_dir() {
            // What this user cannot read, no machine of this user's could either.
            for entry in std::fs::read_dir(&path).into_iter().flatten().flatten() {
                below.extend(entry.metadata().ok().map(|found| (entry.path(), found)));
            }
            below.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        }
        files.push((path, found));
        pending.extend(below);
    }
    Ok(())
}

fn write(shown: &[PathBuf], files: &Files, into: impl Write) -> Result<(), ImageError> {
    let broken = |source| ImageError::Io { action: "packing the toolchains".to_owned(), source };
    let mut writer = Writer::new(into);
    let mut above = BTreeSet::new();
    for folder in shown.iter().flat_map(|shown| shown.ancestors().skip(1)) {
        above.insert(below_root(folder));
    }
    for path in above.into_iter().filter(|path| !path.is_empty()) {
        let meta = Meta { mode: 0o755, ..Meta::default() };
        writer.begin(&Entry { path, kind: Kind::Folder, meta, size: 0 }).map_err(broken)?;
    }
    let mut bytes: u64 = 0;
    for (path, found) in files {
        let kind = match found.file_type() {
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_file() => Kind::File,
            kind if kind.is_symlink() => {
                let Ok(target) = std::fs::read_link(path) else { continue };
                Kind::Link(target.as_os_str().as_bytes().to_vec())
            }
            _ => continue,
        };
        // Opened first: what cannot be read is not there.
        let open = if kind == Kind::File { File::open(path).ok() } else { None };
        if kind == Kind::File && open.is_none() {
            continue;
        }
        let size = if kind == Kind::File { found.len() } else { 0 };
        bytes = bytes.saturating_add(size);
        if bytes > LAYER_MAX_BYTES {
            let what = "the toolchains' layer".to_owned();
            return Err(ImageError::TooLarge {
                what,
                limit: "LAYER_MAX_BYTES",
                max_bytes: LAYER_MAX_BYTES,
            });
        }
        // Everybody's, as they are in a machine that shows the host's own.
        let mode = found.mode() & 0o777 | if found.mode() & 0o111 == 0 { 0o444 } else { 0o555 };
        let meta = Meta { mode, mtime: time(found), ..Meta::default() };
        writer.begin(&Entry { path: below_root(path), kind, meta, size }).map_err(broken)?;
        if let Some(file) = open {
            fill(&mut writer, file, size).map_err(io("reading", path))?;
        }
    }
    writer.end().map(drop).map_err(broken)
}

/// A file's content, as long as it was when it was noted: it may be changing.
fn fill(writer: &mut Writer<impl Write>, file: File, size: u64) -> std::io::Result<()> {
    let mut file = file.take(size);
    let mut buffer = vec![0; 256 * 1024];
    let mut left = size;
    while left > 0 {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Err(std::io::Error::other("it has changed while it was packed"));
        }
        left -= read as u64;
        writer.content(buffer.get(..read).unwrap_or_default())?;
    }
    Ok(())
}

fn below_root(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    bytes.strip_prefix(b"/").unwrap_or(bytes).to_vec()
}

fn time(found: &std::fs::Metadata) -> u32 {
    u32::try_from(found.mtime().max(0)).unwrap_or(u32::MAX)
}
