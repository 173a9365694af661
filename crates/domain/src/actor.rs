//! Who did something, and how far that one is trusted.

/// Somebody or something that causes events and answers gates.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Actor {
    /// A stable name: `local:anna`, `github:octocat`, `hob:agent/cve-remediation`.
    pub name: String,
    /// How far this actor is trusted here.
    pub trust: Trust,
}

impl Actor {
    /// A person at this machine's own command line.
    pub fn local(user: &str) -> Self {
        Self { name: format!("local:{user}"), trust: Trust::Owner }
    }

    /// An agent of hob's own.
    pub fn agent(name: &str) -> Self {
        Self { name: format!("hob:agent/{name}"), trust: Trust::Ourselves }
    }

    /// The house itself: reconcilers, schedules.
    pub fn house() -> Self {
        Self { name: "hob".into(), trust: Trust::Ourselves }
    }
}

/// How far an actor is trusted, least first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Nothing is known.
    Unknown,
    /// A program of somebody else's.
    Bot,
    /// Has contributed before.
    Contributor,
    /// May push.
    Collaborator,
    /// Belongs to the organisation.
    Member,
    /// Owns the repository.
    Owner,
    /// hob itself: an echo, never a reason for more rights.
    Ourselves,
}
