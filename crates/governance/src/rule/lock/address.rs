//! Addresses in lock files: whose place they name, and which package and version their path is of.

/// How long a segment of hexadecimal digits is that stands for a file's content.
const DIGEST_LETTERS_MIN: usize = 12;
/// How long the segments before it may be that repeat its beginning.
const DIGEST_FOLDER_LETTERS_MAX: usize = 4;

/// The place that a registry's own address names: what its archives' addresses begin with.
pub(super) fn base(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let path = path.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    let segments: Vec<&str> = path.map(|(_, path)| path.split('/').collect()).unwrap_or_default();
    below(url, segments.into_iter().filter(|segment| !segment.is_empty()))
}

/// The place that an npm archive is from: its address up to what names the package. One host serves many projects.
pub(super) fn npm_place(url: &str, name: &str) -> String {
    let segments = segments(url, name).unwrap_or_default();
    match archive(&segments, name) {
        Some((place, _)) => below(url, place.iter().map(String::as_str)),
        None => origin(url),
    }
}

/// The place that a file of a Python package is from: its address up to what is the file's own, which is its content's
/// digest in the public registry's layout, and the package and its version in others.
pub(super) fn python_place(url: &str, is_package: impl Fn(&str) -> bool) -> String {
    let Some(mut segments) = segments(url, "") else { return origin(url) };
    segments.pop();
    let hex = |segment: &String| segment.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_digest = |segment: &String| segment.len() >= DIGEST_LETTERS_MIN && hex(segment);
    if segments.pop_if(|segment| is_digest(segment)).is_some() {
        let folder =
            |segment: &mut String| segment.len() <= DIGEST_FOLDER_LETTERS_MAX && hex(segment);
        while segments.pop_if(folder).is_some() {}
    }
    while segments.pop_if(|segment| is_package(segment)).is_some() {}
    below(url, segments.iter().map(String::as_str))
}

/// Scheme, host and a path.
fn below<'s>(url: &str, segments: impl IntoIterator<Item = &'s str>) -> String {
    segments.into_iter().fold(origin(url), |place, segment| format!("{place}/{segment}"))
}

/// Scheme and host of an address; all of it where it has none.
pub(super) fn origin(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            format!("{}://{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
        }
        None => url.to_owned(),
    }
}

/// Whether an address is one that a registry serves archives at: nothing else has a scheme of the web.
pub(super) fn is_web(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    lower.starts_with("https://") || lower.starts_with("http://")
}

/// Whether the path of an npm archive is of this package, in the layouts that registries use, behind any
/// prefix: `NAME/-/FILE`, for a scoped name `@SCOPE/BASE/-/@SCOPE/FILE` too, and GitHub's
/// `download/NAME/VERSION/DIGEST`.
pub(super) fn is_of(url: &str, name: &str) -> bool {
    segments(url, name).is_some_and(|segments| archive(&segments, name).is_some())
}

/// Whether the archive, which is of this package, is of this version too.
pub(super) fn is_version(url: &str, name: &str, version: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    // Registries keep no build metadata.
    let plain = version.split('+').next().unwrap_or(version);
    let segments = segments(url, name).unwrap_or_default();
    match archive(&segments, name).map(|(_, archive)| archive) {
        Some(Archive::File(file)) => [plain, version]
            .into_iter()
            .any(|version| !version.is_empty() && file == format!("{base}-{version}.tgz")),
        Some(Archive::Version(of)) => of == version || of == plain,
        None => false,
    }
}

/// What a path says of an archive besides its package.
enum Archive {
    /// The name of its file.
    File(String),
    /// Its version, between the package and a digest.
    Version(String),
}

