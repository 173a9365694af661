//! Named places along a run where a test lets the process die, as `kill -9` would have it, be told to leave by SIGTERM
//! (`term@NAME`), or be told to stop the run by SIGINT (`int@NAME`).
//!
//! Nothing happens unless the command line was started with a failpoint's name; there is no other way to
//! set one. What a restart makes of each is shown by the crash stories of the whole house.

use rustix::process::Signal;

/// Every failpoint, in the order a run meets them.
pub const NAMES: [&str; 17] = [
    "run-accepted",
    "action-claimed",
    "machine-launched",
    "brain-done",
    "change-exported",
    "verification-half-done",
    "verdict-reached",
    "verdict-committed",
    "branch-pushed",
    "escalation-half-sent",
    "merge-intended",
    "branch-moved",
    "reject-intended",
    "withdrawn",
    "spent-branch-gone",
    "ledger-sealed",
    "erasure-told",
];

/// Which failpoint is set, if any.
#[derive(Debug, Clone, Default)]
pub struct Failpoint(Option<(String, Means)>);

/// What happens at a failpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// The process dies.
    Kill,
    /// It is told to leave, once.
    Terminate,
    /// It is told to stop the run, once.
    Interrupt,
}

impl Failpoint {
    /// The process dies at the failpoint of this name; `Err` names those that there are.
    pub fn at(name: &str) -> Result<Self, String> {
        let (name, means) = match name.split_once('@') {
            Some(("term", name)) => (name, Means::Terminate),
            Some(("int", name)) => (name, Means::Interrupt),
            Some(_) | None => (name, Means::Kill),
        };
        if NAMES.contains(&name) {
            Ok(Self(Some((name.to_owned(), means))))
        } else {
            Err(format!("there is no failpoint `{name}`; there are {}", NAMES.join(", ")))
        }
    }

    /// Dies here, if this is the one.
    pub(crate) fn hit(&self, name: &'static str) {
        debug_assert!(NAMES.contains(&name), "failpoint {name} is not listed");
        let Some((_, means)) = self.0.as_ref().filter(|(set, _)| set == name) else { return };
        let (me, signal) = (
            rustix::process::getpid(),
            match means {
                Means::Kill => Signal::KILL,
                Means::Terminate => Signal::TERM,
                Means::Interrupt => Signal::INT,
            },
        );
        // Whatever this answers, who is to die is not meant to go on.
        let _sent = rustix::process::kill_process(me, signal);
        if *means == Means::Kill {
            std::process::abort();
        }
    }
}
