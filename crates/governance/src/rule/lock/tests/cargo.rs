//! `Cargo.lock`: what cargo really writes passes, what follows from nothing does not.

use super::*;

const REGISTRY: &str = "registry+https://x.invalid/index";

fn package(name: &str, version: &str, needs: &[&str]) -> String {
    let sum = format!("{name}-{version}-sum");
    let needs: String = needs.iter().map(|need| format!(" \"{need}\",\n")).collect();
    let needs = if needs.is_empty() { needs } else { format!("dependencies = [\n{needs}]\n") };
    format!(
        "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{REGISTRY}\"\nchecksum = \"{sum}\"\n{needs}"
    )
}

fn root(needs: &str) -> String {
    format!(
        "version = 4\n\n[[package]]\nname = \"root\"\nversion = \"0.1.0\"\ndependencies = [{needs}]\n"
    )
}

/// A project that uses `a`, which uses `b`, and `c`.
pub(super) fn lock(a: &str) -> String {
    root("\"a\", \"c\"")
        + &package("a", a, &["b"])
        + &package("b", "1.0.0", &[])
        + &package("c", "1.0.0", &[])
}

const TOLD: Told<'_> =
    Told { ecosystem: Ecosystem::Cargo, path: "Cargo.lock", asked: &[("a", "1.1.0")] };

#[test]
fn what_an_update_brings_moves_and_drops_passes_and_is_told() {
    TOLD.says(&lock("1.0.0"), &lock("1.1.0"), Allow);
    let after = root("\"a\", \"c\"")
        + &package("a", "1.1.0", &["n", "c"])
        + &package("c", "1.2.0", &[])
        + &package("n", "0.1.0", &["m"])
        + &package("m", "0.1.0", &[]);
    let said = TOLD.says(&lock("1.0.0"), &after, Allow);
    assert_eq!(said, "34: new packages that the updated ones need: m 0.1.0, n 0.1.0\n");
}

#[test]
fn two_versions_of_one_package_are_told_apart() {
    let before = root("\"a\", \"b 2.0.0\"")
        + &package("a", "1.0.0", &["b 1.0.0"])
        + &package("b", "1.0.0", &[])
        + &package("b", "2.0.0", &[]);
    let after = before
        .replace("\"a\"\nversion = \"1.0.0", "\"a\"\nversion = \"1.1.0")
        .replace("a-1.0.0-sum", "a-1.1.0-sum");
    TOLD.says(&before, &after, Allow);
    // The other one moves: nothing that is updated needs it.
    let trick = after.replace("2.0.0", "2.1.0");
    assert!(TOLD.says(&before, &trick, Deny).contains("`b 2.1.0`"));
}

#[test]
fn what_follows_from_nothing_is_denied_by_name_and_line() {
    let (before, after) = (lock("1.0.0"), lock("1.1.0"));
    let evil = after.clone() + &package("evil", "1.0.0", &[]);
    let said = TOLD.says(&before, &evil, Deny);
    assert!(said.starts_with("30: `evil 1.0.0`: a new package"), "{said}");
    for (from, to) in [
        // Hung below something that is not updated, or the project itself.
        ("\"a\", \"c\"", "\"a\", \"c\", \"evil\""),
        ("c-1.0.0-sum\"\n", "c-1.0.0-sum\"\ndependencies = [\n \"evil\",\n]\n"),
        // Using what is updated is no reason to be there.
        (
            "name = \"evil\"\nversion = \"1.0.0\"",
            "name = \"evil\"\nversion = \"1.0.0\"\ndependencies = [\"a\"]",
        ),
    ] {
        assert!(evil.contains(from));
        TOLD.says(&before, &evil.replace(from, to), Deny);
    }
    let moved = after.replace("\"c\"\nversion = \"1.0.0", "\"c\"\nversion = \"1.5.0");
    assert!(TOLD.says(&before, &moved, Deny).contains("`c 1.5.0`: its version or source changes"));
    let dropped = after.replace(&package("c", "1.0.0", &[]), "").replace(", \"c\"", "");
    assert!(TOLD.says(&before, &dropped, Deny).contains("`c 1.0.0` is dropped"));
    let lacking = after.replace(&package("c", "1.0.0", &[]), "");
    assert!(TOLD.says(&before, &lacking, Deny).contains("which the lock does not hold"));
    let twice = after.clone() + &package("a", "1.1.0", &[]);
    TOLD.says(&before, &twice, Deny);
}

