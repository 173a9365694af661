//! The token by which the world tells a late answer from a current one.

/// Names one action of a run and grows with each: an answer or a side effect that carries an older one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);
