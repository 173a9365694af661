//! `package-lock.json`: what npm really writes passes, what follows from nothing does not.

use serde_json::{Value, json};

use super::*;

const TOLD: Told<'_> =
    Told { ecosystem: Ecosystem::Npm, path: "package-lock.json", asked: &[("a", "1.1.0")] };

/// An entry of a registry.
fn package(name: &str, version: &str) -> Value {
    let base = name.rsplit('/').next().unwrap_or(name);
    json!({
        "version": version,
        "resolved": format!("https://x.invalid/{name}/-/{base}-{version}.tgz"),
        "integrity": format!("sha512-{base}{version}"),
    })
}

/// An entry that needs others.
fn needing(name: &str, version: &str, table: &str, needs: Value) -> Value {
    let mut package = package(name, version);
    package[table] = needs;
    package
}

/// A project that uses `a`, which uses `@s/b`, and `c`.
fn lock(a: &str) -> Value {
    json!({
        "name": "root", "lockfileVersion": 3, "requires": true,
        "packages": {
            "": { "dependencies": { "a": "^1.0.0", "c": "1" } },
            "node_modules/a": needing("a", a, "dependencies", json!({ "@s/b": "^1.0.0" })),
            "node_modules/@s/b": package("@s/b", "1.0.0"),
            "node_modules/c": package("c", "1.0.0"),
        },
    })
}

fn text(lock: &Value) -> String {
    serde_json::to_string_pretty(lock).unwrap()
}

/// Judges an edit of the lock after the update.
#[track_caller]
fn edited(expected: Decision, edit: impl FnOnce(&mut Value)) -> String {
    let mut after = lock("1.1.0");
    edit(&mut after);
    TOLD.says(&text(&lock("1.0.0")), &text(&after), expected)
}

/// Judges an edit of `packages`.
#[track_caller]
fn placed(expected: Decision, place: &str, package: Value) -> String {
    edited(expected, |lock| lock["packages"][place] = package)
}

#[test]
fn what_an_update_brings_moves_and_drops_passes_and_is_told() {
    edited(Allow, |_| {});
    let said = edited(Allow, |lock| {
        lock["packages"]["node_modules/a"] =
            needing("a", "1.1.0", "dependencies", json!({ "n": "1", "c": "2" }));
        lock["packages"].as_object_mut().unwrap().remove("node_modules/@s/b");
        lock["packages"]["node_modules/a/node_modules/c"] =
            needing("c", "2.0.0", "peerDependencies", json!({ "p": "1" }));
        lock["packages"]["node_modules/n"] =
            needing("n", "1.0.0", "optionalDependencies", json!({ "other-platform": "1" }));
        lock["packages"]["node_modules/p"] = package("p", "1.0.0");
    });
    assert!(
        said.ends_with("new packages that the updated ones need: n 1.0.0, p 1.0.0\n"),
        "{said}"
    );
}

#[test]
fn a_version_goes_down_only_where_what_is_updated_needs_that() {
    for (range, expected) in [("0.9.0", Allow), ("*", NeedsApproval)] {
        let said = edited(expected, |lock| {
            lock["packages"]["node_modules/a"]["dependencies"]["@s/b"] = range.into();
            lock["packages"]["node_modules/@s/b"] = package("@s/b", "0.9.0");
        });
        assert!(said.contains("`@s/b 0.9.0` goes down from 1.0.0"), "{said}");
    }
}

#[test]
fn what_follows_from_nothing_is_denied() {
    for place in ["node_modules/evil", "node_modules/c/node_modules/evil"] {
        let said = placed(Deny, place, package("evil", "1.0.0"));
        assert!(said.contains("`evil 1.0.0`: a new package that no update names"), "{said}");
    }
    // A second place for what stands already holds nothing new.
    placed(Allow, "node_modules/c/node_modules/@s/b", package("@s/b", "1.0.0"));
    placed(Deny, "packages/evil", json!({}));
    placed(Deny, "node_modules/c", json!({ "resolved": "packages/c", "link": true }));
    let said = placed(Deny, "node_modules/c", package("c", "1.5.0"));
    assert!(said.contains("`c 1.5.0`: its version or source changes"), "{said}");
    let said = edited(Deny, |lock| {
        lock["packages"].as_object_mut().unwrap().remove("node_modules/c");
    });
    assert!(said.contains("which the lock does not hold"), "{said}");
    edited(Deny, |lock| lock["evil"] = json!({}));
}

