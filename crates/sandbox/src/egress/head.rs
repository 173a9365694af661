//! Judges the raw head of a request before any HTTP machinery interprets it.
//!
//! Request smuggling lives on heads that two readers frame differently. So a head passes only if it has
//! one reading: CRLF line ends, one `Host`, at most one framing header, no folded lines, nothing of an upgrade
//! (RFC 9112 sections 2.2, 5.1, 6.1, 6.3; RFC 9110 sections 7.6.1, 7.8).

/// The most header fields of one request.
const FIELDS_MAX: usize = 64;

/// What `Connection` may name: words about this hop that make nothing else disappear.
const CONNECTION_WORDS: [&str; 5] = ["close", "keep-alive", "te", "upgrade", "http2-settings"];

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The next head.
    Empty,
    /// A body.
    Body,
    /// Whatever the tunnel carries.
    Tunnel,
}

/// Why a head was refused, with what could be read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// The method, or `?`.
    pub(crate) method: String,
    /// The target as it was sent, or nothing.
    pub(crate) target: String,
    /// The first `Host` field, or nothing.
    pub(crate) host: String,
    /// What is wrong.
    pub(crate) reason: &'static str,
}

impl Malformed {
    /// A head of which nothing could be read.
    pub(crate) fn unread(reason: &'static str) -> Self {
        Self { method: "?".into(), target: String::new(), host: String::new(), reason }
    }
}

/// Whether the first bytes can begin a request at all; said early so that a foreign protocol does not
/// have to time out.
pub(crate) fn plausible(start: &[u8]) -> Result<(), Malformed> {
    if start.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
        return Err(Malformed::unread("no HTTP/1.1 request"));
    }
    let bare = |pair: &[u8]| pair[1] == b'\n' && pair[0] != b'\r';
    if start.windows(2).any(bare) {
        return Err(Malformed::unread("a line ends without CR"));
    }
    Ok(())
}

/// Judges a whole head, up to and with its empty line.
pub(crate) fn inspect(raw: &[u8]) -> Result<Framing, Malformed> {
    plausible(raw)?;
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(raw);
    let method = request.method.unwrap_or("?").to_owned();
    let target = request.path.unwrap_or_default().to_owned();
    let refuse = |reason: &'static str, host: &str| Malformed {
        method: method.clone(),
        target: target.clone(),
        host: host.to_owned(),
        reason,
    };
    match parsed {
        Ok(httparse::Status::Complete(length)) if length == raw.len() => {}
        Ok(_) => return Err(refuse("the head ends in two places", "")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(refuse("more than 64 header fields", ""));
        }
        Err(httparse::Error::Version) => return Err(refuse("not HTTP/1.0 or HTTP/1.1", "")),
        Err(_) => return Err(refuse("the head is not well-formed", "")),
    }
    if bare_cr(raw) {
        return Err(refuse("a CR stands alone", ""));
    }
    if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\') {
        return Err(refuse("the target holds characters that no address has", ""));
    }
    let legacy = request.version == Some(0);
    let seen = Fields::read(request.headers).map_err(|(reason, host)| refuse(reason, &host))?;
    let host = seen.host.as_deref().unwrap_or_default();
    if method == "CONNECT" {
        if seen.length.is_some() || seen.chunked {
            return Err(refuse("CONNECT with a body", host));
        }
        return Ok(Framing::Tunnel);
    }
    if seen.host.is_none() {
        return Err(refuse("no Host", host));
    }
    if legacy && seen.chunked {
        return Err(refuse("Transfer-Encoding in HTTP/1.0", host));
    }
    let empty = !seen.chunked && seen.length.unwrap_or(0) == 0;
    Ok(if empty { Framing::Empty } else { Framing::Body })
}

fn bare_cr(raw: &[u8]) -> bool {
    raw.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n')
}

/// The fields that decide framing and routing.
#[derive(Debug, Default)]
struct Fields {
    host: Option<String>,
    length: Option<u64>,
    chunked: bool,
}

impl Fields {
    fn read(fields: &[httparse::Header<'_>]) -> Result<Self, (&'static str, String)> {
        let mut seen = Self::default();
        for field in fields {
            seen.take(field).map_err(|reason| (reason, seen.host.clone().unwrap_or_default()))?;
        }
        if seen.chunked && seen.length.is_some() {
            let host = seen.host.unwrap_or_default();
            return Err(("both Content-Length and Transfer-Encoding", host));
        }
        Ok(seen)
    }

    fn take(&mut self, field: &httparse::Header<'_>) -> Result<(), &'static str> {
        let value = std::str::from_utf8(field.value).unwrap_or("\u{fffd}");
        match field.name.to_ascii_lowercase().as_str() {
            "host" => once(self.host.replace(value.to_owned()), "several Host fields")?,
            "content-length" => {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let length = value.parse().ok().filter(|_| digits);
                let length = length.ok_or("Content-Length is no number")?;
                once(self.length.replace(length), "several Content-Length fields")?;
            }
            "transfer-encoding" => {
                if !value.eq_ignore_ascii_case("chunked") {
                    return Err("Transfer-Encoding is not chunked");
                }
                if std::mem::replace(&mut self.chunked, true) {
                    return Err("several Transfer-Encoding fields");
                }
            }
            // Asking for h2c is a habit of well-known clients on plain HTTP; a server may ignore it
            // (RFC 9110 section 7.8) and this one does. Anything else wants another protocol.
            "upgrade" if !value.eq_ignore_ascii_case("h2c") => {
                return Err("Upgrade to another protocol");
            }
            "connection" | "proxy-connection" => {
                let known = |word: &str| {
                    CONNECTION_WORDS.iter().any(|known| word.trim().eq_ignore_ascii_case(known))
                };
                if !value.split(',').all(known) {
                    return Err("Connection names a field that is not of this hop");
                }
            }
            "expect" if !value.eq_ignore_ascii_case("100-continue") => {
                return Err("Expect is not 100-continue");
            }
            _ => {}
        }
        Ok(())
    }
}

/// Refuses a field that was there already.
fn once<T>(earlier: Option<T>, reason: &'static str) -> Result<(), &'static str> {
    if earlier.is_some() { Err(reason) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
