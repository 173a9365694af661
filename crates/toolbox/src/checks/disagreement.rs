//! Tells a lock that does not agree with its manifest from a change that code has to follow.

use std::sync::LazyLock;

use regex::Regex;

use super::{COMMAND, SETUP};

static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    let npm = r"can only install packages when your package\.json and package-lock\.json";
    let cargo = r"lock file .* (?:needs to be updated but|because) --(?:locked|frozen) was passed";
    let uv = r"lockfile at .* needs to be updated, but `--(?:locked|check|frozen)`";
    Regex::new(&format!("(?i){npm}|{cargo}|{uv}")).expect("a pattern of this file")
});

/// Whether a failure, as it is quoted with the `names` of what newly fails, is a package manager's own refusal of a
/// lock that does not agree with its manifest: no change of code helps there.
pub fn is_disagreement(names: &str, quoted: &str) -> bool {
    (names.contains(SETUP) || names.contains(COMMAND)) && WORDS.is_match(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_does_not_agree_is_told_from_a_test_that_fails() {
        for line in [
            "npm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync.",
            "error: the lock file /checkout/Cargo.lock needs to be updated but --locked was passed to prevent this",
            "error: cannot update the lock file /checkout/Cargo.lock because --locked was passed to prevent this",
            "error: The lockfile at `uv.lock` needs to be updated, but `--locked` was provided.",
        ] {
            assert!(is_disagreement(SETUP, line), "{line}");
            assert!(is_disagreement(COMMAND, line), "{line}");
            assert!(!is_disagreement("tests::locked", line), "{line}");
        }
        assert!(!is_disagreement(SETUP, "npm error code 1\nnpm error gyp failed"));
    }
}
