//! Toolchains as a layer: in their places, without credentials, packed once until they change.

use std::collections::BTreeMap;
use std::fs;

use sandbox::image::{Images, Watcher};
use sandbox::namespaces::toolchains;

use crate::image_parts::{content, listing};

#[test]
fn toolchains_are_packed_once_until_they_change_and_no_credential_is_among_them() {
    let home = tempfile::tempdir().unwrap();
    let place = |below: &str| home.path().join(below);
    for (file, text) in [
        (".cargo/bin/cargo", "the program"),
        (".cargo/credentials.toml", "secret"),
        (".cargo/registry/cache/a.crate", "cached"),
        (".rustup/toolchains/stable/bin/rustc", "the compiler"),
        (".rustup/toolchains/stable/share/doc/rust/html/index.html", "docs"),
        (".rustup/toolchains/.netrc", "secret"),
        (".nvm/versions/node/v20.1.0/bin/node", "node"),
        (".nvm/versions/node/v20.1.0/lib/node_modules/npm/npmrc", "secret"),
    ] {
        fs::create_dir_all(place(file).parent().unwrap()).unwrap();
        fs::write(place(file), text).unwrap();
    }
    std::os::unix::fs::symlink("rustc", place(".rustup/toolchains/stable/bin/link")).unwrap();
    let state = tempfile::tempdir().unwrap();
    let find = || {
        let variables: BTreeMap<_, _> = [
            ("HOME".to_owned(), home.path().to_str().unwrap().to_owned()),
            ("PATH".to_owned(), String::new()),
        ]
        .into();
        toolchains::find(&variables, &[], state.path())
    };
    let images = Images::open(state.path()).unwrap();
    let packed = || images.toolchains(&find(), &Watcher::nobody()).unwrap();
    let [layer] = <[_; 1]>::try_from(packed()).unwrap();
    let list = listing(&layer.file);
    let below = |path: &str| place(path).to_str().unwrap().trim_start_matches('/').to_owned();
    for (held, text) in [
        (".cargo/bin/cargo", "the program"),
        (".rustup/toolchains/stable/bin/rustc", "the compiler"),
    ] {
        assert_eq!(content(&layer.file, &below(held)), text);
    }
    assert!(list.contains("/bin/link -> rustc"), "{list}");
    for hidden in ["credentials", ".netrc", "npmrc", "registry", "share/doc"] {
        assert!(!list.contains(hidden), "{hidden}: {list}");
    }
    for (inside, outside) in &layer.mounts {
        assert_eq!(format!("/{inside}"), *outside);
        assert!(list.contains(outside.as_str()), "{outside}");
    }
    assert_eq!(packed(), std::slice::from_ref(&layer), "as it is there");
    fs::write(place(".rustup/toolchains/stable/bin/rustc"), "a newer compiler").unwrap();
    let [newer] = <[_; 1]>::try_from(packed()).unwrap();
    assert_ne!(newer.digest, layer.digest);
    assert!(!layer.file.exists(), "the old one is gone");
}