#[test]
fn a_package_is_what_its_place_and_its_address_say() {
    let mut entry = package("evil", "1.1.0");
    assert!(placed(Deny, "node_modules/a", entry.clone()).contains("is another package's"));
    entry["name"] = "evil".into();
    assert!(placed(Deny, "node_modules/a", entry).contains("stands in the place of `a`"));
    for address in [
        "https://x.invalid/evil/-/a-1.1.0.tgz",
        "https://x.invalid/a/../evil/-/a-1.1.0.tgz",
        "https://x.invalid/a/-/a-1.0.0.tgz",
        "https://y.invalid/a/-/a-1.1.0.tgz",
        "https://x.invalid@y.invalid/a/-/a-1.1.0.tgz",
        "https://x.invalid\\y/a/-/a-1.1.0.tgz",
        "http://x.invalid/a/-/a-1.1.0.tgz",
        "git+ssh://x.invalid/a.git#aaaa",
        "file:a-1.1.0.tgz",
    ] {
        edited(Deny, |lock| lock["packages"]["node_modules/a"]["resolved"] = address.into());
    }
    let alias = |name: &str, version: &str| {
        let mut lock = lock("1.0.0");
        lock["packages"][""]["dependencies"]["lo"] = format!("npm:a@{version}").into();
        lock["packages"]["node_modules/lo"] = package(name, version);
        lock["packages"]["node_modules/lo"]["name"] = name.into();
        text(&lock)
    };
    let manifest = |version: &str| {
        format!(
            "{{\"dependencies\": {{\"a\": \"^1.0.0\", \"c\": \"1\", \"lo\": \"npm:a@{version}\"}}}}"
        )
    };
    for (name, expected) in [("a", Allow), ("evil", Deny)] {
        let sample = TOLD
            .sample()
            .file("package.json", &manifest("1.0.0"), &manifest("1.1.0"))
            .file("package-lock.json", &alias("a", "1.0.0"), &alias(name, "1.1.0"));
        said(&sample, expected);
    }
}

#[test]
fn checksums_stay_and_never_become_weaker() {
    let sums = |was: Value, now: Value, place: &str, a: &str| {
        let (mut before, mut after) = (lock("1.0.0"), lock(a));
        before["packages"][place]["integrity"] = was;
        after["packages"][place]["integrity"] = now;
        (text(&before), text(&after))
    };
    for (was, now, expected) in [
        ("sha1-c", "sha512-c", Allow),
        ("sha1-c", "sha1-c sha512-c", Allow),
        ("sha512-c", "sha1-c", Deny),
        ("sha512-c sha1-c", "sha1-c", Deny),
        ("sha512-c", "sha512-d", Deny),
        ("sha512-c", "sha512-d sha512-c", Deny),
        ("sha512-c", "", Deny),
        ("sha512-c", "nonsense", Deny),
    ] {
        let (before, after) = sums(was.into(), now.into(), "node_modules/c", "1.1.0");
        let sample = TOLD.sample().file("package-lock.json", &before, &after);
        let decision = sample.judged("lock").decision;
        let tolerated = expected == Allow || now.contains("sha512-d sha512-c");
        assert_eq!(decision == Allow, tolerated && decision == Allow, "{was} -> {now}");
        assert_eq!(decision == Deny, expected == Deny, "{was} -> {now}");
    }
    for weak in [Value::Null, "sha1-a".into()] {
        edited(Deny, |lock| lock["packages"]["node_modules/a"]["integrity"] = weak);
    }
}

