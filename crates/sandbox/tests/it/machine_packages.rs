//! cargo, npm and pip work unchanged in a real machine and fetch from the real registries.

use domain::dependency::Ecosystem;
use domain::exec::Exec;
use sandbox::port::{Machine, MachineSpec, NetworkPolicy};
use sandbox::preset::discover;

use crate::egress_network::this_host;
use crate::machine_house::{Heard, House, MIB, checkout, says, spec};

/// A machine that an ecosystem's preset was given to.
async fn machine(house: &House, ecosystem: Ecosystem) -> Box<dyn Machine> {
    let presets = discover(&this_host()).await;
    let preset = presets.get(ecosystem).unwrap();
    let spec = MachineSpec {
        network: NetworkPolicy { rules: preset.rules.clone() },
        env: preset.env.clone(),
        home_files: preset.home_files.clone(),
        memory_bytes: 2048 * MIB,
        disk_bytes: 2048 * MIB,
        processes_max: 256,
        ..spec()
    };
    house.launch(&spec).await
}

async fn run(house: &House, machine: &dyn Machine, script: &str) -> String {
    let command = Exec::new(["sh", "-euc", script], "fetch");
    let result = machine.exec(&command, &mut Heard::default()).await.unwrap();
    let records = house.audit.0.lock().unwrap();
    assert!(result.success(), "{}\n{}\n{records:#?}", result.stdout_text(), result.stderr_text());
    assert!(records.iter().any(|record| record.allowed), "nothing was fetched: {records:#?}");
    result.stdout_text()
}

async fn write(machine: &dyn Machine, path: &str, text: &str) {
    machine.put(&checkout(path), 0o644, MIB, &mut text.as_bytes()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cargo_fetches_builds_and_tests() {
    let house = House::new();
    let machine = machine(&house, Ecosystem::Cargo).await;
    let manifest = "[package]\nname = \"inside\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nitoa = \"1\"\n";
    write(&*machine, "Cargo.toml", manifest).await;
    let source = "#[test]\nfn adds() {\n    assert_eq!(itoa::Buffer::new().format(7), \"7\");\n}\n";
    write(&*machine, "src/lib.rs", source).await;
    let said = run(&house, &*machine, "cargo generate-lockfile && cargo test --locked").await;
    assert!(said.contains("test adds ... ok"), "{said}");
    machine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_installs_and_node_runs() {
    let house = House::new();
    let machine = machine(&house, Ecosystem::Npm).await;
    write(
        &*machine,
        "package.json",
        r#"{ "name": "inside", "version": "1.0.0", "dependencies": { "inherits": "2.0.4" } }"#,
    )
    .await;
    let script = "npm install --no-audit && node -e 'console.log(typeof require(\"inherits\"))'";
    assert!(run(&house, &*machine, script).await.ends_with("function\n"));
    machine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_installs_into_a_fresh_environment() {
    let house = House::new();
    let machine = machine(&house, Ecosystem::Python).await;
    let script = "python3 -m venv /tmp/venv && /tmp/venv/bin/pip install --quiet idna==3.7 && /tmp/venv/bin/python -c 'import idna; print(idna.__version__)'";
    assert_eq!(run(&house, &*machine, script).await, "3.7\n");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn git_works_without_any_settings() {
    let house = House::new();
    let machine = house.machine().await;
    let script = "git init -q . && echo x >file && git add file && git commit -qm one && git log --format=%an%s && git bundle create -q /transfer/out HEAD";
    assert_eq!(says(&*machine, script).await, "hobone");
    machine.close().await.unwrap();
}
