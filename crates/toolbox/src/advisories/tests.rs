//! Advisories as a whole: written to a folder, loaded, matched.

use std::cmp::Ordering;
use std::io::Write as _;
use std::path::Path;

use domain::dependency::Ecosystem::{self, Cargo, Npm, Python};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn order(ecosystem: Ecosystem) -> fn(&str, &str) -> Option<Ordering> {
    match ecosystem {
        Cargo => |a, b| Some(a.parse::<semver::Version>().ok()?.cmp(&b.parse().ok()?)),
        Npm => |a, b| {
            let parse = |v| nodejs_semver::Version::parse(v).ok();
            Some(parse(a)?.cmp(&parse(b)?))
        },
        Python => |a, b| Some(a.parse::<pep440_rs::Version>().ok()?.cmp(&b.parse().ok()?)),
    }
}

/// A folder of advisories for one test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text.as_bytes());
        }
        folder
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load(&self) -> (Database, LoadReport) {
        Database::load(self.path()).unwrap()
    }

    /// What is said of each version, one line each.
    fn says(&self, ecosystem: Ecosystem, package: &str, versions: &[&str]) -> String {
        let (all, _) = self.load();
        let (some, _) = Database::load_for(self.path(), [(ecosystem, package)]).unwrap();
        let line = |version: &&str| {
            let compare = order(ecosystem);
            let matching = all.matching(ecosystem, package, version, &compare);
            let same = some.matching(ecosystem, package, version, &compare);
            assert_eq!(matching, same, "load_for gives the same answer");
            let hits = matching.matches.iter().map(shown);
            let doubts = matching.undecided.iter().map(|u| format!(" {}? {}", u.id, u.reason));
            format!("{version}:{}\n", hits.chain(doubts).collect::<String>())
        };
        versions.iter().map(line).collect()
    }
}

fn shown(m: &Match) -> String {
    let also = match m.aliases.as_slice() {
        [] => String::new(),
        ids => format!(" (also {})", ids.join(", ")),
    };
    let kind = match &m.kind {
        Kind::Vulnerability => String::new(),
        kind => format!(" {kind:?}"),
    };
    let but = m.disagreement.iter().map(|text| format!(" BUT {text}")).collect::<String>();
    format!(" {}{also}{kind} fixed in [{}]{but}", m.id, m.fixed.join(", "))
}

fn rustsec(id: &str, package: &str, head: &str, versions: &str) -> String {
    format!(
        "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{package}\"\ndate = \"2022-03-08\"\n{head}\n\n[versions]\n{versions}\n```\n\n# A title\n\nSome prose.\n"
    )
}

fn osv(id: &str, ecosystem: &str, package: &str, affected: &str, more: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"2024-01-01T00:00:00Z","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{package}"}},{affected}}}]{more}}}"#
    )
}

