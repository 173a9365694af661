//! The text of a proposal: what the brain says, how it was verified, what governance says.

use std::fmt::Write as _;

use domain::report::{CheckOutcome, CheckReport};

use crate::facts::OutcomeFacts;
use crate::perform::Stage;
use crate::report::check_words;

/// How many names of tests a proposal lists at most, for one check and reason.
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
    let mut told = stage.facts.told_of_checks().peekable();
    if told.peek().is_some() {
        text.push('\n');
    }
    for note in told {
        writeln!(text, "- {note}").expect("a text takes every text");
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
    writeln!(text, "\n---\n`{}` of `{}`, base `{}`", stage.run, stage.name, base(stage))
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
    match check.outcome {
        CheckOutcome::NotCompared => line.push_str("  - **could not be compared**\n"),
        CheckOutcome::NothingTested => line.push_str("  - **nothing was tested**\n"),
        CheckOutcome::NotRun => line.push_str("  - **could not be run**, on the base neither\n"),
        CheckOutcome::Unsteady => line.push_str("  - **red in both runs with the change**\n"),
        CheckOutcome::Held | CheckOutcome::Vanished if was_red => {
            line.push_str("  - the base was red before; nothing newly fails\n");
        }
        CheckOutcome::Held | CheckOutcome::Vanished | CheckOutcome::NewlyFailing => {}
    }
    for (what, names) in [("not run any more", &check.vanished), ("skipped now", &check.skipped)] {
        if !names.is_empty() {
            writeln!(line, "  - **{what}**, and passed before: {}", listed(names))
                .expect("a text takes every text");
        }
    }
    for note in &check.notes {
        let note = note.lines().next().unwrap_or_default();
        writeln!(line, "  - {note}").expect("a text takes every text");
    }
    if !check.newly_failing.is_empty() {
        writeln!(line, "  - **newly failing**: {}", listed(&check.newly_failing))
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

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES_MAX).map(|name| format!("`{name}`")).collect();
    let more = match names.len().saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(newly_failing: &[&str]) -> CheckReport {
        CheckReport {
            command: "npm test".to_owned(),
            base: Some(domain::report::CheckSide {
                passed: 1,
                failed: vec![],
                failed_more: 0,
                exit: Some(1),
            }),
            after: Some(domain::report::CheckSide {
                passed: 0,
                failed: vec![],
                failed_more: 0,
                exit: Some(1),
            }),
            newly_failing: newly_failing.iter().map(|name| (*name).to_owned()).collect(),
            flaky: vec![],
            outcome: if newly_failing.is_empty() {
                CheckOutcome::Held
            } else {
                CheckOutcome::NewlyFailing
            },
            vanished: vec![],
            skipped: vec![],
            notes: vec![],
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

    #[test]
    fn what_could_not_be_compared_or_is_not_run_any_more_is_told() {
        let silent = CheckReport { outcome: CheckOutcome::NotCompared, ..report(&[]) };
        let text = line(&silent);
        assert!(text.contains("could not be compared"), "{text}");
        assert!(!text.contains("nothing newly fails"), "{text}");
        let hollow = CheckReport {
            outcome: CheckOutcome::Vanished,
            vanished: vec!["adds".to_owned()],
            skipped: vec!["divides".to_owned()],
            notes: vec!["tests that passed on the base and were not run: 1".to_owned()],
            ..report(&[])
        };
        let text = line(&hollow);
        for words in
            ["not run any more**, and passed before: `adds`", "`divides`", "were not run: 1"]
        {
            assert!(text.contains(words), "`{words}` is missing: {text}");
        }
    }
}
