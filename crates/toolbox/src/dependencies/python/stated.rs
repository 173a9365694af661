//! What `setup.py`, `setup.cfg` and `tox.ini` state literally, read without running anything.
//!
//! It serves to tell whether manifests that are read say the same; nothing is edited by it.

use super::requirement;

/// Arguments and options that hold requirements.
const WORDS: [&str; 4] = ["install_requires", "extras_require", "tests_require", "setup_requires"];

/// The requirements that a file states, as written; also what stands where requirements do and is none.
pub(super) fn requirements(name: &str, text: &str) -> Vec<String> {
    match name {
        "setup.py" => of_program(text),
        "setup.cfg" => of_settings(text, |section, key| {
            section == "options.extras_require" || WORDS.contains(&key)
        }),
        // What names no version gets the newest each time: there is nothing to move.
        _ => {
            let mut stated = of_settings(text, |_, key| key == "deps");
            stated.retain(|line| !is_bare(line));
            stated
        }
    }
}

fn is_bare(text: &str) -> bool {
    requirement::parse(text).is_ok_and(|read| read.version_or_url.is_none())
}

/// A piece of a Python program.
enum Piece<'t> {
    Word(&'t str),
    Literal(&'t str),
    Open,
    Close,
    Colon,
    Other,
}

/// Literals in the value of a word that holds requirements, keys left out, and whatever else names a version.
fn of_program(text: &str) -> Vec<String> {
    let pieces = pieces(text);
    let (mut depth, mut inside, mut armed) = (0_usize, None, false);
    let mut stated = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let is_key = matches!(pieces.get(at + 1), Some(Piece::Colon));
        match piece {
            Piece::Word(word) => armed = WORDS.contains(word),
            Piece::Literal(literal) if is_key => armed = WORDS.contains(literal),
            Piece::Literal(literal) => {
                let listed = inside.is_some() || armed;
                let lines = literal.lines().map(str::trim).filter(|line| !line.is_empty());
                stated
                    .extend(lines.filter(|line| listed || names_version(line)).map(str::to_owned));
            }
            Piece::Open => {
                depth += 1;
                if armed && inside.is_none() {
                    inside = Some(depth);
                }
                armed = false;
            }
            Piece::Close => {
                if inside == Some(depth) {
                    inside = None;
                }
                depth = depth.saturating_sub(1);
            }
            Piece::Colon => {}
            Piece::Other => armed = false,
        }
    }
    stated
}

fn names_version(line: &str) -> bool {
    requirement::parse(line).is_ok_and(|read| read.version_or_url.is_some())
}

/// A program's words, literals and brackets; comments, blanks and `=` are left out.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        if after.len() < rest.len() {
            pieces.push(Piece::Word(rest.strip_suffix(after).unwrap_or(rest)));
            rest = after;
            continue;
        }
        rest = rest.strip_prefix(letter).unwrap_or_default();
        match letter {
            '#' => rest = rest.trim_start_matches(|c| c != '\n'),
            '"' | '\'' => {
                let (literal, after) = literal(rest, letter);
                pieces.push(Piece::Literal(literal));
                rest = after;
            }
            '(' | '[' | '{' => pieces.push(Piece::Open),
            ')' | ']' | '}' => pieces.push(Piece::Close),
            ':' => pieces.push(Piece::Colon),
            '=' | '\\' => {}
            _ if letter.is_whitespace() => {}
            _ => pieces.push(Piece::Other),
        }
    }
    pieces
}

/// The literal that begins here, behind its first quote, and what follows it.
fn literal(text: &str, quote: char) -> (&str, &str) {
    let triple = [quote; 2].iter().collect::<String>();
    let (body, end) = match text.strip_prefix(triple.as_str()) {
        Some(body) => (body, format!("{triple}{quote}")),
        None => (text, quote.to_string()),
    };
    let mut escaped = false;
    for (at, letter) in body.char_indices() {
        let (before, here) = body.split_at(at);
        if !escaped && let Some(after) = here.strip_prefix(end.as_str()) {
            return (before, after);
        }
        if end.len() == 1 && letter == '\n' && !escaped {
            return (before, here);
        }
        escaped = letter == '\\' && !escaped;
    }
    (body, "")
}

/// The values of the keys that are wanted, a line each, without what includes other files.
fn of_settings(text: &str, wanted: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let (mut section, mut inside) = (String::new(), false);
    let mut stated = Vec::new();
    for line in text.lines() {
        let plain = line.trim();
        if plain.is_empty() || plain.starts_with(['#', ';']) {
            continue;
        }
        let mut value = plain;
        if !line.starts_with([' ', '\t']) {
            inside = false;
            if let Some(name) = plain.strip_prefix('[') {
                name.trim_end_matches(']').clone_into(&mut section);
                continue;
            }
            let Some((key, rest)) = plain.split_once('=') else { continue };
            inside = wanted(&section, key.trim());
            value = rest.trim();
        }
        let value = value.split(" #").next().unwrap_or(value).trim();
        if inside && !value.is_empty() && !is_elsewhere(value) {
            stated.push(without_condition(value).to_owned());
        }
    }
    stated
}

/// Whether a line only points to the project itself, to another setting or to files that are read by their names.
fn is_elsewhere(line: &str) -> bool {
    line.starts_with(['.', '{']) || line.starts_with("file:") || line.starts_with('-')
}

/// tox: `py27,py36: name==1`, where the part before the colon says for which environments.
fn without_condition(line: &str) -> &str {
    match line.split_once(": ") {
        Some((factors, rest)) if !factors.contains([';', '=', '@', ' ', '<', '>']) => rest.trim(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_file_states_literally_is_read() {
        for (name, text, expected) in [
            ("setup.py", "setup(install_requires=['a==1', \"b\"], name='x')", &["a==1", "b"][..]),
            ("setup.py", "R = [ 'a>=1' ] # 'c==2'\nsetup(install_requires=R)", &["a>=1"]),
            (
                "setup.py",
                "setup(extras_require={'dev': ['a', 'b<2']}, python_requires='>=3')",
                &["a", "b<2"],
            ),
            ("setup.py", "setup(**{'install_requires': ['a']})", &["a"]),
            ("setup.py", "setup(install_requires='''\n  a==1\n  b\n''')", &["a==1", "b"]),
            ("setup.py", "setup(install_requires=[x + 'y'], classifiers=['A :: B'])", &["y"]),
            ("setup.py", "setup(install_requires=open('requirements.txt').read())", &[]),
            (
                "setup.cfg",
                "[options]\ninstall_requires =\n  a==1\n  b # why\n[options.extras_require]\ndev = c\n",
                &["a==1", "b", "c"],
            ),
            (
                "setup.cfg",
                "[options]\ninstall_requires = file: requirements.txt\nzip_safe = no\n",
                &[],
            ),
            (
                "tox.ini",
                "[testenv]\ndeps =\n  pytest\n  -rrequirements.txt\n  py36,py37: a==1\n  .[x]\ncommands = b==2\n",
                &["a==1"],
            ),
        ] {
            assert_eq!(requirements(name, text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_file_is_a_panic(text in "[a-z_=\\[\\](){}:#'\"\\\\ é\n;.,]{0,80}", word in 0..4_usize) {
            for name in ["setup.py", "setup.cfg", "tox.ini"] {
                requirements(name, &text);
                requirements(name, &format!("{}={text}", WORDS[word]));
            }
        }
    }
}
