//! The lock rule: what passes, what does not, and what tries to pass.

use domain::dependency::Ecosystem;
use domain::finding::Decision::{self, Allow, Deny, NeedsApproval};

use crate::sample::Sample;

mod cargo;
mod npm;
mod properties;
mod python;

/// What the rule says of a change to one lock file for the sake of some packages.
struct Told<'t> {
    ecosystem: Ecosystem,
    path: &'t str,
    asked: &'t [(&'t str, &'t str)],
}

impl Told<'_> {
    fn sample(&self) -> Sample {
        let put = |sample: Sample, (package, to): &(&str, &str)| {
            sample.asked(self.ecosystem, package, to)
        };
        self.asked.iter().fold(Sample::default().lock(self.path), put)
    }

    /// Judges the change and gives the reasons in one text.
    #[track_caller]
    fn says(&self, before: &str, after: &str, expected: Decision) -> String {
        said(&self.sample().file(self.path, before, after), expected)
    }
}

#[track_caller]
fn said(sample: &Sample, expected: Decision) -> String {
    let verdict = sample.judged("lock");
    assert_eq!(verdict.decision, expected, "{:#?}", verdict.findings);
    for found in &verdict.findings {
        assert!(found.path.is_some() && found.line.is_some(), "{found:?}");
    }
    let lines = verdict
        .findings
        .iter()
        .map(|found| format!("{}: {}\n", found.line.unwrap_or_default(), found.reason));
    lines.collect()
}

#[test]
fn a_lock_does_not_change_without_an_update() {
    let told = Told { ecosystem: Ecosystem::Cargo, path: "Cargo.lock", asked: &[] };
    let said = told.says(&cargo::lock("1.0.0"), &cargo::lock("1.1.0"), Deny);
    assert!(said.contains("neither an update nor a manifest's requirement"), "{said}");
}

#[test]
fn without_named_updates_the_manifests_requirements_are_what_everything_follows_from() {
    let manifest = |version: &str| format!("[dependencies]\na = \"{version}\"\n");
    let (before, after) = (cargo::lock("1.0.0"), cargo::lock("1.1.0"));
    let sample = Sample::default().file("Cargo.toml", &manifest("1.0.0"), &manifest("1.1.0")).file(
        "Cargo.lock",
        &before,
        &after,
    );
    said(&sample, Allow);
    let other = Sample::default().file("Cargo.toml", &manifest("1.0.0"), &manifest("1.1.0")).file(
        "Cargo.lock",
        &before,
        &before.replace("b\"\nversion = \"1.0.0", "b\"\nversion = \"1.2.0"),
    );
    said(&other, Deny);
}

#[test]
fn a_manifest_does_not_leave_its_lock_behind() {
    let manifest = |version: &str| format!("{{\"dependencies\": {{\"a\": \"{version}\"}}}}");
    let change = |path: &str| Sample::default().file(path, &manifest("1.0.0"), &manifest("1.1.0"));
    said(&change("package.json"), Allow);
    said(&change("package.json").lock("package-lock.json"), Deny);
    said(&change("packages/x/package.json").lock("package-lock.json"), NeedsApproval);
    said(&change("package.json").lock("packages/x/package-lock.json"), Allow);
    let manifest = |version: &str| format!("[dependencies]\na = \"{version}\"\n");
    let cargo = Sample::default().file("Cargo.toml", &manifest("1.0"), &manifest("1.1"));
    said(&cargo.lock("Cargo.lock"), NeedsApproval);
}

#[test]
fn what_cannot_be_read_is_denied_in_its_place() {
    for (path, text) in [
        ("Cargo.lock", "<<<<<<< HEAD\nversion = 4\n"),
        ("package-lock.json", "{\"lockfileVersion\": 1, \"dependencies\": {}}"),
        ("package-lock.json", "{\"lockfileVersion\": 3, \"packages\": {}, \"packages\": {}}"),
        ("package-lock.json", "{\"lockfileVersion\": 9, \"packages\": {}}"),
        ("uv.lock", "version = 2\n"),
        ("Cargo.lock", "version = 5\n"),
    ] {
        let told = Told { ecosystem: Ecosystem::Npm, path, asked: &[("a", "1.1.0")] };
        assert!(told.says(text, &format!("{text}\n"), Deny).contains("cannot be read"));
        assert!(told.says("", text, Deny).contains("cannot be read"));
    }
    let mut sample = Sample::default().file("Cargo.lock", "version = 4\n", "version = 3\n");
    sample.unread();
    assert_eq!(sample.judged("lock").decision, Deny);
}
