//! Tells a registry that does not answer from a set-up that cannot work.
//!
//! Only what package managers say themselves counts. Their requests go through a proxy, so a name that cannot be
//! resolved, or an answer of 403, is some script's own request and stays as it is however often it is tried.

use std::sync::LazyLock;

use domain::exec::ExecResult;
use regex::Regex;

static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    let npm = r"npm (?:error|err!) code (?:e5\d\d|e429|e?socket_?timeout|err_socket_timeout|etimedout|esockettimedout|econnreset|econnrefused)\b";
    let pip =
        r"retrying \(retry\(total=|http error (?:5\d\d|429)|\b5\d\d server error|read timed out";
    let cargo = r"spurious network error|got (?:5\d\d|429)\b|timeout was reached|failed to connect to|couldn't connect to server";
    let uv =
        r"error sending request for url|http status server error|request failed after \d+ retries";
    Regex::new(&format!("(?i){npm}|{pip}|{cargo}|{uv}")).expect("a pattern of this file")
});

/// Whether this failed set-up reads as a registry that did not answer.
pub fn is_unreachable(result: &ExecResult) -> bool {
    let told = |line: &str| WORDS.is_match(line) && !line.contains("403");
    !result.success()
        && (result.stderr_text().lines().any(told) || result.stdout_text().lines().any(told))
}

#[cfg(test)]
mod tests {
    use domain::exec::Exit;

    use super::*;

    fn says(code: i32, line: &str) -> bool {
        is_unreachable(&ExecResult {
            exit: Exit::Code(code),
            stdout: Vec::new(),
            stderr: format!("before\n{line}\nafter").into_bytes(),
            dropped_bytes: 0,
            millis: 1,
        })
    }

    #[test]
    fn registries_that_do_not_answer_are_told_from_set_ups_that_cannot_work() {
        for line in [
            "npm error code E502",
            "npm ERR! code ETIMEDOUT",
            "WARNING: Retrying (Retry(total=4, connect=None, read=None)) after connection broken by 'ReadTimeoutError'",
            "ERROR: HTTP error 503 while getting https://registry.invalid/a.whl",
            "warning: spurious network error (3 tries remaining): [28] Timeout was reached",
            "  failed to get successful HTTP response from `https://registry.invalid/a` (127.0.0.1), got 504",
        ] {
            assert!(says(1, line), "{line}");
            assert!(!says(0, line), "{line}");
        }
        for line in [
            "npm error code ERESOLVE",
            "npm error code E404",
            "npm error code 1",
            "Error: getaddrinfo ENOTFOUND downloads.invalid",
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'ProxyError('Tunnel connection failed: 403 Forbidden')'",
            "ERROR: No matching distribution found for a==2",
            "error: failed to select a version for the requirement `a = \"2\"`",
        ] {
            assert!(!says(1, line), "{line}");
        }
    }
}
