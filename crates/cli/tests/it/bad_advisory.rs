//! Advisories that are broken, withdrawn or at odds with each other never make a run say that all is well.

use serde_json::Value;

use crate::household::{Household, Told};

const ADVISORY: &str = r#"{"schema_version": "1.6.0", "id": "SAMPLE-1", "modified": "2024-01-01T00:00:00Z",
 "summary": "x", "affected": [{"package": {"ecosystem": "crates.io", "name": "itoa"},
 "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.0.5"}]}]}]}"#;

fn remediate(house: &Household, texts: &[&str]) -> Told {
    let folder = house.beside("advisories");
    std::fs::create_dir(&folder).unwrap();
    for (index, text) in texts.iter().enumerate() {
        std::fs::write(folder.join(format!("{index}.json")), text).unwrap();
    }
    let words = ["run", "cve-remediation", "--repo", "repo", "--advisories", "advisories"];
    house.hob(&[&words[..], &["--set", "checks=true", "--json"]].concat())
}

/// The report of a remediation with these advisories.
#[track_caller]
fn with(texts: &[&str], code: i32) -> Value {
    let house = Household::with_sample();
    let before = house.standing();
    let report = remediate(&house, texts).expect(code).json();
    assert_eq!(house.standing(), before);
    house.is_tidy();
    report
}

#[test]
fn a_withdrawn_advisory_asks_for_nothing() {
    let withdrawn =
        ADVISORY.replace("\"summary\"", "\"withdrawn\": \"2024-02-01T00:00:00Z\", \"summary\"");
    let report = with(&[&withdrawn], 0);
    assert_eq!(report["outcome"], "no_change", "{report:#}");
    assert_eq!(report["complete"], true, "{report:#}");
}

#[test]
fn a_range_that_cannot_be_understood_is_named() {
    for broken in [
        ADVISORY.replace("{\"introduced\": \"0\"}", "{\"introduced\": \"2.0.0\"}"),
        ADVISORY.replace("\"1.0.5\"", "\"banana\""),
    ] {
        let report = with(&[&broken], 3);
        assert_eq!(report["complete"], false, "{report:#}");
        assert_eq!(report["left"][0]["package"], "itoa", "{report:#}");
    }
}

#[test]
fn of_two_accounts_of_one_advisory_the_stricter_holds() {
    let report = with(&[ADVISORY, &ADVISORY.replace("1.0.5", "1.0.9")], 0);
    assert_eq!(report["updates"][0]["to"], "1.0.9", "{report:#}");
}

#[test]
fn a_broken_file_beside_a_good_one_makes_the_result_incomplete() {
    let report = with(&[ADVISORY, "{"], 0);
    assert_eq!(report["updates"][0]["to"], "1.0.5", "{report:#}");
    assert_eq!(report["complete"], false, "{report:#}");
    assert!(report["left"].to_string().contains("1.json"), "{report:#}");
}

#[test]
fn advisories_of_which_none_can_be_read_are_told_before_anything_begins() {
    for (texts, words) in [
        (&["{"][..], "none of the advisories"),
        (&["", "["], "none of the advisories"),
        (&[], "holds no advisories"),
    ] {
        let house = Household::with_sample();
        let told = remediate(&house, texts).expect(1);
        assert!(told.said.contains(words) && told.said.contains("hint: "), "{}", told.said);
        assert_eq!((house.runs().len(), told.out.as_str()), (0, ""), "nothing was begun");
    }
    let house = Household::with_sample();
    let told = house.hob(&["run", "cve-remediation", "--repo", "repo"]).expect(1);
    assert!(told.said.contains("--advisories"), "{}", told.said);
}
