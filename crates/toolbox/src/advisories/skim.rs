//! A cheap look at an advisory in YAML: enough to see that it names none of the packages that are asked for.
//!
//! Reading YAML in full costs thirty times what reading JSON does. A file in the plain block style of the PyPA
//! database gives its id, its aliases and its packages away line by line. The look is allowed to give up
//! (then the file is read in full), never to guess: anything that is not that style makes it give up.

/// What the lines of an advisory say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Skim<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// Ids of the same vulnerability elsewhere.
    pub(super) aliases: Vec<&'a str>,
    /// Every package named below `affected`, as (ecosystem, name).
    pub(super) packages: Vec<(&'a str, &'a str)>,
    /// When it last changed.
    pub(super) modified: Option<&'a str>,
    /// Taken back by its source.
    pub(super) withdrawn: bool,
}

/// Looks at an advisory; `None` where it has to be read in full.
pub(super) fn skim(text: &str) -> Option<Skim<'_>> {
    let mut skim = Skim::default();
    let (mut names, mut ecosystems) = (Vec::new(), Vec::new());
    let mut section = "";
    let mut seen = Vec::new();
    for line in text.lines() {
        if line.contains('\t') || line.contains('\0') {
            return None;
        }
        if line.trim().is_empty() {
            continue;
        }
        let indented = line.starts_with(' ');
        if !indented && !line.starts_with("- ") {
            let (key, value) = key_and_value(line)?;
            if seen.contains(&key) {
                return None;
            }
            seen.push(key);
            section = key;
            match key {
                "id" => skim.id = scalar(value)?,
                "modified" => skim.modified = Some(scalar(value)?),
                "withdrawn" => skim.withdrawn = true,
                "aliases" | "affected" if !value.is_empty() => return None,
                _ => {}
            }
            continue;
        }
        let item = line.trim_start().trim_start_matches("- ").trim_start();
        match section {
            "aliases" => skim.aliases.push(scalar(item)?),
            "affected" => match key_and_value(item) {
                Some(("name", value)) => names.push(scalar(value)?),
                Some(("ecosystem", value)) => ecosystems.push(scalar(value)?),
                Some(("package", value)) if !value.is_empty() => return None,
                _ => {}
            },
            "id" | "modified" => return None,
            _ => {}
        }
    }
    if skim.id.is_empty() || names.is_empty() || names.len() != ecosystems.len() {
        return None;
    }
    skim.packages = ecosystems.into_iter().zip(names).collect();
    Some(skim)
}

fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    (plain && (value.is_empty() || value.starts_with(' '))).then_some((key, value.trim()))
}

/// A plain or quoted scalar on one line, without escapes, comments, anchors or tags.
fn scalar(value: &str) -> Option<&str> {
    let inner = ['"', '\'']
        .iter()
        .find_map(|q| value.strip_prefix(*q).and_then(|rest| rest.strip_suffix(*q)))
        .unwrap_or(value);
    let plain = !inner.is_empty()
        && inner.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/@+".contains(&b));
    plain.then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "id: PYSEC-2021-1\ndetails: text that\n  goes on\naffected:\n- package:\n    name: flask\n    ecosystem: PyPI\n  ranges:\n  - type: ECOSYSTEM\n    events:\n    - introduced: \"0\"\naliases:\n- CVE-2021-1\nmodified: \"2021-04-22T17:19:00Z\"\n";

    #[test]
    fn the_plain_style_gives_its_names_away() {
        let skim = skim(PLAIN).unwrap();
        assert_eq!(skim.id, "PYSEC-2021-1");
        assert_eq!(skim.packages, [("PyPI", "flask")]);
        assert_eq!(skim.aliases, ["CVE-2021-1"]);
    }

    #[test]
    fn every_other_style_is_left_to_the_parser() {
        for text in [
            "",
            "id: X\n",
            &PLAIN.replace("affected:", "affected: []"),
            &PLAIN.replace("name: flask", "name: &a flask"),
            &PLAIN.replace("name: flask", "name: \"fl\\x61sk\""),
            &PLAIN.replace("package:\n", "package: {name: a, ecosystem: PyPI}\n"),
            &PLAIN.replace("id: ", "id: |\n  "),
            &format!("{PLAIN}id: again\n"),
            &PLAIN.replace("details", "{details"),
        ] {
            assert_eq!(skim(text), None, "{text}");
        }
    }
}
