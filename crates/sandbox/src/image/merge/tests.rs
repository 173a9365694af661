//! Layers against a plain model of what they mean, and against those who mean harm.

use std::collections::BTreeMap;
use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::image::Watcher;
use crate::image::tar::{Entry, Meta, Reader, Writer};

/// What a made-up layer holds.
#[derive(Debug, Clone)]
enum Item {
    Folder(String),
    File(String, String),
    Link(String, String),
    Hard(String, String),
    Gone(String),
    Opaque(String),
}

fn entry(path: &str, kind: Kind, size: usize) -> Entry {
    let meta = Meta { mode: 0o755, ..Meta::default() };
    Entry { path: path.as_bytes().to_vec(), kind, meta, size: size as u64 }
}

fn tar(items: &[Item]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for item in items {
        let (entry, content) = match item {
            Item::Folder(path) => (entry(path, Kind::Folder, 0), ""),
            Item::File(path, content) => (entry(path, Kind::File, content.len()), content.as_str()),
            Item::Link(path, target) => {
                (entry(path, Kind::Link(target.clone().into_bytes()), 0), "")
            }
            Item::Hard(path, target) => {
                (entry(path, Kind::HardLink(target.clone().into_bytes()), 0), "")
            }
            Item::Gone(path) => {
                let (folder, name) = path
                    .rsplit_once('/')
                    .map_or(("", path.as_str()), |(folder, name)| (folder, name));
                (entry(format!("{folder}/.wh.{name}").trim_start_matches('/'), Kind::File, 0), "")
            }
            Item::Opaque(path) => (entry(&format!("{path}/.wh..wh..opq"), Kind::File, 0), ""),
        };
        writer.begin(&entry).unwrap();
        writer.content(content.as_bytes()).unwrap();
    }
    writer.end().unwrap()
}

const SMALL: Limits = Limits {
    entries: 1000,
    bytes: 1 << 20,
    file_bytes: 1 << 16,
    free_bytes: 1 << 16,
    ..Limits::USUAL
};

fn merged_of(layers: Vec<Vec<u8>>) -> Result<Vec<(Entry, Vec<u8>)>, String> {
    let layers: Vec<_> = layers
        .into_iter()
        .enumerate()
        .map(|(at, bytes)| Packed::bytes(&format!("layer {at}"), bytes))
        .collect();
    let tree = merge(&layers, &SMALL, &Watcher::nobody()).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    tree.write(&layers, &mut out, &Watcher::nobody()).map_err(|error| error.to_string())?;
    let mut reader = Reader::new(out.as_slice());
    let mut found = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut reader.contents(), &mut content).unwrap();
        found.push((entry, content));
    }
    Ok(found)
}

/// Paths with what is there: `dir`, `-> target`, or the content (through hard links).
fn merged(layers: &[&[Item]]) -> BTreeMap<String, String> {
    let found = merged_of(layers.iter().map(|items| tar(items)).collect()).unwrap();
    shown(&found)
}

fn shown(found: &[(Entry, Vec<u8>)]) -> BTreeMap<String, String> {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for (entry, content) in found {
        let path = String::from_utf8(entry.path.clone()).unwrap();
        let what = match &entry.kind {
            Kind::Folder => "dir".to_owned(),
            Kind::Link(target) => format!("-> {}", String::from_utf8_lossy(target)),
            Kind::HardLink(target) => shown[&*String::from_utf8_lossy(target)].clone(),
            _ => String::from_utf8_lossy(content).into_owned(),
        };
        assert!(shown.insert(path.clone(), what).is_none(), "{path} is there twice");
    }
    shown
}

fn of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(path, what)| ((*path).to_owned(), (*what).to_owned())).collect()
}

fn s(text: &str) -> String {
    text.to_owned()
}

