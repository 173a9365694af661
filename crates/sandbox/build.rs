//! Builds the guest program, static, with a cargo of its own, so that it can travel inside this crate.
//!
//! The nested cargo has its own target folder below `OUT_DIR`, so it never waits for the outer one's
//! lock, and an environment without the outer one's flags and wrappers, so it gives the same program under
//! `build`, `clippy`, `doc` and `nextest`. It is offline: what it needs is part of what the outer one fetched.

use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";

fn main() -> Result<(), String> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let workspace = here.ancestors().nth(2).ok_or("this crate lies in a workspace")?;
    for input in ["crates/guest/src", "crates/guest/Cargo.toml", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    let target = out.join("guest-target");
    build(workspace, &target)?;
    let program = target.join(TARGET).join("release/hob-guest");
    let embedded = out.join("hob-guest");
    std::fs::copy(&program, &embedded)
        .map_err(|e| format!("copying {} to {}: {e}", program.display(), embedded.display()))?;
    println!("cargo::rustc-env=HOB_GUEST_PROGRAM={}", embedded.display());
    Ok(())
}

fn build(workspace: &Path, target: &Path) -> Result<(), String> {
    #[expect(clippy::disallowed_methods, reason = "a build script starts the compiler")]
    let mut cargo = Command::new(variable("CARGO")?);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let foreign =
            name.starts_with("CARGO_") && !matches!(&*name, "CARGO_HOME" | "CARGO_MAKEFLAGS");
        if foreign || name.starts_with("RUSTC") || name == "RUSTFLAGS" || name == "RUSTDOCFLAGS" {
            cargo.env_remove(&*name);
        }
    }
    cargo
        .current_dir(workspace)
        .args(["build", "--package", "guest", "--bin", "hob-guest", "--release"])
        .args(["--locked", "--offline", "--quiet", "--target", TARGET, "--target-dir"])
        .arg(target)
        .env("RUSTC", variable("RUSTC")?)
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static")
        // Small and soon built: what it does is wait for the kernel.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_PROFILE_RELEASE_STRIP", "true")
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort");
    let output =
        cargo.output().map_err(|e| format!("starting cargo for the guest program: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "the guest program could not be built ({}):\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    ))
}

fn variable(name: &str) -> Result<String, String> {
    #[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts by variables")]
    std::env::var(name).map_err(|_| format!("cargo sets {name} for build scripts"))
}
