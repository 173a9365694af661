//! The text of a proposal: what the brain says, how it was verified, what governance says.

use std::fmt::Write as _;

use domain::report::CheckReport;

use crate::facts::OutcomeFacts;
use crate::perform::Stage;
use crate::report::check_words;

/// How many names of newly failing tests a proposal lists for one check.
const NAMES_MAX: usize = 20;

/// The whole text, Markdown.
pub(crate) fn body(stage: &Stage<'_>, outcome: &OutcomeFacts) -> String {
    let mut text = outcome.body.trim_end().to_owned();
    text.push_str("\n\n## Verification\n\n");
    if stage.facts.checks.is_empty() {
        text.push_str("No checks were found at the base commit, so nothing was run.\n");
    } else {
        text.push_str(
            "Run in fresh machines that the agent never touched, with the commands of the base commit.\n\n",
        );
    }
    for check in &stage.facts.checks {
        text.push_str(&line(check));
    }
    if let Some(verdict) = &stage.facts.verdict
        && !verdict.findings.is_empty()
    {
        text.push_str("\n## Findings\n\n");
        for finding in &verdict.findings {
            let place = finding.path.as_ref().map(|p| format!(" `{p}`")).unwrap_or_default();
            writeln!(text, "- {}{place}: {}", finding.rule, finding.reason)
                .expect("a text takes every text");
        }
    }
    writeln!(text, "\n---\n`{}` of `{}`, base `{}`", stage.run, stage.agent.name, base(stage))
        .expect("a text takes every text");
    governance::text::plain(&text)
}

fn base(stage: &Stage<'_>) -> String {
    stage.facts.base.as_ref().map(|b| b.short().to_owned()).unwrap_or_default()
}

fn line(check: &CheckReport) -> String {
    let mut line = format!(
        "- `{}`: before {}; after {}\n",
        check.command,
        check_words(check.base.as_ref()),
        check_words(check.after.as_ref())
    );
    let was_red = check.base.as_ref().is_some_and(|side| side.exit != Some(0));
    if was_red && check.newly_failing.is_empty() {
        line.push_str("  - the base was red before; nothing newly fails\n");
    }
    if !check.newly_failing.is_empty() {
        let names: Vec<String> =
            check.newly_failing.iter().take(NAMES_MAX).map(|name| format!("`{name}`")).collect();
        let more = check.newly_failing.len().saturating_sub(NAMES_MAX);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        writeln!(line, "  - **newly failing**: {}{more}", names.join(", "))
            .expect("a text takes every text");
        if !check.excerpt.is_empty() {
            let excerpt = check.excerpt.replace("```", "'''").replace('\n', "\n    ");
            writeln!(line, "\n    ```\n    {excerpt}\n    ```").expect("a text takes every text");
        }
    }
    for name in &check.flaky {
        writeln!(line, "  - flaky: `{name}` differs between two runs of the same tree")
            .expect("a text takes every text");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(newly_failing: &[&str]) -> CheckReport {
        CheckReport {
            command: "npm test".to_owned(),
            base: Some(domain::report::CheckSide { passed: 1, failed: vec![], exit: Some(1) }),
            after: Some(domain::report::CheckSide { passed: 0, failed: vec![], exit: Some(1) }),
            newly_failing: newly_failing.iter().map(|name| (*name).to_owned()).collect(),
            flaky: vec![],
            excerpt: "TypeError: it is not a function".to_owned(),
            seconds: 1.0,
        }
    }

    #[test]
    fn what_newly_fails_is_named_with_its_error_and_never_called_nothing() {
        let text = line(&report(&["renders a list"]));
        assert!(text.contains("newly failing**: `renders a list`"), "{text}");
        assert!(text.contains("TypeError: it is not a function"), "{text}");
        assert!(!text.contains("nothing newly fails"), "{text}");
        assert!(line(&report(&[])).contains("nothing newly fails"));
    }
}
