//! Which runtimes the machine has, asked of the machine itself.

use domain::dependency::Ecosystem as Kind;
use domain::exec::Exec;
use toolbox::dependencies::Runtimes;

use super::checkout::brain;
use crate::outcome::BrainError;
use crate::port::Workspace;

/// How long a runtime may take to say its version, in milliseconds.
const VERSION_TIMEOUT_MS: u64 = 60_000;

/// The versions of the runtimes that these ecosystems need; `None` where the machine has none.
pub(crate) async fn read(
    workspace: &dyn Workspace,
    kinds: impl IntoIterator<Item = Kind>,
) -> Result<Runtimes, BrainError> {
    let mut runtimes = Runtimes::default();
    for kind in kinds {
        let (program, slot) = match kind {
            Kind::Cargo => ("rustc", &mut runtimes.rust),
            Kind::Npm => ("node", &mut runtimes.node),
            Kind::Python => ("python3", &mut runtimes.python),
        };
        let mut command = Exec::new([program, "--version"], "read the runtime's version");
        command.timeout_ms = VERSION_TIMEOUT_MS;
        let done = workspace.exec(&command).await.map_err(brain)?;
        if done.success() {
            *slot = version(&done.stdout_text());
        }
    }
    Ok(runtimes)
}

/// What a project has to run on: the machine's own runtimes, or the older ones that its manifests promise.
pub(crate) fn kept(machine: &Runtimes, promised: Runtimes) -> Runtimes {
    Runtimes {
        rust: older(machine.rust.as_ref(), promised.rust),
        node: older(machine.node.as_ref(), promised.node),
        python: older(machine.python.as_ref(), promised.python),
    }
}

fn older(machine: Option<&String>, promised: Option<String>) -> Option<String> {
    match (machine, promised) {
        (Some(machine), Some(promised)) if numbers(&promised) < numbers(machine) => Some(promised),
        (Some(machine), _) => Some(machine.clone()),
        (None, promised) => promised,
    }
}

/// The older the smaller.
pub(crate) fn age(runtimes: &Runtimes) -> Vec<u64> {
    numbers(runtimes.python.as_deref().unwrap_or_default())
}

/// Whether runtimes are as new as those that a project has to run on.
pub(crate) fn reaches(runtimes: &Runtimes, kept: &Runtimes) -> bool {
    let python = runtimes.python.as_deref().zip(kept.python.as_deref());
    python.is_none_or(|(one, kept)| numbers(one) >= numbers(kept))
}

/// The numbers of a release, `1.70` or `1.97.0-nightly` alike.
fn numbers(release: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> =
        release.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

/// The first word that looks like a version: `rustc 1.95.0 (..)`, `v20.20.2`, `Python 3.11.7`.
fn version(text: &str) -> Option<String> {
    text.split_whitespace()
        .map(|word| word.strip_prefix('v').unwrap_or(word))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use toolbox::dependencies::Runtimes;

    use super::{kept, version};

    #[test]
    fn the_older_of_what_is_here_and_what_is_promised_counts() {
        let rust =
            |version: &str| Runtimes { rust: Some(version.to_owned()), ..Runtimes::default() };
        let check = |machine, promised, counts: &str| {
            assert_eq!(kept(&machine, promised).rust.as_deref(), Some(counts));
        };
        check(rust("1.95.0"), rust("1.56"), "1.56");
        check(rust("1.95.0"), rust("1.100"), "1.95.0");
        check(rust("1.95.0-nightly"), Runtimes::default(), "1.95.0-nightly");
        check(rust("1.95.0"), rust("1.95"), "1.95.0");
        check(Runtimes::default(), rust("1.56"), "1.56");
    }

    #[test]
    fn every_runtime_says_its_version_in_its_own_way() {
        let read = |text| version(text).unwrap_or_default();
        assert_eq!(read("rustc 1.95.0 (f2d3ce0bd 2026-03-21)\n"), "1.95.0");
        assert_eq!(read("v20.20.2\n"), "20.20.2");
        assert_eq!(read("Python 3.11.7\n"), "3.11.7");
        assert_eq!(version("command not found"), None);
    }
}
