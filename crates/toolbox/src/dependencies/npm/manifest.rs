//! Reads `package.json`: what it asks for, and where in the text, so that one requirement can be changed and no other byte.

use std::collections::HashSet;
use std::ops::Range;

use domain::RepoPath;
use jsonc_parser::ast::{Object, ObjectProp, StringLit, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions};

use super::json::{self, line_of, malformed};
use super::version;
use crate::dependencies::{ReadError, Requirement, Source};
use crate::files::FileSet;

/// The largest `package.json` that is read, in bytes. The largest ones seen have some 100 kB.
const MANIFEST_MAX_BYTES: usize = 4 * 1024 * 1024;
/// How deep overrides may nest.
const OVERRIDES_DEPTH_MAX: usize = 32;

/// A section of `package.json` that asks for packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Section {
    Dependencies,
    Dev,
    Optional,
    Peer,
}

impl Section {
    pub(super) const ALL: [Self; 4] = [Self::Dependencies, Self::Dev, Self::Optional, Self::Peer];

    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Dependencies => "dependencies",
            Self::Dev => "devDependencies",
            Self::Optional => "optionalDependencies",
            Self::Peer => "peerDependencies",
        }
    }
}

/// One requirement, with the place of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) section: Section,
    /// The name it goes by here.
    pub(super) key: String,
    /// The package's real name.
    pub(super) package: String,
    /// The range without `npm:name@`.
    pub(super) range: String,
    pub(super) source: Source,
    pub(super) line: u64,
    /// The bytes of the value, quotes included.
    span: Range<usize>,
}

impl Ask {
    /// `range` as this requirement writes it: behind the alias, where there is one.
    pub(super) fn spec(&self, range: &str) -> String {
        if self.key == self.package {
            range.to_owned()
        } else {
            format!("npm:{}@{range}", self.package)
        }
    }
}

/// One rule under `overrides` that names a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Override {
    /// The package whose requirements it replaces.
    pub(super) package: String,
    /// The keys that lead to it, `overrides` first.
    pub(super) path: Vec<String>,
    /// The version or range that it sets.
    pub(super) range: String,
    /// It sets `npm:name@range`.
    alias: Option<String>,
    span: Range<usize>,
}

impl Override {
    /// `range` as this rule writes it.
    pub(super) fn spec(&self, range: &str) -> String {
        match &self.alias {
            Some(name) => format!("npm:{name}@{range}"),
            None => range.to_owned(),
        }
    }
}

/// A `package.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) path: RepoPath,
    pub(super) name: Option<String>,
    pub(super) asks: Vec<Ask>,
    pub(super) overrides: Vec<Override>,
    /// The globs of `workspaces`.
    pub(super) workspaces: Vec<String>,
    /// `packageManager`, as Corepack reads it.
    pub(super) package_manager: Option<String>,
    /// `engines.node`.
    pub(super) node: Option<String>,
}

impl Manifest {
    /// Reads the file at `path`.
    pub(super) fn read(files: &FileSet, path: &RepoPath) -> Result<Self, ReadError> {
        let text = json::text(files, path)?;
        if text.len() > MANIFEST_MAX_BYTES {
            let reason = format!("{} bytes, more than a package.json may have", text.len());
            return Err(malformed(path, None, reason));
        }
        // For its errors, and for its limit on depth.
        json::parse::<serde_json::Value>(path, text)?;
        let parsed = jsonc_parser::parse_to_ast(text, &CollectOptions::default(), &strict())
            .map_err(|error| {
                let line = u64::try_from(error.line_display()).ok();
                malformed(path, line, format!("not JSON: {}", error.kind()))
            })?;
        let Some(Value::Object(root)) = parsed.value else {
            return Err(malformed(path, Some(1), "a package.json holds one object"));
        };
        let reader = Reader { path, text, offset: files.text(path)?.len() - text.len() };
        reader.manifest(&root)
    }

    /// The folder of the project or workspace.
    pub(super) fn folder(&self) -> RepoPath {
        self.path.parent()
    }

    /// The requirements in the words that every ecosystem shares.
    pub(super) fn requirements(&self) -> impl Iterator<Item = Requirement> {
        self.asks.iter().map(|ask| Requirement {
            package: ask.package.clone(),
            alias: (ask.key != ask.package).then(|| ask.key.clone()),
            range: ask.range.clone(),
            manifest: self.path.clone(),
            line: Some(ask.line),
            development: ask.section == Section::Dev,
            source: ask.source.clone(),
            elsewhere: None,
        })
    }
}

/// New values for some places of a text; everything else stays to the byte.
#[derive(Debug, Default)]
pub(super) struct Splice(Vec<(Range<usize>, String)>);

impl Splice {
    pub(super) fn ask(&mut self, ask: &Ask, spec: &str) {
        self.put(ask.span.clone(), spec);
    }

    pub(super) fn rule(&mut self, rule: &Override, spec: &str) {
        self.put(rule.span.clone(), spec);
    }

    /// The first value for a place counts.
    fn put(&mut self, span: Range<usize>, spec: &str) {
        if self.0.iter().all(|(known, _)| *known != span) {
            self.0.push((span, quoted(spec)));
        }
    }

