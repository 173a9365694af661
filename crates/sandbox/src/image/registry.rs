//! Images from a registry, by the protocol of the OCI's distribution specification: asked anonymously, digests verified.
//!
//! A credential of this host is never sent: what wants one is exported with its owner's own tools, and imported.

mod challenge;
mod reference;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Digest;
use reqwest::header::{ACCEPT, AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode, Url};
use sha2::Digest as _;

pub(super) use reference::Reference;

use super::Watch;
use super::error::{ImageError, io};
use super::oci::{self, Descriptor, Image, LAYER_MAX_BYTES, TEXT_MAX_BYTES};
use super::store::Making;
use crate::egress::{self, chain};
use challenge::Challenge;

/// How often one answer may lead elsewhere.
const REDIRECTS_MAX: usize = 5;

/// How many indexes may lead to each other.
const NESTED_MAX: usize = 4;

/// Bytes of all packed layers.
const LAYERS_MAX_BYTES: u64 = 32 * 1024 * 1024 * 1024;

/// How long the registry may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The kinds of manifest that are understood.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// Downloads an image to where half-made things lie.
pub(super) async fn pull(
    reference: &Reference,
    plain: bool,
    making: &Making,
    watch: Watch<'_>,
) -> Result<Image, ImageError> {
    watch.step(&format!("asking {}", reference.registry));
    let mut registry = Registry::new(reference, plain)?;
    let folder = making.folder("blobs")?;
    let what = reference.to_string();
    let (mut digest, text) = registry.manifest(&reference.wanted(), reference.digest).await?;
    let mut found = oci::document(&what, &text)?;
    for _ in 0..NESTED_MAX {
        let Some(next) = found.next(&what)? else { break };
        let (nested, text) = registry.manifest(&next.digest.to_string(), Some(next.digest)).await?;
        digest = nested;
        found = oci::document(&what, &text)?;
    }
    let (config, layers) = found.parts(&what)?;
    let all: u64 = layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add);
    if all > LAYERS_MAX_BYTES {
        return Err(ImageError::TooLarge {
            what,
            limit: "LAYERS_MAX_BYTES",
            max_bytes: LAYERS_MAX_BYTES,
        });
    }
    let config = registry.blob(config, TEXT_MAX_BYTES, &folder, watch).await?;
    let config = std::fs::read(&config).map_err(io("reading", &config))?;
    let mut paths = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        watch.step(&format!("downloading layer {} of {}", at + 1, layers.len()));
        paths.push(registry.blob(layer, LAYER_MAX_BYTES, &folder, watch).await?);
    }
    let image = oci::image(&what, &config, layers.iter().zip(paths.iter().map(PathBuf::as_path)))?;
    let name = reference.without_digest();
    Ok(Image { made_from: format!("{name}@{digest}"), ..image })
}

/// One repository of a registry.
#[derive(Debug)]
struct Registry<'r> {
    client: Client,
    reference: &'r Reference,
    base: Url,
    /// Whether it may be asked without TLS.
    plain: bool,
    token: Option<domain::Secret>,
}

impl<'r> Registry<'r> {
    fn new(reference: &'r Reference, plain: bool) -> Result<Self, ImageError> {
        let plain = plain || reference.is_on_loopback();
        let limits = egress::Limits::default();
        let client = egress::host_client(&[], &limits)
            .map_err(|error| registry_error(reference, &error.to_string()))?;
        let scheme = if plain { "http" } else { "https" };
        let base =
            Url::parse(&format!("{scheme}://{}/v2/{}/", reference.registry, reference.repository));
        let base = base.map_err(|error| registry_error(reference, &error.to_string()))?;
        Ok(Self { client, reference, base, plain, token: None })
    }

    /// A manifest or an index, whose digest is the one that was asked for, where one was.
    async fn manifest(
        &mut self,
        wanted: &str,
        digest: Option<Digest>,
    ) -> Result<(Digest, Vec<u8>), ImageError> {
        let mut answer = self.get(&format!("manifests/{wanted}"), MANIFESTS).await?;
        let mut text = Vec::new();
        while let Some(chunk) = self.chunk(&mut answer).await? {
            text.extend(chunk);
            if text.len() as u64 > TEXT_MAX_BYTES {
                return Err(self.error("its manifest is longer than 4 MiB"));
            }
        }
        let found = Digest::of(&text);
        match digest.filter(|digest| *digest != found) {
            Some(digest) => Err(self.error(&format!("what it gave as {digest} is {found}"))),
            None => Ok((found, text)),
        }
    }

