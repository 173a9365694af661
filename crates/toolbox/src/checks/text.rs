//! Output of foreign programs, made readable: colours gone, lines bounded.

use std::sync::LazyLock;

use regex::Regex;

/// The most lines of an output that are read; reports stand at its end, so the last ones.
const LINES_MAX: usize = 200_000;
/// The longest line in characters.
const LINE_MAX_CHARS: usize = 2_000;

/// Terminal control: CSI sequences, OSC strings, two-byte escapes (ECMA-48).
static CONTROL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\^_=>]")
        .expect("the pattern is a constant")
});

/// The lines of an output as a person would see them.
pub(super) fn lines(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let plain = CONTROL.replace_all(&text, "");
    let mut lines: Vec<String> = plain.split('\n').rev().take(LINES_MAX).map(shown).collect();
    lines.reverse();
    lines
}

/// One line: what a carriage return overwrote is gone, other control characters too, and the length is bounded.
fn shown(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or(line);
    line.chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control())
        .take(LINE_MAX_CHARS)
        .collect()
}

/// How many spaces a line begins with.
pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// `line` without a duration at its end: `(12ms)`, `12ms`, `(1.2 s)`.
pub(super) fn without_duration(line: &str) -> &str {
    static DURATION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\s+(?:\(\d+(?:\.\d+)?\s?m?s\)|\d+(?:\.\d+)?m?s)$")
            .expect("the pattern is a constant")
    });
    let line = line.trim_end();
    DURATION.find(line).map_or(line, |found| line.get(..found.start()).unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_overwritten_progress_are_gone() {
        let output = b"\x1b[32m\xe2\x9c\x93\x1b[39m ok \x1b[2K\x1b]8;;x\x07link\r\n 10%\r100% done\n\x07bell";
        assert_eq!(lines(output), ["✓ ok link", "100% done", "bell"]);
    }

    #[test]
    fn only_a_duration_at_the_end_is_left_out() {
        assert_eq!(without_duration("waits 5ms (12 ms)"), "waits 5ms");
        assert_eq!(without_duration("adds (3.07797ms)"), "adds");
        assert_eq!(without_duration("ok 8ms"), "ok");
        assert_eq!(without_duration("ok"), "ok");
    }
}
