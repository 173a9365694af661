//! Plans for Python, performed by the real pip and the real uv with the host's own index.

mod checkout;
mod hashes;
mod pip;
mod uv;
