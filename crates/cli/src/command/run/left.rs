//! What a run left, for a person: what, why, and the beginning of the tools' own words.

use domain::dependency::Left;
use domain::report::RunReport;

/// The most lines of one detail that are shown.
const LINES_MAX: usize = 8;

/// The longest line of them, in characters.
const LINE_MAX_CHARS: usize = 240;

/// The lines of everything that was left; equal details are shown once.
pub(super) fn lines(report: &RunReport, hob: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut is_cut = false;
    let mut before: Option<&str> = None;
    for left in &report.left {
        lines.push(head(left));
        if before == Some(&left.detail) {
            continue;
        }
        before = Some(&left.detail);
        let (shown, cut) = beginning(&left.detail);
        lines.extend(shown);
        is_cut |= cut;
    }
    if is_cut {
        lines.push(format!("        all of it: {hob} runs show {} --json", report.run));
    }
    lines
}

fn head(left: &Left) -> String {
    let why = serde_json::to_value(left.why).ok();
    let why = why.as_ref().and_then(|w| w.as_str()).unwrap_or_default().to_owned();
    let advisory = left.advisory.as_deref().map(|a| format!(" ({a})")).unwrap_or_default();
    let version =
        if left.version.is_empty() { String::new() } else { format!(" {}", left.version) };
    format!("  left: {}{version}{advisory}: {why}", left.package)
}

/// The first lines, indented, and whether there is more.
fn beginning(detail: &str) -> (Vec<String>, bool) {
    let mut said = detail.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
    let mut cut = false;
    let shown = said
        .by_ref()
        .take(LINES_MAX)
        .map(|line| {
            let mut text: String = line.chars().take(LINE_MAX_CHARS).collect();
            if text.len() < line.len() {
                text.push_str(" ...");
                cut = true;
            }
            format!("        {text}")
        })
        .collect();
    (shown, cut || said.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_are_shown_and_what_is_cut_is_said() {
        assert_eq!(
            beginning("one\n\n  two \n"),
            (vec!["        one".into(), "          two".into()], false)
        );
        let (shown, cut) = beginning(&"line\n".repeat(LINES_MAX + 1));
        assert_eq!((shown.len(), cut), (LINES_MAX, true));
        let (shown, cut) = beginning(&"x".repeat(LINE_MAX_CHARS + 1));
        assert!(cut && shown[0].ends_with("x ..."), "{shown:?}");
        assert_eq!(beginning(""), (vec![], false));
    }
}