#[test]
fn sources_checksums_and_replacements_stay() {
    let (before, after) = (lock("1.0.0"), lock("1.1.0"));
    for (from, to) in [
        ("c-1.0.0-sum", "other"),
        ("checksum = \"c-1.0.0-sum\"\n", ""),
        ("checksum = \"a-1.1.0-sum\"\n", ""),
        (
            "version = \"1.1.0\"\nsource = \"registry+https://x.invalid",
            "version = \"1.1.0\"\nsource = \"registry+https://y.invalid",
        ),
        ("version = \"1.1.0\"\nsource = \"registry+", "version = \"1.1.0\"\nsource = \"git+"),
        (
            "version = \"1.1.0\"\nsource = \"registry+https://x.invalid/index\"\n",
            "version = \"1.1.0\"\n",
        ),
        ("checksum = \"c-", "replace = \"c 1.0.0 (x)\"\nchecksum = \"c-"),
        ("checksum = \"c-", "unheard = \"of\"\nchecksum = \"c-"),
        ("version = 4", "version = 4\n[source]\nreplace-with = \"x\"\n"),
    ] {
        assert!(after.contains(from), "{from}");
        TOLD.says(&before, &after.replace(from, to), Deny);
    }
    // A lock with two registries: a package does not go from one to the other.
    let other = "registry+https://y.invalid/index";
    let c = package("c", "1.0.0", &[]);
    let (from, to) = (c.clone(), c.replace(REGISTRY, other));
    let (before, after) = (before.replace(&from, &to), after.replace(&from, &to));
    TOLD.says(&before, &after, Allow);
    let a = package("a", "1.1.0", &["b"]);
    let swapped = after.replace(&a, &a.replace(REGISTRY, other));
    assert!(TOLD.says(&before, &swapped, Deny).contains("another registry than before"));
}

#[test]
fn versions_that_go_down_or_are_not_those_named_need_a_person() {
    let said = TOLD.says(&lock("1.0.0"), &lock("1.3.0"), NeedsApproval);
    assert!(said.contains("`a 1.3.0` is another version than the update names"), "{said}");
    let down = lock("1.1.0").replace("\"b\"\nversion = \"1.0.0", "\"b\"\nversion = \"0.9.0");
    let said = TOLD.says(&lock("1.0.0"), &down, NeedsApproval);
    assert!(said.contains("`b 0.9.0` goes down from 1.0.0"), "{said}");
    let told = Told { asked: &[("a", "0.9.0")], ..TOLD };
    told.says(&lock("1.0.0"), &lock("0.9.0"), Allow);
}

#[test]
fn a_user_that_holds_an_update_back_moves_for_a_person_to_see() {
    let told = Told { asked: &[("b", "2.0.0")], ..TOLD };
    let after = lock("1.1.0")
        .replace("\"b\"\nversion = \"1.0.0", "\"b\"\nversion = \"2.0.0")
        .replace("b-1.0.0-sum", "b-2.0.0-sum");
    let said = told.says(&lock("1.0.0"), &after, NeedsApproval);
    assert!(said.contains("`a 1.1.0` is moved because it uses what is updated"), "{said}");
    // So does one that uses what only came along.
    let shared = |a: &str, b: &str, s: &str| {
        root("\"a\", \"s\"")
            + &package("a", a, &["b"])
            + &package("b", b, &[])
            + &package("s", s, &["b"])
    };
    let said = TOLD.says(
        &shared("1.0.0", "1.0.0", "1.0.0"),
        &shared("1.1.0", "2.0.0", "1.2.0"),
        NeedsApproval,
    );
    assert!(said.contains("`s 1.2.0` is moved because it uses"), "{said}");
}

