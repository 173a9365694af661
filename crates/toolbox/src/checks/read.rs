//! Turns the output of a check into results by test name.

use std::collections::BTreeMap;

use domain::check::{CheckResult, ResultFormat, TestOutcome};
use domain::exec::{Exec, ExecResult, Exit};
use domain::limit::{QUOTE_MAX_CHARS, head_chars, tail_chars};

use super::format::{
    cargo_test, count, javascript, nextest, numbered, pytest, tap, unittest, worst,
};
use super::text::lines;

/// The longest name of a test in characters.
const NAME_MAX_CHARS: usize = 500;
/// How many lines of an output without a known failure are quoted.
const TAIL_LINES: usize = 40;
/// The longest section of pytest's that is quoted whole, in lines.
const SECTION_LINES: usize = 30;

/// What a check came to, by its exit status and what it printed.
pub fn read(format: ResultFormat, result: &ExecResult) -> CheckResult {
    let (out, err) = (lines(&result.stdout), lines(&result.stderr));
    let failed = !result.success();
    let cut = result.dropped_bytes > 0;
    let tests = if cut { BTreeMap::new() } else { bounded(tests(format, &out, &err)) };
    CheckResult {
        exit: Some(result.exit.shell_code()),
        passed: if cut { None } else { count::passed(format, &tests, &out, &err) },
        tests,
        cut,
        excerpt: if failed { excerpt(format, &out, &err, result.exit, &[]) } else { String::new() },
        millis: result.millis,
    }
}

/// What a check came to whose set-up failed: it never ran.
pub fn setup_failed(command: &Exec, result: &ExecResult) -> CheckResult {
    let (out, err) = (lines(&result.stdout), lines(&result.stderr));
    let told = npm_errors(&err)
        .map(|said| format!("{}\n{said}", ended(result.exit)))
        .unwrap_or_else(|| excerpt(ResultFormat::ExitStatus, &out, &err, result.exit, &[]));
    let text = format!("`{}` failed: {told}", command.display());
    CheckResult {
        exit: None,
        tests: BTreeMap::new(),
        passed: None,
        cut: false,
        excerpt: head_chars(&text, QUOTE_MAX_CHARS),
        millis: result.millis,
    }
}

