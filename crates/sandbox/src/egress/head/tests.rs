//! The table of heads that have two readings, and those that have one.

use super::*;

#[track_caller]
fn check(raw: &str, expect: Result<Framing, &str>) {
    let seen = inspect(raw.as_bytes()).map_err(|malformed| malformed.reason);
    assert_eq!(seen, expect, "{raw:?}");
}

/// A head with these lines after a good request line and `Host`.
#[track_caller]
fn fields(lines: &str, expect: Result<Framing, &str>) {
    check(&format!("POST /x HTTP/1.1\r\nHost: a\r\n{lines}\r\n"), expect);
}

#[test]
fn heads_with_one_reading_pass() {
    check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(Framing::Empty));
    check("GET http://a/ HTTP/1.0\r\nHost: a\r\n\r\n", Ok(Framing::Empty));
    check("CONNECT a:443 HTTP/1.0\r\n\r\n", Ok(Framing::Tunnel));
    check("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", Ok(Framing::Tunnel));
    fields("Content-Length: 0\r\n", Ok(Framing::Empty));
    fields("Content-Length: 3\r\n", Ok(Framing::Body));
    fields("Transfer-Encoding: Chunked\r\n", Ok(Framing::Body));
    fields("Connection: keep-alive, TE\r\nTE: trailers\r\n", Ok(Framing::Empty));
    fields(
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n",
        Ok(Framing::Empty),
    );
}

#[test]
fn framing_that_two_readers_see_differently_is_refused() {
    let both = Err("both Content-Length and Transfer-Encoding");
    fields("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", both);
    fields("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", both);
    fields("Content-Length: 3\r\nContent-Length: 3\r\n", Err("several Content-Length fields"));
    fields("Content-Length: 3\r\nContent-Length: 4\r\n", Err("several Content-Length fields"));
    for value in ["3, 3", "+3", "-1", "0x3", "", "3 3", "99999999999999999999", "\u{663}"] {
        fields(&format!("Content-Length: {value}\r\n"), Err("Content-Length is no number"));
    }
    for value in
        ["gzip", "chunked, chunked", "gzip, chunked", "identity", "xchunked", "chunked;q=1", ""]
    {
        fields(&format!("Transfer-Encoding: {value}\r\n"), Err("Transfer-Encoding is not chunked"));
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    fields(twice, Err("several Transfer-Encoding fields"));
    check(
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        Err("Transfer-Encoding in HTTP/1.0"),
    );
    check("CONNECT a:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\n", Err("CONNECT with a body"));
}

#[test]
fn lines_that_two_readers_break_differently_are_refused() {
    let odd = Err("the head is not well-formed");
    fields("X: a\r\n b\r\n", odd);
    fields("X: a\r\n\tb\r\n", odd);
    fields("X : a\r\n", odd);
    fields(" X: a\r\n", odd);
    fields("X\r\n", odd);
    fields("X: a\0b\r\n", odd);
    fields("X: a\nTransfer-Encoding: chunked\r\n", Err("a line ends without CR"));
    fields("X: a\rTransfer-Encoding: chunked\r\n", odd);
    check("GET / HTTP/1.1\nHost: a\n\n", Err("a line ends without CR"));
    check("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", odd);
    check("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", odd);
    check("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", Err("not HTTP/1.0 or HTTP/1.1"));
    check("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Err("no HTTP/1.1 request"));
}

#[test]
fn targets_and_hosts_that_two_readers_see_differently_are_refused() {
    let odd = Err("the target holds characters that no address has");
    check("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", odd);
    check("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", odd);
    check("GET / HTTP/1.1\r\n\r\n", Err("no Host"));
    check("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Err("several Host fields"));
    check("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", Err("several Host fields"));
}

#[test]
fn other_protocols_are_refused() {
    check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Err("not HTTP/1.0 or HTTP/1.1"));
    check("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Err("not HTTP/1.0 or HTTP/1.1"));
    check("\u{16}\u{3}\u{1}", Err("no HTTP/1.1 request"));
    fields("Connection: upgrade\r\nUpgrade: websocket\r\n", Err("Upgrade to another protocol"));
    let names = Err("Connection names a field that is not of this hop");
    fields("Connection: Host\r\n", names);
    fields("Connection: close, Content-Length\r\n", names);
    fields("Expect: the-unexpected\r\n", Err("Expect is not 100-continue"));
    let many = "X: y\r\n".repeat(64);
    fields(&many, Err("more than 64 header fields"));
}

proptest::proptest! {
    #[test]
    fn no_head_makes_the_inspector_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        drop(inspect(&bytes));
        let mut head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
        head.extend(&bytes);
        head.extend(b"\r\n\r\n");
        drop(inspect(&head));
    }
}