#[test]
fn the_top_layer_wins_and_whiteouts_hide() {
    let base = [
        Item::Folder(s("./")),
        Item::Folder(s("etc/")),
        Item::File(s("etc/a"), s("1")),
        Item::File(s("etc/b"), s("1")),
        Item::File(s("opt/x/y"), s("1")),
        Item::Link(s("bin"), s("usr/bin")),
        Item::Folder(s("usr/bin")),
    ];
    let top = [
        Item::File(s("etc/a"), s("2")),
        Item::Gone(s("etc/b")),
        Item::File(s("bin/tool"), s("through the link")),
        // In either order: only lower layers are hidden.
        Item::File(s("opt/x/new"), s("2")),
        Item::Opaque(s("opt/x")),
    ];
    assert_eq!(
        merged(&[&base, &top]),
        of(&[
            ("bin", "-> usr/bin"),
            ("etc", "dir"),
            ("etc/a", "2"),
            ("opt", "dir"),
            ("opt/x", "dir"),
            ("opt/x/new", "2"),
            ("usr", "dir"),
            ("usr/bin", "dir"),
            ("usr/bin/tool", "through the link"),
        ])
    );
}

#[test]
fn kinds_replace_each_other_and_a_folder_keeps_what_lies_in_it() {
    let base =
        [Item::File(s("a/b"), s("1")), Item::File(s("c"), s("1")), Item::Link(s("d"), s("a"))];
    let top = [
        Item::Folder(s("a")),
        Item::Folder(s("c")),
        Item::Folder(s("d")),
        Item::File(s("c/x"), s("2")),
    ];
    let both = of(&[("a", "dir"), ("a/b", "1"), ("c", "dir"), ("c/x", "2"), ("d", "dir")]);
    assert_eq!(merged(&[&base, &top]), both);
    assert_eq!(merged(&[&base, &top, &[Item::File(s("a"), s("3"))]])["a"], "3");
    assert!(!merged(&[&base, &[Item::File(s("a"), s("3"))]]).contains_key("a/b"));
}

#[test]
fn hard_links_are_names_of_what_is_there_across_layers() {
    let base = [Item::File(s("a"), s("1")), Item::Hard(s("b"), s("a"))];
    assert_eq!(merged(&[&base]), of(&[("a", "1"), ("b", "1")]));
    let top = [Item::Hard(s("c"), s("./b")), Item::Gone(s("a"))];
    assert_eq!(merged(&[&base, &top]), of(&[("b", "1"), ("c", "1")]));
    let other = [Item::File(s("a"), s("2"))];
    assert_eq!(
        merged(&[&base, &other]),
        of(&[("a", "2"), ("b", "1")]),
        "the other name keeps its content"
    );
}

#[track_caller]
fn refused(items: &[Item], why: &str) {
    let error = merged_of(vec![tar(items)]).unwrap_err();
    assert!(error.contains(why) && error.contains("layer 0"), "{error}");
}

#[test]
fn hostile_entries_are_refused_with_layer_and_path() {
    let file = |path: &str| [Item::File(s(path), s("x"))];
    refused(&file("../x"), "`../x`: its path holds `..`");
    refused(&file("a/../../x"), "its path holds `..`");
    refused(&file("/etc/passwd"), "`/etc/passwd`: its path is absolute");
    refused(&file(&"n".repeat(256)), "longer than 255 bytes");
    refused(&file(&"n/".repeat(3000)), "longer than 4095 bytes");
    refused(&file("a/.wh..."), "a whiteout of nothing");
    refused(&file("a/.wh."), "a whiteout of nothing");
    let link = |path: &str, target: &str| [Item::Link(s(path), s(target))];
    refused(&link("a/l", "../../x"), "leaves the root");
    refused(&link("l", "/../x"), "leaves the root");
    refused(&link("l", ""), "not a path");
    refused(&link("l", &"x/".repeat(3000)), "not a path");
    refused(&[Item::Hard(s("h"), s("nothing"))], "a hard link to what is not there");
    refused(&[Item::Hard(s("h"), s("../x"))], "`..`");
    refused(&[Item::Hard(s("h"), s("/etc/shadow"))], "absolute");
    refused(&[Item::Folder(s("d")), Item::Hard(s("h"), s("d"))], "a hard link to a folder");
    refused(&[Item::Link(s("l"), s("m")), Item::File(s("l/x"), s("1"))], "leads nowhere");
    refused(&[Item::File(s("f"), s("1")), Item::File(s("f/x"), s("1"))], "its folder is not one");
    refused(&[Item::Link(s("l"), s("l")), Item::File(s("l/x"), s("1"))], "too many links");
}

