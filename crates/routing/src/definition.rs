//! An agent as its user writes it: Markdown with YAML front matter, read strictly.
//!
//! Unknown keys are errors with the nearest known key; so are values that no agent can have. The front
//! matter has a JSON Schema ([`schema()`]), published as `docs/reference/agent.schema.json`.

mod front;
mod measure;
mod overrides;
mod read;
#[cfg(test)]
mod tests;

pub use front::Front;
pub use overrides::{KEYS, OverrideError, Setting};
pub use read::{DefinitionError, read};

/// The JSON Schema of the front matter.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Front).to_value()
}
