//! Which files are tests, by their paths: the conventions of the runners.

use super::token::Language;

/// The language of a file whose tests can be read.
pub(super) fn language(path: &str) -> Option<Language> {
    let (_, extension) = path.rsplit_once('.')?;
    Some(match extension {
        "rs" => Language::Rust,
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" => Language::JavaScript,
        "py" => Language::Python,
        _ => return None,
    })
}

/// Whether a runner looks for tests there.
pub(super) fn is_test(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let in_folder = folder.split('/').any(|part| {
        ["test", "tests", "spec", "specs", "__tests__", "testing", "e2e", "integration-tests"]
            .contains(&part)
    });
    if std::path::Path::new(name).extension().is_some_and(|extension| extension == "py") {
        // pytest collects these names only, wherever they lie; unittest `test*.py`.
        return stem.starts_with("test")
            || stem.ends_with("_test")
            || stem.ends_with("_tests")
            || stem == "conftest";
    }
    let lower = stem.to_lowercase();
    let code = name.contains('.')
        && !["md", "txt", "lock"].iter().any(|end| name.ends_with(&format!(".{end}")));
    code && (in_folder
        || [".test", ".spec", "_test", "_spec", "-test", "-spec", "_tests", ".cy"]
            .iter()
            .any(|end| lower.ends_with(end))
        || ["test_", "test-", "test."].iter().any(|start| lower.starts_with(start))
        || ["test", "tests"].contains(&lower.as_str())
        || ["Test", "Tests", "Spec", "IT"].iter().any(|end| stem.ends_with(end) && stem != *end))
}

/// Whether it is what tests compare their results with.
pub(super) fn is_snapshot(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/')
        .any(|part| ["__snapshots__", "snapshots", "__image_snapshots__"].contains(&part))
        || [".snap", ".ambr", ".snapshot"].iter().any(|end| name.ends_with(end))
        || name.contains(".approved.")
}
