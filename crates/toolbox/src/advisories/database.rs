//! Advisories read into memory, found by package.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use domain::Timestamp;
use domain::dependency::Ecosystem;

use super::alias::Aliases;
use super::record::Advisory;
use super::skim::{Skim, skim};
use super::walk::{Form, Found, Met, walk};
use super::{name, osv, rustsec};

/// Packages of the Rust toolchain: RustSec keeps their advisories apart, in a folder `rust/`.
const TOOLCHAIN: [&str; 10] = [
    "std",
    "core",
    "alloc",
    "proc_macro",
    "test",
    "cargo",
    "rustc",
    "rustdoc",
    "rustfmt",
    "clippy",
];

/// Advisories, found by package.
#[derive(Debug, Clone, Default)]
pub struct Database {
    pub(super) advisories: Vec<Entry>,
    pub(super) packages: HashMap<(Ecosystem, String), Vec<usize>>,
    pub(super) groups: HashMap<usize, Vec<String>>,
}

/// One advisory with the number of its vulnerability.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) advisory: Advisory,
    pub(super) group: usize,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadReport {
    /// Advisories that could be read, of whatever ecosystem.
    pub advisories: usize,
    /// Those that name a package of an ecosystem, by ecosystem; none for one that never appears.
    pub by_ecosystem: BTreeMap<Ecosystem, usize>,
    /// Taken back by their source; never matched.
    pub withdrawn: usize,
    /// About the Rust toolchain itself; never matched against crates.
    pub toolchain: usize,
    /// Templates and advisories without a number.
    pub drafts: usize,
    /// Files that are no advisories: licences, prose, hidden files.
    pub passed_over: usize,
    /// When the newest of them last changed.
    pub newest: Option<Timestamp>,
    /// What could not be read, by path. Not empty: whatever was matched is incomplete.
    pub unreadable: Vec<Unreadable>,
}

/// A file of an advisory folder that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its path below the folder.
    pub path: String,
    /// Why, and what to do.
    pub reason: String,
}

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such folder.
    #[error("the advisories at `{path}` cannot be read")]
    Missing {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Nothing in it is an advisory.
    #[error(
        "`{path}` holds no advisories ({passed_over} other files); wanted are OSV files, or an unpacked RustSec or PyPA database"
    )]
    Empty {
        /// The folder.
        path: PathBuf,
        /// How many files it holds.
        passed_over: usize,
    },
    /// There may be advisories in it, and none could be read.
    #[error("none of the advisories in `{path}` could be read; the first of {count}: `{}`: {}", first.path, first.reason)]
    NoneReadable {
        /// The folder.
        path: PathBuf,
        /// How many were tried.
        count: usize,
        /// The first.
        first: Unreadable,
    },
}

impl LoadError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } | Self::Empty { .. } => {
                "name a folder, a zip or a file of OSV, RustSec or PyPA advisories with --advisories"
            }
            Self::NoneReadable { .. } => {
                "fetch or unpack the advisories anew, and look at the file that is named"
            }
        }
    }
}

impl Database {
    /// Reads a folder, a zip or one file.
    pub fn load(path: &Path) -> Result<(Self, LoadReport), LoadError> {
        Self::read(path, None)
    }

    /// Reads the same, and keeps only what names one of `packages`: less memory, and less time where the
    /// advisories are YAML (an advisory in plain style about other packages is counted by a look at its
    /// lines and not parsed). Answers about `packages` are the same as those of [`Self::load`].
    pub fn load_for<'a>(
        path: &Path,
        packages: impl IntoIterator<Item = (Ecosystem, &'a str)>,
    ) -> Result<(Self, LoadReport), LoadError> {
        let wanted = packages
            .into_iter()
            .map(|(ecosystem, package)| (ecosystem, name::normalised(ecosystem, package)))
            .collect();
        Self::read(path, Some(wanted))
    }

    fn read(
        path: &Path,
        wanted: Option<BTreeSet<(Ecosystem, String)>>,
    ) -> Result<(Self, LoadReport), LoadError> {
        std::fs::metadata(path)
            .map_err(|source| LoadError::Missing { path: path.to_owned(), source })?;
        let mut reader = Reader { wanted, ..Reader::default() };
        let met = walk(path, &mut |found| reader.take(found).map(ControlFlow::Continue));
        let (database, mut report) = reader.finish();
        report.meet(met);
        if report.advisories > 0 { Ok((database, report)) } else { Err(report.nothing(path)) }
    }

    /// Whether there is anything to read: looks no further than the first advisory that can be read.
    pub fn probe(path: &Path) -> Result<(), LoadError> {
        std::fs::metadata(path)
            .map_err(|source| LoadError::Missing { path: path.to_owned(), source })?;
        let mut reader = Reader { wanted: Some(BTreeSet::new()), ..Reader::default() };
        let met = walk(path, &mut |found| {
            reader.take(found)?;
            Ok(match reader.report.advisories {
                0 => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            })
        });
        let (_, mut report) = reader.finish();
        report.meet(met);
        if report.advisories > 0 { Ok(()) } else { Err(report.nothing(path)) }
    }
}

