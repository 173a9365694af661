//! Columns that stay columns, however long a value is.

use crate::visible;

/// A line for each row; every column but the last is as wide as its widest value. Values are made visible
/// first: a line end in one would end the row.
pub(crate) fn lines<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| std::array::from_fn(|at| visible::line(&row[at]).into_owned()))
        .collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    rows.iter()
        .map(|row| {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_moves_the_column_in_every_line() {
        let rows = [["a", "b\n", "c"], ["längst", "", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(lines(&rows), ["a       b\\n  c", "längst"]);
        assert_eq!(lines::<2>(&[]), Vec::<String>::new());
    }
}
