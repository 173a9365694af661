//! Registries that are down, silent, busy, lost or lying: the package is named, and nothing is called fine.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::household::{Household, Told};

/// How a registry misbehaves.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Takes every question about a package and never answers.
    Silent,
    /// Answers a byte at a time, for ever.
    Dripping,
    /// Asks to come back in an hour.
    Busy,
    /// Sends every question to itself, for ever.
    Circular,
    /// Answers with bytes that mean nothing.
    Garbage,
    /// Does not know any package.
    Forgetful,
}

impl Manner {
    fn answer(self, path: &str, own: &str) -> Option<Vec<u8>> {
        let plain = |status: &str, more: &str, body: &str| {
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status}\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            Some(text.into_bytes())
        };
        match self {
            Self::Busy => plain("429 Too Many Requests", "retry-after: 3600\r\n", ""),
            Self::Circular => plain("302 Found", &format!("location: {path}\r\n"), ""),
            Self::Silent | Self::Dripping | Self::Forgetful if path.ends_with("/config.json") => {
                plain("200 OK", "", &format!("{{\"dl\": \"{own}/dl\"}}"))
            }
            Self::Silent | Self::Dripping => None,
            Self::Garbage => plain("200 OK", "", "<<<\u{1}\u{2} no such thing"),
            Self::Forgetful => plain("404 Not Found", "", ""),
        }
    }
}

/// Serves for as long as the test's process lives; the answer is its address.
fn registry(manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let address = own.clone();
    std::thread::spawn(move || {
        // What is never answered is kept open.
        let mut silent = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            silent.extend(serve(stream, manner, &own));
        }
    });
    address
}

fn serve(mut stream: TcpStream, manner: Manner, own: &str) -> Option<TcpStream> {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    lines.find(String::is_empty)?;
    let Some(answer) = manner.answer(&path, own) else {
        if let Manner::Dripping = manner {
            std::thread::spawn(move || drip(&mut stream));
            return None;
        }
        return Some(stream);
    };
    // Who has gone meanwhile does not hear it.
    drop(stream.write_all(&answer));
    None
}

/// Each byte comes soon after the one before, and the last never: until whoever asked is gone.
fn drip(stream: &mut TcpStream) {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let mut sent = stream.write_all(head.as_bytes());
    while sent.is_ok() {
        std::thread::sleep(DRIP);
        sent = stream.write_all(b" ");
    }
}

/// How long a dripping registry takes for a byte: less than anybody waits for one.
const DRIP: std::time::Duration = std::time::Duration::from_millis(50);

/// An address that nobody listens on.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// The sample's cargo asks this registry in place of the one that is configured.
fn cargo_of(house: &Household, registry: &str) -> Told {
    let home = house.beside("cargo");
    std::fs::create_dir(&home).unwrap();
    let config = format!(
        "[source.crates-io]\nreplace-with = \"own\"\n[source.own]\nregistry = \"sparse+{registry}/\"\n"
    );
    std::fs::write(home.join("config.toml"), config).unwrap();
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true", "--json"];
    let told =
        house.command(&words).env("CARGO_HOME", home).env("HOB_REGISTRY_TIMEOUT", "1").output();
    told.unwrap().into()
}

/// Not one word of success: the package is named with the reason, and nothing was touched.
#[track_caller]
fn named(house: &Household, told: Told, package: &str, words: &str) {
    let report = told.expect(3).json();
    assert_eq!(report["outcome"], "escalated", "{report:#}");
    assert_eq!(report["complete"], false, "{report:#}");
    let left: &Vec<Value> = report["left"].as_array().unwrap();
    let entry = left.iter().find(|left| left["package"] == package);
    let entry = entry.unwrap_or_else(|| panic!("`{package}` is not named: {report:#}"));
    assert_eq!(entry["why"], "could not be read", "{report:#}");
    let detail = entry["detail"].as_str().unwrap();
    assert!(detail.contains(words), "`{words}` is missing: {detail}");
    assert_eq!(house.branches(), Vec::<String>::new());
    house.is_tidy();
}

#[track_caller]
fn cargo_says(registry: &str, words: &str) {
    let house = Household::with_sample();
    let before = house.standing();
    let told = cargo_of(&house, registry);
    named(&house, told, "itoa", words);
    assert_eq!(house.standing(), before);
}

