//! The default root: Debian packages, put together by mmdebstrap and squashed as they come.
//!
//! mmdebstrap works as root, and as an ordinary user in a user namespace. What the packages come from is the
//! host's own choice; what it says of that (mirrors, their credentials, proxies) stays on the host.

mod sources;

use std::process::Stdio;

pub(super) use sources::Sources;

use super::error::{ImageError, io};
use super::squash::{self, Squash};
use super::store::{Making, Shelf};
use super::tools::{self, Running};
use super::{About, Root, Watch};

/// The largest tar of a root, in bytes.
const TAR_MAX_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// What the default root holds beside what is essential: git, three ecosystems, and what their packages are built with.
pub const PACKAGES: [&str; 13] = [
    "build-essential",
    "ca-certificates",
    "git",
    "libffi-dev",
    "libssl-dev",
    "nodejs",
    "npm",
    "pkg-config",
    "procps",
    "python3-dev",
    "python3-pip",
    "python3-venv",
    "zlib1g-dev",
];

/// What no machine reads. Licences stay.
const LEFT_OUT: [&str; 6] = [
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/lintian/*",
];

/// Takes away what the host alone is to know.
const CLEANING: &str = "rm -rf \"$1\"/etc/apt/sources.list \"$1\"/etc/apt/sources.list.d/* \"$1\"/etc/apt/auth.conf.d/* \
     \"$1\"/etc/apt/apt.conf.d/99mmdebstrap \"$1\"/etc/dpkg/dpkg.cfg.d/99mmdebstrap; \
     : >\"$1\"/etc/resolv.conf; echo machine >\"$1\"/etc/hostname";

/// Makes a root of these packages. Blocks.
pub(super) fn build(
    making: &Making,
    sources: &Sources,
    packages: &[String],
    watch: Watch<'_>,
) -> Result<Root, ImageError> {
    let is_root = rustix::process::geteuid().is_root();
    let mut needed = vec![tools::MMDEBSTRAP, tools::MKSQUASHFS, tools::APT_GET];
    if !is_root {
        needed.push(tools::NEWUIDMAP);
    }
    tools::need(&needed)?;
    check(packages)?;
    watch.step(&format!("putting together {} of {} packages", sources.suite, packages.len()));
    let mut command = tools::command(tools::MMDEBSTRAP);
    command.arg(if is_root { "--mode=root" } else { "--mode=unshare" });
    command.args(["--variant=minbase", "--format=tar", "--skip=output/dev", "--skip=output/mknod"]);
    command.args(LEFT_OUT.map(|line| format!("--dpkgopt={line}")));
    command.arg(format!("--customize-hook={CLEANING}"));
    if !packages.is_empty() {
        command.arg(format!("--include={}", packages.join(",")));
    }
    command.args([sources.suite.as_str(), "-"]).args(&sources.lines);
    // Where it works has to be reachable by the users of its namespace.
    command.env("TMPDIR", "/var/tmp").env("SOURCE_DATE_EPOCH", sources.epoch.to_string());
    command.stdout(Stdio::piped());
    let mut running = Running::start("mmdebstrap", tools::MMDEBSTRAP, &mut command, watch)?;

    let folder = making.folder("root")?;
    let file = folder.join(squash::FILE);
    let mut squash = Squash::start(&file, sources.epoch, watch)?;
    let from = running.child.stdout.take();
    let mut from = from.ok_or_else(|| running.failed("it has no standard output"))?;
    let mut into = squash.input()?;
    let mut said = 0;
    let copied = squash::copy(&mut from, &mut into, TAR_MAX_BYTES, |bytes| {
        let mib = bytes >> 20;
        if mib >= said + 32 {
            said = mib;
            watch.detail(&format!("packing, {mib} MiB so far"));
        }
    });
    drop(into);
    match copied {
        Ok(Some(_)) => {}
        Ok(None) => {
            let what = "the root".to_owned();
            return Err(ImageError::TooLarge {
                what,
                limit: "TAR_MAX_BYTES",
                max_bytes: TAR_MAX_BYTES,
            });
        }
        Err(error) => {
            squash.end()?;
            return Err(io("packing", &file)(error));
        }
    }
    running.end().map_err(|error| explained(error, is_root))?;
    squash.end()?;
    let (digest, bytes) = squash::digest(&file)?;
    let made_from = format!("{} with {}", sources.suite, packages.join(", "));
    let about = About { digest, bytes, made_from, env: Vec::new() };
    let place = making.put(&folder, Shelf::Roots, digest, &about)?;
    Ok(about.root(String::new(), &place))
}

/// Package names only: mmdebstrap would take patterns too.
fn check(packages: &[String]) -> Result<(), ImageError> {
    let fits =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
    let bad = packages.iter().find(|name| {
        !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(fits)
    });
    match bad {
        None => Ok(()),
        Some(name) => Err(ImageError::Malformed {
            text: name.clone(),
            expected: "the name of a Debian package".to_owned(),
        }),
    }
}

/// The failure of mmdebstrap, with what most often helps.
fn explained(error: ImageError, is_root: bool) -> ImageError {
    let ImageError::Failed { what, detail, .. } = error else { return error };
    let hint = if is_root {
        "see that `apt-get update` works on this host, and that there is room in /var/tmp"
            .to_owned()
    } else {
        "see that `apt-get update` has been run on this host, that /etc/subuid and /etc/subgid have a line of this user \
         (`usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER` as root), and that there is room in /var/tmp"
            .to_owned()
    };
    ImageError::Failed { what, detail, hint }
}
