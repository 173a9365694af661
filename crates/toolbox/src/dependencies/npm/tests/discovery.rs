//! Which projects there are, and what is named instead of being done by halves.

use domain::dependency::Why;

use super::super::Npm;
use super::{path, tree};
use crate::dependencies::Ecosystem as _;
use crate::files::Content;

const ASKS: &str = r#"{ "dependencies": { "x": "^1.0.0" } }"#;

/// `root [lock]: manifests` of each project, and `path: why` of what is left.
#[track_caller]
fn check(files: &[(&str, &str)], projects: &[&str], left: &[(&str, Why)]) {
    let found = Npm.discover(&tree(files));
    let told: Vec<String> = found
        .projects
        .iter()
        .map(|project| {
            let manifests: Vec<_> = project.manifests.iter().map(|m| m.as_str()).collect();
            let lock = if project.lock.is_some() { " [lock]" } else { "" };
            format!("`{}`{lock}: {}", project.root, manifests.join(" "))
        })
        .collect();
    assert_eq!(told, projects);
    let told: Vec<_> = found.left.iter().map(|left| (left.package.as_str(), left.why)).collect();
    assert_eq!(told, left);
}

#[test]
fn workspaces_share_a_lock_and_other_projects_stand_alone() {
    check(
        &[
            ("package.json", r#"{ "workspaces": ["packages/*", "tools/**", "!packages/old"] }"#),
            ("package-lock.json", "{}"),
            ("packages/a/package.json", ASKS),
            ("packages/a/deep/package.json", ASKS),
            ("packages/old/package.json", ASKS),
            ("tools/x/y/package.json", ASKS),
            ("docs/package.json", ASKS),
            ("docs/package-lock.json", "{}"),
            ("node_modules/z/package.json", ASKS),
            ("packages/a/node_modules/z/package.json", "broken"),
            ("fixtures/package.json", r#"{ "type": "module" }"#),
        ],
        &[
            "`` [lock]: package.json packages/a/package.json tools/x/y/package.json",
            "`docs` [lock]: docs/package.json",
            "`packages/a/deep`: packages/a/deep/package.json",
            "`packages/old`: packages/old/package.json",
        ],
        &[],
    );
}

#[test]
fn workspaces_may_stand_in_an_object() {
    check(
        &[
            ("package.json", r#"{ "workspaces": { "packages": ["./packages/*/"] } }"#),
            ("packages/a/package.json", ASKS),
        ],
        &["``: package.json packages/a/package.json"],
        &[],
    );
}

#[test]
fn what_another_tool_locks_is_named_and_left() {
    check(
        &[
            ("yarn/package.json", r#"{ "workspaces": ["*"] }"#),
            ("yarn/yarn.lock", ""),
            ("yarn/member/package.json", ASKS),
            ("pnpm/package.json", ASKS),
            ("pnpm/pnpm-workspace.yaml", ""),
            ("pnpm/pnpm-lock.yaml", ""),
            ("pnpm/member/package.json", ASKS),
            ("bun/package.json", ASKS),
            ("bun/bun.lockb", ""),
            ("shrunk/package.json", ASKS),
            ("shrunk/npm-shrinkwrap.json", "{}"),
            ("both/package.json", ASKS),
            ("both/package-lock.json", "{}"),
            ("both/yarn.lock", ""),
            ("corepack/package.json", r#"{ "packageManager": "pnpm@9.1.0", "dependencies": {} }"#),
            (
                "ours/package.json",
                r#"{ "packageManager": "npm@11.0.0", "dependencies": { "x": "1" } }"#,
            ),
        ],
        &["`ours`: ours/package.json"],
        &[
            ("both/yarn.lock", Why::Unsupported),
            ("bun/bun.lockb", Why::Unsupported),
            ("pnpm/pnpm-lock.yaml", Why::Unsupported),
            ("pnpm/pnpm-workspace.yaml", Why::Unsupported),
            ("shrunk/npm-shrinkwrap.json", Why::Unsupported),
            ("yarn/yarn.lock", Why::Unsupported),
            ("corepack/package.json", Why::Unsupported),
        ],
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    check(
        &[
            ("package.json", "{"),
            ("package-lock.json", "{}"),
            ("alone/package-lock.json", "{}"),
            ("globs/package.json", r#"{ "workspaces": ["packages/{a"] }"#),
        ],
        &[],
        &[
            ("package.json", Why::Unreadable),
            ("globs/package.json", Why::Unreadable),
            ("alone/package-lock.json", Why::Unreadable),
        ],
    );
    let mut files = tree(&[]);
    files.set(path("package.json"), Content::Symlink(b"../elsewhere".to_vec()));
    files.set(path("large/package.json"), Content::TooLarge(100_000_000));
    files.set(path("bytes/package.json"), Content::Bytes(vec![0xff, 0xfe]));
    assert_eq!(Npm.discover(&files).left.len(), 3);
}
