//! Tests of the `secrets` rule: ordinary changes, secrets, and secrets in disguise.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::finding::Decision::{self, Deny};
use proptest::prelude::*;

use crate::sample::Sample;
use crate::secrets::redact;

/// Put together here, so that no scanner takes this file for a leak.
fn token() -> String {
    format!("gh{}_{}", "p", "a1B2c3D4e".repeat(4))
}

fn pem() -> String {
    ["-----BEGIN RSA ", "PRIVATE KEY-----\nMIIEow\n-----END RSA ", "PRIVATE KEY-----"].concat()
}

fn random() -> String {
    ["9fK2", "xQ7v", "Lm4T", "zR8w", "Yb3N", "cH6p"].concat()
}

fn judged(before: &str, after: &str) -> Decision {
    Sample::default().file("src/a.py", before, after).judged("secrets").decision
}

#[test]
fn a_new_secret_is_denied_with_its_line_and_never_quoted() {
    for secret in [token(), pem()] {
        let new = format!("x\nkey = {secret} # hob:allow\n");
        let verdict = Sample::default().file("a", "x\n", &new).judged("secrets");
        assert_eq!((verdict.decision, verdict.findings[0].line), (Deny, Some(2)));
        let reason = &verdict.findings[0].reason;
        assert!(!reason.contains(&secret) && !reason.contains("MIIE"), "{reason}");
        assert!(!redact(&new).contains(&secret) && !redact(&new).contains("MIIE"));
    }
}

#[test]
fn two_secrets_are_told_apart_without_being_shown() {
    let (first, second) = (token(), token().replace('a', "z"));
    let verdict =
        Sample::default().file("a", "", &format!("{first}\n{second}\n")).judged("secrets");
    assert_eq!(verdict.findings.len(), 2);
    assert_ne!(verdict.findings[0].reason, verdict.findings[1].reason);
}

#[test]
fn what_the_base_held_is_no_finding_wherever_it_goes() {
    for secret in [token(), pem(), format!("api_key = '{}'", random())] {
        let old = format!("x\n{secret}\n");
        let moved = Sample::default()
            .file("a", &old, "x\n")
            .change("b/c", None, Some(&format!("y\r\n\t\t{secret}\r\n")))
            .judged("secrets");
        assert_eq!(moved.findings, [], "{secret}");
    }
    let named = Sample::default()
        .file("a", &format!("x = {}\n", random()), &format!("password = {}\n", random()))
        .judged("secrets");
    assert_eq!(named.findings, [], "the value was there under another key");
}

#[test]
fn values_whose_keys_name_a_secret_are_denied() {
    let value = random();
    for line in [
        format!("api_key = \"{value}\""),
        format!("  apiKey: '{value}',"),
        format!("DB_PASSWORD={value}"),
        format!("{{\"client_secret\": \"{value}\"}}"),
        format!("const authToken = `{value}`;"),
        format!("aws_secret_access_key = {value}{value}"),
        format!("secret := \"example-{value}\""),
        format!("url = postgres://app:{value}@db/x"),
        format!("private_key => '{}'", "0a9f3b7c5d1e8246".repeat(4)),
        format!("\"{{\\\"token\\\": \\\"{value}\\\"}}\""),
    ] {
        assert_eq!(judged("x\n", &format!("x\n{line}\n")), Deny, "{line}");
        assert!(!redact(&line).contains(&value), "{line}");
    }
}

#[test]
fn ordinary_lines_are_no_secrets() {
    let hex = "ab12cd34".repeat(8);
    let sum = format!("{}==", "Zz9/aB3+".repeat(10));
    for line in [
        format!("checksum = \"{hex}\""),
        format!("integrity: sha512-{sum}"),
        format!("\"js-tokens\": {{ \"version\": \"4.0.0\", \"integrity\": \"sha512-{sum}\" }}"),
        format!("    \"node_modules/js-tokens\": \"sha512-{sum}\""),
        format!("tokenizers==0.13.3 --hash=sha256:{hex}"),
        format!("secretstorage==3.3.3 \\\n    --hash=sha256:{hex}"),
        format!("sdist = {{ url = \"tokenizers-1.0.tar.gz\", hash = \"sha256:{hex}\" }}"),
        format!("git_token_sha256 = {hex}"),
        "token: ${{ secrets.DEPLOY_TOKEN_2024_PROD }}".to_owned(),
        "password = os.environ[\"DATABASE_PASSWORD_1\"]".to_owned(),
        "const apiKey = process.env.SERVICE_API_KEY_V2;".to_owned(),
        "api_key = \"your-api-key-here-0000000000\"".to_owned(),
        "password: changeme123".to_owned(),
        "secret_key = \"xxxxxxxxxxxxxxxx1234\"".to_owned(),
        "let next_token = tokenizer.next_token_v2();".to_owned(),
        "access_token = get_access_token_v2_now".to_owned(),
        "let token: Option<TokenStream2> = None;".to_owned(),
        "token_url = \"https://id.invalid/oauth2/v1/token\"".to_owned(),
        "postgres://user:password@localhost/db".to_owned(),
        "api_key: abcdefghijklmnop1234567890".to_owned(),
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
    ] {
        let verdict = Sample::default().file("a", "x\n", &format!("x\n{line}\n")).judged("secrets");
        assert_eq!(verdict.findings, [], "{line}");
    }
}

