//! Python: real packages without a lock, moved by the real pip.

use agent::outcome::Ending;
use agent::playbook::Memo;
use domain::agent::UpdateLevel;

use crate::machine::{Checkout, brief};

#[tokio::test]
async fn a_requirement_that_does_not_count_here_is_named_and_keeps_nothing_from_being_fixed() {
    let manifest = "[project]\nname = \"sample\"\nversion = \"0.1\"\ndependencies = [\n  \"idna==3.4\",\n  \"pywin32>=300; sys_platform == 'no-such-platform'\",\n]\n[project.optional-dependencies]\ntest = [\"six\"]\ndev = [\"sample[test]\"]\n";
    let checkout = Checkout::with(&[("pyproject.toml", manifest)]).advisory("X-1", "idna", "<3.7");
    let outcome = checkout.remediate().await;
    assert_eq!(
        brief(&outcome),
        ["idna 3.4 -> 3.7 in pyproject.toml X-1", "left pywin32 >=300: NotInstallable"]
    );
    assert!(outcome.complete, "{outcome:?}");
    assert_eq!(checkout.read_text("pyproject.toml"), manifest.replace("3.4", "3.7"));
    let outcome = checkout.remediate().await;
    assert_eq!(outcome.ending, Ending::NoChange);
}

#[tokio::test]
async fn what_does_not_resolve_as_it_is_says_so_once_and_blames_no_fix() {
    let checkout = Checkout::with(&[("requirements.txt", "idna==3.4\nsix==0.0.99\n")])
        .advisory("X-1", "idna", "<3.7");
    let memo = Memo::default();
    let outcome = checkout.remediate_with(&memo).await;
    assert_eq!(
        brief(&outcome),
        ["left idna 3.4: RefusedByResolver", "left requirements.txt : Unreadable"]
    );
    assert!(outcome.left[0].detail.contains("before anything is moved"), "{outcome:?}");
    assert_eq!(memo.count(), "resolving (3rd time)", "the base and one way");
}

#[tokio::test]
async fn a_pin_for_an_older_python_stays_within_what_runs_there() {
    let text = "idna==3.6\nimportlib-metadata==4.8.1; python_version < \"3.7\"\n";
    let checkout = Checkout::with(&[("requirements.txt", text)]);
    let outcome = checkout.update(UpdateLevel::Minor).await;
    let moved = checkout.read_text("requirements.txt");
    assert!(
        moved.contains("importlib-metadata==4.8.3; python_version < \"3.7\"\n"),
        "4.8.3 is the last for 3.6: {moved}"
    );
    let left = outcome.left.iter().find(|left| left.package == "importlib-metadata");
    let detail = &left.expect("the newer ones are named").detail;
    assert!(detail.contains("has to run on Python 3.6"), "{detail}");
}
