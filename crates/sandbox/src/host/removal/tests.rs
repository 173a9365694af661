//! Hostile trees go away, and nothing beside them.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn machine() -> (tempfile::TempDir, PathBuf) {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("machine");
    std::fs::create_dir_all(path.join("checkout")).unwrap();
    std::fs::write(path.join("owner"), "mark").unwrap();
    std::fs::write(outside.path().join("precious"), "kept").unwrap();
    (outside, path)
}

#[test]
fn links_are_removed_and_never_followed() {
    let (outside, path) = machine();
    std::fs::create_dir(outside.path().join("folder")).unwrap();
    std::fs::write(outside.path().join("folder/file"), "kept").unwrap();
    symlink(outside.path().join("precious"), path.join("checkout/link")).unwrap();
    symlink(outside.path().join("folder"), path.join("checkout/folder")).unwrap();
    symlink("loop", path.join("checkout/loop")).unwrap();
    remove_machine(&path, "owner").unwrap();
    assert!(!path.exists());
    assert_eq!(std::fs::read_to_string(outside.path().join("precious")).unwrap(), "kept");
    assert_eq!(std::fs::read_to_string(outside.path().join("folder/file")).unwrap(), "kept");
}

#[test]
fn folders_without_permissions_go_away() {
    let (_outside, path) = machine();
    let closed = path.join("checkout/a/b");
    std::fs::create_dir_all(closed.join("c/d")).unwrap();
    std::fs::write(closed.join("c/file"), "x").unwrap();
    for folder in [closed.join("c"), closed.clone(), path.join("checkout/a")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o0)).unwrap();
    }
    remove_machine(&path, "owner").unwrap();
    assert!(!path.exists());
}

#[test]
fn a_tree_deeper_than_any_path_goes_away() {
    let (_outside, path) = machine();
    let mut folder = rustix::fs::open(path.join("checkout"), FOLDER, Mode::empty()).unwrap();
    let name = CString::new("d".repeat(200)).unwrap();
    for _ in 0..3000 {
        rustix::fs::mkdirat(&folder, &name, Mode::RWXU).unwrap();
        folder = rustix::fs::openat(&folder, &name, FOLDER, Mode::empty()).unwrap();
    }
    drop(folder);
    remove_machine(&path, "owner").unwrap();
    assert!(!path.exists());
}

#[test]
fn more_names_than_are_held_at_a_time_go_away() {
    let (_outside, path) = machine();
    for i in 0..NAMES_MAX + 100 {
        std::fs::write(path.join(format!("checkout/{i}")), "").unwrap();
    }
    std::fs::write(path.join("checkout/.hob-removed-0"), "taken").unwrap();
    remove_machine(&path, "owner").unwrap();
    assert!(!path.exists());
}

#[test]
fn removing_what_is_gone_is_done_already() {
    let (_outside, path) = machine();
    remove_machine(&path, "owner").unwrap();
    remove_machine(&path, "owner").unwrap();
}
