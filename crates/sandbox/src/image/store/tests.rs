//! What was half-made goes, what was made stays whole, and two never make at once.

use std::sync::mpsc;

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    (state, store)
}

fn put(making: &Making, text: &str) -> Digest {
    let folder = making.folder(text).unwrap();
    fs::write(folder.join("content"), text).unwrap();
    let digest = Digest::of(text.as_bytes());
    making.put(&folder, Shelf::Roots, digest, &text.to_owned()).unwrap();
    digest
}

#[test]
fn what_was_put_is_found_by_digest_and_name_until_it_is_removed() {
    let (_state, store) = store();
    let making = store.making(|| {}).unwrap();
    let digest = put(&making, "a");
    assert_eq!(put(&making, "a"), digest, "the same once more is no error");
    making.name("mine", digest).unwrap();
    assert_eq!(store.digests(Shelf::Roots).unwrap(), [digest]);
    assert_eq!(store.about::<String>(Shelf::Roots, digest).unwrap().as_deref(), Some("a"));
    assert_eq!(store.named().unwrap(), [("mine".to_owned(), digest)]);
    let file = store.place(Shelf::Roots, digest).join("content");
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o444);
    making.unname("mine").unwrap();
    making.remove(Shelf::Roots, digest).unwrap();
    assert!(store.digests(Shelf::Roots).unwrap().is_empty() && store.named().unwrap().is_empty());
    assert!(store.about::<String>(Shelf::Roots, digest).unwrap().is_none());
}

#[test]
fn what_a_process_left_half_made_is_removed_by_the_next_one() {
    let (state, store) = store();
    let making = store.making(|| {}).unwrap();
    let half = making.folder("half").unwrap();
    fs::write(half.join("content"), "x").unwrap();
    // As a kill leaves it: nobody cleans up, and the lock is free.
    let Making { folder, _lock: lock, .. } = making;
    let left = folder.keep();
    drop(lock);
    assert!(left.join("half/content").exists());
    let next = store.making(|| {}).unwrap();
    assert!(!left.exists());
    assert!(store.digests(Shelf::Roots).unwrap().is_empty());
    drop(next);
    assert_eq!(fs::read_dir(state.path().join("images/making")).unwrap().count(), 0);
}

#[test]
fn two_never_make_at_once_and_the_second_says_that_it_waits() {
    let (_state, store) = store();
    let first = store.making(|| {}).unwrap();
    let (waits, waiting) = mpsc::channel();
    let second = {
        let store = store.clone();
        std::thread::spawn(move || {
            let making = store.making(|| waits.send(()).unwrap()).unwrap();
            store.digests(Shelf::Roots).map(|found| (found, making)).unwrap().0
        })
    };
    waiting.recv().unwrap();
    let digest = put(&first, "a");
    drop(first);
    assert_eq!(second.join().unwrap(), [digest], "it sees what the first one has made");
}

#[test]
fn names_are_plain() {
    for name in ["default", "a", "debian-12.1_x"] {
        check_name(name).unwrap();
    }
    for name in ["", ".", "..", "../x", "a/b", "A", "-a", ".a", "a b", &"a".repeat(65)] {
        assert!(check_name(name).is_err(), "{name}");
    }
}