fn range(events: &str) -> String {
    format!(r#""ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]"#)
}

#[test]
fn rustsec_requirements_become_affected_ranges() {
    let folder = Folder::new(&[
        (
            "crates/regex/RUSTSEC-2022-0013.md",
            &rustsec("RUSTSEC-2022-0013", "regex", "", "patched = [\">= 1.5.5\"]"),
        ),
        (
            "crates/regex/RUSTSEC-2023-0001.md",
            &rustsec(
                "RUSTSEC-2023-0001",
                "regex",
                "",
                "patched = [\"^1.2.4\", \">= 2.0.0\"]\nunaffected = [\"< 1.1.0\"]",
            ),
        ),
        (
            "crates/regex/RUSTSEC-2023-0002.md",
            &rustsec(
                "RUSTSEC-2023-0002",
                "regex",
                "informational = \"unmaintained\"",
                "patched = []",
            ),
        ),
    ]);
    assert_snapshot!(folder.says(Cargo, "regex", &["1.0.9", "1.1.0", "1.2.4", "1.5.5-alpha.1", "1.5.5", "2.0.0-rc.1"]), @r#"
    1.0.9: RUSTSEC-2022-0013 fixed in [1.5.5] RUSTSEC-2023-0002 Informational("unmaintained") fixed in []
    1.1.0: RUSTSEC-2022-0013 fixed in [1.5.5] RUSTSEC-2023-0001 fixed in [1.2.4] RUSTSEC-2023-0002 Informational("unmaintained") fixed in []
    1.2.4: RUSTSEC-2022-0013 fixed in [1.5.5] RUSTSEC-2023-0002 Informational("unmaintained") fixed in []
    1.5.5-alpha.1: RUSTSEC-2022-0013 fixed in [1.5.5] RUSTSEC-2023-0002 Informational("unmaintained") fixed in []
    1.5.5: RUSTSEC-2023-0002 Informational("unmaintained") fixed in []
    2.0.0-rc.1: RUSTSEC-2023-0001 fixed in [2.0.0] RUSTSEC-2023-0002 Informational("unmaintained") fixed in []
    "#);
}

#[test]
fn every_informational_word_of_rustsec_is_told_apart_from_a_vulnerability() {
    for word in ["unmaintained", "unsound", "notice", "a-word-of-later-years"] {
        let text = rustsec(
            "RUSTSEC-2023-0002",
            "regex",
            &format!("informational = \"{word}\""),
            "patched = [\">= 2.0.0\"]",
        );
        let folder = Folder::new(&[("crates/regex/RUSTSEC-2023-0002.md", &text)]);
        let told = folder.says(Cargo, "regex", &["1.0.0", "2.0.0"]);
        let first = format!("1.0.0: RUSTSEC-2023-0002 Informational(\"{word}\") fixed in [2.0.0]");
        assert_eq!(told.lines().next(), Some(first.as_str()), "{told}");
        assert_eq!(told.matches("RUSTSEC").count(), 1, "{told}");
    }
}

#[test]
fn the_rust_toolchains_own_advisories_are_told_apart() {
    let text = |package| rustsec("RUSTSEC-2022-0001", package, "", "patched = [\">= 1.60.0\"]");
    let folder = Folder::new(&[
        ("rust/std/RUSTSEC-2022-0001.md", &text("std")),
        ("rust/cargo/RUSTSEC-2022-0001.md", &text("cargo")),
        ("my/rust/regex/RUSTSEC-2022-0001.md", &text("regex")),
    ]);
    let (database, report) = folder.load();
    assert_eq!((report.toolchain, report.advisories), (2, 3));
    assert!(!database.names(Cargo, "cargo"));
    assert!(database.names(Cargo, "regex"), "a folder that happens to be called `rust`");
}

#[test]
fn osv_borders_are_evaluated_in_any_order() {
    let folder = Folder::new(&[
        (
            "a.json",
            &osv("GHSA-a", "npm", "p", &range(r#"{"fixed":"1.2.6"},{"introduced":"0"}"#), ""),
        ),
        (
            "b.json",
            &osv(
                "GHSA-b",
                "npm",
                "p",
                &range(
                    r#"{"introduced":"2.0.0"},{"last_affected":"2.1.0"},{"introduced":"3.0.0"},{"fixed":"3.1.0"},{"limit":"3.0.5"}"#,
                ),
                "",
            ),
        ),
        ("c.json", &osv("MAL-2024-1", "npm", "p", r#""versions":["4.0.0"]"#, "")),
    ]);
    assert_snapshot!(folder.says(Npm, "p", &["1.2.6-0", "1.2.6", "2.1.0", "2.1.1", "3.0.4", "3.0.5", "4.0.0"]), @r"
    1.2.6-0: GHSA-a fixed in [1.2.6]
    1.2.6:
    2.1.0: GHSA-b fixed in []
    2.1.1:
    3.0.4: GHSA-b fixed in [3.1.0]
    3.0.5:
    4.0.0: MAL-2024-1 Malicious fixed in []
    ");
}

#[test]
fn python_versions_are_compared_by_pep_440() {
    let yaml = "id: PYSEC-2024-1\ndetails: Long text\n  over two lines.\naffected:\n- package:\n    name: zope-interface\n    ecosystem: PyPI\n  ranges:\n  - type: GIT\n    repo: r\n    events:\n    - introduced: \"0\"\n  - type: ECOSYSTEM\n    events:\n    - introduced: \"1.0\"\n    - fixed: 1.10\n  versions:\n  - 0.5\n  - 1!1.0\naliases:\n- CVE-2024-1\nmodified: \"2024-04-22T17:19:00Z\"\n";
    let folder = Folder::new(&[
        ("vulns/zope-interface/PYSEC-2024-1.yaml", yaml),
        ("vulns/other/PYSEC-2024-2.yaml", &yaml.replace("zope-interface", "other")),
    ]);
    assert_snapshot!(folder.says(Python, "Zope.Interface", &["0.5.0", "0.9", "1.0rc1", "1.9", "1.10.0", "1!1.0.0"]), @r"
    0.5.0: PYSEC-2024-1 (also CVE-2024-1) fixed in [1.10]
    0.9:
    1.0rc1:
    1.9: PYSEC-2024-1 (also CVE-2024-1) fixed in [1.10]
    1.10.0:
    1!1.0.0: PYSEC-2024-1 (also CVE-2024-1) fixed in []
    ");
}

#[test]
fn one_vulnerability_of_three_sources_is_one_match() {
    let folder = Folder::new(&[
        (
            "RUSTSEC-2022-0013.md",
            &rustsec(
                "RUSTSEC-2022-0013",
                "regex",
                "aliases = [\"CVE-2022-24713\"]",
                "patched = [\">= 1.5.5\"]",
            ),
        ),
        (
            "GHSA-m5pq.json",
            &osv(
                "GHSA-m5pq",
                "crates.io",
                "regex",
                &range(r#"{"introduced":"0"},{"fixed":"1.6.0"}"#),
                r#","aliases":["CVE-2022-24713"]"#,
            ),
        ),
        // Tells that two names are one, and is about another package itself.
        (
            "X-1.json",
            &osv(
                "X-1",
                "npm",
                "else",
                &range(r#"{"introduced":"0"}"#),
                r#","aliases":["CVE-2022-24713","cve-2022-99999"]"#,
            ),
        ),
        (
            "CVE-2022-99999.json",
            &osv(
                "CVE-2022-99999",
                "crates.io",
                "regex",
                &range(r#"{"introduced":"0"},{"fixed":"1.5.5"}"#),
                "",
            ),
        ),
    ]);
    assert_snapshot!(folder.says(Cargo, "regex", &["1.5.4", "1.5.5", "1.6.0"]), @r"
    1.5.4: RUSTSEC-2022-0013 (also CVE-2022-24713, GHSA-m5pq, X-1, cve-2022-99999) fixed in [1.6.0] BUT CVE-2022-99999, RUSTSEC-2022-0013: 1.5.4 is affected, fixed in 1.5.5; GHSA-m5pq: 1.5.4 is affected, fixed in 1.6.0
    1.5.5: RUSTSEC-2022-0013 (also CVE-2022-24713, GHSA-m5pq, X-1, cve-2022-99999) fixed in [1.6.0] BUT GHSA-m5pq: 1.5.5 is affected, fixed in 1.6.0; CVE-2022-99999, RUSTSEC-2022-0013: 1.5.5 is not affected
    1.6.0:
    ");
}

#[test]
fn what_cannot_be_decided_is_never_taken_for_unaffected() {
    let git = r#""ranges":[{"type":"GIT","repo":"r","events":[{"introduced":"0"}]}]"#;
    let folder = Folder::new(&[
        ("1.json", &osv("GHSA-1", "npm", "p", git, "")),
        (
            "2.json",
            &osv("GHSA-2", "npm", "p", &range(r#"{"introduced":"2.0.0"},{"fixed":"1.0.0"}"#), ""),
        ),
        ("3.json", &osv("GHSA-3", "npm", "p", &range(r#"{"introduced":"x.y"}"#), "")),
        ("4.json", &osv("GHSA-4", "npm", "p", r#""versions":[]"#, "")),
        ("5.json", &osv("GHSA-5", "npm", "p", &range(r#"{"introduced":"0"},{"fixed":"1.5"}"#), "")),
    ]);
    assert_snapshot!(folder.says(Npm, "p", &["1.4.0", "1.5.0", "latest"]), @r"
    1.4.0: GHSA-5 fixed in [1.5] GHSA-1? it names commits only, no versions GHSA-2? its range contradicts itself: an end at `1.0.0` without a start before it GHSA-3? its range names `x.y`, which is not a version of this ecosystem GHSA-4? it names no versions
    1.5.0: GHSA-1? it names commits only, no versions GHSA-2? its range contradicts itself: an end at `1.0.0` without a start before it GHSA-3? its range names `x.y`, which is not a version of this ecosystem GHSA-4? it names no versions
    latest: GHSA-1? it names commits only, no versions GHSA-2? `latest` is not a version of this ecosystem GHSA-3? `latest` is not a version of this ecosystem GHSA-4? it names no versions GHSA-5? `latest` is not a version of this ecosystem
    ");
}

#[test]
fn a_malformed_advisory_is_named_and_hides_no_other() {
    let good = osv("GHSA-1", "npm", "p", &range(r#"{"introduced":"0"}"#), "");
    let folder = Folder::new(&[
        ("a/cut.json", good.split_at(60).0),
        ("b/good.json", &good),
        ("c/empty-event.json", &good.replace(r#"{"introduced":"0"}"#, "{}")),
        ("d/RUSTSEC-1.md", &rustsec("RUSTSEC-2022-0001", "r", "", "patched = [\"nonsense\"]")),
        ("e/PYSEC.yaml", "id: PYSEC-1\naffected:\n- package: [unclosed\n"),
        ("f/all.tar.xz", "x"),
        ("g/broken.zip", "x"),
        ("h/README.md", "# Prose"),
        ("h/settings.json", "{\"colour\": 1}"),
        ("h/.hidden.json", "{"),
        ("i/no-id.json", &good.replace("\"id\"", "\"ID\"")),
    ]);
    folder.write("j/latin.yaml", b"id: \xff\n");
    std::os::unix::fs::symlink("good.json", folder.path().join("b/link.json")).unwrap();
    let (database, report) = folder.load();
    assert!(database.names(Npm, "p"));
    assert_eq!((report.advisories, report.passed_over), (1, 3));
    let unreadable: Vec<String> =
        report.unreadable.iter().map(|u| format!("{}: {}", u.path, u.reason)).collect();
    assert_snapshot!(unreadable.join("\n"), @r#"
    a/cut.json: EOF while parsing a value at line 1 column 60
    b/link.json: a symbolic link; hob does not follow those: put the files here
    c/empty-event.json: an event of a range of `p` names no border
    d/RUSTSEC-1.md: parse error: TOML parse error at line 8, column 12 | 8 | patched = ["nonsense"] | ^^^^^^^^^^ unexpected character 'n' while parsing major version number
    e/PYSEC.yaml: error: line 3 column 12: expected mapping start
    f/all.tar.xz: an archive that hob does not open; unpack it first
    g/broken.zip: the zip cannot be opened: invalid Zip archive: Could not find EOCD
    i/no-id.json: it has no `id`
    j/latin.yaml: not UTF-8 text: invalid utf-8 sequence of 1 bytes from index 4
    "#);
}

#[test]
fn a_folder_without_advisories_is_an_error() {
    let missing = Database::load(Path::new("/nonexistent/advisories")).unwrap_err();
    assert!(matches!(missing, LoadError::Missing { .. }));
    let folder = Folder::new(&[("README.md", "# Nothing"), ("LICENSE", "")]);
    assert!(matches!(Database::load(folder.path()), Err(LoadError::Empty { passed_over: 2, .. })));
    folder.write("x.json", b"{");
    let none = Database::load(folder.path()).unwrap_err();
    assert!(matches!(none, LoadError::NoneReadable { count: 1, .. }), "{none}");
}

#[test]
fn a_withdrawn_advisory_is_counted_and_never_matches() {
    let more = r#","withdrawn":"2024-02-01T00:00:00Z""#;
    let folder = Folder::new(&[
        ("1.json", &osv("GHSA-1", "npm", "p", &range(r#"{"introduced":"0"}"#), more)),
        ("2.md", &rustsec("RUSTSEC-2022-0001", "p", "withdrawn = \"2023-01-01\"", "patched = []")),
    ]);
    let (database, report) = folder.load();
    assert_eq!((report.advisories, report.withdrawn), (2, 2));
    assert!(!database.names(Npm, "p") && !database.names(Cargo, "p"));
}

#[test]
fn of_one_advisory_in_two_ages_the_newer_counts() {
    let old = osv("GHSA-1", "npm", "p", &range(r#"{"introduced":"0"}"#), "");
    let new = osv("GHSA-1", "npm", "p", &range(r#"{"introduced":"0"},{"fixed":"2.0.0"}"#), "")
        .replace("2024-01-01", "2024-06-01");
    let folder = Folder::new(&[("old.json", &old), ("new.json", &new)]);
    assert_snapshot!(folder.says(Npm, "p", &["1.0.0", "2.0.0"]), @r"
    1.0.0: GHSA-1 fixed in [2.0.0]
    2.0.0:
    ");
}

#[test]
fn zips_are_read_entry_by_entry() {
    let folder = Folder::new(&[]);
    let mut zip =
        zip::ZipWriter::new(std::fs::File::create(folder.path().join("all.zip")).unwrap());
    let plain = zip::write::SimpleFileOptions::default();
    for (name, text) in [
        ("GHSA-1.json", osv("GHSA-1", "npm", "p", &range(r#"{"introduced":"0"}"#), "")),
        ("GHSA-2.json", "{".to_owned()),
    ] {
        zip.start_file(name, plain).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let (database, report) = folder.load();
    assert!(database.names(Npm, "p"));
    assert_eq!(report.unreadable[0].path, "all.zip/GHSA-2.json");
    let (_, alone) = Database::load(&folder.path().join("all.zip")).unwrap();
    assert_eq!(alone.by_ecosystem[&Npm], 1);
}

fn event() -> impl Strategy<Value = (u8, String)> {
    (0..4u8, prop_oneof!["[0-3]\\.[0-2]\\.0", "[0-3]\\.0\\.0-[a-b]", Just("0".to_owned())])
}

/// The schema's algorithm word for word, for ranges that do not contradict themselves.
fn naive(events: &[(u8, String)], version: &semver::Version) -> bool {
    let at = |text: &str| (text != "0").then(|| text.parse::<semver::Version>().unwrap());
    let limits: Vec<_> = events.iter().filter(|(kind, _)| *kind == 3).collect();
    if !limits.is_empty() && !limits.iter().any(|(_, t)| at(t).is_some_and(|l| *version < l)) {
        return false;
    }
    let mut sorted: Vec<_> = events.iter().filter(|(kind, _)| *kind != 3).collect();
    sorted.sort_by_key(|(kind, text)| (at(text), [1, 0, 2][usize::from(*kind)]));
    let mut affected = false;
    for (kind, text) in sorted {
        match kind {
            0 if at(text).is_none_or(|v| *version >= v) => affected = true,
            1 if at(text).is_some_and(|v| *version >= v) => affected = false,
            2 if at(text).is_some_and(|v| *version > v) => affected = false,
            _ => {}
        }
    }
    affected
}

proptest! {
    #[test]
    fn ranges_agree_with_the_schemas_own_algorithm(
        events in proptest::collection::vec(event(), 1..8),
        version in "[0-4]\\.[0-2]\\.[0-1](-[a-c])?",
    ) {
        use super::{evaluate::{Answer, in_range}, record::Event};
        // Only a start may be `0`.
        let events: Vec<_> = events
            .into_iter()
            .map(|(kind, text)| if kind != 0 && text == "0" { (kind, "0.0.0".to_owned()) } else { (kind, text) })
            .collect();
        let range: Vec<Event> = events
            .iter()
            .map(|(kind, text)| match kind {
                0 => Event::Introduced(text.clone()),
                1 => Event::Fixed(text.clone()),
                2 => Event::LastAffected(text.clone()),
                _ => Event::Limit(text.clone()),
            })
            .collect();
        let compare = order(Cargo);
        let expected = naive(&events, &version.parse().unwrap());
        match in_range(&range, &version, &compare) {
            Answer::Affected(fixed) => {
                prop_assert!(expected);
                for fix in fixed {
                    prop_assert!(!naive(&events, &fix.parse().unwrap()) || events.contains(&(0, fix)));
                }
            }
            Answer::Unaffected => prop_assert!(!expected),
            Answer::Undecided(_) => {}
        }
    }

    #[test]
    fn a_listed_version_is_found_in_every_spelling(
        a in "v?0?[0-2](\\.0?[0-2]){0,3}(rc1|\\.post1|a1|-1)?(\\+x)?", b in "(0!|1!)?[0-2](\\.[0-2]){0,3}(rc1|\\.post1|a1|c1)?",
    ) {
        use super::{evaluate::{Answer, evaluate}, record::{Affected, Kind}};
        let affected = Affected {
            ecosystem: Python,
            package: "p".to_owned(),
            kind: Kind::Vulnerability,
            ranges: Vec::new(),
            versions: vec![a.clone()],
            unreadable_ranges: false,
        };
        let compare = order(Python);
        let found = evaluate(&affected, &b, &compare) != Answer::Unaffected;
        prop_assert_eq!(found, compare(&a, &b) == Some(Ordering::Equal));
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,200}") {
        drop(super::osv::parse_json(&bytes));
        for text in [text.as_str(), &String::from_utf8_lossy(&bytes)] {
            drop(super::osv::parse_json(text.as_bytes()));
            drop(super::osv::parse_yaml(text));
            drop(super::skim::skim(text));
            drop(super::rustsec::parse(text));
            drop(super::rustsec::parse(&format!("```toml\n{text}")));
        }
    }

    #[test]
    fn no_requirements_make_the_rustsec_reader_panic(
        patched in proptest::collection::vec("[<>=^~*]{0,2} ?[0-9]{1,20}(\\.[0-9*x]{1,20}){0,2}(-[a-z0-9.]{1,3})?(, <[0-9]{1,2})?", 0..3),
        unaffected in proptest::collection::vec("[<>=^~]{0,2} ?[0-9]{1,2}(\\.[0-9]{1,2}){0,2}", 0..3),
    ) {
        let text = rustsec("RUSTSEC-2022-0001", "r", "", &format!("patched = {patched:?}\nunaffected = {unaffected:?}"));
        drop(super::rustsec::parse(&text));
    }

    #[test]
    fn a_look_at_an_advisory_sees_what_the_parser_sees(
        id in "[A-Z]{2,6}-[0-9]{1,4}", name in "[a-zA-Z._-]{1,8}|'[a-z]{1,3}'|\"[a-z]\"|&a x|#y", extra in "\\PC{0,20}",
    ) {
        let text = format!("id: {id}\ndetails: {extra}\naffected:\n- package:\n    name: {name}\n    ecosystem: PyPI\n  versions: ['1']\nmodified: 2024-01-01T00:00:00Z\n");
        if let (Some(skim), Ok(super::osv::File::Advisory(full))) = (super::skim::skim(&text), super::osv::parse_yaml(&text)) {
            prop_assert_eq!(skim.id, full.id.as_str());
            prop_assert_eq!(normalised(Python, skim.packages[0].1), full.affected[0].package.clone());
        }
    }
}