/// What stands before the package in the segments of a path, and what they say of the archive.
fn archive<'s>(segments: &'s [String], name: &str) -> Option<(&'s [String], Archive)> {
    let wanted: Vec<&str> = name.split('/').collect();
    if let [prefix @ .., version, digest] = segments
        && is_digest(digest)
    {
        let prefix = before(prefix, &wanted)?;
        let is_whole = prefix.last()? == "download";
        return is_whole.then(|| (prefix, Archive::Version(version.clone())));
    }
    let (file, rest) = segments.split_last()?;
    let scope = wanted.first().filter(|_| wanted.len() == 2);
    let rest = match rest.split_last() {
        Some((last, rest)) if scope.is_some_and(|scope| last == scope) => rest,
        _ => rest,
    };
    let (dash, rest) = rest.split_last()?;
    let prefix = before(rest, &wanted)?;
    // What stands before a name without a scope must not be one: anybody may publish `@evil/NAME`.
    let is_whole =
        prefix.last().is_none_or(|last| last != "-" && (scope.is_some() || !last.starts_with('@')));
    (dash == "-" && is_whole).then(|| (prefix, Archive::File(file.clone())))
}

/// The segments of an address's path. Nothing where one is none, goes up, or is encoded otherwise than
/// registries do it: `@` and `+` anywhere, `/` within the name only.
fn segments(url: &str, name: &str) -> Option<Vec<String>> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split(['?', '#']).next()?.split_once('/')?;
    let mut segments = Vec::new();
    for written in path.split('/') {
        let plain = decoded(written)?;
        if plain == name {
            segments.extend(plain.split('/').map(str::to_owned));
        } else if plain.is_empty() || matches!(plain.as_str(), "." | "..") || plain.contains('/') {
            return None;
        } else {
            segments.push(plain);
        }
    }
    Some(segments)
}

/// A segment or the name of a file without the encodings that registries use; nothing where it has others, or
/// characters that stand for something else in an address.
pub(super) fn decoded(segment: &str) -> Option<String> {
    let mut plain = segment.to_owned();
    for (code, letter) in [("%40", "@"), ("%2F", "/"), ("%2f", "/"), ("%2B", "+"), ("%2b", "+")] {
        plain = plain.replace(code, letter);
    }
    let odd = |c: char| matches!(c, '%' | '\\') || c.is_control() || c.is_whitespace();
    (!plain.contains(odd)).then_some(plain)
}

