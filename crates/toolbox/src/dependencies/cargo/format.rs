//! Keeps a lock in the format that it had: newer cargos raise it in passing, and older ones cannot read it then.

/// The formats that differ in how references of git sources are written, and in nothing else (cargo's
/// `core::resolver::encode`): older and newer.
const ALIKE: (&str, &str) = ("version = 3", "version = 4");

/// `after` in the format of `before`, where cargo raised it and no entry is written differently for that.
pub(super) fn restored(before: &str, after: &str) -> Option<String> {
    let (old, new) = ALIKE;
    if after.contains("\"git+") || !head(before).lines().any(|line| line.trim_end() == old) {
        return None;
    }
    let mut start = 0;
    let line = head(after).split_inclusive('\n').find(|line| {
        let is_it = line.trim_end() == new;
        start += if is_it { 0 } else { line.len() };
        is_it
    })?;
    let mut text = after.to_owned();
    text.replace_range(start..start + line.trim_end().len(), old);
    Some(text)
}

/// What stands before the first entry.
fn head(text: &str) -> &str {
    text.split("[[").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::restored;

    const ENTRY: &str = "\n[[package]]\nname = \"a\"\nversion = \"4.0.0\"\n";

    #[test]
    fn a_raised_format_is_put_back_to_the_byte() {
        for end in ["\n", "\r\n"] {
            let lock = |n: u8| {
                format!("# by cargo\n# not by hand\nversion = {n}\n{ENTRY}").replace('\n', end)
            };
            assert_eq!(restored(&lock(3), &lock(4)), Some(lock(3)));
            assert_eq!(restored(&lock(3), &lock(3)), None);
            assert_eq!(restored(&lock(4), &lock(4)), None);
        }
    }

    #[test]
    fn a_format_that_writes_entries_differently_is_left() {
        let git = format!("version = 4\n{ENTRY}source = \"git+file:///a?branch=b%2Fc#1\"\n");
        assert_eq!(restored(&format!("version = 3\n{ENTRY}"), &git), None);
        // Formats 1 and 2 do not name themselves.
        assert_eq!(restored(ENTRY, &format!("version = 4\n{ENTRY}")), None);
        let odd = "[[package]]\nname = \"a\"\nversion = 4\n";
        assert_eq!(restored(&format!("version = 3\n{odd}"), odd), None);
    }
}
