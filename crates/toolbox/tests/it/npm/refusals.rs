//! What npm refuses, and how it is read.

use toolbox::dependencies::{PlanError, RefusalKind};

use super::checkout::Checkout;

#[test]
fn a_peer_that_excludes_the_version_is_named() {
    let manifest =
        r#"{ "dependencies": { "react": "18.2.0", "use-sync-external-store": "1.2.0" } }"#;
    let checkout = Checkout::locked(manifest, &[("package.json", manifest)]);
    let lock = checkout.read("package-lock.json");
    let plan = checkout.plan(&[("react", "18.2.0", "19.0.0")]).expect("a plan");
    let refusal = checkout.carry_out(&plan).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Constraint, "{}", refusal.quote);
    assert_eq!(refusal.held_by, ["use-sync-external-store"], "{}", refusal.quote);
    assert_eq!(checkout.read("package-lock.json"), lock, "a failed move leaves the lock as it was");
}

#[test]
fn a_parent_that_excludes_the_version_is_named_before_npm_is_asked() {
    let manifest = r#"{ "dependencies": { "mkdirp": "0.5.1" } }"#;
    let checkout = Checkout::locked(manifest, &[("package.json", manifest)]);
    let error = checkout.plan(&[("minimist", "0.0.8", "1.2.6")]).unwrap_err();
    assert!(matches!(&error, PlanError::Immovable { package, .. } if package == "minimist"));
    let said = error.to_string();
    assert!(said.contains("mkdirp@0.5.1 asks for minimist@0.0.8"), "{said}");
}

#[test]
fn a_version_that_was_never_published_is_not_installable() {
    let manifest = r#"{ "dependencies": { "minimist": "^1.2.0" } }"#;
    let checkout = Checkout::locked(
        r#"{ "dependencies": { "minimist": "1.2.5" } }"#,
        &[("package.json", manifest)],
    );
    let plan = checkout.plan(&[("minimist", "1.2.5", "1.2.77")]).expect("a plan");
    let refusal = checkout.carry_out(&plan).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotInstallable, "{}", refusal.quote);
    assert!(refusal.quote.contains("1.2.77"), "{}", refusal.quote);
    assert_eq!(checkout.read("package.json"), manifest);
}

#[test]
fn a_registry_that_does_not_answer_is_a_matter_of_the_network() {
    let manifest = r#"{ "dependencies": { "minimist": "^1.2.0" } }"#;
    let checkout = Checkout::locked(
        r#"{ "dependencies": { "minimist": "1.2.5" } }"#,
        &[("package.json", manifest)],
    );
    let plan = checkout.plan(&[("minimist", "1.2.5", "1.2.6")]).expect("a plan");
    // Port 9 is `discard`; nobody listens there.
    checkout.write(".npmrc", "registry=http://127.0.0.1:9/\nfetch-retries=0\nprefer-online=true\n");
    let refusal = checkout.carry_out(&plan).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Network, "{}", refusal.quote);
}
