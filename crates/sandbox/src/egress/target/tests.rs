//! Paths in their one spelling, and authorities that agree or do not.

use super::*;

#[track_caller]
fn path(text: &str, expect: Result<&str, &str>) {
    let found = normalise(text);
    let found = found.as_ref().map(String::as_str).map_err(|error| match error {
        TargetError::Path(reason) => *reason,
        _ => "another error",
    });
    assert_eq!(found, expect, "{text}");
}

#[test]
fn a_path_has_one_spelling() {
    path("/", Ok("/"));
    path("/a/b", Ok("/a/b"));
    path("/a/b/", Ok("/a/b/"));
    path("/%61/%7Eb", Ok("/a/~b"));
    path("/a//b///c", Ok("/a/b/c"));
    path("//a", Ok("/a"));
    path("/a/./b/../c", Ok("/a/c"));
    path("/a/%2e%2E/c", Ok("/c"));
    path("/a/..", Ok("/"));
    path("/a/b/.", Ok("/a/b/"));
    path("/a%20b%c3%a9", Ok("/a%20b%C3%A9"));
    path("/@scope%2fname", Ok("/@scope%2Fname"));
    path("/1.0+build", Ok("/1.0+build"));
}

#[test]
fn a_path_with_two_readings_is_refused() {
    path("/..", Err("`..` above its root"));
    path("/a/../../b", Err("`..` above its root"));
    path("/%2e%2e/b", Err("`..` above its root"));
    path("/a/..;x/b", Err("a parameter on `.` or `..`"));
    path("/a/;x/b", Err("a parameter on `.` or `..`"));
    path("/a/..%2fb", Err("an encoded slash beside `.` or `..`"));
    path("/a%2f%2fb", Err("an encoded slash beside `.` or `..`"));
    path("/a%2f", Err("an encoded slash beside `.` or `..`"));
    path("/a%5cb", Err("an encoded backslash"));
    path("/a%00", Err("an encoded control character"));
    path("/a%0d%0aHost:b", Err("an encoded control character"));
    path("/a%", Err("a broken percent-encoding"));
    path("/a%2", Err("a broken percent-encoding"));
    path("/a%g0", Err("a broken percent-encoding"));
    path("/a%252e%252e/b", Err("a percent-encoding within a percent-encoding"));
    path("/a[b", Err("a character that has to be percent-encoded"));
    path("*", Err("no leading slash"));
    path("", Err("no leading slash"));
}

proptest::proptest! {
    #[test]
    fn a_normalised_path_stays_as_it_is(text in "/[a-z0-9./%;@A-F]{0,40}") {
        if let Ok(once) = normalise(&text) {
            proptest::prop_assert_eq!(normalise(&once), Ok(once.clone()));
            proptest::prop_assert!(!once.split('/').any(|part| part == ".." || part == "."));
        }
    }

    #[test]
    fn no_target_makes_the_reader_panic(text in "\\PC{0,80}") {
        drop(normalise(&text));
        drop(Authority::parse(&text, None));
    }
}

/// `target` and `host` of a GET, asked through `tunnel` or in the open.
#[track_caller]
fn ask(target: &str, host: &str, tunnel: Option<&str>, expect: Result<&str, TargetError>) {
    let request = http::Request::get(target).header("host", host).body(()).unwrap();
    let tunnel = tunnel.map(|tunnel| Authority::parse(tunnel, None).unwrap());
    let found = asked(&request.into_parts().0, tunnel.as_ref());
    let found = found.map(|asked| format!("{}{}", asked.authority, asked.path));
    assert_eq!(found.as_deref().map_err(|error| *error), expect, "{target} {host}");
}

#[test]
fn target_host_and_tunnel_have_to_agree() {
    ask("/x", "a.example", Some("a.example:443"), Ok("a.example:443/x"));
    ask("/x", "A.example:443", Some("a.example:443"), Ok("a.example:443/x"));
    ask("https://a.example/x", "a.example", Some("a.example:443"), Ok("a.example:443/x"));
    ask("http://a.example/x", "a.example", None, Ok("a.example:80/x"));
    ask("http://a.example:81/x", "a.example:81", None, Ok("a.example:81/x"));
    ask("/x", "b.example", Some("a.example:443"), Err(TargetError::TunnelDiffers));
    ask("/x", "a.example:444", Some("a.example:443"), Err(TargetError::TunnelDiffers));
    ask("/x", "a.example.", Some("a.example:443"), Err(TargetError::TunnelDiffers));
    ask("https://b.example/x", "a.example", Some("a.example:443"), Err(TargetError::HostDiffers));
    ask("http://a.example/x", "a.example", Some("a.example:443"), Err(TargetError::Scheme));
    ask("https://a.example/x", "a.example", None, Err(TargetError::Scheme));
    ask("ftp://a.example/x", "a.example", None, Err(TargetError::Scheme));
    ask("http://a.example/x", "b.example", None, Err(TargetError::HostDiffers));
    ask("http://u@a.example/x", "a.example", None, Err(TargetError::UserInfo));
    ask("http://a.example/x", "u@a.example", None, Err(TargetError::UserInfo));
    ask("/x", "a.example", None, Err(TargetError::NoAuthority));
    ask("http://a.example/x", "a.example, b", None, Err(TargetError::NoAuthority));
}

#[test]
fn addresses_are_known_in_every_spelling() {
    for text in
        ["127.0.0.1:1", "[::1]:1", "127.1:1", "2130706433:1", "0x7f.1:1", "0x7f000001:1", "1.0x1:1"]
    {
        assert!(Authority::parse(text, None).unwrap().is_ip_literal(), "{text}");
    }
    for text in ["a.example:1", "1a.example:1", "localhost:1"] {
        assert!(!Authority::parse(text, None).unwrap().is_ip_literal(), "{text}");
    }
}