#[test]
fn a_link_to_the_hosts_files_leads_to_the_machines_own() {
    let layer =
        [Item::Link(s("l"), s("/etc")), Item::Folder(s("etc")), Item::File(s("l/passwd"), s("x"))];
    assert_eq!(merged(&[&layer]), of(&[("etc", "dir"), ("etc/passwd", "x"), ("l", "-> /etc")]));
}

#[test]
fn devices_and_sparse_files_are_refused() {
    for (kind, why) in [(b'3', "device"), (b'4', "device"), (b'S', "sparse")] {
        let mut bytes = tar(&[Item::File(s("dev/sda"), s(""))]);
        bytes[156] = kind;
        let sum: u32 = bytes[..512]
            .iter()
            .enumerate()
            .map(|(at, b)| u32::from(if (148..156).contains(&at) { b' ' } else { *b }))
            .sum();
        bytes[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        let error = merged_of(vec![bytes]).unwrap_err();
        assert!(error.contains(why) && error.contains("`dev/sda`"), "{error}");
    }
}

#[test]
fn an_attribute_that_steers_an_overlay_is_refused_and_others_are_left_out() {
    let with = |name: &str| {
        let mut file = entry("f", Kind::File, 0);
        file.meta.attributes = vec![(name.as_bytes().to_vec(), b"v".to_vec())];
        let mut writer = Writer::new(Vec::new());
        writer.begin(&file).unwrap();
        merged_of(vec![writer.end().unwrap()])
    };
    assert!(with("trusted.overlay.redirect").unwrap_err().contains("steer an overlay"));
    assert!(with("security.selinux").unwrap()[0].0.meta.attributes.is_empty());
    assert_eq!(with("security.capability").unwrap()[0].0.meta.attributes.len(), 1);
}

#[test]
fn every_limit_has_its_refusal() {
    let many: Vec<_> = (0..1001).map(|at| Item::File(format!("f{at}"), s(""))).collect();
    refused(&many, "more than 1000 entries");
    let deep: Vec<_> =
        (0..2).map(|at| Item::File(format!("{at}/{}", "a/".repeat(600)), s(""))).collect();
    refused(&deep, "more than 1000 entries");
    refused(&[Item::File(s("f"), "x".repeat(1 << 17))], "larger than 65536 bytes");
    let total: Vec<_> =
        (0..20).map(|at| Item::File(format!("f{at}"), "x".repeat(1 << 16))).collect();
    refused(&total, "larger than 1048576 bytes");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![0; 1 << 20]).unwrap();
    let zeros = gzip.finish().unwrap();
    let mut behind = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    behind.write_all(&tar(&[Item::File(s("f"), s("x"))])).unwrap();
    behind.write_all(&vec![0; 1 << 20]).unwrap();
    for bomb in [zeros, behind.finish().unwrap()] {
        let error = merged_of(vec![bomb]).unwrap_err();
        assert!(error.contains("more than 200 times its size"), "{error}");
    }
}

