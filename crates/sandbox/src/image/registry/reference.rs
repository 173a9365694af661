//! References: `registry.example/team/image:tag@sha256:…`. The registry is always named: there is no default one.

use std::fmt;
use std::str::FromStr;

use domain::Digest;

use crate::image::error::ImageError;

/// A reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct Reference {
    /// Host and port.
    pub(super) registry: String,
    pub(super) repository: String,
    tag: Option<String>,
    pub(super) digest: Option<Digest>,
}

impl Reference {
    /// What is asked for: a digest counts more than a tag.
    pub(super) fn wanted(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// Whether what goes there never leaves this host.
    pub(super) fn is_on_loopback(&self) -> bool {
        let host = match self.registry.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.registry,
        };
        let address =
            host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// Without the digest.
    pub(super) fn without_digest(&self) -> String {
        let tag = self.tag.as_ref().map_or(String::new(), |tag| format!(":{tag}"));
        format!("{}/{}{tag}", self.registry, self.repository)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_digest())?;
        self.digest.map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

impl FromStr for Reference {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        read(text).ok_or_else(|| ImageError::Malformed {
            text: text.chars().take(200).collect(),
            expected: "a reference with its registry: HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]"
                .to_owned(),
        })
    }
}

fn read(text: &str) -> Option<Reference> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse().ok()?)),
        None => (text, None),
    };
    let (registry, rest) = rest.split_once('/')?;
    let (repository, tag) = match rest.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag.to_owned())),
        None => (rest, None),
    };
    let is_host = registry == "localhost" || registry.contains(['.', ':']);
    let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let name =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let parts_fit = repository.split('/').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(name)
            && !part.contains("..")
    });
    let tag_fits = tag.as_ref().is_none_or(|tag| {
        (1..=128).contains(&tag.len()) && tag.chars().all(word) && !tag.starts_with(['.', '-'])
    });
    let fits =
        is_host && registry.chars().all(host) && parts_fit && repository.len() <= 255 && tag_fits;
    fits.then(|| Reference {
        registry: registry.to_owned(),
        repository: repository.to_owned(),
        tag,
        digest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_back() {
        let digest = Digest::of(b"x");
        for text in [
            "registry.example/team/image:1.2".to_owned(),
            "localhost:5000/a".to_owned(),
            format!("[::1]:5000/a/b_c@{digest}"),
            format!("registry.example:443/a:tag@{digest}"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        let reference: Reference = format!("registry.example/a:tag@{digest}").parse().unwrap();
        assert_eq!(reference.wanted(), digest.to_string());
        assert_eq!("registry.example/a".parse::<Reference>().unwrap().wanted(), "latest");
    }

    #[test]
    fn what_names_no_registry_or_reaches_elsewhere_is_refused() {
        for text in [
            "",
            "debian",
            "library/debian",
            "registry.example/",
            "registry.example/../x",
            "registry.example/a//b",
            "registry.example/A",
            "registry.example/a:",
            "registry.example/a:-x",
            "registry.example/a?x",
            "user@registry.example/a",
            "registry.example/a@sha256:12",
            "registry.example/a#b",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_loopback_is_asked_without_tls() {
        let is = |text: &str| text.parse::<Reference>().unwrap().is_on_loopback();
        assert!(
            is("localhost:5000/a")
                && is("127.0.0.1:5000/a")
                && is("[::1]:5000/a")
                && is("localhost/a")
        );
        assert!(!is("registry.example/a") && !is("10.0.0.1:5000/a") && !is("localhost.example/a"));
    }
}
