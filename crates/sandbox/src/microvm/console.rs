//! The serial console of a virtual machine: what its kernel and its PID 1 complain of, for diagnosis. Its start and its end
//! are kept, in memory.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::output::Kept;

/// How much is kept, in bytes.
const KEPT_MAX: usize = 64 * 1024;

/// How much of it is quoted in an error, in characters.
const QUOTED_MAX: usize = 1500;

/// A console that is listened to.
#[derive(Debug, Clone)]
pub(crate) struct Console(Arc<Mutex<Kept>>);

impl Console {
    /// Nothing was said yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Kept::new(KEPT_MAX))))
    }

    /// Listens to the end.
    pub(crate) async fn listen<R: AsyncRead + Unpin>(self, mut from: R) {
        let mut buffer = vec![0; 4096];
        while let Ok(len @ 1..) = from.read(&mut buffer).await {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(buffer.get(..len).unwrap_or(&[]));
        }
    }

    /// The end of what was said, on one line of printable characters.
    pub(crate) fn quoted(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (bytes, _) = kept.finish();
        quote(&String::from_utf8_lossy(&bytes))
    }
}

fn quote(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let joined = lines.join(" | ");
    let printable: Vec<char> =
        joined.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let from = printable.len().saturating_sub(QUOTED_MAX);
    printable.get(from..).unwrap_or(&[]).iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_says_cannot_write_on_a_terminal() {
        assert_eq!(quote("a\r\n\r\nb\x1b[2Jc\n"), "a | b\u{fffd}[2Jc");
        assert_eq!(quote(&"x".repeat(9_000)).len(), QUOTED_MAX);
    }

    #[tokio::test]
    async fn a_flood_is_listened_to_and_not_kept() {
        let console = Console::new();
        let flood = vec![b'f'; 1_000_000];
        let text = [flood.as_slice(), b"\nthe end"].concat();
        console.clone().listen(text.as_slice()).await;
        assert!(console.quoted().ends_with("| the end"));
        let kept = console.0.lock().unwrap().clone();
        assert!(kept.finish().0.len() <= KEPT_MAX);
    }
}