/// What npm says first of why it gave up: behind it come its usage and the place of its log.
fn npm_errors(err: &[String]) -> Option<String> {
    let said = |line: &String| {
        let rest = line.strip_prefix("npm error").or_else(|| line.strip_prefix("npm ERR!"))?;
        Some(rest.trim_end().to_owned())
    };
    let all: Vec<String> = err.iter().filter_map(said).collect();
    if !all.iter().any(|line| line.starts_with(" code ")) {
        return None;
    }
    let usage = all.iter().position(|line| line == " Usage:").unwrap_or(all.len());
    let worth = all.iter().take(usage).filter(|line| {
        !line.is_empty()
            && !line.starts_with(" A complete log")
            && line.as_str() != " Clean install a project"
    });
    Some(
        worth
            .take(TAIL_LINES)
            .map(|line| format!("npm error{line}"))
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// The lines of an output that tell why one of `tests` failed; where none of them is told of, why the first
/// failing test did. For quoting what a change broke beside what was red before.
pub fn quote(format: ResultFormat, result: &ExecResult, tests: &[&str]) -> String {
    let (out, err) = (lines(&result.stdout), lines(&result.stderr));
    excerpt(format, &out, &err, result.exit, tests)
}

fn tests(format: ResultFormat, out: &[String], err: &[String]) -> BTreeMap<String, TestOutcome> {
    match format {
        ResultFormat::CargoTest => numbered(cargo_test::read(out, err)),
        ResultFormat::Nextest => worst(nextest::read(&both(err, out))),
        ResultFormat::Pytest => worst(pytest::read(out)),
        ResultFormat::Unittest => worst(unittest::read(&both(err, out))),
        ResultFormat::Tap => numbered(tap::read(out)),
        ResultFormat::JavaScript => javascript::read(out, err),
        ResultFormat::ExitStatus => BTreeMap::new(),
    }
}

fn both(first: &[String], second: &[String]) -> Vec<String> {
    first.iter().chain(second).cloned().collect()
}

fn bounded(tests: BTreeMap<String, TestOutcome>) -> BTreeMap<String, TestOutcome> {
    tests.into_iter().map(|(name, outcome)| (head_chars(&name, NAME_MAX_CHARS), outcome)).collect()
}

/// The first lines that tell of a failure, in the words of the compiler or the test itself.
fn excerpt(
    format: ResultFormat,
    out: &[String],
    err: &[String],
    exit: Exit,
    about: &[&str],
) -> String {
    let compiler = || section(err, is_compiler_error, |l| l.trim().is_empty());
    let found = match format {
        ResultFormat::CargoTest => compiler().or_else(|| {
            let of = |l: &str| l.starts_with("---- ") && l.ends_with(" ----");
            about_first(out, about, of, |l| of(l) || l == "failures:")
        }),
        ResultFormat::Nextest => compiler().or_else(|| {
            let of = |l: &str| {
                let l = l.trim_start();
                (l.starts_with("FAIL") || l.starts_with("SIG") || l.starts_with("TIMEOUT"))
                    && l.contains('[')
            };
            let end = |l: &str| of(l) || l.trim_start().starts_with("PASS [");
            about_first(err, about, of, end)
        }),
        ResultFormat::Pytest => {
            let of = |l: &str| l.starts_with("____") && l.ends_with("____");
            about_first(out, about, of, |l| of(l) || l.starts_with("==="))
        }
        ResultFormat::Unittest => {
            let of = |l: &str| l.starts_with("FAIL: ") || l.starts_with("ERROR: ");
            about_first(err, about, of, |l| l.starts_with("====="))
        }
        ResultFormat::Tap => tap_failure(out, about),
        ResultFormat::JavaScript => javascript_failure(out, err, about),
        ResultFormat::ExitStatus => None,
    };
    let text = found.map_or_else(|| end_of(out, err, exit), |text| essential(format, &text));
    head_chars(text.trim_end(), QUOTE_MAX_CHARS)
}

/// A section without what only fills it: stack frames, and the source that pytest prints around a failure.
fn essential(format: ResultFormat, section: &str) -> String {
    let frame = |line: &str| {
        let line = line.trim_start();
        let number = line.split_once(": ").is_some_and(|(n, _)| is_number(n));
        number || line.starts_with("at ") || line == "stack backtrace:"
    };
    let told = |line: &str| {
        let place = line.split_once(".py:").is_some_and(|(_, rest)| rest.contains(": "));
        line.starts_with(['>', '_']) || line == "E" || line.starts_with("E ") || place
    };
    let keep = |line: &&str| match format {
        ResultFormat::CargoTest | ResultFormat::Nextest => {
            !frame(line) && !line.contains("RUST_BACKTRACE")
        }
        ResultFormat::Pytest => told(line) || section.lines().count() <= SECTION_LINES,
        ResultFormat::Unittest
        | ResultFormat::Tap
        | ResultFormat::JavaScript
        | ResultFormat::ExitStatus => true,
    };
    section.lines().filter(keep).collect::<Vec<_>>().join("\n")
}

fn javascript_failure(out: &[String], err: &[String], about: &[&str]) -> Option<String> {
    let jest = |l: &str| l.starts_with("  ● ") && !l.contains("● Console") && !l.contains("●  ");
    let jest_end = |l: &str| {
        let file = l.starts_with("PASS ") || l.starts_with("FAIL ");
        jest(l) || file || l.starts_with("Test Suites:")
    };
    let vitest = |l: &str| l.trim_start().starts_with("FAIL ");
    let all = both(out, err);
    let list = || {
        let at = out.iter().position(|l| l.trim_end().ends_with(" failing"))?;
        let of = |l: &str| l.trim_start().split_once(") ").is_some_and(|(n, _)| is_number(n));
        about_first(&out[at..], about, of, of)
    };
    let is_tap = tap::is_tap(out);
    tap_failure(out, about)
        .filter(|_| is_tap)
        .or_else(|| about_first(&all, about, jest, jest_end))
        .or_else(|| about_first(&all, about, vitest, vitest))
        .or_else(list)
        .or_else(|| {
            let of = |l: &str| l.trim_start().starts_with("✖ ") && !l.contains("failing tests:");
            about_first(out, about, of, |l| of(l) || l.trim_start().starts_with(['✔', '﹣', '▶']))
        })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn tap_failure(out: &[String], about: &[&str]) -> Option<String> {
    let of = |l: &str| {
        let l = l.trim_start();
        l.starts_with("not ok ") && !l.to_uppercase().contains("# TODO")
    };
    about_first(out, about, of, |l| of(l) || l.trim() == "...")
}

fn is_compiler_error(line: &str) -> bool {
    let ours = ["error: test failed", "error: doctest failed", "error: test run failed"];
    let counts = line.contains(" target failed:") || line.contains(" targets failed:");
    (line.starts_with("error: ") || line.starts_with("error["))
        && !counts
        && !ours.iter().any(|o| line.starts_with(o))
}

/// The section that tells of one of `about`, else the first.
fn about_first(
    lines: &[String],
    about: &[&str],
    starts: impl Fn(&str) -> bool + Copy,
    ends: impl Fn(&str) -> bool + Copy,
) -> Option<String> {
    let last_word = |name: &str| {
        let name = name.rsplit_once(" (").map_or(name, |(head, _)| head);
        let word = name.rsplit([' ', '›', '>', '/']).find(|w| !w.is_empty()).unwrap_or(name);
        word.rsplit("::").next().unwrap_or(word).to_owned()
    };
    let words: Vec<String> = about.iter().map(|name| last_word(name)).collect();
    let told = |line: &str| starts(line) && words.iter().any(|word| line.contains(word.as_str()));
    section(lines, told, ends).or_else(|| section(lines, starts, ends))
}

/// The lines from the first that starts a section to the one that ends it.
fn section(
    lines: &[String],
    starts: impl Fn(&str) -> bool,
    ends: impl Fn(&str) -> bool,
) -> Option<String> {
    let from = lines.iter().position(|line| starts(line))?;
    let rest = &lines[from + 1..];
    let to = rest.iter().position(|line| ends(line)).unwrap_or(rest.len());
    let mut kept: Vec<&str> = vec![&lines[from]];
    kept.extend(rest[..to].iter().map(String::as_str));
    Some(kept.join("\n"))
}

/// The end of what was printed, for outputs that no reader knows.
fn end_of(out: &[String], err: &[String], exit: Exit) -> String {
    let filled = |lines: &[String]| lines.iter().any(|l| !l.trim().is_empty());
    let told = if filled(err) { err } else { out };
    let mut last: Vec<&str> = told
        .iter()
        .rev()
        .map(String::as_str)
        .filter(|l| !l.trim().is_empty())
        .take(TAIL_LINES)
        .collect();
    last.reverse();
    let how = ended(exit);
    if last.is_empty() {
        return how;
    }
    format!("{how}\n{}", tail_chars(&last.join("\n"), QUOTE_MAX_CHARS - 100))
}

/// How a command ended.
fn ended(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit status {code}"),
        Exit::Signal(signal) => format!("killed by signal {signal}"),
        Exit::TimedOut => "its time was up".to_owned(),
        Exit::OutOfMemory => "the machine's memory was used up".to_owned(),
    }
}

#[cfg(test)]
mod tests;
