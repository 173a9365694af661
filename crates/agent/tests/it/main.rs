//! The playbooks with the real package managers and the real registries, on small projects written for the purpose.
#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

mod javascript;
mod machine;
mod python;
mod rust;
