//! A change holds plain text files: no new modes, links, submodules or binaries.

use domain::change::{FileMode, FileVersion};
use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};

pub(super) const RULE: Rule = Rule {
    id: "kind",
    about: "A change brings no symbolic link, submodule, binary, unreadable file or new mode.",
    check,
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &case.change.files {
        let mut deny = |reason: &str| {
            findings.push(finding(RULE.id, Severity::Deny, Some(&file.path), None, reason));
        };
        for version in [&file.before, &file.after].into_iter().flatten() {
            match version.mode {
                FileMode::Symlink => deny("a symbolic link"),
                FileMode::Submodule => deny("a submodule"),
                FileMode::Regular | FileMode::Executable => {}
            }
        }
        let Some(after) = &file.after else { continue };
        match &file.before {
            Some(before) if before.mode != after.mode => deny("its mode changes"),
            None if after.mode == FileMode::Executable => deny("a new file that can be run"),
            Some(_) | None => {}
        }
        if matches!(after.mode, FileMode::Regular | FileMode::Executable) {
            match content(after) {
                Content::Text => {}
                Content::Binary => deny("binary content"),
                Content::Unread => deny("too large to be read, so it cannot be judged"),
            }
        }
    }
    findings
}

enum Content {
    Text,
    Binary,
    Unread,
}

fn content(version: &FileVersion) -> Content {
    match &version.content {
        None => Content::Unread,
        Some(bytes) if bytes.contains(&0) || std::str::from_utf8(bytes).is_err() => Content::Binary,
        Some(_) => Content::Text,
    }
}
