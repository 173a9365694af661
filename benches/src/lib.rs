//! What the benches share: measuring processes, and a small repository.

pub mod measure;
pub mod sample;
