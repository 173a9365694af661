//! `cargo test`: libtest's text on standard output, cargo's own on standard error.
//!
//! Several binaries print one after the other; which one a block of tests belongs to stands on standard
//! error only. The n-th `Running` or `Doc-tests` belongs to the n-th block when there are as many of each;
//! otherwise (a test program with a harness of its own prints no block) names go without the binary.

use domain::check::TestOutcome::{Failed, Passed, Skipped};

use super::Met;

/// What stands for the tests of a program that died.
pub(super) const NOT_FINISHED: &str = "(the test program did not finish)";

/// Reads both streams.
pub(in crate::checks) fn read(out: &[String], err: &[String]) -> Met {
    let blocks = blocks(out.iter().chain(err));
    let names: Vec<String> = err.iter().chain(out).filter_map(|line| binary(line)).collect();
    let known = names.len() == blocks.len();
    let mut met = Vec::new();
    for (at, block) in blocks.into_iter().enumerate() {
        let name = if known { names[at].as_str() } else { "" };
        let full = |test: &str| if known { format!("{name}: {test}") } else { test.to_owned() };
        met.extend(block.tests.into_iter().map(|(test, outcome)| (full(&test), outcome)));
        if !block.finished {
            met.push((full(NOT_FINISHED), Failed));
        }
    }
    met
}

/// What one test program printed.
#[derive(Debug, Default)]
pub(super) struct Block {
    tests: Met,
    finished: bool,
}

pub(super) fn blocks<'a>(lines: impl Iterator<Item = &'a String>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    // What a failed test had printed is repeated below `failures:`, and may look like anything.
    let mut repeats = false;
    for line in lines {
        if let Some(block) = blocks.last_mut().filter(|b| !b.finished) {
            if line.starts_with("test result: ") {
                block.finished = true;
                repeats = false;
                continue;
            }
            repeats |= line == "failures:" || line == "successes:";
            if repeats {
                continue;
            }
            if let Some(test) = test(line) {
                block.tests.push(test);
                continue;
            }
        }
        if is_start(line) {
            blocks.push(Block::default());
            repeats = false;
        }
    }
    blocks
}

fn is_start(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("running ") else { return false };
    let Some(count) = rest.strip_suffix(" tests").or_else(|| rest.strip_suffix(" test")) else {
        return false;
    };
    !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit())
}

/// `test tests::works ... ok`.
fn test(line: &str) -> Option<(String, domain::check::TestOutcome)> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let outcome = match result.split([' ', ',', '(', '<']).next().unwrap_or_default() {
        "ok" | "bench:" => Passed,
        "FAILED" => Failed,
        "ignored" => Skipped,
        _ => return None,
    };
    Some((name.trim_end_matches(" - should panic").to_owned(), outcome))
}

/// `Running unittests src/lib.rs (target/debug/deps/one-83d6)` is `one unittests src/lib.rs`.
pub(super) fn binary(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{} doc-tests", name.trim()));
    }
    let (what, file) = line.strip_prefix("Running ")?.strip_suffix(')')?.rsplit_once(" (")?;
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = file.strip_suffix(".exe").unwrap_or(file);
    let name = stem.rsplit_once('-').map_or(stem, |(name, _)| name);
    Some(format!("{name} {what}"))
}