#[test]
fn layers_may_be_compressed_either_way_and_what_is_cut_is_an_error() {
    let plain = tar(&[Item::File(s("f"), s("content"))]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(
        plain.as_slice(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    // A frame that is skipped, then the stream in two frames.
    let (head, tail) = plain.split_at(700);
    let mut frames = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    for part in [head, tail] {
        frames.extend(ruzstd::encoding::compress_to_vec(
            part,
            ruzstd::encoding::CompressionLevel::Fastest,
        ));
    }
    let gzip = gzip.finish().unwrap();
    for packed in [plain.clone(), gzip.clone(), zstd, frames] {
        let found = merged_of(vec![packed]).unwrap();
        assert_eq!(shown(&found), of(&[("f", "content")]));
    }
    merged_of(vec![gzip[..gzip.len() - 20].to_vec()]).unwrap_err();
    merged_of(vec![plain[..515].to_vec()]).unwrap_err();
}

#[test]
fn a_layer_that_unpacks_to_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layer");
    let bytes = tar(&[Item::File(s("f"), s("content"))]);
    std::fs::write(&path, &bytes).unwrap();
    let packed = |digest| [Packed::file(s("it"), path.clone(), Some(digest))];
    merge(&packed(domain::Digest::of(&bytes)), &SMALL, &Watcher::nobody()).unwrap();
    let error =
        merge(&packed(domain::Digest::of(b"other")), &SMALL, &Watcher::nobody()).unwrap_err();
    assert!(error.to_string().contains("does not unpack to"), "{error}");
}

/// The same semantics over whole paths, without links: what the tree is held to.
fn model(layers: &[Vec<Item>]) -> BTreeMap<String, String> {
    let mut now: BTreeMap<String, String> = BTreeMap::new();
    let below = |map: &mut BTreeMap<String, String>, path: &str| {
        map.retain(|other, _| !other.starts_with(&format!("{path}/")));
    };
    for layer in layers {
        let mut added: BTreeMap<String, String> = BTreeMap::new();
        for item in layer {
            match item {
                Item::Gone(path) => {
                    below(&mut now, path);
                    now.remove(path);
                }
                Item::Opaque(path) => below(&mut now, path),
                _ => {}
            }
        }
        for item in layer {
            let (path, what) = match item {
                Item::Folder(path) => (path, "dir"),
                Item::File(path, content) => (path, content.as_str()),
                _ => continue,
            };
            if what != "dir" {
                below(&mut now, path);
                below(&mut added, path);
            }
            for (at, _) in path.match_indices('/') {
                let folder = path.get(..at).unwrap();
                if !added.contains_key(folder) && now.get(folder).is_none_or(|what| what != "dir") {
                    added.insert(folder.to_owned(), s("dir"));
                }
            }
            added.insert(path.clone(), s(what));
        }
        now.extend(added);
    }
    now
}

fn item() -> impl Strategy<Value = Item> {
    // Folders are upper-case and files lower-case, so that no path leads through a file.
    let folder = proptest::collection::vec(prop::sample::select(vec!["A", "B"]), 1..3)
        .prop_map(|parts| parts.join("/"));
    let file = (folder.clone(), prop::sample::select(vec!["x", "y"]))
        .prop_map(|(folder, name)| format!("{folder}/{name}"));
    prop_oneof![
        2 => folder.clone().prop_map(Item::Folder),
        5 => (file.clone(), "[a-z]{0,5}").prop_map(|(path, content)| Item::File(path, content)),
        1 => folder.clone().prop_map(Item::Gone),
        1 => file.prop_map(Item::Gone),
        1 => folder.prop_map(Item::Opaque),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_layers_merge_as_the_model_says(layers in proptest::collection::vec(proptest::collection::vec(item(), 0..8), 1..5)) {
        let found = merged_of(layers.iter().map(|items| tar(items)).collect()).unwrap();
        prop_assert_eq!(shown(&found), model(&layers));
    }

    #[test]
    fn whatever_a_layer_holds_what_comes_out_stays_below_the_root(
        layers in proptest::collection::vec(proptest::collection::vec(
            ("[AB./]{0,6}(\\.wh\\.)?[ab.]{0,3}", 0u8..6, "[ab./]{0,8}"), 0..12), 1..4),
        flips in proptest::collection::vec((0usize..8192, any::<u8>()), 0..3),
    ) {
        let layers = layers.into_iter().map(|items| {
            let items: Vec<_> = items.into_iter().map(|(path, kind, other)| match kind {
                0 => Item::Folder(path),
                1 | 2 => Item::File(path, other),
                3 => Item::Link(path, other),
                4 => Item::Hard(path, other),
                _ => Item::Gone(path),
            }).collect();
            let mut bytes = tar(&items);
            for (at, byte) in &flips {
                let length = bytes.len();
                bytes[at % length] = *byte;
            }
            bytes
        });
        if let Ok(found) = merged_of(layers.collect()) {
            let mut seen = std::collections::BTreeSet::new();
            for (entry, _) in found {
                let parts = path::parts(&entry.path).unwrap();
                prop_assert_eq!(parts.join(&b'/'), entry.path.clone());
                prop_assert!(!parts.is_empty());
                // Each folder comes before what lies in it, and what a hard link names before the link.
                if let Some((_, folder)) = parts.split_last().filter(|(_, folder)| !folder.is_empty()) {
                    prop_assert!(seen.contains(&folder.join(&b'/')));
                }
                if let Kind::HardLink(target) = &entry.kind {
                    prop_assert!(seen.contains(target));
                }
                prop_assert!(seen.insert(entry.path));
            }
        }
    }
}