#[test]
fn a_registry_that_is_down_is_named() {
    cargo_says(&nobody(), "could not be asked");
}

#[test]
fn a_registry_that_never_answers_is_given_up() {
    cargo_says(&registry(Manner::Silent), "within 1000 ms");
}

#[test]
fn a_registry_whose_answer_never_ends_is_given_up() {
    cargo_says(&registry(Manner::Dripping), "could not be");
}

#[test]
fn a_registry_that_is_busy_for_an_hour_is_not_waited_for() {
    cargo_says(&registry(Manner::Busy), "could not be asked");
}

#[test]
fn a_registry_that_redirects_for_ever_is_left() {
    cargo_says(&registry(Manner::Circular), "redirect");
}

#[test]
fn a_registry_that_answers_garbage_is_not_believed() {
    cargo_says(&registry(Manner::Garbage), "could not be asked");
}

#[test]
fn a_package_that_vanished_is_named() {
    cargo_says(&registry(Manner::Forgetful), "has no package `itoa`");
}

#[test]
fn npm_without_its_package_or_its_registry_is_no_better() {
    for (registry, words) in
        [(nobody(), "could not be asked"), (registry(Manner::Forgetful), "has no package `ini`")]
    {
        let house = Household::with_sample();
        house.git(&["rm", "-q", "-r", "Cargo.toml", "Cargo.lock", "src"]);
        std::fs::create_dir_all(house.repo()).unwrap();
        std::fs::write(house.repo().join("package.json"), PACKAGE).unwrap();
        std::fs::write(house.repo().join("package-lock.json"), PACKAGE_LOCK).unwrap();
        house.commit_all();
        let words_of_run =
            ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true", "--json"];
        let told = house.command(&words_of_run).env("npm_config_registry", registry).output();
        named(&house, told.unwrap().into(), "ini", words);
    }
}

const PACKAGE: &str = r#"{"name":"x","version":"1.0.0","dependencies":{"ini":"1.3.5"}}"#;

const PACKAGE_LOCK: &str = r#"{
  "name": "x", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
  "packages": {
    "": { "name": "x", "version": "1.0.0", "dependencies": { "ini": "1.3.5" } },
    "node_modules/ini": {
      "version": "1.3.5",
      "integrity": "sha512-RZY5huIKCMRWDUqZlEi72f/lmXKMvuszcMBduliQ3nnWbx9X/ZBQO7DijMEYS9EhHBb2qacRUMtC7svLwe0lcw=="
    }
  }
}
"#;

/// The sample as a Python project that asks this registry.
#[track_caller]
fn pip_says(registry: &str) {
    let house = Household::with_sample();
    house.git(&["rm", "-q", "-r", "Cargo.toml", "Cargo.lock", "src"]);
    std::fs::create_dir_all(house.repo()).unwrap();
    std::fs::write(house.repo().join("requirements.txt"), "idna==3.6\n").unwrap();
    house.commit_all();
    let before = house.standing();
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true", "--json"];
    let told = house
        .command(&words)
        .env("PIP_INDEX_URL", format!("{registry}/simple"))
        .env("HOB_REGISTRY_TIMEOUT", "1")
        .output();
    let report = Told::from(told.unwrap()).expect(3).json();
    assert_eq!((&report["outcome"], &report["complete"]), (&"escalated".into(), &false.into()));
    let left = report["left"].as_array().unwrap();
    let named = left.iter().any(|left| left["detail"].as_str().unwrap().contains(registry));
    assert!(named, "`{registry}` is not named: {report:#}");
    assert_eq!(house.branches(), Vec::<String>::new());
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn pip_without_its_registry_is_told_which_one() {
    pip_says(&nobody());
}

#[test]
fn pip_is_told_which_registry_never_ends_its_answer() {
    pip_says(&registry(Manner::Dripping));
}

#[test]
fn pip_is_told_which_registry_is_busy() {
    pip_says(&registry(Manner::Busy));
}

#[test]
fn pip_is_told_which_registry_redirects_for_ever() {
    pip_says(&registry(Manner::Circular));
}

#[test]
fn pip_is_told_which_registry_answers_garbage() {
    pip_says(&registry(Manner::Garbage));
}

#[test]
fn pip_is_told_which_registry_lost_its_package() {
    pip_says(&registry(Manner::Forgetful));
}
