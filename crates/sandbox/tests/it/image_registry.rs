//! Images from a real registry: Debian's `docker-registry`, started on a free port of the loopback, stopped by its pid.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use domain::Digest;
use sandbox::image::{ImageError, Images, Root, Watcher};

use crate::image_parts::{content, entry, image, tar};

/// Dropping it stops it.
struct Registry {
    process: Child,
    folder: tempfile::TempDir,
    address: String,
}

impl Registry {
    #[expect(clippy::disallowed_methods, reason = "the test starts the registry that it asks")]
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let config = folder.path().join("config.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            folder.path().join("data").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("docker-registry: {error}; get it by `apt-get install docker-registry`")
            });
        let said = BufReader::new(process.stderr.take().unwrap());
        let mut lines = said.lines();
        let heard = lines.by_ref().map_while(Result::ok).any(|line| line.contains("listening on"));
        assert!(heard, "the registry listens");
        // It goes on to speak, and must not be made to wait for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { process, folder, address }
    }

    /// Puts an image there as every client does. Gives back the manifest's digest.
    async fn push(&self, name: &str, tag: &str, layers: &[Vec<u8>]) -> Digest {
        // Another test may have done so before.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::new();
        let all = image(layers);
        let (manifest, blobs) = all.split_last().unwrap();
        for blob in blobs {
            let begun = client
                .post(format!("http://{}/v2/{name}/blobs/uploads/", self.address))
                .send()
                .await
                .unwrap();
            let place = begun.headers()["location"].to_str().unwrap().to_owned();
            let place = format!("{place}&digest={}", Digest::of(blob));
            let put = client.put(place).body(blob.clone()).send().await.unwrap();
            assert_eq!(put.status(), 201);
        }
        let put = client
            .put(format!("http://{}/v2/{name}/manifests/{tag}", self.address))
            .header("content-type", "application/vnd.oci.image.manifest.v1+json")
            .body(manifest.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(put.status(), 201);
        Digest::of(manifest)
    }

    /// Where it keeps a blob.
    fn blob(&self, digest: Digest) -> std::path::PathBuf {
        let hex = digest.hex();
        let below =
            format!("data/docker/registry/v2/blobs/sha256/{}/{hex}/data", hex.get(..2).unwrap());
        self.folder.path().join(below)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn layers() -> Vec<Vec<u8>> {
    let base = tar(&[entry("etc/a", b'0', b"1", ""), entry("etc/b", b'0', b"1", "")]);
    let top = tar(&[entry("etc/a", b'0', b"2", ""), entry("etc/.wh.b", b'0', b"", "")]);
    vec![base, top]
}

async fn pull(images: &Images, reference: &str) -> Result<Root, ImageError> {
    images.pull(reference, "pulled", false, &Watcher::nobody()).await
}

#[tokio::test]
async fn an_image_is_pulled_by_tag_and_by_digest() {
    let registry = Registry::start();
    let digest = registry.push("team/app", "1.0", &layers()).await;
    let state = tempfile::tempdir().unwrap();
    let images = Images::open(state.path()).unwrap();
    let root = pull(&images, &format!("{}/team/app:1.0", registry.address)).await.unwrap();
    assert_eq!(content(&root.file, "etc/a"), "2");
    assert!(root.made_from.ends_with(&format!("/team/app:1.0@{digest}")), "{}", root.made_from);
    let same = pull(&images, &format!("{}/team/app@{digest}", registry.address)).await.unwrap();
    assert_eq!(same.digest, root.digest);
    let error = pull(&images, &format!("{}/team/app:2.0", registry.address)).await.unwrap_err();
    assert!(error.to_string().contains("it has no manifests/2.0"), "{error}");
}

#[tokio::test]
async fn what_the_registry_changed_is_refused() {
    let registry = Registry::start();
    let digest = registry.push("app", "1", &layers()).await;
    let state = tempfile::tempdir().unwrap();
    let images = Images::open(state.path()).unwrap();
    let layer = registry.blob(Digest::of(&layers()[0]));
    let mut bytes = std::fs::read(&layer).unwrap();
    bytes[512] ^= 1;
    std::fs::write(&layer, bytes).unwrap();
    let error = pull(&images, &format!("{}/app@{digest}", registry.address)).await.unwrap_err();
    assert!(error.to_string().contains("what it gave as sha256:"), "{error}");
    std::fs::write(registry.blob(digest), b"{}").unwrap();
    let error = pull(&images, &format!("{}/app@{digest}", registry.address)).await.unwrap_err();
    assert!(matches!(error, ImageError::Registry { .. }), "{error}");
    assert!(images.list().unwrap().roots.is_empty());
}

#[tokio::test]
async fn a_hostile_layer_is_refused_with_its_name() {
    let registry = Registry::start();
    let layer = tar(&[entry("../evil", b'0', b"x", "")]);
    registry.push("evil", "latest", std::slice::from_ref(&layer)).await;
    let state = tempfile::tempdir().unwrap();
    let images = Images::open(state.path()).unwrap();
    let error = pull(&images, &format!("{}/evil", registry.address)).await.unwrap_err().to_string();
    assert!(
        error.contains(&Digest::of(&layer).to_string()) && error.contains("`../evil`"),
        "{error}"
    );
    assert!(images.list().unwrap().roots.is_empty());
}
