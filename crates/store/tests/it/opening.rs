//! Opening folders of every kind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use store::conformance::sample::{Sample, insert};
use store::sqlite::{Options, Sqlite};
use store::{Error, Store as _};

fn open(dir: &Path) -> Result<Sqlite, Error> {
    Sqlite::open(dir, &Options::default())
}

fn by_hand(dir: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(dir.join("store.sqlite")).unwrap();
    conn.execute_batch(sql).unwrap();
}

#[test]
fn a_folder_is_made_for_its_owner_only_and_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("new").join("data");
    let run = Sample::default().run("work");
    let first = open(&folder).unwrap();
    super::block_on(first.commit(insert(&[&run]))).unwrap();
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let second = open(&folder).unwrap();
    assert!(super::block_on(second.run(run.id)).unwrap().is_some());
    drop((first, second));
    let third = open(&folder).unwrap();
    assert!(super::block_on(third.run(run.id)).unwrap().is_some());
}

#[test]
fn a_store_of_a_newer_hob_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    by_hand(dir.path(), "PRAGMA user_version = 999");
    let e = open(dir.path()).unwrap_err();
    assert!(matches!(e, Error::TooNew { found: 999, known } if known == Sqlite::schema_version()));
    assert!(e.to_string().contains("use the newer hob"), "{e}");
}

#[test]
fn a_store_of_the_first_version_is_brought_along() {
    let dir = tempfile::tempdir().unwrap();
    by_hand(dir.path(), include_str!("../../migrations/0001-first-tables.sql"));
    by_hand(dir.path(), "PRAGMA application_id = 0x686f6231; PRAGMA user_version = 1");
    let run = Sample::default().run("work");
    let store = open(dir.path()).unwrap();
    super::block_on(store.commit(insert(&[&run]))).unwrap();
    assert!(super::block_on(store.is_cleared()).unwrap());
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    by_hand(dir.path(), "CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')");
    let e = open(dir.path()).unwrap_err();
    assert!(e.to_string().contains("a database of some other program"), "{e}");
    let conn = rusqlite::Connection::open(dir.path().join("store.sqlite")).unwrap();
    let soup: String = conn.query_row("SELECT name FROM recipes", [], |row| row.get(0)).unwrap();
    assert_eq!(soup, "soup");
    drop(conn);
    std::fs::write(
        dir.path().join("store.sqlite"),
        "this is no database at all, not even a bit of one",
    )
    .unwrap();
    assert!(matches!(open(dir.path()), Err(Error::Corrupt { .. })));
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for folder in [&file, &file.join("below"), Path::new("/proc/1/hob")] {
        let e = open(folder).unwrap_err();
        assert!(matches!(e, Error::Io { .. }), "{e:?}");
        assert!(e.to_string().contains(&folder.display().to_string()), "{e}");
    }
}
