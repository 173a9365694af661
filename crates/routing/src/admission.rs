//! Whether a request may start a run, and which unfinished work it joins instead.

use domain::agent::Agent;
use domain::{Digest, RunId};

/// What is known when a request arrives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The unfinished run of the same identity, where there is one.
    pub unfinished: Option<RunId>,
    /// How many proposals of this agent are open in this repository.
    pub open_proposals: u32,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// A run starts.
    Start,
    /// The unfinished run goes on; none starts.
    Join(RunId),
    /// The definition does not cover this repository.
    Filtered {
        /// Why, for a person.
        reason: String,
    },
    /// A limit holds it back.
    Limited {
        /// Which limit, for a person.
        limit: String,
    },
}

/// What makes two runs the same work: agent, definition, repository, branch, and where the advisories come from.
pub fn identity(agent: &Agent, repository: &str, branch: &str, advisories: Option<&str>) -> Digest {
    let known = advisories.map_or("none", |_| "from");
    Digest::of_parts([
        agent.name.as_bytes(),
        agent.version.as_bytes().as_slice(),
        repository.as_bytes(),
        branch.as_bytes(),
        known.as_bytes(),
        advisories.unwrap_or_default().as_bytes(),
    ])
}

/// Decides on a request of a person for this repository.
pub fn decide(agent: &Agent, repository: &str, standing: &Standing) -> Admission {
    if let Some(run) = standing.unfinished {
        return Admission::Join(run);
    }
    if !covers(&agent.repositories, repository) {
        let reason = format!(
            "agent `{}` is for {}; `{repository}` is none of them",
            agent.name,
            agent.repositories.join(", ")
        );
        return Admission::Filtered { reason };
    }
    if standing.open_proposals >= agent.limits.open_proposals_max {
        let limit = format!(
            "nothing was begun: `limits.open_proposals` is {}, and {} of agent `{}` wait in this repository",
            agent.limits.open_proposals_max, standing.open_proposals, agent.name
        );
        return Admission::Limited { limit };
    }
    Admission::Start
}

fn covers(patterns: &[String], repository: &str) -> bool {
    patterns.is_empty()
        || patterns.iter().any(|pattern| {
            globset::Glob::new(pattern).is_ok_and(|g| g.compile_matcher().is_match(repository))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_other_advisories_is_other_work() {
        let text = "---\nname: small\nbrain: playbook\nplaybook: { name: remediation }\nscope: { paths: [\"*\"] }\n---\n";
        let agent = crate::definition::read(text, &[]).unwrap();
        let work = |advisories| identity(&agent, "/r", "HEAD", advisories);
        assert_eq!(work(Some("/a")), work(Some("/a")));
        assert_ne!(work(Some("/a")), work(Some("/b")));
        assert_ne!(work(None), work(Some("")));
    }
}
