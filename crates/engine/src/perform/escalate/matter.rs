//! What an escalation is about, so that nobody is told twice: a run that comes to what the run before it came to, from the
//! same commit, has nothing new to say.

use domain::Digest;
use runs::{Ending, FailureClass, State};
use serde_json::json;
use store::port::RunFilter;

use crate::error::HouseError;
use crate::facts::{Facts, ToldFacts};
use crate::perform::Stage;

/// What people would be told, as a digest. None where it must be told each time: what governance denies, what failed
/// for want of a budget or of the infrastructure, and what could not be read or checked in full.
pub(super) fn of(stage: &Stage<'_>, ending: Ending) -> Option<Digest> {
    let lasts = match stage.failures.last()?.class {
        FailureClass::Agent | FailureClass::Checks => ending == Ending::Escalated,
        FailureClass::Infrastructure | FailureClass::Policy | FailureClass::Budget => false,
    };
    let facts = &stage.facts;
    let is_whole = facts.outcome.as_ref().is_some_and(|outcome| outcome.complete);
    let left = crate::report::left(facts);
    if !lasts || !is_whole || facts.checks_incomplete || left.is_empty() {
        return None;
    }
    // Details quote what tools said, with times and places in it that are others each time.
    let left: Vec<_> = left
        .iter()
        .map(|left| json!([left.ecosystem, left.advisory, left.package, left.version, left.why]))
        .collect();
    let broken: Vec<_> = facts
        .checks
        .iter()
        .filter(|check| !check.newly_failing.is_empty())
        .map(|check| json!([check.command, check.newly_failing]))
        .collect();
    Some(Digest::of(json!([facts.base, left, broken]).to_string().as_bytes()))
}

/// The run that told people of this, where the newest run of the same work came to it too.
pub(super) async fn told_by(
    stage: &Stage<'_>,
    matter: Digest,
) -> Result<Option<domain::RunId>, HouseError> {
    let store = &stage.house.store;
    let Some(own) = store.run(stage.run).await? else { return Ok(None) };
    let filter = RunFilter {
        identity: Some(own.identity),
        before: Some(stage.run),
        limit: 1,
        ..RunFilter::default()
    };
    let Some(row) = store.runs(filter).await?.into_iter().next() else { return Ok(None) };
    // A run whose facts a newer hob has written is no reason to be silent.
    let Ok(facts) = Facts::read(row.id, &row.facts) else { return Ok(None) };
    let is_over = matches!(crate::persist::from_record(&row.run).state, State::Ended { .. });
    let same = |told: &ToldFacts| is_over && told.matter == matter;
    Ok(facts.told.filter(same).map(|told| told.by))
}
