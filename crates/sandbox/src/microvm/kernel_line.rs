//! What a kernel is told at its start.

/// Words that every kernel is told: where to complain, to end the VMM after a panic at once, and not to test timers
/// that are emulated on a busy host (`no_timer_check`; without it one boot in hundreds ends in a panic).
const WORDS: [&str; 8] = [
    "console=ttyS0",
    "quiet",
    "panic=-1",
    "oops=panic",
    "no_timer_check",
    "random.trust_cpu=on",
    "i8042.noaux",
    "8250.nr_uarts=1",
];

/// The whole line.
pub(crate) fn line() -> String {
    WORDS.join(" ")
}
