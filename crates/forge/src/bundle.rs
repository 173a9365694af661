//! The header of a git bundle (<https://git-scm.com/docs/gitformat-bundle>), read strictly: one commit to have, one to give.

use std::io::{self, BufRead, Read as _};

use domain::CommitId;

use crate::export::BUNDLE_REF;

/// The longest header, in bytes; its only free text is the first line of the base commit's message.
const HEADER_MAX_BYTES: u64 = 1024 * 1024;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The commit that the bundle leads to.
    pub(crate) head: CommitId,
    /// How many objects its pack says it holds.
    pub(crate) objects: u32,
    /// Where its pack begins, in bytes.
    pub(crate) pack_at: u64,
}

/// Why these bytes are no bundle of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the bundle's header: {reason}")]
pub struct InvalidBundle {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Reads a header up to and with the pack's first twelve bytes.
pub(crate) fn read(
    from: impl BufRead,
    base: &CommitId,
) -> io::Result<Result<Header, InvalidBundle>> {
    let mut lines = Lines { from: from.take(HEADER_MAX_BYTES), line: 0, read: 0 };
    read_lines(&mut lines, base)
}

struct Lines<R> {
    from: io::Take<R>,
    line: usize,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.line += 1;
        self.read += self.from.read_until(b'\n', &mut line)? as u64;
        Ok(line)
    }

    fn wrong<T>(&self, reason: &'static str) -> io::Result<Result<T, InvalidBundle>> {
        Ok(Err(InvalidBundle { line: self.line, reason }))
    }
}

fn read_lines<R: BufRead>(
    lines: &mut Lines<R>,
    base: &CommitId,
) -> io::Result<Result<Header, InvalidBundle>> {
    let sha256 = base.as_str().len() == 64;
    match lines.next()?.as_slice() {
        b"# v2 git bundle\n" if !sha256 => {}
        b"# v3 git bundle\n" => {
            let wanted: &[u8] =
                if sha256 { b"@object-format=sha256\n" } else { b"@object-format=sha1\n" };
            if lines.next()? != wanted {
                return lines.wrong("it does not name the repository's object format");
            }
        }
        _ => return lines.wrong("it is not the first line of a git bundle"),
    }
    let line = lines.next()?;
    let prerequisite = line.strip_prefix(b"-").unwrap_or_default();
    let id_end = base.as_str().len();
    let names_base = prerequisite.get(..id_end) == Some(base.as_str().as_bytes());
    let ends = matches!(prerequisite.get(id_end), Some(b' ' | b'\n'));
    if !names_base || !ends || !line.ends_with(b"\n") {
        return lines.wrong("it does not ask for the base commit, and for that alone");
    }
    let line = lines.next()?;
    let named = line.strip_suffix(format!(" {BUNDLE_REF}\n").as_bytes()).unwrap_or_default();
    let Some(head) = std::str::from_utf8(named).ok().and_then(|text| text.parse::<CommitId>().ok())
    else {
        return lines.wrong("it does not give one commit under the name of the export");
    };
    if head.as_str().len() != base.as_str().len() {
        return lines.wrong("it gives a commit of another object format");
    }
    if lines.next()? != b"\n" {
        return lines.wrong("it gives more than one ref");
    }
    let pack_at = lines.read;
    let mut start = [0_u8; 12];
    lines.line += 1;
    if lines.from.read_exact(&mut start).is_err() {
        return lines.wrong("the pack is cut off");
    }
    let [b'P', b'A', b'C', b'K', 0, 0, 0, 2, a, b, c, d] = start else {
        return lines.wrong("no pack of version 2 follows");
    };
    Ok(Ok(Header { head, objects: u32::from_be_bytes([a, b, c, d]), pack_at }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: &str = "0123456789abcdef0123456789abcdef01234567";
    const HEAD: &str = "89abcdef0123456789abcdef0123456789abcdef";

    fn parse(bytes: &[u8]) -> Result<Header, InvalidBundle> {
        read(bytes, &BASE.parse().unwrap()).unwrap()
    }

    fn bundle(lines: &str) -> Vec<u8> {
        let mut bytes = lines.replace("BASE", BASE).replace("HEAD", HEAD).into_bytes();
        bytes.extend_from_slice(b"PACK\0\0\0\x02\0\0\0\x07rest");
        bytes
    }

    #[test]
    fn what_git_writes_is_read() {
        let header = parse(&bundle("# v2 git bundle\n-BASE a subject\nHEAD refs/heads/export\n\n"));
        let header = header.unwrap();
        assert_eq!((header.head.as_str(), header.objects), (HEAD, 7));
        assert!(
            parse(&bundle(
                "# v3 git bundle\n@object-format=sha1\n-BASE\nHEAD refs/heads/export\n\n"
            ))
            .is_ok()
        );
    }

    #[test]
    fn anything_else_is_refused_at_its_line() {
        for (lines, line) in [
            ("# v4 git bundle\n", 1),
            ("# v3 git bundle\n@filter=blob:none\n-BASE\nHEAD refs/heads/export\n\n", 2),
            ("# v2 git bundle\nHEAD refs/heads/export\n\n", 2),
            ("# v2 git bundle\n-HEAD\nHEAD refs/heads/export\n\n", 2),
            ("# v2 git bundle\n-BASEff\nHEAD refs/heads/export\n\n", 2),
            ("# v2 git bundle\n-BASE\n-HEAD\nHEAD refs/heads/export\n\n", 3),
            ("# v2 git bundle\n-BASE\nHEAD refs/heads/main\n\n", 3),
            ("# v2 git bundle\n-BASE\nHEAD refs/heads/export\nHEAD refs/heads/b\n\n", 4),
        ] {
            assert_eq!(parse(&bundle(lines)).unwrap_err().line, line, "{lines:?}");
        }
        assert_eq!(parse(b"").unwrap_err().line, 1);
        let whole = bundle("# v2 git bundle\n-BASE\nHEAD refs/heads/export\n\n");
        for cut in 0..whole.len() - 4 {
            assert!(parse(&whole[..cut]).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(tail in proptest::collection::vec(any::<u8>(), 0..200), keep in 0_usize..120) {
            let mut bytes = bundle("# v2 git bundle\n-BASE\nHEAD refs/heads/export\n\n");
            bytes.truncate(keep);
            bytes.extend(tail);
            let _any = parse(&bytes);
        }
    }
}
