//! Images in files: an OCI layout as a folder, a tar of one, or the tar of a root file system.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use domain::Digest;

use super::{Descriptor, Image, LAYER_MAX_BYTES, TEXT_MAX_BYTES, document, unreadable};
use crate::image::error::{ImageError, io};
use crate::image::merge::Packed;
use crate::image::squash;
use crate::image::store::Making;
use crate::image::tar::{Kind, Reader};

/// What makes a folder a layout.
const MARK: &str = "oci-layout";
const INDEX: &str = "index.json";

/// How many indexes may lead to each other.
const NESTED_MAX: usize = 4;

/// The most files of a tar of a layout.
const FILES_MAX: usize = 10_000;

/// Opens whatever it is.
pub(in crate::image) fn open(path: &Path, making: &Making) -> Result<Image, ImageError> {
    let what = path.display().to_string();
    if path.is_dir() {
        if path.join(MARK).is_file() {
            return layout(&what, path);
        }
        return Err(unreadable(&what, "it is a folder without `oci-layout`"));
    }
    let file = File::open(path).map_err(io("opening", path))?;
    if !file.metadata().map_err(io("opening", path))?.is_file() {
        return Err(unreadable(&what, "it is neither a folder nor a file"));
    }
    if let Some(folder) = unpacked(&what, path, making)? {
        return layout(&what, &folder);
    }
    let (digest, _) = squash::digest(path)?;
    let made_from = format!("{what} ({digest})");
    let layer = Packed::file(format!("the tar {what}"), path.to_owned(), None);
    Ok(Image { layers: vec![layer], env: Vec::new(), made_from })
}

/// The image of a layout.
fn layout(what: &str, folder: &Path) -> Result<Image, ImageError> {
    let index = folder.join(INDEX);
    let mut text = Vec::new();
    let from = File::open(&index).map_err(io("opening", &index))?;
    from.take(TEXT_MAX_BYTES).read_to_end(&mut text).map_err(io("reading", &index))?;
    let mut found = document(what, &text)?;
    let mut digest = None;
    for _ in 0..NESTED_MAX {
        let Some(next) = found.next(what)? else { break };
        digest = Some(next.digest);
        found = document(what, &small(what, folder, &next)?)?;
    }
    let (config, layers) = found.parts(what)?;
    let config = small(what, folder, config)?;
    let mut paths = Vec::new();
    for layer in layers {
        paths.push(blob(what, folder, layer, LAYER_MAX_BYTES)?);
    }
    let made_from = digest.map_or_else(|| what.to_owned(), |digest| format!("{what} ({digest})"));
    let image = super::image(what, &config, layers.iter().zip(paths.iter().map(PathBuf::as_path)))?;
    Ok(Image { made_from, ..image })
}

/// A blob that is a text.
fn small(what: &str, folder: &Path, named: &Descriptor) -> Result<Vec<u8>, ImageError> {
    let path = blob(what, folder, named, TEXT_MAX_BYTES)?;
    std::fs::read(&path).map_err(io("reading", &path))
}

/// The file of a blob, which holds what it is named after.
fn blob(
    what: &str,
    folder: &Path,
    named: &Descriptor,
    max_bytes: u64,
) -> Result<PathBuf, ImageError> {
    if named.size > max_bytes {
        let what = named.digest.to_string();
        return Err(ImageError::TooLarge { what, limit: "LAYER_MAX_BYTES", max_bytes });
    }
    let path = folder.join("blobs/sha256").join(named.digest.hex());
    let length =
        std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file).map(|file| file.len());
    let Some(length) = length else {
        return Err(unreadable(what, &format!("it holds no {}", named.digest)));
    };
    if length != named.size || squash::digest(&path)?.0 != named.digest {
        return Err(unreadable(
            what,
            &format!("what it holds as {} is something else", named.digest),
        ));
    }
    Ok(path)
}

/// The layout in a tar, of which nothing is unpacked but its index and its blobs; nothing where it is no layout.
fn unpacked(what: &str, path: &Path, making: &Making) -> Result<Option<PathBuf>, ImageError> {
    if !is_layout(path)? {
        return Ok(None);
    }
    let folder = making.folder("layout")?;
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).map_err(io("making", &blobs))?;
    let broken = |why: String| unreadable(what, &why);
    let mut reader = Reader::new(File::open(path).map_err(io("opening", path))?);
    let mut count = 0;
    while let Some(entry) = reader.next().map_err(|error| broken(error.to_string()))? {
        count += 1;
        if count > FILES_MAX {
            return Err(broken(format!("it has more than {FILES_MAX} files")));
        }
        let name = plain(&entry.path);
        // Only names that are digests are ever files here.
        let place = match name.strip_prefix("blobs/sha256/") {
            Some(hex) => format!("sha256:{hex}")
                .parse::<Digest>()
                .ok()
                .map(|digest| blobs.join(digest.hex())),
            None => (name == INDEX).then(|| folder.join(INDEX)),
        };
        let Some(place) = place.filter(|_| entry.kind == Kind::File) else { continue };
        let mut into = File::create(&place).map_err(io("making", &place))?;
        let copied = squash::copy(&mut reader.contents(), &mut into, LAYER_MAX_BYTES, |_| {});
        if copied.map_err(io("unpacking to", &place))?.is_none() {
            return Err(ImageError::TooLarge {
                what: name,
                limit: "LAYER_MAX_BYTES",
                max_bytes: LAYER_MAX_BYTES,
            });
        }
    }
    Ok(Some(folder))
}

/// Whether an uncompressed tar has the mark of a layout at its top.
fn is_layout(path: &Path) -> Result<bool, ImageError> {
    let mut reader = Reader::new(File::open(path).map_err(io("opening", path))?);
    // What cannot be read here may be compressed; whoever reads it in earnest says so if it is not.
    while let Ok(Some(entry)) = reader.next() {
        if plain(&entry.path) == MARK && entry.kind == Kind::File {
            return Ok(true);
        }
    }
    Ok(false)
}

fn plain(path: &[u8]) -> String {
    String::from_utf8_lossy(path).trim_start_matches("./").to_owned()
}
