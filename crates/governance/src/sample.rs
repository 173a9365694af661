//! Changes made for tests.

use domain::agent::{Scope, Semantic};
use domain::change::{Change, FileChange, FileMode, FileVersion};
use domain::dependency::{Asked, Ecosystem, Update, UpdateKind};
use domain::finding::Verdict;
use domain::{Digest, RepoPath};

use crate::case::{Background, Case, Registry};

/// A change being put together.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    files: Vec<FileChange>,
    updates: Vec<Update>,
    background: Background,
    paths: Vec<String>,
}

impl Sample {
    /// With a file that changes.
    pub(crate) fn file(self, path: &str, before: &str, after: &str) -> Self {
        self.change(path, Some(before), Some(after))
    }

    /// With a file that changes, is new or is deleted.
    pub(crate) fn change(self, path: &str, before: Option<&str>, after: Option<&str>) -> Self {
        self.bytes(path, before.map(str::as_bytes), after.map(str::as_bytes))
    }

    /// The same, with content that may be no text.
    pub(crate) fn bytes(mut self, path: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> Self {
        let version = |bytes: &[u8]| FileVersion {
            mode: FileMode::Regular,
            size: bytes.len() as u64,
            content: Some(bytes.to_vec()),
        };
        let path = RepoPath::new(path).unwrap();
        self.files.push(FileChange {
            path,
            before: before.map(version),
            after: after.map(version),
        });
        self
    }

    /// With a package that the update names, in every ecosystem.
    pub(crate) fn named(mut self, package: &str, to: &str) -> Self {
        for ecosystem in Ecosystem::ALL {
            self.updates.push(Update {
                ecosystem,
                package: package.to_owned(),
                from: "0.0.1".to_owned(),
                to: to.to_owned(),
                kind: UpdateKind::Minor,
                advisories: Vec::new(),
                development_only: false,
                files: Vec::new(),
            });
        }
        self
    }

    /// With a package that the brain told the package manager to move.
    pub(crate) fn asked(mut self, ecosystem: Ecosystem, package: &str, to: &str) -> Self {
        let (package, to) = (package.to_owned(), to.to_owned());
        self.background.asked.push(Asked { ecosystem, package, to });
        self
    }

    /// With a lock file that the base holds.
    pub(crate) fn lock(mut self, path: &str) -> Self {
        self.background.locks.push(RepoPath::new(path).unwrap());
        self
    }

    /// With a registry that the run's package manager asks.
    pub(crate) fn registry(mut self, ecosystem: Ecosystem, base: &str) -> Self {
        self.background.registries.push(Registry { ecosystem, base: base.to_owned() });
        self
    }

    /// With a definition whose scope names these paths only.
    pub(crate) fn within(mut self, glob: &str) -> Self {
        self.paths.push(glob.to_owned());
        self
    }

    /// With files that were larger than the host reads.
    pub(crate) fn unread(&mut self) {
        let files = self.files.iter_mut();
        for version in files.flat_map(|file| [&mut file.before, &mut file.after]).flatten() {
            version.content = None;
        }
    }

    /// What every rule says, or one of them.
    pub(crate) fn judged(&self, rule: &str) -> Verdict {
        let change = Change {
            base: "a".repeat(40).parse().unwrap(),
            head: "b".repeat(40).parse().unwrap(),
            tree: "c".repeat(40).parse().unwrap(),
            digest: Digest::of(b""),
            files: self.files.clone(),
        };
        let scope = Scope {
            paths: match self.paths.as_slice() {
                [] => vec!["**".to_owned()],
                paths => paths.to_vec(),
            },
            denied: Vec::new(),
            semantic: Some(Semantic::DependencyVersionsOnly),
            files_max: 100,
            lines_max: 1000,
            bytes_max: 100_000,
        };
        let case = Case {
            change: &change,
            scope: &scope,
            updates: &self.updates,
            checks: &[],
            background: &self.background,
        };
        match crate::rule::ALL.iter().find(|known| known.id == rule) {
            Some(rule) => Verdict::from_findings((rule.check)(&case)),
            None => crate::judge(&case),
        }
    }
}
