//! Gives an attempt a machine of its own and takes it away again: Firecracker, QEMU, namespaces; images; the egress proxy.
