//! Plans carried out by the real npm against the registry that it is configured for.

mod checkout;
mod moves;
mod refusals;
