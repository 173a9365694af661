//! Names what lies under paths that hob cannot name: a manifest there is not read, and that is said.

use domain::RepoPath;
use domain::dependency::{Ecosystem as Kind, Left, Why};

use super::{Ecosystem, foreign};
use crate::files::{FileSet, Unnamed};

/// Every path without a usable name that would be read if it had one, or that may hold such files.
pub fn left(files: &FileSet, ecosystems: &[&dyn Ecosystem], wanted: &[Kind]) -> Vec<Left> {
    files.left_out().iter().filter_map(|unnamed| one(unnamed, ecosystems, wanted)).collect()
}

fn one(unnamed: &Unnamed, ecosystems: &[&dyn Ecosystem], wanted: &[Kind]) -> Option<Left> {
    let whose = |path: &RepoPath| ecosystems.iter().find(|ecosystem| ecosystem.wants(path));
    let ecosystem = match &unnamed.like {
        None => None,
        Some(path) => match whose(path) {
            Some(ecosystem) if !wanted.is_empty() && !wanted.contains(&ecosystem.kind()) => {
                return None;
            }
            Some(ecosystem) => Some(ecosystem.kind()),
            None if wanted.is_empty() && foreign::tool(path).is_some() => None,
            None => return None,
        },
    };
    Some(Left {
        ecosystem,
        advisory: None,
        package: unnamed.shown.clone(),
        version: String::new(),
        why: Why::Unreadable,
        detail: format!(
            "{}; what it holds was not looked at: rename it so that it can be named",
            unnamed.why
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(like: Option<&str>, wanted: &[Kind]) -> Option<Option<Kind>> {
        let mut files = FileSet::new();
        files.leave_out(Unnamed {
            shown: "x".into(),
            why: "its name is not UTF-8".into(),
            like: like.map(|path| RepoPath::new(path).unwrap()),
        });
        let all = crate::dependencies::all();
        let all: Vec<&dyn Ecosystem> = all.iter().map(|boxed| &**boxed).collect();
        left(&files, &all, wanted).pop().map(|left| left.ecosystem)
    }

    #[test]
    fn only_what_would_be_read_is_named() {
        assert_eq!(told(Some("caf\u{fffd}/Cargo.toml"), &[]), Some(Some(Kind::Cargo)));
        assert_eq!(told(Some("caf\u{fffd}/Cargo.toml"), &[Kind::Npm]), None);
        assert_eq!(told(Some("caf\u{fffd}/go.mod"), &[]), Some(None));
        assert_eq!(told(Some("caf\u{fffd}/picture.png"), &[]), None);
        assert_eq!(told(None, &[Kind::Npm]), Some(None), "it may hold anything");
    }
}
