//! Which rule allows what, and what is said of a missing one.

use super::*;

fn rule(name: &str, host: &str, methods: &[&str], paths: &[&str]) -> EgressRule {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    EgressRule {
        name: name.into(),
        host: host.into(),
        port: 443,
        plain_http: false,
        methods: texts(methods),
        paths: texts(paths),
        queries: true,
        immutable: Vec::new(),
        authorization: None,
        response_max_bytes: 1,
    }
}

#[track_caller]
fn check(method: &str, address: &str, expect: Result<&str, &str>) {
    let plain =
        EgressRule { plain_http: true, port: 80, ..rule("plain", "p.example", &["GET"], &["/**"]) };
    let rules = vec![
        rule("read", "a.example", &["GET", "HEAD"], &["/pkg/*", "/@*%2F*", "/deep/**/*.tgz"]),
        rule("write", "a.example", &["POST"], &["/pkg/new"]),
        rule("second", "a.example", &["GET"], &["/pkg/**"]),
        rule("address", "10.0.0.1", &["GET"], &["/**"]),
        plain,
    ];
    let policy = Policy::compile(&NetworkPolicy { rules }).unwrap();
    let (scheme, rest) = address.split_once("://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let plain = scheme == "http";
    let asked = Asked {
        authority: Authority::parse(authority, Some(if plain { 80 } else { 443 })).unwrap(),
        plain,
        method: method.into(),
        path: format!("/{path}"),
        query: None,
    };
    let found = policy.judge(&asked).map(|rule| rule.rule.name.as_str());
    assert_eq!(found, expect.map_err(str::to_owned), "{method} {address}");
}

#[test]
fn the_first_rule_that_matches_host_path_and_method_allows() {
    check("GET", "https://a.example/pkg/x", Ok("read"));
    check("HEAD", "https://a.example/pkg/x", Ok("read"));
    check("POST", "https://a.example/pkg/new", Ok("write"));
    check("GET", "https://a.example/pkg/x/y", Ok("second"));
    check("GET", "https://a.example/@s%2Fn", Ok("read"));
    check("GET", "https://a.example/deep/a/b/c.tgz", Ok("read"));
    check("GET", "https://10.0.0.1/x", Ok("address"));
    check("GET", "http://p.example/x", Ok("plain"));
}

#[test]
fn a_refusal_says_which_rule_is_missing() {
    check("GET", "https://b.example/", Err("no rule for HTTPS to the host b.example:443"));
    check(
        "GET",
        "https://sub.a.example/pkg/x",
        Err("no rule for HTTPS to the host sub.a.example:443"),
    );
    check(
        "GET",
        "https://a.example:8443/pkg/x",
        Err("no rule for HTTPS to the host a.example:8443"),
    );
    check("GET", "http://a.example/pkg/x", Err("no rule for plain HTTP to the host a.example:80"));
    check("GET", "https://p.example/x", Err("no rule for HTTPS to the host p.example:443"));
    check("GET", "https://10.0.0.2/x", Err("no rule for HTTPS to 10.0.0.2:443, an IP address"));
    check("GET", "http://[::1]/x", Err("no rule for plain HTTP to ::1:80, an IP address"));
    check("GET", "https://a.example/other", Err("no rule for the path `/other` on a.example:443"));
    check(
        "GET",
        "https://a.example/pkg%2Fx",
        Err("no rule for the path `/pkg%2Fx` on a.example:443"),
    );
    check(
        "GET",
        "https://a.example/pkg/x%2Fy",
        Err("no rule for the path `/pkg/x%2Fy` on a.example:443"),
    );
    check(
        "PUT",
        "https://a.example/pkg/x",
        Err("no rule for the method PUT of `/pkg/x` on a.example:443"),
    );
    check(
        "get",
        "https://a.example/pkg/x",
        Err("no rule for the method get of `/pkg/x` on a.example:443"),
    );
}

#[test]
fn a_glob_that_is_none_is_refused() {
    let rules = vec![rule("x", "a.example", &["GET"], &["/[a"])];
    assert!(Policy::compile(&NetworkPolicy { rules }).is_err());
}
