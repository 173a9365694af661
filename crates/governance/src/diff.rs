//! Which lines of a file are new and which are gone: a line diff whose time is bounded on hostile input.

use std::collections::HashMap;

/// The most comparisons for one stretch without unique common lines; a longer one counts as changed whole.
const STRETCH_COST_MAX: usize = 1_000_000;

/// The lines that differ, as indices from 0 into the lines before and after.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Lines {
    /// Lines before that are not there after.
    pub(crate) removed: Vec<usize>,
    /// Lines after that were not there before.
    pub(crate) added: Vec<usize>,
}

/// Compares two texts line by line. A line that moved is removed and added.
///
/// Lines that are unique on both sides anchor the comparison (patience diff); between the anchors the longest
/// common subsequence decides, up to a cost. The answer may name more lines than the smallest diff, never fewer.
pub(crate) fn lines(before: &str, after: &str) -> Lines {
    let before: Vec<&str> = before.split_inclusive('\n').collect();
    let after: Vec<&str> = after.split_inclusive('\n').collect();
    let mut found = Lines::default();
    let (mut from, mut to) = (0, 0);
    for (old, new) in anchors(&before, &after) {
        stretch(&before, &after, (from, old), (to, new), &mut found);
        (from, to) = (old + 1, new + 1);
    }
    stretch(&before, &after, (from, before.len()), (to, after.len()), &mut found);
    found
}

/// The added lines with their numbers (from 1) and texts.
pub(crate) fn added<'t>(before: &str, after: &'t str) -> Vec<(u64, &'t str)> {
    let all: Vec<&str> = after.split_inclusive('\n').collect();
    lines(before, after).added.into_iter().map(|at| (at as u64 + 1, all[at])).collect()
}

/// The line (from 1) that a finding about `needle` should name: an added one that holds it, else the first one
/// that changed.
pub(crate) fn place(before: &str, after: &str, needle: &str) -> Option<u64> {
    let changed = lines(before, after);
    let all: Vec<&str> = after.split_inclusive('\n').collect();
    let holds = changed.added.iter().find(|at| !needle.is_empty() && all[**at].contains(needle));
    let first = holds.or(changed.added.first()).or(changed.removed.first())?;
    Some(*first as u64 + 1)
}

/// Pairs of lines that are unique on both sides and equal, in an order that holds on both.
fn anchors(before: &[&str], after: &[&str]) -> Vec<(usize, usize)> {
    let unique = |lines: &[&str]| {
        let mut places: HashMap<String, Option<usize>> = HashMap::new();
        for (at, line) in lines.iter().enumerate() {
            places.entry((*line).to_owned()).and_modify(|place| *place = None).or_insert(Some(at));
        }
        places
    };
    let (old, new) = (unique(before), unique(after));
    let mut pairs: Vec<(usize, usize)> =
        old.iter().filter_map(|(line, at)| Some(((*at)?, (*new.get(line)?)?))).collect();
    pairs.sort_unstable();
    // The longest increasing subsequence of the new places, by patience sorting with back pointers.
    let mut tops: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (at, pair) in pairs.iter().enumerate() {
        let pile = tops.partition_point(|top| pairs[*top].1 < pair.1);
        previous.push(pile.checked_sub(1).map(|below| tops[below]));
        if pile == tops.len() {
            tops.push(at);
        } else {
            tops[pile] = at;
        }
    }
    let mut chain = Vec::new();
    let mut next = tops.last().copied();
    while let Some(at) = next {
        chain.push(pairs[at]);
        next = previous[at];
    }
    chain.reverse();
    chain
}

/// What differs between two anchors.
fn stretch(
    before: &[&str],
    after: &[&str],
    (mut from, mut from_end): (usize, usize),
    (mut to, mut to_end): (usize, usize),
    found: &mut Lines,
) {
    while from < from_end && to < to_end && before[from] == after[to] {
        from += 1;
        to += 1;
    }
    while from < from_end && to < to_end && before[from_end - 1] == after[to_end - 1] {
        from_end -= 1;
        to_end -= 1;
    }
    let (rows, columns) = (from_end - from, to_end - to);
    if rows == 0 || columns == 0 || rows.saturating_mul(columns) > STRETCH_COST_MAX {
        found.removed.extend(from..from_end);
        found.added.extend(to..to_end);
        return;
    }
    let width = columns + 1;
    let mut common = vec![0_u32; (rows + 1) * width];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row * width + column] = if before[from + row] == after[to + column] {
                common[(row + 1) * width + column + 1] + 1
            } else {
                common[(row + 1) * width + column].max(common[row * width + column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < rows && column < columns {
        if before[from + row] == after[to + column] {
            row += 1;
            column += 1;
        } else if common[(row + 1) * width + column] >= common[row * width + column + 1] {
            found.removed.push(from + row);
            row += 1;
        } else {
            found.added.push(to + column);
            column += 1;
        }
    }
    found.removed.extend(from + row..from_end);
    found.added.extend(to + column..to_end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_moved_is_removed_and_added() {
        let found = lines("a\nb\nc\n", "b\nc\na\n");
        assert_eq!((found.removed.len(), found.added.len()), (1, 1));
    }

    #[test]
    fn a_block_put_between_blocks_of_equal_lines_costs_itself_only() {
        let block = |name: &str| format!("[[p]]\nname = {name}\n\n");
        let before: String = (0..500).map(|n| block(&n.to_string())).collect();
        let after: String = (0..500)
            .map(|n| block(&n.to_string()) + &if n == 9 { block("x") } else { String::new() })
            .collect();
        let found = lines(&before, &after);
        assert_eq!((found.removed.len(), found.added.len()), (0, 3));
    }

    #[test]
    fn hostile_repetition_ends_quickly_and_counts_no_less() {
        let found = lines(&"x\ny\n".repeat(100_000), &"y\nx\nx\n".repeat(100_000));
        assert!(found.added.len() >= 100_000);
    }

    #[test]
    fn the_place_of_a_finding_is_the_added_line_that_names_it() {
        assert_eq!(place("a\nb\n", "a\nc = 1\nd = 1\n", "d ="), Some(3));
        assert_eq!(place("a\nb\n", "a\n", "b"), Some(2));
    }
}
