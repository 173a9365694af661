//! Ranges, and a store that is damaged, full and shared.

use super::*;

#[test]
fn a_range_is_read_as_the_rfc_has_it() {
    for (field, length, expect) in [
        ("bytes=0-0", 10, Part::Bytes(0, 0)),
        ("bytes=2-5", 10, Part::Bytes(2, 5)),
        ("bytes=2-", 10, Part::Bytes(2, 9)),
        ("bytes=8-99", 10, Part::Bytes(8, 9)),
        ("bytes=-3", 10, Part::Bytes(7, 9)),
        ("bytes=-30", 10, Part::Bytes(0, 9)),
        ("bytes=-0", 10, Part::Unsatisfiable),
        ("bytes=10-", 10, Part::Unsatisfiable),
        ("bytes=10-12", 10, Part::Unsatisfiable),
        ("bytes=0-", 0, Part::Unsatisfiable),
        ("bytes=-1", 0, Part::Unsatisfiable),
        ("bytes=5-2", 10, Part::Whole),
        ("bytes=1-2,4-5", 10, Part::Whole),
        ("bytes=+1-2", 10, Part::Whole),
        ("bytes=-", 10, Part::Whole),
        ("lines=1-2", 10, Part::Whole),
        ("", 10, Part::Whole),
    ] {
        assert_eq!(part(Some(field), length), expect, "{field} of {length}");
    }
    assert_eq!(part(None, 10), Part::Whole);
}
