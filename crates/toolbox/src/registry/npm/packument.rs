//! Reads a packument without building it: unknown parts are skipped, texts are borrowed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::marker::PhantomData;

use domain::Timestamp;
use domain::limit::head_chars;
use nodejs_semver::Version;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::dependencies::Published;
use crate::registry::RegistryError;

/// The most that is kept of what a publisher says against a version.
const DEPRECATED_MAX_CHARS: usize = 300;

#[derive(Deserialize)]
struct Packument<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default, rename = "dist-tags")]
    tags: Pairs<'a, Text<'a>>,
    #[serde(borrow, default)]
    versions: Pairs<'a, Release<'a>>,
    #[serde(borrow, default)]
    time: Pairs<'a, Text<'a>>,
}

/// One version. Publishers wrote these fields in many shapes over the years: one in a shape that says nothing is
/// read as absent, as npm does.
#[derive(Default)]
struct Release<'a> {
    node: Option<Cow<'a, str>>,
    requires: Pairs<'a, Text<'a>>,
    optional: Pairs<'a, Text<'a>>,
    peer: Pairs<'a, Text<'a>>,
    deprecated: Option<Cow<'a, str>>,
    has_tarball: bool,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    engines: Pairs<'a, Text<'a>>,
    #[serde(borrow, default)]
    dependencies: Pairs<'a, Text<'a>>,
    #[serde(borrow, default, rename = "optionalDependencies")]
    optional: Pairs<'a, Text<'a>>,
    #[serde(borrow, default, rename = "peerDependencies")]
    peer: Pairs<'a, Text<'a>>,
    #[serde(borrow, default)]
    deprecated: Text<'a>,
    #[serde(borrow, default)]
    dist: Pairs<'a, Text<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Release<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Fields::deserialize(deserializer)?;
        let mut engines = fields.engines.0;
        Ok(Self {
            node: engines.remove("node").and_then(|text| text.0),
            requires: fields.dependencies,
            optional: fields.optional,
            peer: fields.peer,
            // npm takes an empty text back.
            deprecated: fields.deprecated.0.filter(|text| !text.trim().is_empty()),
            has_tarball: fields.dist.0.get("tarball").is_some_and(|text| text.0.is_some()),
        })
    }
}

/// Every version that a packument tells of.
pub(super) fn published(package: &str, body: &[u8]) -> Result<Vec<Published>, RegistryError> {
    let garbage = |reason: String| RegistryError::Garbage { package: package.to_owned(), reason };
    let packument: Packument<'_> =
        serde_json::from_slice(body).map_err(|error| garbage(error.to_string()))?;
    if let Some(name) = packument.name.0.filter(|name| name != package) {
        let name: String = name.escape_debug().take(200).collect();
        return Err(garbage(format!("it tells of `{name}`")));
    }
    let mut time = packument.time.0;
    if packument.versions.0.is_empty() {
        // Wholly taken back: the registry keeps the name and says so here.
        return Err(match time.contains_key("unpublished") {
            true => RegistryError::NoSuchPackage { package: package.to_owned() },
            false => garbage("the answer holds no version".to_owned()),
        });
    }
    let latest = packument.tags.0.get("latest").and_then(|text| text.0.as_deref());
    let latest = latest.and_then(|latest| Version::parse(latest).ok());
    let mut versions: Vec<Published> = Vec::with_capacity(packument.versions.0.len());
    for (version, release) in packument.versions.0 {
        // npm cannot install what is not a version either.
        let Ok(parsed) = Version::parse(&version) else { continue };
        versions.push(Published {
            published_at: time
                .remove(&version)
                .and_then(|text| text.0)
                .and_then(|text| Timestamp::parse_rfc3339(&text)),
            preview: latest.as_ref().is_some_and(|latest| parsed > *latest),
            version: version.into_owned(),
            yanked: false,
            has_files: release.has_tarball,
            deprecated: release.deprecated.as_deref().map(shown),
            runtime: release.node.as_deref().map(str::to_owned),
            peers: release.peers(),
            requires: release.requires(),
        });
    }
    if versions.is_empty() {
        return Err(garbage("none of its versions is a version".to_owned()));
    }
    versions.sort_by(|a, b| a.version.cmp(&b.version));
    Ok(versions)
}

/// What a publisher wrote, in one line for a person.
fn shown(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    head_chars(&words.join(" "), DEPRECATED_MAX_CHARS)
}

impl Release<'_> {
    fn peers(&self) -> BTreeSet<String> {
        let is_own = |name: &str| {
            [&self.requires, &self.optional].iter().any(|pairs| pairs.0.contains_key(name))
        };
        let peers = self.peer.0.keys().filter(|name| !is_own(name));
        peers.map(|name| name.to_string()).collect()
    }

    fn requires(self) -> Vec<(String, String)> {
        // What stands in two sections counts as in the later one here; an optional peer excludes as any other does.
        let peers = self.peer.0.into_iter();
        let all: BTreeMap<_, _> = peers.chain(self.requires.0).chain(self.optional.0).collect();
        all.into_iter()
            .filter_map(|(name, range)| Some((name.into_owned(), range.0?.into_owned())))
            .collect()
    }
}

/// A string, or nothing where something else stands.
#[derive(Default)]
struct Text<'a>(Option<Cow<'a, str>>);

/// An object, or an empty one where something else stands.
struct Pairs<'a, V>(HashMap<Cow<'a, str>, V>);

impl<V> Default for Pairs<'_, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// A key, borrowed where no escape stands in it.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        Ok(Self(text.0.unwrap_or_default()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self)
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Pairs<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = PairsVisitor(PhantomData);
        Ok(Self(deserializer.deserialize_any(visitor)?.unwrap_or_default()))
    }
}

/// What is not wanted is skipped, not kept.
macro_rules! absent {
    () => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(None)
        }
    };
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    absent!();
}

struct PairsVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
    type Value = Option<HashMap<Cow<'de, str>, V>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = HashMap::new();
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, V>()? {
            pairs.insert(key, value);
        }
        Ok(Some(pairs))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    absent!();
}
