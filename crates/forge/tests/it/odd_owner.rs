//! A repository of somebody else's, seen by root: what is added to it belongs to its owner.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::Path;

use domain::Fence;
use forge::local::Branch;

use crate::house::{House, attempt, forge};

fn owners(folder: &Path, found: &mut Vec<(std::path::PathBuf, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap();
        found.push((path.clone(), kind.uid()));
        if kind.is_dir() {
            owners(&path, found);
        }
    }
}

/// Only root can make a file of somebody else's: for everybody else the owner is the one there is.
#[tokio::test]
async fn what_root_adds_to_a_repository_belongs_to_its_owner() {
    const SOMEBODY: u32 = 12_345;
    let house = House::new().await;
    // As the folders that repositories lie in usually are.
    fs::set_permissions(house.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let place = house.repository("app");
    let mut all = vec![(place.clone(), 0)];
    owners(&place, &mut all);
    let root = fs::metadata(&place).unwrap().uid() == 0;
    for (path, _) in all.iter().filter(|_| root) {
        lchown(path, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    }
    let owner = fs::metadata(&place).unwrap().uid();
    let (mirror, found) = house.refreshed(&place).await;
    let machine = house.machine(&mirror, &found).await;
    fs::write(machine.checkout().join("new"), "new").unwrap();
    let attempt = attempt(1);
    let change = machine.ingest(&mirror, attempt).await.unwrap().change;
    let branch = Branch::of(attempt.run, "new", change.base, change.head);
    forge(&mirror).propose(&branch, Fence(2)).await.unwrap();
    let mut all = Vec::new();
    owners(&place, &mut all);
    let foreign: Vec<_> = all.iter().filter(|(_, uid)| *uid != owner).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}
