//! The serial console of a virtual machine: what its kernel and its PID 1 complain of, for diagnosis. Its start and its end
//! are kept, in memory.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::output::Kept;

/// How much is kept, in bytes.
const KEPT_MAX: usize = 64 * 1024;

/// The words of a kernel that finds nobody to kill (`mm/oom_kill.c`).
const NO_MEMORY: &str = "System is deadlocked on memory";

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

    fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8_lossy(&kept.finish().0).into_owned()
    }

    /// A reason with the end of what was said, on one line of printable characters.
    pub(crate) fn explain(&self, reason: &str) -> String {
        match quote(&self.text()) {
            said if said.is_empty() => reason.to_owned(),
            said => format!("{reason}; its console ends with: {said}"),
        }
    }

    /// Whether the kernel gave up because there was no memory left and nobody to kill.
    pub(crate) fn tells_of_no_memory(&self) -> bool {
        self.text().contains(NO_MEMORY)
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
        assert!(console.explain("gone").starts_with("gone; its console ends with: "));
        assert!(console.explain("gone").ends_with("| the end"));
        assert_eq!(Console::new().explain("gone"), "gone");
        let kept = console.0.lock().unwrap().clone();
        assert!(kept.finish().0.len() <= KEPT_MAX);
    }
}
