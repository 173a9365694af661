//! Images as the Open Container Initiative lays them out: an index, a manifest, a configuration, layers.

mod layout;

use std::path::Path;

use domain::Digest;
use serde::Deserialize;

pub(super) use layout::open;

use super::error::ImageError;
use super::merge::Packed;

/// The largest manifest, index or configuration, in bytes.
pub(super) const TEXT_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The largest packed layer, in bytes.
pub(super) const LAYER_MAX_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// An image that is about to be merged.
#[derive(Debug)]
pub(super) struct Image {
    /// Bottom first.
    pub(super) layers: Vec<Packed>,
    pub(super) env: Vec<(String, String)>,
    pub(super) made_from: String,
}

/// Names something by its content.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    platform: Option<Platform>,
}

#[derive(Debug, Clone, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

/// A manifest, or an index of such.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    pub(super) config: Option<Descriptor>,
    #[serde(default)]
    pub(super) layers: Vec<Descriptor>,
}

/// The configuration, of which only this counts.
#[derive(Debug, Deserialize)]
struct Config {
    architecture: String,
    os: String,
    #[serde(default)]
    config: Option<Runtime>,
    rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Runtime {
    #[serde(default)]
    env: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    diff_ids: Vec<Digest>,
}

/// Reads a manifest or an index.
pub(super) fn document(what: &str, text: &[u8]) -> Result<Document, ImageError> {
    serde_json::from_slice(text)
        .map_err(|error| unreadable(what, &format!("its manifest: {error}")))
}

impl Document {
    /// The one image for this kind of host that an index leads to; nothing where this is a manifest itself.
    pub(super) fn next(&self, what: &str) -> Result<Option<Descriptor>, ImageError> {
        let Some(manifests) = &self.manifests else { return Ok(None) };
        let fits = |one: &&Descriptor| {
            one.platform
                .as_ref()
                .is_none_or(|platform| platform.os == "linux" && platform.architecture == "amd64")
        };
        let mut fitting = manifests.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Ok(Some(one.clone())),
            (None, _) => Err(unreadable(what, "it has no image for linux on amd64")),
            (Some(_), Some(_)) => Err(unreadable(what, "it holds more than one image")),
        }
    }

    /// The configuration's and the layers' names. Layers that are to be got elsewhere, or encrypted, are refused.
    pub(super) fn parts(&self, what: &str) -> Result<(&Descriptor, &[Descriptor]), ImageError> {
        let config = self
            .config
            .as_ref()
            .ok_or_else(|| unreadable(what, "its manifest names no configuration"))?;
        let known = |layer: &Descriptor| {
            let of = &layer.media_type;
            of.contains("tar")
                && !of.contains("foreign")
                && !of.contains("nondistributable")
                && !of.contains("encrypted")
        };
        match self.layers.iter().find(|layer| !known(layer)) {
            Some(layer) => {
                Err(unreadable(what, &format!("it has a layer of the kind `{}`", layer.media_type)))
            }
            None if self.layers.is_empty() => Err(unreadable(what, "it has no layers")),
            None => Ok((config, &self.layers)),
        }
    }
}

/// The image of a configuration and the layers' files.
pub(super) fn image<'l>(
    what: &str,
    config: &[u8],
    layers: impl ExactSizeIterator<Item = (&'l Descriptor, &'l Path)>,
) -> Result<Image, ImageError> {
    let config: Config = serde_json::from_slice(config)
        .map_err(|error| unreadable(what, &format!("its configuration: {error}")))?;
    if (config.os.as_str(), config.architecture.as_str()) != ("linux", "amd64") {
        return Err(unreadable(
            what,
            &format!("it is for {} on {}", config.os, config.architecture),
        ));
    }
    if config.rootfs.diff_ids.len() != layers.len() {
        return Err(unreadable(
            what,
            "its configuration and its manifest have not the same layers",
        ));
    }
    let layers = layers.zip(config.rootfs.diff_ids).map(|((layer, path), unpacked)| {
        Packed::file(format!("layer {}", layer.digest), path.to_owned(), Some(unpacked))
    });
    let env = config.config.unwrap_or_default().env.unwrap_or_default();
    let env = env
        .iter()
        .filter_map(|line| line.split_once('='))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect();
    Ok(Image { layers: layers.collect(), env, made_from: what.to_owned() })
}

pub(super) fn unreadable(what: &str, why: &str) -> ImageError {
    ImageError::Unreadable { what: what.to_owned(), why: why.to_owned() }
}
