//! An agent as its user writes it: Markdown with YAML front matter, read strictly.
//!
//! Unknown keys are errors with the nearest known key; so are values that no agent can have. Keys that have no effect
//! in this version are read as strictly and told ([`without_effect`]). The front
//! matter has a JSON Schema ([`schema()`]), published as `docs/reference/agent.schema.json`.

mod effect;
mod front;
mod measure;
mod mistakes;
mod overrides;
mod read;
#[cfg(test)]
mod tests;

pub use effect::{NO_EFFECT, NoEffect, Weight, without_effect};
pub use front::Front;
pub use mistakes::{Mistake, mistakes};
pub use overrides::{KEYS, OverrideError, Setting};
pub use read::{DefinitionError, read};

/// The JSON Schema of the front matter.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Front).to_value()
}
