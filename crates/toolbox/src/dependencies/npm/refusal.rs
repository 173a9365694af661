//! Reads what a failed npm said.

use std::collections::BTreeSet;

use domain::exec::{ExecResult, Exit};
use domain::limit::{QUOTE_MAX_CHARS, head_chars};

use super::version::split_name;
use crate::dependencies::{Refusal, RefusalKind};

/// npm's codes that mean: no such version, or none for this machine.
const NOT_INSTALLABLE: [&str; 6] =
    ["ETARGET", "ENOVERSIONS", "E404", "EBADENGINE", "EBADPLATFORM", "ENOTSUP"];
/// npm's codes that mean: a requirement excludes the version.
const CONSTRAINT: [&str; 3] = ["ERESOLVE", "EOVERRIDE", "EPEERINVALID"];
/// npm's and node's codes that mean: the registry did not answer as it should.
const NETWORK: [&str; 24] = [
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ECONNABORTED",
    "ETIMEDOUT",
    "ESOCKETTIMEDOUT",
    "ERR_SOCKET_TIMEOUT",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ENETDOWN",
    "EPIPE",
    "EPROTO",
    "ENETWORK",
    "FETCH_ERROR",
    "E401",
    "E403",
    "E407",
    "E408",
    "E429",
    "ENEEDAUTH",
    "ERR_INVALID_URL",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
];

/// What a failed command means.
pub(super) fn refusal(result: &ExecResult) -> Refusal {
    let both = [result.stderr_text(), result.stdout_text()];
    let lines = || both.iter().flat_map(|text| text.lines());
    let errors: Vec<String> = lines().filter_map(spoken).collect();
    // npm warns of much that is not why it gave up.
    let said = if errors.is_empty() { lines().map(str::to_owned).collect() } else { errors };
    let code = said.iter().find_map(|line| line.strip_prefix("code ")).map(str::trim);
    let missing = result.exit == Exit::Code(127)
        || lines().any(|line| line.ends_with("npm: command not found"));
    let kind = match code {
        _ if missing => RefusalKind::ToolMissing,
        Some(code) if CONSTRAINT.contains(&code) => RefusalKind::Constraint,
        Some(code) if NOT_INSTALLABLE.contains(&code) => RefusalKind::NotInstallable,
        Some(code) if is_network(code) => RefusalKind::Network,
        _ => RefusalKind::Other,
    };
    let held_by = if kind == RefusalKind::Constraint { holders(&said) } else { Vec::new() };
    Refusal { kind, held_by, quote: quote(&said) }
}

fn is_network(code: &str) -> bool {
    NETWORK.contains(&code)
        || code.starts_with("CERT_")
        || code.starts_with("ERR_TLS")
        || code.starts_with("DEPTH_ZERO_")
        || (code.len() == 4 && code.starts_with("E5"))
}

/// An error of npm's without its prefix: `npm ERR! ` up to 9, `npm error ` since 10.
fn spoken(line: &str) -> Option<String> {
    let rest = line.strip_prefix("npm ERR!").or_else(|| line.strip_prefix("npm error"))?;
    Some(rest.strip_prefix(' ').unwrap_or(rest).trim_end().to_owned())
}

/// The tool's words without the place of its log, which says nothing outside the machine.
fn quote(said: &[String]) -> String {
    let worth = |line: &&String| {
        !line.starts_with("A complete log of this run")
            && !line.contains("eresolve-report.txt")
            && !line.contains("/_logs/")
            && !line.starts_with("For a full report see")
            && !line.starts_with("npm warn Unknown ")
    };
    let text = said.iter().filter(worth).cloned().collect::<Vec<_>>().join("\n");
    head_chars(text.trim(), QUOTE_MAX_CHARS)
}

/// Who asks for what cannot be had: `peer x@"^1" from holder@2.0.0` after "Could not resolve dependency".
fn holders(said: &[String]) -> Vec<String> {
    let start = said.iter().position(|line| line.starts_with("Could not resolve dependency"));
    let lines = said.iter().skip(start.map_or(0, |at| at + 1));
    let mut holders = BTreeSet::new();
    for line in lines.take_while(|line| !line.starts_with("Fix the upstream dependency")) {
        if line.starts_with("Conflicting peer dependency") {
            break;
        }
        if let Some((_, from)) = line.split_once("\" from ") {
            let holder = from.split_whitespace().next().unwrap_or_default();
            let (name, version) = split_name(holder);
            if !name.is_empty() && !version.is_empty() {
                holders.insert(name.to_owned());
            }
        }
    }
    holders.into_iter().collect()
}
