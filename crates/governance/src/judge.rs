//! Every rule, and the maximum over what they find.

use domain::finding::Verdict;

use crate::case::Case;
use crate::rule;

/// The most findings of one rule that a verdict carries; the rest is counted in the last one.
const FINDINGS_OF_A_RULE_MAX: usize = 100;

/// Asks every rule and gives the verdict.
pub fn judge(case: &Case<'_>) -> Verdict {
    let mut findings = Vec::new();
    for rule in rule::ALL {
        let mut found = (rule.check)(case);
        // The worst come first, so that what is cut off is never what decides.
        found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let more = found.len().saturating_sub(FINDINGS_OF_A_RULE_MAX);
        found.truncate(FINDINGS_OF_A_RULE_MAX);
        if let Some(last) = found.last_mut()
            && more > 0
        {
            last.reason = format!("{} (and {more} more findings of this rule)", last.reason);
        }
        findings.append(&mut found);
    }
    Verdict::from_findings(findings)
}

#[cfg(test)]
mod tests {
    use crate::sample::Sample;

    #[test]
    fn of_one_rule_a_hundred_findings_are_carried_and_the_rest_is_counted() {
        for (files, carried, words) in [(100, 100, ""), (103, 100, "(and 3 more findings")] {
            let paths = (0..files).map(|number| format!("src/{number}.txt"));
            let sample = Sample::default().within("docs/**");
            let sample = paths.fold(sample, |sample, path| sample.file(&path, "a\n", "b\n"));
            let verdict = sample.judged("every rule");
            let of_paths: Vec<_> = verdict.findings.iter().filter(|f| f.rule == "paths").collect();
            assert_eq!(of_paths.len(), carried);
            let last = &of_paths.last().unwrap().reason;
            assert_eq!(last.contains("more findings of this rule"), !words.is_empty(), "{last}");
            assert!(last.contains(words), "{last}");
        }
    }
}
