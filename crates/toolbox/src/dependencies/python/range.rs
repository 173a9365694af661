//! Moves a specifier's text to a version that it does not admit yet, keeping how it was written.

use pep440_rs::Version;

use super::version::{admits, number, parse, pinned};

/// `range` with those of its parts moved that exclude `to`: pins follow, upper bounds rise to the next line in
/// their own precision, lower bounds fall. `None` where it is not understood, or excludes just this version.
pub(super) fn widened(range: &str, to: &str) -> Option<String> {
    if admits(range, to) {
        return Some(range.to_owned());
    }
    let target = parse(to)?;
    let mut parts = Vec::new();
    for part in range.split(',') {
        parts.push(if admits(part, to) { part.to_owned() } else { moved(part, to, &target)? });
    }
    let new = parts.join(",");
    admits(&new, to).then_some(new)
}

/// The same where no lock holds what is installed: nothing newer than `to` is admitted any more. Upper bounds come to
/// stand right above it; where the style has none to move, it becomes a pin. What asks for no version stays.
pub(super) fn closed(range: &str, to: &str) -> Option<String> {
    let range = widened(range, to)?;
    if range.trim().is_empty() || pinned(&range).is_some() {
        return Some(range);
    }
    let next = next_patch(&parse(to)?);
    let mut is_bounded = false;
    let mut parts = Vec::new();
    for part in range.split(',') {
        let digits_at = part.find(|c: char| !c.is_whitespace() && !"=<>!~".contains(c))?;
        let (head, rest) = part.split_at_checked(digits_at)?;
        let tail = rest.strip_prefix(rest.trim_end())?;
        let operator = head.trim();
        let new = match (operator, &next) {
            ("<", Some(next)) => Some(format!("{head}{next}{tail}")),
            ("<", None) => Some(format!("{}{to}{tail}", head.replacen('<', "<=", 1))),
            ("<=", _) => Some(format!("{head}{to}{tail}")),
            ("~=", _) => Some(format!("{}{to}{tail}", head.replacen('~', "=", 1))),
            ("==", _) => Some(format!("{head}{to}{tail}")),
            _ => None,
        };
        is_bounded |= new.is_some();
        parts.push(new.unwrap_or_else(|| part.to_owned()));
    }
    let mut new = parts.join(",");
    if !is_bounded {
        let bound = next.map_or_else(|| format!("<={to}"), |next| format!("<{next}"));
        let blank = if range.contains(", ") { " " } else { "" };
        new = format!("{},{blank}{bound}", new.trim_end());
    }
    admits(&new, to).then_some(new)
}

/// The next version of the same line; none where the version is a pre-release or a local one, which stand below it
/// with others between.
fn next_patch(version: &Version) -> Option<String> {
    if version.any_prerelease() || version.is_local() {
        return None;
    }
    let count = version.release().len().max(3);
    let mut numbers: Vec<u64> = (0..count).map(|at| number(version, at)).collect();
    let last = numbers.last_mut()?;
    *last = last.checked_add(1)?;
    let text: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let epoch = if version.epoch() > 0 { format!("{}!", version.epoch()) } else { String::new() };
    Some(format!("{epoch}{}", text.join(".")))
}

fn moved(part: &str, to: &str, target: &Version) -> Option<String> {
    let operator_at = part.find(|c: char| !c.is_whitespace())?;
    let digits_at = part.find(|c: char| !c.is_whitespace() && !"=<>!~".contains(c))?;
    let (head, rest) = part.split_at_checked(digits_at)?;
    let old = rest.trim_end();
    let tail = rest.strip_prefix(old)?;
    let operator = head.get(operator_at..)?.trim_end();
    let new = match operator {
        "==" if old.ends_with(".*") => format!("{}.*", in_precision(old, 1, target)),
        "==" | "===" | "<=" => to.to_owned(),
        "~=" => {
            let new = in_precision(old, 0, target);
            let fits = admits(&format!("~={new}"), to);
            if fits { new } else { to.to_owned() }
        }
        "<" => next_above(old, target)?,
        ">=" => to.to_owned(),
        ">" => return Some(format!("{}{to}{tail}", head.replacen('>', ">=", 1))),
        _ => return None,
    };
    Some(format!("{head}{new}{tail}"))
}

/// The target with as many numbers as the old version has, without its last `less` parts.
fn in_precision(old: &str, less: usize, target: &Version) -> String {
    let wanted =
        old.split('.').take_while(|part| part.bytes().all(|b| b.is_ascii_digit() || b == b'*'));
    let count = wanted.count().saturating_sub(less).max(1);
    let numbers: Vec<String> = (0..count).map(|at| number(target, at).to_string()).collect();
    let epoch = if target.epoch() > 0 { format!("{}!", target.epoch()) } else { String::new() };
    format!("{epoch}{}", numbers.join("."))
}

