//! Keeps a `uv.lock` as it was but for what moved: a newer uv raises the revision and tells more of every file in passing.

use toml::{Table, Value};

/// What newer revisions of the format tell of a file besides, or tell otherwise.
const TOLD_IN_PASSING: [&str; 2] = ["upload-time", "size"];

const ENTRY: &str = "[[package]]";

/// `after` with the revision of `before`, its texts of the entries that say the same, and nothing in the others that
/// `before` does not tell of any.
pub(super) fn restored(before: &str, after: &str) -> Option<String> {
    if before.contains('\r') || after.contains('\r') {
        return None;
    }
    let (old_head, old_entries) = parts(before);
    let (new_head, new_entries) = parts(after);
    let known: Vec<(Table, &str)> =
        old_entries.iter().filter_map(|text| Some((said(text)?, *text))).collect();
    let tells_times = before.contains("upload-time = ");
    let mut text = head(old_head, new_head)?;
    for entry in new_entries {
        let said = said(entry)?;
        match known.iter().find(|(known, _)| *known == said) {
            Some((_, old)) => text.push_str(old.trim_end()),
            None if tells_times => text.push_str(entry.trim_end()),
            None => text.push_str(&without_times(entry.trim_end())),
        }
        text.push_str("\n\n");
    }
    let end = text.trim_end().len();
    text.truncate(end);
    text.push('\n');
    (text != after).then_some(text)
}

/// What stands before the entries, and each of them.
fn parts(text: &str) -> (&str, Vec<&str>) {
    let mut starts: Vec<usize> = text
        .match_indices(ENTRY)
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || text.get(..*at).is_some_and(|before| before.ends_with('\n')))
        .collect();
    let first = starts.first().copied().unwrap_or(text.len());
    starts.push(text.len());
    let entries = starts.windows(2).filter_map(|pair| match pair {
        [from, to] => text.get(*from..*to),
        _ => None,
    });
    (text.get(..first).unwrap_or_default(), entries.collect())
}

/// What an entry says, without what is told in passing.
fn said(entry: &str) -> Option<Table> {
    let mut table: Table = entry.parse().ok()?;
    table.iter_mut().for_each(|(_, value)| strip(value));
    Some(table)
}

fn strip(value: &mut Value) {
    match value {
        Value::Table(table) => {
            for key in TOLD_IN_PASSING {
                table.remove(key);
            }
            table.iter_mut().for_each(|(_, value)| strip(value));
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

/// The new head with the old revision; the old one where it says the same.
fn head(old: &str, new: &str) -> Option<String> {
    const REVISION: &str = "revision";
    let said = |text: &str| {
        let mut table: Table = text.parse().ok()?;
        table.remove(REVISION);
        Some(table)
    };
    if said(old)? == said(new)? {
        return Some(old.to_owned());
    }
    let is_revision = |line: &&str| line.starts_with(REVISION);
    let revision = old.split_inclusive('\n').find(is_revision).unwrap_or_default();
    let lines = new.split_inclusive('\n');
    Some(lines.map(|line| if is_revision(&line) { revision } else { line }).collect())
}

/// An entry without the times of its files.
fn without_times(entry: &str) -> String {
    const TIME: &str = ", upload-time = \"";
    let mut text = String::with_capacity(entry.len());
    let mut rest = entry;
    while let Some((before, after)) = rest.split_once(TIME) {
        text.push_str(before);
        rest = after.split_once('"').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::restored;

    fn lock(revision: &str, time: &str, version: &str) -> String {
        format!(
            r#"version = 1
{revision}requires-python = ">=3.9"

[[package]]
name = "a"
version = "1.0"
source = {{ registry = "r" }}
sdist = {{ url = "u/a-1.0.tar.gz", hash = "sha256:aa", size = 1{time} }}
wheels = [
    {{ url = "u/a-1.0.whl", hash = "sha256:ab", size = 2{time} }},
]

[[package]]
name = "b"
version = "{version}"
source = {{ registry = "r" }}
sdist = {{ url = "u/b-{version}.tar.gz", hash = "sha256:b{version}", size = 3{time} }}
"#
        )
    }

    const TIME: &str = ", upload-time = \"2026-10-22T00:02:38Z\"";

    #[test]
    fn what_a_newer_uv_tells_in_passing_is_left_out_again_to_the_byte() {
        let before = lock("", "", "1.0");
        assert_eq!(
            restored(&before, &lock("revision = 5\n", TIME, "1.1")),
            Some(lock("", "", "1.1"))
        );
        let before = lock("revision = 1\n", "", "1.0");
        let after = lock("revision = 5\n", TIME, "1.1").replace(">=3.9", ">=3.10");
        let expected = lock("revision = 1\n", "", "1.1").replace(">=3.9", ">=3.10");
        assert_eq!(restored(&before, &after), Some(expected));
    }

    #[test]
    fn times_stay_where_the_lock_has_them_and_entries_that_say_something_else_are_new() {
        let other = ", upload-time = \"2026-10-22T00:02:38.123Z\"";
        let before = lock("revision = 2\n", other, "1.0");
        let after = lock("revision = 3\n", TIME, "1.1");
        let kept = restored(&before, &after).expect("it is restored");
        assert!(kept.contains("revision = 2\n"), "{kept}");
        assert_eq!((kept.matches(other).count(), kept.matches(TIME).count()), (2, 1), "{kept}");
        assert_eq!(restored(&after, &after), None);
        let odd = after.replace("sha256:ab", "sha256:ac");
        assert!(restored(&before, &odd).expect("it is restored").contains("sha256:ac"));
    }

    proptest! {
        #[test]
        fn no_lock_is_a_panic(before in "[a-z=\"\\[\\]{}, \n]{0,60}", cut in 0..300_usize) {
            let lock = lock("revision = 3\n", TIME, "1.0");
            restored(&before, &lock);
            restored(&lock, &before);
            restored(&lock, lock.get(..cut).unwrap_or_default());
            restored(&before, &before);
        }
    }
}
