//! Moves a requirement's text to a version that it does not admit yet, keeping how it was written.

use nodejs_semver::Version;

use super::version;

/// What a requirement is for: a peer range is a promise to users, so what it admitted stays admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// The new range takes the place of the old one.
    Style,
    /// The new range is added to the old one.
    Admitted,
    /// Where no lock holds what is installed: nothing newer is admitted any more.
    Nothing,
}

/// `range` moved to admit `to`, in the style it has: exact stays exact, `^1.2` becomes `^2.0`, `1.x` becomes
/// `2.x`, upper bounds rise, alternatives are added to. `None` where the text is not understood.
pub(super) fn widened(range: &str, to: &str, keep: Keep) -> Option<String> {
    if keep == Keep::Nothing {
        return closed(range, to);
    }
    if version::admits(range, to) {
        return Some(range.to_owned());
    }
    let target = version::parse(to)?;
    let moved = if range.contains("||") {
        let last = range.rsplit("||").next().unwrap_or_default().trim();
        let spaced = if range.contains(" ||") || !range.contains("||") { " " } else { "" };
        format!("{}{spaced}||{spaced}{}", range.trim_end(), alternative(last, to, &target)?)
    } else {
        let new = alternative(range.trim(), to, &target)?;
        match keep {
            Keep::Style | Keep::Nothing => new,
            Keep::Admitted => format!("{} || {}", range.trim(), added(range.trim(), to, &target)?),
        }
    };
    version::admits(&moved, to).then_some(moved)
}

/// `range` moved so that it ends right above `to`; where its style has no upper bound to move, it becomes exact.
fn closed(range: &str, to: &str) -> Option<String> {
    let target = version::parse(to)?;
    let moved = widened(range, to, Keep::Style)?;
    let moved = moved.trim();
    let next = match target.is_prerelease() {
        true => format!("<={to}"),
        false => {
            format!("<{}.{}.{}", target.major(), target.minor(), target.patch().checked_add(1)?)
        }
    };
    let is_plain = !moved.contains("||") && !moved.contains(" - ");
    let words = comparators(moved);
    let is_bound = |word: &String| operator(word).0.starts_with(['<', '>']);
    let new = if is_plain && !words.is_empty() && words.iter().all(is_bound) {
        let is_upper = |word: &&String| operator(word).0.starts_with('<');
        let upper: Vec<&String> = words.iter().filter(is_upper).collect();
        match upper.is_empty() {
            true => format!("{moved} {next}"),
            false => upper.into_iter().fold(moved.to_owned(), |text, word| {
                let op = operator(word).0;
                let bound = next.trim_start_matches(['<', '=']);
                let new = match op.trim() {
                    "<" if !target.is_prerelease() => format!("{op}{bound}"),
                    "<" => next.clone(),
                    _ => format!("{op}{to}"),
                };
                text.replacen(word.as_str(), &new, 1)
            }),
        }
    } else {
        let prefix = ["=", "v"].into_iter().find(|prefix| moved.starts_with(prefix));
        format!("{}{to}", prefix.unwrap_or_default())
    };
    version::admits(&new, to).then_some(new)
}

/// The alternative that is put beside a range: for bounds on both sides a plain caret says it best.
fn added(range: &str, to: &str, target: &Version) -> Option<String> {
    if range.split_whitespace().count() > 1 {
        return Some(format!("^{to}"));
    }
    alternative(range, to, target)
}

/// One alternative (no `||`) moved to the target.
fn alternative(range: &str, to: &str, target: &Version) -> Option<String> {
    if let Some((low, high)) = range.split_once(" - ") {
        return Some(hyphen(low.trim(), high.trim(), to, target));
    }
    let mut words = comparators(range);
    if let [word] = words.as_mut_slice() {
        return simple(word, to, target);
    }
    if words.is_empty() {
        return None;
    }
    let mut moved = range.to_owned();
    for word in &words {
        if version::admits(word, to) {
            continue;
        }
        let new = bound(word, to, target)?;
        moved = moved.replacen(word.as_str(), &new, 1);
    }
    Some(moved)
}