impl LoadReport {
    fn meet(&mut self, met: Met) {
        self.passed_over += met.passed_over;
        self.unreadable = met.unreadable;
        self.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// Why there is no advisory.
    fn nothing(&self, path: &Path) -> LoadError {
        match self.unreadable.first() {
            Some(first) => LoadError::NoneReadable {
                path: path.to_owned(),
                count: self.unreadable.len(),
                first: first.clone(),
            },
            None => LoadError::Empty { path: path.to_owned(), passed_over: self.passed_over },
        }
    }
}

/// A database in the making.
#[derive(Debug, Default)]
struct Reader {
    wanted: Option<BTreeSet<(Ecosystem, String)>>,
    kept: Vec<Advisory>,
    aliases: Aliases,
    report: LoadReport,
}

impl Reader {
    fn take(&mut self, found: &Found<'_>) -> Result<(), String> {
        let text = || std::str::from_utf8(found.bytes).map_err(|e| format!("not UTF-8 text: {e}"));
        match found.form {
            Form::Json => self.osv(osv::parse_json(found.bytes)?),
            Form::Yaml => {
                let text = text()?;
                match skim(text) {
                    Some(skim) if self.is_unwanted(&skim) => self.count(&skim),
                    _ => self.osv(osv::parse_yaml(text)?),
                }
            }
            Form::Markdown => match rustsec::parse(text()?)? {
                rustsec::File::Advisory(advisory) if is_toolchain(found.place, &advisory) => {
                    self.report.toolchain += 1;
                    self.report.advisories += 1;
                }
                rustsec::File::Advisory(advisory) => self.keep(*advisory),
                rustsec::File::Draft => self.report.drafts += 1,
                rustsec::File::Prose => self.report.passed_over += 1,
            },
        }
        Ok(())
    }

    fn osv(&mut self, file: osv::File) {
        match file {
            osv::File::Advisory(advisory) => self.keep(*advisory),
            osv::File::SomethingElse => self.report.passed_over += 1,
        }
    }

    fn is_unwanted(&self, skim: &Skim<'_>) -> bool {
        let Some(wanted) = &self.wanted else { return false };
        !skim.packages.iter().any(|(ecosystem, package)| {
            name::ecosystem(ecosystem).is_some_and(|ecosystem| {
                wanted.contains(&(ecosystem, name::normalised(ecosystem, package)))
            })
        })
    }

    fn count(&mut self, skim: &Skim<'_>) {
        let modified = skim.modified.and_then(Timestamp::parse_rfc3339);
        let ecosystems = skim.packages.iter().filter_map(|(e, _)| name::ecosystem(e)).collect();
        self.note(modified, skim.withdrawn, ecosystems);
        if !skim.withdrawn && !skim.aliases.is_empty() {
            self.aliases.link(std::iter::once(skim.id).chain(skim.aliases.iter().copied()));
        }
    }

    fn keep(&mut self, mut advisory: Advisory) {
        let ecosystems = advisory.affected.iter().map(|a| a.ecosystem).collect();
        self.note(advisory.modified, advisory.withdrawn, ecosystems);
        if advisory.withdrawn {
            return;
        }
        let ids = std::iter::once(&advisory.id).chain(&advisory.aliases).map(String::as_str);
        if !advisory.aliases.is_empty() {
            self.aliases.link(ids);
        }
        if let Some(wanted) = &self.wanted {
            advisory.affected.retain(|affected| {
                wanted.contains(&(affected.ecosystem, affected.package.clone()))
            });
        }
        if !advisory.affected.is_empty() {
            self.kept.push(advisory);
        }
    }

    fn note(
        &mut self,
        modified: Option<Timestamp>,
        withdrawn: bool,
        ecosystems: BTreeSet<Ecosystem>,
    ) {
        self.report.advisories += 1;
        self.report.newest = self.report.newest.max(modified);
        self.report.withdrawn += usize::from(withdrawn);
        for ecosystem in ecosystems {
            *self.report.by_ecosystem.entry(ecosystem).or_default() += 1;
        }
    }

    fn finish(mut self) -> (Database, LoadReport) {
        for advisory in &self.kept {
            self.aliases.link([advisory.id.as_str()]);
        }
        let mut database = Database::default();
        for advisory in self.kept {
            let at = database.advisories.len();
            let group = self.aliases.group(&advisory.id).unwrap_or(at);
            for affected in &advisory.affected {
                let key = (affected.ecosystem, affected.package.clone());
                let places = database.packages.entry(key).or_default();
                if places.last() != Some(&at) {
                    places.push(at);
                }
            }
            database.groups.entry(group).or_default();
            database.advisories.push(Entry { advisory, group });
        }
        for (group, id) in self.aliases.members() {
            if let Some(ids) = database.groups.get_mut(&group) {
                ids.push(id.to_owned());
            }
        }
        (database, self.report)
    }
}

fn is_toolchain(place: &str, advisory: &Advisory) -> bool {
    let mut parts = place.rsplit('/').skip(1);
    let (folder, collection) = (parts.next(), parts.next());
    collection == Some("rust")
        && folder.is_some_and(|folder| TOOLCHAIN.contains(&folder))
        && advisory.affected.iter().any(|a| Some(a.package.replace('-', "_").as_str()) == folder)
}