    /// The text with the new values; `text` is the whole file, byte order mark included.
    pub(super) fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|(span, _)| span.start);
        let mut new = String::with_capacity(text.len() + 64);
        let mut at = 0;
        for (span, value) in self.0 {
            new.push_str(text.get(at..span.start).expect("spans come from a parse of this text"));
            new.push_str(&value);
            at = span.end;
        }
        new.push_str(text.get(at..).expect("spans come from a parse of this text"));
        new
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// The real name, the range and the source that a requirement's text names.
pub(super) fn understand(key: &str, spec: &str) -> (String, String, Source) {
    let spec = spec.trim();
    if let Some(alias) = spec.strip_prefix("npm:") {
        let (name, range) = version::split_name(alias);
        return (name.to_owned(), range.to_owned(), Source::Registry);
    }
    let source = if spec.starts_with("workspace:") {
        Source::Workspace
    } else if spec.contains(':') || spec.contains('/') || spec.starts_with('.') {
        // `git+ssh:`, `github:`, `file:`, an address, a path, or `owner/repository`.
        Source::Other(spec.to_owned())
    } else {
        Source::Registry
    };
    (key.to_owned(), spec.to_owned(), source)
}

struct Reader<'a> {
    path: &'a RepoPath,
    text: &'a str,
    /// Bytes before `text` in the file: the byte order mark.
    offset: usize,
}

impl Reader<'_> {
    fn wrong(&self, at: &impl Ranged, reason: String) -> ReadError {
        malformed(self.path, Some(line_of(self.text, at.range().start)), reason)
    }

    fn span(&self, at: &StringLit<'_>) -> Range<usize> {
        at.range.start + self.offset..at.range.end + self.offset
    }

    /// The value of a key that may stand once.
    fn only<'v, 'a>(
        &self,
        object: &'v Object<'a>,
        key: &str,
    ) -> Result<Option<&'v Value<'a>>, ReadError> {
        let mut found = object.properties.iter().filter(|prop| prop.name.as_str() == key);
        let first = found.next();
        match found.next() {
            Some(second) => Err(self.twice(second, key)),
            None => Ok(first.map(|prop| &prop.value)),
        }
    }

    fn twice(&self, prop: &ObjectProp<'_>, key: &str) -> ReadError {
        let key = key.escape_debug();
        self.wrong(prop, format!("the key \"{key}\" stands twice; npm reads only the last one"))
    }

    fn manifest(&self, root: &Object<'_>) -> Result<Manifest, ReadError> {
        let words = |key| -> Result<Option<String>, ReadError> {
            Ok(self.only(root, key)?.and_then(Value::as_string_lit).map(|s| s.value.to_string()))
        };
        let mut asks = Vec::new();
        for section in Section::ALL {
            match self.only(root, section.key())? {
                None | Some(Value::NullKeyword(_)) => {}
                Some(Value::Array(array)) if array.elements.is_empty() => {}
                Some(Value::Object(object)) => self.section(section, object, &mut asks)?,
                Some(other) => {
                    let reason = format!("`{}` must be an object", section.key());
                    return Err(self.wrong(other, reason));
                }
            }
        }
        let mut overrides = Vec::new();
        if let Some(Value::Object(object)) = self.only(root, "overrides")? {
            self.overrides(object, None, &mut vec!["overrides".to_owned()], &mut overrides)?;
        }
        // What is no object promises nothing: old packages have a list there.
        let engines = self.only(root, "engines")?.and_then(Value::as_object);
        let node = engines.and_then(|engines| engines.get_string("node"));
        Ok(Manifest {
            path: self.path.clone(),
            name: words("name")?,
            asks,
            overrides,
            workspaces: self.workspaces(self.only(root, "workspaces")?)?,
            package_manager: words("packageManager")?,
            node: node.map(|node| node.value.to_string()),
        })
    }

    fn section(
        &self,
        section: Section,
        object: &Object<'_>,
        asks: &mut Vec<Ask>,
    ) -> Result<(), ReadError> {
        let mut seen = HashSet::new();
        for prop in &object.properties {
            let key = prop.name.as_str();
            if !seen.insert(key) {
                return Err(self.twice(prop, key));
            }
            let Value::StringLit(value) = &prop.value else {
                let reason = format!("`{key}` in `{}` must be a string", section.key());
                return Err(self.wrong(&prop.value, reason));
            };
            let (package, range, source) = understand(key, &value.value);
            asks.push(Ask {
                section,
                key: key.to_owned(),
                package,
                range,
                source,
                line: line_of(self.text, value.range.start),
                span: self.span(value),
            });
        }
        Ok(())
    }

    fn overrides(
        &self,
        object: &Object<'_>,
        around: Option<&str>,
        path: &mut Vec<String>,
        found: &mut Vec<Override>,
    ) -> Result<(), ReadError> {
        if path.len() > OVERRIDES_DEPTH_MAX {
            return Err(self.wrong(object, "`overrides` nest too deep".to_owned()));
        }
        for prop in &object.properties {
            let key = prop.name.as_str();
            let (name, _) = version::split_name(key);
            let target = if key == "." { around } else { Some(name) };
            path.push(key.to_owned());
            match (&prop.value, target) {
                (Value::StringLit(value), Some(target)) if !value.value.starts_with('$') => {
                    let (package, range, source) = understand(target, &value.value);
                    if source == Source::Registry {
                        found.push(Override {
                            alias: value.value.starts_with("npm:").then(|| package.clone()),
                            package,
                            path: path.clone(),
                            range,
                            span: self.span(value),
                        });
                    }
                }
                (Value::Object(inner), _) => self.overrides(inner, Some(name), path, found)?,
                _ => {}
            }
            path.pop();
        }
        Ok(())
    }

    fn workspaces(&self, value: Option<&Value<'_>>) -> Result<Vec<String>, ReadError> {
        let list = match value {
            Some(Value::Object(object)) => self.only(object, "packages")?,
            other => other,
        };
        let Some(list) = list else { return Ok(Vec::new()) };
        let Value::Array(array) = list else {
            return Err(self.wrong(list, "`workspaces` must be a list of folders".to_owned()));
        };
        let text = |element: &Value<'_>| element.as_string_lit().map(|s| s.value.to_string());
        Ok(array.elements.iter().filter_map(text).collect())
    }
}
