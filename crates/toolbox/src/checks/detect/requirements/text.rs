//! Small readers of what Python projects are described in: sections of ini files, literals of Python code, names.

/// The name that a requirement begins with, as registries compare names; empty for options and addresses.
pub(super) fn name(requirement: &str) -> String {
    let text = requirement.trim();
    if text.starts_with(['-', '.', '/', '#']) || text.contains("://") && !text.contains(" @ ") {
        return String::new();
    }
    let name: String =
        text.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    name.to_lowercase().replace(['_', '.'], "-")
}

/// The body of a section of an ini file.
pub(super) fn section<'a>(text: &'a str, section: &str) -> Option<&'a str> {
    let start = text.lines().find(|line| line.trim_end() == section)?;
    let (_, body) = text.split_once(start)?;
    Some(body.split_once("\n[").map_or(body, |(body, _)| body))
}

/// The lines of a key's value in the body of a section, without comments.
pub(super) fn values<'a>(body: &'a str, key: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in body.lines() {
        let indented = line.starts_with([' ', '\t']);
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let mut value = line;
        if !indented && !line.trim().is_empty() {
            let (name, rest) = line.split_once(['=', ':']).unwrap_or_default();
            inside = name.trim() == key;
            value = rest;
        }
        let value = value.split_once(" #").map_or(value, |(value, _)| value).trim();
        if inside && !value.is_empty() {
            found.push(value);
        }
    }
    found
}

/// The texts of the literal that Python code gives to `name`, directly or by a name of its own, as far as they can be seen
/// without running it.
pub(super) fn texts_of(code: &str, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for value in given(code, name) {
        let word: String = value.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if word.is_empty() {
            found.extend(literal(value));
        } else {
            found.extend(given(code, &word).flat_map(literal));
        }
    }
    found
}

/// What stands behind `name =` or `"name":`.
fn given<'a>(code: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    code.match_indices(name).filter_map(move |(at, found)| {
        let (before, rest) = code.split_at(at);
        let before = before.chars().next_back();
        let rest = rest.strip_prefix(found)?.trim_start_matches(['"', '\'']).trim_start();
        let value = rest.strip_prefix(['=', ':'])?.trim_start();
        let is_part = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        (!is_part && !value.starts_with('=')).then_some(value)
    })
}

/// The texts inside the brackets that code begins with, or the one text that it is.
pub(super) fn literal(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' | '\'' => {
                let mut text = String::new();
                while let Some(next) = chars.next_if(|next| *next != c) {
                    text.push(next);
                }
                chars.next();
                found.push(text);
            }
            c if depth == 0 && !c.is_whitespace() => break,
            _ => {}
        }
        if depth == 0 && !c.is_whitespace() && c != '#' {
            break;
        }
    }
    found
}

/// Words that name what tests need, the closest first.
pub(super) const WORDS: [&str; 7] =
    ["test", "tests", "testing", "dev", "develop", "development", "ci"];

/// Those of `names` that are called after tests; else those called after development.
pub(super) fn closest<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<&str> = names.collect();
    for words in [&WORDS[..3], &WORDS[3..]] {
        let found: Vec<String> = names
            .iter()
            .filter(|name| words.contains(&name.to_lowercase().as_str()))
            .map(|&name| name.to_owned())
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}
