//! Reads what a failed pip or uv said.

use std::collections::BTreeSet;

use domain::exec::{Exec, ExecResult, Exit};
use domain::limit::{QUOTE_MAX_CHARS, tail_chars};

use super::version;
use crate::dependencies::{Refusal, RefusalKind};

const NETWORK: [&str; 12] = [
    "ConnectionError",
    "NewConnectionError",
    "ReadTimeoutError",
    "Connection refused",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Could not fetch URL",
    "SSLError",
    "ProxyError",
    "Failed to fetch",
    "error sending request",
    "HTTP error 5",
];
const CONSTRAINT: [&str; 4] = [
    "ResolutionImpossible",
    "conflicting dependencies",
    "No solution found when resolving",
    "requirements are unsatisfiable",
];
const NOT_INSTALLABLE: [&str; 7] = [
    "No matching distribution found",
    "Could not find a version that satisfies",
    "requires a different Python",
    "Requires-Python",
    "metadata-generation-failed",
    "Failed to build",
    "is not a supported wheel",
];

/// What a failed command means.
pub(super) fn refusal(command: &Exec, result: &ExecResult) -> Refusal {
    let text = format!("{}\n{}", result.stdout_text(), result.stderr_text());
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let is_uv = command.argv.first().is_some_and(|program| program == "uv");
    let missing = result.exit == Exit::Code(127)
        || says(&["No module named pip", "uv: command not found", "python3: command not found"]);
    let kind = if missing {
        RefusalKind::ToolMissing
    } else if says(&NETWORK) {
        // Without an answer pip ends with "no matching distribution" as well.
        RefusalKind::Network
    } else if says(&CONSTRAINT) {
        RefusalKind::Constraint
    } else if says(&NOT_INSTALLABLE) {
        RefusalKind::NotInstallable
    } else {
        RefusalKind::Other
    };
    let held_by = if kind == RefusalKind::Constraint { holders(&text) } else { Vec::new() };
    let quote = match (missing, is_uv) {
        (true, true) => {
            "uv is not in the machine; install it with `python3 -m pip install uv`".to_owned()
        }
        (true, false) => {
            "Python 3 with pip 22.2 or newer is not in the machine; install it".to_owned()
        }
        (false, _) => tail_chars(spoken(&text).trim(), QUOTE_MAX_CHARS),
    };
    Refusal { kind, held_by, quote }
}

/// What counts of the output: pip's errors and what explains them.
fn spoken(text: &str) -> String {
    let worth = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("[notice]") && !line.starts_with("WARNING: ")
    };
    text.lines().filter(worth).collect::<Vec<_>>().join("\n")
}

/// Who asks for what does not fit together: `    flask 1.0 depends on werkzeug>=0.14` (pip), and
/// `Because flask==1.0 depends on werkzeug<1` (uv).
fn holders(text: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        for (before, _) in
            line.match_indices(" depends on ").filter_map(|(at, _)| line.split_at_checked(at))
        {
            let words: Vec<&str> = before.split_whitespace().collect();
            let name = match words.as_slice() {
                [.., last] if last.contains(['=', '<', '>']) => {
                    last.split(['=', '<', '>', '[']).next()
                }
                [.., name, last] if version::parse(last).is_some() => name.split('[').next(),
                _ => None,
            };
            found.extend(name.and_then(version::normalised));
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: i32, stderr: &str) -> Refusal {
        let result = ExecResult {
            exit: Exit::Code(code),
            stdout: Vec::new(),
            stderr: stderr.as_bytes().to_vec(),
            dropped_bytes: 0,
            millis: 1,
        };
        refusal(&Exec::new(["python3", "-m", "pip"], "check"), &result)
    }

    #[test]
    fn a_conflict_names_who_holds_back() {
        let refusal = read(
            1,
            "ERROR: Cannot install -r r.txt (line 1) and urllib3==2.0 because these package versions have conflicting dependencies.\n\n\
             The conflict is caused by:\n    The user requested urllib3==2.0\n    requests 2.25.0 depends on urllib3<1.27 and >=1.21.1\n\
             ERROR: ResolutionImpossible: for help visit x\n",
        );
        assert_eq!(refusal.kind, RefusalKind::Constraint);
        assert_eq!(refusal.held_by, ["requests"]);
    }

    #[test]
    fn other_refusals_are_told_apart() {
        let none = "ERROR: Ignored the following versions that require a different python version: 2 Requires-Python >=3.12\n\
                    ERROR: No matching distribution found for x==2";
        assert_eq!(read(1, none).kind, RefusalKind::NotInstallable);
        let network = "WARNING: Retrying after connection broken by 'NewConnectionError(x)'\nERROR: No matching distribution found for x";
        assert_eq!(read(1, network).kind, RefusalKind::Network);
        assert_eq!(read(1, "/usr/bin/python3: No module named pip").kind, RefusalKind::ToolMissing);
        assert_eq!(read(1, "what").kind, RefusalKind::Other);
    }
}
