//! Data folders and repositories that belong to somebody else: who may not use them is told which and what to do.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use crate::household::{Household, Told};

/// A user and a group that own nothing.
const NOBODY: u32 = 65_534;

fn root() -> bool {
    rustix::process::getuid().is_root()
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Does something while others have these rights to a place. Who cannot become another (only root can) takes
/// the same rights away from themselves.
fn while_others_may<T>(place: &Path, rights: u32, then: impl FnOnce() -> T) -> T {
    let before = std::fs::metadata(place).unwrap().permissions();
    mode(place, if root() { 0o700 | rights } else { rights << 6 });
    let done = then();
    std::fs::set_permissions(place, before).unwrap();
    done
}

/// A household that others may enter.
fn open_house() -> Household {
    let house = Household::with_sample();
    mode(house.repo().parent().unwrap(), 0o755);
    house
}

/// Asks for a run as somebody who is neither root nor the owner of the repository.
#[expect(clippy::disallowed_methods, reason = "a story starts hob as another person would")]
fn as_other(house: &Household, data: &Path) -> Told {
    let hob = env!("CARGO_BIN_EXE_hob");
    let mut command = std::process::Command::new(if root() { "setpriv" } else { hob });
    if root() {
        command
            .args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"])
            .arg(hob);
    }
    command
        .args(["run", "dependency-updates", "--json", "--repo"])
        .arg(house.repo())
        .current_dir("/")
        .env("HOME", "/nonexistent")
        .env("HOB_DATA", data);
    command.output().expect("`setpriv` is there: install util-linux").into()
}

/// Exit status 1, the place by its name, and a way out.
#[track_caller]
fn names(told: Told, place: &Path) {
    let told = told.expect(1);
    let place = place.to_str().unwrap();
    assert!(told.said.contains(place), "`{place}` is not named: {}", told.said);
    assert!(told.said.contains("hint: "), "{}", told.said);
    assert_eq!(told.out, "");
}

#[test]
fn a_data_folder_that_may_only_be_read_is_named() {
    let house = open_house();
    let before = house.standing();
    house.update(&[]).expect(0);
    let told = while_others_may(&house.data(), 0o5, || as_other(&house, &house.data()));
    names(told, &house.data());
    assert_eq!((house.runs().len(), house.standing()), (1, before));
    house.is_tidy();
}

#[test]
fn a_data_folder_that_may_not_be_entered_or_made_is_named() {
    let house = open_house();
    std::fs::create_dir(house.data()).unwrap();
    let told = while_others_may(&house.data(), 0, || as_other(&house, &house.data()));
    names(told, &house.data());
    let inside = house.beside("none");
    let told = while_others_may(inside.parent().unwrap(), 0o5, || as_other(&house, &inside));
    names(told, &inside);
}

#[test]
fn a_repository_that_may_not_be_read_is_named_and_nothing_begins() {
    let house = open_house();
    let data = house.beside("of-nobody");
    std::fs::create_dir(&data).unwrap();
    if root() {
        chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let told = while_others_may(&house.repo(), 0, || as_other(&house, &data));
    names(told, &house.repo());
}
