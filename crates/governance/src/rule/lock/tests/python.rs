//! `uv.lock`: what uv really writes passes, what follows from nothing does not.

use super::*;

const TOLD: Told<'_> =
    Told { ecosystem: Ecosystem::Python, path: "uv.lock", asked: &[("A_a", "1.1.0")] };

fn package(name: &str, version: &str, needs: &[&str]) -> String {
    let needs: String = needs.iter().map(|need| format!("    {{ {need} }},\n")).collect();
    let file = format!("{}-{version}", name.replace('-', "_"));
    format!(
        "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = {{ registry = \"https://x.invalid/simple\" }}\ndependencies = [\n{needs}]\nsdist = {{ url = \"https://files.invalid/{file}.tar.gz\", hash = \"sha256:{file}\", size = 1 }}\nwheels = [\n    {{ url = \"https://files.invalid/{file}-py3-none-any.whl\", hash = \"sha256:w{file}\", size = 1 }},\n]\n"
    )
}

fn root(requirement: &str) -> String {
    format!(
        "version = 1\nrevision = 2\nrequires-python = \">=3.9\"\n\n[[package]]\nname = \"root\"\nversion = \"0.1.0\"\nsource = {{ virtual = \".\" }}\ndependencies = [\n    {{ name = \"a-a\" }},\n    {{ name = \"c\" }},\n]\n\n[package.metadata]\nrequires-dist = [{{ name = \"a-a\", specifier = \"{requirement}\" }}, {{ name = \"c\" }}]\n"
    )
}

/// A project that uses `a-a`, which uses `b`, and `c`.
fn lock(a: &str) -> String {
    root(">=1")
        + &package("a-a", a, &["name = \"b\""])
        + &package("b", "1.0.0", &[])
        + &package("c", "1.0.0", &[])
}

#[track_caller]
fn edited(from: &str, to: &str, expected: Decision) -> String {
    let after = lock("1.1.0");
    assert!(after.contains(from), "{from}");
    TOLD.says(&lock("1.0.0"), &after.replace(from, to), expected)
}

#[test]
fn what_an_update_brings_moves_and_drops_passes_and_is_told() {
    TOLD.says(&lock("1.0.0"), &lock("1.1.0"), Allow);
    // Resolved apart for two ranges of Python.
    let apart =
        "requires-python = \">=3.9\"\nresolution-markers = [\"python_full_version < '3.10'\"]\n";
    let after = root(">=1").replace("requires-python = \">=3.9\"\n", apart)
        + &package(
            "a-a",
            "1.1.0",
            &["name = \"n\", version = \"1.0\", marker = \"x\"", "name = \"n\", version = \"2.0\""],
        )
        + &package("c", "1.0.0", &[])
        + &package("n", "1.0", &[])
        + &package("n", "2.0", &[]);
    let said = TOLD.says(&lock("1.0.0"), &after, Allow);
    assert!(said.contains("new packages that the updated ones need: n 1.0, n 2.0"), "{said}");
    edited("revision = 2", "revision = 3", Allow);
    // A wheel that was published after the others.
    let wheel = "wheels = [\n    { url = \"https://files.invalid/c-1.0.0-cp312-cp312-linux_x86_64.whl\", hash = \"sha256:l\" },\n    { url = \"https://files.invalid/c-1.0.0-py3-none-any.whl\"";
    let said = edited(
        "wheels = [\n    { url = \"https://files.invalid/c-1.0.0-py3-none-any.whl\"",
        wheel,
        NeedsApproval,
    );
    assert!(
        said.contains("files are added to `c 1.0.0`, whose version does not change: c-1.0.0-cp")
    );
    // Without its wheels a version is built from source.
    let sum = "{ url = \"https://files.invalid/c-1.0.0-py3-none-any.whl\", hash = \"sha256:wc-1.0.0\", size = 1 },";
    let said = edited(sum, "", NeedsApproval);
    assert!(said.contains("every built file is taken from `c 1.0.0`"), "{said}");
    let mut both = [lock("1.0.0"), lock("1.1.0")];
    both[0] = both[0].replace(sum, &format!("{sum}\n    {}", sum.replace("py3", "py2")));
    let said = TOLD.says(&both[0], &both[1], Allow);
    assert!(said.contains("files are taken from `c 1.0.0`"), "{said}");
}

#[test]
fn what_follows_from_nothing_is_denied() {
    let evil = lock("1.1.0") + &package("evil", "1.0.0", &["name = \"a-a\""]);
    assert!(TOLD.says(&lock("1.0.0"), &evil, Deny).contains("`evil 1.0.0`: a new package"));
    for (from, to) in [
        ("name = \"c\"\nversion = \"1.0.0\"", "name = \"c\"\nversion = \"1.5.0\""),
        ("hash = \"sha256:c-1.0.0\"", "hash = \"sha256:other\""),
        ("hash = \"sha256:c-1.0.0\", ", ""),
        ("hash = \"sha256:a_a-1.1.0\", ", ""),
        ("hash = \"sha256:a_a-1.1.0\"", "hash = \"md5:a_a-1.1.0\""),
        (
            "https://files.invalid/a_a-1.1.0-py3-none-any.whl",
            "https://y.invalid/a_a-1.1.0-py3-none-any.whl",
        ),
        (
            "https://files.invalid/c-1.0.0-py3-none-any.whl",
            "https://y.invalid/c-1.0.0-py3-none-any.whl",
        ),
        ("registry = \"https://x.invalid/simple\"", "registry = \"https://y.invalid/simple\""),
        ("registry = \"https://x.invalid/simple\"", "git = \"https://x.invalid/a?rev=x#aaaa\""),
        ("requires-python = \">=3.9\"", "requires-python = \">=3.12\""),
        ("requires-python", "unheard = \"of\"\nrequires-python"),
        ("specifier = \">=1\"", "specifier = \">=0\""),
        ("name = \"b\"\nversion", "name = \"bb\"\nversion"),
        ("files.invalid/a_a-1.1.0-py3", "files.invalid/evil-1.1.0-py3"),
        ("files.invalid/a_a-1.1.0-py3", "files.invalid/a_a-1.0.5-py3"),
        ("files.invalid/a_a-1.1.0.tar.gz", "files.invalid/evil-1.1.0.tar.gz"),
    ] {
        edited(from, to, Deny);
    }
    edited(
        "requires-python",
        "options = { resolution-mode = \"lowest\" }\nrequires-python",
        NeedsApproval,
    );
}

