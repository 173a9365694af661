//! Tells from bubblewrap's words what the host lacks, and how to get it.

use crate::port::SandboxError;

/// What bubblewrap says, what that means, and what to do.
const KNOWN: [(&str, &str, &str); 7] = [
    ("No permissions to create new namespace", USER_NAMESPACES, ALLOW_USER_NAMESPACES),
    ("Creating new namespace failed", USER_NAMESPACES, ALLOW_USER_NAMESPACES),
    ("setting up uid map", USER_NAMESPACES, ALLOW_USER_NAMESPACES),
    ("Failed to make / slave", USER_NAMESPACES, ALLOW_USER_NAMESPACES),
    (
        "Can't mount proc",
        "the kernel refuses machines a /proc of their own",
        "in a container, unmask /proc (docker: `--security-opt systempaths=unconfined`)",
    ),
    (
        "loopback",
        "the kernel refuses machines a loopback interface of their own",
        ALLOW_USER_NAMESPACES,
    ),
    (
        "execvp /run/hob-guest",
        "the state folder lies on a disk that programs cannot be run from",
        "choose a data folder on a disk that is not mounted `noexec`",
    ),
];

const USER_NAMESPACES: &str = "the kernel refuses unprivileged user namespaces";

const ALLOW_USER_NAMESPACES: &str = "allow them: `sysctl -w user.max_user_namespaces=10000`, on \
     Debian `sysctl -w kernel.unprivileged_userns_clone=1`, on Ubuntu `sysctl -w \
     kernel.apparmor_restrict_unprivileged_userns=0`, in docker `--security-opt seccomp=unconfined`";

/// What to say of a machine that did not become ready; `complaint` is what bubblewrap and the guest said.
pub(crate) fn explain(reason: &str, complaint: &str) -> SandboxError {
    if let Some((_, meaning, hint)) = KNOWN.iter().find(|(text, ..)| complaint.contains(text)) {
        return SandboxError::Unusable {
            reason: format!("{meaning} ({complaint})"),
            hint: (*hint).to_owned(),
        };
    }
    if complaint.is_empty() {
        return SandboxError::Launch(reason.to_owned());
    }
    SandboxError::Launch(format!("{reason} ({complaint})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_user_namespaces_come_with_a_hint() {
        let said = "bwrap: Creating new namespace failed: nesting depth or \
                    /proc/sys/user/max_*_namespaces exceeded (ENOSPC)";
        let SandboxError::Unusable { reason, hint } = explain("it ended", said) else {
            panic!("not recognised");
        };
        assert!(reason.starts_with("the kernel refuses unprivileged user namespaces"));
        assert!(hint.contains("user.max_user_namespaces"));
    }

    #[test]
    fn what_is_not_known_is_quoted() {
        let error = explain("it ended", "bwrap: Unexpected");
        assert_eq!(error.to_string(), "the machine did not start: it ended (bwrap: Unexpected)");
    }
}
