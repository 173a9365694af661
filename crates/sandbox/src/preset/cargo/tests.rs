//! Cargo's sources and download templates.

use super::*;

#[track_caller]
fn check(template: &str, host: &str, glob: &str) {
    let index = Address::parse("https://index.example/a").unwrap();
    let (address, found) = download(&index, template).unwrap();
    assert_eq!((address.host(), found.as_str()), (host, glob));
}

#[test]
fn a_download_template_becomes_a_glob() {
    check("https://files.example/crates", "files.example", "/crates/*/*/download");
    check("https://files.example/{crate}/{crate}-{version}.crate", "files.example", "/*/*-*.crate");
    check("https://files.example/{prefix}/{crate}/{version}", "files.example", "/**/*/*");
    check("https://files.example/x/{lowerprefix}/{sha256-checksum}", "files.example", "/x/**/*");
    check("https://index.example/api/[v1]", "index.example", "/api/[[]v1[]]/*/*/download");
}

#[track_caller]
fn source(settings: &str, expect: Result<(&str, &str), &str>) {
    let settings = settings.parse().unwrap();
    let config = Config { settings, credentials: Table::new(), env: BTreeMap::new() };
    let found = config.default_registry();
    let found = found.as_ref().map(|(name, index)| (name.as_str(), index.as_str()));
    assert_eq!(found.map_err(String::as_str), expect);
}

#[test]
fn replacements_are_followed_to_a_registry() {
    source("", Ok(("crates-io", tame_index::CRATES_IO_HTTP_INDEX)));
    source(
        "[source.crates-io]\nreplace-with='a'\n[source.a]\nreplace-with='b'\n[source.b]\nregistry='sparse+https://m.example/i/'",
        Ok(("b", "sparse+https://m.example/i/")),
    );
    source(
        "[source.crates-io]\nreplace-with='a'\n[registries.a]\nindex='sparse+https://m.example/'",
        Ok(("a", "sparse+https://m.example/")),
    );
    source(
        "[source.crates-io]\nreplace-with='v'\n[source.v]\ndirectory='vendor'",
        Err("the source `v` is a directory, which no registry client can ask"),
    );
    source("[source.crates-io]\nreplace-with='v'", Err("the source `v` is named and not defined"));
    source(
        "[source.crates-io]\nreplace-with='v'\n[source.v]\nreplace-with='crates-io'",
        Err("the sources replace each other without end"),
    );
}
