//! A file version as text, whatever its encoding: what hides from one reader must not hide from a rule.

use std::borrow::Cow;

use domain::change::{FileChange, FileMode, FileVersion};

/// The text before and the text after. Empty where there is no file; `None` where the host did not read the
/// content, and then the rule that asks has to deny.
pub(crate) fn sides(file: &FileChange) -> (Option<Cow<'_, str>>, Option<Cow<'_, str>>) {
    (side(file.before.as_ref()), side(file.after.as_ref()))
}

/// UTF-8 is borrowed as it is. Bytes that are none become replacement characters, and NUL bytes are dropped,
/// which turns UTF-16 and UTF-32 of ASCII letters into those letters with their lines kept.
fn side(version: Option<&FileVersion>) -> Option<Cow<'_, str>> {
    let Some(version) = version else { return Some(Cow::Borrowed("")) };
    let Some(bytes) = version.content.as_deref() else {
        // A submodule has no content of its own; the `kind` rule denies it.
        return (version.mode == FileMode::Submodule).then_some(Cow::Borrowed(""));
    };
    if !bytes.contains(&0) {
        return Some(String::from_utf8_lossy(bytes));
    }
    let letters: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    Some(Cow::Owned(String::from_utf8_lossy(&letters).into_owned()))
}
