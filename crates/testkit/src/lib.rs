//! Tests only: a fixed clock, small repositories, a registry of its own, the test house; `tests/tidy.rs` holds the rules of the house.

pub mod measure;
pub mod sample;
