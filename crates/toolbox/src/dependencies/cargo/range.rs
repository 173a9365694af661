//! Moves a version requirement so that it admits a version, in the style that it was written in.
//!
//! Operator, precision and spacing stay: `"1.2"` becomes `"2.0"`, `"=1.0.3"` becomes `"=1.0.5"`, and of
//! `">=1, <2"` only the bound that excludes the version moves.

use semver::{Version, VersionReq};

/// `range`, changed as little as admits `to`. `None` where it is no requirement, or cannot be moved.
pub(super) fn admit(range: &str, to: &Version) -> Option<String> {
    if VersionReq::parse(range).ok()?.matches(to) {
        return Some(range.to_owned());
    }
    let parts: Vec<String> =
        range.split(',').map(|part| admit_one(part, to)).collect::<Option<_>>()?;
    let moved = parts.join(",");
    VersionReq::parse(&moved).ok()?.matches(to).then_some(moved)
}

/// The same where no lock holds what is built: nothing newer than `to` is admitted any more. Upper bounds come to stand
/// right above it; where there is none to move, the requirement becomes exact.
pub(super) fn close(range: &str, to: &Version) -> Option<String> {
    let moved = admit(range, to)?;
    let next = Version::new(to.major, to.minor, to.patch.checked_add(1)?);
    let is_bound = |part: &str| part.trim_start().starts_with(['<', '>']);
    let has_upper = moved.split(',').any(|part| part.trim_start().starts_with('<'));
    if !moved.split(',').all(is_bound) || !to.pre.is_empty() {
        return Some(format!("={}", full(to)));
    }
    if !has_upper {
        return Some(format!("{}, <{next}", moved.trim_end()));
    }
    let parts = moved.split(',').map(|part| {
        let digits = part.find(|c: char| c.is_ascii_digit())?;
        let (operator, _) = part.split_at_checked(digits)?;
        Some(match operator.trim() {
            "<" => format!("{operator}{next}"),
            "<=" => format!("{operator}{}", full(to)),
            _ => part.to_owned(),
        })
    });
    let new = parts.collect::<Option<Vec<String>>>()?.join(",");
    VersionReq::parse(&new).ok()?.matches(to).then_some(new)
}

/// One comparator of a requirement, with the spaces around it.
fn admit_one(part: &str, to: &Version) -> Option<String> {
    let text = part.trim();
    if VersionReq::parse(text).ok()?.matches(to) {
        return Some(part.to_owned());
    }
    let lead = part.split_at_checked(part.len() - part.trim_start().len())?.0;
    let trail = part.split_at_checked(part.trim_end().len())?.1;
    let digits = text.find(|c: char| c.is_ascii_digit() || "*xX".contains(c))?;
    let (operator, version) = text.split_at_checked(digits)?;
    let moved = match operator.trim_end() {
        "" | "^" | "~" | "=" | ">=" | "<=" => shaped_like(version, to)?,
        "<" => above(version, to)?,
        // `>1.2` shuts `to` out because `to` is older: the bound has to include it.
        ">" => return Some(format!("{lead}{}{}{trail}", operator.replace('>', ">="), full(to))),
        _ => return None,
    };
    Some(format!("{lead}{operator}{moved}{trail}"))
}

/// `to`, written with as many numbers as `old`; whole where it is a pre-release, which has no short form.
fn shaped_like(old: &str, to: &Version) -> Option<String> {
    let old = old.split(['-', '+']).next()?;
    let numbers = [to.major, to.minor, to.patch];
    let parts: Vec<&str> = old.split('.').collect();
    if parts.len() > numbers.len() {
        return None;
    }
    if parts.len() == numbers.len() && !parts.iter().any(|part| is_wildcard(part))
        || !to.pre.is_empty()
    {
        return Some(full(to));
    }
    let shaped = parts.iter().zip(numbers).map(|(part, number)| {
        if is_wildcard(part) { (*part).to_owned() } else { number.to_string() }
    });
    Some(shaped.collect::<Vec<_>>().join("."))
}

fn is_wildcard(part: &str) -> bool {
    matches!(part.trim(), "*" | "x" | "X")
}

