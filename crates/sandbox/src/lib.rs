//! Gives an attempt a machine of its own and takes it away again: Firecracker, QEMU, namespaces; images; the egress proxy.
//!
//! [`port`] is what the engine sees. A machine has no network: what it asks for comes over the same
//! byte stream as everything else and is answered, or refused, by [`egress`] on the host.

mod channel;
pub mod egress;
mod env;
pub mod host;