#[test]
fn addresses_may_be_left_out_or_come_from_the_configured_registry() {
    let without = |mut lock: Value| {
        for (_, package) in lock["packages"].as_object_mut().unwrap() {
            package.as_object_mut().unwrap().remove("resolved");
        }
        text(&lock)
    };
    let mirrored =
        |lock: &Value| text(lock).replace("https://x.invalid", "https://mirror.invalid/npm");
    let (before, after) = (lock("1.0.0"), lock("1.1.0"));
    TOLD.says(&text(&before), &without(after.clone()), Allow);
    TOLD.says(&without(before.clone()), &without(after.clone()), Allow);
    // A lock that names no place may begin to name the one that the run's package manager asks, and no other.
    TOLD.says(&without(before.clone()), &text(&after), Deny);
    let asked = |base: &str| TOLD.sample().registry(Ecosystem::Npm, base);
    for (base, expected) in [
        ("https://x.invalid/", Allow),
        ("https://y.invalid/", Deny),
        ("https://x.invalid/api/npm/one/", Deny),
    ] {
        let sample = asked(base);
        said(&sample.file("package-lock.json", &without(before.clone()), &text(&after)), expected);
    }
    TOLD.says(&text(&before), &mirrored(&after), Deny);
    let at_mirror = TOLD.sample().registry(Ecosystem::Npm, "https://mirror.invalid/npm/");
    said(&at_mirror.file("package-lock.json", &text(&before), &mirrored(&after)), Allow);
    // With two registries in use, a package of the one does not come from the other unseen.
    let mut two = [before, after];
    for lock in &mut two {
        lock["packages"]["node_modules/c"]["resolved"] =
            "https://own.invalid/c/-/c-1.0.0.tgz".into();
    }
    TOLD.says(&text(&two[0]), &text(&two[1]), Allow);
    two[1]["packages"]["node_modules/a"]["resolved"] = "https://own.invalid/a/-/a-1.1.0.tgz".into();
    let said = TOLD.says(&text(&two[0]), &text(&two[1]), NeedsApproval);
    assert!(said.contains("comes from another registry than before"), "{said}");
}

#[test]
fn another_project_of_the_same_host_is_another_source() {
    let at = |lock: &Value, project: &str| {
        text(lock)
            .replace("https://x.invalid", &format!("https://x.invalid/projects/{project}/npm"))
    };
    let (before, mut after) = (lock("1.0.0"), lock("1.1.0"));
    TOLD.says(&at(&before, "1"), &at(&after, "1"), Allow);
    let (old, new) = (at(&before, "1"), at(&after, "1"));
    let moved = new.replace("projects/1/npm/a/-", "projects/2/npm/a/-");
    assert!(TOLD.says(&old, &moved, Deny).contains("no entry had before"));
    let kept = new.replace("projects/1/npm/c/-", "projects/2/npm/c/-");
    assert!(TOLD.says(&old, &kept, Deny).contains("its version does not"));
    // What is new may be of another project, as a group of projects serves it: a person looks.
    after["packages"]["node_modules/a"]["dependencies"]["n"] = "1".into();
    after["packages"]["node_modules/n"] = package("n", "1.0.0");
    let new = at(&after, "1").replace("projects/1/npm/n/-", "projects/2/npm/n/-");
    assert!(TOLD.says(&old, &new, NeedsApproval).contains("no entry had before"));
    let new = new.replace("x.invalid/projects/2/npm/n/-", "y.invalid/npm/n/-");
    TOLD.says(&old, &new, Deny);
}

#[test]
fn scripts_that_are_new_need_a_person() {
    let said = edited(NeedsApproval, |lock| {
        lock["packages"]["node_modules/a"]["hasInstallScript"] = true.into();
    });
    assert!(said.contains("runs a script when it is installed; it is new that it does"), "{said}");
    edited(NeedsApproval, |lock| {
        lock["packages"]["node_modules/c"]["hasInstallScript"] = true.into();
    });
    let (mut before, mut after) = (lock("1.0.0"), lock("1.1.0"));
    for lock in [&mut before, &mut after] {
        lock["packages"]["node_modules/a"]["hasInstallScript"] = true.into();
    }
    TOLD.says(&text(&before), &text(&after), Allow);
}