/// The first version of the next line above the target, in the precision of the old bound: `<3` becomes `<4`,
/// `<2.31` becomes `<2.33`, `<3.0` becomes `<4.0`.
fn next_above(old: &str, target: &Version) -> Option<String> {
    let bound = parse(old)?;
    let written = bound.release().len();
    let counts = bound.release().iter().rposition(|&n| n != 0).map_or(1, |at| at + 1);
    let mut numbers: Vec<u64> = (0..counts).map(|at| number(target, at)).collect();
    let last = numbers.last_mut()?;
    *last = last.checked_add(1)?;
    numbers.resize(written.max(counts), 0);
    let text: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let epoch = if target.epoch() > 0 { format!("{}!", target.epoch()) } else { String::new() };
    Some(format!("{epoch}{}", text.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_range_moves_only_where_it_excludes_the_version() {
        let check = |range, to, new: Option<&str>| {
            assert_eq!(widened(range, to).as_deref(), new, "{range} -> {to}");
        };
        check("==1.2.3", "1.2.4", Some("==1.2.4"));
        check("== 1.2.3 ", "2.0", Some("== 2.0 "));
        check("===1.2", "1.3", Some("===1.3"));
        check("==1.2.*", "2.3.4", Some("==2.3.*"));
        check(">=2,<3", "2.5", Some(">=2,<3"));
        check(">=2, <3", "3.1.4", Some(">=2, <4"));
        check(">=2,<3.0", "3.1.4", Some(">=2,<4.0"));
        check("<2.31", "2.32.3", Some("<2.33"));
        check("<2.31.1", "2.32.3", Some("<2.32.4"));
        check("<=2.31", "2.32.3", Some("<=2.32.3"));
        check("~=1.4.2", "2.0.1", Some("~=2.0.1"));
        check("~=1.4", "2.0.1", Some("~=2.0"));
        check(">=1,!=1.5", "1.5", None);
        check(">2", "1.9", Some(">=1.9"));
        check("what", "1.9", None);
        check("<1", "what", None);
    }

    #[test]
    fn where_nothing_locks_a_range_can_end_right_above_the_version() {
        let check = |range, to, new: Option<&str>| {
            assert_eq!(closed(range, to).as_deref(), new, "{range} -> {to}");
        };
        check(">=2,<3", "3.7", Some(">=2,<3.7.1"));
        check(">=2, <4", "3.1.3", Some(">=2, <3.1.4"));
        check("<=2.31", "2.32.3", Some("<=2.32.3"));
        check(">=2", "3.7", Some(">=2,<3.7.1"));
        check(">=2, !=3", "3.7", Some(">=2, !=3, <3.7.1"));
        check("==1.2.3", "1.2.4", Some("==1.2.4"));
        check("===1.2.3", "1.2.4", Some("===1.2.4"));
        check("==1.2.*", "2.3.4", Some("==2.3.4"));
        check("~= 1.4", "2.0.1", Some("== 2.0.1"));
        check(">=1,<2", "2.0rc1", Some(">=1,<=2.0rc1"));
        check(">=1,<2", "1!2.0", Some(">=1,<1!2.0.1"));
        check("", "2.0", Some(""));
        check("what", "2.0", None);
    }

    proptest! {
        #[test]
        fn what_is_closed_admits_the_version_and_no_later_one(range in "(>=|<|<=|~=|==|!=) ?[0-9]\\.[0-9](,[<>!]=?[0-9.]{1,5})?", to in "[0-9]{1,2}(\\.[0-9]){0,3}", later in "[0-9]{1,2}(\\.[0-9]){0,3}") {
            if let Some(new) = closed(&range, &to) {
                prop_assert!(admits(&new, &to), "{range} {to} {new}");
                let is_next = parse(&later) > parse(&to);
                prop_assert!(!is_next || !admits(&new, &later) , "{range} {to} {new} {later}");
            }
        }

        #[test]
        fn what_is_widened_admits(range in "[=<>!~]{1,3} ?[0-9a.*]{1,6}(,[<>=!]{1,2}[0-9.]{1,5})?", to in "[0-9]{1,2}(\\.[0-9]){0,3}(rc1|\\.post2)?") {
            if let Some(new) = widened(&range, &to) {
                prop_assert!(admits(&new, &to), "{range} {to} {new}");
            }
        }
    }
}
