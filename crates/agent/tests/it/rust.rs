//! Cargo: real crates that are truly outdated, moved by the real cargo.

use agent::context::{Failure, Previous};
use agent::outcome::Ending;
use domain::agent::UpdateLevel;
use domain::check::{Check, ResultFormat};
use domain::dependency::Why;
use domain::exec::Exec;

use crate::machine::{Checkout, brief};

fn package(dependencies: &str) -> Vec<(&'static str, String)> {
    vec![
        (
            "Cargo.toml",
            format!(
                "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n# kept as it is\n[dependencies]\n{dependencies}"
            ),
        ),
        ("src/lib.rs", "//! Empty.\n".to_owned()),
    ]
}

async fn checkout(dependencies: &str, locked: &[(&str, &str)]) -> Checkout {
    let files = package(dependencies);
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
    let checkout = Checkout::with(&files);
    checkout.sh("cargo generate-lockfile --quiet").await;
    for (name, version) in locked {
        checkout.sh(&format!("cargo update --quiet -p {name} --precise {version}")).await;
    }
    checkout
}

#[tokio::test]
async fn a_minor_update_leaves_the_manifest_to_the_byte_and_the_lock_to_cargo() {
    let checkout = checkout("smallvec = \"1.6\" # small\n", &[("smallvec", "1.6.0")]).await;
    let before = checkout.read_text("Cargo.toml");
    let outcome = checkout.update(UpdateLevel::Minor).await;
    assert_eq!(outcome.ending, Ending::Changed, "{outcome:?}");
    assert_eq!(outcome.updates.len(), 1);
    assert_eq!(outcome.updates[0].from, "1.6.0");
    assert_eq!(checkout.read_text("Cargo.toml"), before);
    checkout.sh("cargo metadata --locked --format-version 1 >/dev/null").await;
    assert_eq!(checkout.update(UpdateLevel::Minor).await.ending, Ending::NoChange);
}

#[tokio::test]
async fn a_vulnerable_crate_moves_to_the_nearest_fix_in_the_lock_alone() {
    let checkout = checkout("smallvec = \"1.6\"\n", &[("smallvec", "1.6.0")])
        .await
        .advisory("X-1", "smallvec", "<1.6.1");
    let outcome = checkout.remediate().await;
    assert_eq!(brief(&outcome), ["smallvec 1.6.0 -> 1.6.1 in Cargo.lock X-1"]);
    checkout.sh("cargo metadata --locked --format-version 1 >/dev/null").await;
    assert_eq!(checkout.remediate().await.ending, Ending::NoChange);
}

#[tokio::test]
async fn a_transitive_fix_raises_the_parent_and_its_requirement_no_further_than_needed() {
    let dependencies = "rand_core = { version = \"0.5\", features = [\"getrandom\"] } # core\n";
    let checkout = checkout(dependencies, &[]).await.advisory("X-1", "getrandom", "<0.2.0");
    let outcome = checkout.remediate().await;
    assert_eq!(outcome.ending, Ending::Changed, "{outcome:?}");
    let moved: Vec<(&str, &str)> =
        outcome.updates.iter().map(|u| (u.package.as_str(), u.to.as_str())).collect();
    // 0.6.0 and 0.6.1 were taken back by their publisher.
    assert!(moved.contains(&("rand_core", "0.6.2")), "{moved:?}");
    assert!(moved.contains(&("getrandom", "0.2.0")), "{moved:?}");
    assert!(outcome.left.is_empty(), "{:?}", outcome.left);
    assert!(checkout.read_text("Cargo.toml").contains("version = \"0.6"), "{outcome:?}");
    assert!(checkout.read_text("Cargo.toml").contains("# core"));
    checkout.sh("cargo metadata --locked --format-version 1 >/dev/null").await;
}

#[tokio::test]
async fn what_breaks_a_check_is_taken_out_and_what_the_check_left_behind_is_gone() {
    let locked = [("smallvec", "1.6.0"), ("itoa", "1.0.1")];
    let checkout = checkout("smallvec = \"1.6\"\nitoa = \"1.0\"\n", &locked).await;
    checkout.sh("git init --quiet . && git add -A && git -c user.name=t -c user.email=t@t.invalid commit --quiet -m base").await;
    let first = checkout.update(UpdateLevel::Minor).await;
    assert_eq!(first.updates.len(), 2, "{first:?}");
    checkout.sh("git checkout --quiet --force -- .").await;
    // Only the locked version of `itoa` passes, and the check leaves its traces in the tree.
    let script = "echo '// traced' >> src/lib.rs; touch trace; grep -A1 'name = \"itoa\"' Cargo.lock | grep '\"1.0.1\"' || { echo 'error: itoa changed its API' >&2; exit 1; }";
    let checks = [Check {
        setup: Vec::new(),
        command: Exec::new(["sh", "-c", script], "test"),
        format: ResultFormat::ExitStatus,
        narrower: None,
        is_locked: true,
        origin: "the definition".to_owned(),
    }];
    let previous = Previous {
        updates: first.updates,
        left: first.left,
        failures: vec![Failure {
            command: checks[0].command.display(),
            tests: Vec::new(),
            excerpt: "error: itoa changed its API".to_owned(),
        }],
        baseline: Vec::new(),
    };
    let second = checkout.update_again(&checks, &previous).await;
    assert_eq!(second.ending, Ending::Changed, "{second:?}");
    let moved: Vec<&str> = second.updates.iter().map(|u| u.package.as_str()).collect();
    assert_eq!(moved, ["smallvec"]);
    assert_eq!(second.left.len(), 1, "{:?}", second.left);
    assert_eq!(second.left[0].why, Why::NeedsCodeChange);
    assert!(second.left[0].detail.contains("itoa changed its API"), "{:?}", second.left);
    assert_eq!(checkout.sh("git status --porcelain").await, " M Cargo.lock\n");
}

#[tokio::test]
async fn a_crate_that_the_registry_does_not_know_is_named_and_makes_the_result_incomplete() {
    let checkout = checkout("smallvec = \"1.6\"\n", &[]).await;
    let lock = checkout.read_text("Cargo.lock");
    let ghost = "name = \"smallvec-that-nobody-published\"";
    checkout.sh(&format!(
        "sed -i 's/name = \"smallvec\"/{ghost}/; s/ \"smallvec\"/ \"smallvec-that-nobody-published\"/' Cargo.lock && sed -i 's/^smallvec =/smallvec-that-nobody-published =/' Cargo.toml"
    ))
    .await;
    assert_ne!(checkout.read_text("Cargo.lock"), lock);
    let outcome = checkout.update(UpdateLevel::Minor).await;
    assert_eq!(outcome.ending, Ending::HandOver, "{outcome:?}");
    assert!(!outcome.complete);
}