    /// A blob in a file, which is exactly what its name says.
    async fn blob(
        &mut self,
        named: &Descriptor,
        max_bytes: u64,
        folder: &Path,
        watch: Watch<'_>,
    ) -> Result<PathBuf, ImageError> {
        if named.size > max_bytes {
            let what = named.digest.to_string();
            return Err(ImageError::TooLarge { what, limit: "LAYER_MAX_BYTES", max_bytes });
        }
        let path = folder.join(named.digest.hex());
        if path.exists() {
            return Ok(path);
        }
        let mut answer = self.get(&format!("blobs/{}", named.digest), "*/*").await?;
        let mut file = std::fs::File::create(&path).map_err(io("making", &path))?;
        let mut hasher = sha2::Sha256::new();
        let (mut bytes, mut said) = (0, 0);
        while let Some(chunk) = self.chunk(&mut answer).await? {
            bytes += chunk.len() as u64;
            if bytes > named.size {
                return Err(self.error(&format!(
                    "what it gave as {} is longer than its {} bytes",
                    named.digest, named.size
                )));
            }
            hasher.update(&chunk);
            file.write_all(&chunk).map_err(io("writing", &path))?;
            if bytes >> 20 >= said + 8 {
                said = bytes >> 20;
                watch.detail(&format!("{said} of {} MiB", named.size >> 20));
            }
        }
        let found = Digest::from_bytes(hasher.finalize().into());
        if found == named.digest && bytes == named.size {
            Ok(path)
        } else {
            Err(self
                .error(&format!("what it gave as {} is {found} of {bytes} bytes", named.digest)))
        }
    }

    /// Asks, with a token where one is wanted.
    async fn get(&mut self, path: &str, accept: &str) -> Result<Response, ImageError> {
        let url = self.base.join(path).map_err(|error| self.error(&error.to_string()))?;
        let mut answer = self.follow(url.clone(), accept).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.token.is_none() {
            self.token = Some(self.anonymous_token(&answer).await?);
            answer = self.follow(url, accept).await?;
        }
        match answer.status() {
            StatusCode::OK => Ok(answer),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(self.error("it lets nobody in without a login"))
            }
            StatusCode::NOT_FOUND => {
                Err(self.error(&format!("it has no {path} of `{}`", self.reference.repository)))
            }
            status => Err(self.error(&format!("it answered {status}"))),
        }
    }

    /// Asks, and follows where the answer leads. The token goes to the registry alone.
    async fn follow(&self, mut url: Url, accept: &str) -> Result<Response, ImageError> {
        for _ in 0..=REDIRECTS_MAX {
            let mut request = self.client.get(url.clone()).header(ACCEPT, accept);
            let is_registry = url.origin() == self.base.origin();
            if let Some(token) = self.token.as_ref().filter(|_| is_registry) {
                request = request.header(AUTHORIZATION, format!("Bearer {}", token.reveal()));
            }
            let answer = request.send().await.map_err(|error| self.error(&chain(&error)))?;
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            let location =
                answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let location = location.ok_or_else(|| self.error("it leads nowhere"))?;
            url = url.join(location).map_err(|error| self.error(&error.to_string()))?;
            self.allow(&url)?;
        }
        Err(self.error("it leads in circles"))
    }

    /// A token for whoever asks: what the registry's own answer names as the place to get one.
    async fn anonymous_token(&self, answer: &Response) -> Result<domain::Secret, ImageError> {
        let header = answer.headers().get(WWW_AUTHENTICATE).and_then(|header| header.to_str().ok());
        let challenge = header.and_then(Challenge::read);
        let challenge = challenge.ok_or_else(|| self.error("it lets nobody in without a login"))?;
        let mut url =
            Url::parse(&challenge.realm).map_err(|error| self.error(&error.to_string()))?;
        self.allow(&url)?;
        let scope = format!("repository:{}:pull", self.reference.repository);
        url.query_pairs_mut().append_pair("scope", &scope);
        if let Some(service) = &challenge.service {
            url.query_pairs_mut().append_pair("service", service);
        }
        let sent = self.client.get(url).send().await.map_err(|error| self.error(&chain(&error)))?;
        if sent.status() != StatusCode::OK {
            return Err(
                self.error(&format!("where it gives out tokens, {} was answered", sent.status()))
            );
        }
        let mut answer = sent;
        let mut text = Vec::new();
        while let Some(chunk) = self.chunk(&mut answer).await? {
            text.extend(chunk);
            if text.len() as u64 > TEXT_MAX_BYTES {
                return Err(self.error("its token is longer than 4 MiB"));
            }
        }
        challenge::token(&text)
            .ok_or_else(|| self.error("where it gives out tokens, none was answered"))
    }

    /// Never without TLS where that was not said, however an answer puts it.
    fn allow(&self, url: &Url) -> Result<(), ImageError> {
        if url.scheme() == "https" || (self.plain && url.scheme() == "http") {
            return Ok(());
        }
        Err(self.error(&format!(
            "it leads to {}, which is not https",
            url.origin().ascii_serialization()
        )))
    }

    async fn chunk(&self, answer: &mut Response) -> Result<Option<bytes::Bytes>, ImageError> {
        let chunk = tokio::time::timeout(SILENCE_MAX, answer.chunk()).await;
        let chunk = chunk.map_err(|_| self.error("it has stopped to answer"))?;
        chunk.map_err(|error| self.error(&chain(&error)))
    }

    fn error(&self, why: &str) -> ImageError {
        registry_error(self.reference, why)
    }
}

fn registry_error(reference: &Reference, why: &str) -> ImageError {
    let hint = if why.contains("login") {
        "get it as an OCI layout with a tool that has your login, then `hob image import` it"
    } else {
        "look at the reference and at the registry; one without TLS needs --plain-http"
    };
    ImageError::Registry {
        registry: reference.registry.clone(),
        why: why.to_owned(),
        hint: hint.to_owned(),
    }
}
