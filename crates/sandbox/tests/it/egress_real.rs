//! The package managers of this host fetch from their real registries, through doors that the presets open.

use std::path::{Path, PathBuf};

use domain::dependency::Ecosystem;
use sandbox::preset::{Preset, discover};
use tempfile::TempDir;
use tokio::process::Command;

use crate::egress_network::{Machine, gateway, this_host};

/// A machine's home, and a way out as the preset of an ecosystem opens it.
struct Inside {
    folder: TempDir,
    machine: Machine,
    preset: Preset,
}

impl Inside {
    async fn new(ecosystem: Ecosystem) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let presets = discover(&this_host()).await;
        let preset = presets.get(ecosystem).unwrap().clone();
        assert_eq!(preset.left_out, Vec::<String>::new());
        let machine = Machine::new(&gateway(folder.path()), preset.rules.clone()).await;
        for (path, text) in &preset.home_files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::write(folder.path().join("ca.pem"), &machine.ca_pem).unwrap();
        std::fs::create_dir_all(folder.path().join("project/src")).unwrap();
        Self { folder, machine, preset }
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.project().join(name), text).unwrap();
    }

    /// Runs a program with nothing of this host but the toolchains, and asserts that it succeeds.
    async fn run(&self, program: &str, arguments: &[&str]) {
        let toolchain = Path::new(env!("CARGO")).parent().unwrap();
        let path = format!("{}:{}", toolchain.display(), this_host().path);
        let (ca, proxy) =
            (self.folder.path().join("ca.pem"), format!("http://{}", self.machine.proxy));
        let out = Command::new(program)
            .args(arguments)
            .current_dir(self.project())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("HTTPS_PROXY", &proxy)
            .env("HTTP_PROXY", &proxy)
            .env("http_proxy", &proxy)
            .env("CARGO_HTTP_CAINFO", &ca)
            .env("npm_config_cafile", &ca)
            .env("PIP_CERT", &ca)
            .envs(self.preset.env.clone())
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}\n{:#?}", self.machine.records.lines());
    }

    /// Every request was recorded as allowed, and `count` of them were files that are kept.
    fn check_records(&self, cached: usize) {
        let records = self.machine.records.all();
        assert!(!records.is_empty());
        assert!(records.iter().all(|record| record.allowed), "{:#?}", self.machine.records.lines());
        let found = records.iter().filter(|record| record.cached).count();
        assert_eq!(found, cached, "{:#?}", self.machine.records.lines());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cargo_fetches_a_crate_and_finds_it_kept_the_second_time() {
    let inside = Inside::new(Ecosystem::Cargo).await;
    inside.write("src/lib.rs", "");
    inside.write(
        "Cargo.toml",
        "[package]\nname = 'p'\nversion = '0.1.0'\nedition = '2021'\n[dependencies]\nitoa = '1'\n",
    );
    inside.run(env!("CARGO"), &["fetch"]).await;
    inside.check_records(0);
    std::fs::remove_dir_all(inside.folder.path().join(".cargo/registry")).unwrap();
    inside.run(env!("CARGO"), &["fetch", "--locked"]).await;
    inside.check_records(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_installs_packages_with_and_without_a_scope() {
    let inside = Inside::new(Ecosystem::Npm).await;
    inside.write("package.json", r#"{ "name": "p", "version": "1.0.0" }"#);
    inside.run("npm", &["install", "--ignore-scripts", "inherits", "@types/ini"]).await;
    inside.check_records(0);
    let modules = inside.project().join("node_modules");
    assert!(modules.join("inherits/package.json").exists());
    assert!(modules.join("@types/ini/package.json").exists());
    std::fs::remove_dir_all(modules).unwrap();
    std::fs::remove_dir_all(inside.folder.path().join(".npm")).unwrap();
    inside.run("npm", &["ci", "--ignore-scripts"]).await;
    inside.check_records(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_downloads_a_wheel_and_finds_it_kept_the_second_time() {
    let inside = Inside::new(Ecosystem::Python).await;
    let download = ["-m", "pip", "download", "--no-cache-dir", "--no-deps", "--dest", "d", "six"];
    inside.run("python3", &download).await;
    inside.check_records(0);
    std::fs::remove_dir_all(inside.project().join("d")).unwrap();
    inside.run("python3", &download).await;
    assert!(inside.machine.records.all().iter().any(|record| record.cached));
}
