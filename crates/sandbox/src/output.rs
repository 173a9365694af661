//! A command's output as it is kept: its head and its tail, the middle dropped and counted.

use std::collections::VecDeque;

/// Room for the line that says how much was left out.
const MARK_MAX: usize = 64;

/// Keeps at most so many bytes.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_max: usize,
    tail_max: usize,
    dropped: u64,
}

impl Kept {
    /// Keeps at most `max` bytes, the mark included.
    pub(crate) fn new(max: usize) -> Self {
        let head_max = max / 2;
        let tail_max = max.saturating_sub(head_max + MARK_MAX);
        Self { head: Vec::new(), tail: VecDeque::new(), head_max, tail_max, dropped: 0 }
    }

    /// Takes more bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(self.head_max - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(self.tail_max);
        self.tail.drain(..excess);
        self.dropped += excess as u64;
    }

    /// What was kept, with a line in the middle where something was left out, and how many bytes were.
    pub(crate) fn finish(self) -> (Vec<u8>, u64) {
        let mut bytes = self.head;
        if self.dropped > 0 {
            bytes.extend_from_slice(format!("\n[{} bytes left out]\n", self.dropped).as_bytes());
        }
        bytes.extend(self.tail);
        (bytes, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn head_and_tail_survive_and_the_rest_is_counted(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20),
            max in 100..2000_usize,
        ) {
            let mut kept = Kept::new(max);
            for piece in &pieces {
                kept.push(piece);
            }
            let all = pieces.concat();
            let (bytes, dropped) = kept.finish();
            prop_assert!(bytes.len() <= max);
            if dropped == 0 {
                prop_assert_eq!(bytes, all);
            } else {
                let ends = bytes.len() - format!("\n[{dropped} bytes left out]\n").len();
                prop_assert_eq!(ends as u64 + dropped, all.len() as u64);
                prop_assert_eq!(&bytes[..max / 2], &all[..max / 2]);
            }
        }
    }
}
