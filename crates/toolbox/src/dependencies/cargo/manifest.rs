//! Reads one `Cargo.toml`: what it is, and every requirement that it states, with its place in the text.
//!
//! <https://doc.rust-lang.org/cargo/reference/manifest.html>

use std::collections::BTreeSet;
use std::ops::Range;

use domain::RepoPath;
use toml_edit::{Document, Item, TableLike, Value};

use crate::dependencies::ReadError;
use crate::files::FileSet;

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) path: RepoPath,
    /// The package's name; none for a virtual manifest.
    pub(super) package: Option<String>,
    /// `package.workspace`: where the root is, when it is not above.
    pub(super) points_to: Option<String>,
    /// `rust-version`, of the package or of the workspace's packages.
    pub(super) rust_version: Option<String>,
    pub(super) workspace: Option<Workspace>,
    pub(super) stated: Vec<Stated>,
    /// The crates of the default registry that `[patch]` or `[replace]` put something else in place of.
    pub(super) patched: BTreeSet<String>,
    /// The folders that `[patch]` and `[replace]` take packages from.
    pub(super) patch_paths: Vec<String>,
}

/// The `[workspace]` table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Workspace {
    pub(super) members: Vec<String>,
    pub(super) exclude: Vec<String>,
}

/// One requirement, where it is stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stated {
    /// The name it goes by in this manifest.
    pub(super) key: String,
    /// The package's real name.
    pub(super) package: String,
    /// The requirement's text; `*` where none is given.
    pub(super) range: String,
    /// Where the text stands, quotes included; none where there is none.
    pub(super) span: Option<Range<usize>>,
    /// The line, from 1.
    pub(super) line: u64,
    pub(super) table: Table,
    pub(super) origin: Origin,
}

/// The kind of table a requirement stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Normal,
    Build,
    Development,
    /// `[workspace.dependencies]`: holds for those who inherit it.
    Workspace,
}

/// Where a requirement's package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The default registry.
    Registry,
    /// A folder, relative to the manifest's.
    Path(String),
    /// Git or another registry, named for a person.
    Other(String),
    /// `workspace = true`: the workspace's table says.
    Inherited,
}

impl Manifest {
    /// Reads the manifest at `path`.
    pub(super) fn read(files: &FileSet, path: &RepoPath) -> Result<Self, ReadError> {
        let text = files.text(path)?;
        let document = Document::parse(text)
            .map_err(|error| malformed_toml(path, text, error.span(), error.message()))?;
        let reader = Reader { path, text };
        reader.manifest(document.as_table())
    }
}

/// What a syntax error means: the line, and for the commonest of them the true cause.
pub(super) fn malformed_toml(
    path: &RepoPath,
    text: &str,
    span: Option<Range<usize>>,
    message: &str,
) -> ReadError {
    let marker = text.lines().position(|line| line.starts_with("<<<<<<<"));
    let (line, reason) = match (marker, span) {
        (Some(at), _) => {
            let reason = "it holds the markers of an unresolved merge conflict; resolve it first";
            (u64::try_from(at + 1).ok(), reason.to_owned())
        }
        (None, span) => {
            (span.map(|span| lines_before(text, span.start)), message.trim().replace('\n', ", "))
        }
    };
    ReadError::Malformed { path: path.clone(), line, reason }
}

/// The line that a byte offset lies in, from 1.
pub(super) fn lines_before(text: &str, offset: usize) -> u64 {
    let before = text.bytes().take(offset).filter(|&byte| byte == b'\n').count();
    u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1)
}

struct Reader<'a> {
    path: &'a RepoPath,
    text: &'a str,
}