/// The next upper bound above `to`, stepped at the place where `old` was: `<2` to `<3`, `<0.4.0` to `<0.6.0`.
fn above(old: &str, to: &Version) -> Option<String> {
    let old = old.split(['-', '+']).next()?;
    let parts: Vec<u64> =
        old.split('.').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    let numbers = [to.major, to.minor, to.patch];
    let place = parts.iter().rposition(|&part| part != 0).unwrap_or(0);
    let bound = (0..parts.len().min(numbers.len())).map(|at| match at.cmp(&place) {
        std::cmp::Ordering::Less => numbers[at].to_string(),
        std::cmp::Ordering::Equal => numbers[at].saturating_add(1).to_string(),
        std::cmp::Ordering::Greater => "0".to_owned(),
    });
    Some(bound.collect::<Vec<_>>().join("."))
}

/// The version without its build metadata, which a requirement ignores.
fn full(version: &Version) -> String {
    Version { build: semver::BuildMetadata::EMPTY, ..version.clone() }.to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(range: &str, to: &str, expected: &str) {
        let moved = admit(range, &Version::parse(to).unwrap());
        assert_eq!(moved.as_deref().unwrap_or("-"), expected, "{range:?} to {to}");
    }

    #[test]
    fn what_admits_already_stays_as_it_is() {
        check("1", "1.9.0", "1");
        check(">=1, <3", "2.0.0", ">=1, <3");
        check("*", "7.0.0", "*");
    }

    #[test]
    fn operator_and_precision_stay() {
        check("1", "2.3.4", "2");
        check("1.2", "2.0.1", "2.0");
        check("1.2.3", "2.0.1", "2.0.1");
        check("0.4", "0.5.2", "0.5");
        check("^ 1.2", "2.3.4", "^ 2.3");
        check("~1.2", "1.3.9", "~1.3");
        check("~1.2.3", "1.3.9", "~1.3.9");
        check("=1.0.3", "1.0.5", "=1.0.5");
        check("= 1.0", "1.1.5", "= 1.1");
        check("1.*", "2.1.0", "2.*");
        check("1.2.*", "2.1.0", "2.1.*");
        check(" 1.2 ", "2.0.0", " 2.0 ");
    }

    #[test]
    fn only_the_bound_that_excludes_moves() {
        check(">=1, <2", "2.3.4", ">=1, <3");
        check(">= 1.2.0 , < 2.0.0", "2.3.4", ">= 1.2.0 , < 3.0.0");
        check(">=0.3,<0.4", "0.5.2", ">=0.3,<0.6");
        check("<1.5.0", "1.7.2", "<1.8.0");
        check("<=1.9", "2.3.4", "<=2.3");
        check(">=2, <3", "1.5.2", ">=1, <3");
        check(">1.5, <2", "1.5.0", ">=1.5.0, <2");
    }

    #[test]
    fn where_nothing_locks_a_requirement_can_end_right_above_the_version() {
        let check = |range: &str, to: &str, expected: &str| {
            let closed = close(range, &Version::parse(to).unwrap());
            assert_eq!(closed.as_deref().unwrap_or("-"), expected, "{range:?} to {to}");
        };
        check("1.2", "1.3.4", "=1.3.4");
        check("=1.0.3", "1.0.5", "=1.0.5");
        check(">=1, <2", "2.3.4", ">=1, <2.3.5");
        check("<=1.9", "2.3.4", "<=2.3.4");
        check(">=1", "2.3.4", ">=1, <2.3.5");
        check("latest", "1.0.0", "-");
    }

    #[test]
    fn a_prerelease_is_named_whole() {
        check("1.2", "2.0.0-rc.1", "2.0.0-rc.1");
        check("=1.0.0", "1.1.0+build", "=1.1.0");
    }

    #[test]
    fn what_is_no_requirement_is_not_moved() {
        check("latest", "1.0.0", "-");
        check("1.2.3.4", "2.0.0", "-");
    }

    proptest! {
        #[test]
        fn what_comes_out_admits_the_version(range in "[<>=~^]{0,2} ?[0-3](\\.[0-3*]){0,2}(, ?[<>=]{1,2}[0-3](\\.[0-3]){0,2})?", to in "[0-3]\\.[0-3]\\.[0-3](-rc\\.1)?") {
            let to = Version::parse(&to).unwrap();
            if let Some(moved) = admit(&range, &to) {
                prop_assert!(VersionReq::parse(&moved).unwrap().matches(&to));
            }
        }

        #[test]
        fn no_text_is_a_panic(range in "\\PC{0,20}") {
            prop_assert!(admit(&range, &Version::new(1, 2, 3)).is_none_or(|moved| !moved.is_empty()));
        }
    }
}
