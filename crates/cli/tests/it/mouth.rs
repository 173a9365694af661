//! What leaves through the mouth: safe for whoever looks at it, and never lost without a word.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::household::{Household, Told};

#[test]
fn text_of_others_does_not_act_on_a_terminal() {
    let house = Household::with_sample();
    let hostile = "---\nname: sample\u{1b}]0;title\u{7}\n---\nread \u{202e}backwards\u{9b}2J\r\n";
    std::fs::write(house.beside("hostile.md"), hostile).unwrap();
    let shown = house.hob(&["agents", "show", "./hostile.md"]).expect(0).out;
    assert!(shown.contains(r"sample\x1b]0;title\x07"), "{shown}");
    assert!(shown.contains(r"\u{202e}backwards\u{9b}2J"), "{shown}");
    let json = house.hob(&["agents", "show", "./hostile.md", "--json"]).expect(0);
    assert!(!json.out.contains(['\u{202e}', '\u{9b}', '\u{1b}']), "{}", json.out);
    assert_eq!(json.json()["text"], hostile);
    let problem = house.hob(&["agents", "check", "./hostile.md"]).expect(1).said;
    assert!(!problem.contains(['\u{202e}', '\u{9b}', '\u{1b}']), "{problem}");
}

#[test]
fn what_a_check_writes_is_shown_in_the_log_and_does_not_act() {
    let house = Household::with_sample();
    let checks = r"checks=printf '\033[2Jwiped\177'";
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", checks, "--json"];
    let report = house.hob(&words).expect(0).json();
    let log = house.hob(&["runs", "logs", report["run"].as_str().unwrap()]).expect(0).out;
    assert!(log.contains(r"    \x1b[2Jwiped\x7f"), "{log}");
    assert!(!log.contains(|c: char| c.is_control() && c != '\n'), "{log}");
}

#[test]
fn output_that_is_lost_is_no_success() {
    let house = Household::with_sample();
    for words in [&["runs", "list", "--json"][..], &["agents", "list"], &["--help"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let told = house.command(words).stdout(Stdio::from(full)).output().unwrap();
        let told = Told::from(told).expect(1);
        assert!(told.said.contains("error: standard output cannot be written"), "{}", told.said);
        assert!(told.said.contains("hint: "), "{}", told.said);
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let told = house.command(&["agents", "list"]).stdout(writer).output().unwrap();
    let told = Told::from(told).expect(0);
    assert_eq!(told.said, "", "a reader that has gone away is no error");
}
