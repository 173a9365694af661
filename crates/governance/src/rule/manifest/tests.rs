//! The manifest rule: what passes, what does not, and what tries to pass.

use domain::finding::Decision::{self, Allow, Deny, NeedsApproval};

use crate::sample::Sample;

#[track_caller]
fn check(path: &str, before: &str, after: &str, expected: Decision) {
    let verdict = Sample::default()
        .file(path, before, after)
        .named("serde", "1.0.200")
        .named("lodash", "4.17.21")
        .named("Requests_OAuth", "2.32.0")
        .judged("manifest");
    assert_eq!(
        verdict.decision, expected,
        "{before}\n--- became\n{after}\n{:#?}",
        verdict.findings
    );
    for found in &verdict.findings {
        assert!(found.path.is_some() && (found.line.is_some() || before == after), "{found:?}");
    }
}

#[test]
fn raised_versions_of_named_packages_pass() {
    for (path, before, after) in [
        (
            "Cargo.toml",
            "[dependencies]\nserde = \"1.0.1\"\n",
            "[dependencies]\nserde = \"1.0.200\"\n",
        ),
        (
            "a/Cargo.toml",
            "[dependencies]\r\nserde = { version = \"1\", optional = true } # why\r\n",
            "[dependencies]\r\nserde = { version = \"1.0.200\", optional = true } # why\r\n",
        ),
        (
            "Cargo.toml",
            "[dev-dependencies.\"serde\"]\n\"version\" = \"1.0.1\"\n",
            "[dev-dependencies.\"serde\"]\n\"version\" = '1.0.200'\n",
        ),
        (
            "Cargo.toml",
            "[dependencies]\nother = { package = \"serde\", version = \"1\" }\n",
            "[dependencies]\nother = { package = \"serde\", version = \"1.0.150\" }\n",
        ),
        (
            "Cargo.toml",
            "[workspace]\n[workspace.dependencies]\nserde.version = \"1\"\n",
            "[workspace]\n[workspace.dependencies]\nserde.version = \"1.0.200\"\n",
        ),
        (
            "Cargo.toml",
            "[target.'cfg(unix)'.dependencies]\nserde = \"1\"\n",
            "[target.'cfg(unix)'.dependencies]\nserde = \">=1, <3\"\n",
        ),
        (
            "package.json",
            "\u{feff}{\"dependencies\": {\"lodash\": \"^4.17.0\"}}",
            "\u{feff}{\"dependencies\": {\"lodash\": \"^4.17.21\"}}",
        ),
        (
            "package.json",
            "{\"devDependencies\": {\"x\": \"npm:lodash@4.17.0\"}}",
            "{\"devDependencies\": {\"x\": \"npm:lodash@4.17.21\"}}",
        ),
        (
            "package.json",
            "{\"overrides\": {\"a\": {\"lodash@4\": \"4.0.0\"}}}",
            "{\"overrides\": {\"a\": {\"lodash@4\": \"4.17.21\"}}}",
        ),
        (
            "pyproject.toml",
            "[project]\ndependencies = [\"requests-oauth[x]>=2,<2.30; python_version>'3'\"]\n",
            "[project]\ndependencies = [\"requests-oauth[x]>=2,<3 ; python_version > '3'\"]\n",
        ),
        (
            "pyproject.toml",
            "[dependency-groups]\ndev = [\"requests.oauth==2.0\"]\n",
            "[dependency-groups]\ndev = [\"requests.oauth==2.32.0\"]\n",
        ),
        (
            "requirements-dev.txt",
            "-r a.txt\n# pins\nrequests.oauth==2.0  # old\nidna==2.8\n",
            "-r a.txt\n# pins\nrequests.oauth==2.32.0  # new\nidna==2.8\n",
        ),
    ] {
        check(path, before, after, Allow);
    }
}

#[test]
fn hashes_follow_their_version() {
    let line = |version: &str, hash: char| {
        format!("requests-oauth=={version} \\\n    --hash=sha256:{}\n", hash.to_string().repeat(64))
    };
    check("requirements.txt", &line("2.0", 'a'), &line("2.32.0", 'b'), Allow);
    check("requirements.txt", &line("2.0", 'a'), &line("2.0", 'b'), Deny);
    check("requirements.txt", &line("2.0", 'a'), &line("2.32.0", 'a'), Deny);
    check("requirements.txt", &line("2.0", 'a'), "requests-oauth==2.32.0\n", Deny);
}

#[test]
fn layout_alone_is_a_note() {
    check(
        "Cargo.toml",
        "[dependencies]\nserde = \"1\"\n",
        "[dependencies]\n# x\nserde = '1'\n",
        Allow,
    );
    check(
        "Cargo.toml",
        "[dependencies.serde]\nversion = \"1\"\n",
        "[dependencies]\nserde = { version = \"1\" }\n",
        Allow,
    );
}

