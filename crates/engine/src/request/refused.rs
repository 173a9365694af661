//! A request that was not done leaves an entry like one that was: who asked, for what, and why not.

use domain::Actor;

use crate::audit::Note;
use crate::error::HouseError;
use crate::house::House;

/// What was asked, and about what.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// Who asked.
    pub(super) actor: &'a Actor,
    /// The request's name.
    pub(super) request: &'static str,
    /// What kind of thing it was about: `run`, `proposal`, `payload`.
    pub(super) kind: &'static str,
    /// Which.
    pub(super) id: String,
}

impl<'a> Asked<'a> {
    /// `actor` asks for `request` about a thing of a `kind`.
    pub(super) fn new(
        actor: &'a Actor,
        request: &'static str,
        (kind, id): (&'static str, impl std::fmt::Display),
    ) -> Self {
        Self { actor, request, kind, id: id.to_string() }
    }
}

impl House {
    /// Hands an answer on; one that says no is told to the ledger first. The person has their answer even where it
    /// cannot be told.
    pub(super) async fn told<T>(
        &self,
        asked: Asked<'_>,
        answer: Result<T, HouseError>,
    ) -> Result<T, HouseError> {
        if let Err(error) = &answer {
            let action = match error {
                HouseError::Refused(_) | HouseError::Fixable { .. } => "request.refused",
                HouseError::Store(_)
                | HouseError::Commit(_)
                | HouseError::Task(_)
                | HouseError::Inconsistent(_) => "request.failed",
            };
            let note = Note::new(action, crate::chain(error))
                .fact("request", asked.request)
                .fact(asked.kind, asked.id);
            let scribe = self.scribe_of_house(asked.actor);
            if let Err(error) = self.write_notes_now(&scribe, vec![note]).await {
                tracing::warn!(error = crate::chain(&error), "a refusal could not be told");
            }
        }
        answer
    }
}
