//! What npm's own words mean.

use domain::exec::{Exec, ExecResult, Exit};
use proptest::prelude::*;

use super::super::Npm;
use crate::dependencies::{Ecosystem as _, Refusal, RefusalKind};

fn refusal(code: i32, stderr: &str) -> Refusal {
    let result = ExecResult {
        exit: Exit::Code(code),
        stdout: Vec::new(),
        stderr: stderr.into(),
        dropped_bytes: 0,
        millis: 1,
    };
    Npm.refusal(&Exec::new(["npm", "install"], "test"), &result)
}

const RESOLVE: &str = r#"npm error code ERESOLVE
npm error ERESOLVE could not resolve
npm error
npm error While resolving: eslint-plugin-old@2.0.0
npm error Found: eslint@9.0.0
npm error node_modules/eslint
npm error   dev eslint@"9.0.0" from the root project
npm error
npm error Could not resolve dependency:
npm error peer eslint@"^7 || ^8" from eslint-plugin-old@2.0.0
npm error node_modules/eslint-plugin-old
npm error   dev eslint-plugin-old@"^2.0.0" from the root project
npm error   eslint-plugin-old@"2" from @acme/config@1.0.0
npm error
npm error Conflicting peer dependency: eslint@8.57.0
npm error   peer eslint@"^7 || ^8" from not-this@1.0.0
npm error Fix the upstream dependency conflict, or retry
npm error For a full report see:
npm error /home/somebody/.npm/_logs/2026-01-01T00_00_00_000Z-eresolve-report.txt
npm error A complete log of this run can be found in: /home/somebody/.npm/_logs/x.log
"#;

#[test]
fn a_conflict_names_its_holders_in_every_npm_s_words() {
    for said in [RESOLVE.to_owned(), RESOLVE.replace("npm error", "npm ERR!")] {
        let refusal = refusal(1, &format!("npm warn deprecated x\n{said}it ended with 1\n"));
        assert_eq!(refusal.kind, RefusalKind::Constraint);
        assert_eq!(refusal.held_by, ["@acme/config", "eslint-plugin-old"]);
        assert!(refusal.quote.starts_with("code ERESOLVE\n"), "{}", refusal.quote);
        assert!(!refusal.quote.contains("/home/"), "{}", refusal.quote);
    }
}

#[test]
fn codes_have_their_kinds() {
    let kind =
        |code: &str| refusal(1, &format!("npm error code {code}\nnpm error so it is\n")).kind;
    for code in ["ETARGET", "E404", "EBADENGINE", "EBADPLATFORM"] {
        assert_eq!(kind(code), RefusalKind::NotInstallable, "{code}");
    }
    for code in [
        "ENOTFOUND",
        "ECONNREFUSED",
        "E503",
        "E429",
        "E401",
        "CERT_HAS_EXPIRED",
        "ERR_SOCKET_TIMEOUT",
    ] {
        assert_eq!(kind(code), RefusalKind::Network, "{code}");
    }
    assert_eq!(kind("EOVERRIDE"), RefusalKind::Constraint);
    assert_eq!(kind("EUSAGE"), RefusalKind::Other);
    assert_eq!(kind("EINTEGRITY"), RefusalKind::Other);
    assert_eq!(refusal(127, "sh: npm: not found").kind, RefusalKind::ToolMissing);
    assert_eq!(refusal(1, "npm: command not found\n").kind, RefusalKind::ToolMissing);
    assert_eq!(refusal(1, "").kind, RefusalKind::Other);
}

proptest! {
    #[test]
    fn no_words_are_a_panic(said in "\\PC{0,200}") {
        drop(refusal(1, &said));
        drop(refusal(1, &format!("npm error code ERESOLVE\n{said}\" from {said}")));
    }
}
