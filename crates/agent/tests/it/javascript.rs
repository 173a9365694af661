//! npm: real packages that are truly outdated, moved by the real npm.

use agent::outcome::Ending;

use crate::machine::{Checkout, brief};

#[tokio::test]
async fn a_transitive_fix_raises_an_exactly_pinned_parent_to_the_nearest_version_that_admits_it() {
    let manifest = "{\n  \"name\": \"sample\",\n  \"version\": \"1.0.0\",\n  \"dependencies\": {\n    \"mkdirp\": \"0.5.1\"\n  }\n}\n";
    let checkout = Checkout::with(&[("package.json", manifest)]).advisory(
        "X-1",
        "minimist",
        ">=0.0.1, <1.2.6",
    );
    checkout.sh("npm install --package-lock-only --silent").await;
    let outcome = checkout.remediate().await;
    assert_eq!(
        brief(&outcome),
        [
            "minimist 0.0.8 -> 1.2.6 in package-lock.json X-1",
            "mkdirp 0.5.1 -> 0.5.2 in package-lock.json,package.json",
        ]
    );
    assert_eq!(checkout.read_text("package.json"), manifest.replace("0.5.1", "0.5.2"));
    checkout.sh("npm ci --dry-run --silent").await;
    assert_eq!(checkout.remediate().await.ending, Ending::NoChange);
}

#[tokio::test]
async fn a_parent_that_nobody_maintains_is_named_as_what_holds_the_fix_back() {
    let manifest =
        "{\"name\":\"sample\",\"version\":\"1.0.0\",\"dependencies\":{\"optimist\":\"^0.6.1\"}}\n";
    let checkout =
        Checkout::with(&[("package.json", manifest)]).advisory("X-1", "minimist", "<1.2.6");
    checkout.sh("npm install --package-lock-only --silent").await;
    let outcome = checkout.remediate().await;
    assert_eq!(outcome.ending, Ending::HandOver);
    assert_eq!(brief(&outcome), ["left minimist 0.0.10: HeldByParent"]);
    assert_eq!(checkout.read_text("package.json"), manifest);
}
