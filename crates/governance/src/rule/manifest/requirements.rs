//! Requirements and constraints files, line by line as pip reads them.
//!
//! Source: <https://pip.pypa.io/en/stable/reference/requirements-file-format/> and pip's `req_file.py`.

use super::{Objection, Raised, pyproject};

/// One line after continuations are joined and comments cut.
#[derive(Debug, PartialEq, Eq)]
struct Logical {
    /// The requirement, or a whole option line.
    head: String,
    /// Options of the requirement that are no hashes.
    options: Vec<String>,
    /// Its `--hash` values.
    hashes: Vec<String>,
}

/// What was raised, and what may not be so.
pub(super) fn compare(before: &str, after: &str) -> Result<(Vec<Raised>, Vec<Objection>), String> {
    if declared(before) != declared(after) {
        return Err("the declared text encoding changes".to_owned());
    }
    let (old, new) = (logical(before)?, logical(after)?);
    if old.len() != new.len() {
        return Err(format!(
            "{} requirements and options became {}; only versions of existing ones may change",
            old.len(),
            new.len()
        ));
    }
    let (mut raised, mut objections) = (Vec::new(), Vec::new());
    for (was, is) in old.iter().zip(&new).filter(|(was, is)| was != is) {
        match line(was, is) {
            Ok(one) => raised.push(one),
            Err(reason) => objections.push(Objection::deny(&is.head, reason)),
        }
    }
    Ok((raised, objections))
}

fn line(was: &Logical, is: &Logical) -> Result<Raised, String> {
    if was.head.starts_with('-') || is.head.starts_with('-') || was.options != is.options {
        return Err("an option changes; only versions of existing requirements may".to_owned());
    }
    if was.head == is.head {
        return Err("its hashes change and its version does not".to_owned());
    }
    if was.hashes.is_empty() != is.hashes.is_empty() {
        return Err("whether hashes are required changes".to_owned());
    }
    let known = |hash: &&String| !was.hashes.contains(hash);
    if !is.hashes.is_empty() && is.hashes.iter().filter(known).count() != is.hashes.len() {
        return Err("keeps a hash of the version before".to_owned());
    }
    if is.hashes.iter().any(|hash| !is_hash(hash)) {
        return Err("a hash that is not sha256, sha384 or sha512 in hexadecimal".to_owned());
    }
    pyproject::raised(&was.head, &is.head)
}

fn is_hash(text: &str) -> bool {
    let Some((algorithm, digest)) = text.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    digest.len() == length && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Python ends lines at more than line feeds; a comment that hides one of these ends there too.
fn is_line_end(letter: char) -> bool {
    matches!(
        letter,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// The encoding that a comment in the first two lines declares (PEP 263), which pip obeys.
fn declared(text: &str) -> Option<&str> {
    text.split('\n').take(2).filter(|line| line.trim_start().starts_with('#')).find_map(|line| {
        let (_, rest) = line.split_once("coding")?;
        rest.starts_with([':', '=']).then(|| rest.trim())
    })
}

fn logical(text: &str) -> Result<Vec<Logical>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut joined = Vec::new();
    let mut open = String::new();
    for line in text.split(is_line_end) {
        let comment = line.trim_start().starts_with('#');
        if comment || !line.ends_with('\\') {
            // A comment ends a continuation; the blank makes it one.
            open.push_str(if comment { " " } else { "" });
            open.push_str(line);
            joined.push(std::mem::take(&mut open));
        } else {
            open.push_str(line.trim_end_matches('\\'));
        }
    }
    if !open.is_empty() {
        joined.push(open);
    }
    let lines = joined.iter().map(|line| uncommented(line).trim()).filter(|line| !line.is_empty());
    lines.map(parts).collect()
}

/// The line up to a `#` that begins it or follows white space.
fn uncommented(line: &str) -> &str {
    let mut blank = true;
    for (at, letter) in line.char_indices() {
        if letter == '#' && blank {
            return line.get(..at).unwrap_or(line);
        }
        blank = letter.is_whitespace();
    }
    line
}

fn parts(line: &str) -> Result<Logical, String> {
    if line.starts_with('-') {
        return Ok(Logical { head: line.to_owned(), options: Vec::new(), hashes: Vec::new() });
    }
    let mut words = line.split_whitespace().peekable();
    let mut head = Vec::new();
    while let Some(word) = words.next_if(|word| !word.starts_with("--")) {
        head.push(word);
    }
    let (mut options, mut hashes) = (Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        if let Some(hash) = word.strip_prefix("--hash=") {
            hashes.push(hash.to_owned());
        } else if word == "--hash" {
            let hash = words.next().ok_or("a `--hash` without its value")?;
            hashes.push(hash.to_owned());
        } else {
            options.push(word.to_owned());
        }
    }
    Ok(Logical { head: head.join(" "), options, hashes })
}