#[test]
fn a_disguise_does_not_help() {
    let token = token();
    let (head, tail) = token.split_at(12);
    let encoded = STANDARD.encode(&token);
    let padded = STANDARD.encode(format!("some text before {token} and after"));
    let (first, second) = padded.split_at(40);
    for disguised in [
        format!("k = \"{head}\" + \"{tail}\""),
        format!("k = (\"{head}\"\n     \"{tail}\")"),
        format!("k = \"{head}\\\n{tail}\""),
        format!("k = \"{head}\" +\r\n    \"{tail}\""),
        format!("# {head}\n# {tail}"),
        format!("k = \"{encoded}\""),
        format!("x{encoded}"),
        format!("data: |\n  {first}\n  {second}\n"),
        format!("k: {token}\r\n"),
        format!("\"-----BEGIN {}KEY-----\\nMIIE\\n-----END {0}KEY-----\"", "PRIVATE "),
        STANDARD.encode(pem()),
    ] {
        let verdict =
            Sample::default().file("a", "x\n", &format!("x\n{disguised}\n")).judged("secrets");
        assert_eq!(verdict.decision, Deny, "{disguised}");
        assert_eq!(verdict.findings.len(), 1, "{disguised}: {:?}", verdict.findings);
        assert!(verdict.findings[0].line >= Some(2), "{disguised}");
        assert!(!redact(&disguised).contains(tail), "{disguised}");
    }
}

#[test]
fn an_encoding_does_not_help() {
    let little: Vec<u8> =
        format!("\u{feff}x\nk = {}\n", token()).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> =
        format!("x\nk = {}\n", token()).encode_utf16().flat_map(u16::to_be_bytes).collect();
    let broken = [b"x \xff\xfe\n".as_slice(), token().as_bytes(), b"\n\xe9"].concat();
    for bytes in [little, big, broken] {
        let verdict = Sample::default().bytes("a", None, Some(&bytes)).judged("secrets");
        assert_eq!((verdict.decision, verdict.findings[0].line), (Deny, Some(2)));
    }
}

#[test]
fn a_secret_in_a_file_name_is_denied_without_naming_the_file() {
    let verdict = Sample::default()
        .change(&format!("notes/{}.txt", token()), None, Some("x\n"))
        .judged("secrets");
    assert_eq!((verdict.decision, &verdict.findings[0].path), (Deny, &None));
    assert!(!format!("{verdict:?}").contains(&token()));
}

#[test]
fn heads_of_keys_without_an_end_cost_no_more_than_their_length() {
    let heads = ["-----BEGIN ", "PRIVATE KEY-----\n"].concat().repeat(20_000);
    let verdict = Sample::default().file("a", "", &heads).judged("secrets");
    assert_eq!(verdict.decision, Deny);
}

proptest! {
    #[test]
    fn bytes_of_any_kind_are_judged_and_the_same_bytes_bring_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        text in "([a-z_]{1,8}(key|token|secret)? ?[:=] ?[\"']?[ -~]{0,40}[\"']?\r?\n){0,8}",
    ) {
        let all = [bytes.as_slice(), text.as_bytes(), token().as_bytes(), b"\n", &bytes].concat();
        let new = Sample::default().bytes("a", None, Some(&all)).judged("secrets");
        let shown = format!("{new:?}");
        prop_assert!(!shown.contains(&token()));
        let same = Sample::default().bytes("a", Some(&all), Some(&all)).judged("secrets");
        prop_assert_eq!(same.findings, vec![]);
        let read = String::from_utf8_lossy(&all);
        prop_assert!(!redact(&read).contains(&token()));
    }
}
