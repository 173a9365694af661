//! Gives an attempt a machine of its own and takes it away again: microVMs by QEMU, namespaces; images; the egress proxy.
//!
//! [`port`] is what the engine sees. A machine has no network: what it asks for comes over the same
//! byte stream as everything else and is answered, or refused, by [`egress`] on the host.

mod channel;
pub mod egress;
mod env;
pub mod host;
pub mod image;
pub mod microvm;
pub mod namespaces;
mod output;
pub mod port;
pub mod preset;
pub mod qemu;
mod session;

/// The guest program, built by this crate's build script.
const GUEST_PROGRAM: &[u8] = include_bytes!(env!("HOB_GUEST_PROGRAM"));

#[cfg(test)]
mod tests {
    use super::GUEST_PROGRAM;

    /// A little-endian number of an ELF file (`Elf64_Ehdr` and `Elf64_Phdr` of elf(5)).
    fn number(at: usize, len: usize) -> usize {
        GUEST_PROGRAM[at..at + len].iter().rev().fold(0, |n, byte| n << 8 | usize::from(*byte))
    }

    #[test]
    fn the_guest_program_is_static() {
        assert_eq!(&GUEST_PROGRAM[..5], b"\x7fELF\x02");
        let (headers, size, count) = (number(32, 8), number(54, 2), number(56, 2));
        let kinds: Vec<usize> = (0..count).map(|i| number(headers + i * size, 4)).collect();
        let (load, interpreter) = (1, 3);
        assert!(kinds.contains(&load));
        assert!(!kinds.contains(&interpreter), "it asks for a loader");
    }
}