fn is_digest(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What stands before these last segments; nothing where others are last.
fn before<'s>(segments: &'s [String], last: &[&str]) -> Option<&'s [String]> {
    let (before, after) = segments.split_at(segments.len().checked_sub(last.len())?);
    after.iter().eq(last).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_the_package_and_the_version_that_all_of_its_path_names() {
        let digest = "a".repeat(64);
        for (path, name) in [
            ("lodash/-/lodash-4.17.21.tgz", "lodash"),
            ("mirror/npm/lodash/-/lodash-4.17.21.tgz?x=1", "lodash"),
            ("api/v4/groups/1/-/packages/npm/lodash/-/lodash-4.17.21.tgz", "lodash"),
            ("@s/b/-/b-4.17.21.tgz", "@s/b"),
            ("@s%2fb/-/b-4.17.21.tgz", "@s/b"),
            ("%40s%2Fb/-/b-4.17.21.tgz", "@s/b"),
            ("npm/@s/b/-/@s/b-4.17.21.tgz", "@s/b"),
            (&format!("download/@s/b/4.17.21/{digest}"), "@s/b"),
            ("JSONStream/-/JSONStream-4.17.21.tgz", "JSONStream"),
        ] {
            let url = format!("https://x.invalid/{path}");
            assert!(is_of(&url, name) && is_version(&url, name, "4.17.21"), "{path}");
            assert!(is_version(&url, name, "4.17.21+build"), "{path}");
            assert!(!is_version(&url, name, "4.17.2"), "{path}");
            assert!(!is_version(&url, name, "4.17.21-rc"), "{path}");
        }
        assert!(is_version("https://x.invalid/a/-/a-1.0.0%2Bb.tgz", "a", "1.0.0+b"));
        assert!(!is_version("https://x.invalid/a/-/evil-1.0.0.tgz", "a", "1.0.0"));
        assert!(!is_version("https://x.invalid/a/-/a-1.0.0.tgz.zip", "a", "1.0.0"));
    }

    #[test]
    fn a_place_is_what_stands_before_the_package() {
        let digest = "a".repeat(64);
        for (path, name, place) in [
            ("lodash/-/lodash-4.17.21.tgz", "lodash", ""),
            ("art/api/npm/one/lodash/-/lodash-4.17.21.tgz", "lodash", "/art/api/npm/one"),
            (
                "api/v4/projects/1/packages/npm/@s/b/-/@s/b-1.0.0.tgz",
                "@s/b",
                "/api/v4/projects/1/packages/npm",
            ),
            (&format!("download/@s/b/4.17.21/{digest}"), "@s/b", "/download"),
            ("lodash.tgz", "lodash", ""),
        ] {
            let found = npm_place(&format!("HTTPS://X.invalid/{path}"), name);
            assert_eq!(found, format!("https://x.invalid{place}"), "{path}");
        }
        for (path, place) in [("", ""), ("/", ""), ("/npm/", "/npm"), ("/a//b?c=d#e", "/a/b")] {
            assert_eq!(
                base(&format!("https://x.invalid{path}")),
                format!("https://x.invalid{place}")
            );
        }
        let digest = "b".repeat(60);
        let gitlab = "api/v4/projects/7/packages/pypi/files";
        for (path, place) in [
            (format!("packages/ab/cd/{digest}/a_b-1.0.tar.gz"), "packages"),
            (
                format!("repo/packages/packages/ab/cd/{digest}/a_b-1.0.tar.gz"),
                "repo/packages/packages",
            ),
            (format!("{gitlab}/{digest}/a_b-1.0.tar.gz#sha256=0"), gitlab),
            ("root/pypi/+f/0a1/b2c3d4e5f6a7b/a_b-1.0.tar.gz".to_owned(), "root/pypi/+f"),
            (
                "repository/one/packages/a-b/1.0/a_b-1.0.tar.gz".to_owned(),
                "repository/one/packages",
            ),
            ("whl/cpu/a_b-1.0%2Bcpu-cp311-cp311-linux_x86_64.whl".to_owned(), "whl/cpu"),
            ("project/repo/a-b/a_b-1.0.tar.gz".to_owned(), "project/repo"),
        ] {
            let found = python_place(&format!("https://x.invalid/{path}"), |segment| {
                matches!(segment, "a-b" | "1.0")
            });
            assert_eq!(found, format!("https://x.invalid/{place}"), "{path}");
        }
    }

    #[test]
    fn an_address_whose_path_only_looks_like_the_package_is_of_another() {
        let digest = "a".repeat(64);
        for (path, name) in [
            ("@evil/lodash/-/lodash-4.17.21.tgz", "lodash"),
            ("%40evil/lodash/-/lodash-4.17.21.tgz", "lodash"),
            ("@evil%2flodash/-/lodash-4.17.21.tgz", "lodash"),
            ("lodash/-/%2e%2e/%2e%2e/evil/-/evil-4.17.21.tgz", "lodash"),
            ("lodash/-/..%2f../evil/-/evil-4.17.21.tgz", "lodash"),
            ("lodash/-/%2E./evil-4.17.21.tgz", "lodash"),
            ("evil/-/lodash/-/lodash-4.17.21.tgz", "lodash"),
            ("lodash/-/lodash-4.17.21.tgz/x", "lodash"),
            ("lodash/evil/lodash-4.17.21.tgz", "lodash"),
            ("lodash/evil-4.17.21.tgz", "lodash"),
            ("@evil/b/-/b-4.17.21.tgz", "@s/b"),
            ("b/-/b-4.17.21.tgz", "@s/b"),
            ("@s/b/-/@evil/b-4.17.21.tgz", "@s/b"),
            ("jsonstream/-/jsonstream-4.17.21.tgz", "JSONStream"),
            ("xlodash/-/lodash-4.17.21.tgz", "lodash"),
            (&format!("download/@evil/lodash/4.17.21/{digest}"), "lodash"),
        ] {
            assert!(!is_of(&format!("https://x.invalid/{path}"), name), "{path}");
        }
    }
}