#[test]
fn the_requirements_that_it_repeats_are_those_of_the_manifest() {
    let manifest =
        |requirement: &str| format!("[project]\ndependencies = [\"a-a {requirement}\", \"c\"]\n");
    for (repeated, expected) in [(">=1.1,<2", Allow), (">=0", Deny)] {
        let after =
            lock("1.1.0").replace("specifier = \">=1\"", &format!("specifier = \"{repeated}\""));
        let sample = TOLD
            .sample()
            .file("pyproject.toml", &manifest(">=1"), &manifest("<2, >=1.1"))
            .file("uv.lock", &lock("1.0.0"), &after);
        said(&sample, expected);
    }
}

#[test]
fn a_requirement_may_change_its_place_among_those_that_it_repeats() {
    let manifest = |version: &str| {
        format!(
            "[project]\ndependencies = [\"a-a >={version}; python_version < '3.10'\", \"a-a >=1.5; python_version >= '3.10'\", \"c\"]\n"
        )
    };
    let item = |version: &str, marker: &str| {
        format!(
            "{{ name = \"a-a\", marker = \"python_full_version {marker} '3.10'\", specifier = \">={version}\" }}, "
        )
    };
    let single = "{ name = \"a-a\", specifier = \">=1\" }, ";
    let (low, high) = (item("1.0", "<"), item("1.5", ">="));
    let before = lock("1.0.0").replace(single, &format!("{low}{high}"));
    let judged = |raised: &str, expected: Decision| {
        let after = lock("1.1.0").replace(single, &format!("{high}{raised}"));
        let sample = TOLD
            .sample()
            .file("pyproject.toml", &manifest("1.0"), &manifest("1.9"))
            .file("uv.lock", &before, &after);
        said(&sample, expected)
    };
    judged(&item("1.9", "<"), Allow);
    judged(&item("1.8", "<"), Deny);
    judged(&item("1.9", ">="), Deny);
    judged(&item("1.9", "<").replace("a-a", "c"), Deny);
    judged(&format!("{}{}", item("1.9", "<"), item("1.9", "<")), Deny);
    // The raised requirement is that of one package, and no other's.
    let other =
        lock("1.1.0").replace("{ name = \"c\" }]", "{ name = \"c\", specifier = \">=1.9\" }]");
    let before =
        lock("1.0.0").replace("{ name = \"c\" }]", "{ name = \"c\", specifier = \">=1\" }]");
    let sample = TOLD
        .sample()
        .file("pyproject.toml", &manifest("1.0"), &manifest("1.9"))
        .file("uv.lock", &before, &other);
    said(&sample, Deny);
}

#[test]
fn a_file_of_another_project_of_the_same_host_is_from_another_source() {
    let hashed = |lock: String| {
        let digest = |file: &str| format!("packages/ab/cd/{:0>60x}/{file}", file.len());
        let files = ["a_a-1.0.0", "a_a-1.1.0", "b-1.0.0", "c-1.0.0"];
        files.iter().fold(lock, |lock, file| {
            let from = format!("https://files.invalid/{file}");
            lock.replace(&from, &format!("https://files.invalid/{}", digest(file)))
        })
    };
    let (before, after) = (hashed(lock("1.0.0")), hashed(lock("1.1.0")));
    TOLD.says(&before, &after, Allow);
    let at = |lock: &str, project: &str| {
        lock.replace("files.invalid/packages", &format!("files.invalid/{project}/packages"))
    };
    TOLD.says(&at(&before, "one"), &at(&after, "one"), Allow);
    let after = at(&after, "one");
    let moved: String = after
        .split_inclusive('\n')
        .map(|line| {
            line.replace("/one/", if line.contains("a_a-1.1.0.tar") { "/two/" } else { "/one/" })
        })
        .collect();
    let said = TOLD.says(&at(&before, "one"), &moved, Deny);
    assert!(said.contains("https://files.invalid/two/packages"), "{said}");
}

#[test]
fn a_manifest_does_not_leave_the_lock_of_another_tool_behind() {
    let manifest = |version: &str| format!("[project]\ndependencies = [\"a-a=={version}\"]\n");
    for (lock, expected) in [
        ("pdm.lock", Deny),
        ("poetry.lock", Deny),
        ("other/pdm.lock", Allow),
        ("package-lock.json", Allow),
    ] {
        let sample = Sample::default().lock(lock).asked(Ecosystem::Python, "a-a", "1.1.0").file(
            "pyproject.toml",
            &manifest("1.0.0"),
            &manifest("1.1.0"),
        );
        said(&sample, expected);
        let path = domain::RepoPath::new(lock).unwrap();
        assert!(crate::is_lock(&path));
    }
}
