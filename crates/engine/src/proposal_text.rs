//! The text of a proposal: what the brain says, how it was verified, what governance says.

use std::fmt::Write as _;

use domain::report::CheckReport;

use crate::facts::OutcomeFacts;
use crate::perform::Stage;
use crate::report::check_words;

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
    text
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
    if check.base.as_ref().is_some_and(|side| side.exit != Some(0)) {
        line.push_str("  - the base was red before; nothing newly fails\n");
    }
    for name in &check.flaky {
        writeln!(line, "  - flaky: `{name}` differs between two runs of the same tree")
            .expect("a text takes every text");
    }
    line
}
