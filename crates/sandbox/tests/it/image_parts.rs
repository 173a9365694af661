//! What image tests are made with: tars byte by byte, OCI layouts, and what a squashfs holds.

use std::path::Path;
use std::process::{Command, Output};

use domain::Digest;
use serde_json::json;

/// The output of a program that has to be there and to succeed.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "the test looks with the distribution's own programs"
)]
pub(crate) fn run(program: &str, package: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{program}: {error}; get it by `apt-get install {package}`")
    });
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// One file of a squashfs.
#[track_caller]
pub(crate) fn content(squashfs: &Path, path: &str) -> String {
    let output = run("unsquashfs", "squashfs-tools", &["-cat", squashfs.to_str().unwrap(), path]);
    String::from_utf8(output.stdout).unwrap()
}

/// The listing of a squashfs: mode, owner, size, time, path.
#[track_caller]
pub(crate) fn listing(squashfs: &Path) -> String {
    let output = run("unsquashfs", "squashfs-tools", &["-llnumeric", squashfs.to_str().unwrap()]);
    String::from_utf8(output.stdout).unwrap()
}

/// An entry of a tar as POSIX has it.
pub(crate) fn entry(path: &str, kind: u8, content: &[u8], link: &str) -> Vec<u8> {
    let mut head = vec![0; 512];
    let mut put = |at: usize, text: &[u8]| head[at..at + text.len()].copy_from_slice(text);
    put(0, path.as_bytes());
    put(100, b"0000755\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000001750\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    head.extend(content);
    head.resize(head.len().next_multiple_of(512), 0);
    head
}

/// A tar of these entries.
pub(crate) fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend([0; 1024]);
    bytes
}

/// An image of these layers: its blobs, the manifest last.
pub(crate) fn image(layers: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let name = |bytes: &[u8]| Digest::of(bytes).to_string();
    let diff_ids: Vec<_> = layers.iter().map(|layer| name(layer)).collect();
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": { "Env": ["PATH=/usr/bin", "A=b=c"] },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = serde_json::to_vec(&config).unwrap();
    let kind = "application/vnd.oci.image.layer.v1.tar";
    let described: Vec<_> = layers
        .iter()
        .map(|layer| json!({ "mediaType": kind, "digest": name(layer), "size": layer.len() }))
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": name(&config),
            "size": config.len(),
        },
        "layers": described,
    });
    let manifest = serde_json::to_vec(&manifest).unwrap();
    layers.iter().cloned().chain([config, manifest]).collect()
}

/// A layout of these layers in a folder.
pub(crate) fn layout(folder: &Path, layers: &[Vec<u8>]) {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let all = image(layers);
    for blob in &all {
        std::fs::write(blobs.join(Digest::of(blob).hex()), blob).unwrap();
    }
    let manifest = all.last().unwrap();
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": Digest::of(manifest).to_string(),
            "size": manifest.len(),
            "platform": { "architecture": "amd64", "os": "linux" },
        }],
    });
    std::fs::write(folder.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}