/// The comparators of a range; an operator may stand apart from its version.
fn comparators(range: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    let mut rest = range;
    while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
        let (gap, tail) = rest.split_at(start);
        let end = tail.find(char::is_whitespace).unwrap_or(tail.len());
        let (word, after) = tail.split_at(end);
        match words.last_mut() {
            Some(last) if open => {
                last.push_str(gap);
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        open = word.chars().all(|c| "<>=^~".contains(c));
        rest = after;
    }
    words
}

/// The operator of a comparator (with the space after it), and its version.
fn operator(word: &str) -> (&str, &str) {
    let end = word.find(|c: char| !"<>=^~ \t".contains(c)).unwrap_or(word.len());
    word.split_at(end)
}

/// A range of one comparator.
fn simple(word: &str, to: &str, target: &Version) -> Option<String> {
    let (op, _) = operator(word);
    match op.trim() {
        "" | "=" | "^" | "~" | "~>" => {}
        _ => return bound(word, to, target),
    }
    let (op, old) = operator(word);
    let new = format!("{op}{}", in_precision(old, to, target)?);
    if version::admits(&new, to) {
        return Some(new);
    }
    // A pre-release is admitted only where it is named in full.
    Some(format!("{op}{to}"))
}

/// A bound moved so that it admits the target.
fn bound(word: &str, to: &str, target: &Version) -> Option<String> {
    let (op, old) = operator(word);
    let moved = match op.trim() {
        "<" => format!("{op}{}", next_above(old, target)?),
        "<=" => format!("{op}{}", in_precision(old, to, target)?),
        ">=" => format!("{op}{to}"),
        ">" => format!("{}{to}", op.replace('>', ">=")),
        _ => simple(word, to, target)?,
    };
    Some(if version::admits(&moved, to) { moved } else { format!("{op}{to}") })
}

/// The first version of the next line above the target, in the precision of the old bound.
fn next_above(old: &str, target: &Version) -> Option<String> {
    let core = old.trim_start_matches('v');
    let (core, tail) = match core.split_once('-') {
        Some((core, _)) if core.split('.').count() == 3 => (core, "-0"),
        _ => (core, ""),
    };
    let parts: Vec<Option<u64>> = core.split('.').map(|part| part.parse().ok()).collect();
    let zero_from = |at: usize| parts.iter().skip(at).all(|part| part.is_none_or(|n| n == 0));
    let (major, minor, patch) = (target.major(), target.minor(), target.patch());
    let text = if zero_from(1) {
        let zeros = core.split('.').skip(1).map(|part| format!(".{part}")).collect::<String>();
        format!("{}{zeros}", major.checked_add(1)?)
    } else if zero_from(2) {
        let zeros = core.split('.').skip(2).map(|part| format!(".{part}")).collect::<String>();
        format!("{major}.{}{zeros}", minor.checked_add(1)?)
    } else {
        format!("{major}.{minor}.{}", patch.checked_add(1)?)
    };
    Some(format!("{text}{tail}"))
}

/// The target with as many numbers as the old version has; `x` and `*` stay.
fn in_precision(old: &str, to: &str, target: &Version) -> Option<String> {
    let prefix = if old.starts_with('v') { "v" } else { "" };
    let core = old.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = core.split('.').collect();
    if parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let wild = |part: &&str| matches!(*part, "x" | "X" | "*");
    let understood = |part: &&str| wild(part) || part.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().all(understood) || parts.first().is_none_or(wild) {
        return None;
    }
    if parts.len() == 3 && !parts.iter().any(wild) {
        return Some(format!("{prefix}{to}"));
    }
    let numbers = [target.major(), target.minor(), target.patch()];
    let text: Vec<String> = parts
        .iter()
        .zip(numbers)
        .map(|(part, number)| if wild(part) { (*part).to_owned() } else { number.to_string() })
        .collect();
    Some(format!("{prefix}{}", text.join(".")))
}

/// `low - high` with the bound moved that excludes the target.
fn hyphen(low: &str, high: &str, to: &str, target: &Version) -> String {
    if version::admits(&format!(">={low}"), to) {
        let high = in_precision(high, to, target).unwrap_or_else(|| to.to_owned());
        format!("{low} - {high}")
    } else {
        format!("{to} - {high}")
    }
}
