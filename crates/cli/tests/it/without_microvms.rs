//! Where microVMs are asked for and cannot be had: what is missing is told with the way to it, and nothing weaker is taken.

use std::os::unix::fs::PermissionsExt as _;

use crate::household::{Household, Told};

const RUN: [&str; 4] = ["run", "dependency-updates", "--repo", "repo"];

fn asked(house: &Household, sandbox: &str, path: &str) -> Told {
    let mut command = house.command(&[&RUN[..], &["--sandbox", sandbox]].concat());
    let told: Told = command.env("PATH", path).output().unwrap().into();
    let told = told.expect(1);
    assert!(house.runs().is_empty(), "{}", told.said);
    told
}

#[test]
fn a_run_with_a_backend_that_is_not_there_is_not_begun_and_says_what_to_do() {
    let house = Household::with_sample();
    #[expect(clippy::disallowed_methods, reason = "a story starts hob as a person would")]
    let path = std::env::var("PATH").unwrap();
    let said = asked(&house, "qemu", &path).said;
    assert!(said.contains("there is no kernel for virtual machines yet"), "{said}");
    assert!(said.contains("`hob image build`"), "{said}");
    let said = asked(&house, "firecracker", &path).said;
    assert!(said.contains("no Firecracker backend") && said.contains("--sandbox qemu"), "{said}");

    // What is installed in a moment is told before what takes minutes.
    let old = house.beside("old");
    std::fs::create_dir(&old).unwrap();
    let program = old.join("qemu-system-x86_64");
    std::fs::write(&program, "#!/bin/sh\necho 'QEMU emulator version 6.2.0'\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{path}", old.display());
    let said = asked(&house, "qemu", &path).said;
    assert!(said.contains("QEMU 6.2.0 is too old"), "{said}");
    assert!(said.contains("apt-get install qemu-system-x86"), "{said}");
    let mut doctor = house.command(&["doctor", "--json"]);
    let found = Told::from(doctor.env("PATH", path).output().unwrap()).json();
    let found = found["found"].as_array().unwrap();
    let qemu = found.iter().find(|line| line["name"] == "qemu").unwrap();
    assert_eq!(qemu["ok"], false);
    assert!(qemu["detail"].as_str().unwrap().contains("6.2.0 is too old"), "{qemu}");
}