#[test]
fn git_packages_move_only_by_name_and_stay_in_their_repository() {
    let git = |query: &str, commit: &str| {
        format!(
            "\n[[package]]\nname = \"g\"\nversion = \"1.0.0\"\nsource = \"git+https://x.invalid/g?{query}#{commit}\"\n"
        )
    };
    let with = |a: &str, git: &str| lock(a).replace("\"c\"]", "\"c\", \"g\"]") + git;
    let before = with("1.0.0", &git("branch=feature/x", "aaaa"));
    TOLD.says(&before, &with("1.1.0", &git("branch=feature/x", "aaaa")), Allow);
    // Version 4 of the format encodes what version 3 did not.
    TOLD.says(&before, &with("1.1.0", &git("branch=feature%2Fx", "aaaa")), Allow);
    TOLD.says(&before, &with("1.1.0", &git("branch=feature/x", "bbbb")), Deny);
    let told = Told { asked: &[("a", "1.1.0"), ("g", "1.0.0")], ..TOLD };
    told.says(&before, &with("1.1.0", &git("branch=feature/x", "bbbb")), NeedsApproval);
    let elsewhere =
        with("1.1.0", &git("branch=feature/x", "bbbb").replace("x.invalid", "y.invalid"));
    told.says(&before, &elsewhere, Deny);
    told.says(&before, &with("1.1.0", &git("branch=other", "bbbb")), Deny);
}

#[test]
fn formats_change_only_as_cargo_changes_them() {
    let older = |text: String| text.replace("version = 4\n", "version = 3\n");
    let said = TOLD.says(&older(lock("1.0.0")), &lock("1.1.0"), Allow);
    assert!(said.starts_with("1: the format changes from version 3 to 4"), "{said}");
    TOLD.says(&lock("1.0.0"), &older(lock("1.1.0")), NeedsApproval);
    TOLD.says(&lock("1.0.0"), &lock("1.1.0").replace("version = 4\n", "version = 9\n"), Deny);
    // Version 1 keeps checksums apart, and its dependencies name their sources.
    let first = |text: &str| {
        let mut sums = vec!["\n[metadata]".to_owned()];
        let mut lines = Vec::new();
        for line in text.lines() {
            match line.strip_prefix("checksum = \"").and_then(|line| line.strip_suffix("-sum\"")) {
                Some(package) => {
                    let package = package.replace('-', " ");
                    let sum = package.replace(' ', "-");
                    sums.push(format!("\"checksum {package} ({REGISTRY})\" = \"{sum}-sum\""));
                }
                None if line.starts_with("version = 4") => {}
                None if line == " \"b\"," => lines.push(format!(" \"b 1.0.0 ({REGISTRY})\",")),
                None => lines.push(line.to_owned()),
            }
        }
        lines.join("\n") + &sums.join("\n")
    };
    let (before, after) = (first(&lock("1.0.0")), first(&lock("1.1.0")));
    TOLD.says(&before, &after, Allow);
    TOLD.says(&before, &after.replace("\"c-1.0.0-sum\"", "\"other\""), Deny);
    TOLD.says(&before, &after.replace("\"a-1.1.0-sum\"", "\"<none>\""), Deny);
    TOLD.says(&before, &lock("1.1.0"), Allow);
}

#[test]
fn a_patch_that_is_not_used_any_more_needs_a_person() {
    let unused = "\n[[patch.unused]]\nname = \"c\"\nversion = \"1.0.0\"\nsource = \"git+https://x.invalid/c#aaaa\"\n";
    let (before, after) = (lock("1.0.0"), lock("1.1.0"));
    let said = TOLD.says(&before, &(after.clone() + unused), NeedsApproval);
    assert!(said.contains("`[patch]` of `c` is not used any more"), "{said}");
    TOLD.says(&(before.clone() + unused), &(after.clone() + unused), Allow);
    TOLD.says(&(before + unused), &after, NeedsApproval);
}
