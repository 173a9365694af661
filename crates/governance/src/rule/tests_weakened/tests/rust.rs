//! Rust tests, weakened and not.

use super::{Allow, Deny, NeedsApproval, all_hold, holds};

const BEFORE: &str = r#"
use super::*;

#[test]
fn adds() {
    let sum = add(1, 2);
    assert_eq!(sum, 3);
    assert!(sum > 2, "a reason");
}

#[test]
fn takes() {
    assert_eq!(take(3), 2);
}
"#;

fn with(old: &str, new: &str) -> String {
    assert!(BEFORE.contains(old), "{old}");
    BEFORE.replacen(old, new, 1)
}

#[test]
fn ordinary_edits_pass() {
    for after in [
        with("add(1, 2)", "add(2, 1)"),
        with("sum, 3", "sum, 4"),
        with(
            "    assert_eq!(sum, 3);",
            "    // as before\n    assert_eq!(\n        sum,\n        3,\n    );",
        ),
        with("fn adds", "fn adds_up"),
        with("use super::*;", "use super::*;\n\n#[test]\n#[ ignore = \"slow\"]\nfn new() {}\n"),
        with("sum > 2", "sum > 2);\n    assert!(sum < 4"),
        format!("{BEFORE}\n#[cfg(unix)]\n#[test]\nfn more() {{ assert!(true); }}\n"),
        with("#[test]\nfn takes", "#[test]\n#[should_not_matter]\nfn takes"),
    ] {
        holds("tests/a.rs", BEFORE, &after, Allow);
    }
    holds("tests/a.rs", BEFORE, &format!("mod tests {{{BEFORE}}}"), Allow);
}

#[test]
fn a_test_that_moved_passes() {
    all_hold(&[("tests/a.rs", Some(BEFORE), None), ("tests/b.rs", None, Some(BEFORE))], Allow);
    let (first, second) = BEFORE.split_once("#[test]\nfn takes").unwrap();
    let second = format!("#[test]\nfn takes{second}");
    all_hold(&[("src/a.rs", Some(BEFORE), Some(first)), ("src/b.rs", None, Some(&second))], Allow);
    let rewritten = second.replace("take(3)", "other()");
    all_hold(
        &[("src/a.rs", Some(BEFORE), Some(first)), ("src/b.rs", None, Some(&rewritten))],
        NeedsApproval,
    );
}

#[test]
fn clear_weakenings_are_denied() {
    let start = BEFORE.find("#[test]\nfn takes").unwrap();
    let gone = BEFORE.split_at(start).0;
    for after in [
        gone.to_owned(),
        with("#[test]\nfn takes", "fn takes"),
        with("#[test]", "#[test]\n#[ ignore]"),
        with("#[test]", "#[ ignore = \"flaky\"]\n#[test]"),
        with("#[test]", "#[test]\n#[should_panic]"),
        with("#[test]", "#[cfg(any())]\n#[test]"),
        with("use super::*;", "#![cfg(any())]"),
        with("assert_eq!(take(3), 2);", ""),
        with("assert_eq!(take(3), 2);", "assert!(true);"),
        with("assert_eq!(take(3), 2);", "assert_eq!(take(3), take(3));"),
        with("assert_eq!(take(3), 2);", "assert!(take(3) == 2 || true);"),
        with("assert_eq!(take(3), 2);", "return;\n    assert_eq!(take(3), 2);"),
        with("let sum = add(1, 2);", "return;\n    let sum = add(1, 2);"),
        with("assert_eq!(take(3), 2);", "if false { assert_eq!(take(3), 2); }"),
        with("let sum", "std::process::exit(0);\n    let sum"),
        with("use super::*;", "macro_rules! assert_eq { ($($x:tt)*) => {} }"),
    ] {
        holds("tests/a.rs", BEFORE, &after, Deny);
    }
    all_hold(&[("tests/a.rs", Some(BEFORE), None)], Deny);
    all_hold(&[("src/a.rs", Some(BEFORE), Some("fn f() {}\n"))], Deny);
}

#[test]
fn what_may_be_honest_is_for_a_person() {
    for after in [
        with("assert!(sum > 2, \"a reason\");", ""),
        with("#[test]", "#[cfg(feature = \"slow\")]\n#[test]"),
        with("#[test]", "#[cfg_attr(windows, ignore)]\n#[test]"),
        with("assert_eq!(take(3), 2);", "check_takes(3, 2);"),
        with("assert_eq!(sum, 3);", "assert!(sum.is_positive());"),
        with(
            "fn takes() {\n    assert_eq!(take(3), 2);",
            "fn other() {\n    assert_eq!(take(9), 8);",
        ),
    ] {
        holds("tests/a.rs", BEFORE, &after, NeedsApproval);
    }
}

#[test]
fn tricks_do_not_help() {
    for after in [
        with("assert_eq!(take(3), 2);", "// assert_eq!(take(3), 2);"),
        with("assert_eq!(take(3), 2);", "/* /* */ assert_eq!(take(3), 2); */"),
        with("assert_eq!(take(3), 2);", "let _ = \"assert_eq!(take(3), 2);\";"),
        with("assert_eq!(take(3), 2);", "let _ = r#\"\"; assert_eq!(take(3), 2);\"#;"),
        with("assert_eq!(take(3), 2);", "\u{430}ssert_eq!(take(3), 2);"),
        with("assert_eq!(take(3), 2);", "fn never() { assert_eq!(take(3), 2); }"),
        with("assert_eq!(take(3), 2);", "#[cfg(any())]\n    { assert_eq!(take(3), 2); }"),
        with("fn takes", "fn t\u{430}kes() { }\n#[cfg(any())]\nfn takes"),
        with("#[test]", "#\n[\ntest\n]\n#[\n  ignore\n]"),
        format!("#[cfg(any())]\nmod tests {{{BEFORE}}}"),
        format!("/*{BEFORE}*/"),
    ] {
        holds("tests/a.rs", BEFORE, &after, Deny);
    }
    let hidden = format!("#[cfg(any())]\nmod tests {{{BEFORE}}}");
    all_hold(&[("tests/a.rs", Some(BEFORE), None), ("tests/b.rs", None, Some(&hidden))], Deny);
    all_hold(&[("tests/a.rs", Some(BEFORE), None), ("tests/a.rs.bak", None, Some(BEFORE))], Deny);
}

#[test]
fn a_module_of_tests_stays_declared() {
    let before = "pub fn f() {}\n\n#[cfg(test)]\nmod tests;\n";
    holds("src/lib.rs", before, "pub fn f() {}\n", Deny);
    holds("src/lib.rs", before, &before.replace("cfg(test)", "cfg(all(test, not(test)))"), Deny);
    holds("src/lib.rs", before, &before.replace("pub fn f", "fn f"), Allow);
    holds("src/lib.rs", before, &before.replace("mod tests", "mod unit"), NeedsApproval);
    holds("src/lib.rs", "mod latest;\nmod attest;\n", "", Allow);
}

#[test]
fn functions_that_assert_for_the_tests_count_too() {
    let before = "#[test]\nfn a() { same(f()); }\nfn same(x: u8) { assert_eq!(x, 1); }\n";
    let module = |text: &str| format!("#[cfg(test)]\nmod tests {{\n{text}}}\n");
    holds(
        "src/a.rs",
        &module(before),
        &module(&before.replace("assert_eq!(x, 1);", "")),
        NeedsApproval,
    );
    holds("src/a.rs", "fn f(x: u8) { assert!(x > 1); }\n", "fn f(x: u8) {}\n", Allow);
}
