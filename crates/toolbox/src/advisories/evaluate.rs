//! Whether a version is affected: the OSV schema's evaluation algorithm, by an ecosystem's own order.
//!
//! Source: the OSV schema, "Evaluation". Two things are added to it. At one and the same version a `fixed`
//! counts before an `introduced` (a re-introduction is affected), and a range whose borders contradict each
//! other, or are no versions, is never taken for "not affected".

use std::cmp::Ordering;

use super::record::{Affected, Event};

/// Orders two versions; `None` where one is not a version. See `dependencies::Ecosystem::compare`.
pub type Compare<'a> = &'a dyn Fn(&str, &str) -> Option<Ordering>;

/// What an advisory says of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Affected; the versions that the ranges which hold it name as fixed.
    Affected(Vec<String>),
    /// Not affected.
    Unaffected,
    /// It cannot be told, for this reason.
    Undecided(String),
}

/// What `affected` says of `version`.
pub(super) fn evaluate(affected: &Affected, version: &str, compare: Compare<'_>) -> Answer {
    let listed = affected.versions.iter().any(|v| same(v, version, compare));
    let (mut hit, mut fixed, mut doubt) = (listed, Vec::new(), None);
    for range in &affected.ranges {
        match in_range(range, version, compare) {
            Answer::Affected(found) => {
                hit = true;
                fixed.extend(found);
            }
            Answer::Unaffected if listed => fixed.extend(later_fixes(range, version, compare)),
            Answer::Unaffected => {}
            Answer::Undecided(reason) => doubt = Some(reason),
        }
    }
    if hit {
        return Answer::Affected(fixed);
    }
    if let Some(reason) = doubt {
        return Answer::Undecided(reason);
    }
    if affected.ranges.is_empty() && affected.versions.is_empty() {
        return Answer::Undecided(
            if affected.unreadable_ranges {
                "it names commits only, no versions"
            } else {
                "it names no versions"
            }
            .to_owned(),
        );
    }
    Answer::Unaffected
}

/// What one range says of `version`.
pub(super) fn in_range(range: &[Event], version: &str, compare: Compare<'_>) -> Answer {
    if compare(version, version).is_none() {
        return Answer::Undecided(format!("`{version}` is not a version of this ecosystem"));
    }
    let mut limits = Vec::new();
    let mut borders = Vec::new();
    for event in range {
        let text = text(event);
        let open = (text == "0" && matches!(event, Event::Introduced(_)))
            || (text == "*" && matches!(event, Event::Limit(_)));
        if !open && order(text, text, compare).is_none() {
            return Answer::Undecided(format!(
                "its range names `{text}`, which is not a version of this ecosystem"
            ));
        }
        if matches!(event, Event::Limit(_)) { limits.push(text) } else { borders.push(event) }
    }
    borders.sort_by(|a, b| before(a, b, compare));
    match borders.first() {
        Some(Event::Introduced(_)) => {}
        Some(first) => {
            return Answer::Undecided(format!(
                "its range contradicts itself: an end at `{}` without a start before it",
                text(first)
            ));
        }
        None => return Answer::Undecided("its range has no start".to_owned()),
    }
    let reached = |limit: &&str| *limit != "*" && at_least(version, limit, compare);
    if !limits.is_empty() && limits.iter().all(reached) {
        return Answer::Unaffected;
    }
    if is_inside(&borders, version, compare) {
        Answer::Affected(next_fix(&borders, version, compare).into_iter().collect())
    } else {
        Answer::Unaffected
    }
}

fn is_inside(borders: &[&Event], version: &str, compare: Compare<'_>) -> bool {
    let mut inside = false;
    for event in borders {
        match event {
            Event::Introduced(at) if at == "0" || at_least(version, at, compare) => inside = true,
            Event::Fixed(at) if at_least(version, at, compare) => inside = false,
            Event::LastAffected(at) if order(version, at, compare) == Some(Ordering::Greater) => {
                inside = false;
            }
            Event::Introduced(_) | Event::Fixed(_) | Event::LastAffected(_) | Event::Limit(_) => {}
        }
    }
    inside
}

/// The first `fixed` of a sorted range after `version`, unless the range ends without one before it.
fn next_fix(borders: &[&Event], version: &str, compare: Compare<'_>) -> Option<String> {
    let not_before = |at: &str| !at_least(version, at, compare) || same(version, at, compare);
    let end = borders.iter().find(|event| match event {
        Event::Fixed(at) | Event::LastAffected(at) => not_before(at),
        Event::Introduced(_) | Event::Limit(_) => false,
    });
    match end {
        Some(Event::Fixed(at)) => Some(at.clone()),
        _ => None,
    }
}

/// Every `fixed` of a range after `version`, where the version was listed by itself.
fn later_fixes(range: &[Event], version: &str, compare: Compare<'_>) -> Vec<String> {
    let after = |at: &str| order(at, version, compare) == Some(Ordering::Greater);
    range
        .iter()
        .filter_map(|event| match event {
            Event::Fixed(at) if after(at) => Some(at.clone()),
            _ => None,
        })
        .collect()
}

/// The order of two borders: by version, at one version `fixed`, `introduced`, `last_affected`.
fn before(a: &Event, b: &Event, compare: Compare<'_>) -> Ordering {
    let rank = |event: &Event| match event {
        Event::Fixed(_) => 0,
        Event::Introduced(_) => 1,
        Event::LastAffected(_) => 2,
        Event::Limit(_) => 3,
    };
    let first = |event: &Event| matches!(event, Event::Introduced(at) if at == "0");
    match (first(a), first(b)) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => order(text(a), text(b), compare)
            .unwrap_or(Ordering::Equal)
            .then_with(|| rank(a).cmp(&rank(b))),
    }
}

fn text(event: &Event) -> &str {
    let (Event::Introduced(at) | Event::Fixed(at) | Event::LastAffected(at) | Event::Limit(at)) =
        event;
    at
}

fn at_least(version: &str, border: &str, compare: Compare<'_>) -> bool {
    order(version, border, compare).is_some_and(Ordering::is_ge)
}

fn same(a: &str, b: &str, compare: Compare<'_>) -> bool {
    if a == b {
        return true;
    }
    // Lists of affected versions are long, and orders parse their texts: most pairs differ at a glance.
    let differ = matches!((head(a), head(b)), (Some(a), Some(b)) if a != b);
    !differ && order(a, b, compare) == Some(Ordering::Equal)
}

/// The first three numbers of a version; `None` where an epoch or a huge number makes a glance unsafe.
fn head(version: &str) -> Option<[u64; 3]> {
    let mut rest = version.trim().trim_start_matches(['v', 'V']);
    if rest.contains('!') {
        return None;
    }
    let mut numbers = [0; 3];
    for number in &mut numbers {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (text, after) = rest.split_at(digits);
        if text.is_empty() {
            break;
        }
        *number = text.parse().ok()?;
        match after.strip_prefix('.') {
            Some(after) => rest = after,
            None => break,
        }
    }
    Some(numbers)
}

/// Orders two versions, the second of which may be written short (`1.2` where the ecosystem wants `1.2.0`)
/// or with a `v`, as advisories do.
fn order(a: &str, b: &str, compare: Compare<'_>) -> Option<Ordering> {
    compare(a, b).or_else(|| compare(&completed(a), &completed(b)))
}

fn completed(version: &str) -> String {
    let bare = version.strip_prefix('v').unwrap_or(version);
    let numbers = bare.split('.').count();
    if numbers < 3
        && bare.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    {
        format!("{bare}{}", ".0".repeat(3 - numbers))
    } else {
        bare.to_owned()
    }
}