impl Reader<'_> {
    fn manifest(&self, root: &toml_edit::Table) -> Result<Manifest, ReadError> {
        let table = |name: &str| root.get(name).and_then(Item::as_table_like);
        // `[project]` is what `[package]` was called before cargo 1.0; cargo still reads it.
        let package = table("package").or_else(|| table("project"));
        let workspace = table("workspace");
        if package.is_none() && workspace.is_none() {
            let reason = "it has neither a `[package]` nor a `[workspace]` table";
            return Err(self.malformed(None, reason.to_owned()));
        }
        let mut manifest = Manifest {
            path: self.path.clone(),
            package: package.map(|package| self.name_of(package)).transpose()?,
            points_to: package.and_then(|package| text_of(package, "workspace")),
            rust_version: None,
            workspace: workspace.map(|workspace| Workspace {
                members: texts(workspace.get("members")),
                exclude: texts(workspace.get("exclude")),
            }),
            stated: Vec::new(),
            patched: BTreeSet::new(),
            patch_paths: Vec::new(),
        };
        let shared = workspace.and_then(|w| w.get("package")).and_then(Item::as_table_like);
        manifest.rust_version = [package, shared]
            .into_iter()
            .flatten()
            .find_map(|table| text_of(table, "rust-version"));
        self.tables(root, &mut manifest.stated)?;
        if let Some(workspace) = workspace {
            self.table(workspace.get("dependencies"), Table::Workspace, &mut manifest.stated)?;
        }
        if let Some(targets) = table("target") {
            for (_, target) in targets.iter() {
                if let Some(target) = target.as_table_like() {
                    self.tables(target, &mut manifest.stated)?;
                }
            }
        }
        patches(root, &mut manifest);
        Ok(manifest)
    }

    fn name_of(&self, package: &dyn TableLike) -> Result<String, ReadError> {
        text_of(package, "name")
            .ok_or_else(|| self.malformed(None, "its `[package]` has no `name`".to_owned()))
    }

    /// The dependency tables of a package, or of one `target`. The underscored names are old and still read.
    fn tables(&self, parent: &dyn TableLike, stated: &mut Vec<Stated>) -> Result<(), ReadError> {
        for (name, table) in [
            ("dependencies", Table::Normal),
            ("build-dependencies", Table::Build),
            ("build_dependencies", Table::Build),
            ("dev-dependencies", Table::Development),
            ("dev_dependencies", Table::Development),
        ] {
            self.table(parent.get(name), table, stated)?;
        }
        Ok(())
    }

    fn table(
        &self,
        item: Option<&Item>,
        table: Table,
        stated: &mut Vec<Stated>,
    ) -> Result<(), ReadError> {
        let Some(item) = item else { return Ok(()) };
        let Some(entries) = item.as_table_like() else {
            let line = item.span().map(|span| lines_before(self.text, span.start));
            return Err(self.malformed(line, "a dependency table is no table".to_owned()));
        };
        for (key, entry) in entries.iter() {
            let key_span = entries.key(key).and_then(toml_edit::Key::span);
            let span = key_span.or_else(|| entry.span()).unwrap_or(0..0);
            let line = lines_before(self.text, span.start);
            stated.push(self.entry(key, entry, table, line)?);
        }
        Ok(())
    }

    fn entry(&self, key: &str, entry: &Item, table: Table, line: u64) -> Result<Stated, ReadError> {
        let mut stated = Stated {
            key: key.to_owned(),
            package: key.to_owned(),
            range: "*".to_owned(),
            span: None,
            line,
            table,
            origin: Origin::Registry,
        };
        let version = if let Some(entry) = entry.as_table_like() {
            stated.package = text_of(entry, "package").unwrap_or(stated.package);
            stated.origin = origin(entry);
            entry.get("version")
        } else {
            Some(entry)
        };
        if let Some(version) = version {
            let text = version.as_str().ok_or_else(|| {
                self.malformed(Some(line), format!("the version of `{key}` is no text"))
            })?;
            semver::VersionReq::parse(text).map_err(|error| {
                let reason = format!("`{text}` is no version requirement for `{key}`: {error}");
                self.malformed(Some(line), reason)
            })?;
            text.clone_into(&mut stated.range);
            stated.span = version.as_value().and_then(Value::span);
            if let Some(span) = &stated.span {
                stated.line = lines_before(self.text, span.start);
            }
        }
        Ok(stated)
    }

    fn malformed(&self, line: Option<u64>, reason: String) -> ReadError {
        ReadError::Malformed { path: self.path.clone(), line, reason }
    }
}

fn origin(entry: &dyn TableLike) -> Origin {
    let other = |kind: &str, text: String| Origin::Other(format!("{kind} {text}"));
    if entry.get("workspace").and_then(Item::as_bool) == Some(true) {
        Origin::Inherited
    } else if let Some(path) = text_of(entry, "path") {
        Origin::Path(path)
    } else if let Some(url) = text_of(entry, "git") {
        other("git", url)
    } else if let Some(name) =
        text_of(entry, "registry").or_else(|| text_of(entry, "registry-index"))
    {
        other("registry", name)
    } else {
        Origin::Registry
    }
}

/// Notes what `[patch]` and `[replace]` put in place of a registry's crates.
fn patches(root: &toml_edit::Table, manifest: &mut Manifest) {
    let tables = |name: &str| root.get(name).and_then(Item::as_table_like);
    let mut note = |name: &str, entry: &Item| {
        let entry = entry.as_table_like();
        let real = entry.and_then(|entry| text_of(entry, "package"));
        manifest.patched.insert(real.unwrap_or_else(|| name.to_owned()));
        manifest.patch_paths.extend(entry.and_then(|entry| text_of(entry, "path")));
    };
    for (_, source) in tables("patch").into_iter().flat_map(TableLike::iter) {
        for (name, entry) in source.as_table_like().into_iter().flat_map(TableLike::iter) {
            note(name, entry);
        }
    }
    for (spec, entry) in tables("replace").into_iter().flat_map(TableLike::iter) {
        note(spec.split([':', '@']).next().unwrap_or(spec), entry);
    }
}

fn text_of(table: &dyn TableLike, key: &str) -> Option<String> {
    table.get(key).and_then(Item::as_str).map(str::to_owned)
}

fn texts(item: Option<&Item>) -> Vec<String> {
    let array = item.and_then(Item::as_array);
    array.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
