//! Addresses in lock files: whose host they name, and which package their path is of.

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

/// Whether the path of an npm archive is of this package, in the layouts that registries use:
/// `…/NAME/-/BASE-VERSION.tgz` and `…/NAME/…`, where the `/` of a scope may be encoded.
pub(super) fn is_of(url: &str, name: &str) -> bool {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = path.split(['?', '#']).next().unwrap_or(path).to_ascii_lowercase();
    let Some((_, path)) = path.split_once('/') else { return false };
    if path.contains('\\')
        || path.split('/').any(|part| part == ".." || part == "." || part.is_empty())
    {
        return false;
    }
    let path = format!("/{}", path.replace("%2f", "/").replace("%40", "@"));
    match path.split_once("/-/") {
        Some((package, _)) => package.ends_with(&format!("/{}", name.to_ascii_lowercase())),
        None => path.contains(&format!("/{}/", name.to_ascii_lowercase())),
    }
}

/// Whether the archive's own name holds the version, where the address has the common layout.
pub(super) fn is_version(url: &str, version: &str) -> bool {
    let Some((_, file)) = url.split_once("/-/") else { return true };
    let plain = version.split('+').next().unwrap_or(version);
    file.replace("%2B", "+").contains(&format!("-{plain}"))
}
