//! What a request asks for, in the one spelling that rules are matched on and upstreams are sent.

use std::net::IpAddr;

use http::request::Parts;

/// The longest path that may be asked for, in bytes. Registries stay far below it: the longest names of packages and
/// files have a few hundred.
const PATH_MAX_BYTES: usize = 1024;

/// The host and port that a connection or a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    /// Lower case; brackets of an IPv6 literal removed.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
}

/// One request, ready to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Whom it is for.
    pub(crate) authority: Authority,
    /// Whether it came without TLS.
    pub(crate) plain: bool,
    /// Upper-case method.
    pub(crate) method: String,
    /// The normalised path.
    pub(crate) path: String,
    /// The query, as it was sent.
    pub(crate) query: Option<String>,
}

/// Why a target was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("the target names no host and port")]
    NoAuthority,
    #[error("the target holds a user name")]
    UserInfo,
    #[error("the scheme is neither the tunnel's nor http")]
    Scheme,
    #[error("the Host field and the target differ")]
    HostDiffers,
    #[error("the request is for another host than the tunnel")]
    TunnelDiffers,
    #[error("the path holds {0}")]
    Path(&'static str),
}

impl Authority {
    /// Reads `host:port`; `default_port` where none is written.
    pub(crate) fn parse(text: &str, default_port: Option<u16>) -> Result<Self, TargetError> {
        if text.contains('@') {
            return Err(TargetError::UserInfo);
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or(TargetError::NoAuthority)?;
                match after.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if after.is_empty() => (host, None),
                    None => return Err(TargetError::NoAuthority),
                }
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            Some(port) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().map_err(|_| TargetError::NoAuthority)?
            }
            Some(_) => return Err(TargetError::NoAuthority),
            None => default_port.ok_or(TargetError::NoAuthority)?,
        };
        let known =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
        if host.is_empty() || host.len() > 253 || !host.bytes().all(known) {
            return Err(TargetError::NoAuthority);
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }

    /// Whether the host is an IP address rather than a name, in any spelling that resolvers take for one.
    pub(crate) fn is_ip_literal(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
            || self.host.contains(':')
            || self.host.split('.').next_back().is_some_and(|last| {
                let hex = last.strip_prefix("0x");
                let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
                !last.is_empty() && (digits(last) || hex.is_some())
            })
    }

    /// As it stands in an address: IPv6 literals in brackets, the scheme's own port left out.
    pub(crate) fn in_address(&self, plain: bool) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let own = if plain { 80 } else { 443 };
        if self.port == own { host } else { format!("{host}:{}", self.port) }
    }
}

impl std::fmt::Display for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The authority of a CONNECT, with the `Host` field agreeing where there is one.
pub(crate) fn connect(parts: &Parts) -> Result<Authority, TargetError> {
    let text = parts.uri.authority().ok_or(TargetError::NoAuthority)?.as_str();
    let authority = Authority::parse(text, None)?;
    let host = host_field(parts).transpose()?;
    let host = host.map(|host| Authority::parse(host, Some(authority.port))).transpose()?;
    if host.is_some_and(|host| host != authority) {
        return Err(TargetError::HostDiffers);
    }
    Ok(authority)
}

/// What a request asks for; `tunnel` is the authority of the TLS tunnel that it came through, if any.
pub(crate) fn asked(parts: &Parts, tunnel: Option<&Authority>) -> Result<Asked, TargetError> {
    let plain = tunnel.is_none();
    let own_port = if plain { 80 } else { 443 };
    let host = host_field(parts).ok_or(TargetError::NoAuthority)??;
    let host = Authority::parse(host, Some(own_port))?;
    let authority = match (parts.uri.scheme_str(), parts.uri.authority()) {
        (Some(scheme), Some(written)) => {
            if scheme != if plain { "http" } else { "https" } {
                return Err(TargetError::Scheme);
            }
            Authority::parse(written.as_str(), Some(own_port))?
        }
        (None, None) if !plain => host.clone(),
        _ => return Err(TargetError::NoAuthority),
    };
    if authority != host {
        return Err(TargetError::HostDiffers);
    }
    if tunnel.is_some_and(|tunnel| *tunnel != authority) {
        return Err(TargetError::TunnelDiffers);
    }
    Ok(Asked {
        authority,
        plain,
        method: parts.method.as_str().to_owned(),
        path: normalise(parts.uri.path())?,
        query: parts.uri.query().map(str::to_owned),
    })
}

fn host_field(parts: &Parts) -> Option<Result<&str, TargetError>> {
    let value = parts.headers.get(http::header::HOST)?;
    Some(value.to_str().map_err(|_| TargetError::HostDiffers))
}

/// The one spelling of a path: what needs no percent-encoding is decoded, encodings are upper case, `.`, `..`
/// and empty parts are resolved (RFC 3986 section 6.2.2). What servers are known to read in different ways is
/// refused, except `%2F`, which stays as it is and matches only where a rule's own glob spells it.
pub(crate) fn normalise(path: &str) -> Result<String, TargetError> {
    if path.len() > PATH_MAX_BYTES {
        return Err(TargetError::Path("more than 1024 bytes"));
    }
    let decoded = decode(path)?;
    let mut parts: Vec<&str> = Vec::new();
    let rest = decoded.strip_prefix('/').ok_or(TargetError::Path("no leading slash"))?;
    for part in rest.split('/') {
        // A server that knows path parameters reads `..;x` as `..`.
        let plain = part.split(';').next().unwrap_or(part);
        if plain != part && matches!(plain, "" | "." | "..") {
            return Err(TargetError::Path("a parameter on `.` or `..`"));
        }
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or(TargetError::Path("`..` above its root"))?;
            }
            _ => {
                if part.split("%2F").any(|inner| matches!(inner, "" | "." | "..")) {
                    return Err(TargetError::Path("an encoded slash beside `.` or `..`"));
                }
                parts.push(part);
            }
        }
    }
    let mut path = String::with_capacity(decoded.len());
    for part in &parts {
        path.push('/');
        path.push_str(part);
    }
    let folder = rest.ends_with('/') || rest.ends_with("/.") || rest.ends_with("/..");
    if path.is_empty() || folder || matches!(rest, "." | "..") {
        path.push('/');
    }
    Ok(path)
}

fn decode(path: &str) -> Result<String, TargetError> {
    let mut out = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
                let value =
                    digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                match value.ok_or(TargetError::Path("a broken percent-encoding"))? {
                    value if value.is_ascii_alphanumeric() || b"-._~".contains(&value) => {
                        out.push(char::from(value));
                    }
                    0x00..=0x1f | 0x7f => {
                        return Err(TargetError::Path("an encoded control character"));
                    }
                    b'\\' => return Err(TargetError::Path("an encoded backslash")),
                    value => {
                        out.push('%');
                        out.extend(hex_digits(value));
                    }
                }
            }
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) => {
                out.push(char::from(byte));
            }
            _ => return Err(TargetError::Path("a character that has to be percent-encoded")),
        }
    }
    let twice = out.split("%25").skip(1).any(|after| {
        let mut after = after.bytes();
        let mut hex = || after.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        hex() && hex()
    });
    if twice {
        return Err(TargetError::Path("a percent-encoding within a percent-encoding"));
    }
    Ok(out)
}

fn hex_digits(value: u8) -> [char; 2] {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    [digit(value >> 4), digit(value & 15)].map(|digit| digit.to_ascii_uppercase())
}

#[cfg(test)]
mod tests;
