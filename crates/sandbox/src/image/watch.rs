//! Who is told how the making of an image goes on.

use std::fmt;
use std::sync::Arc;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'s> {
    /// A new step begins.
    Step(&'s str),
    /// A program said so, or so much is done of the step.
    Detail(&'s str),
}

/// Tells someone.
#[derive(Clone)]
pub struct Watcher(Arc<dyn Fn(Said<'_>) + Send + Sync>);

/// A watcher, lent.
pub type Watch<'w> = &'w Watcher;

impl Watcher {
    /// Tells this function, from whatever thread.
    pub fn new(tell: impl Fn(Said<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells nobody.
    pub fn nobody() -> Self {
        Self::new(|_| {})
    }

    pub(super) fn step(&self, text: &str) {
        (self.0)(Said::Step(text));
    }

    pub(super) fn detail(&self, text: &str) {
        (self.0)(Said::Detail(text));
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}
