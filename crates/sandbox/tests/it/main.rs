//! The sandbox against real parts: real TLS, real package managers, real namespaces.

mod egress_network;
mod egress_real;
