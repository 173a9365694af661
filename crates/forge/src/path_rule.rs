//! Which paths a change may bring in: none that any common file system could take for something else.
//!
//! The spellings of `.git` are those that git itself refuses since CVE-2014-9390: NTFS short names and streams, HFS+
//! characters that count for nothing. Here a backslash counts as a separator too, as it does on Windows.

/// The longest path, in bytes.
pub const PATH_MAX_BYTES: usize = 4096;
/// The longest part of a path, in bytes: what every file system can hold.
pub const PART_MAX_BYTES: usize = 255;
/// The most parts of a path.
pub const PARTS_MAX: usize = 128;

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Any bytes but UTF-8.
    #[error("its name is not UTF-8")]
    NotUtf8,
    /// Too long or too deep.
    #[error(
        "it is too long or too deep ({PATH_MAX_BYTES} bytes, {PART_MAX_BYTES} a part, {PARTS_MAX} parts)"
    )]
    TooLong,
    /// Line breaks, escape sequences and the like.
    #[error("its name holds a control character")]
    Control,
    /// Characters that make it look like another.
    #[error("its name changes the direction of text, so that it reads as another")]
    Direction,
    /// Begins with `/` or a drive.
    #[error("it is absolute")]
    Absolute,
    /// `.`, `..` or nothing between two separators.
    #[error("it holds `.`, `..` or an empty part")]
    Climbs,
    /// `.git` in any spelling.
    #[error("it reaches into `.git`, as some file system spells it")]
    DotGit,
}

/// What is odd about a path that is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Windows cannot make a file of this name.
    NotOnWindows,
}

/// Checks a path that a change adds or alters.
pub fn check(path: &[u8]) -> Result<Option<Oddity>, Refusal> {
    let text = std::str::from_utf8(path).map_err(|_| Refusal::NotUtf8)?;
    if text.len() > PATH_MAX_BYTES {
        return Err(Refusal::TooLong);
    }
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(Refusal::Control);
    }
    if text.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Err(Refusal::Direction);
    }
    let drive = matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if text.starts_with(['/', '\\']) || drive {
        return Err(Refusal::Absolute);
    }
    let mut odd = text.contains('\\');
    let mut parts = 0;
    for part in text.split(['/', '\\']) {
        parts += 1;
        if matches!(part, "" | "." | "..") {
            return Err(Refusal::Climbs);
        }
        if part.len() > PART_MAX_BYTES || parts > PARTS_MAX {
            return Err(Refusal::TooLong);
        }
        if is_dot_git(part) {
            return Err(Refusal::DotGit);
        }
        odd |= is_odd_on_windows(part);
    }
    Ok(odd.then_some(Oddity::NotOnWindows))
}

/// Whether some file system takes this name for `.git`.
fn is_dot_git(part: &str) -> bool {
    let visible: String = part.chars().filter(|c| !counts_for_nothing(*c)).collect();
    // NTFS: a stream's name follows a colon, blanks and dots at the end are dropped.
    let stem = visible.split(':').next().unwrap_or_default().trim_end_matches([' ', '.']);
    let stem = super::tree::folded(stem);
    let short = stem.strip_prefix("git~").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    stem == ".git" || (short && stem.len() > "git~".len())
}

/// The characters that HFS+ ignores in a name, and others that are as invisible.
fn counts_for_nothing(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}'
            | '\u{034f}'
            | '\u{061c}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

fn is_odd_on_windows(part: &str) -> bool {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = |name: &str| {
        stem.strip_prefix(name)
            .is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    part.ends_with([' ', '.'])
        || part.contains(['<', '>', ':', '"', '|', '?', '*'])
        || DEVICES.contains(&stem.as_str())
        || numbered("com")
        || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_spelling_of_the_git_folder_is_refused() {
        for path in [
            ".git/config",
            "a/.GIT/hooks/post-checkout",
            ".git ",
            "a/.git. . ./x",
            "GIT~1/config",
            "git~23",
            ".git::$INDEX_ALLOCATION/config",
            ".g\u{200c}it/config",
            "\u{feff}.git",
            ".gi\u{2060}T/x",
            "a\\.git\\config",
            ".git\\hooks",
        ] {
            assert_eq!(check(path.as_bytes()), Err(Refusal::DotGit), "{path:?}");
        }
    }

    #[test]
    fn names_that_only_look_like_it_are_let_through() {
        for path in [
            ".gitignore",
            ".gitlab-ci.yml",
            "git",
            "a/x.git",
            "git~",
            "git~x",
            "\u{e9}t\u{e9}.txt",
            ".github/a",
        ] {
            assert_eq!(check(path.as_bytes()), Ok(None), "{path:?}");
        }
    }

    #[test]
    fn paths_that_leave_the_repository_or_lie_to_a_reader_are_refused() {
        for (path, refusal) in [
            ("../a", Refusal::Climbs),
            ("a/../../b", Refusal::Climbs),
            ("a\\..\\b", Refusal::Climbs),
            ("a//b", Refusal::Climbs),
            ("/etc/passwd", Refusal::Absolute),
            ("\\\\host\\share", Refusal::Absolute),
            ("C:\\windows", Refusal::Absolute),
            ("c:x", Refusal::Absolute),
            ("a\nb", Refusal::Control),
            ("a\u{1b}[2Jb", Refusal::Control),
            ("a\u{9b}b", Refusal::Control),
            ("cod\u{202e}sj.exe", Refusal::Direction),
        ] {
            assert_eq!(check(path.as_bytes()), Err(refusal), "{path:?}");
        }
        assert_eq!(check(b"a\xff"), Err(Refusal::NotUtf8));
        assert_eq!(check("a/".repeat(3000).as_bytes()), Err(Refusal::TooLong));
        assert_eq!(check("a".repeat(256).as_bytes()), Err(Refusal::TooLong));
    }

    #[test]
    fn what_only_windows_minds_is_a_warning() {
        for path in ["a.", "b ", "aux.c", "com1", "what?", "unit\\x2ddevice.slice"] {
            assert_eq!(check(path.as_bytes()), Ok(Some(Oddity::NotOnWindows)), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(path in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _any = check(&path);
        }

        #[test]
        fn what_is_let_through_is_a_path_inside_the_repository(path in "[a-zA-Z./\\\\:~ 1\u{200b}]{1,24}") {
            if check(path.as_bytes()).is_ok() {
                prop_assert!(domain::RepoPath::new(path.as_str()).is_ok());
                let squeezed: String = path.to_lowercase().chars().filter(|c| *c != '\u{200b}').collect();
                let has_dot_git = squeezed.split(['/', '\\']).any(|part| part == ".git" || part == "git~1");
                prop_assert!(!has_dot_git, "{path:?}");
            }
        }
    }
}
