//! Tests only: `tests/tidy.rs` holds the rules of the house.
