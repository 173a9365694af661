//! Limits that hold everywhere, each with a name. Reaching one is a recorded outcome.

/// The largest file of a repository that the host reads into memory, in bytes.
pub const FILE_READ_MAX_BYTES: u64 = 32 * 1024 * 1024;

/// The most files that a repository may hold for its manifests to be looked for.
pub const REPOSITORY_FILES_MAX: usize = 1_000_000;

/// The most bytes of a command's output that are kept; what lies between head and tail is dropped and counted.
pub const OUTPUT_KEPT_MAX_BYTES: usize = 1024 * 1024;

/// The largest bundle that a machine may hand out, in bytes.
pub const EXPORT_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// The longest text of foreign origin that is quoted in a report, in characters.
pub const QUOTE_MAX_CHARS: usize = 4_000;

/// `text` cut to at most `max` characters from its end, with a mark where something was left out.
pub fn tail_chars(text: &str, max: usize) -> String {
    let count = text.chars().count();
    if count <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().skip(count - max).collect();
    format!("[{} characters left out]\n{kept}", count - max)
}

/// `text` cut to at most `max` characters from its start, with a mark where something was left out.
pub fn head_chars(text: &str, max: usize) -> String {
    let count = text.chars().count();
    if count <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max).collect();
    format!("{kept}\n[{} characters left out]", count - max)
}