#[test]
fn cargo_tricks_are_denied() {
    let base =
        "[package]\nname = \"a\"\n[dependencies]\nserde = { version = \"1.0.1\" }\nlog = \"0.4\"\n";
    for (from, to) in [
        ("log = \"0.4\"", "log = \"0.4.9\""),
        ("log = \"0.4\"\n", ""),
        ("log = \"0.4\"", "log = \"0.4\"\nevil = \"1\""),
        ("log = \"0.4\"", "log = \"0.4\"\n[patch.crates-io]\nserde = { path = \"x\" }"),
        ("log = \"0.4\"", "log = \"0.4\"\n[build-dependencies]\nserde = \"1.0.200\""),
        ("version = \"1.0.1\"", "version = \"1.0.200\", features = [\"x\"]"),
        ("version = \"1.0.1\"", "version = \"1.0.200\", registry = \"x\""),
        ("version = \"1.0.1\"", "version = \"1.0.200\", package = \"serde-evil\""),
        ("version = \"1.0.1\"", "git = \"https://example.invalid/x\""),
        ("{ version = \"1.0.1\" }", "{ version = \"1.0.200\", \"default-features\" = false }"),
        ("{ version = \"1.0.1\" }", "\"1.0.200\""),
        ("{ version = \"1.0.1\" }", "{ version = \"latest\" }"),
        ("name = \"a\"", "name = \"a\"\nbuild = \"evil.rs\""),
        ("serde =", "s\u{435}rde ="),
        ("serde =", "Serde ="),
        ("[dependencies]", "[dependencies"),
    ] {
        check("Cargo.toml", base, &base.replace(from, to), Deny);
    }
    check(
        "Cargo.toml",
        "[dependencies]\nserde = \"1\"\nlog = \"0.4\"\n",
        "[dependencies]\nlog = \"0.4\"\nserde = \"1.0.200\"\n",
        Deny,
    );
    check(
        "Cargo.toml",
        "[dependencies]\nserde = { path = \"s\", version = \"1\" }\n",
        "[dependencies]\nserde = { path = \"s\", version = \"1.0.200\" }\n",
        Deny,
    );
    check(
        "Cargo.toml",
        "[dependencies]\nserde = \"1\"\n",
        "[dependencies]\nserde.workspace = true\n",
        Deny,
    );
    check(
        "Cargo.toml",
        "[dependencies]\nserde = \"1\"\n",
        "[dependencies]\nserde = \"*\"\n",
        NeedsApproval,
    );
    check(
        "Cargo.toml",
        "[dependencies]\nserde = \"1\"\n",
        "[dependencies]\nserde = \"2\"\n",
        NeedsApproval,
    );
}

#[test]
fn npm_tricks_are_denied() {
    let base = "{\"scripts\": {\"test\": \"t\"}, \"dependencies\": {\"lodash\": \"^4.17.0\", \"b\": \"1\"}}";
    for (from, to) in [
        ("\"t\"", "\"curl\""),
        ("\"b\": \"1\"", "\"b\": \"2\""),
        ("\"b\": \"1\"", "\"b\": \"1\", \"lodash\": \"4.17.21\""),
        ("\"b\": \"1\"", "\"b\": \"1\", \"c\": \"1\""),
        (", \"b\": \"1\"", ""),
        ("^4.17.0", "npm:evil@4.17.21"),
        ("^4.17.0", "git+https://example.invalid/lodash.git"),
        ("^4.17.0", "user/lodash"),
        ("^4.17.0", "file:../x"),
        ("^4.17.0", "latest"),
        ("\"scripts\"", "\"bin\": \"x\", \"scripts\""),
        ("\"scripts\"", "\"overrides\": {\"lodash\": \"4.17.21\"}, \"scripts\""),
        ("\"scripts\"", "\"engines\": {\"node\": \"1\"}, \"scripts\""),
    ] {
        check("package.json", base, &base.replace(from, to), Deny);
    }
    check(
        "package.json",
        "{\"overrides\": {\"lodash\": \"1\"}}",
        "{\"overrides\": {\"lodash\": \"$b\"}}",
        Deny,
    );
}

#[test]
fn python_tricks_are_denied() {
    let base = "--index-url x\nrequests-oauth==2.0\nidna==2.8\n";
    for (from, to) in [
        ("idna==2.8", "idna==3"),
        ("idna==2.8", "idna==2.8\nevil==1"),
        ("idna==2.8\n", ""),
        ("--index-url x", "--index-url y"),
        ("requests-oauth==2.0", "requests-oauth @ https://example.invalid/x.whl"),
        ("requests-oauth==2.0", "requests-oauth[socks]==2.32.0"),
        ("requests-oauth==2.0", "requests-oauth==2.32.0 ; python_version < '3'"),
        ("requests-oauth==2.0", "requests-oauth==2.32.0 --no-binary=x"),
        ("requests-oauth==2.0", "requests-oauth==2.32.0 # hm\u{2028}evil==1"),
        ("requests-oauth==2.0", "requests-oauth==2.32.0 \\"),
        ("--index-url x", "# coding: utf-7\n--index-url x"),
    ] {
        check("requirements.txt", base, &base.replace(from, to), Deny);
    }
    check(
        "pyproject.toml",
        "[build-system]\nrequires = [\"requests-oauth==2\"]\n",
        "[build-system]\nrequires = [\"requests-oauth==2.32\"]\n",
        Deny,
    );
    check(
        "pyproject.toml",
        "[tool.poetry.dependencies]\nserde = \"1\"\n",
        "[tool.poetry.dependencies]\nserde = \"2\"\n",
        Deny,
    );
}

#[test]
fn other_files_and_new_ones_are_denied() {
    check("src/lib.rs", "a\n", "b\n", Deny);
    let sample = Sample::default().change("Cargo.toml", None, Some("[dependencies]\n"));
    assert_eq!(sample.judged("manifest").decision, Deny);
    let sample = Sample::default().change("package.json", Some("{}"), None);
    assert_eq!(sample.judged("manifest").decision, Deny);
}
