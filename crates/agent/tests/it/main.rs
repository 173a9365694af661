//! The playbooks with the real package managers and the real registries, on small projects written for the purpose.

mod machine;
mod rust;