#[test]
fn a_lock_made_to_take_long_is_refused() {
    let deep = format!("{}/node_modules/x", "a/".repeat(1000).trim_end_matches('/'));
    let needs = |count: usize| -> Value {
        (0..count)
            .map(|at| (format!("n{at}"), "1".into()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let said = placed(Deny, &deep, needing("x", "1.0.0", "dependencies", needs(800)));
    assert!(said.contains("its packages lie too deep"), "{said}");
}

#[test]
fn bundled_packages_have_a_bundle_around_them() {
    let inside = "node_modules/a/node_modules/inner";
    let bundled = json!({ "version": "1.0.0", "inBundle": true });
    let needs = json!({ "@s/b": "^1.0.0", "inner": "1" });
    edited(Allow, |lock| {
        lock["packages"]["node_modules/a"]["bundleDependencies"] = json!(["inner"]);
        lock["packages"]["node_modules/a"]["dependencies"] = needs.clone();
        lock["packages"][inside] = bundled.clone();
    });
    edited(Deny, |lock| {
        lock["packages"]["node_modules/a"]["dependencies"] = needs;
        lock["packages"][inside] = bundled;
    });
}

#[test]
fn the_root_says_what_the_manifest_says() {
    let manifest = |a: &str| format!("{{\"dependencies\": {{\"a\": \"{a}\", \"c\": \"1\"}}}}");
    let judged = |lock_says: &str, expected: Decision| {
        let mut after = lock("1.1.0");
        after["packages"][""]["dependencies"]["a"] = lock_says.into();
        let sample = TOLD
            .sample()
            .file("package.json", &manifest("^1.0.0"), &manifest("^1.1.0"))
            .file("package-lock.json", &text(&lock("1.0.0")), &text(&after));
        said(&sample, expected)
    };
    judged("^1.1.0", Allow);
    assert!(judged("^1.0.0", Deny).contains("is not what `package.json` says"));
    assert!(judged("*", Deny).contains("is not what `package.json` says"));
    // The manifest is not part of the change, so that nobody can say.
    edited(NeedsApproval, |lock| lock["packages"][""]["dependencies"]["a"] = "^1.1.0".into());
    edited(NeedsApproval, |lock| lock["packages"]["node_modules/c"]["bin"] = json!({ "x": "y" }));
}

#[test]
fn the_old_tree_says_what_packages_say() {
    let both = |a: &str| {
        let mut lock = lock(a);
        lock["lockfileVersion"] = 2.into();
        lock["dependencies"] = json!({
            "a": package("a", a), "@s/b": package("@s/b", "1.0.0"), "c": package("c", "1.0.0"),
        });
        lock
    };
    let edited = |expected: Decision, edit: &dyn Fn(&mut Value)| {
        let mut after = both("1.1.0");
        edit(&mut after);
        TOLD.says(&text(&both("1.0.0")), &text(&after), expected)
    };
    edited(Allow, &|_| {});
    edited(Deny, &|lock| lock["dependencies"]["a"] = package("a", "1.0.0"));
    edited(Deny, &|lock| lock["dependencies"]["c"]["resolved"] = "https://y.invalid/c.tgz".into());
    edited(Deny, &|lock| lock["dependencies"]["c"]["integrity"] = "sha512-other".into());
    edited(Deny, &|lock| {
        lock["dependencies"]["a"]["dependencies"] = json!({ "evil": package("evil", "1.0.0") });
    });
    edited(Deny, &|lock| lock["dependencies"]["a"]["version"] = "npm:evil@1.1.0".into());
    edited(Deny, &|lock| {
        lock["dependencies"].as_object_mut().unwrap().remove("a");
    });
    let said = edited(NeedsApproval, &|lock| {
        lock["lockfileVersion"] = 3.into();
        lock.as_object_mut().unwrap().remove("dependencies");
    });
    assert!(said.contains("the lockfileVersion changes from 2 to 3"), "{said}");
}
