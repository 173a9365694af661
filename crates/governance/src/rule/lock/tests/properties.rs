//! Whatever stands in a lock file: nothing panics, and nothing is found where nothing changes.

use proptest::prelude::*;

use super::*;
use crate::rule::lock::{
    address, cargo as cargo_lock, entry, integrity, npm as npm_lock, python as uv_lock,
};
use crate::tree::Tree;

const PATHS: [&str; 3] = ["Cargo.lock", "package-lock.json", "uv.lock"];

/// Pieces that lock files are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "version = 4\n",
        "version = 1\n",
        "[[package]]\n",
        "name = \"a\"\n",
        "version = \"1.0.0\"\n",
        "source = \"registry+https://x.invalid\"\n",
        "source = \"git+https://x.invalid?a=%2\"\n",
        "source = { registry = \"https://x.invalid\" }\n",
        "source = { virtual = \".\" }\n",
        "dependencies = [\"a\", \"b 1 (\"]\n",
        "dependencies = [{ name = \"a\" }]\n",
        "[metadata]\n",
        "[[patch.unused]]\n",
        "{",
        "}",
        "\"packages\":",
        "\"\":",
        "\"node_modules/a\":",
        ",",
        "[",
        "]",
        "\"lockfileVersion\": 3",
        "\"dependencies\":",
        "\"version\": \"1.0.0\"",
        "\"link\": true",
        "\"resolved\": \"é://\"",
        "wheels = [{ url = \"\" }]\n",
        "\u{feff}",
        "\0",
        "é",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Locks of npm that parse, with hostile places, versions and addresses.
fn npm_locks() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "",
        "a",
        "node_modules/a",
        "node_modules/",
        "node_modules/a/node_modules/b",
        "/",
        "é",
        "//x",
        "packages/x",
        "1.0.0",
        "npm:a@1",
        "git+ssh://x",
        "sha512-a",
        "sha1-",
        "https://é/a/-/a-1.0.0.tgz",
    ]);
    let fields = prop::collection::vec((0..7_usize, word.clone()), 0..5);
    prop::collection::btree_map(word, fields, 0..6).prop_map(|packages| {
        let keys = ["version", "resolved", "integrity", "name", "link", "inBundle", "dependencies"];
        let mut table = serde_json::Map::new();
        for (place, fields) in packages {
            let package = fields.into_iter().map(|(key, word)| {
                let value = match key {
                    4 | 5 => true.into(),
                    6 => serde_json::json!({ word: word }),
                    _ => word.into(),
                };
                (keys[key].to_owned(), value)
            });
            table.insert(place.to_owned(), package.collect::<serde_json::Map<_, _>>().into());
        }
        let old = table.clone();
        serde_json::json!({ "lockfileVersion": 2, "packages": table, "dependencies": old })
            .to_string()
    })
}

fn judged(path: &str, before: &str, after: &str) -> Decision {
    let sample = Sample::default().file(path, before, after).named("a", "1.1.0");
    sample.judged("lock").decision
}

proptest! {
    #[test]
    fn no_text_makes_the_rule_panic(before in pieces(), after in pieces(), any in ".*") {
        for path in PATHS {
            judged(path, &before, &after);
            judged(path, &any, &after);
        }
        for tree in [Tree::from_toml(&before), Tree::from_json(&before), Tree::from_toml(&any)] {
            let Ok(tree) = tree else { continue };
            for read in [cargo_lock::read, npm_lock::read, uv_lock::read] {
                let lock = read(&tree).unwrap_or_default();
                let inside = |entry: &entry::Entry| entry.needs.iter().all(|at| *at < lock.entries.len());
                prop_assert!(lock.entries.iter().all(inside));
            }
        }
        address::is_of(&any, &before);
        address::is_version(&any, &before, &any);
        address::origin(&any);
        integrity::change(&any, &before);
    }

    #[test]
    fn no_npm_lock_makes_the_rule_panic(before in npm_locks(), after in npm_locks()) {
        judged("package-lock.json", &before, &after);
    }

    #[test]
    fn the_same_lock_on_both_sides_gives_no_finding(text in pieces(), npm in npm_locks(), any in ".*") {
        for path in PATHS {
            for text in [&text, &npm, &any] {
                prop_assert_eq!(judged(path, text, text), Allow);
            }
        }
        // Nor does layout alone, where the lock can be read.
        if Tree::from_json(&npm).is_ok_and(|tree| npm_lock::read(&tree).is_ok()) {
            prop_assert_eq!(judged("package-lock.json", &npm, &format!("{npm}\n")), Allow);
        }
    }
}
